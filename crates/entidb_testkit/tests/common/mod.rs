//! Short histories of the engine, and what has to hold after a crash in them.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::collections::BTreeMap;

use entidb::{
    Change, ChangeKind, Commit, Database, Durability, EntityId, ErrorKind, Lsn, Options, Payload,
    Retention, Snapshot, Value, WriteOptions,
};
use entidb_testkit::{CrashTest, Report, SimDisk, Verdict};

/// What a database holds: collection and id to payload bytes.
pub(crate) type Content = BTreeMap<(String, EntityId), Vec<u8>>;

/// One step of a history.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// One transaction.
    Commit(Vec<Write>),
    /// One that does not wait until it is durable.
    Eventual(Vec<Write>),
    /// Makes what was committed durable.
    Sync,
    /// The same by waiting for the last commit.
    Wait,
    Drop(&'static str),
    Checkpoint,
    /// Closed and opened again.
    Reopen,
}

/// One write of a transaction.
#[derive(Debug, Clone)]
pub(crate) struct Write {
    pub(crate) collection: &'static str,
    pub(crate) id: u64,
    pub(crate) what: What,
}

#[derive(Debug, Clone)]
pub(crate) enum What {
    Put(String),
    Delete,
    /// Without looking whether it is there.
    Remove,
    /// All that lie between it and this one, both included.
    Range(u64),
}

pub(crate) fn put(collection: &'static str, id: u64, value: impl Into<String>) -> Write {
    Write {
        collection,
        id,
        what: What::Put(value.into()),
    }
}

pub(crate) fn delete(collection: &'static str, id: u64) -> Write {
    Write {
        collection,
        id,
        what: What::Delete,
    }
}

pub(crate) fn remove(collection: &'static str, id: u64) -> Write {
    Write {
        collection,
        id,
        what: What::Remove,
    }
}

pub(crate) fn range(collection: &'static str, id: u64, to: u64) -> Write {
    Write {
        collection,
        id,
        what: What::Range(to),
    }
}

/// The ids between two numbers' own.
fn between(a: u64, b: u64) -> std::ops::RangeInclusive<EntityId> {
    id(a).min(id(b))..=id(a).max(id(b))
}

pub(crate) fn one(write: Write) -> Step {
    Step::Commit(vec![write])
}

pub(crate) fn id(n: u64) -> EntityId {
    EntityId::from_key(n)
}

impl Step {
    /// Whether it is a commit, and so makes another state.
    pub(crate) fn commits(&self) -> bool {
        matches!(self, Self::Commit(_) | Self::Eventual(_) | Self::Drop(_))
    }

    /// What it does to the content.
    pub(crate) fn apply(&self, content: &mut Content) {
        match self {
            Self::Commit(writes) | Self::Eventual(writes) => {
                writes.iter().for_each(|write| apply(content, write));
            }
            Self::Drop(collection) => content.retain(|(name, _), _| name != collection),
            Self::Sync | Self::Wait | Self::Checkpoint | Self::Reopen => {}
        }
    }

    /// Does it, but for opening again. Says whether everything up to here is known to be durable.
    pub(crate) fn run(&self, db: &Database) -> entidb::Result<bool> {
        match self {
            Self::Commit(writes) => commit_with(db, writes, Durability::Sync),
            Self::Eventual(writes) => commit_with(db, writes, Durability::Eventual),
            Self::Sync => db.sync().map(|_| true),
            Self::Wait => db.wait_durable(db.lsn()).map(|()| true),
            // Where there is none, nothing is committed.
            Self::Drop(name) => db.drop_collection(name),
            Self::Checkpoint => db.checkpoint().map(|()| true),
            Self::Reopen => Ok(false),
        }
    }
}

/// What a history comes to after each number of commits.
pub(crate) struct Models {
    pub(crate) states: Vec<Content>,
    /// Whether the commit waits until it is durable.
    waits: Vec<bool>,
}

