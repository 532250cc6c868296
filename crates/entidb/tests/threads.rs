//! Several threads on one handle: transactions one behind the other, readers beside them.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "a test's helpers fail as its functions do"
)]

mod common;

use std::sync::atomic::{AtomicBool, Ordering};

use common::{id, options};
use entidb::storage::MemoryDirectory;
use entidb::{
    Database, Durability, Isolation, Options, Snapshot, Transaction, Value, WriteOptions,
};

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

/// Transfers between accounts by `writer`, each with its number in a journal.
fn transfer(db: &Database, writer: u64, round: u64, durability: Durability) -> entidb::Result<()> {
    let mut chance = (writer << 32 | round).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut below = |bound: u64| {
        chance ^= chance >> 29;
        chance = chance.wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (chance >> 33) % bound
    };
    let (from, to) = (below(ACCOUNTS), below(ACCOUNTS));
    let filler = Value::from("x".repeat(usize::try_from(below(400)).unwrap()).as_str());
    let options = WriteOptions::new()
        .durability(durability)
        .attempts(10_000)
        .isolation(match round % 3 {
            0 => Isolation::Serializable,
            _ => Isolation::Snapshot,
        });
    let (_, receipt) = db.write_with(&options, |tx| {
        let read = |tx: &Transaction, n| {
            let payload = tx.get("accounts", id(n))?.unwrap();
            Ok::<_, entidb::Error>(payload.value()?.as_i64().unwrap())
        };
        let a = read(tx, from)?;
        tx.put("accounts", id(from), &Value::from(a - 1))?;
        let b = read(tx, to)?;
        tx.put("accounts", id(to), &Value::from(b + 1))?;
        // The journal has the last rounds of each writer, and never a gap.
        tx.put("journal", id(writer << 32 | round), &filler)?;
        if round >= 50 {
            tx.remove("journal", id(writer << 32 | (round - 50)))?;
        }
        // A corner that is filled and emptied by one record.
        let corner = |n: u64| {
            entidb::EntityId::from_bytes((u128::from(writer) << 64 | u128::from(n)).to_be_bytes())
        };
        match round % 10 {
            9 => tx.delete_range("corner", corner(0)..=corner(9)),
            n => tx.put("corner", corner(n), &filler),
        }
    })?;
    if round % 16 == 15 {
        db.wait_durable(receipt.lsn)?;
    }
    Ok(())
}

/// What has to hold in every snapshot. Says how many rounds each writer has made.
fn balanced(snapshot: &Snapshot) -> Vec<u64> {
    let accounts = snapshot.scan("accounts");
    let sum: i64 = accounts
        .map(|e| e.unwrap().1.value().unwrap().as_i64().unwrap())
        .sum();
    assert_eq!(sum, START * i64::try_from(ACCOUNTS).unwrap());
    let corners = snapshot.scan("corner").ids().map(Result::unwrap);
    let corners: Vec<_> = corners
        .map(|id| u128::from_be_bytes(*id.as_bytes()))
        .collect();
    (0..WRITERS)
        .map(|writer| {
            // Rounds come one behind the other: the last one is where they end.
            let has = |round: u64| {
                let id = id(writer << 32 | round);
                snapshot.contains("journal", id).unwrap()
            };
            let end = (0..=ROUNDS)
                .rev()
                .find(|n| *n > 0 && has(n - 1))
                .unwrap_or(0);
            for round in 0..end {
                assert_eq!(has(round), round + 50 >= end, "round {round} of {end}");
            }
            let in_corner = corners
                .iter()
                .filter(|id| *id >> 64 == u128::from(writer))
                .count();
            assert_eq!(in_corner as u64, end % 10, "after {end} rounds");
            end
        })
        .collect()
}

const WRITERS: u64 = 4;
const ROUNDS: u64 = 400;

