//! Transactions that do not fit in memory: their own writes, their commit, and what others see of them.

#![allow(
    clippy::unwrap_used,
    reason = "a test's helpers fail as its functions do"
)]

mod common;

use std::collections::BTreeMap;

use common::{content, id, options, text};
use entidb::storage::{Directory, MemoryDirectory};
use entidb::{Database, Durability, EntityId, ErrorKind, Isolation, Options, Transaction, Value};
use proptest::prelude::*;

/// So little fits in memory that a few writes are spilled.
fn tiny() -> Options {
    options().transaction_memory_bytes(1_000)
}

fn open(directory: &MemoryDirectory) -> Database {
    tiny().open_in(directory.clone()).unwrap()
}

/// Streams that a transaction may have made.
fn streams(directory: &MemoryDirectory) -> Vec<String> {
    let names = directory.list().unwrap().into_iter();
    names
        .filter(|name| name.ends_with(".run") || name.ends_with(".seg"))
        .collect()
}

fn put(tx: &mut Transaction, ids: impl Iterator<Item = u64>, words: &str) {
    for n in ids {
        let value = Value::from(format!("{words} {n}").as_str());
        tx.put("test", id(n), &value).unwrap();
    }
}

fn seen(tx: &Transaction) -> BTreeMap<EntityId, String> {
    let all = tx.scan("test").map(|entity| {
        let (id, payload) = entity.unwrap();
        let value = payload.value().unwrap();
        assert_eq!(tx.get("test", id).unwrap().unwrap(), payload);
        assert!(tx.contains("test", id).unwrap());
        (id, value.as_str().unwrap().to_owned())
    });
    all.collect()
}

#[test]
fn what_was_spilled_is_seen_by_its_transaction_alone_and_then_by_all() {
    let directory = MemoryDirectory::new();
    let db = open(&directory);
    db.untyped("test").put(id(7), &text(7)).unwrap();
    db.untyped("test").put(id(500), &text(500)).unwrap();
    let before = db.snapshot();
    let mut tx = db.begin();
    put(&mut tx, 0..300, "first");
    assert!(!streams(&directory).is_empty(), "nothing was spilled");
    put(&mut tx, (0..300).step_by(3), "second");
    for n in (0..300).step_by(5) {
        assert!(tx.delete("test", id(n)).unwrap());
    }
    let mut model: BTreeMap<EntityId, String> = BTreeMap::new();
    for n in (0..300).filter(|n| n % 5 != 0) {
        let words = if n % 3 == 0 { "second" } else { "first" };
        model.insert(id(n), format!("{words} {n}"));
    }
    model.insert(id(500), "entity number 500".to_owned());
    assert_eq!(seen(&tx), model);
    assert!(!tx.contains("test", id(5)).unwrap());
    assert_eq!(db.snapshot().count("test").unwrap(), 2, "not committed");
    let receipt = db.commit(tx, Durability::Eventual).unwrap();
    assert!(receipt.durable);
    assert_eq!(db.lsn(), receipt.lsn);
    assert_eq!(before.count("test").unwrap(), 2);
    assert_eq!(seen(&db.begin()), model);
    let there = content(&db).unwrap();
    assert!(db.verify().unwrap().is_sound());
    db.untyped("test").put(id(1), &text(1)).unwrap();
    let there_later = content(&db).unwrap();
    db.close().unwrap();
    let db = open(&directory);
    assert_eq!(content(&db).unwrap(), there_later);
    assert_ne!(there, there_later);
    db.compact().unwrap();
    assert_eq!(content(&db).unwrap(), there_later);
    assert!(db.verify().unwrap().is_sound());
}

#[test]
fn a_dropped_transaction_leaves_no_streams() {
    let directory = MemoryDirectory::new();
    let db = open(&directory);
    db.untyped("test").put(id(7), &text(7)).unwrap();
    let mut tx = db.begin_with(Isolation::Serializable);
    put(&mut tx, 0..100, "never seen");
    for n in 200..400 {
        assert_eq!(tx.get("test", id(n)).unwrap(), None);
    }
    let mut walk = tx.scan("test");
    assert_eq!(
        walk.next().unwrap().unwrap().0,
        seen(&tx).into_keys().next().unwrap()
    );
    drop(tx);
    assert!(!streams(&directory).is_empty(), "the walk goes on");
    assert_eq!(walk.filter(|entity| entity.is_ok()).count(), 99);
    assert_eq!(streams(&directory), [""; 0]);
    assert_eq!(db.snapshot().count("test").unwrap(), 1);
    // What is left of one that was killed goes with the next session that writes.
    let mut tx = db.begin();
    put(&mut tx, 0..100, "never seen");
    let killed = common::directory(&common::image(&directory));
    assert!(!streams(&killed).is_empty());
    let db = open(&killed);
    db.untyped("test").put(id(8), &text(8)).unwrap();
    assert_eq!(streams(&killed), [""; 0]);
    assert_eq!(db.snapshot().count("test").unwrap(), 2);
}