/// A history, and how its database is opened.
#[derive(Debug, Clone)]
pub(crate) struct History {
    pub(crate) steps: Vec<Step>,
    pub(crate) checkpoint_log_bytes: u64,
    /// What a transaction holds in memory.
    pub(crate) transaction_memory_bytes: usize,
    pub(crate) seed: u64,
    /// What the database holds before it.
    pub(crate) base: Content,
    /// Whether all changes are kept, and somebody follows them from the beginning.
    pub(crate) followed: bool,
}

pub(crate) type Failed = Box<dyn std::error::Error + Send + Sync>;

impl History {
    pub(crate) fn new(seed: u64, steps: Vec<Step>) -> Self {
        Self {
            steps,
            checkpoint_log_bytes: 1 << 20,
            transaction_memory_bytes: 64 << 20,
            seed,
            base: Content::new(),
            followed: false,
        }
    }

    /// The same with somebody who follows it.
    pub(crate) fn followed(mut self) -> Self {
        self.followed = true;
        self.transaction_memory_bytes = 64 << 20;
        self
    }

    /// A history of `len` steps by chance.
    pub(crate) fn random(seed: u64, len: usize) -> Self {
        let mut state = seed;
        let mut next = move |below: u64| {
            // Any generator does: this one is Knuth's MMIX.
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        let collections = ["a", "b", "users"];
        let write = |next: &mut dyn FnMut(u64) -> u64, n: usize| {
            let collection = collections[next(3) as usize];
            let id = next(4);
            match next(12) {
                0 | 1 => return delete(collection, id),
                2 => return remove(collection, id),
                3 => return range(collection, id, next(4)),
                _ => {}
            }
            let len = [3, 20, 60, 300, 1200][next(5) as usize];
            put(collection, id, format!("{n} {}", "x".repeat(len)))
        };
        let steps = (0..len).map(|n| match next(16) {
            0 | 1 => Step::Checkpoint,
            2 => Step::Reopen,
            3 => Step::Drop(collections[next(3) as usize]),
            4 => [Step::Sync, Step::Wait][next(2) as usize].clone(),
            5..=8 => Step::Eventual((0..1 + next(2)).map(|_| write(&mut next, n)).collect()),
            9 | 10 => Step::Commit((0..2 + next(3)).map(|_| write(&mut next, n)).collect()),
            _ => one(write(&mut next, n)),
        });
        let steps = steps.collect();
        Self {
            steps,
            checkpoint_log_bytes: [400, 1500, 1 << 20][seed as usize % 3],
            // Small enough for some of its transactions, or for all but those of one write.
            transaction_memory_bytes: [64 << 20, 1_200, 64 << 20, 1][seed as usize / 3 % 4],
            seed,
            base: Content::new(),
            followed: false,
        }
    }

    pub(crate) fn options(&self) -> Options {
        let options = match self.followed {
            true => Options::new().retention(Retention {
                old: self.seed.is_multiple_of(2),
                ..Retention::bytes(u64::MAX)
            }),
            false => Options::new(),
        };
        options
            .seed(self.seed)
            .checkpoint_log_bytes(self.checkpoint_log_bytes)
            .transaction_memory_bytes(self.transaction_memory_bytes)
            // Every image of the disk would have all of it.
            .reserve_bytes(4 << 10)
    }

    /// Options of another life of the database: what it makes has salts of its own.
    pub(crate) fn later_options(&self, life: u64) -> Options {
        self.options().seed(self.seed ^ life << 32)
    }

    /// What the database holds after each number of commits.
    pub(crate) fn models(&self) -> Models {
        let mut models = Models {
            states: vec![self.base.clone()],
            waits: vec![true],
        };
        for step in self.steps.iter().filter(|step| step.commits()) {
            let mut next = models.states.last().unwrap().clone();
            step.apply(&mut next);
            // One that writes nothing waits for nothing.
            let waits = !matches!(step, Step::Eventual(_)) && models.states.last() != Some(&next);
            models.states.push(next);
            models.waits.push(waits);
        }
        models
    }

    /// Runs it, acknowledging each commit.
    pub(crate) fn run(&self, disk: &SimDisk) -> Result<(), Failed> {
        let mut db = self.options().open_in(disk.clone())?;
        let (mut life, mut made) = (0, 0);
        let mut follower = Follower::default();
        for step in &self.steps {
            if self.followed {
                disk.acknowledge_to(follower.catch_up(&db)?);
            }
            made += u64::from(step.commits());
            if matches!(step, Step::Reopen) {
                db.close()?;
                disk.acknowledge_to(made);
                life += 1;
                db = self.later_options(life).open_in(disk.clone())?;
                continue;
            }
            // What does not wait is told once it is durable.
            if step.run(&db)? {
                disk.acknowledge_to(made);
            }
            follower.made.push((db.lsn(), made));
        }
        db.close()?;
        disk.acknowledge_to(made);
        Ok(())
    }

    /// Runs it on a disk where operations fail once: after each error the database is opened again, and what is not there is
    /// committed again.
    pub(crate) fn run_stubbornly(&self, disk: &SimDisk) -> Result<(), Failed> {
        let models = self.models();
        let mut lives = 0;
        let mut open = || {
            lives += 1;
            let again = || self.later_options(700 + lives).open_in(disk.opened_again());
            again().or_else(|_| again())
        };
        let mut db = Some(open()?);
        for step in &self.steps {
            let before = disk.acknowledged();
            if db.is_none() || matches!(step, Step::Reopen) {
                // Closed, whether or not that succeeds.
                drop(db.take());
                db = Some(open()?);
            }
            for _ in 0..3 {
                let Some(open_db) = &db else {
                    break;
                };
                let is_commit = step.commits();
                let result = match step {
                    // What is lost would have to be done again from further back.
                    Step::Eventual(_) => step.run(open_db).and_then(|_| open_db.sync().map(drop)),
                    step => step.run(open_db).map(drop),
                };
                if result.is_ok() {
                    disk.acknowledge_to(before + u64::from(is_commit));
                    break;
                }
                drop(db.take());
                let again = open()?;
                let there = content(&again).or_else(|_| content(&again))?;
                disk.acknowledge_to(models.which(before, &there)?);
                db = Some(again);
                if disk.acknowledged() > before {
                    break;
                }
            }
            let wanted = before + u64::from(step.commits());
            if disk.acknowledged() < wanted {
                return Err("a commit fails again and again".into());
            }
        }
        Ok(())
    }

    /// Opens the database, shows what it holds, and closes it.
    pub(crate) fn recover(&self, disk: &SimDisk) -> Verdict {
        let models = self.models();
        let acknowledged = disk.acknowledged();
        let db = self
            .later_options(100 + acknowledged)
            .open_in(disk.clone())?;
        let shown = models.which(acknowledged, &content(&db)?)?;
        disk.acknowledge_to(shown);
        Ok(())
    }

    /// The oracles.
    pub(crate) fn check(&self, disk: &SimDisk, acknowledged: u64) -> Verdict {
        let models = self.models();
        // A reader, which writes nothing.
        match self.options().read_only(true).open_in(disk.clone()) {
            Ok(db) => {
                models.which(acknowledged, &content(&db)?)?;
            }
            Err(error)
                if error.kind() == ErrorKind::NotFound
                    && acknowledged == 0
                    && self.base.is_empty() => {}
            Err(error) => return Err(format!("a reader cannot open it: {error:?}").into()),
        }
        if disk.op_counts().keys().any(|op| !is_read(*op)) {
            return Err("a reader has written".into());
        }
        // The recovery, and what it shows.
        let db = self.later_options(200).open_in(disk.clone())?;
        let shown = content(&db)?;
        let count = models.which(acknowledged, &shown)?;
        sound(&db)?;
        if self.followed && self.base.is_empty() && replayed(&db)? != shown {
            return Err("following its changes from the first on comes to something else".into());
        }
        // Recovered again, on the disk as it is now: the same, also where nothing unsynced survives.
        let dead = disk.restart();
        let lost = disk.crash(entidb_testkit::Policy::Nothing);
        for (disk, life) in [(&dead, 300), (&lost, 400)] {
            let again = self.later_options(life).open_in(disk.clone())?;
            if content(&again)? != shown {
                return Err("recovered a second time, it holds something else".into());
            }
            if life == 400 {
                continue;
            }
            // And it goes on working.
            let mut expected = shown.clone();
            let writes = [
                put("a", 1, "after the crash"),
                delete("b", 2),
                put("new", 7, "too"),
            ];
            for write in &writes {
                apply(&mut expected, write);
            }
            commit(&again, &writes)?;
            if count % 2 == 0 {
                again.checkpoint()?;
            }
            let killed = disk.crash(entidb_testkit::Policy::Nothing);
            again.close()?;
            for (disk, life) in [(disk, 500), (&killed, 600)] {
                let after = self.later_options(life).open_in(disk.clone())?;
                if content(&after)? != expected {
                    return Err("what was committed after the crash is not there".into());
                }
                sound(&after)?;
            }
        }
        Ok(())
    }

    /// A crash test of it.
    pub(crate) fn test(&self) -> CrashTest<'_> {
        CrashTest::new(self.seed)
            .workload(|disk| self.run(disk))
            .recover(|disk| self.recover(disk))
            .check(|disk, acknowledged| self.check(disk, acknowledged))
    }
}

