//! How much memory a transaction takes that is much larger than what it may hold there, in a collection with indexes.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test's helpers fail as its functions do, and say what they have measured"
)]

use std::alloc::System;
use std::time::{Duration, SystemTime};

use cap::Cap;
use entidb::{Durability, EntityId, IndexSpec, Lsn, Options, Retention, Value};

/// Counts what all of this process has allocated: this file has one test, so that nothing else is in it.
#[global_allocator]
static ALLOCATED: Cap<System> = Cap::new(System, usize::MAX);

const COUNT: u64 = 400_000;
const BOUND: usize = 4 << 20;
const CACHE: u64 = 4 << 20;

/// An id of its own for each number, in no order.
fn id(n: u64) -> EntityId {
    let mixed = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&(mixed ^ mixed >> 29).to_be_bytes());
    bytes[8..].copy_from_slice(&n.to_be_bytes());
    EntityId::from_bytes(bytes)
}

/// With an index, a unique one, a time for each entity, and what it changes kept for followers.
#[test]
fn a_transaction_with_indexes_times_and_followers_takes_the_memory_that_it_may() {
    let folder = tempfile::tempdir().unwrap();
    let db = Options::new()
        .transaction_memory_bytes(BOUND)
        .cache_bytes(CACHE)
        .retention(Retention::bytes(u64::MAX))
        .open(folder.path().join("db"))
        .unwrap();
    let specs = [IndexSpec::on("group"), IndexSpec::on("number").unique()];
    db.create_indexes("test", &specs).unwrap();
    let value = |n: u64| Value::from([("group", Value::from(n % 100)), ("number", Value::from(n))]);
    let at = SystemTime::now() + Duration::from_secs(1 << 32);
    db.write(|tx| (0..1_000).try_for_each(|n| tx.put("test", id(n), &value(n + COUNT))))
        .unwrap();
    let before = ALLOCATED.allocated();
    let mut tx = db.begin();
    for n in 0..COUNT {
        tx.put_expiring("test", id(n), &value(n), at).unwrap();
    }
    let found = tx.by("test", "number").unwrap().equal(&Value::from(77));
    assert_eq!(found.first().unwrap().unwrap().0, id(77));
    db.commit(tx, Durability::Sync).unwrap();
    let peak = ALLOCATED.max_allocated() - before;
    println!("{COUNT} entities with indexes: {peak} bytes at the most");
    // The filters of keys, of times and of the two indexes' values, the last three for every piece and once more.
    let filters = 8 * usize::try_from(COUNT).unwrap() * 10 / 8;
    let bound = 4 * BOUND + usize::try_from(CACHE).unwrap() + filters + (16 << 20);
    assert!(peak < bound, "{peak} bytes, {bound} at the most");
    let snapshot = db.snapshot();
    assert_eq!(snapshot.count("test").unwrap(), COUNT);
    assert_eq!(
        snapshot.by("test", "number").unwrap().count().unwrap(),
        COUNT
    );
    let group = snapshot.by("test", "group").unwrap().equal(&Value::from(3));
    assert_eq!(group.count().unwrap(), COUNT / 100);
    let mut changes = db.changes(Lsn::ZERO).unwrap();
    let counts: Vec<_> = std::iter::from_fn(|| changes.try_next().unwrap())
        .map(|commit| commit.changes.len() as u64)
        .collect();
    assert_eq!(counts, [1_000, COUNT]);
}
