//! `entidb stats`

use entidb::Value;

use crate::args::Stats;
use crate::exit::Outcome;
use crate::key::Key;
use crate::{human, open, table};

pub(crate) fn run(args: &Stats, key: Option<&Key>) -> Outcome {
    let db = open::for_reading(&args.db, key)?;
    let stats = db.stats()?;
    let (collections, keys) = (stats.collection_count as u64, stats.memtable_count as u64);
    let (logs, runs) = (stats.log_count as u64, stats.run_count as u64);
    if args.json {
        return table::print_json(&Value::from([
            ("collection_count", collections),
            ("compressed_bytes", stats.compressed_bytes),
            ("dead_bytes_estimate", stats.dead_bytes_estimate),
            ("last_lsn", stats.last_lsn.get()),
            ("live_bytes", stats.live_bytes),
            ("log_bytes", stats.log_bytes),
            ("log_count", logs),
            ("memtable_count", keys),
            ("raw_bytes", stats.raw_bytes),
            ("run_bytes", stats.run_bytes),
            ("run_count", runs),
        ]));
    }
    let mut table = table::new(["what", "how much"]);
    let mut row = |what: &str, value: String| {
        table.add_row([what.to_owned(), value]);
    };
    row("collections", human::count(collections));
    row("last commit (LSN)", human::count(stats.last_lsn.get()));
    row("logs and segments", human::count(logs));
    row("  their size", human::bytes(stats.log_bytes));
    row("  live in segments, about", human::bytes(stats.live_bytes));
    row(
        "  dead in segments, about",
        human::bytes(stats.dead_bytes_estimate),
    );
    if stats.raw_bytes > 0 {
        row("  compressed", human::bytes(stats.compressed_bytes));
        row("    and before that", human::bytes(stats.raw_bytes));
    }
    row("runs of sorted keys", human::count(runs));
    row("  their size", human::bytes(stats.run_bytes));
    row("keys not yet in a run", human::count(keys));
    table::right(&mut table, 1);
    table::print(&table)
}
