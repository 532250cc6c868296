//! Secondary indexes beside SQLite's and native_db's: entities of 50 fields, of which 0, 1, 10 or 50 are indexed.
//!
//! Every engine commits the same entities in the same transactions, equally durable, and its answers are compared. Shown are
//! operations a second, and ours divided by each peer's.

mod args;
mod engines;
mod item;
mod report;
mod work;

use std::process::ExitCode;

use args::Args;
use engines::Kind;
use work::Rates;

/// What was measured: of each number of indexes and engine, the rates of all rows in each run.
pub struct Measured {
    pub args: Args,
    pub rates: Vec<(usize, Vec<(Kind, Vec<Rates>)>)>,
}

fn main() -> ExitCode {
    let args = match Args::parse(std::env::args().skip(1)) {
        Ok(args) => args,
        Err(why) => {
            eprintln!("{why}");
            return ExitCode::FAILURE;
        }
    };
    let measured = match measure(args) {
        Ok(measured) => measured,
        Err(wrong) => {
            eprintln!("WRONG: {wrong}");
            return ExitCode::FAILURE;
        }
    };
    let text = report::markdown(&measured);
    println!("{text}");
    if measured.args.write {
        entidb_bench::page::write("indexes", &text);
    }
    ExitCode::SUCCESS
}

/// Everything that was asked for; an error if two engines gave different answers.
fn measure(args: Args) -> Result<Measured, String> {
    std::fs::create_dir_all(&args.dir).map_err(|error| error.to_string())?;
    let mut rates = Vec::new();
    for indexed in args.indexed.clone() {
        let mut columns: Vec<_> = args
            .engines
            .iter()
            .map(|kind| (*kind, Vec::new()))
            .collect();
        let mut known = None;
        for run in 0..args.runs {
            // Each run begins with another one.
            for at in 0..columns.len() {
                let at = (at + run) % columns.len();
                let (kind, runs) = &mut columns[at];
                let (rates, answer) = one(&args, *kind, indexed);
                runs.push(rates);
                let known = known.get_or_insert(answer);
                if *known != answer {
                    return Err(format!(
                        "{}, {indexed} indexes: another answer",
                        kind.title()
                    ));
                }
            }
        }
        rates.push((indexed, columns));
    }
    Ok(Measured { args, rates })
}

/// One run of one engine, in a folder of its own.
fn one(args: &Args, kind: Kind, indexed: usize) -> (Rates, u64) {
    // What another one has left to be written is not this one's matter.
    rustix::fs::sync();
    let dir = tempfile::tempdir_in(&args.dir).expect("a folder can be made");
    let mut store = kind.open(dir.path(), indexed);
    let begin = std::time::Instant::now();
    let done = work::run(&mut *store, args.count, indexed);
    let title = kind.title();
    eprintln!(
        "{indexed} indexes, {title}: {:.1} s",
        begin.elapsed().as_secs_f64()
    );
    done
}
