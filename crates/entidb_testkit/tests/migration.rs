//! A migration after every crash in it: what is stored can be read as the version that the collection has, and another run goes
//! on with the rest.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test's helpers fail as its functions do, and say what they have looked at"
)]

use entidb::{Database, Entity, EntityId, ErrorKind, Migrations, Options, Value};
use entidb_testkit::{CrashTest, SimDisk, Verdict};
use serde::{Deserialize, Serialize};

#[derive(Entity, Serialize, Deserialize)]
#[entity(collection = "users")]
struct Before {
    #[entity(id)]
    id: EntityId,
    nick: String,
}

#[derive(Entity, Serialize, Deserialize, Debug, PartialEq)]
#[entity(collection = "users", version = 2)]
struct After {
    #[entity(id)]
    id: EntityId,
    name: String,
}

const COUNT: u64 = 10;

fn after(n: u64) -> After {
    After {
        id: EntityId::from_key(n),
        name: format!("user {n}"),
    }
}

fn migrations() -> Migrations {
    let step = |mut old: Value| {
        // It fails on what was migrated already.
        let nick = old
            .remove("nick")
            .ok_or_else(|| entidb::Error::other("migrated twice"))?;
        old.insert("name", nick);
        Ok(old)
    };
    Migrations::new().step(1, step).batch(3)
}

fn open(disk: &SimDisk) -> entidb::Result<Database> {
    let options = Options::new().seed(7).background(false);
    options.reserve_bytes(4 << 10).open_in(disk.clone())
}

/// Puts entities of the first form, and migrates them.
fn work(disk: &SimDisk, checkpoint: bool) -> Verdict {
    let db = open(disk)?;
    let users = db.collection::<Before>()?;
    for n in 0..COUNT {
        let After { id, name: nick } = after(n);
        users.put(&Before { id, nick })?;
        if checkpoint && n == COUNT / 2 {
            db.checkpoint()?;
        }
    }
    disk.acknowledge();
    db.migrate::<After>(migrations())?;
    disk.acknowledge();
    db.collection::<After>()?
        .update(after(0).id, |_| ())?
        .ok_or("an entity is lost")?;
    db.close()?;
    Ok(())
}

/// What a program of the newer version does when it starts.
fn start(disk: &SimDisk) -> entidb::Result<Database> {
    let db = open(disk)?;
    db.migrate::<After>(migrations())?;
    Ok(db)
}

fn check(disk: &SimDisk, acknowledged: u64) -> Verdict {
    let db = open(disk)?;
    match db.collection::<Before>() {
        Ok(before) if acknowledged < 2 => {
            // Not begun: everything is as it was.
            let all = before.iter().collect::<entidb::Result<Vec<_>>>()?;
            if acknowledged == 1 && all.len() as u64 != COUNT {
                return Err(format!("{} entities of {COUNT}", all.len()).into());
            }
        }
        Ok(_) => return Err("the migration is lost".into()),
        Err(error) if error.kind() == ErrorKind::Unsupported => {}
        Err(error) => return Err(error.into()),
    }
    let rest = db.migrate::<After>(migrations())?;
    if acknowledged == 2 && rest > 0 {
        return Err(format!("{rest} entities were not migrated").into());
    }
    let users = db.collection::<After>()?;
    let count = users.count()?;
    if acknowledged > 0 && count != COUNT {
        return Err(format!("{count} entities of {COUNT}").into());
    }
    for n in 0..count {
        if users.get(after(n).id)? != Some(after(n)) {
            return Err(format!("user {n} is not what it was").into());
        }
    }
    for entity in db.untyped("users").iter() {
        if entity?.1.value()?.get("name").is_none() {
            return Err("an entity was left in its older form".into());
        }
    }
    if !db.verify()?.is_sound() {
        return Err("damaged".into());
    }
    Ok(())
}

#[test]
fn a_migration_goes_on_after_every_crash() {
    for checkpoint in [false, true] {
        let test = CrashTest::new(7)
            .workload(|disk| work(disk, checkpoint))
            .recover(|disk| {
                start(disk)?;
                Ok(())
            })
            .check(check);
        match test.states_per_point(40).states_max(4_000).depth(2).run() {
            Ok(report) => println!("{report}"),
            Err(failure) => panic!("{failure}"),
        }
    }
}