#[test]
fn a_commit_lists_no_stream_that_it_does_not_need() {
    let directory = MemoryDirectory::new();
    let db = open(&directory);
    let mut tx = db.begin();
    for round in 0..20 {
        put(&mut tx, 0..20, &format!("round {round}"));
    }
    db.commit(tx, Durability::Sync).unwrap();
    assert_eq!(db.snapshot().count("test").unwrap(), 20);
    assert_eq!(db.stats().unwrap().run_count, 1);
    let kept = streams(&directory).len();
    assert!(kept < 6, "{kept} streams for 20 entities");
}

#[test]
fn ranges_hide_what_was_spilled_before_them_and_nothing_behind() {
    let directory = MemoryDirectory::new();
    let db = open(&directory);
    db.write(|tx| {
        put(tx, 0..40, "stored");
        Ok(())
    })
    .unwrap();
    let ids: Vec<EntityId> = seen(&db.begin()).into_keys().collect();
    for spilled_between in [false, true] {
        let mut tx = db.begin();
        put(&mut tx, 100..160, "before");
        tx.delete_range("test", ids[10]..=ids[29]).unwrap();
        if spilled_between {
            put(&mut tx, 100..160, "between");
        }
        let mut model = seen(&tx);
        let hidden = |id: &EntityId| ids[10] <= *id && *id <= ids[29];
        assert_eq!(model.keys().any(hidden), spilled_between);
        tx.put("test", ids[15], &Value::from("behind")).unwrap();
        model.insert(ids[15], "behind".to_owned());
        assert_eq!(seen(&tx), model);
        tx.delete_range("test", ..).unwrap();
        assert_eq!(seen(&tx), BTreeMap::new());
        put(&mut tx, 200..260, "last");
        let model = seen(&tx);
        assert_eq!(model.len(), 60);
        db.commit(tx, Durability::Sync).unwrap();
        assert_eq!(seen(&db.begin()), model);
        assert!(db.verify().unwrap().is_sound());
        db.write(|tx| {
            tx.delete_range("test", ..)?;
            put(tx, 0..40, "stored");
            Ok(())
        })
        .unwrap();
    }
}

#[test]
fn the_first_committer_wins_against_a_large_one_too() {
    type Write = fn(&Database);
    let there: Write = |db| db.untyped("test").put(id(3), &text(3)).unwrap();
    let deleted: Write = |db| assert!(db.untyped("test").delete(id(1_000)).unwrap());
    let range: Write = |db| {
        let all = |tx: &mut Transaction| tx.delete_range("test", ..);
        db.write(all).unwrap();
    };
    let beside: Write = |db| db.untyped("test").put(id(2_000), &text(3)).unwrap();
    let elsewhere: Write = |db| db.untyped("other").put(id(3), &text(3)).unwrap();
    let dropped: Write = |db| assert!(db.drop_collection("test").unwrap());
    let large: Write = |db| {
        let mut tx = db.begin();
        put(&mut tx, 90..200, "another");
        db.commit(tx, Durability::Sync).unwrap();
    };
    for (write, conflicts) in [
        (there, true),
        (deleted, true),
        (range, true),
        (dropped, true),
        (large, true),
        (beside, false),
        (elsewhere, false),
    ] {
        // What was committed meanwhile is in the log, in a run, or in one that is larger than the transaction.
        for place in 0..3 {
            let db = open(&MemoryDirectory::new());
            db.write(|tx| {
                put(tx, 1_000..1_002, "before");
                Ok(())
            })
            .unwrap();
            let mut tx = db.begin();
            put(&mut tx, 0..100, "large");
            tx.remove("test", id(1_000)).unwrap();
            write(&db);
            if place == 2 {
                db.write(|tx| (3_000..3_300).try_for_each(|n| tx.put("other", id(n), &text(n))))
                    .unwrap();
            }
            if place > 0 {
                db.checkpoint().unwrap();
            }
            let then = content(&db).unwrap();
            let committed = db.commit(tx, Durability::Sync);
            match conflicts {
                true => {
                    assert_eq!(committed.unwrap_err().kind(), ErrorKind::Conflict);
                    assert_eq!(content(&db).unwrap(), then);
                    assert_eq!(db.stats().unwrap().conflict_count, 1);
                }
                false => {
                    committed.unwrap();
                    assert!(content(&db).unwrap().len() > 100);
                }
            }
            assert!(db.verify().unwrap().is_sound());
        }
    }
}

