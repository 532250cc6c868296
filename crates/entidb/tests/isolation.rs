//! What transactions see of each other: the Hermitage anomalies by name, at both levels, and what conflicts with what.

#![allow(
    clippy::unwrap_used,
    reason = "a test's helpers fail as its functions do"
)]

mod common;

use std::collections::BTreeMap;
use std::ops::{Bound, RangeBounds as _};

use common::{id, options};
use entidb::storage::MemoryDirectory;
use entidb::{
    Database, Durability, EntityId, ErrorKind, Isolation, Receipt, Transaction, Value, WriteOptions,
};
use proptest::prelude::*;

const BOTH: [Isolation; 2] = [Isolation::Snapshot, Isolation::Serializable];

fn value(n: i64) -> Value {
    Value::from(n)
}

/// Ids in the order of their numbers.
fn nth(n: u8) -> EntityId {
    EntityId::from_bytes([n; 16])
}

fn empty() -> Database {
    options().open_in(MemoryDirectory::new()).unwrap()
}

/// Hermitage's table: 1 has 10, 2 has 20.
fn table() -> Database {
    let db = empty();
    db.write(|tx| {
        set(tx, 1, 10);
        set(tx, 2, 20);
        Ok(())
    })
    .unwrap();
    db
}

fn set(tx: &mut Transaction, n: u8, to: i64) {
    tx.put("test", nth(n), &value(to)).unwrap();
}

fn get(tx: &Transaction, n: u8) -> Option<i64> {
    let payload = tx.get("test", nth(n)).unwrap();
    payload.and_then(|p| p.value().unwrap().as_i64())
}

/// Everything that the transaction sees, for predicates.
fn all(tx: &Transaction) -> Vec<i64> {
    tx.scan("test")
        .map(|e| e.unwrap().1.value().unwrap().as_i64().unwrap())
        .collect()
}

fn commit(db: &Database, tx: Transaction) -> Result<Receipt, ErrorKind> {
    db.commit(tx, Durability::Sync)
        .map_err(|error| error.kind())
}

fn is_refused(db: &Database, tx: Transaction) {
    assert_eq!(commit(db, tx), Err(ErrorKind::Conflict));
}

/// What only a serializable transaction is refused for.
fn is_refused_if_serializable(db: &Database, tx: Transaction, level: Isolation) {
    match level {
        Isolation::Snapshot => drop(commit(db, tx).unwrap()),
        Isolation::Serializable => is_refused(db, tx),
    }
}

fn holds(db: &Database, expected: &[i64]) {
    assert_eq!(all(&db.begin()), expected);
}

#[test]
fn g0_of_two_that_write_the_same_the_second_is_refused() {
    for level in BOTH {
        let db = table();
        let (mut t1, mut t2) = (db.begin_with(level), db.begin_with(level));
        set(&mut t1, 1, 11);
        set(&mut t2, 1, 12);
        set(&mut t1, 2, 21);
        commit(&db, t1).unwrap();
        holds(&db, &[11, 21]);
        set(&mut t2, 2, 22);
        is_refused(&db, t2);
        holds(&db, &[11, 21]);
    }
}

#[test]
fn g1a_what_was_abandoned_is_never_read() {
    for level in BOTH {
        let db = table();
        let (mut t1, t2) = (db.begin_with(level), db.begin_with(level));
        set(&mut t1, 1, 101);
        assert_eq!(all(&t2), [10, 20]);
        drop(t1);
        assert_eq!(all(&t2), [10, 20]);
        commit(&db, t2).unwrap();
        holds(&db, &[10, 20]);
    }
}

#[test]
fn g1b_what_was_written_in_between_is_never_read() {
    for level in BOTH {
        let db = table();
        let (mut t1, t2) = (db.begin_with(level), db.begin_with(level));
        set(&mut t1, 1, 101);
        assert_eq!(all(&t2), [10, 20]);
        set(&mut t1, 1, 11);
        commit(&db, t1).unwrap();
        assert_eq!(all(&t2), [10, 20]);
        commit(&db, t2).unwrap();
        holds(&db, &[11, 20]);
    }
}

#[test]
fn g1c_two_do_not_read_what_each_other_writes() {
    for level in BOTH {
        let db = table();
        let (mut t1, mut t2) = (db.begin_with(level), db.begin_with(level));
        set(&mut t1, 1, 11);
        set(&mut t2, 2, 22);
        assert_eq!(get(&t1, 2), Some(20));
        assert_eq!(get(&t2, 1), Some(10));
        commit(&db, t1).unwrap();
        is_refused_if_serializable(&db, t2, level);
    }
}

