//! Several threads transfer money, and no rule is ever broken: serializable transactions with eventual durability, and a
//! snapshot that sums up while they are at it.
//!
//! `cargo run -p entidb --example accounts`
//!
//! Each customer has two accounts. One of them may be overdrawn, but not the two together. Under `Isolation::Snapshot` two
//! transactions could each draw from another account of a customer, each seeing the other one full: write skew. Serializable,
//! one of them is run again and finds the account empty.

#![expect(clippy::print_stdout, reason = "an example says what it has done")]

use std::thread;

use entidb::{
    Database, Durability, EntityId, Isolation, Snapshot, Transaction, Value, WriteOptions,
};

const ACCOUNTS: &str = "accounts";
const CUSTOMERS: u64 = 10;
const START: i64 = 100;
const THREADS: u64 = 4;
const TRANSFERS: u64 = 500;

fn main() -> entidb::Result<()> {
    let folder = std::env::temp_dir().join(format!("entidb-accounts-{}", std::process::id()));
    let db = Database::open(&folder)?;
    db.write(|tx| {
        let mut all = (0..CUSTOMERS).flat_map(both);
        all.try_for_each(|account| tx.put(ACCOUNTS, account, &Value::from(START)))
    })?;

    // They do not wait for the disk: what is lost by a power cut is at most the last half second, and never a half of anything.
    let options = WriteOptions::new()
        .durability(Durability::Eventual)
        .isolation(Isolation::Serializable);
    let done: u64 = thread::scope(|scope| {
        let threads: Vec<_> = (1..=THREADS)
            .map(|seed| {
                let (db, options) = (&db, &options);
                scope.spawn(move || clerk(db, options, seed))
            })
            .collect();
        // Meanwhile, every snapshot is one moment.
        for _ in 0..20 {
            check(&db.snapshot())?;
        }
        let done = threads.into_iter().map(|clerk| match clerk.join() {
            Ok(done) => done,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        done.sum::<entidb::Result<u64>>()
    })?;

    // Whoever is told that all is well is told so when it is on the disk.
    db.sync()?;
    check(&db.snapshot())?;
    let stats = db.stats()?;
    println!(
        "{done} transfers, {} conflicts that were run again, {} syncs",
        stats.conflict_count, stats.sync_count
    );
    db.close()?;
    let _ = std::fs::remove_dir_all(folder);
    Ok(())
}

/// Makes transfers. How many the rule allowed.
fn clerk(db: &Database, options: &WriteOptions, seed: u64) -> entidb::Result<u64> {
    let mut chance = seed;
    let mut done = 0;
    for _ in 0..TRANSFERS {
        let from = (random(&mut chance) % CUSTOMERS, random(&mut chance) % 2);
        let to = (random(&mut chance) % CUSTOMERS, random(&mut chance) % 2);
        let amount = i64::try_from(random(&mut chance) % 150).unwrap_or_default();
        // The closure may be run more than once: it changes nothing but the transaction.
        let (allowed, _) = db.write_with(options, |tx| transfer(tx, from, to, amount))?;
        done += u64::from(allowed);
    }
    Ok(done)
}

/// Transfers an amount, unless it would overdraw the customer.
fn transfer(
    tx: &mut Transaction,
    from: (u64, u64),
    to: (u64, u64),
    amount: i64,
) -> entidb::Result<bool> {
    let [a, b] = both(from.0);
    if balance(tx, a)? + balance(tx, b)? < amount {
        return Ok(false);
    }
    let (from, to) = (account(from.0, from.1), account(to.0, to.1));
    let rest = balance(tx, from)? - amount;
    tx.put(ACCOUNTS, from, &Value::from(rest))?;
    // Its own write is seen, should it be the same account.
    let sum = balance(tx, to)? + amount;
    tx.put(ACCOUNTS, to, &Value::from(sum))?;
    Ok(true)
}

fn balance(tx: &Transaction, account: EntityId) -> entidb::Result<i64> {
    let payload = tx.get(ACCOUNTS, account)?;
    let value = payload.map(|payload| payload.value()).transpose()?;
    Ok(value.and_then(|value| value.as_i64()).unwrap_or_default())
}

/// Nothing is lost or made, and nobody is overdrawn.
fn check(snapshot: &Snapshot) -> entidb::Result<()> {
    let mut total = 0;
    for customer in 0..CUSTOMERS {
        let mut sum = 0;
        for payload in snapshot
            .get_many(ACCOUNTS, &both(customer))?
            .iter()
            .flatten()
        {
            sum += payload.value()?.as_i64().unwrap_or_default();
        }
        assert!(sum >= 0, "customer {customer} is overdrawn");
        total += sum;
    }
    assert_eq!(
        total,
        2 * START * i64::try_from(CUSTOMERS).unwrap_or_default()
    );
    Ok(())
}

fn both(customer: u64) -> [EntityId; 2] {
    [account(customer, 0), account(customer, 1)]
}

fn account(customer: u64, number: u64) -> EntityId {
    EntityId::from_key(format!("{customer}/{number}"))
}

/// xorshift: good enough for a demonstration.
fn random(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state >> 11
}
