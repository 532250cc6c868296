//! `entidb stats`

use std::time::{Duration, SystemTime};

use comfy_table::Table;
use entidb::{ConsumerInfo, Lsn, Retention, Stats as Held, Value};

use crate::args::Stats;
use crate::exit::Outcome;
use crate::key::Key;
use crate::{human, open, table, watch};

pub(crate) fn run(args: &Stats, key: Option<&Key>) -> Outcome {
    let db = open::for_reading(&args.db, key)?;
    let stats = db.stats()?;
    let consumers = db.consumers()?;
    if args.json {
        return table::print_json(&json(&stats, &consumers));
    }
    let mut table = table::new(["what", "how much"]);
    for (what, value) in rows(&stats) {
        table.add_row([what.to_owned(), value]);
    }
    add_feed(&mut table, &stats, &consumers);
    if let Some(time) = stats.next_expiry {
        table.add_row(["next entity to expire".to_owned(), until(time)]);
    }
    table::right(&mut table, 1);
    table::print(&table)
}

fn json(stats: &Held, consumers: &[ConsumerInfo]) -> Value {
    let size = |count: usize| Value::from(count as u64);
    let lsn = |lsn: Lsn| Value::from(lsn.get());
    let consumers = consumers.iter().map(|consumer| {
        Value::from([
            ("name", Value::from(consumer.name.as_str())),
            ("position", lsn(consumer.position)),
        ])
    });
    let next_expiry = stats
        .next_expiry
        .map(|time| Value::from(watch::milliseconds(time)));
    Value::from([
        ("collection_count", size(stats.collection_count)),
        ("compressed_bytes", Value::from(stats.compressed_bytes)),
        ("consumers", consumers.collect()),
        (
            "dead_bytes_estimate",
            Value::from(stats.dead_bytes_estimate),
        ),
        ("feed_bytes", Value::from(stats.feed_bytes)),
        ("feed_floor", stats.feed_floor.map_or(Value::Null, lsn)),
        ("index_count", size(stats.index_count)),
        ("index_entry_count", Value::from(stats.index_entry_count)),
        ("last_lsn", lsn(stats.last_lsn)),
        ("live_bytes", Value::from(stats.live_bytes)),
        ("log_bytes", Value::from(stats.log_bytes)),
        ("log_count", size(stats.log_count)),
        ("memtable_count", size(stats.memtable_count)),
        ("next_expiry", next_expiry.unwrap_or(Value::Null)),
        ("raw_bytes", Value::from(stats.raw_bytes)),
        ("retention", retention(stats.retention)),
        ("run_bytes", Value::from(stats.run_bytes)),
        ("run_count", size(stats.run_count)),
    ])
}

fn retention(retention: Option<Retention>) -> Value {
    let Some(retention) = retention else {
        return Value::Null;
    };
    let hours = match retention.age {
        Duration::MAX => Value::Null,
        age => Value::from(age.as_secs() / 3600),
    };
    Value::from([
        ("bytes", Value::from(retention.bytes)),
        ("hours", hours),
        ("old", Value::Bool(retention.old)),
    ])
}

fn rows(stats: &Held) -> Vec<(&'static str, String)> {
    let size = |count: usize| human::count(count as u64);
    let mut rows = vec![
        ("collections", size(stats.collection_count)),
        ("indexes", size(stats.index_count)),
    ];
    if stats.index_count > 0 {
        rows.push((
            "  their entries, about",
            human::count(stats.index_entry_count),
        ));
    }
    rows.extend([
        ("last commit (LSN)", human::count(stats.last_lsn.get())),
        ("logs and segments", size(stats.log_count)),
        ("  their size", human::bytes(stats.log_bytes)),
        ("  live in segments, about", human::bytes(stats.live_bytes)),
        (
            "  dead in segments, about",
            human::bytes(stats.dead_bytes_estimate),
        ),
    ]);
    if stats.raw_bytes > 0 {
        rows.extend([
            ("  compressed", human::bytes(stats.compressed_bytes)),
            ("    and before that", human::bytes(stats.raw_bytes)),
        ]);
    }
    rows.extend([
        ("runs of sorted keys", size(stats.run_count)),
        ("  their size", human::bytes(stats.run_bytes)),
        ("keys not yet in a run", size(stats.memtable_count)),
    ]);
    rows
}

/// What is kept for `watch` and other followers, if anything is.
fn add_feed(table: &mut Table, stats: &Held, consumers: &[ConsumerInfo]) {
    let (Some(floor), Some(retention)) = (stats.feed_floor, stats.retention) else {
        return;
    };
    let mut row = |what: String, value: String| {
        table.add_row([what, value]);
    };
    row(
        "changes kept, behind LSN".to_owned(),
        human::count(floor.get()),
    );
    row("  as `retention` says".to_owned(), asked(retention));
    row(
        "  logs kept for that alone".to_owned(),
        human::bytes(stats.feed_bytes),
    );
    for consumer in consumers {
        row(
            format!("  consumer {}, at LSN", consumer.name),
            human::count(consumer.position.get()),
        );
    }
}

/// What `retention` was asked for.
fn asked(retention: Retention) -> String {
    let mut asked = format!("{} MiB", human::count(retention.bytes >> 20));
    if retention.age != Duration::MAX {
        let hours = human::count(retention.age.as_secs() / 3600);
        asked.push_str(&format!(", {hours} h"));
    }
    if retention.old {
        asked.push_str(", with what was before");
    }
    asked
}

fn until(time: SystemTime) -> String {
    match time.duration_since(SystemTime::now()) {
        Ok(left) => format!("in {} s", human::count(left.as_secs())),
        Err(_) => "due".to_owned(),
    }
}
