//! Following the changes beside those who make them.

use std::time::Duration;

use super::explore;
use super::notes::{Answer, content, number, numbered};
use super::world::{World, join, quiet};
use crate::{Durability, Lsn, Options, Retention};

/// Waits that would last as long as this never end by themselves here: it is called, or it hangs.
const LONG: Duration = Duration::from_secs(3600);

fn keeping(options: Options) -> Options {
    options.retention(Retention::bytes(1 << 20))
}

/// Takes so many commits: each is durable, and behind the one before.
fn follow(world: &World, after: Lsn, count: usize) {
    let mut changes = world.db.changes(after).unwrap();
    let mut last = after;
    for _ in 0..count {
        let commit = changes.next_timeout(LONG).unwrap().unwrap();
        world.note_durable(commit.lsn);
        // Between two there may be a mark. If one were left out, the last would never come.
        assert!(commit.lsn > last, "one came twice");
        last = commit.lsn;
    }
}

fn following(world: World) {
    let after = world.db.lsn();
    join([
        world.spawn(|world| {
            world.put(1, 1, Durability::Sync);
            world.put(2, 2, Durability::Sync);
        }),
        world.spawn(|world| {
            world.put(3, 3, Durability::Eventual);
            let answer = world.put(4, 4, Durability::Sync);
            assert!(matches!(answer, Answer::Committed(_)));
        }),
        world.spawn(move |world| follow(world, after, 4)),
        world.spawn(|world| {
            world.db.checkpoint().unwrap();
            world.db.compact().unwrap();
        }),
    ]);
    follow(&world, after, 4);
    world.end();
}

#[test]
fn who_follows_gets_every_durable_commit_once_and_is_called_for_each() {
    explore(|| following(World::begun(keeping(quiet()))));
}

#[test]
fn who_follows_is_called_for_what_the_background_makes_durable() {
    explore(|| following(World::begun(keeping(quiet().background(true)))));
}

/// A copy that is made of a snapshot, and kept up with what changes behind it, is what there is.
#[test]
fn a_snapshot_and_the_changes_behind_it_are_everything_without_a_gap_or_a_repeat() {
    explore(|| {
        let world = World::begun(quiet());
        join([
            world.spawn(|world| {
                world.put(1, 1, Durability::Eventual);
                world.put(2, 2, Durability::Sync);
            }),
            world.spawn(|world| {
                world.put(1, 3, Durability::Sync);
                world.delete(0, Durability::Sync);
            }),
            world.spawn(|world| world.db.checkpoint().unwrap()),
            world.spawn(|world| {
                let (snapshot, mut changes) = world.db.snapshot_and_changes().unwrap();
                let mut copy = content(&snapshot);
                let mut last = snapshot.lsn();
                world.note_durable(last);
                // All four, and the one before them.
                while last < Lsn(5) {
                    let commit = changes.next_timeout(LONG).unwrap().unwrap();
                    assert_eq!(commit.lsn.0, last.0 + 1, "a gap, or a repeat");
                    last = commit.lsn;
                    for change in commit.changes {
                        match change.new {
                            Some(new) => copy.insert(numbered(change.id), number(&new)),
                            None => copy.remove(&numbered(change.id)),
                        };
                    }
                }
                assert_eq!(copy, content(&world.db.snapshot()));
            }),
        ]);
        world.end();
    });
}

#[test]
fn who_follows_is_called_when_the_database_is_closed() {
    explore(|| {
        let world = World::begun(keeping(quiet()));
        join([
            world.spawn(|world| {
                let mut changes = world.db.changes(world.db.lsn()).unwrap();
                while let Some(commit) = changes.next_timeout(LONG).unwrap() {
                    world.note_durable(commit.lsn);
                }
            }),
            world.spawn(|world| {
                world.put(1, 1, Durability::Sync);
                world.db.clone().close().unwrap();
            }),
        ]);
        world.end();
    });
}
