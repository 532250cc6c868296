//! How much memory a transaction takes that is much larger than what it may hold there.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test's helpers fail as its functions do, and say what they have measured"
)]

use std::alloc::System;

use cap::Cap;
use entidb::{Database, Durability, EntityId, Options, Payload, Value};

/// Counts what all of this process has allocated: this file has one test, so that nothing else is in it.
#[global_allocator]
static ALLOCATED: Cap<System> = Cap::new(System, usize::MAX);

const COUNT: u64 = 2_000_000;
const BOUND: usize = 8 << 20;
const CACHE: u64 = 8 << 20;

/// An id of its own for each number, in no order.
fn id(n: u64) -> EntityId {
    let mixed = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&(mixed ^ mixed >> 29).to_be_bytes());
    bytes[8..].copy_from_slice(&n.to_be_bytes());
    EntityId::from_bytes(bytes)
}

fn payload(n: u64) -> Payload {
    Payload::encode(&Value::from(n)).unwrap()
}

fn open(folder: &std::path::Path) -> Database {
    Options::new()
        .transaction_memory_bytes(BOUND)
        .cache_bytes(CACHE)
        .checkpoint_log_bytes(4 << 20)
        .open(folder)
        .unwrap()
}

#[test]
fn a_transaction_of_two_million_entities_takes_the_memory_that_it_may() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(&folder.path().join("db"));
    db.untyped("test").put(id(0), &Value::from(0)).unwrap();
    let before = ALLOCATED.allocated();
    let mut tx = db.begin();
    for n in 0..COUNT {
        tx.put_payload("test", id(n), &payload(n)).unwrap();
        if n % 1_000 == 0 {
            // Its own writes, from long before.
            let own = tx.get("test", id(n / 2)).unwrap().unwrap();
            assert_eq!(own, payload(n / 2));
        }
        if n % 50_000 == 0 {
            db.untyped("beside").put(id(n), &Value::from(1)).unwrap();
        }
    }
    let written = ALLOCATED.max_allocated() - before;
    let receipt = db.commit(tx, Durability::Sync).unwrap();
    let peak = ALLOCATED.max_allocated() - before;
    println!("{COUNT} entities: {written} bytes at the most while writing, {peak} with the commit");
    assert_eq!(db.lsn(), receipt.lsn);
    // What it holds, the cache, ten bits of filter for each key in its pieces and once more in their run, and pages being merged.
    let filters = 2 * usize::try_from(COUNT).unwrap() * 10 / 8;
    let bound = 2 * BOUND + usize::try_from(CACHE).unwrap() + filters + (16 << 20);
    assert!(peak < bound, "{peak} bytes, {bound} at the most");
    let snapshot = db.snapshot();
    assert_eq!(snapshot.count("test").unwrap(), COUNT);
    for n in (0..COUNT).step_by(9_973) {
        assert_eq!(snapshot.get("test", id(n)).unwrap(), Some(payload(n)));
    }
    drop(snapshot);
    db.close().unwrap();
    let db = open(&folder.path().join("db"));
    assert_eq!(db.snapshot().count("test").unwrap(), COUNT);
    assert_eq!(db.snapshot().count("beside").unwrap(), COUNT / 50_000);
}
