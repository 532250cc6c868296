//! Several at once: no update is lost, no id is taken twice.

use std::sync::Barrier;
use std::sync::atomic::{AtomicU32, Ordering};

use entidb::{Entity, EntityId, ErrorKind};
use serde::{Deserialize, Serialize};

use crate::memory;

#[derive(Entity, Serialize, Deserialize)]
struct Counter {
    #[entity(id)]
    name: String,
    count: u32,
    by: u32,
}

#[test]
fn updates_and_patches_from_several_threads_are_all_kept() {
    const EACH: u32 = 50;
    let db = memory();
    let counters = db.collection::<Counter>().unwrap();
    let name = "clicks".to_owned();
    counters
        .put(&Counter {
            name,
            count: 0,
            by: 0,
        })
        .unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let counters = &counters;
            scope.spawn(move || {
                for n in 0..EACH {
                    // A patch of another field is not lost either.
                    if n % 10 == 0 {
                        let by = entidb::Value::from([("by", thread)]);
                        counters.patch("clicks", &by).unwrap();
                    }
                    counters
                        .update("clicks", |counter| counter.count += 1)
                        .unwrap();
                }
            });
        }
    });
    let clicks = counters.get("clicks").unwrap().unwrap();
    assert_eq!(clicks.count, 4 * EACH);
    assert!(clicks.by < 4);
}

#[test]
fn of_inserts_of_one_id_at_the_same_time_one_succeeds() {
    const THREADS: u32 = 4;
    let db = memory();
    let counters = db.collection::<Counter>().unwrap();
    for round in 0..40_u32 {
        let (inserted, start) = (AtomicU32::new(0), Barrier::new(THREADS as usize));
        std::thread::scope(|scope| {
            for by in 0..THREADS {
                let (counters, inserted, start) = (&counters, &inserted, &start);
                scope.spawn(move || {
                    let name = format!("round {round}");
                    start.wait();
                    match counters.insert(&Counter { name, count: 0, by }) {
                        Ok(()) => drop(inserted.fetch_add(1, Ordering::Relaxed)),
                        Err(error) => assert_eq!(error.kind(), ErrorKind::Duplicate),
                    }
                });
            }
        });
        assert_eq!(inserted.into_inner(), 1);
    }
}

#[test]
fn of_two_transactions_that_insert_the_same_id_the_second_conflicts_and_then_finds_it() {
    let db = memory();
    let counters = db.collection::<Counter>().unwrap();
    let counter = |by| Counter {
        name: "one".to_owned(),
        count: 0,
        by,
    };
    let (mut first, mut second) = (db.begin(), db.begin());
    counters.within(&mut first).insert(&counter(1)).unwrap();
    counters.within(&mut second).insert(&counter(2)).unwrap();
    db.commit(first, entidb::Durability::Sync).unwrap();
    let error = db.commit(second, entidb::Durability::Sync).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    let mut again = db.begin();
    let error = counters.within(&mut again).insert(&counter(2)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Duplicate);
    assert_eq!(error.id(), Some(EntityId::from_key("one")));
    assert_eq!(counters.get("one").unwrap().unwrap().by, 1);
}

#[test]
fn a_collection_is_declared_by_several_threads_at_once() {
    let db = memory();
    std::thread::scope(|scope| {
        for n in 0..4_u32 {
            let db = &db;
            scope.spawn(move || {
                let counters = db.collection::<Counter>().unwrap();
                let name = n.to_string();
                counters
                    .insert(&Counter {
                        name,
                        count: n,
                        by: n,
                    })
                    .unwrap();
            });
        }
    });
    assert_eq!(db.snapshot().collections().collect::<Vec<_>>(), ["counter"]);
    assert_eq!(db.collection::<Counter>().unwrap().count().unwrap(), 4);
}
