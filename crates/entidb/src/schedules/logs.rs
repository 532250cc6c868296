//! Which log commits go to, where others turn away from it.

use super::explore;
use super::world::{World, join, quiet};
use crate::Durability;

#[test]
fn the_log_of_the_session_before_is_gone_on_with_or_turned_away_from() {
    explore(|| {
        let world = World::reopened(quiet());
        join([
            world.spawn(|world| {
                world.put(1, 1, Durability::Sync);
                world.put(2, 2, Durability::Sync);
            }),
            world.spawn(|world| {
                world.put(3, 3, Durability::Sync);
            }),
            world.spawn(|world| world.db.checkpoint().unwrap()),
        ]);
        world.end();
    });
}

/// As the background does it ahead, and a checkpoint without it.
#[test]
fn logs_are_listed_in_the_order_in_which_they_are_filled() {
    explore(|| {
        let world = World::begun(quiet().checkpoint_log_bytes(200));
        join([
            world.spawn(|world| {
                world.writer().committer.prepare_next_log().unwrap();
            }),
            world.spawn(|world| world.db.checkpoint().unwrap()),
            world.spawn(|world| {
                for n in 10..15 {
                    world.put(n, n, Durability::Sync);
                }
            }),
        ]);
        world.end();
    });
}

#[test]
fn logs_that_are_made_ahead_are_filled_in_order_beside_checkpoints() {
    explore(|| {
        let world = World::begun(quiet().background(true).checkpoint_log_bytes(200));
        join([
            world.spawn(|world| {
                for n in 10..14 {
                    world.put(n, n, Durability::Eventual);
                }
                world.put(14, 14, Durability::Sync);
            }),
            world.spawn(|world| {
                for n in 20..24 {
                    world.put(n, n, Durability::Sync);
                }
            }),
            world.spawn(|world| {
                world.db.checkpoint().unwrap();
                world.db.checkpoint().unwrap();
            }),
        ]);
        world.end();
    });
}