#[test]
fn a_small_one_is_refused_behind_a_large_one_that_was_first() {
    let db = open(&MemoryDirectory::new());
    let mut large = db.begin();
    put(&mut large, 0..100, "large");
    large.delete_range("test", id(9)..=id(9)).unwrap();
    let (mut same, mut in_range, mut beside) = (db.begin(), db.begin(), db.begin());
    put(&mut same, 50..51, "small");
    put(&mut in_range, 9..10, "small");
    put(&mut beside, 500..501, "small");
    db.commit(large, Durability::Sync).unwrap();
    for tx in [same, in_range] {
        let refused = db.commit(tx, Durability::Sync).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Conflict);
    }
    db.commit(beside, Durability::Sync).unwrap();
    assert_eq!(db.snapshot().count("test").unwrap(), 100);
}

#[test]
fn what_a_serializable_transaction_has_read_does_not_fit_in_memory_either() {
    for (written, conflicts) in [(50, true), (5_000, true), (7_000, false)] {
        for large in [false, true] {
            for checkpoint in [false, true] {
                let directory = MemoryDirectory::new();
                let db = open(&directory);
                db.untyped("test").put(id(50), &text(50)).unwrap();
                let mut tx = db.begin_with(Isolation::Serializable);
                for n in 0..300 {
                    assert_eq!(tx.contains("test", id(n)).unwrap(), n == 50);
                }
                let range = tx.range("test", id(5_000)..=id(5_000));
                assert_eq!(range.count(), 0);
                assert!(!streams(&directory).is_empty(), "keys were spilled");
                let count = if large { 100 } else { 1 };
                put(&mut tx, 10_000..10_000 + count, "written");
                db.untyped("test").put(id(written), &text(1)).unwrap();
                if checkpoint {
                    db.checkpoint().unwrap();
                }
                let committed = db.commit(tx, Durability::Sync).map_err(|e| e.kind());
                match conflicts {
                    true => assert_eq!(committed, Err(ErrorKind::Conflict)),
                    false => drop(committed.unwrap()),
                }
            }
        }
    }
}

#[test]
fn a_transaction_that_only_reads_commits_whatever_it_has_read() {
    let directory = MemoryDirectory::new();
    let db = open(&directory);
    let tx = db.begin_with(Isolation::Serializable);
    for n in 0..300 {
        assert!(!tx.contains("test", id(n)).unwrap());
    }
    db.untyped("test").put(id(1), &text(1)).unwrap();
    db.commit(tx, Durability::Sync).unwrap();
    assert_eq!(streams(&directory), [""; 0]);
}

#[test]
fn collections_are_made_with_their_first_spill_under_ids_that_others_have_not() {
    let db = open(&MemoryDirectory::new());
    let mut tx = db.begin();
    let put_to = |tx: &mut Transaction, name: &str, ids: std::ops::Range<u64>| {
        for n in ids {
            tx.put(name, id(n), &text(n)).unwrap();
        }
    };
    put_to(&mut tx, "first", 0..4);
    // Others take the ids that it had for them.
    db.untyped("another").put(id(1), &text(1)).unwrap();
    db.untyped("second").put(id(1), &text(1)).unwrap();
    put_to(&mut tx, "second", 0..50);
    put_to(&mut tx, "first", 50..100);
    db.untyped("yet another").put(id(1), &text(1)).unwrap();
    put_to(&mut tx, "third", 0..50);
    put_to(&mut tx, "fourth", 0..2);
    for (name, count) in [("first", 54), ("second", 50), ("third", 50), ("fourth", 2)] {
        assert_eq!(tx.scan(name).count(), count, "{name}");
    }
    let refused = db.commit(tx, Durability::Sync).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Conflict, "1 is in both");
    let names: Vec<String> = db.snapshot().collections().map(str::to_owned).collect();
    assert!(names.contains(&"first".to_owned()), "made, and empty");
    assert_eq!(db.snapshot().count("first").unwrap(), 0);
    let mut tx = db.begin();
    put_to(&mut tx, "third", 0..100);
    put_to(&mut tx, "fifth", 0..100);
    db.untyped("sixth").put(id(1), &text(1)).unwrap();
    put_to(&mut tx, "seventh", 0..3);
    db.commit(tx, Durability::Sync).unwrap();
    let snapshot = db.snapshot();
    for (name, count) in [("third", 100), ("fifth", 100), ("sixth", 1), ("seventh", 3)] {
        assert_eq!(snapshot.count(name).unwrap(), count, "{name}");
    }
    // A collection that was dropped after it was spilled to takes the commit with it.
    let mut tx = db.begin();
    put_to(&mut tx, "eighth", 0..100);
    assert!(db.drop_collection("eighth").unwrap());
    db.untyped("eighth").put(id(1_000), &text(1)).unwrap();
    put_to(&mut tx, "eighth", 100..200);
    put_to(&mut tx, "ninth", 0..100);
    let refused = db.commit(tx, Durability::Sync).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Conflict);
    assert_eq!(db.snapshot().count("eighth").unwrap(), 1);
    assert!(db.verify().unwrap().is_sound());
}

