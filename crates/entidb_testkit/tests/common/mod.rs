//! Short histories of the engine, and what has to hold after a crash in them.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::collections::BTreeMap;

use entidb::{Database, EntityId, ErrorKind, Options, Payload, Value};
use entidb_testkit::{CrashTest, Report, SimDisk, Verdict};

/// What a database holds: collection and id to payload bytes.
pub(crate) type Content = BTreeMap<(String, EntityId), Vec<u8>>;

/// One step of a history.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// One transaction.
    Commit(Vec<Write>),
    Checkpoint,
    /// Closed and opened again.
    Reopen,
}

/// One write of a transaction; without a value it deletes.
#[derive(Debug, Clone)]
pub(crate) struct Write {
    pub(crate) collection: &'static str,
    pub(crate) id: u64,
    pub(crate) value: Option<String>,
}

pub(crate) fn put(collection: &'static str, id: u64, value: impl Into<String>) -> Write {
    Write {
        collection,
        id,
        value: Some(value.into()),
    }
}

pub(crate) fn delete(collection: &'static str, id: u64) -> Write {
    Write {
        collection,
        id,
        value: None,
    }
}

pub(crate) fn one(write: Write) -> Step {
    Step::Commit(vec![write])
}

pub(crate) fn id(n: u64) -> EntityId {
    EntityId::from_key(n)
}

/// A history, and how its database is opened.
#[derive(Debug, Clone)]
pub(crate) struct History {
    pub(crate) steps: Vec<Step>,
    pub(crate) checkpoint_log_bytes: u64,
    pub(crate) seed: u64,
    /// What the database holds before it.
    pub(crate) base: Content,
}

pub(crate) type Failed = Box<dyn std::error::Error + Send + Sync>;

impl History {
    pub(crate) fn new(seed: u64, steps: Vec<Step>) -> Self {
        Self {
            steps,
            checkpoint_log_bytes: 1 << 20,
            seed,
            base: Content::new(),
        }
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
            if next(3) == 0 {
                return delete(collection, id);
            }
            let len = [3, 20, 60, 300, 1200][next(5) as usize];
            put(collection, id, format!("{n} {}", "x".repeat(len)))
        };
        let steps = (0..len).map(|n| match next(8) {
            0 => Step::Checkpoint,
            1 => Step::Reopen,
            2 | 3 => Step::Commit((0..2 + next(3)).map(|_| write(&mut next, n)).collect()),
            _ => one(write(&mut next, n)),
        });
        let steps = steps.collect();
        Self {
            steps,
            checkpoint_log_bytes: [400, 1500, 1 << 20][seed as usize % 3],
            seed,
            base: Content::new(),
        }
    }

    pub(crate) fn options(&self) -> Options {
        Options::new()
            .seed(self.seed)
            .checkpoint_log_bytes(self.checkpoint_log_bytes)
    }

    /// Options of another life of the database: what it makes has salts of its own.
    pub(crate) fn later_options(&self, life: u64) -> Options {
        self.options().seed(self.seed ^ life << 32)
    }

    /// What the database holds after each number of commits.
    pub(crate) fn models(&self) -> Vec<Content> {
        let mut models = vec![self.base.clone()];
        for step in &self.steps {
            if let Step::Commit(writes) = step {
                let mut next = models.last().unwrap().clone();
                for write in writes {
                    apply(&mut next, write);
                }
                models.push(next);
            }
        }
        models
    }

    /// Runs it, acknowledging each commit.
    pub(crate) fn run(&self, disk: &SimDisk) -> Result<(), Failed> {
        let mut db = self.options().open_in(disk.clone())?;
        let mut life = 0;
        for step in &self.steps {
            match step {
                Step::Commit(writes) => {
                    commit(&db, writes)?;
                    disk.acknowledge();
                }
                Step::Checkpoint => db.checkpoint()?,
                Step::Reopen => {
                    db.close()?;
                    life += 1;
                    db = self.later_options(life).open_in(disk.clone())?;
                }
            }
        }
        db.close()?;
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
                let result = match step {
                    Step::Commit(writes) => commit(open_db, writes),
                    Step::Checkpoint => open_db.checkpoint(),
                    Step::Reopen => Ok(()),
                };
                let is_commit = matches!(step, Step::Commit(_));
                if result.is_ok() {
                    disk.acknowledge_to(before + u64::from(is_commit));
                    break;
                }
                drop(db.take());
                let again = open()?;
                let there = content(&again).or_else(|_| content(&again))?;
                disk.acknowledge_to(which(&models, before, &there)?);
                db = Some(again);
                if disk.acknowledged() > before {
                    break;
                }
            }
            let wanted = before + u64::from(matches!(step, Step::Commit(_)));
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
        let shown = which(&models, acknowledged, &content(&db)?)?;
        disk.acknowledge_to(shown);
        Ok(())
    }

    /// The oracles.
    pub(crate) fn check(&self, disk: &SimDisk, acknowledged: u64) -> Verdict {
        let models = self.models();
        // A reader, which writes nothing.
        match self.options().read_only(true).open_in(disk.clone()) {
            Ok(db) => {
                which(&models, acknowledged, &content(&db)?)?;
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
        let count = which(&models, acknowledged, &shown)?;
        sound(&db)?;
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

fn is_read(op: entidb_testkit::Op) -> bool {
    use entidb_testkit::Op;
    matches!(op, Op::Read | Op::OpenReader | Op::List)
}

pub(crate) fn apply(content: &mut Content, write: &Write) {
    let key = (write.collection.to_owned(), id(write.id));
    match &write.value {
        Some(text) => {
            let payload = Payload::encode(&Value::from(text.as_str())).unwrap();
            content.insert(key, payload.as_bytes().to_vec());
        }
        None => {
            content.remove(&key);
        }
    }
}

pub(crate) fn commit(db: &Database, writes: &[Write]) -> entidb::Result<()> {
    db.write(|tx| {
        for write in writes {
            match &write.value {
                Some(text) => {
                    tx.put(write.collection, id(write.id), &Value::from(text.as_str()))?
                }
                None => drop(tx.delete(write.collection, id(write.id))?),
            }
        }
        Ok(())
    })
}

/// Everything in the database.
pub(crate) fn content(db: &Database) -> Result<Content, Failed> {
    let snapshot = db.snapshot();
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

/// How many commits `found` is the outcome of: all that were acknowledged, and the next one at the most.
pub(crate) fn which(models: &[Content], acknowledged: u64, found: &Content) -> Result<u64, Failed> {
    let possible = models.iter().zip(0..).skip(acknowledged as usize).take(2);
    for (model, count) in possible {
        if model == found {
            return Ok(count);
        }
    }
    let other = models.iter().position(|model| model == found);
    Err(match other {
        Some(count) => format!("{acknowledged} commits were acknowledged, {count} are there"),
        None => format!(
            "{acknowledged} commits were acknowledged, and what is there is the outcome of no number of them: {:?}",
            found.keys().collect::<Vec<_>>()
        ),
    }
    .into())
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
