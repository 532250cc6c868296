//! A cache that follows the database: it begins with a snapshot, and then takes every commit, without a gap or a repeat.
//!
//! `cargo run -p entidb --example cache`
//!
//! Whoever asks the cache gets an answer without touching the database, and what it says is the whole state at one commit, which
//! is at most as old as the cache is behind.

#![expect(clippy::print_stdout, reason = "an example says what it has done")]

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::thread::{self, JoinHandle};

use entidb::{Change, ChangeKind, Database, EntityId, Lsn, Payload, Value};

/// What the cache holds: one collection, as it was after one commit.
struct State {
    lsn: Lsn,
    prices: HashMap<EntityId, Payload>,
}

/// A cache of one collection, and the thread that keeps it.
struct Cache {
    state: Arc<RwLock<State>>,
    keeper: JoinHandle<entidb::Result<()>>,
}

impl Cache {
    fn of(db: &Database, collection: &'static str) -> entidb::Result<Self> {
        let (snapshot, changes) = db.snapshot_and_changes()?;
        let state = Arc::new(RwLock::new(State {
            lsn: snapshot.lsn(),
            prices: snapshot.scan(collection).collect::<entidb::Result<_>>()?,
        }));
        drop(snapshot);
        let shared = Arc::clone(&state);
        // Ends when the database is closed. It holds the database open no longer than its users do.
        let keeper = thread::spawn(move || {
            for commit in changes {
                let commit = commit?;
                let mut state = shared.write().unwrap_or_else(PoisonError::into_inner);
                state.lsn = commit.lsn;
                let changes = commit.changes.into_iter();
                for change in changes.filter(|change| &*change.collection == collection) {
                    apply(&mut state.prices, change);
                }
            }
            Ok(())
        });
        Ok(Self { state, keeper })
    }

    fn get(&self, id: EntityId) -> Option<Payload> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        state.prices.get(&id).cloned()
    }
}

fn apply(prices: &mut HashMap<EntityId, Payload>, change: Change) {
    match (change.kind, change.new) {
        (ChangeKind::DeleteRange { first, last }, _) => {
            prices.retain(|id, _| !(first..=last).contains(id));
        }
        (ChangeKind::Drop, _) => prices.clear(),
        (_, Some(new)) => drop(prices.insert(change.id, new)),
        (_, None) => drop(prices.remove(&change.id)),
    }
}

fn main() -> entidb::Result<()> {
    let folder = std::env::temp_dir().join(format!("entidb-cache-{}", std::process::id()));
    let db = Database::open(&folder)?;
    for n in 0..100_u64 {
        db.untyped("prices")
            .put(EntityId::from_key(n), &Value::from(n))?;
    }
    let cache = Cache::of(&db, "prices")?;
    let asked = cache
        .get(EntityId::from_key(42_u64))
        .map(|price| price.value());
    println!("from the snapshot: {asked:?}");

    // Two write while the cache follows.
    thread::scope(|scope| {
        for shop in 0..2_u64 {
            let db = &db;
            scope.spawn(move || -> entidb::Result<()> {
                for round in 0..200_u64 {
                    let id = EntityId::from_key((round * 7 + shop) % 130);
                    match round % 5 {
                        0 => db.untyped("prices").delete(id).map(drop)?,
                        _ => db.untyped("prices").put(id, &Value::from(round))?,
                    }
                }
                Ok(())
            });
        }
    });

    let expected: HashMap<EntityId, Payload> = db
        .snapshot()
        .scan("prices")
        .collect::<entidb::Result<_>>()?;
    let last = db.lsn();
    db.close()?;
    // It has taken everything by then.
    match cache.keeper.join() {
        Ok(kept) => kept?,
        Err(panic) => std::panic::resume_unwind(panic),
    }
    let state = cache.state.read().unwrap_or_else(PoisonError::into_inner);
    println!(
        "{} prices in the cache, as after commit {}; the database has {} after {last}",
        state.prices.len(),
        state.lsn,
        expected.len()
    );
    assert_eq!(state.prices, expected);
    let _ = std::fs::remove_dir_all(folder);
    Ok(())
}