#[test]
fn otv_what_was_seen_of_a_transaction_does_not_vanish() {
    for level in BOTH {
        let db = table();
        let (mut t1, mut t2) = (db.begin_with(level), db.begin_with(level));
        set(&mut t1, 1, 11);
        set(&mut t1, 2, 19);
        set(&mut t2, 1, 12);
        commit(&db, t1).unwrap();
        let t3 = db.begin_with(level);
        assert_eq!(get(&t3, 1), Some(11));
        set(&mut t2, 2, 18);
        assert_eq!(get(&t3, 2), Some(19));
        is_refused(&db, t2);
        assert_eq!(all(&t3), [11, 19]);
        commit(&db, t3).unwrap();
    }
}

#[test]
fn pmp_a_predicate_reads_one_moment() {
    for level in BOTH {
        let db = table();
        let (t1, mut t2) = (db.begin_with(level), db.begin_with(level));
        assert!(!all(&t1).contains(&30));
        set(&mut t2, 3, 30);
        commit(&db, t2).unwrap();
        assert!(all(&t1).iter().all(|value| value % 3 != 0));
        commit(&db, t1).unwrap();
        // And where the predicate decides what is deleted.
        let db = table();
        let (mut t1, mut t2) = (db.begin_with(level), db.begin_with(level));
        for (n, to) in [(1, 20), (2, 30)] {
            set(&mut t1, n, to);
        }
        for n in [1, 2] {
            if get(&t2, n) == Some(20) {
                assert!(t2.delete("test", nth(n)).unwrap());
            }
        }
        commit(&db, t1).unwrap();
        is_refused(&db, t2);
        holds(&db, &[20, 30]);
    }
}

#[test]
fn p4_no_update_is_lost() {
    for level in BOTH {
        let db = table();
        let (mut t1, mut t2) = (db.begin_with(level), db.begin_with(level));
        assert_eq!((get(&t1, 1), get(&t2, 1)), (Some(10), Some(10)));
        set(&mut t1, 1, 11);
        set(&mut t2, 1, 11);
        commit(&db, t1).unwrap();
        is_refused(&db, t2);
    }
}

#[test]
fn g_single_a_read_is_not_skewed() {
    for level in BOTH {
        let db = table();
        let (t1, mut t2) = (db.begin_with(level), db.begin_with(level));
        assert_eq!(get(&t1, 1), Some(10));
        assert_eq!(all(&t2), [10, 20]);
        set(&mut t2, 1, 12);
        set(&mut t2, 2, 18);
        commit(&db, t2).unwrap();
        assert_eq!(get(&t1, 2), Some(20));
        commit(&db, t1).unwrap();
    }
}

#[test]
fn g_single_a_predicate_is_not_skewed() {
    for level in BOTH {
        let db = table();
        let (t1, mut t2) = (db.begin_with(level), db.begin_with(level));
        assert!(all(&t1).iter().all(|value| value % 5 == 0));
        set(&mut t2, 1, 12);
        commit(&db, t2).unwrap();
        assert!(all(&t1).iter().all(|value| value % 3 != 0));
        commit(&db, t1).unwrap();
    }
}

#[test]
fn g_single_what_a_skewed_read_would_delete_is_refused() {
    for level in BOTH {
        let db = table();
        let (mut t1, mut t2) = (db.begin_with(level), db.begin_with(level));
        assert_eq!(get(&t1, 1), Some(10));
        set(&mut t2, 1, 12);
        set(&mut t2, 2, 18);
        commit(&db, t2).unwrap();
        for n in [1, 2] {
            if get(&t1, n) == Some(20) {
                t1.delete("test", nth(n)).unwrap();
            }
        }
        is_refused(&db, t1);
        holds(&db, &[12, 18]);
    }
}

#[test]
fn g2_item_write_skew_is_allowed_by_snapshot_and_refused_by_serializable() {
    for level in BOTH {
        let db = table();
        let (mut t1, mut t2) = (db.begin_with(level), db.begin_with(level));
        for tx in [&t1, &t2] {
            assert_eq!((get(tx, 1), get(tx, 2)), (Some(10), Some(20)));
        }
        set(&mut t1, 1, 11);
        set(&mut t2, 2, 21);
        commit(&db, t1).unwrap();
        is_refused_if_serializable(&db, t2, level);
    }
}

