//! The tables as Markdown.

use std::fmt::Write;
use std::time::Duration;

use entidb::Durability;
use entidb_bench::figures::{median, rate, ratio, runs, thousands};
use entidb_bench::machine;

use crate::Measured;
use crate::live::Live;
use crate::writers::THREADS;

pub fn markdown(measured: &Measured) -> String {
    let args = &measured.args;
    let mut out = String::new();
    let _ = writeln!(
        out,
        "## The change feed\n\n`cd bench && cargo run --release --bin feed -- --write` writes this part anew.\n\n\
         Entities of 100 bytes, {}, each change checked to come exactly once. {}.\n\n\
         #### Over history: {} changes, from LSN zero\n\n| | changes | commits |\n|---|---|---|",
        runs(args.runs),
        machine::machine(&args.dir),
        thousands(args.count),
    );
    for (shape, runs) in &measured.histories {
        let changes = median(runs.iter().map(|run| run.changes).collect());
        let commits = median(runs.iter().map(|run| run.commits).collect());
        let _ = writeln!(
            out,
            "| {} | {} | {} |",
            shape.title,
            rate(changes),
            rate(commits)
        );
    }
    let _ = writeln!(
        out,
        "\n#### Beside {THREADS} threads that write for {} s, one change a commit\n\n\
         The follower is a seventeenth thread of the process. A commit's lag is the time from its acknowledgement, when its thread \
         goes on, to its being delivered; none if it was delivered earlier. Only what is durable is delivered: an eventual commit, \
         which is acknowledged before, waits for its sync.\n",
        args.time.as_secs(),
    );
    let titles = measured
        .lives
        .iter()
        .map(|(durability, _)| match durability {
            Durability::Sync => "durable commits",
            _ => "eventual commits",
        });
    let titles: Vec<_> = titles.collect();
    let rules = "---|".repeat(titles.len());
    let _ = writeln!(out, "| | {} |\n|---|{rules}", titles.join(" | "));
    for (title, show) in ROWS {
        let _ = write!(out, "| {title} |");
        for (_, runs) in &measured.lives {
            let _ = write!(out, " {} |", show(runs));
        }
        out.push('\n');
    }
    out
}

type Show = fn(&[Live]) -> String;

const ROWS: [(&str, Show); 7] = [
    ("commits, nobody follows", |runs| {
        rate(middle(runs, |run| run.alone))
    }),
    ("commits beside the follower", |runs| {
        rate(middle(runs, |run| run.beside))
    }),
    ("beside ÷ nobody", |runs| {
        ratio(middle(runs, |run| run.beside / run.alone))
    }),
    ("to the follower, until it has all", |runs| {
        rate(middle(runs, |run| run.followed))
    }),
    ("lag, median", |runs| lag(runs, 0)),
    ("lag, 99 of 100", |runs| lag(runs, 1)),
    ("lag, the longest", |runs| lag(runs, 2)),
];

fn middle(runs: &[Live], of: impl Fn(&Live) -> f64) -> f64 {
    median(runs.iter().map(of).collect())
}

fn lag(runs: &[Live], at: usize) -> String {
    let time = Duration::from_secs_f64(middle(runs, |run| run.lag[at].as_secs_f64()));
    let before = middle(runs, |run| run.before);
    let shown = match time.as_micros() {
        0 => "none".to_owned(),
        us @ 1..1_000 => format!("{us} µs"),
        us => format!("{:.1} ms", us as f64 / 1e3),
    };
    match at {
        0 => format!("{shown} ({before:.0} of 100 came earlier)"),
        _ => shown,
    }
}
