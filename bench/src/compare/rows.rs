//! The rows of the table: what is measured, in which unit, and the goal that the design's targets set.

use entidb_bench::figures;
pub use entidb_bench::figures::ratio as show_ratio;

use crate::data::Order;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Operations a second: more is better.
    Rate,
    /// Bytes ÷ bytes of user data: less is better.
    Factor,
    /// Less is better.
    Milliseconds,
    /// Less is better.
    Mebibytes,
}

/// What ours is to reach.
#[derive(Debug, Clone, Copy)]
pub enum Goal {
    None,
    /// Ours ÷ the best peer, at least; ids in order and random.
    Ratio(f64, f64),
    /// At most, in the row's unit.
    AtMost(f64),
}

/// Rows that one child process measures together, on one database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Group {
    Core,
    Durable,
    Keyed,
    Kill,
    Bounded,
    Ycsb,
    Redb,
}

pub struct Row {
    pub name: &'static str,
    pub title: &'static str,
    pub group: Group,
    pub unit: Unit,
    pub goal: Goal,
    pub orders: &'static [Order],
}

const BOTH: &[Order] = &Order::ALL;
const RANDOM: &[Order] = &[Order::Random];

const fn row(
    name: &'static str,
    title: &'static str,
    group: Group,
    unit: Unit,
    goal: Goal,
    orders: &'static [Order],
) -> Row {
    Row {
        name,
        title,
        group,
        unit,
        goal,
        orders,
    }
}

#[rustfmt::skip] // a table: one row a line
pub const ROWS: &[Row] = {
    use Goal::{AtMost, None, Ratio};
    use Group::{Bounded, Core, Durable, Keyed, Kill, Redb, Ycsb};
    use Unit::{Factor, Mebibytes, Milliseconds, Rate};
    &[
        row("load", "load, batches of 1,000, one sync at the end", Core, Rate, Ratio(1.0, 2.0), BOTH),
        row("put-1", "one put a commit, durable, 1 thread", Durable, Rate, Ratio(1.0, 1.0), BOTH),
        row("put-16", "the same, 16 threads", Durable, Rate, Ratio(1.3, 1.3), BOTH),
        row("get-1", "get, 1 thread", Core, Rate, Ratio(1.5, 1.5), BOTH),
        row("get-2", "get, 2 threads", Core, Rate, Ratio(1.5, 1.5), BOTH),
        row("absent", "get of an absent id", Core, Rate, Ratio(1.0, 1.0), BOTH),
        row("scan", "scan of everything (entities)", Core, Rate, Ratio(1.0, 1.0), BOTH),
        row("ranges", "ranges of 100", Core, Rate, Ratio(1.0, 1.0), BOTH),
        row("scan-compacted", "scan after `compact`", Core, Rate, Ratio(1.0, 1.0), RANDOM),
        row("ranges-compacted", "ranges of 100 after `compact`", Core, Rate, Ratio(1.0, 1.0), RANDOM),
        row("zipfian", "zipfian half read, half update, buffered, 2 threads", Core, Rate, Ratio(1.5, 1.5), BOTH),
        row("load-keyed", "load with one secondary key kept", Keyed, Rate, Ratio(1.3, 1.3), BOTH),
        row("find", "find by secondary key", Keyed, Rate, Ratio(1.2, 1.2), BOTH),
        row("delete", "delete every second one", Core, Rate, Ratio(1.0, 1.0), BOTH),
        row("disk-load", "disk after load ÷ user data", Core, Factor, AtMost(1.10), BOTH),
        row("disk-deleted", "after deleting half, without being asked ÷ live data", Core, Factor, AtMost(1.5), BOTH),
        row("disk-compacted", "after deleting half and `compact` ÷ live data", Core, Factor, AtMost(1.10), BOTH),
        row("write-amplification", "written while loading ÷ user data", Core, Factor, AtMost(1.15), BOTH),
        row("memory", "peak anonymous memory of the rows above", Core, Mebibytes, None, BOTH),
        row("open-clean", "clean open and one get", Core, Milliseconds, AtMost(5.0), BOTH),
        row("open-killed-durable", "open after a kill among durable puts", Kill, Milliseconds, AtMost(1000.0), BOTH),
        row("open-killed-buffered", "open after a kill among buffered batches", Kill, Milliseconds, AtMost(1000.0), BOTH),
        row("bounded-load", "load of 4 times the cache", Bounded, Rate, None, RANDOM),
        row("bounded-get", "get, 1 thread", Bounded, Rate, None, RANDOM),
        row("bounded-scan", "scan of everything (entities)", Bounded, Rate, None, RANDOM),
        row("ycsb-load", "load", Ycsb, Rate, None, RANDOM),
        row("ycsb-a", "A: half read, half update", Ycsb, Rate, None, RANDOM),
        row("ycsb-b", "B: 95 % read, 5 % update", Ycsb, Rate, None, RANDOM),
        row("ycsb-c", "C: read", Ycsb, Rate, None, RANDOM),
        row("ycsb-d", "D: 95 % read of the latest, 5 % insert", Ycsb, Rate, None, RANDOM),
        row("ycsb-e", "E: 95 % ranges of 1 to 100, 5 % insert", Ycsb, Rate, None, RANDOM),
        row("ycsb-f", "F: half read, half read and write back", Ycsb, Rate, None, RANDOM),
        row("redb-bulk", "bulk load in one commit", Redb, Rate, None, RANDOM),
        row("redb-individual", "individual durable writes", Redb, Rate, None, RANDOM),
        row("redb-batch", "durable batches of 1,000 (entities)", Redb, Rate, None, RANDOM),
        row("redb-read-1", "random reads, 1 thread", Redb, Rate, None, RANDOM),
        row("redb-read-4", "random reads, 4 threads", Redb, Rate, None, RANDOM),
        row("redb-read-8", "random reads, 8 threads", Redb, Rate, None, RANDOM),
        row("redb-read-16", "random reads, 16 threads", Redb, Rate, None, RANDOM),
        row("redb-range", "random ranges of 10", Redb, Rate, None, RANDOM),
        row("redb-remove", "removals of half in one commit", Redb, Rate, None, RANDOM),
        row("redb-size", "disk before compaction ÷ live data", Redb, Factor, None, RANDOM),
        row("redb-compact", "compaction", Redb, Milliseconds, None, RANDOM),
        row("redb-size-compacted", "disk after compaction ÷ live data", Redb, Factor, None, RANDOM),
    ]
};