#[test]
fn g2_phantoms_are_allowed_by_snapshot_and_refused_by_serializable() {
    for level in BOTH {
        let db = table();
        let (mut t1, mut t2) = (db.begin_with(level), db.begin_with(level));
        for tx in [&t1, &t2] {
            assert!(all(tx).iter().all(|value| value % 3 != 0));
        }
        set(&mut t1, 3, 30);
        set(&mut t2, 4, 42);
        commit(&db, t1).unwrap();
        is_refused_if_serializable(&db, t2, level);
    }
}

#[test]
fn g2_with_two_edges_is_allowed_by_snapshot_and_refused_by_serializable() {
    for level in BOTH {
        let db = table();
        let (mut t1, mut t2) = (db.begin_with(level), db.begin_with(level));
        assert_eq!(all(&t1), [10, 20]);
        set(&mut t2, 2, 25);
        commit(&db, t2).unwrap();
        let t3 = db.begin_with(level);
        assert_eq!(all(&t3), [10, 25]);
        commit(&db, t3).unwrap();
        set(&mut t1, 1, 0);
        is_refused_if_serializable(&db, t1, level);
    }
}

#[test]
fn a_read_of_what_is_not_there_is_a_read() {
    for level in BOTH {
        let db = table();
        let (mut t1, mut t2) = (db.begin_with(level), db.begin_with(level));
        assert_eq!(get(&t1, 9), None);
        set(&mut t1, 1, 11);
        set(&mut t2, 9, 90);
        commit(&db, t2).unwrap();
        is_refused_if_serializable(&db, t1, level);
    }
}

#[test]
fn a_range_that_was_read_conflicts_with_what_falls_into_it_and_with_nothing_else() {
    for (other, refused) in [(3, false), (4, true), (6, true), (7, false)] {
        let db = table();
        let mut t1 = db.begin_with(Isolation::Serializable);
        assert_eq!(t1.range("test", nth(4)..nth(7)).count(), 0);
        set(&mut t1, 1, 11);
        db.untyped("test").put(nth(other), &value(0)).unwrap();
        match refused {
            true => is_refused(&db, t1),
            false => drop(commit(&db, t1).unwrap()),
        }
    }
}

/// Between the two: nothing, a checkpoint, or two with a commit in between.
fn across(db: &Database, checkpoints: u32) {
    for n in 0..checkpoints {
        db.checkpoint().unwrap();
        db.untyped("other").put(id(n.into()), &value(0)).unwrap();
    }
}

#[test]
fn what_a_checkpoint_has_put_into_a_run_conflicts_all_the_same() {
    for (level, checkpoints) in BOTH.into_iter().flat_map(|l| [(l, 0), (l, 1), (l, 2)]) {
        let db = table();
        across(&db, checkpoints);
        let (mut t1, mut t2) = (db.begin_with(level), db.begin_with(level));
        let (mut t3, mut t4) = (db.begin_with(level), db.begin_with(level));
        for tx in [&mut t1, &mut t2] {
            set(tx, 1, 7);
        }
        assert!(t3.delete("test", nth(1)).unwrap());
        set(&mut t4, 2, 7);
        assert_eq!(get(&t4, 1), Some(10));
        commit(&db, t1).unwrap();
        across(&db, checkpoints);
        is_refused(&db, t2);
        is_refused(&db, t3);
        is_refused_if_serializable(&db, t4, level);
        // What was there before does not conflict, wherever it lies.
        let mut t5 = db.begin_with(level);
        across(&db, checkpoints);
        set(&mut t5, 1, 8);
        commit(&db, t5).unwrap();
    }
}

#[test]
fn what_a_merge_has_forgotten_conflicts_all_the_same() {
    for level in BOTH {
        let db = table();
        db.checkpoint().unwrap();
        let begin = || db.begin_with(level);
        let (mut puts, mut puts_two, mut reads) = (begin(), begin(), begin());
        set(&mut puts, 1, 11);
        set(&mut puts_two, 2, 22);
        assert_eq!(get(&reads, 1), Some(10));
        set(&mut reads, 3, 30);
        assert!(db.untyped("test").delete(nth(1)).unwrap());
        db.write(|tx| tx.delete_range("test", nth(2)..=nth(2)))
            .unwrap();
        db.compact().unwrap();
        assert_eq!(db.stats().unwrap().run_count, 0);
        is_refused(&db, puts);
        is_refused(&db, puts_two);
        match level {
            Isolation::Snapshot => {}
            Isolation::Serializable => is_refused(&db, reads),
        }
        holds(&db, &[]);
        // What is begun behind it goes on.
        let mut late = begin();
        db.untyped("other").put(nth(1), &value(1)).unwrap();
        set(&mut late, 1, 12);
        commit(&db, late).unwrap();
    }
}