/// Somebody who follows a history.
#[derive(Default)]
struct Follower {
    position: Option<Lsn>,
    /// The last commit after each step, and how many there were.
    made: Vec<(Lsn, u64)>,
}

impl Follower {
    /// Reads what is there. What it was given has to survive any crash from here on: so many commits.
    fn catch_up(&mut self, db: &Database) -> Result<u64, Failed> {
        let mut changes = db.changes(self.position.unwrap_or(Lsn::ZERO))?;
        while changes.try_next()?.is_some() {}
        self.position = Some(changes.position());
        let seen = self.made.iter();
        let seen = seen.filter(|(lsn, _)| *lsn <= changes.position());
        Ok(seen.map(|(_, made)| *made).max().unwrap_or(0))
    }
}

/// All that somebody gets who follows from the first commit on.
pub(crate) fn commits(db: &Database) -> entidb::Result<Vec<Commit>> {
    let mut changes = db.changes(Lsn::ZERO)?;
    let next = || changes.try_next().transpose();
    std::iter::from_fn(next).collect()
}

/// What comes of following all changes from the first on.
pub(crate) fn replayed(db: &Database) -> Result<Content, Failed> {
    let mut content = Content::new();
    let mut last = Lsn::ZERO;
    for commit in commits(db)? {
        if commit.lsn <= last {
            return Err(format!("{} comes behind {last}", commit.lsn).into());
        }
        last = commit.lsn;
        for change in &commit.changes {
            follow(&mut content, change)?;
        }
    }
    Ok(content)
}