#[test]
fn snapshots_stay_exact_through_a_large_commit_and_what_comes_behind() {
    let db = open(&MemoryDirectory::new());
    db.write(|tx| {
        put(tx, 0..50, "old");
        Ok(())
    })
    .unwrap();
    let before = db.snapshot();
    let mut tx = db.begin();
    put(&mut tx, 0..100, "large");
    tx.delete_range("test", id(7)..=id(7)).unwrap();
    db.commit(tx, Durability::Sync).unwrap();
    let between = db.snapshot();
    db.write(|tx| tx.delete_range("test", ..)).unwrap();
    db.compact().unwrap();
    assert_eq!(before.count("test").unwrap(), 50);
    assert_eq!(between.count("test").unwrap(), 99);
    assert_eq!(db.snapshot().count("test").unwrap(), 0);
    let all = before
        .scan("test")
        .map(|entity| entity.unwrap().1.value().unwrap());
    assert!(
        all.into_iter()
            .all(|value| value.as_str().unwrap().starts_with("old"))
    );
    let all = between
        .scan("test")
        .map(|entity| entity.unwrap().1.value().unwrap());
    assert!(
        all.into_iter()
            .all(|value| value.as_str().unwrap().starts_with("large"))
    );
}

#[test]
fn merges_remember_deletes_for_a_transaction_that_has_spilled() {
    let db = open(&MemoryDirectory::new());
    db.write(|tx| {
        put(tx, 0..50, "old");
        Ok(())
    })
    .unwrap();
    db.checkpoint().unwrap();
    let mut beside = db.begin();
    let mut conflicting = db.begin();
    put(&mut beside, 100..200, "large");
    put(&mut conflicting, 0..100, "large");
    db.write(|tx| {
        tx.remove("test", id(7))?;
        tx.delete_range("test", id(8)..=id(8))
    })
    .unwrap();
    db.compact().unwrap();
    db.compact().unwrap();
    assert_eq!(db.snapshot().count("test").unwrap(), 48);
    assert!(db.verify().unwrap().is_sound());
    let refused = db.commit(conflicting, Durability::Sync).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Conflict);
    db.commit(beside, Durability::Sync).unwrap();
    // Nobody asks any more.
    db.write(|tx| tx.delete_range("test", ..)).unwrap();
    db.compact().unwrap();
    assert_eq!(db.stats().unwrap().run_count, 0);
}

#[test]
fn many_pieces_are_folded_and_replaced_ones_counted_once() {
    let directory = MemoryDirectory::new();
    let db = open(&directory);
    let mut tx = db.begin();
    let mut model = BTreeMap::new();
    for n in 0..4_000_u64 {
        let n = n * 7919 % 1_500;
        put(&mut tx, n..n + 1, "folded");
        model.insert(id(n), format!("folded {n}"));
    }
    let runs = streams(&directory);
    let runs = runs.iter().filter(|name| name.ends_with(".run")).count();
    assert!(runs < 40, "{runs} runs");
    assert_eq!(seen(&tx), model);
    db.commit(tx, Durability::Sync).unwrap();
    assert_eq!(seen(&db.begin()), model);
    assert!(db.verify().unwrap().is_sound());
}

