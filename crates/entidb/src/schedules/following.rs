//! Following the changes beside those who make them.

use std::time::Duration;

use super::explore;
use super::notes::Answer;
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
        assert_eq!(commit.lsn.0, last.0 + 1, "one was left out, or came twice");
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
