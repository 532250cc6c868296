//! The tables as Markdown.

use std::fmt::Write;

use entidb_bench::figures::{median, rate, ratio, runs, thousands};
use entidb_bench::machine;

use crate::Measured;
use crate::engines::Kind;
use crate::work::{ROWS, Rates};

const SETTINGS: &str = "\
Every engine commits the same entities in the same transactions, and every commit is on the disk when it returns: EntiDB: its
defaults, a typed collection. SQLite: WAL, `synchronous` FULL, WITHOUT ROWID, a column for each field, prepared statements, mmap, a
checkpoint at 64 MiB of WAL; a single statement is its own transaction. native_db: its defaults, always durable. Each has a cache of
1 GiB. A find gives whole entities as a type (SQLite: all columns), whose fields are all added up; or one field of each (EntiDB: of the
payload, without decoding the rest); or ids alone, which EntiDB and SQLite have in the index, and native_db in the entity. Finds hold one
snapshot or read transaction, and are made once before they are measured; about ten entities have one value. Without an index a find is a
scan. The answers are the same in all engines, in every run.";

pub fn markdown(measured: &Measured) -> String {
    let args = &measured.args;
    let mut out = String::new();
    let _ = writeln!(
        out,
        "## Secondary indexes\n\n`cd bench && cargo run --release --bin indexes -- --write` writes this part anew.\n\n\
         {} entities of 50 numbers, of which the first 0, 1, 10 or 50 are indexed, {}.\n\n\
         EntiDB at this version, SQLite {} (rusqlite {}), native_db {}.\n\n{}.\n\n{SETTINGS}",
        thousands(args.count),
        runs(args.runs),
        rusqlite::version(),
        machine::version("rusqlite"),
        machine::version("native_db"),
        machine::machine(&args.dir),
    );
    let mut lost = Vec::new();
    for (indexed, columns) in &measured.rates {
        table(&mut out, *indexed, columns, &mut lost);
    }
    let _ = writeln!(out, "\n#### Where indexes lose\n");
    match lost.is_empty() {
        true => out.push_str("In no row that was measured.\n"),
        false => lost.iter().for_each(|lost| out.push_str(lost)),
    }
    out
}

fn table(out: &mut String, indexed: usize, columns: &[(Kind, Vec<Rates>)], lost: &mut Vec<String>) {
    let indexes = match indexed {
        1 => "1 index".to_owned(),
        _ => format!("{indexed} indexes"),
    };
    let peers = || columns.iter().filter(|(kind, _)| *kind != Kind::Entidb);
    let titles = columns.iter().map(|(kind, _)| kind.title().to_owned());
    let ratios = peers().map(|(kind, _)| format!("ours ÷ {}", kind.title()));
    let titles: Vec<_> = titles.chain(ratios).collect();
    let (titles, rules) = (titles.join(" | "), "---|".repeat(titles.len()));
    let _ = writeln!(out, "\n#### {indexes}\n\n| | {titles} |\n|---|{rules}");
    for (row, title) in ROWS.iter().enumerate() {
        let value = |runs: &[Rates]| median(runs.iter().map(|rates| rates[row]).collect());
        let ours = columns.iter().find(|(kind, _)| *kind == Kind::Entidb);
        let ours = ours.map(|(_, runs)| value(runs));
        let _ = write!(out, "| {title} |");
        for (_, runs) in columns {
            let _ = write!(out, " {} |", rate(value(runs)));
        }
        for (kind, runs) in peers() {
            let Some(ours) = ours else { continue };
            let times = ours / value(runs);
            let _ = write!(out, " {} |", ratio(times));
            if times < 1.0 {
                let (times, kind) = (ratio(times), kind.title());
                lost.push(format!(
                    "- {indexes}: {title}: {times} of {kind}, and the goal is 1.0\n"
                ));
            }
        }
        out.push('\n');
    }
}
