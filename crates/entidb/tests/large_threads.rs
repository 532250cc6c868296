//! Large transactions beside small ones, readers, drops, checkpoints and merges.

#![allow(
    clippy::unwrap_used,
    reason = "a test's helpers fail as its functions do"
)]

mod common;

use std::sync::atomic::{AtomicBool, Ordering};

use common::{content, id, options};
use entidb::storage::MemoryDirectory;
use entidb::{Database, Durability, Isolation, Options, Result, Transaction, Value, WriteOptions};

const BULK: u64 = 120;
const ROUNDS: i64 = 25;

fn number(tx: &Transaction, n: u64) -> Result<i64> {
    let payload = tx.get("counters", id(n))?;
    let value = payload.map(|payload| payload.value()).transpose()?;
    Ok(value.and_then(|value| value.as_i64()).unwrap_or(0))
}

/// Adds one to a counter, and writes the sum to entities that do not fit in memory.
fn large(db: &Database, name: &str, isolation: Isolation) {
    let mut soon = WriteOptions::new().isolation(isolation).attempts(10_000);
    for round in 0..ROUNDS {
        soon = soon.durability(match round % 2 {
            0 => Durability::Sync,
            _ => Durability::Eventual,
        });
        let done = db.write_with(&soon, |tx| {
            let next = number(tx, 0)? + 1;
            tx.put("counters", id(0), &Value::from(next))?;
            if round % 5 == 0 {
                tx.delete_range(name, ..)?;
            }
            for n in 0..BULK {
                tx.put(name, id(n), &Value::from(next))?;
            }
            Ok(())
        });
        assert!(done.unwrap().1.durable);
    }
}

fn small(db: &Database, thread: u64) {
    let each = WriteOptions::new().attempts(10_000);
    for round in 0..8 * ROUNDS {
        let durability = match round % 3 {
            0 => Durability::Eventual,
            _ => Durability::Sync,
        };
        let counter = if round % 4 == 0 { 0 } else { thread };
        let add = |tx: &mut Transaction| {
            let next = number(tx, counter)? + 1;
            tx.put("counters", id(counter), &Value::from(next))
        };
        db.write_with(&each.durability(durability), add).unwrap();
    }
}

/// Each large commit is seen whole or not at all.
fn read(db: &Database, done: &AtomicBool) {
    let mut last = (0, 0);
    while !done.load(Ordering::Relaxed) {
        let snapshot = db.snapshot();
        let values = |name: &str| -> Vec<i64> {
            let all = snapshot.scan(name).map(|entity| entity.unwrap().1);
            all.map(|payload| payload.value().unwrap().as_i64().unwrap())
                .collect()
        };
        let seen = ["one", "two"].map(|name| {
            let all = values(name);
            assert!(all.is_empty() || all.len() as u64 == BULK, "{}", all.len());
            assert!(all.iter().all(|value| *value == all[0]));
            all.first().copied().unwrap_or(0)
        });
        assert!(seen[0] >= last.0 && seen[1] >= last.1);
        last = (seen[0], seen[1]);
        let _ = values("dropped");
    }
}

fn drops(db: &Database, done: &AtomicBool) {
    let each = WriteOptions::new().attempts(10_000);
    while !done.load(Ordering::Relaxed) {
        db.write_with(&each, |tx| {
            (0..BULK / 2).try_for_each(|n| tx.put("dropped", id(n), &Value::from(1)))
        })
        .unwrap();
        assert!(db.drop_collection("dropped").unwrap());
    }
}

fn run(background: bool) {
    let disk = MemoryDirectory::new();
    let options = || -> Options {
        options()
            .background(background)
            .checkpoint_log_bytes(4 << 10)
            .transaction_memory_bytes(2 << 10)
    };
    let db = options().open_in(disk.clone()).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let (db, done) = (&db, &done);
        let writers = [
            scope.spawn(|| large(db, "one", Isolation::Snapshot)),
            scope.spawn(|| large(db, "two", Isolation::Serializable)),
            scope.spawn(|| small(db, 1)),
            scope.spawn(|| small(db, 2)),
        ];
        let others = [
            scope.spawn(|| read(db, done)),
            scope.spawn(|| drops(db, done)),
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    db.checkpoint().unwrap();
                    db.compact().unwrap();
                }
            }),
        ];
        let written: Vec<_> = writers.map(|writer| writer.join()).into();
        done.store(true, Ordering::Relaxed);
        let others: Vec<_> = others.map(|other| other.join()).into();
        for outcome in written.into_iter().chain(others) {
            outcome.unwrap();
        }
    });
    let tx = db.begin();
    let counters: Vec<i64> = (0..3).map(|n| number(&tx, n).unwrap()).collect();
    let shared = 2 * ROUNDS + 2 * (8 * ROUNDS / 4);
    assert_eq!(counters, [shared, 6 * ROUNDS, 6 * ROUNDS]);
    assert!(db.verify().unwrap().is_sound());
    let there = content(&db).unwrap();
    drop(tx);
    db.close().unwrap();
    let db = options().open_in(disk).unwrap();
    assert_eq!(content(&db).unwrap(), there);
}

#[test]
fn large_commits_are_atomic_beside_everything_else() {
    run(true);
}

#[test]
fn large_commits_are_atomic_beside_everything_else_without_background() {
    run(false);
}
