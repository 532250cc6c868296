//! Transactions that do not fit in memory, in collections with indexes.

#![allow(
    clippy::unwrap_used,
    reason = "a test's helpers fail as its functions do"
)]

mod common;

use std::sync::atomic::{AtomicBool, Ordering};

use common::{id, options};
use entidb::storage::MemoryDirectory;
use entidb::{
    Database, Durability, EntityId, ErrorKind, IndexSpec, Isolation, Result, Snapshot, Transaction,
    Value,
};

fn open(bound: usize) -> Database {
    let options = options()
        .transaction_memory_bytes(bound)
        .checkpoint_log_bytes(1 << 20);
    options.open_in(MemoryDirectory::new()).unwrap()
}

/// With an index of groups, and one of addresses, which are unique.
fn indexed(bound: usize) -> Database {
    let db = open(bound);
    db.create_indexes("people", &specs()).unwrap();
    db
}

fn specs() -> [IndexSpec; 2] {
    [IndexSpec::on("group"), IndexSpec::on("mail").unique()]
}

fn person(group: u64, mail: &str) -> Value {
    let fields = [("group", Value::from(group)), ("mail", Value::from(mail))];
    Value::Map(fields.map(|(name, value)| (name.into(), value)).into())
}

fn put(tx: &mut Transaction, n: u64, mail: u64) -> Result<()> {
    let value = person(n % 7, &format!("person{mail:06}@example.org"));
    tx.put("people", id(n), &value)
}

fn mail(n: u64) -> Value {
    Value::from(format!("person{n:06}@example.org").as_str())
}

/// All that the indexes have, in order.
fn found(snapshot: &Snapshot) -> Vec<Vec<EntityId>> {
    let of = |name| -> Vec<EntityId> {
        let find = snapshot.by("people", name).unwrap();
        find.ids().map(Result::unwrap).collect()
    };
    vec![of("group"), of("mail")]
}

/// Puts, replaces, moves, deletes and deletes ranges, all in one transaction over what `before` has left.
fn much(tx: &mut Transaction) -> Result<()> {
    for n in 0..300 {
        put(tx, n, n + 1000)?;
    }
    for n in (0..300).step_by(3) {
        put(tx, n, n + 2000)?;
    }
    for n in (0..400).step_by(5) {
        tx.delete("people", id(n))?;
    }
    tx.delete_range("people", id(40)..=id(40))?;
    let (one, other) = (id(50).min(id(60)), id(50).max(id(60)));
    tx.delete_range("people", one..=other)?;
    for n in 45..70 {
        put(tx, n, n + 3000)?;
    }
    // What one gives up, another takes.
    put(tx, 310, 9310)?;
    put(tx, 311, 310)
}

fn before(tx: &mut Transaction) -> Result<()> {
    (200..400).try_for_each(|n| put(tx, n, n))
}

#[test]
fn indexes_have_what_was_spilled_as_though_it_had_not_been() {
    let (small, large) = (indexed(64 << 20), indexed(1_000));
    for db in [&small, &large] {
        db.write(before).unwrap();
        db.write(much).unwrap();
    }
    let expected = found(&small.snapshot());
    assert!(expected.iter().all(|ids| ids.len() > 200));
    assert_eq!(found(&large.snapshot()), expected);
    let snapshot = large.snapshot();
    let held = snapshot.by("people", "mail").unwrap().equal(&mail(310));
    assert_eq!(held.first().unwrap().unwrap().0, id(311));
    large.write(|tx| tx.delete_range("people", ..)).unwrap();
    assert_eq!(found(&snapshot), expected, "a snapshot stays exact");
    assert!(found(&large.snapshot()).iter().all(Vec::is_empty));
    large.compact().unwrap();
    assert!(large.verify().unwrap().is_sound());
}

#[test]
fn a_transaction_finds_by_an_index_what_it_has_spilled() {
    let db = indexed(1_000);
    db.write(before).unwrap();
    let mut tx = db.begin();
    much(&mut tx).unwrap();
    let by = |tx: &Transaction, n| -> Vec<EntityId> {
        let find = tx.by("people", "mail").unwrap().equal(&mail(n));
        find.ids().map(Result::unwrap).collect()
    };
    assert_eq!(by(&tx, 1001), [id(1)]);
    assert_eq!(by(&tx, 1003), [], "replaced");
    assert_eq!(by(&tx, 2003), [id(3)]);
    assert_eq!(by(&tx, 201), [], "stored, and replaced");
    assert_eq!(by(&tx, 381), [id(381)], "stored, and not touched");
    assert_eq!(by(&tx, 385), [], "stored, and deleted");
    tx.delete("people", id(1)).unwrap();
    assert_eq!(by(&tx, 1001), [], "deleted behind the last spill");
    let group = tx.by("people", "group").unwrap().equal(&Value::from(3));
    let mut ids: Vec<_> = group.ids().map(Result::unwrap).collect();
    db.commit(tx, Durability::Sync).unwrap();
    let snapshot = db.snapshot();
    let group = snapshot.by("people", "group").unwrap();
    let mut there: Vec<_> = group
        .equal(&Value::from(3))
        .ids()
        .map(Result::unwrap)
        .collect();
    ids.sort_unstable();
    there.sort_unstable();
    assert_eq!(ids, there);
}