/// The floor's row, which no engine measures: `pwrite` and `fdatasync` into preallocated space.
pub const FLOOR: &str = "put-1";

impl Row {
    pub fn find(name: &str) -> Option<&'static Self> {
        ROWS.iter().find(|row| row.name == name)
    }

    /// The title where the row stands among those of other groups.
    pub fn label(&self) -> String {
        let title = self.title.replace(", one sync at the end", "");
        match self.group {
            Group::Ycsb => format!("YCSB {title}"),
            Group::Redb => format!("redb's: {title}"),
            Group::Bounded => format!("bounded memory: {title}"),
            _ if self.name == "put-16" => "one put a commit, durable, 16 threads".to_owned(),
            _ => title,
        }
    }

    pub fn more_is_better(&self) -> bool {
        self.unit == Unit::Rate
    }
}

impl Group {
    pub const ALL: [Self; 7] = [
        Self::Core,
        Self::Durable,
        Self::Keyed,
        Self::Kill,
        Self::Bounded,
        Self::Ycsb,
        Self::Redb,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Core => "core",
            Self::Durable => "durable",
            Self::Keyed => "keyed",
            Self::Kill => "kill",
            Self::Bounded => "bounded",
            Self::Ycsb => "ycsb",
            Self::Redb => "redb",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|group| group.name() == name)
    }

    pub fn rows(self) -> impl Iterator<Item = &'static Row> {
        ROWS.iter().filter(move |row| row.group == self)
    }
}

impl Unit {
    /// A figure as the table shows it.
    pub fn show(self, value: f64) -> String {
        match self {
            Self::Rate => figures::rate(value),
            Self::Factor => format!("{value:.2}"),
            Self::Milliseconds if value < 10.0 => format!("{value:.2} ms"),
            Self::Milliseconds => format!("{value:.0} ms"),
            Self::Mebibytes => format!("{value:.0} MiB"),
        }
    }
}