/// Does to a map what a change did.
pub(crate) fn follow(content: &mut Content, change: &Change) -> Verdict {
    let name = change.collection.to_string();
    let key = (name.clone(), change.id);
    let before = match change.kind {
        ChangeKind::DeleteRange { first, last } => {
            content.retain(|(of, id), _| *of != name || !(first..=last).contains(id));
            return Ok(());
        }
        ChangeKind::Drop => {
            content.retain(|(of, _), _| *of != name);
            return Ok(());
        }
        _ => match &change.new {
            Some(new) => content.insert(key, new.as_bytes().to_vec()),
            None => content.remove(&key),
        },
    };
    let old = change.old.as_ref().map(|old| old.as_bytes());
    if before.is_some() == (change.kind == ChangeKind::Insert)
        || old.is_some() && old != before.as_deref()
    {
        return Err(format!("{change:?} is not what has happened").into());
    }
    Ok(())
}

fn is_read(op: entidb_testkit::Op) -> bool {
    use entidb_testkit::Op;
    matches!(op, Op::Read | Op::OpenReader | Op::List)
}

pub(crate) fn apply(content: &mut Content, write: &Write) {
    let key = (write.collection.to_owned(), id(write.id));
    match &write.what {
        What::Put(text) => {
            let payload = Payload::encode(&Value::from(text.as_str())).unwrap();
            content.insert(key, payload.as_bytes().to_vec());
        }
        What::Delete | What::Remove => drop(content.remove(&key)),
        What::Range(to) => {
            let range = between(write.id, *to);
            content.retain(|(name, id), _| name != write.collection || !range.contains(id));
        }
    }
}

