//! The same entity workloads on EntiDB and its peers: `cargo run --release --bin compare` in bench/.
//!
//! Each engine's rows run in a process of their own, so that memory and caches are nobody else's; the engines take turns, run
//! by run. What was read is compared with what was written and over all engines: a difference fails the run.

mod args;
mod chart;
mod data;
mod engine;
mod engines;
mod event;
mod measure;
mod random;
mod reading;
mod record;
mod report;
mod rows;
mod runner;
mod table;
mod work;

use std::process::ExitCode;

use args::{Args, Command, USAGE};

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1).peekable();
    if words
        .peek()
        .is_some_and(|word| ["-h", "--help", "help"].contains(&word.as_str()))
    {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    let args = match Args::parse(words) {
        Ok(args) => args,
        Err(wrong) => {
            eprintln!("{wrong}");
            return ExitCode::from(2);
        }
    };
    let events = match args.command.clone() {
        Command::Child(job) => {
            work::run(args, &job);
            return ExitCode::SUCCESS;
        }
        Command::Run => runner::run(&args),
        Command::Report => runner::recorded(&args.dir),
    };
    let events = match events {
        Ok(events) => events,
        Err(error) => {
            eprintln!("compare: {error}");
            return ExitCode::FAILURE;
        }
    };
    let table = table::Table::new(&events);
    let text = report::markdown(&table, &args.dir);
    println!("{text}");
    if args.write {
        report::write(&text, &chart::svg(&table));
    }
    if table.wrong.is_empty() {
        eprintln!("all engines gave the same answers, and those that were written");
        return ExitCode::SUCCESS;
    }
    for wrong in &table.wrong {
        eprintln!("WRONG: {wrong}");
    }
    ExitCode::FAILURE
}
