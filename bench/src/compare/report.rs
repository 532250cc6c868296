//! The table as Markdown, and its place in docs/performance.md.

use std::fmt::Write;
use std::path::Path;

use entidb_bench::figures::{runs, thousands};
use entidb_bench::{machine, page};

use crate::data::Order;
use crate::engine::Kind;
use crate::record;
use crate::rows::{Goal, Group, Row, show_ratio};
use crate::table::{Cell, Table};

const CHART: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/performance.svg");

const SETTINGS: &str = "\
Every engine has the same cache (1 GiB unless told otherwise) and gives the same durability in a row: a *durable* commit has
reached the disk when it returns; in a *buffered* row commits need not, until the one sync at the end. EntiDB: its defaults.
redb: its defaults; `Durability::None` for buffered commits. fjall: its defaults (LZ4, bloom filters). RocksDB: as its wiki's
basic tuning has it: bloom filters of 10 bits, LZ4, blocks of 16 KiB, indexes and filters in the block cache, dynamic levels.
LMDB: `MDB_NOSYNC` for buffered commits, compaction by a compacting copy. SQLite: WAL, WITHOUT ROWID, prepared statements,
mmap, a checkpoint at 64 MiB of WAL, `synchronous` FULL for durable and NORMAL for buffered commits, one writer at a time by a mutex, VACUUM. In bounded
memory LMDB has `MDB_NORDAHEAD` and SQLite no mmap. Where nothing
writes, LMDB, redb and SQLite hold one read transaction for the whole row, as their authors recommend, while EntiDB takes a new snapshot
for each get. The published crate gets 20,000 entities at most, and counts as no peer. A value counts as read when a byte of each
of its cache lines was read; every answer is checked. Bytes written are those that the kernel counts for the process: a page that is
written again before it has gone to disk counts once.";

pub fn markdown(table: &Table, dir: &Path) -> String {
    let mut out = String::new();
    let count = thousands(table.count);
    let _ = writeln!(
        out,
        "{count} entities of 150 to 650 bytes, {}.\n\n{}.\n\n{}.\n\n{SETTINGS}\n\nThe entities are \
         records of words and numbers: LZ4 brings blocks of 4 KiB of them to {:.2}, of 64 KiB to {:.2}.",
        runs(table.runs),
        machine::versions(),
        machine::machine(dir),
        record::compressed_ratio(20_000, 4 << 10),
        record::compressed_ratio(20_000, 64 << 10),
    );
    for order in Order::ALL {
        let rows = |groups: &[Group], rates: bool| -> Vec<&'static Row> {
            let rows = table.rows(order);
            rows.filter(|row| groups.contains(&row.group) && row.more_is_better() == rates)
                .collect()
        };
        let title = order.title();
        let main = &[Group::Core, Group::Durable, Group::Keyed];
        let heading = format!("Speed, {title}");
        section(&mut out, table, order, &heading, rows(main, true));
        if let Some(floor) = table.floor(order) {
            let _ = writeln!(
                out,
                "\nThe floor, `pwrite` and `fdatasync` into preallocated space by one thread: {}.",
                ours_to_floor(table, order, floor)
            );
        }
        let heading = format!("Space, memory, opening, {title}: less is better");
        section(
            &mut out,
            table,
            order,
            &heading,
            rows(&[Group::Core, Group::Kill], false),
        );
        for (group, heading) in [
            (Group::Bounded, "In bounded memory"),
            (Group::Ycsb, "YCSB, buffered, 2 threads"),
            (
                Group::Redb,
                "The workload of redb's benchmark, 150 random bytes, durable",
            ),
        ] {
            let mut both = rows(&[group], true);
            both.extend(rows(&[group], false));
            section(&mut out, table, order, &format!("{heading}, {title}"), both);
        }
    }
    losses(&mut out, table);
    out
}

fn ours_to_floor(table: &Table, order: Order, floor: f64) -> String {
    let row = Row::find(crate::rows::FLOOR).expect("in the table");
    let shown = row.unit.show(floor);
    match table.value(row, order, Kind::Entidb) {
        Some(ours) => format!("{shown}; ours ÷ the floor {:.2}, goal 0.9", ours / floor),
        None => shown,
    }
}

fn section(out: &mut String, table: &Table, order: Order, heading: &str, rows: Vec<&Row>) {
    if rows.is_empty() {
        return;
    }
    let shown = |kind: &Kind| {
        let mut rows = rows.iter();
        rows.any(|row| table.cell(row, order, *kind).is_some())
    };
    let kinds: Vec<_> = Kind::ALL.into_iter().filter(shown).collect();
    let titles: Vec<_> = kinds.iter().map(|kind| kind.title()).collect();
    let _ = writeln!(
        out,
        "\n#### {heading}\n\n| | {} | ours ÷ best peer | goal |\n|---|{}---|---|",
        titles.join(" | "),
        "---|".repeat(kinds.len()),
    );
    for row in rows {
        let best = table.best(row, order).map(|(kind, _)| kind);
        let _ = write!(out, "| {} |", row.title);
        for kind in &kinds {
            let text = match table.cell(row, order, *kind) {
                Some(Cell::Value(value)) if best == Some(*kind) => {
                    format!("**{}**", row.unit.show(*value))
                }
                Some(Cell::Value(value)) => row.unit.show(*value),
                Some(Cell::Note(note)) => note.clone(),
                None => "–".to_owned(),
            };
            let _ = write!(out, " {text} |");
        }
        let ratio = table.ratio(row, order);
        let ratio = ratio.map_or("–".to_owned(), show_ratio);
        let _ = writeln!(out, " {ratio} | {} |", goal(row, order));
    }
}

fn goal(row: &Row, order: Order) -> String {
    match row.goal {
        Goal::None => "–".to_owned(),
        Goal::AtMost(most) => format!("at most {}", row.unit.show(most)),
        Goal::Ratio(..) => {
            let goal = row.ratio_goal(order).unwrap_or_default();
            format!("{goal:.1}")
        }
    }
}

fn losses(out: &mut String, table: &Table) {
    let _ = writeln!(out, "\n#### Where we lose\n");
    let mut lost = 0;
    for order in Order::ALL {
        for row in table.rows(order) {
            if let Some(shortfall) = table.shortfall(row, order) {
                let _ = writeln!(out, "- {}: {shortfall}", order.title());
                lost += 1;
            }
            let ours = table.value(row, order, Kind::Entidb);
            let published = table.value(row, order, Kind::Published);
            if let (true, Some(ours), Some(published)) = (row.more_is_better(), ours, published)
                && ours < 5.0 * published
            {
                let times = ours / published;
                let _ = writeln!(
                    out,
                    "- {}: {}: {times:.1} times the published crate (on its small set), and the goal is 5",
                    order.title(),
                    row.label(),
                );
            }
        }
    }
    if lost == 0 {
        let _ = writeln!(out, "In no row that was measured.");
    }
}

/// Puts the table into docs/performance.md, and the chart beside it.
pub fn write(text: &str, chart: &str) {
    let part = format!(
        "## The database beside its peers\n\n`cd bench && cargo run --release --bin compare -- --write` writes this part anew.\n\n\
         ![Ours divided by the best peer, row by row](performance.svg)\n\n{text}"
    );
    page::write("compare", &part);
    std::fs::write(CHART, chart).expect("docs/performance.svg can be written");
}