#[test]
fn a_unique_index_refuses_what_was_spilled_too_and_keeps_nothing_of_it() {
    let db = indexed(1_000);
    db.write(|tx| put(tx, 5000, 5000)).unwrap();
    let (lsn, content) = (db.lsn(), found(&db.snapshot()));
    let refused = |f: &dyn Fn(&mut Transaction) -> Result<()>| {
        let error = db.write(|tx| f(tx)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Duplicate, "{error}");
        let told = error.duplicate().unwrap();
        assert_eq!(
            (told.collection.as_str(), told.index.as_str()),
            ("people", "mail")
        );
        assert_eq!(db.lsn(), lsn);
        assert_eq!(found(&db.snapshot()), content);
        (told.id.min(told.holder), told.id.max(told.holder))
    };
    // Two of its own, in pieces far apart.
    let own = refused(&|tx| {
        (0..200).try_for_each(|n| put(tx, n, n))?;
        put(tx, 300, 17)
    });
    assert_eq!(own, (id(17).min(id(300)), id(17).max(id(300))));
    // One that is there.
    let there = refused(&|tx| (0..200).try_for_each(|n| put(tx, n, 4900 + n)));
    assert_eq!(there, (id(100).min(id(5000)), id(100).max(id(5000))));
    // Whoever had it has it no more.
    db.write(|tx| {
        (0..200).try_for_each(|n| put(tx, n, 4900 + n))?;
        put(tx, 5000, 1)
    })
    .unwrap();
    db.write(|tx| {
        (0..200).try_for_each(|n| put(tx, n, 5099 - n))?;
        tx.delete_range("people", id(5000)..=id(5000))?;
        put(tx, 6000, 1)
    })
    .unwrap();
    assert_eq!(db.untyped("people").count().unwrap(), 201);
    assert!(db.verify().unwrap().is_sound());
}

/// What becomes of a commit that comes beside a large transaction.
#[derive(Debug, Clone, Copy)]
enum Lies {
    InMemory,
    InARun,
    AmongMany,
}

#[test]
fn of_two_that_claim_a_value_at_the_same_time_one_is_refused() {
    for lies in [Lies::InMemory, Lies::InARun, Lies::AmongMany] {
        for large_first in [false, true] {
            let db = indexed(1_000);
            if matches!(lies, Lies::AmongMany) {
                db.write(|tx| (10_000..12_000).try_for_each(|n| put(tx, n, n)))
                    .unwrap();
            }
            let mut large = db.begin();
            let mut other = db.begin();
            for n in 0..100 {
                put(&mut large, n, n).unwrap();
            }
            put(&mut other, 7000, 55).unwrap();
            let (first, second) = match large_first {
                true => (large, other),
                false => (other, large),
            };
            db.commit(first, Durability::Sync).unwrap();
            match lies {
                Lies::InMemory => {}
                Lies::InARun => db.checkpoint().unwrap(),
                Lies::AmongMany => db.compact().unwrap(),
            }
            let refused = db.commit(second, Durability::Sync).unwrap_err();
            assert_eq!(
                refused.kind(),
                ErrorKind::Conflict,
                "{lies:?} {large_first}"
            );
            let snapshot = db.snapshot();
            let find = snapshot.by("people", "mail").unwrap().equal(&mail(55));
            assert_eq!(find.count().unwrap(), 1);
        }
    }
    // Another value is nobody's business.
    let db = indexed(1_000);
    let mut large = db.begin();
    (0..100).for_each(|n| put(&mut large, n, n).unwrap());
    db.write(|tx| put(tx, 7000, 7000)).unwrap();
    db.commit(large, Durability::Sync).unwrap();
    assert!(db.verify().unwrap().is_sound());
}

#[test]
fn a_part_of_an_index_that_a_large_transaction_has_read_conflicts() {
    for writes_there in [true, false] {
        let db = indexed(1_000);
        db.write(before).unwrap();
        let mut tx = db.begin_with(Isolation::Serializable);
        let read = tx.by("people", "group").unwrap().equal(&Value::from(3));
        assert!(read.count().unwrap() > 0);
        (1000..1100).for_each(|n| put(&mut tx, n, n).unwrap());
        let n = if writes_there { 703 } else { 704 };
        assert_eq!(703 % 7, 3);
        db.write(|tx| put(tx, n, n)).unwrap();
        match db.commit(tx, Durability::Sync) {
            Ok(_) => assert!(!writes_there),
            Err(error) => {
                assert!(writes_there, "{error}");
                assert_eq!(error.kind(), ErrorKind::Conflict);
            }
        }
    }
}