#[test]
fn transfers_under_running_checkpoints_and_merges_balance_in_every_snapshot() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    let open = |log_bytes: u64| {
        Options::new()
            .checkpoint_log_bytes(log_bytes)
            .memtable_bytes(1 << 20)
            .eventual_delay(std::time::Duration::from_millis(3))
            .open(&path)
            .unwrap()
    };
    let db = open(6_000);
    db.write(|tx| (0..ACCOUNTS).try_for_each(|n| tx.put("accounts", id(n), &Value::from(START))))
        .unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let db = db.clone();
                let durability = match writer % 2 {
                    0 => Durability::Eventual,
                    _ => Durability::Sync,
                };
                scope.spawn(move || {
                    (0..ROUNDS).for_each(|n| transfer(&db, writer, n, durability).unwrap());
                })
            })
            .collect();
        for _ in 0..2 {
            let (db, done) = (db.clone(), &done);
            scope.spawn(move || {
                let mut held = Vec::new();
                let mut last = (db.lsn(), vec![0; WRITERS as usize]);
                while !done.load(Ordering::Relaxed) {
                    let snapshot = db.snapshot();
                    let rounds = balanced(&snapshot);
                    // Time does not go back.
                    assert!(snapshot.lsn() >= last.0);
                    assert!(rounds.iter().zip(&last.1).all(|(now, then)| now >= then));
                    last = (snapshot.lsn(), rounds.clone());
                    held.push((snapshot, rounds));
                    if held.len() > 6 {
                        let (snapshot, then) = held.remove(0);
                        assert_eq!(balanced(&snapshot), then, "a snapshot has changed");
                    }
                }
            });
        }
        for writer in writers {
            writer.join().unwrap();
        }
        done.store(true, Ordering::Relaxed);
    });
    let stats = db.stats().unwrap();
    assert!(stats.checkpoint_count > 10, "{stats:?}");
    assert_eq!(stats.background_failure, None);
    let rounds = balanced(&db.snapshot());
    assert_eq!(rounds, [ROUNDS; WRITERS as usize]);
    assert!(db.verify().unwrap().is_sound());
    let content = common::content(&db).unwrap();
    db.close().unwrap();
    let db = open(1 << 20);
    assert_eq!(common::content(&db).unwrap(), content);
    assert_eq!(balanced(&db.snapshot()), rounds);
    assert!(db.verify().unwrap().is_sound());
}

#[test]
fn a_close_beside_commits_answers_each_of_them_truly() {
    for round in 0..20_u64 {
        let disk = MemoryDirectory::new();
        let db = Options::new()
            .checkpoint_log_bytes(2_000)
            .open_in(disk.clone())
            .unwrap();
        let told: Vec<u64> = std::thread::scope(|scope| {
            let writers: Vec<_> = (0..3_u64)
                .map(|writer| {
                    let db = db.clone();
                    scope.spawn(move || {
                        let options = WriteOptions::new().durability(match writer {
                            0 => Durability::Eventual,
                            _ => Durability::Sync,
                        });
                        for n in 0.. {
                            let put = db.write_with(&options, |tx| {
                                tx.put("a", id(writer << 32 | n), &Value::from(n))
                            });
                            match put {
                                Ok(_) => {}
                                Err(error) => {
                                    assert_eq!(error.kind(), entidb::ErrorKind::ReadOnly);
                                    return n;
                                }
                            }
                        }
                        0
                    })
                })
                .collect();
            std::thread::sleep(std::time::Duration::from_micros(500 * round));
            db.clone().close().unwrap();
            writers.into_iter().map(|w| w.join().unwrap()).collect()
        });
        drop(db);
        let db = options().open_in(disk.clone()).unwrap();
        for (writer, count) in (0_u64..).zip(&told) {
            for n in 0..count + 2 {
                let there = db.untyped("a").contains(id(writer << 32 | n)).unwrap();
                assert_eq!(there, n < *count, "{n} of {count}");
            }
        }
        assert!(db.verify().unwrap().is_sound());
    }
}

#[test]
fn what_was_put_beside_drops_is_there_unless_a_later_drop_took_it() {
    let disk = MemoryDirectory::new();
    let open = || options().open_in(disk.clone()).unwrap();
    let db = open();
    // Each drop's number is raised before and after it; a put that began and ended between two of them stays.
    let drops = std::sync::atomic::AtomicU64::new(0);
    let kept = std::thread::scope(|scope| {
        let drops = &drops;
        let dropper = scope.spawn({
            let db = db.clone();
            move || {
                for _ in 0..60 {
                    drops.fetch_add(1, Ordering::SeqCst);
                    db.drop_collection("a").unwrap();
                    drops.fetch_add(1, Ordering::SeqCst);
                    std::thread::sleep(std::time::Duration::from_micros(200));
                }
            }
        });
        let db = db.clone();
        let putter = scope.spawn(move || {
            let mut last = Vec::new();
            let mut n = 0_u64;
            while drops.load(Ordering::SeqCst) < 120 {
                let before = drops.load(Ordering::SeqCst);
                db.untyped("a").put(id(n), &Value::from(n)).unwrap();
                let after = drops.load(Ordering::SeqCst);
                let there = db.untyped("a").contains(id(n)).unwrap();
                let still = drops.load(Ordering::SeqCst);
                if before.is_multiple_of(2) && before == still {
                    assert!(there, "{n} was put between two drops and is not there");
                }
                if after == 120 {
                    last.push(n);
                }
                n += 1;
            }
            db.untyped("a").put(id(n), &Value::from(n)).unwrap();
            last.push(n);
            last
        });
        dropper.join().unwrap();
        putter.join().unwrap()
    });
    // As after a kill.
    let killed = common::directory(&common::image(&disk));
    let again = Options::new().open_in(killed).unwrap();
    for n in kept.iter().rev().take(1) {
        assert!(db.untyped("a").contains(id(*n)).unwrap());
        assert!(again.untyped("a").contains(id(*n)).unwrap());
    }
    assert_eq!(
        common::content(&again).unwrap(),
        common::content(&db).unwrap()
    );
}
