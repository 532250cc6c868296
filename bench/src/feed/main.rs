//! The change feed: how fast a follower gets what was committed before it came, and how far it is behind 16 threads that write.
//!
//! `cargo run --release --bin feed [-- --write]`

mod args;
mod history;
mod live;
mod report;
mod writers;

use std::process::ExitCode;

use args::Args;
use entidb::Durability;
use history::History;
use live::Live;

/// Everything that was measured, in each run.
pub struct Measured {
    pub args: Args,
    pub histories: Vec<(history::Shape, Vec<History>)>,
    pub lives: Vec<(Durability, Vec<Live>)>,
}

fn main() -> ExitCode {
    let args = match Args::parse(std::env::args().skip(1)) {
        Ok(args) => args,
        Err(why) => {
            eprintln!("{why}");
            return ExitCode::FAILURE;
        }
    };
    let measured = measure(args);
    let text = report::markdown(&measured);
    println!("{text}");
    if measured.args.write {
        entidb_bench::page::write("feed", &text);
    }
    ExitCode::SUCCESS
}

fn measure(args: Args) -> Measured {
    std::fs::create_dir_all(&args.dir).expect("a folder can be made");
    let mut histories: Vec<_> = history::SHAPES.map(|shape| (shape, Vec::new())).into();
    let kinds = [Durability::Sync, Durability::Eventual];
    let mut lives: Vec<_> = kinds.map(|durability| (durability, Vec::new())).into();
    for _ in 0..args.runs {
        for (shape, runs) in &mut histories {
            runs.push(history::measure(&args, *shape));
        }
        for (durability, runs) in &mut lives {
            runs.push(live::measure(&args, *durability));
        }
    }
    Measured {
        args,
        histories,
        lives,
    }
}
