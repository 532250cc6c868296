//! A consumer after every crash: each order is worked off exactly once, and its position is never ahead of what survives.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::print_stdout,
    reason = "a test's helpers fail as its functions do, and say what they have looked at"
)]

mod common;

use common::{Failed, id, pass, sound};
use entidb::{Database, Durability, EntityId, ErrorKind, Options, Value, WriteOptions};
use entidb_testkit::{SimDisk, Verdict};

const ORDERS: u64 = 9;

fn open(disk: &SimDisk, life: u64) -> entidb::Result<Database> {
    let options = Options::new().seed(life).reserve_bytes(4 << 10);
    options.checkpoint_log_bytes(700).open_in(disk.clone())
}

/// Works off what there is.
fn work(db: &Database) -> entidb::Result<()> {
    let consumer = db.consumer_from("mails", entidb::Lsn::ZERO)?;
    let mut changes = consumer.changes()?;
    while let Some(commit) = changes.try_next()? {
        db.write(|tx| {
            let orders = commit.changes.iter();
            for order in orders.filter(|change| &*change.collection == "orders") {
                // Done twice, it would say so.
                let again = tx.contains("mails", order.id)?;
                tx.put("mails", order.id, &Value::from(if again { 2 } else { 1 }))?;
            }
            tx.advance(&consumer, commit.lsn)
        })?;
    }
    Ok(())
}

fn run(disk: &SimDisk) -> Result<(), Failed> {
    let mut db = open(disk, 1)?;
    db.consumer("mails")?;
    for n in 0..ORDERS {
        let durability = match n % 3 {
            0 => Durability::Sync,
            _ => Durability::Eventual,
        };
        let options = WriteOptions::new().durability(durability);
        db.write_with(&options, |tx| tx.put("orders", id(n), &Value::from(n)))?;
        if n % 2 == 1 {
            work(&db)?;
        }
        if n % 4 == 3 {
            db.close()?;
            db = open(disk, 10 + n)?;
        }
    }
    db.close()?;
    Ok(())
}

fn ids(db: &Database, collection: &str) -> entidb::Result<Vec<EntityId>> {
    db.snapshot().scan(collection).ids().collect()
}

fn check(disk: &SimDisk) -> Verdict {
    let db = open(disk, 100)?;
    let consumers = db.consumers()?;
    if consumers
        .iter()
        .any(|consumer| consumer.position > db.lsn())
    {
        return Err("the consumer is ahead of what survives".into());
    }
    let before = ids(&db, "mails")?;
    work(&db)?;
    let (orders, mails) = (ids(&db, "orders")?, ids(&db, "mails")?);
    // Before the consumer was made there are no orders, so that it has to come to all of them.
    if orders != mails || before.iter().any(|done| !orders.contains(done)) {
        return Err(format!("{orders:?} were ordered, and {mails:?} mailed").into());
    }
    for mail in db.snapshot().scan("mails") {
        if mail?.1.value()? != Value::from(1) {
            return Err("an order was worked off twice".into());
        }
    }
    sound(&db)?;
    match db.untyped("~consumers").put(id(1), &Value::from(1)) {
        Err(error) if error.kind() == ErrorKind::Invalid => Ok(()),
        _ => Err("the engine's own collection was written to".into()),
    }
}

#[test]
fn whatever_crashes_each_order_is_worked_off_once() {
    let states = std::env::var("ENTIDB_CRASH_STATES").ok();
    let states: u64 = states.and_then(|all| all.parse().ok()).unwrap_or(30_000);
    for sector_len in [512, 128] {
        let disk = SimDisk::new(9).with_sector_len(sector_len);
        let test = entidb_testkit::CrashTest::new(9).disk(disk).workload(run);
        let test = test.recover(|disk| open(disk, 50).map(drop).map_err(Into::into));
        let test = test.check(|disk, _| check(disk));
        let test = test.depth(2).states_per_point(30);
        println!("a consumer: {}", pass(test.states_max(states / 10)));
    }
}
