//! Several threads on one handle: transactions one behind the other, readers beside them.

mod common;

use std::sync::atomic::{AtomicBool, Ordering};

use common::{id, options};
use entidb::storage::MemoryDirectory;
use entidb::{Options, Value};

const ACCOUNTS: u64 = 20;
const START: i64 = 1000;

#[test]
fn no_update_is_lost_and_every_snapshot_is_consistent() {
    let disk = MemoryDirectory::new();
    // Checkpoints by themselves, often.
    let db = options()
        .checkpoint_log_bytes(8 << 10)
        .open_in(disk.clone())
        .unwrap();
    db.write(|tx| (0..ACCOUNTS).try_for_each(|n| tx.put("accounts", id(n), &Value::from(START))))
        .unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..4)
            .map(|thread: u64| {
                let db = db.clone();
                scope.spawn(move || {
                    for round in 0..150 {
                        let (from, to) = (
                            (thread + round) % ACCOUNTS,
                            (thread * 7 + round * 3 + 1) % ACCOUNTS,
                        );
                        if from == to {
                            continue;
                        }
                        db.write(|tx| {
                            let read = |n| {
                                let value = tx.get("accounts", id(n))?.map(|p| p.value());
                                Ok::<_, entidb::Error>(
                                    value.transpose()?.and_then(|v| v.as_i64()).unwrap(),
                                )
                            };
                            let (a, b) = (read(from)?, read(to)?);
                            tx.put("accounts", id(from), &Value::from(a - 1))?;
                            tx.put("accounts", id(to), &Value::from(b + 1))
                        })
                        .unwrap();
                    }
                })
            })
            .collect();
        let readers: Vec<_> = (0..2)
            .map(|reader| {
                let (db, done, disk) = (db.clone(), &done, disk.clone());
                scope.spawn(move || {
                    let mut rounds = 0;
                    while rounds < 20 || !done.load(Ordering::Relaxed) {
                        // Through the writer's handle, or a handle of its own beside it.
                        let seen = if reader == 0 {
                            db.clone()
                        } else {
                            Options::new()
                                .read_only(true)
                                .open_in(disk.clone())
                                .unwrap()
                        };
                        let scan = seen.untyped("accounts").scan();
                        let sum: i64 = scan
                            .map(|e| e.unwrap().1.value().unwrap().as_i64().unwrap())
                            .sum();
                        assert_eq!(sum, START * i64::try_from(ACCOUNTS).unwrap());
                        rounds += 1;
                    }
                })
            })
            .collect();
        for writer in writers {
            writer.join().unwrap();
        }
        done.store(true, Ordering::Relaxed);
        for reader in readers {
            reader.join().unwrap();
        }
    });
    assert!(db.stats().unwrap().checkpoint_count > 3);
    assert!(db.verify().unwrap().is_sound());
}

#[test]
fn readers_and_verifications_beside_a_writer_never_see_damage() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    let db = Options::new()
        .checkpoint_log_bytes(3 << 20)
        .open(&path)
        .unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let body = Value::from(vec![7_u8; 300_000]);
            for n in 0..60 {
                db.write(|tx| (0..3).try_for_each(|k| tx.put("large", id(n * 3 + k), &body)))
                    .unwrap();
            }
            done.store(true, Ordering::Relaxed);
        });
        for verifies in [false, true] {
            let (path, done) = (&path, &done);
            scope.spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    if verifies {
                        let report = match entidb::verify_path(path) {
                            Err(error) if error.kind() == entidb::ErrorKind::NotFound => continue,
                            report => report.unwrap(),
                        };
                        assert!(report.is_sound(), "{:?}", report.problems);
                    } else {
                        let reader = Options::new().read_only(true).open(path).unwrap();
                        let count = reader.untyped("large").scan().map(Result::unwrap).count();
                        assert_eq!(count % 3, 0, "whole transactions");
                    }
                }
            });
        }
        writer.join().unwrap();
    });
    assert!(db.verify().unwrap().is_sound());
    assert_eq!(db.untyped("large").scan().count(), 180);
}

#[test]
fn a_reader_from_before_a_recovery_reads_on_behind_it() {
    let disk = MemoryDirectory::new();
    let db = options().open_in(disk.clone()).unwrap();
    for n in 0..5 {
        db.untyped("a").put(id(n), &Value::from(n)).unwrap();
    }
    // As after a kill: the same streams without a close.
    let killed = common::directory(&common::image(&disk));
    let reader = Options::new()
        .read_only(true)
        .open_in(killed.clone())
        .unwrap();
    let next = Options::new().open_in(killed.clone()).unwrap();
    next.checkpoint().unwrap();
    for n in 0..5 {
        next.untyped("a").put(id(n), &Value::from("other")).unwrap();
    }
    next.checkpoint().unwrap();
    for n in 0..5 {
        assert_eq!(
            reader.untyped("a").get(id(n)).unwrap(),
            Some(Value::from(n))
        );
    }
}
