//! Secondary indexes beside SQLite's and native_db's: entities of 50 fields, of which 0, 1, 10 or 50 are indexed.
//!
//! Every engine commits the same entities in the same transactions, equally durable, and its answers are compared. Printed are
//! operations a second, and ours divided by each peer's.
//!
//! `cargo run --release --bin indexes [-- COUNT]`

mod entidb;
mod native;
mod sqlite;

use std::path::Path;
use std::time::Instant;

/// How many fields an entity has.
pub const FIELDS: usize = 50;

/// How many of them are indexed, in turn.
const INDEXED: [usize; 4] = [0, 1, 10, 50];

/// How many entities one transaction has, where it has many.
const BATCH: usize = 1_000;

/// How many single transactions are measured.
const SINGLES: usize = 1_000;

/// How many finds are measured.
const FINDS: usize = 2_000;

/// How many entities have one value of a field, about.
const SHARED: u32 = 10;

pub type Fields = [u32; FIELDS];

/// One entity.
#[derive(Clone)]
pub struct Item {
    pub id: u128,
    pub fields: Fields,
}

/// What every engine can do. Each call of the first three is one durable transaction.
pub trait Store {
    fn insert(&mut self, items: &[Item]);
    /// Puts `new` in the place of `old`, one by one.
    fn update(&mut self, old: &[Item], new: &[Item]);
    fn delete(&mut self, items: &[Item]);
    /// The sum of a field that is not searched for, over those that have `value` in the first.
    fn equal(&mut self, value: u32) -> (u64, u64);
    /// The same, over those that have from `from` to `to` there.
    fn range(&mut self, from: u32, to: u32) -> (u64, u64);
}

fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The entity `n` of `count` in a version: its id rises, its fields are spread.
fn item(n: usize, version: u64, count: usize) -> Item {
    let values = (count as u32 / SHARED).max(1);
    let field = |field: usize| {
        let seed = (n as u64) << 16 | (field as u64) << 4 | version;
        (mix(seed) % u64::from(values)) as u32
    };
    Item {
        id: (0x0190_0000_0000_7000_u128 + n as u128) << 64 | u128::from(mix(n as u64)),
        fields: std::array::from_fn(field),
    }
}

/// Operations a second.
fn rate(count: usize, work: impl FnOnce()) -> f64 {
    let start = Instant::now();
    work();
    count as f64 / start.elapsed().as_secs_f64()
}

const ROWS: [&str; 8] = [
    "insert, 1,000 a transaction",
    "insert, one a transaction",
    "update, one a transaction",
    "update, 1,000 a transaction",
    "find by equality",
    "find by range of ten values",
    "delete, one a transaction",
    "delete, 1,000 a transaction",
];

/// The rates of all rows, and what all finds gave.
fn run(store: &mut dyn Store, count: usize, indexed: usize) -> (Vec<f64>, u64) {
    let items: Vec<Item> = (0..count + SINGLES).map(|n| item(n, 0, count)).collect();
    let newer: Vec<Item> = (0..count + SINGLES).map(|n| item(n, 1, count)).collect();
    let (most, few) = items.split_at(count);
    let mut rates = Vec::new();
    rates.push(rate(count, || most.chunks(BATCH).for_each(|part| store.insert(part))));
    rates.push(rate(SINGLES, || few.chunks(1).for_each(|part| store.insert(part))));
    let (old, new) = (&items[..SINGLES], &newer[..SINGLES]);
    rates.push(rate(SINGLES, || {
        old.chunks(1).zip(new.chunks(1)).for_each(|(old, new)| store.update(old, new));
    }));
    let (old, new) = (&items[SINGLES..count], &newer[SINGLES..count]);
    rates.push(rate(old.len(), || {
        let parts = old.chunks(BATCH).zip(new.chunks(BATCH));
        parts.for_each(|(old, new)| store.update(old, new));
    }));
    let mut sum = 0_u64;
    let mut add = |(count, total): (u64, u64)| {
        sum = mix(sum ^ count).wrapping_add(total);
    };
    let values = (count as u32 / SHARED).max(1);
    // Without an index it is a scan: a few tell how long that takes.
    let finds = if indexed == 0 { 5 } else { FINDS };
    rates.push(rate(finds, || {
        (0..finds).for_each(|n| add(store.equal((mix(n as u64) % u64::from(values)) as u32)));
    }));
    let ranges = if indexed == 0 { 5 } else { FINDS / 10 };
    rates.push(rate(ranges, || {
        (0..ranges).for_each(|n| {
            let from = (mix(n as u64 ^ 77) % u64::from(values)) as u32;
            add(store.range(from, from + 9));
        });
    }));
    let all: Vec<Item> = newer[..count].iter().chain(few).cloned().collect();
    let (single, rest) = all.split_at(SINGLES);
    rates.push(rate(SINGLES, || single.chunks(1).for_each(|part| store.delete(part))));
    rates.push(rate(rest.len(), || rest.chunks(BATCH).for_each(|part| store.delete(part))));
    (rates, sum)
}

type Open = fn(&Path, usize) -> Box<dyn Store>;

fn main() {
    let count = std::env::args().nth(1).map_or(50_000, |count| count.parse().unwrap());
    assert!(count >= 2 * SINGLES, "give at least {}", 2 * SINGLES);
    let engines: [(&str, Open); 3] = [
        ("EntiDB", entidb::open),
        ("SQLite", sqlite::open),
        ("native_db", native::open),
    ];
    println!("{count} entities of {FIELDS} fields, durable commits; operations a second\n");
    for indexed in INDEXED {
        println!("| {indexed} indexes | EntiDB | SQLite | native_db | ÷ SQLite | ÷ native_db |\n|---|---|---|---|---|---|");
        let mut columns = Vec::new();
        let mut sums = Vec::new();
        for (_, open) in engines {
            let dir = tempfile::tempdir_in("target").unwrap();
            let mut store = open(dir.path(), indexed);
            let (rates, sum) = run(&mut *store, count, indexed);
            columns.push(rates);
            sums.push(sum);
        }
        assert!(sums.iter().all(|sum| *sum == sums[0]), "the answers differ: {sums:?}");
        for (row, title) in ROWS.iter().enumerate() {
            let [ours, sqlite, native] = [0, 1, 2].map(|engine: usize| columns[engine][row]);
            println!(
                "| {title} | {ours:.0} | {sqlite:.0} | {native:.0} | {:.2} | {:.2} |",
                ours / sqlite,
                ours / native
            );
        }
        println!();
    }
}
