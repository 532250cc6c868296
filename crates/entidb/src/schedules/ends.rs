//! Waiting for what others have committed, dropping what they commit to, and closing under them.

use super::explore;
use super::notes::{Answer, NAME};
use super::world::{World, join, quiet};
use crate::{Durability, ErrorKind};

fn waiting(world: World) {
    join([
        world.spawn(|world| {
            if let Answer::Committed(receipt) = world.put(1, 1, Durability::Eventual) {
                world.db.wait_durable(receipt.lsn).unwrap();
                world.note_durable(receipt.lsn);
            }
            world.put(2, 2, Durability::Sync);
        }),
        world.spawn(|world| {
            world.put(3, 3, Durability::Eventual);
            let lsn = world.db.sync().unwrap();
            world.note_durable(lsn);
            world.put(4, 4, Durability::Eventual);
        }),
        world.spawn(|world| {
            world.db.checkpoint().unwrap();
            let lsn = world.db.sync().unwrap();
            world.note_durable(lsn);
        }),
        world.spawn(|world| world.watch(2)),
    ]);
    world.end();
}

#[test]
fn what_was_waited_for_is_durable() {
    explore(|| waiting(World::begun(quiet())));
}

#[test]
fn what_was_waited_for_is_durable_where_every_commit_turns_to_another_log() {
    explore(|| waiting(World::begun(quiet().checkpoint_log_bytes(1))));
}

/// Commits until it is refused, which only closing may do.
fn commit_on(world: &World, first: u64, durability: Durability) {
    for n in first..first + 3 {
        match world.put(n, n, durability) {
            Answer::Committed(_) => {}
            answer => {
                assert_eq!(answer, Answer::Refused(ErrorKind::ReadOnly));
                return;
            }
        }
    }
}

#[test]
fn closing_beside_commits_loses_nothing_and_hangs_nobody() {
    explore(|| {
        let world = World::begun(quiet());
        join([
            world.spawn(|world| commit_on(world, 10, Durability::Sync)),
            world.spawn(|world| commit_on(world, 20, Durability::Eventual)),
            world.spawn(|world| {
                let _ = world.db.sync();
                let _ = world.db.checkpoint();
            }),
            world.spawn(|world| world.db.clone().close().unwrap()),
        ]);
        world.end();
    });
}

#[test]
fn a_collection_that_is_made_beside_closing_is_made_under_the_lock_or_not() {
    explore(|| {
        let world = World::new(quiet());
        join([
            world.spawn(|world| commit_on(world, 10, Durability::Sync)),
            world.spawn(|world| world.db.clone().close().unwrap()),
        ]);
        world.end();
    });
}

#[test]
fn a_collection_that_is_dropped_beside_closing_is_dropped_under_the_lock_or_not() {
    explore(|| {
        let world = World::begun(quiet());
        join([
            world.spawn(|world| {
                let _ = world.db.drop_collection(NAME);
            }),
            world.spawn(|world| world.db.clone().close().unwrap()),
        ]);
    });
}

#[test]
fn merging_beside_closing_is_done_under_the_lock_or_not() {
    explore(|| {
        let world = World::begun(quiet());
        world.db.checkpoint().unwrap();
        world.put(1, 1, Durability::Sync);
        join([
            world.spawn(|world| {
                let _ = world.db.compact();
            }),
            world.spawn(|world| world.db.clone().close().unwrap()),
        ]);
        world.end();
    });
}

#[test]
fn closing_twice_at_once_closes_once() {
    explore(|| {
        let world = World::begun(quiet());
        join([
            world.spawn(|world| commit_on(world, 10, Durability::Sync)),
            world.spawn(|world| world.db.clone().close().unwrap()),
            world.spawn(|world| world.db.clone().close().unwrap()),
        ]);
        world.end();
    });
}

#[test]
fn a_drop_beside_commits_takes_what_was_before_it_and_nothing_else() {
    explore(|| {
        let world = World::begun(quiet());
        join([
            world.spawn(|world| {
                world.put(1, 1, Durability::Sync);
                world.put(2, 2, Durability::Eventual);
            }),
            world.spawn(|world| {
                world.put(3, 3, Durability::Eventual);
                world.put(4, 4, Durability::Sync);
            }),
            world.spawn(|world| drop(world.db.checkpoint())),
            world.spawn(|world| assert!(world.drop_collection())),
        ]);
        world.end();
    });
}

#[test]
fn a_collection_that_two_drop_at_once_is_dropped() {
    explore(|| {
        let world = World::begun(quiet());
        join([
            world.spawn(|world| _ = world.db.drop_collection(NAME).unwrap()),
            world.spawn(|world| _ = world.db.drop_collection(NAME).unwrap()),
        ]);
        let collections = world.db.snapshot().collections().count();
        assert_eq!(collections, 0);
    });
}