#[test]
fn what_a_merge_of_the_oldest_runs_alone_has_forgotten_conflicts_too() {
    let options = options().checkpoint_log_bytes(4_000);
    let db = options.open_in(MemoryDirectory::new()).unwrap();
    let put = |n, len: usize| {
        let value = Value::from("x".repeat(len).as_str());
        db.untyped("test").put(nth(n), &value).unwrap();
    };
    put(1, 2_000);
    db.checkpoint().unwrap();
    let mut puts = db.begin();
    set(&mut puts, 1, 11);
    assert!(db.untyped("test").delete(nth(1)).unwrap());
    db.checkpoint().unwrap();
    for n in 2..40 {
        put(n, 2_000);
        db.checkpoint().unwrap();
    }
    // With a checkpoint that nobody asked for come merges: of the oldest runs, since there are too many.
    put(40, 5_000);
    let stats = db.stats().unwrap();
    assert!(stats.compaction_count >= 1);
    assert!(stats.run_count > 20, "not all were merged");
    is_refused(&db, puts);
}

#[test]
fn a_deleted_range_conflicts_with_what_was_put_into_it_both_ways() {
    for (level, checkpoints) in BOTH.into_iter().flat_map(|l| [(l, 0), (l, 1), (l, 2)]) {
        let db = table();
        let begin = || db.begin_with(level);
        let (mut deletes, mut inside, mut beside) = (begin(), begin(), begin());
        deletes.delete_range("test", nth(1)..nth(5)).unwrap();
        assert_eq!(all(&deletes), [0_i64; 0]);
        set(&mut inside, 4, 40);
        set(&mut beside, 5, 50);
        let (mut late_inside, mut late_beside, mut overlaps) = (begin(), begin(), begin());
        set(&mut late_inside, 3, 30);
        set(&mut late_beside, 6, 60);
        overlaps.delete_range("test", nth(4)..=nth(9)).unwrap();
        let (mut reader, mut aside) = (begin(), begin());
        assert_eq!(get(&reader, 3), None);
        set(&mut reader, 9, 90);
        assert_eq!(aside.range("test", nth(5)..).count(), 0);
        set(&mut aside, 8, 80);
        // A put into the range came first.
        commit(&db, inside).unwrap();
        commit(&db, beside).unwrap();
        across(&db, checkpoints);
        is_refused(&db, deletes);
        // The range came first.
        let mut deletes = begin();
        deletes.delete_range("test", nth(1)..nth(5)).unwrap();
        commit(&db, deletes).unwrap();
        across(&db, checkpoints);
        is_refused(&db, late_inside);
        is_refused(&db, overlaps);
        commit(&db, late_beside).unwrap();
        is_refused_if_serializable(&db, reader, level);
        is_refused_if_serializable(&db, aside, level);
    }
}

#[test]
fn a_dropped_collection_refuses_what_was_begun_over_it() {
    for (level, checkpoints) in BOTH.into_iter().flat_map(|l| [(l, 0), (l, 1)]) {
        let db = table();
        let before = db.snapshot();
        let begin = || db.begin_with(level);
        let (mut puts, mut removes, mut reads, mut deletes) = (begin(), begin(), begin(), begin());
        set(&mut puts, 7, 70);
        removes.remove("test", nth(1)).unwrap();
        deletes.delete_range("test", ..).unwrap();
        assert_eq!(get(&reads, 1), Some(10));
        reads.put("another", nth(1), &value(1)).unwrap();
        assert!(db.drop_collection("test").unwrap());
        assert!(!db.drop_collection("test").unwrap());
        across(&db, checkpoints);
        is_refused(&db, puts);
        is_refused(&db, removes);
        is_refused(&db, deletes);
        is_refused_if_serializable(&db, reads, level);
        // The name is free, and the new collection is another one.
        let mut late = begin();
        db.write(|tx| {
            set(tx, 3, 30);
            Ok(())
        })
        .unwrap();
        across(&db, checkpoints);
        holds(&db, &[30]);
        set(&mut late, 3, 31);
        is_refused(&db, late);
        assert_eq!(before.scan("test").count(), 2);
        assert!(before.contains("test", nth(1)).unwrap());
    }
}

