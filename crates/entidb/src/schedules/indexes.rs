//! Indexes that are kept beside those who write, and made beside them.

use entidb_codec::Value;

use super::explore;
use super::notes::{NAME, id};
use super::world::{World, join, quiet};
use crate::{ErrorKind, IndexSpec, Result};

const INDEX: &str = "email";

fn email(text: &str) -> Value {
    Value::Map(vec![(Value::from(INDEX), Value::from(text))])
}

fn put(world: &World, n: u64, text: &str) -> Result<()> {
    world.db.write(|tx| tx.put(NAME, id(n), &email(text)))
}

/// Whether the entity took the address, which another may have.
fn take(world: &World, n: u64, text: &str) -> bool {
    match put(world, n, text) {
        Ok(()) => true,
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Duplicate, "{error}");
            false
        }
    }
}

/// By the index: who has the address.
fn holders(world: &World, text: &str) -> Vec<crate::EntityId> {
    let find = world.db.snapshot().by(NAME, INDEX).unwrap();
    let ids = find.equal(&Value::from(text)).ids();
    ids.map(|id| id.unwrap()).collect()
}

fn unique() -> IndexSpec {
    IndexSpec::on(INDEX).unique().named(INDEX)
}

/// Every entry has its entity, and every entity its entries.
fn check(world: World) {
    let report = world.db.verify().unwrap();
    assert!(report.is_sound(), "{report:?}");
    world.db.close().unwrap();
}

#[test]
fn of_several_who_take_one_address_one_has_it() {
    explore(|| {
        let world = World::new(quiet());
        world.db.create_index(NAME, &unique()).unwrap();
        join([
            world.spawn(|world| {
                take(world, 1, "x");
            }),
            world.spawn(|world| {
                take(world, 2, "x");
            }),
            world.spawn(|world| {
                world.db.checkpoint().unwrap();
                take(world, 3, "x");
            }),
        ]);
        assert_eq!(holders(&world, "x").len(), 1);
        check(world);
    });
}

#[test]
fn an_address_that_is_given_up_is_free_and_never_anothers_before() {
    explore(|| {
        let world = World::new(quiet());
        world.db.create_index(NAME, &unique()).unwrap();
        put(&world, 1, "x").unwrap();
        join([
            world.spawn(|world| {
                take(world, 1, "y");
            }),
            world.spawn(|world| {
                take(world, 2, "x");
            }),
            world.spawn(|world| {
                take(world, 3, "y");
            }),
        ]);
        assert!(holders(&world, "x").len() <= 1 && holders(&world, "y").len() <= 1);
        check(world);
    });
}

#[test]
fn an_index_that_is_made_beside_commits_finds_them_all() {
    explore(|| {
        let world = World::new(quiet());
        put(&world, 1, "a").unwrap();
        join([
            world.spawn(|world| put(world, 1, "b").unwrap()),
            world.spawn(|world| {
                put(world, 2, "c").unwrap();
                put(world, 3, "d").unwrap();
            }),
            world.spawn(|world| {
                world
                    .db
                    .create_index(NAME, &IndexSpec::on(INDEX).named(INDEX))
                    .unwrap();
            }),
            world.spawn(|world| world.db.checkpoint().unwrap()),
        ]);
        assert!(holders(&world, "a").is_empty());
        assert_eq!(holders(&world, "b"), [id(1)]);
        assert_eq!(holders(&world, "c"), [id(2)]);
        assert_eq!(holders(&world, "d"), [id(3)]);
        check(world);
    });
}

#[test]
fn a_unique_index_that_is_made_beside_commits_lets_no_two_in() {
    explore(|| {
        let world = World::new(quiet());
        put(&world, 1, "x").unwrap();
        join([
            world.spawn(|world| {
                take(world, 2, "x");
            }),
            world.spawn(|world| match world.db.create_index(NAME, &unique()) {
                Ok(_) => assert_eq!(holders(world, "x").len(), 1),
                Err(error) => assert_eq!(error.kind(), ErrorKind::Duplicate, "{error}"),
            }),
        ]);
        check(world);
    });
}

#[test]
fn an_index_that_is_dropped_beside_commits_is_dropped() {
    explore(|| {
        let world = World::new(quiet());
        world.db.create_index(NAME, &unique()).unwrap();
        join([
            world.spawn(|world| {
                take(world, 1, "x");
                take(world, 2, "x");
            }),
            world.spawn(|world| assert!(world.db.drop_index(NAME, INDEX).unwrap())),
        ]);
        assert!(world.db.snapshot().by(NAME, INDEX).is_err());
        check(world);
    });
}
