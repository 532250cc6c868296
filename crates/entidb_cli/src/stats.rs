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
            ("last_lsn", stats.last_lsn.get()),
            ("log_bytes", stats.log_bytes),
            ("log_count", logs),
            ("memtable_count", keys),
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
    row("runs of sorted keys", human::count(runs));
    row("  their size", human::bytes(stats.run_bytes));
    row("keys not yet in a run", human::count(keys));
    table::right(&mut table, 1);
    table::print(&table)
}
