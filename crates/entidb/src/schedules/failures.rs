//! Operations of the disk that fail in the middle: each commit gets one of three answers, and nobody hangs.

use entidb_testkit::{Fault, Op, Rule};
use shuttle::rand::Rng;

use super::background::tight;
use super::explore;
use super::notes::Answer;
use super::world::{World, join, quiet};
use crate::{Durability, ErrorKind};

/// A number below `bound`, by the schedule.
fn chance(bound: u64) -> u64 {
    shuttle::rand::thread_rng().gen_range(0..bound)
}

/// What a thread has seen of a failure: once writing has ended, it has ended.
#[derive(Default)]
struct Ended(bool);

impl Ended {
    fn after(&mut self, answer: Answer) {
        match answer {
            Answer::Committed(_) => assert!(!self.0, "a commit after the end of writing"),
            Answer::Unknown => {
                assert!(!self.0, "an unknown answer after the end of writing");
                self.0 = true;
            }
            Answer::Refused(kind) => self.0 |= kind == ErrorKind::Poisoned,
        }
    }
}

fn commits(world: &World, first: u64, durabilities: &[Durability]) {
    let mut ended = Ended::default();
    for (n, durability) in (first..).zip(durabilities) {
        ended.after(world.put(n, n, *durability));
    }
}

fn commits_beside(world: &World, other: fn(&World)) {
    use Durability::{Eventual, Sync};
    join([
        world.spawn(|world| commits(world, 10, &[Sync, Sync])),
        world.spawn(|world| commits(world, 20, &[Eventual, Sync, Sync])),
        world.spawn(|world| commits(world, 30, &[Sync, Eventual])),
        world.spawn(other),
        world.spawn(|world| world.watch(2)),
    ]);
    world.disk.disk.heal();
}

/// After a failed sync, nothing is written any more by anybody.
fn a_sync_fails(fault: Fault, other: fn(&World)) {
    let world = World::begun(quiet());
    world
        .disk
        .disk
        .fail(Rule::once(Op::Flush, chance(6), fault));
    commits_beside(&world, other);
    let answers = world.answers();
    let unknown = answers.contains(&Answer::Unknown);
    if world.disk.disk.faults_met() == 0 {
        let committed = |answer: &Answer| matches!(answer, Answer::Committed(_));
        assert!(answers.iter().all(committed), "{answers:?}");
    } else if unknown {
        let last = world.put(99, 99, Durability::Eventual);
        assert_eq!(last, Answer::Refused(ErrorKind::Poisoned));
        assert!(world.db.sync().is_err());
    }
    world.end();
}

#[test]
fn a_failed_sync_is_answered_in_three_ways_and_ends_all_writing() {
    explore(|| a_sync_fails(Fault::Io, |_| ()));
}

#[test]
fn a_failed_sync_that_takes_the_bytes_along_is_answered_the_same() {
    explore(|| a_sync_fails(Fault::Revert, |world| drop(world.db.sync())));
}

#[test]
fn a_failed_sync_of_a_log_that_was_turned_away_from_is_answered_the_same() {
    explore(|| a_sync_fails(Fault::Io, |world| drop(world.db.checkpoint())));
}

/// The log that was turned away from cannot be synced while a commit in the next one waits for that.
#[test]
fn a_commit_behind_a_log_whose_sync_failed_is_not_told_to_be_durable() {
    explore(|| {
        let world = World::begun(quiet());
        world.put(1, 1, Durability::Eventual);
        world.disk.disk.fail(Rule::once(Op::Flush, 0, Fault::Io));
        join([
            world.spawn(|world| drop(world.db.checkpoint())),
            world.spawn(|world| commits(world, 10, &[Durability::Sync; 2])),
            world.spawn(|world| commits(world, 20, &[Durability::Sync; 2])),
        ]);
        world.disk.disk.heal();
        world.end();
    });
}

/// A write that fails, where nothing was told, is cut off again, and writing goes on.
fn a_write_fails(other: fn(&World)) {
    let world = World::begun(quiet());
    let rule = Rule::once(Op::Write, chance(6), Fault::Full);
    world.disk.disk.fail(rule);
    commits_beside(&world, other);
    let unknown = world.answers().contains(&Answer::Unknown);
    match world.put(99, 99, Durability::Sync) {
        Answer::Committed(_) => assert!(!unknown, "a commit after the end of writing"),
        answer => assert_eq!(answer, Answer::Refused(ErrorKind::Poisoned)),
    }
    world.end();
}

#[test]
fn a_write_that_finds_no_room_is_refused_or_ends_all_writing() {
    explore(|| a_write_fails(|_| ()));
}

#[test]
fn a_write_that_finds_no_room_beside_a_sync_is_not_said_to_be_durable() {
    explore(|| {
        a_write_fails(|world| {
            for _ in 0..2 {
                if let Ok(lsn) = world.db.sync() {
                    world.note_durable(lsn);
                }
            }
        });
    });
}

#[test]
fn a_write_that_finds_no_room_beside_a_checkpoint_is_refused_or_ends_all_writing() {
    explore(|| a_write_fails(|world| drop(world.db.checkpoint())));
}

/// After a manifest of which nobody knows whether it was replaced, nothing is written any more.
#[test]
fn a_manifest_that_may_be_replaced_ends_all_writing() {
    explore(|| {
        let world = World::new(quiet());
        let rule = Rule::once(Op::Replace, chance(5), Fault::Io);
        world.disk.disk.fail(rule);
        commits_beside(&world, |world| drop(world.db.checkpoint()));
        if world.disk.disk.faults_met() > 0 {
            let last = world.put(99, 99, Durability::Eventual);
            assert!(matches!(last, Answer::Refused(_)), "{last:?}");
        }
        world.end();
    });
}

/// Checkpoints in the background have failed for want of room; then there is some.
#[test]
fn once_there_is_room_nobody_hears_that_there_was_none() {
    explore(|| {
        let world = World::begun(tight());
        let rule = Rule::once(Op::Create, 0, Fault::Full).forever();
        world.disk.disk.fail(rule);
        let full = Answer::Refused(ErrorKind::Full);
        let answers: Vec<_> = (1..40).map(|n| world.put(n, n, Durability::Sync)).collect();
        assert!(answers.contains(&full), "{answers:?}");
        world.disk.disk.heal();
        for n in 20..23 {
            let answer = world.put(n, n, Durability::Sync);
            assert!(matches!(answer, Answer::Committed(_)), "{answer:?}");
        }
        world.end();
    });
}

#[test]
fn a_checkpoint_needs_no_room_for_a_log_that_comes_next() {
    explore(|| {
        let world = World::begun(quiet().background(true));
        world.disk.disk.fail(Rule::once(Op::Create, 0, Fault::Full));
        world.db.checkpoint().unwrap();
        world.put(1, 1, Durability::Sync);
        world.end();
    });
}
