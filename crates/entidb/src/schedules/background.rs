//! The threads in the background, beside commits.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::snapshots::{hold, unlisted};
use super::world::{World, join, quiet};
use super::{explore, run_twice};
use crate::sync::{Instant, thread};
use crate::{Durability, Lsn, Options};

fn busy() -> Options {
    quiet().background(true).auto_compaction(true)
}

/// Waits until `lsn` is durable, and does nothing for it.
fn wait_idly(world: &World, lsn: Lsn) {
    let committer = &world.writer().committer;
    let mut queue = committer.queue();
    while queue.durable() < lsn {
        queue = committer.wait_changed(queue);
    }
    drop(queue);
    world.note_durable(lsn);
}

fn committing(world: World) {
    join([
        world.spawn(|world| {
            world.put(1, 1, Durability::Eventual);
            world.put(2, 2, Durability::Sync);
            world.put(3, 3, Durability::Eventual);
        }),
        world.spawn(|world| {
            world.put(4, 4, Durability::Eventual);
            world.put(5, 5, Durability::Eventual);
        }),
        world.spawn(|world| world.watch(2)),
    ]);
    let last = world.writer().committer.queue().last_lsn();
    wait_idly(&world, last);
    world.end();
}

#[test]
fn eventual_commits_become_durable_by_themselves() {
    explore(|| committing(World::begun(busy())));
}

#[test]
fn eventual_commits_become_durable_by_themselves_where_every_commit_turns_to_another_log() {
    explore(|| committing(World::begun(busy().checkpoint_log_bytes(1))));
}

/// A log of three or four commits, and a memtable that has no room for two.
pub(super) fn tight() -> Options {
    let mut options = busy().checkpoint_log_bytes(400);
    options.memtable_bytes = 1200;
    options
}

fn put_five(world: &World, first: u64) {
    for n in first..first + 5 {
        world.put(n, n, Durability::Eventual);
    }
}

fn waiting_for_checkpoints() {
    let world = World::begun(tight());
    join([
        world.spawn(|world| put_five(world, 10)),
        world.spawn(|world| put_five(world, 20)),
        world.spawn(|world| world.watch(2)),
    ]);
    world.end();
}

#[test]
fn commits_that_wait_for_checkpoints_go_on() {
    explore(waiting_for_checkpoints);
}

#[test]
fn a_schedule_of_the_background_that_is_run_again_takes_the_same_steps() {
    run_twice(waiting_for_checkpoints);
}

#[test]
fn what_no_snapshot_holds_goes_by_itself() {
    explore(|| {
        let world = World::begun(busy().checkpoint_log_bytes(1));
        join([
            world.spawn(|world| {
                for n in 0..3 {
                    world.put(1, n, Durability::Sync);
                }
            }),
            world.spawn(|world| world.db.compact().unwrap()),
            world.spawn(hold),
        ]);
        // Nobody calls anything any more.
        while !unlisted(&world).is_empty() {
            thread::sleep(Duration::from_secs(1));
        }
        world.end();
    });
}

#[test]
fn eventual_commits_are_not_synced_more_often_than_their_delay_asks_for() {
    explore(|| {
        let world = World::begun(busy());
        let syncs = |world: &World| {
            let committer = &world.writer().committer;
            committer.counters.syncs.load(Ordering::Relaxed)
        };
        let before = syncs(&world);
        let began = Instant::now();
        join([
            world.spawn(|world| put_five(world, 10)),
            world.spawn(|world| put_five(world, 20)),
        ]);
        let last = world.writer().committer.queue().last_lsn();
        wait_idly(&world, last);
        let periods =
            began.elapsed().as_millis() / world.writer().options.eventual_delay.as_millis();
        let syncs = u128::from(syncs(&world) - before);
        assert!(
            syncs <= periods,
            "{syncs} syncs in {periods} times the delay"
        );
        world.end();
    });
}

#[test]
fn closing_ends_the_background_whatever_it_does() {
    explore(|| {
        let world = World::begun(tight());
        join([
            world.spawn(|world| {
                for n in 1..5 {
                    world.put(n, n, Durability::Eventual);
                }
            }),
            world.spawn(|world| world.db.clone().close().unwrap()),
        ]);
        world.end();
    });
}
