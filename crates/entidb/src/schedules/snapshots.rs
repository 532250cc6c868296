//! Snapshots that are held while logs turn, runs are made and merged, and streams go.

use std::collections::BTreeSet;

use entidb_storage::Directory;

use super::explore;
use super::notes::content;
use super::world::{World, join, quiet};
use crate::format::name;
use crate::{Durability, Snapshot};

fn names(world: &World) -> BTreeSet<String> {
    world.disk.list().unwrap().into_iter().collect()
}

/// The streams that a snapshot's runs are in and point into.
fn needed(snapshot: &Snapshot) -> BTreeSet<String> {
    let view = snapshot.view();
    let runs = view.runs.iter().map(|run| run.stream.name.clone());
    let pointed = view.runs.iter().flat_map(|run| &run.footer.streams);
    let pointed = pointed.map(|id| view.streams.get(id).unwrap().name.clone());
    runs.chain(pointed).collect()
}

/// Holds a snapshot for a while: what is in it stays, and so do the streams that it is read from.
pub(super) fn hold(world: &World) {
    let snapshot = world.db.snapshot();
    let needed = needed(&snapshot);
    let found = content(&snapshot);
    for _ in 0..3 {
        assert_eq!(content(&snapshot), found, "a snapshot has changed");
        let there = names(world);
        let gone: Vec<_> = needed.difference(&there).collect();
        assert!(gone.is_empty(), "{gone:?} went while a snapshot was held");
    }
}

/// The streams that the manifest does not list.
pub(super) fn unlisted(world: &World) -> Vec<String> {
    let writer = world.writer();
    let unlisted = names(world).into_iter().filter(|stream| {
        let id = name::parse(stream).map(|(id, _)| id);
        id.is_some_and(|id| !writer.editor.read(|manifest| manifest.lists(id)))
    });
    unlisted.collect()
}

fn holding(world: World) {
    join([
        world.spawn(|world| {
            for n in 0..2 {
                world.put(1, n, Durability::Sync);
                world.put(10 + n, n, Durability::Eventual);
            }
            world.delete(1, Durability::Sync);
        }),
        world.spawn(|world| {
            world.db.checkpoint().unwrap();
            world.db.compact().unwrap();
        }),
        world.spawn(hold),
        world.spawn(|world| {
            world.watch(2);
            hold(world);
        }),
    ]);
    world.db.compact().unwrap();
    world.forget_seen();
    // What was held when the merge ended waits for the next occasion.
    let writer = world.writer();
    writer.remove_obsolete(&mut writer.compactor(), false);
    assert!(!writer.compactor().has_obsolete());
    assert_eq!(unlisted(&world), [""; 0], "it never went");
    world.end();
}

#[test]
fn a_held_snapshot_stays_exact_and_keeps_its_streams_and_nothing_else_does() {
    explore(|| holding(World::begun(quiet())));
}

#[test]
fn the_same_where_every_commit_turns_to_another_log() {
    explore(|| holding(World::begun(quiet().checkpoint_log_bytes(1))));
}

#[test]
fn the_same_with_nothing_in_the_cache() {
    explore(|| holding(World::begun(quiet().cache_bytes(0))));
}

/// One key twice, the newer one still waiting for its sync when the checkpoint of both takes effect.
#[test]
fn a_run_is_seen_with_the_commits_in_it() {
    explore(|| {
        let world = World::begun(quiet());
        world.put(1, 1, Durability::Sync);
        join([
            world.spawn(|world| {
                world.put(2, 1, Durability::Sync);
            }),
            world.spawn(|world| {
                world.put(1, 2, Durability::Sync);
            }),
            world.spawn(|world| world.db.checkpoint().unwrap()),
            world.spawn(|world| world.watch(3)),
        ]);
        world.end();
    });
}
