//! The torture program: commits whose content is a function of a seed, each acknowledged once it is durable, and a check that
//! finds them again. Kill it, cut the power, fail its system calls, and check.
//!
//! ```sh
//! cargo run --release -p entidb_testkit --example torture -- write --dir D --seed 7 --ops 1000 > acks
//! cargo run --release -p entidb_testkit --example torture -- check --dir D --seed 7 --ack acks
//! ```
//!
//! `write` goes on behind the commits that are there, up to `--ops` in all, and prints `ACK n` by one write call when commit n is
//! durable. It exits 0 when done, 5 on an I/O error, 6 on a failed sync; on a full disk it prints `FULL` and tries again.
//! `check` exits 0, 1 if an acknowledged commit is lost or anything is wrong, 3 if the store reports corruption, 4 if it does
//! not open; 2 is wrong use.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::ExitCode;

use entidb::{Database, EntityId, Error, ErrorKind, Options, Payload, Value};

const COLLECTIONS: [&str; 3] = ["accounts", "events", "notes"];
/// Where each commit leaves its number.
const COUNTER: (&str, &str) = ("torture", "commits");
/// How often a full disk is waited for, 20 ms each: ten minutes.
const FULL_RETRIES: u32 = 30_000;

/// What kind of history a seed gives.
#[derive(Clone, Copy)]
struct Profile {
    writes_max: u64,
    ids: u64,
    payload_len_max: u64,
    /// Of a hundred writes, how many are deletes.
    deletes: u64,
    /// After one of how many commits a checkpoint is made, and after one of how many the database is opened again.
    checkpoint_each: u64,
    reopen_each: u64,
    checkpoint_log_bytes: u64,
}

const PROFILES: [(&str, Profile); 5] = [
    ("tiny", profile(1, 50, 40, 10, 200, 500, 64 << 20)),
    ("large", profile(2, 200, 300_000, 10, 100, 300, 16 << 20)),
    (
        "many entities a transaction",
        profile(400, 5000, 200, 20, 50, 200, 4 << 20),
    ),
    ("deletes", profile(8, 100, 300, 55, 100, 100, 1 << 20)),
    ("checkpoints", profile(5, 500, 500, 20, 3, 20, 16 << 10)),
];

const fn profile(
    writes_max: u64,
    ids: u64,
    payload_len_max: u64,
    deletes: u64,
    checkpoint_each: u64,
    reopen_each: u64,
    checkpoint_log_bytes: u64,
) -> Profile {
    Profile {
        writes_max,
        ids,
        payload_len_max,
        deletes,
        checkpoint_each,
        reopen_each,
        checkpoint_log_bytes,
    }
}

/// SplitMix64, so that a history is the same everywhere.
struct Chance(u64);

impl Chance {
    fn of(seed: u64, n: u64) -> Self {
        let mut chance = Self(seed ^ n.wrapping_mul(0xd6e8_feb8_6659_fd93));
        chance.next();
        chance
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }
}