#[test]
fn collections_made_at_once_are_not_taken_for_each_other() {
    for level in BOTH {
        let db = empty();
        let (mut t1, mut t2, mut t3) = (
            db.begin_with(level),
            db.begin_with(level),
            db.begin_with(level),
        );
        // Each of them has the same first id for another name.
        for (tx, names) in [
            (&mut t1, ["x", "y", "z"]),
            (&mut t2, ["y", "z", "x"]),
            (&mut t3, ["z", "w", "y"]),
        ] {
            for (name, n) in names.into_iter().zip(0_u8..) {
                tx.put(name, nth(40 + n), &Value::from(name)).unwrap();
                tx.put(name, nth(50 + n), &Value::from(name)).unwrap();
                tx.delete_range(name, nth(50 + n)..nth(51 + n)).unwrap();
                if level == Isolation::Snapshot {
                    // A serializable one would have read that nobody else fills it.
                    assert_eq!(tx.scan(name).count(), 1);
                }
            }
        }
        for tx in [t1, t2, t3] {
            // No key of one is a key of another; that they found each other's collections absent, nobody asked.
            commit(&db, tx).unwrap();
        }
        let snapshot = db.snapshot();
        let counts = ["x", "y", "z", "w"].map(|name| {
            for entity in snapshot.scan(name) {
                assert_eq!(entity.unwrap().1.value().unwrap(), Value::from(name));
            }
            snapshot.scan(name).count()
        });
        assert_eq!(counts, [2, 3, 3, 1]);
    }
}

#[test]
fn the_same_entity_of_a_collection_made_at_once_conflicts() {
    for level in BOTH {
        let db = empty();
        let (mut t1, mut t2) = (db.begin_with(level), db.begin_with(level));
        t1.put("first", nth(1), &value(1)).unwrap();
        t1.put("both", nth(1), &value(1)).unwrap();
        t2.put("both", nth(1), &value(2)).unwrap();
        commit(&db, t1).unwrap();
        is_refused(&db, t2);
    }
}

#[test]
fn a_collection_that_was_found_absent_and_then_filled_is_a_phantom() {
    for (level, checkpoints) in BOTH.into_iter().flat_map(|l| [(l, 0), (l, 1)]) {
        let db = table();
        let (mut reads, mut makes) = (db.begin_with(level), db.begin_with(level));
        assert!(!reads.contains("new", nth(1)).unwrap());
        set(&mut reads, 1, 11);
        // It makes the collection itself, and reads what another puts there.
        makes.put("new", nth(5), &value(5)).unwrap();
        assert_eq!(makes.get("new", nth(1)).unwrap(), None);
        db.untyped("unrelated").put(nth(9), &value(1)).unwrap();
        db.untyped("new").put(nth(1), &value(1)).unwrap();
        across(&db, checkpoints);
        is_refused_if_serializable(&db, reads, level);
        is_refused_if_serializable(&db, makes, level);
    }
}

#[test]
fn a_transaction_is_not_refused_for_a_collection_that_it_makes_itself() {
    for level in BOTH {
        let db = table();
        let mut tx = db.begin_with(level);
        assert_eq!(tx.get("new", nth(1)).unwrap(), None);
        assert_eq!(tx.scan("new").count(), 0);
        tx.put("new", nth(1), &value(1)).unwrap();
        db.untyped("unrelated").put(nth(1), &value(1)).unwrap();
        commit(&db, tx).unwrap();
    }
}

#[test]
fn a_blind_remove_costs_no_read_and_conflicts_as_a_write() {
    for level in BOTH {
        let db = table();
        let (mut t1, mut t2) = (db.begin_with(level), db.begin_with(level));
        t1.remove("test", nth(1)).unwrap();
        t1.remove("test", nth(77)).unwrap();
        t1.remove("not there", nth(1)).unwrap();
        assert_eq!(all(&t1), [20]);
        set(&mut t2, 77, 0);
        commit(&db, t1).unwrap();
        is_refused(&db, t2);
        holds(&db, &[20]);
    }
}