#[test]
fn a_closed_database_refuses_to_spill() {
    let directory = MemoryDirectory::new();
    let db = open(&directory);
    db.untyped("test").put(id(1), &text(1)).unwrap();
    let (mut tx, mut spilled) = (db.begin(), db.begin());
    put(&mut spilled, 0..100, "never seen");
    let clone = db.clone();
    db.close().unwrap();
    for tx in [&mut tx, &mut spilled] {
        let refused = (0..100).map(|n| tx.put("test", id(n), &text(n)));
        let refused: Vec<_> = refused.filter_map(Result::err).map(|e| e.kind()).collect();
        assert!(!refused.is_empty());
        assert!(refused.iter().all(|kind| *kind == ErrorKind::ReadOnly));
    }
    let refused = clone.commit(spilled, Durability::Sync).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ReadOnly);
    assert_eq!(streams(&directory), [""; 0]);
    let db = open(&directory);
    assert_eq!(db.snapshot().count("test").unwrap(), 1);
}

#[test]
fn a_transaction_may_delete_so_many_ranges_and_no_more() {
    let db = open(&MemoryDirectory::new());
    db.untyped("test").put(id(1), &text(1)).unwrap();
    let mut tx = db.begin();
    let mut refused = None;
    for n in 0..entidb::limits::SPILLED_RANGE_COUNT_MAX as u64 + 100 {
        if let Err(error) = tx.delete_range("test", id(n)..=id(n)) {
            refused = Some((n, error.kind()));
            break;
        }
    }
    let (n, kind) = refused.unwrap();
    assert_eq!(kind, ErrorKind::Invalid);
    assert!(n > 65_000);
}

/// One step of a transaction.
#[derive(Debug, Clone)]
enum Step {
    Put(u64, usize),
    Delete(u64),
    Remove(u64),
    Range(u64, u64),
    Scan(u64, u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0..40_u64, 0..300_usize).prop_map(|(n, len)| Step::Put(n, len)),
        2 => (0..40_u64).prop_map(Step::Delete),
        2 => (0..40_u64).prop_map(Step::Remove),
        1 => (0..40_u64, 0..40_u64).prop_map(|(a, b)| Step::Range(a, b)),
        2 => (0..40_u64, 0..40_u64).prop_map(|(a, b)| Step::Scan(a, b)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_large_transaction_sees_and_commits_what_a_map_would(
        stored in prop::collection::vec((0..40_u64, 0..50_usize), 0..30),
        steps in prop::collection::vec(step(), 1..120),
        bound in prop_oneof![Just(1_usize), Just(300), Just(2_000)],
        checkpoint in any::<bool>(),
    ) {
        let nth = |n: u64| EntityId::from_bytes([u8::try_from(n).unwrap(); 16]);
        let words = |n: u64, len: usize| format!("{n} {}", "z".repeat(len));
        let options = options().transaction_memory_bytes(bound).checkpoint_log_bytes(3_000);
        let db = options.open_in(MemoryDirectory::new()).unwrap();
        let mut model = BTreeMap::new();
        for (n, len) in stored {
            db.untyped("test").put(nth(n), &Value::from(words(n, len).as_str())).unwrap();
            model.insert(nth(n), words(n, len));
        }
        if checkpoint {
            db.checkpoint().unwrap();
        }
        let mut tx = db.begin();
        for step in &steps {
            match *step {
                Step::Put(n, len) => {
                    tx.put("test", nth(n), &Value::from(words(n, len).as_str())).unwrap();
                    model.insert(nth(n), words(n, len));
                }
                Step::Delete(n) => {
                    let was_there = model.remove(&nth(n)).is_some();
                    assert_eq!(tx.delete("test", nth(n)).unwrap(), was_there);
                }
                Step::Remove(n) => {
                    tx.remove("test", nth(n)).unwrap();
                    model.remove(&nth(n));
                }
                Step::Range(a, b) => {
                    tx.delete_range("test", nth(a)..nth(b)).unwrap();
                    model.retain(|id, _| *id < nth(a) || *id >= nth(b));
                }
                Step::Scan(a, b) => {
                    let found: Vec<_> = tx.range("test", nth(a)..=nth(b)).map(|entity| {
                        let (id, payload) = entity.unwrap();
                        (id, payload.value().unwrap().as_str().unwrap().to_owned())
                    }).collect();
                    let wanted = model.iter().filter(|(id, _)| nth(a) <= **id && **id <= nth(b));
                    assert!(found.iter().map(|(id, text)| (id, text)).eq(wanted));
                }
            }
        }
        assert_eq!(seen(&tx), model.clone());
        db.commit(tx, Durability::Sync).unwrap();
        assert_eq!(seen(&db.begin()), model);
        let report = db.verify().unwrap();
        assert!(report.is_sound(), "{:?}", report.problems);
    }
}