/// One write of a commit: a payload, or a delete.
type Write = (&'static str, EntityId, Option<Payload>);
type Content = BTreeMap<(String, EntityId), Vec<u8>>;

fn counter() -> EntityId {
    EntityId::from_key(COUNTER.1)
}

/// What commit `n` writes.
fn commit(seed: u64, n: u64, profile: &Profile) -> entidb::Result<Vec<Write>> {
    let mut chance = Chance::of(seed, n);
    let count = 1 + chance.below(profile.writes_max);
    let mut writes = Vec::new();
    for _ in 0..count {
        let collection = COLLECTIONS[usize::try_from(chance.below(3)).unwrap_or(0)];
        let id = EntityId::from_key(chance.below(profile.ids));
        let payload = if chance.below(100) < profile.deletes {
            None
        } else {
            let len = chance.below(profile.payload_len_max);
            let bytes: Vec<u8> = (0..len.div_ceil(8))
                .flat_map(|_| chance.next().to_le_bytes())
                .collect();
            Some(Payload::encode(&Value::from(vec![
                (Value::from("n"), Value::from(n)),
                (Value::from("bytes"), Value::from(bytes)),
            ]))?)
        };
        writes.push((collection, id, payload));
    }
    let number = Payload::encode(&Value::from(n))?;
    writes.push((COUNTER.0, counter(), Some(number)));
    Ok(writes)
}

/// How many commits the database has.
fn committed(db: &Database) -> entidb::Result<u64> {
    let payload = db.snapshot().get(COUNTER.0, counter())?;
    let value = payload.map(|payload| payload.value()).transpose()?;
    Ok(value.and_then(|value| value.as_u64()).unwrap_or(0))
}

fn options(profile: &Profile) -> Options {
    Options::new().checkpoint_log_bytes(profile.checkpoint_log_bytes)
}

/// Prints a line by one write call. Nobody reading is no reason to stop.
fn say(line: &str) {
    let _ = std::io::stdout().write_all(format!("{line}\n").as_bytes());
    let _ = std::io::stdout().flush();
}

/// Tries again for as long as the disk is full.
fn unless_full<T>(mut step: impl FnMut() -> entidb::Result<T>) -> entidb::Result<T> {
    for _ in 0..FULL_RETRIES {
        match step() {
            Err(error) if error.kind() == ErrorKind::Full => {
                say("FULL");
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
            done => return done,
        }
    }
    step()
}

fn write(dir: &str, seed: u64, ops: u64, profile: &Profile) -> entidb::Result<()> {
    let open = || options(profile).open(dir);
    let mut db = unless_full(open)?;
    let first = committed(&db)? + 1;
    for n in first..=ops {
        let writes = commit(seed, n, profile)?;
        unless_full(|| {
            db.write(|tx| {
                for (collection, id, payload) in &writes {
                    match payload {
                        Some(payload) => tx.put_payload(collection, *id, payload)?,
                        None => drop(tx.delete(collection, *id)?),
                    }
                }
                Ok(())
            })
        })?;
        say(&format!("ACK {n}"));
        let mut chance = Chance::of(!seed, n);
        if chance.below(profile.checkpoint_each) == 0 {
            unless_full(|| db.checkpoint())?;
        }
        if chance.below(profile.reopen_each) == 0 {
            match db.close() {
                Err(error) if error.kind() != ErrorKind::Full => return Err(error),
                _ => db = unless_full(open)?,
            }
        }
    }
    db.close()
}

/// What the first `count` commits come to.
fn model(seed: u64, count: u64, profile: &Profile) -> entidb::Result<Content> {
    let mut content = Content::new();
    for n in 1..=count {
        for (collection, id, payload) in commit(seed, n, profile)? {
            let key = (collection.to_owned(), id);
            match payload {
                Some(payload) => drop(content.insert(key, payload.as_bytes().to_vec())),
                None => drop(content.remove(&key)),
            }
        }
    }
    Ok(content)
}

fn content(db: &Database) -> entidb::Result<Content> {
    let snapshot = db.snapshot();
    let mut content = Content::new();
    for name in snapshot.collections() {
        for entity in snapshot.scan(name) {
            let (id, payload) = entity?;
            content.insert((name.to_owned(), id), payload.as_bytes().to_vec());
        }
    }
    Ok(content)
}

fn complain(what: impl std::fmt::Display) {
    let _ = writeln!(std::io::stderr(), "{what}");
}

fn check(dir: &str, seed: u64, acks: &str, profile: &Profile) -> Result<u8, Error> {
    // A last line without its line feed was not written whole.
    let whole = acks.rsplit_once('\n').map_or("", |(whole, _)| whole);
    let acknowledged = whole
        .lines()
        .filter_map(|line| line.strip_prefix("ACK ")?.parse().ok())
        .max()
        .unwrap_or(0_u64);
    let db = match options(profile).open(dir) {
        Ok(db) => db,
        Err(error) if error.kind() == ErrorKind::Corrupt => {
            complain(error);
            return Ok(3);
        }
        Err(error) => {
            complain(error);
            return Ok(4);
        }
    };
    let found = content(&db)?;
    let report = db.verify()?;
    if let Some(problem) = report.problems.first() {
        complain(problem);
        return Ok(3);
    }
    let count = committed(&db)?;
    if count < acknowledged {
        complain(format!(
            "lost: {acknowledged} commits were acknowledged, {count} are there"
        ));
        return Ok(1);
    }
    if found != model(seed, count, profile)? {
        complain(format!(
            "wrong: what is there is not what the first {count} commits wrote"
        ));
        return Ok(1);
    }
    complain(format!(
        "{acknowledged} acknowledged, {count} there, all of them right"
    ));
    Ok(0)
}

/// The exit code for an error of `write`.
fn failed(error: &Error) -> u8 {
    complain(error);
    match error.kind() {
        ErrorKind::Unknown | ErrorKind::Poisoned => 6,
        ErrorKind::Corrupt => 3,
        _ => 5,
    }
}

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let command = words.next().unwrap_or_default();
    let mut flags = BTreeMap::new();
    while let (Some(flag), Some(value)) = (words.next(), words.next()) {
        flags.insert(flag, value);
    }
    let number = |flag: &str| flags.get(flag).and_then(|value| value.parse().ok());
    let (Some(dir), Some(seed)) = (flags.get("--dir"), number("--seed")) else {
        complain(
            "use: torture write --dir D --seed S --ops N | torture check --dir D --seed S --ack FILE",
        );
        return ExitCode::from(2);
    };
    let (name, profile) = &PROFILES[usize::try_from(seed % 5).unwrap_or(0)];
    let code = match command.as_str() {
        "write" => {
            complain(format!("profile: {name}"));
            match write(dir, seed, number("--ops").unwrap_or(1000), profile) {
                Ok(()) => 0,
                Err(error) => failed(&error),
            }
        }
        "check" => match flags.get("--ack").map(std::fs::read_to_string) {
            Some(Ok(acks)) => match check(dir, seed, &acks, profile) {
                Ok(code) => code,
                Err(error) if error.kind() == ErrorKind::Corrupt => {
                    complain(error);
                    3
                }
                Err(error) => {
                    complain(error);
                    4
                }
            },
            _ => {
                complain("--ack names no file that can be read");
                2
            }
        },
        _ => {
            complain("the first word is write or check");
            2
        }
    };
    ExitCode::from(code)
}