#[test]
fn a_transaction_that_wrote_nothing_answers_with_the_moment_that_it_saw() {
    for level in BOTH {
        let db = table();
        let lsn = db.lsn();
        let reads = db.begin_with(level);
        assert_eq!(get(&reads, 1), Some(10));
        let eventual = WriteOptions::new().durability(Durability::Eventual);
        let (_, told) = db
            .write_with(&eventual, |tx| {
                set(tx, 1, 11);
                Ok(())
            })
            .unwrap();
        assert!(!told.durable && told.lsn > lsn);
        let syncs = db.stats().unwrap().sync_count;
        let receipt = commit(&db, reads).unwrap();
        assert_eq!((receipt.lsn, receipt.durable), (lsn, true));
        let receipt = commit(&db, db.begin_with(level)).unwrap();
        assert_eq!((receipt.lsn, receipt.durable), (told.lsn, false));
        assert_eq!(
            db.stats().unwrap().sync_count,
            syncs,
            "nothing to make durable"
        );
        db.sync().unwrap();
        let receipt = commit(&db, db.begin_with(level)).unwrap();
        assert_eq!((receipt.lsn, receipt.durable), (told.lsn, true));
        assert_eq!(db.lsn(), told.lsn);
    }
}

/// What a transaction does to a collection, of 12 ids.
#[derive(Debug, Clone)]
enum Act {
    Put(u8, i64),
    Delete(u8),
    Remove(u8),
    Range(u8, u8),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => (0..12_u8, any::<i64>()).prop_map(|(n, to)| Act::Put(n, to)),
        1 => (0..12_u8).prop_map(Act::Delete),
        2 => (0..12_u8).prop_map(Act::Remove),
        2 => (0..12_u8, 0..12_u8).prop_map(|(from, to)| Act::Range(from, to)),
    ]
}

fn run(tx: &mut Transaction, model: &mut BTreeMap<EntityId, i64>, name: &str, act: &Act) {
    match act {
        Act::Put(n, to) => {
            tx.put(name, nth(*n), &value(*to)).unwrap();
            model.insert(nth(*n), *to);
        }
        Act::Delete(n) => {
            let there = tx.delete(name, nth(*n)).unwrap();
            assert_eq!(there, model.remove(&nth(*n)).is_some());
        }
        Act::Remove(n) => {
            tx.remove(name, nth(*n)).unwrap();
            model.remove(&nth(*n));
        }
        Act::Range(from, to) => {
            tx.delete_range(name, nth(*from)..nth(*to)).unwrap();
            model.retain(|id, _| !(nth(*from)..nth(*to)).contains(id));
        }
    }
}

fn compare(tx: &Transaction, model: &BTreeMap<EntityId, i64>, name: &str) {
    for n in 0..13 {
        let got = tx.get(name, nth(n)).unwrap();
        let got = got.map(|p| p.value().unwrap().as_i64().unwrap());
        assert_eq!(got.as_ref(), model.get(&nth(n)));
        assert_eq!(
            tx.contains(name, nth(n)).unwrap(),
            model.contains_key(&nth(n))
        );
    }
    let bounds = [
        (Bound::Unbounded, Bound::Unbounded),
        (Bound::Included(nth(3)), Bound::Excluded(nth(9))),
        (Bound::Excluded(nth(2)), Bound::Included(nth(7))),
    ];
    for range in bounds {
        let got: Vec<_> = tx.range(name, range).map(Result::unwrap).collect();
        let got: Vec<_> = got
            .into_iter()
            .map(|(id, p)| (id, p.value().unwrap().as_i64().unwrap()))
            .collect();
        let expected: Vec<_> = model
            .iter()
            .filter(|(id, _)| range.contains(*id))
            .map(|(id, to)| (*id, *to))
            .collect();
        assert_eq!(got, expected);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_transaction_reads_over_its_own_writes_what_is_there_once_it_is_committed(
        transactions in prop::collection::vec((prop::collection::vec(act(), 0..12), any::<bool>(), any::<bool>()), 1..6),
    ) {
        let disk = MemoryDirectory::new();
        let mut db = options().open_in(disk.clone()).unwrap();
        let mut model = BTreeMap::new();
        for (acts, checkpoint, reopen) in transactions {
            let mut tx = db.begin_with(Isolation::Serializable);
            let before = model.clone();
            for act in &acts {
                run(&mut tx, &mut model, "test", act);
                compare(&tx, &model, "test");
            }
            let beside = db.begin();
            compare(&beside, &before, "test");
            commit(&db, tx).unwrap();
            compare(&db.begin(), &model, "test");
            if checkpoint {
                db.checkpoint().unwrap();
            }
            if reopen {
                db.close().unwrap();
                db = options().open_in(disk.clone()).unwrap();
            }
            compare(&beside, &before, "test");
            compare(&db.begin(), &model, "test");
        }
        let report = db.verify().unwrap();
        prop_assert!(report.is_sound(), "{:?}", report.problems);
    }
}
