//! Commits of several threads: group commit, and what is shown when.

use super::world::{World, join, quiet};
use super::{explore, fails, run_twice};
use crate::Durability;
use entidb_testkit::{Mutant, SimDisk};

fn commits_and_a_reader(world: World) {
    join([
        world.spawn(|world| {
            world.put(1, 1, Durability::Sync);
            world.put(2, 2, Durability::Sync);
        }),
        world.spawn(|world| {
            world.put(3, 3, Durability::Eventual);
            world.put(4, 4, Durability::Sync);
        }),
        world.spawn(|world| {
            world.put(5, 5, Durability::Sync);
            world.put(6, 6, Durability::Eventual);
        }),
        world.spawn(|world| world.watch(4)),
    ]);
    world.end();
}

#[test]
fn what_is_told_is_durable_and_what_is_shown_is_a_prefix() {
    explore(|| commits_and_a_reader(World::begun(quiet())));
}

#[test]
fn the_first_commits_of_a_database_make_one_log_and_one_collection() {
    explore(|| commits_and_a_reader(World::new(quiet())));
}

#[test]
fn a_disk_whose_syncs_lie_is_found_out() {
    assert!(fails(
        || {
            let disk = SimDisk::new(1).with_mutant(Mutant::LyingSync);
            let world = World::on(disk, quiet());
            world.put(1, 1, Durability::Sync);
            world.end();
        },
        1
    ));
}

#[test]
fn a_schedule_that_is_run_again_takes_the_same_steps() {
    run_twice(|| commits_and_a_reader(World::begun(quiet())));
}
