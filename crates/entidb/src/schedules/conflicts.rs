//! Transactions that get in each other's way.

use super::notes::{NAME, content, id};
use super::world::{World, get, join, put, quiet};
use super::{explore, fails};
use crate::{Durability, Isolation, WriteOptions};

/// How often the threads of a program have added one to an entity.
fn count(world: &World, n: u64) -> u64 {
    let found = content(&world.db.snapshot());
    found.get(&n).copied().unwrap_or_default()
}

fn add_one(world: &World, durability: Durability) {
    let options = WriteOptions::new().durability(durability);
    world.write(options, |tx| {
        let before = get(tx, 0)?.unwrap_or_default();
        put(tx, 0, before + 1)?;
        Ok(vec![(0, Some(before + 1))])
    });
}

fn counting(world: World) {
    join([
        world.spawn(|world| {
            add_one(world, Durability::Sync);
            add_one(world, Durability::Eventual);
        }),
        world.spawn(|world| {
            add_one(world, Durability::Eventual);
            add_one(world, Durability::Sync);
        }),
        world.spawn(|world| {
            world.db.checkpoint().unwrap();
            add_one(world, Durability::Sync);
        }),
    ]);
    assert_eq!(count(&world, 0), 5, "an addition was lost");
    world.end();
}

#[test]
fn no_addition_to_a_counter_is_lost() {
    explore(|| counting(World::begun(quiet())));
}

#[test]
fn no_addition_to_a_counter_is_lost_in_a_database_that_begins() {
    explore(|| counting(World::new(quiet())));
}

/// Two accounts between which money goes to and fro.
fn transferring() {
    let world = World::begun(quiet());
    let transfer = |world: &World, from: u64, to: u64| {
        world.write(WriteOptions::new(), |tx| {
            let left = get(tx, from)?.unwrap_or(10);
            let right = get(tx, to)?.unwrap_or(10);
            put(tx, from, left - 1)?;
            put(tx, to, right + 1)?;
            Ok(vec![(from, Some(left - 1)), (to, Some(right + 1))])
        });
    };
    join([
        world.spawn(move |world| {
            transfer(world, 1, 2);
            transfer(world, 1, 2);
        }),
        world.spawn(move |world| {
            transfer(world, 2, 1);
            world.db.checkpoint().unwrap();
        }),
        world.spawn(|world| world.db.compact().unwrap()),
        world.spawn(|world| world.watch(2)),
    ]);
    assert_eq!((count(&world, 1), count(&world, 2)), (9, 11));
    world.end();
}

#[test]
fn transfers_beside_checkpoints_and_merges_balance() {
    explore(transferring);
}

/// Each of two stops if it finds that the other goes on.
fn skew(isolation: Isolation) {
    let world = World::begun(quiet());
    let stop = move |world: &World, own: u64, other: u64| {
        world.write(WriteOptions::new().isolation(isolation), |tx| {
            let goes_on = get(tx, other)?.is_none();
            if !goes_on {
                return Ok(Vec::new());
            }
            put(tx, own, 1)?;
            Ok(vec![(own, Some(1))])
        });
    };
    join([
        world.spawn(move |world| stop(world, 1, 2)),
        world.spawn(move |world| stop(world, 2, 1)),
        world.spawn(|world| world.db.checkpoint().unwrap()),
    ]);
    assert_eq!(count(&world, 1) + count(&world, 2), 1, "one has stopped");
    world.end();
}

#[test]
fn serializable_transactions_allow_no_write_skew() {
    explore(|| skew(Isolation::Serializable));
}

#[test]
fn snapshots_alone_allow_write_skew_so_that_the_test_before_can_fail() {
    assert!(fails(|| skew(Isolation::Snapshot), 500));
}

/// Each of two puts something if it finds nothing.
fn phantom(isolation: Isolation, world: World) {
    let put_the_only_one = move |world: &World, n: u64| {
        world.write(WriteOptions::new().isolation(isolation), |tx| {
            if tx.range(NAME, id(10)..id(20)).next().is_some() {
                return Ok(Vec::new());
            }
            put(tx, n, n)?;
            Ok(vec![(n, Some(n))])
        });
    };
    join([
        world.spawn(move |world| put_the_only_one(world, 10)),
        world.spawn(move |world| put_the_only_one(world, 11)),
        world.spawn(move |world| {
            world.db.checkpoint().unwrap();
            put_the_only_one(world, 12);
        }),
    ]);
    let found = content(&world.db.snapshot());
    assert_eq!(found.range(10..20).count(), 1, "there is only one");
    world.end();
}

#[test]
fn serializable_transactions_see_no_phantoms() {
    explore(|| phantom(Isolation::Serializable, World::begun(quiet())));
}

#[test]
fn a_collection_that_was_found_absent_is_no_phantom() {
    explore(|| phantom(Isolation::Serializable, World::new(quiet())));
}

#[test]
fn snapshots_alone_allow_phantoms_so_that_the_tests_before_can_fail() {
    assert!(fails(
        || phantom(Isolation::Snapshot, World::begun(quiet())),
        500
    ));
}

/// One puts back what it has read while the other deletes it and has that forgotten.
fn forgetting() {
    let world = World::begun(quiet());
    world.put(1, 7, Durability::Sync);
    join([
        world.spawn(|world| {
            world.write(WriteOptions::new(), |tx| {
                let Some(before) = get(tx, 1)? else {
                    return Ok(Vec::new());
                };
                put(tx, 1, before + 1)?;
                Ok(vec![(1, Some(before + 1))])
            });
        }),
        world.spawn(|world| {
            world.delete(1, Durability::Sync);
            world.db.compact().unwrap();
        }),
    ]);
    assert_eq!(count(&world, 1), 0, "a delete has come undone");
    world.end();
}

#[test]
fn a_delete_that_a_merge_has_forgotten_does_not_come_undone() {
    explore(forgetting);
}
