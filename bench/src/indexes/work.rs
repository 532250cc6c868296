//! What is measured, the same way on every engine.

use std::time::Instant;

use crate::engines::{Store, Wanted};
use crate::item::{Item, mix, value};

/// How many entities one transaction has, where it has many.
const BATCH: usize = 1_000;

/// How many single transactions are measured.
pub const SINGLES: usize = 1_000;

/// How many finds are measured.
const FINDS: usize = 2_000;

/// How many values a range has.
const RANGE: u32 = 10;

/// The rows, in the order in which they are measured.
pub const ROWS: [&str; 14] = [
    "insert, 1,000 a transaction",
    "insert, one a transaction",
    "update of all fields, one a transaction",
    "update of all fields, 1,000 a transaction",
    "update of the first field, one a transaction",
    "update of the first field, 1,000 a transaction",
    "find by equality: all fields",
    "find by a range of ten values: all fields",
    "find by equality: the last field",
    "find by a range of ten values: the last field",
    "find by equality: ids",
    "find by a range of ten values: ids",
    "delete, one a transaction",
    "delete, 1,000 a transaction",
];

/// Operations a second, of each row.
pub type Rates = [f64; ROWS.len()];

/// What was found by several questions: how many entities, and the sum of what was wanted of each.
#[derive(Default)]
pub struct Answer {
    pub count: u64,
    pub sum: u64,
}

impl Answer {
    pub fn add(&mut self, fields: impl IntoIterator<Item = u32>) {
        self.count += 1;
        self.sum += fields.into_iter().map(u64::from).sum::<u64>();
    }

    pub fn add_id(&mut self, id: u128) {
        self.count += 1;
        self.sum = self.sum.wrapping_add(id as u64 ^ (id >> 64) as u64);
    }
}

/// Measures one engine. Gives the rates, and a number that depends on all it has found.
pub fn run(store: &mut dyn Store, count: usize, indexed: usize) -> (Rates, u64) {
    let items = |version| -> Vec<Item> {
        let all = 0..count + SINGLES;
        all.map(|n| Item::new(n, version, count)).collect()
    };
    let (first, second) = (items(0), items(1));
    let third: Vec<_> = second.iter().map(|item| item.changed(count)).collect();
    let (most, few) = first.split_at(count);
    let insert = |store: &mut dyn Store, items: &[Item], each| {
        rate(items.len(), || {
            items.chunks(each).for_each(|part| store.insert(part))
        })
    };
    let insert_many = insert(store, most, BATCH);
    let insert_one = insert(store, few, 1);
    let update = |store: &mut dyn Store, old: &[Item], new: &[Item], only: Option<usize>, each| {
        let parts = old.chunks(each).zip(new.chunks(each));
        rate(old.len(), || {
            parts.for_each(|(old, new)| store.update(old, new, only))
        })
    };
    let (one, many) = (0..SINGLES, SINGLES..count);
    let update_one = update(store, &first[one.clone()], &second[one.clone()], None, 1);
    let update_many = update(
        store,
        &first[many.clone()],
        &second[many.clone()],
        None,
        BATCH,
    );
    let change_one = update(store, &second[one.clone()], &third[one.clone()], Some(0), 1);
    let change_many = update(
        store,
        &second[many.clone()],
        &third[many.clone()],
        Some(0),
        BATCH,
    );
    let mut answer = 0;
    let [fields, last, ids] = [Wanted::Fields, Wanted::Last, Wanted::Id]
        .map(|wanted| find(store, count, indexed, wanted, &mut answer));
    let all: Vec<Item> = third[..count].iter().chain(few).cloned().collect();
    let (single, rest) = all.split_at(SINGLES);
    let delete = |store: &mut dyn Store, items: &[Item], each| {
        rate(items.len(), || {
            items.chunks(each).for_each(|part| store.delete(part))
        })
    };
    let delete_one = delete(store, single, 1);
    let delete_many = delete(store, rest, BATCH);
    let left = store.find(&[(0, u32::MAX)], Wanted::Last);
    let rates = [
        insert_many,
        insert_one,
        update_one,
        update_many,
        change_one,
        change_many,
        fields.0,
        fields.1,
        last.0,
        last.1,
        ids.0,
        ids.1,
        delete_one,
        delete_many,
    ];
    (rates, mix(answer).wrapping_add(left.count))
}

/// Finds by equality and by range. Asks once before it measures, so that caches are full.
fn find(
    store: &mut dyn Store,
    count: usize,
    indexed: usize,
    wanted: Wanted,
    hash: &mut u64,
) -> (f64, f64) {
    // Without an index it is a scan: a few tell how long that takes.
    let finds = if indexed == 0 { 5 } else { FINDS };
    let from = |n: usize, seed: u64| value(n as u64 ^ seed << 32, count);
    let equal: Vec<_> = (0..finds).map(|n| (from(n, 1), from(n, 1))).collect();
    let ranges: Vec<_> = (0..finds)
        .map(|n| (from(n, 2), from(n, 2) + RANGE - 1))
        .collect();
    let mut measure = |asked: &[(u32, u32)]| {
        store.find(asked, wanted);
        let mut answer = Answer::default();
        let rate = rate(asked.len(), || answer = store.find(asked, wanted));
        *hash = mix(*hash ^ answer.count).wrapping_add(answer.sum);
        rate
    };
    (measure(&equal), measure(&ranges))
}

/// Operations a second.
fn rate(count: usize, work: impl FnOnce()) -> f64 {
    let start = Instant::now();
    work();
    count as f64 / start.elapsed().as_secs_f64()
}
