//! Commits, one after the other, each acknowledged once it is durable.

use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use entidb::{Database, Durability, Receipt, WriteOptions};

use crate::failure::{Kind, Result};
use crate::history::{self, Chance};
use crate::profile::Profile;
use crate::store;

/// How often a full disk is waited for, 20 ms each: ten minutes.
const FULL_RETRIES: u32 = 30_000;

/// Goes on behind the commits that are there, up to `ops` in all.
pub(crate) fn write(dir: &Path, seed: u64, ops: u64, profile: &Profile) -> Result<()> {
    let open = || store::open(dir, profile, false);
    let mut db = unless_full(open)?;
    let first = store::committed(&db)? + 1;
    for n in first..=ops {
        let receipt = commit(&db, seed, n, profile)?;
        let mut chance = Chance::of(!seed, n);
        acknowledge(&db, n, &receipt, profile, &mut chance)?;
        if chance.one_of(profile.checkpoint_each) {
            unless_full(|| Ok(db.checkpoint()?))?;
        }
        if chance.one_of(profile.compact_each) {
            unless_full(|| Ok(db.compact()?))?;
        }
        if chance.one_of(profile.reopen_each) {
            match db.close() {
                Err(error) if error.kind() != entidb::ErrorKind::Full => return Err(error.into()),
                _ => db = unless_full(open)?,
            }
        }
    }
    Ok(db.close()?)
}

fn commit(db: &Database, seed: u64, n: u64, profile: &Profile) -> Result<Receipt> {
    let durability = match profile.wait_each {
        0 => Durability::Sync,
        _ => Durability::Eventual,
    };
    let options = WriteOptions::new().durability(durability);
    let changes = history::commit(seed, n, profile)?;
    let receipt = unless_full(|| {
        let ((), receipt) = db.write_with(&options, |tx| history::apply(tx, &changes))?;
        Ok(receipt)
    })?;
    Ok(receipt)
}

/// Says that all commits up to `n` are durable, if they are, or if it is time to wait for that.
fn acknowledge(
    db: &Database,
    n: u64,
    receipt: &Receipt,
    profile: &Profile,
    chance: &mut Chance,
) -> Result<()> {
    let wait = chance.one_of(profile.wait_each);
    if !receipt.durable && !wait {
        return Ok(());
    }
    db.wait_durable(receipt.lsn)?;
    say(&format!("ACK {n}"));
    Ok(())
}

/// Prints a line by one write call. Nobody reading is no reason to stop.
fn say(line: &str) {
    let _ = std::io::stdout().write_all(format!("{line}\n").as_bytes());
    let _ = std::io::stdout().flush();
}

/// Tries again for as long as the disk is full.
fn unless_full<T>(mut step: impl FnMut() -> Result<T>) -> Result<T> {
    for _ in 0..FULL_RETRIES {
        match step() {
            Err(failure) if failure.kind == Kind::Full => {
                say("FULL");
                std::thread::sleep(Duration::from_millis(20));
            }
            done => return done,
        }
    }
    step()
}