#[test]
fn indexes_may_come_and_go_while_a_large_transaction_runs() {
    // Values that nobody else has: what a build writes of another entity is a claim like any other's.
    let others = |tx: &mut Transaction| -> Result<()> {
        (0..300).try_for_each(|n| put(tx, n, n + 1000))?;
        tx.delete_range("people", id(7)..=id(7))?;
        (0..400)
            .step_by(5)
            .try_for_each(|n| tx.remove("people", id(n)))
    };
    let db = open(1_000);
    db.write(before).unwrap();
    let mut tx = db.begin();
    others(&mut tx).unwrap();
    db.create_indexes("people", &specs()).unwrap();
    db.commit(tx, Durability::Sync).unwrap();
    let other = indexed(64 << 20);
    other.write(before).unwrap();
    other.write(others).unwrap();
    assert_eq!(found(&db.snapshot()), found(&other.snapshot()));
    // A duplicate that was none yet when it was spilled.
    let other = open(1_000);
    let mut tx = other.begin();
    (0..100).for_each(|n| put(&mut tx, n, n / 2).unwrap());
    other.create_indexes("people", &specs()).unwrap();
    let refused = other.commit(tx, Durability::Sync).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Duplicate, "{refused}");
    // One that has gone.
    let mut tx = db.begin();
    (0..100).for_each(|n| put(&mut tx, n, n / 2).unwrap());
    db.drop_index("people", "mail").unwrap();
    db.commit(tx, Durability::Sync).unwrap();
    assert_eq!(db.untyped("people").count().unwrap(), {
        let snapshot = db.snapshot();
        let count = snapshot.by("people", "group").unwrap().count();
        count.unwrap()
    });
    assert!(db.verify().unwrap().is_sound());
}

#[test]
fn no_index_that_is_made_beside_large_commits_misses_one() {
    let db = open(1_000);
    let done = AtomicBool::new(false);
    let made = std::thread::scope(|scope| {
        let maker = scope.spawn(|| {
            let mut made = 0;
            while !done.load(Ordering::Relaxed) {
                db.create_indexes("people", &specs()).unwrap();
                let snapshot = db.snapshot();
                let count = snapshot.count("people").unwrap();
                for ids in found(&snapshot) {
                    assert_eq!(ids.len() as u64, count);
                }
                db.drop_index("people", "mail").unwrap();
                db.drop_index("people", "group").unwrap();
                made += 1;
            }
            made
        });
        for round in 0..40 {
            db.write(|tx| (0..60).try_for_each(|n| put(tx, round * 60 + n, round * 60 + n)))
                .unwrap();
        }
        done.store(true, Ordering::Relaxed);
        maker.join().unwrap()
    });
    assert!(made > 0);
    assert_eq!(db.untyped("people").count().unwrap(), 40 * 60);
    assert!(db.verify().unwrap().is_sound());
}

#[test]
fn of_many_large_ones_that_claim_the_same_values_none_doubles_one() {
    let db = indexed(1_000);
    std::thread::scope(|scope| {
        for thread in 0..3_u64 {
            let db = &db;
            scope.spawn(move || {
                for round in 0..15 {
                    let first = 1_000 * (thread + 1);
                    let mut tx = db.begin();
                    for n in 0..50 {
                        put(&mut tx, first + n, (round * 7 + n) % 60).unwrap();
                    }
                    match db.commit(tx, Durability::Sync) {
                        Ok(_) => {}
                        Err(error) => assert!(matches!(
                            error.kind(),
                            ErrorKind::Conflict | ErrorKind::Duplicate
                        )),
                    }
                    db.write(|tx| (0..50).try_for_each(|n| tx.remove("people", id(first + n))))
                        .unwrap();
                }
            });
        }
        let db = &db;
        scope.spawn(move || {
            for _ in 0..60 {
                let snapshot = db.snapshot();
                for n in 0..60 {
                    let find = snapshot.by("people", "mail").unwrap().equal(&mail(n));
                    assert!(find.count().unwrap() <= 1);
                }
            }
        });
    });
    assert!(db.verify().unwrap().is_sound());
}

#[test]
fn parts_of_an_index_are_remembered_however_many_were_read() {
    let db = indexed(64 << 20);
    db.write(before).unwrap();
    for (n, conflicts) in [(5, true), (7, false)] {
        let mut tx = db.begin_with(Isolation::Serializable);
        for n in 0..66_000 {
            let find = tx.by("people", "group").unwrap();
            find.equal(&Value::from(1_000 + n)).first().unwrap();
        }
        tx.put("other", id(1), &Value::from(1)).unwrap();
        // One more in a group that was read long ago; or an entity in another collection.
        let value = person(1_000 + n, &format!("late{n}"));
        let collection = if conflicts { "people" } else { "elsewhere" };
        db.write(|tx| tx.put(collection, id(90_000 + n), &value))
            .unwrap();
        let committed = db.commit(tx, Durability::Sync);
        assert_eq!(committed.is_err(), conflicts, "{committed:?}");
    }
}
