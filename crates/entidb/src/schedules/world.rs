//! What a program runs on: a database on a simulated disk, whose threads note what they are told and see.

use std::sync::{Arc, Mutex};

use entidb_codec::Value;
use entidb_testkit::{Policy, SimDisk};
use shuttle::thread::JoinHandle;

use super::disk::Disk;
use super::notes::{Answer, NAME, Notes, Seen, Told, Writes, content, id, number};
use crate::ids::Lsn;
use crate::writer::Writer;
use crate::{Database, Durability, ErrorKind, Options, Receipt, Result, Transaction, WriteOptions};

/// A database, its disk, and what its threads have noted. Clones are the same.
#[derive(Clone)]
pub(super) struct World {
    pub(super) db: Database,
    pub(super) disk: Disk,
    // Never held while another thread gets its turn.
    notes: Arc<Mutex<Notes>>,
}

/// Options under which nothing happens but what a program does.
pub(super) fn quiet() -> Options {
    Options::new()
        .seed(7)
        .background(false)
        .auto_compaction(false)
        .reserve_bytes(0)
}

impl World {
    /// A database in which nothing was done yet.
    pub(super) fn new(options: Options) -> Self {
        Self::on(SimDisk::new(1), options)
    }

    pub(super) fn on(disk: SimDisk, options: Options) -> Self {
        let disk = Disk::new(disk);
        Self {
            db: options.open_in(disk.clone()).unwrap(),
            disk,
            notes: Arc::default(),
        }
    }

    /// One that has its collection, and an entity 0 in it.
    pub(super) fn begun(options: Options) -> Self {
        let world = Self::new(options);
        world.put(0, 0, Durability::Sync);
        world
    }

    /// One that was begun, closed, and opened again.
    pub(super) fn reopened(mut options: Options) -> Self {
        let Self { db, disk, notes } = Self::begun(quiet());
        db.close().unwrap();
        options.seed = Some(8);
        let db = options.open_in(disk.clone()).unwrap();
        Self { db, disk, notes }
    }

    /// Begins a thread beside those that run already. Join them all: shuttle's scope wakes its owner wherever it waits, so it is
    /// of no use here.
    pub(super) fn spawn(&self, work: impl FnOnce(&World) + Send + 'static) -> JoinHandle<()> {
        let world = self.clone();
        shuttle::thread::spawn(move || work(&world))
    }

    pub(super) fn writer(&self) -> &Writer {
        self.db.writer().unwrap()
    }

    pub(super) fn put(&self, n: u64, value: u64, durability: Durability) -> Answer {
        self.write(WriteOptions::new().durability(durability), |tx| {
            put(tx, n, value)?;
            Ok(vec![(n, Some(value))])
        })
    }

    pub(super) fn delete(&self, n: u64, durability: Durability) -> Answer {
        self.write(WriteOptions::new().durability(durability), |tx| {
            tx.remove(NAME, id(n))?;
            Ok(vec![(n, None)])
        })
    }

    /// Commits what `f` writes and says that it does, and notes the answer.
    pub(super) fn write(
        &self,
        options: WriteOptions,
        mut f: impl FnMut(&mut Transaction) -> Result<Writes>,
    ) -> Answer {
        let mut writes = Vec::new();
        let outcome = self.db.write_with(&options, |tx| {
            writes = f(tx)?;
            Ok(())
        });
        let answer = match outcome {
            Ok(((), receipt)) => Answer::Committed(receipt),
            Err(error) if error.kind() == ErrorKind::Unknown => Answer::Unknown,
            Err(error) => Answer::Refused(error.kind()),
        };
        let told = Told {
            writes,
            answer,
            waited: options.durability == Durability::Sync,
            image: self.image(),
        };
        self.notes.lock().unwrap().told.push(told);
        answer
    }

    /// Notes that everything up to `lsn` was said to be durable.
    pub(super) fn note_durable(&self, lsn: Lsn) {
        let told = Told {
            writes: Vec::new(),
            answer: Answer::Committed(Receipt { lsn, durable: true }),
            waited: false,
            image: self.image(),
        };
        self.notes.lock().unwrap().told.push(told);
    }

    /// Drops the collection. Says whether it was there.
    pub(super) fn drop_collection(&self) -> bool {
        let dropped = self.db.drop_collection(NAME).unwrap();
        self.notes.lock().unwrap().dropped |= dropped;
        dropped
    }

    /// Lets go of the snapshots that were noted, once they are checked.
    pub(super) fn forget_seen(&self) {
        let mut notes = std::mem::take(&mut *self.notes.lock().unwrap());
        notes.check();
        notes.seen.clear();
        *self.notes.lock().unwrap() = notes;
    }

    /// Looks at the database, and notes what is seen.
    pub(super) fn look(&self) -> Lsn {
        let snapshot = self.db.snapshot();
        let lsn = snapshot.lsn();
        let image = self.image();
        let mut notes = self.notes.lock().unwrap();
        notes.seen.push(Seen { snapshot, image });
        lsn
    }

    /// Looks several times: what is visible never goes back.
    pub(super) fn watch(&self, times: usize) {
        let mut last = Lsn::ZERO;
        for _ in 0..times {
            let lsn = self.look();
            assert!(lsn >= last, "{lsn} was seen after {last}");
            last = lsn;
        }
    }

    /// The least that a crash now would leave.
    pub(super) fn image(&self) -> SimDisk {
        self.disk.disk.crash(Policy::Nothing)
    }

    pub(super) fn answers(&self) -> Vec<Answer> {
        let notes = self.notes.lock().unwrap();
        notes.told.iter().map(|told| told.answer).collect()
    }

    /// Checks all notes, then closes the database, opens it again, and looks once more.
    pub(super) fn end(self) {
        let notes = std::mem::take(&mut *self.notes.lock().unwrap());
        notes.check();
        let told = Notes {
            seen: Vec::new(),
            ..notes
        };
        let closed = self.db.clone().close();
        drop(self.db);
        let reopened = quiet()
            .open_in(self.disk.disk.crash(Policy::Nothing))
            .unwrap();
        let last = told.committed().map(|(_, lsn)| lsn).max();
        assert!(
            closed.is_err() || last.is_none_or(|last| last <= reopened.lsn()),
            "it was closed without {last:?}"
        );
        told.check_content(&content(&reopened.snapshot()), reopened.lsn());
        assert!(reopened.verify().unwrap().is_sound(), "it is damaged");
    }
}

/// Waits for the threads of a program.
pub(super) fn join(threads: impl IntoIterator<Item = JoinHandle<()>>) {
    for thread in threads {
        thread.join().unwrap();
    }
}

pub(super) fn put(tx: &mut Transaction, n: u64, value: u64) -> Result<()> {
    tx.put(NAME, id(n), &Value::from(value))
}

pub(super) fn get(tx: &Transaction, n: u64) -> Result<Option<u64>> {
    let payload = tx.get(NAME, id(n))?;
    Ok(payload.map(|payload| number(&payload)))
}