pub(crate) fn commit(db: &Database, writes: &[Write]) -> entidb::Result<()> {
    commit_with(db, writes, Durability::Sync).map(drop)
}

pub(crate) fn commit_with(
    db: &Database,
    writes: &[Write],
    durability: Durability,
) -> entidb::Result<bool> {
    let options = WriteOptions::new().durability(durability);
    let done = db.write_with(&options, |tx| {
        for write in writes {
            let id = id(write.id);
            match &write.what {
                What::Put(text) => tx.put(write.collection, id, &Value::from(text.as_str()))?,
                What::Delete => drop(tx.delete(write.collection, id)?),
                What::Remove => tx.remove(write.collection, id)?,
                What::Range(to) => {
                    tx.delete_range(write.collection, between(write.id, *to))?;
                }
            }
        }
        Ok(())
    });
    done.map(|(_, receipt)| receipt.durable)
}

/// Everything in the database.
pub(crate) fn content(db: &Database) -> Result<Content, Failed> {
    content_of(&db.snapshot())
}

/// Everything in a snapshot.
pub(crate) fn content_of(snapshot: &Snapshot) -> Result<Content, Failed> {
    let mut content = Content::new();
    for name in snapshot.collections() {
        for entity in snapshot.scan(name) {
            let (id, payload) = entity?;
            let got = snapshot.get(name, id)?;
            if got.as_ref() != Some(&payload) {
                return Err(format!("a scan and a get of {name} {id} differ").into());
            }
            content.insert((name.to_owned(), id), payload.as_bytes().to_vec());
        }
    }
    Ok(content)
}

impl Models {
    /// How many commits `found` is the outcome of: all that were acknowledged, those behind them that nobody waited for, and
    /// the next one at the most.
    pub(crate) fn which(&self, acknowledged: u64, found: &Content) -> Result<u64, Failed> {
        let first = acknowledged as usize;
        let later = self.waits.iter().skip(first + 1);
        let eventual = later.take_while(|waits| !**waits).count();
        let mut possible = self.states.iter().zip(0..).skip(first).take(eventual + 2);
        if let Some((_, count)) = possible.find(|(model, _)| *model == found) {
            return Ok(count);
        }
        let other = self.states.iter().position(|model| model == found);
        Err(match other {
            Some(count) => format!("{acknowledged} commits were acknowledged, {count} are there"),
            None => format!(
                "{acknowledged} commits were acknowledged, and what is there is the outcome of no number of them: {:?}",
                found.keys().collect::<Vec<_>>()
            ),
        }
        .into())
    }
}

pub(crate) fn sound(db: &Database) -> Verdict {
    let report = db.verify()?;
    if report.is_sound() {
        return Ok(());
    }
    Err(format!("verify found damage: {:?}", report.problems).into())
}

/// Runs the test and fails with what it found.
pub(crate) fn pass(test: CrashTest<'_>) -> Report {
    match test.run() {
        Ok(report) => report,
        Err(failure) => panic!("{failure}"),
    }
}

/// Adds a report to the others.
pub(crate) fn sum(all: &mut Option<Report>, report: Report) {
    match all {
        Some(all) => all.add(&report),
        None => *all = Some(report),
    }
}
