//! An outbox: every order is published to the world outside, each exactly once, whatever crashes.
//!
//! `cargo run -p entidb --example outbox`
//!
//! The shop only writes orders. A publisher follows the changes as a consumer: its position is stored, and moves in the same
//! transaction as what it writes itself. What it does outside can be cut off between the two, and then is done again, so it carries the
//! commit's position as a key, by which the world outside knows a repeat (as brokers and payment services offer it).

#![expect(clippy::print_stdout, reason = "an example says what it has done")]

use std::collections::BTreeMap;
use std::thread;

use entidb::{ChangeKind, Commit, Consumer, Database, EntityId, Lsn, Value};

/// The world outside: takes each message once, and knows a repeat by its key.
#[derive(Default)]
struct Broker {
    messages: BTreeMap<Lsn, Vec<EntityId>>,
    repeats: usize,
}

impl Broker {
    fn publish(&mut self, key: Lsn, orders: Vec<EntityId>) {
        if self.messages.insert(key, orders).is_some() {
            self.repeats += 1;
        }
    }
}

fn main() -> entidb::Result<()> {
    let folder = std::env::temp_dir().join(format!("entidb-outbox-{}", std::process::id()));
    let mut broker = Broker::default();

    // The first session: the publisher is made, and from here on commits are kept for it.
    let db = Database::open(&folder)?;
    let publisher = db.consumer("publisher")?;
    order(&db, 1..=5)?;
    publish(&db, &publisher, &mut broker, Some(2))?;
    println!(
        "after a crash in the middle: {} published",
        broker.messages.len()
    );
    drop((publisher, db));

    // The next one goes on where that one was, also with what was ordered while nobody published.
    let db = Database::open(&folder)?;
    let publisher = db.consumer("publisher")?;
    thread::scope(|scope| {
        let shop = scope.spawn(|| order(&db, 6..=9));
        publish(&db, &publisher, &mut broker, None)?;
        shop.join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })?;
    publish(&db, &publisher, &mut broker, None)?;

    let published: usize = broker.messages.values().map(Vec::len).sum();
    let invoices = db.untyped("invoices").count()?;
    println!(
        "9 orders, {published} published ({} repeat known by its key), {invoices} invoices",
        broker.repeats
    );
    assert_eq!((published, invoices), (9, 9));
    db.close()?;
    let _ = std::fs::remove_dir_all(folder);
    Ok(())
}

/// What the shop does, and all that it knows.
fn order(db: &Database, numbers: std::ops::RangeInclusive<u64>) -> entidb::Result<()> {
    for number in numbers {
        db.untyped("orders")
            .put(EntityId::from_key(number), &Value::from(number))?;
    }
    Ok(())
}

/// Works off what there is; or is cut off behind the publishing, and before its own commit, of the commit number `cut`.
fn publish(
    db: &Database,
    publisher: &Consumer,
    broker: &mut Broker,
    cut: Option<usize>,
) -> entidb::Result<()> {
    let mut changes = publisher.changes()?;
    let mut count = 0;
    while let Some(commit) = changes.try_next()? {
        let orders = new_orders(&commit);
        if !orders.is_empty() {
            broker.publish(commit.lsn, orders.clone());
            count += 1;
            if cut == Some(count) {
                return Ok(());
            }
        }
        // What it writes itself, and how far it has come: all or nothing.
        db.write(|tx| {
            for order in &orders {
                tx.put("invoices", *order, &Value::from(commit.lsn.get()))?;
            }
            tx.advance(publisher, commit.lsn)
        })?;
    }
    Ok(())
}

fn new_orders(commit: &Commit) -> Vec<EntityId> {
    let changes = commit.changes.iter();
    let orders = changes.filter(|change| &*change.collection == "orders");
    let new = orders.filter(|change| change.kind == ChangeKind::Insert);
    new.map(|order| order.id).collect()
}
