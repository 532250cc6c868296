//! The simulated disk.
//!
//! Promises: the storage contract, and that nothing happens by chance but what a seed says. Keeps what the running process
//! sees beside what the disk has for certain; everything between the two is what a crash may do.

mod directory;
mod file;
mod handle;
mod reader;
mod space;
mod state;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use entidb_storage::{Directory, OpenMode, StorageBackend, StorageError, StorageResult};

use crate::crash::CrashPoint;
use crate::fault::{Fault, Faults, Op, Rule};
use crate::mutant::Mutant;
use crate::rng::Rng;

pub(crate) use file::{Extent, File, Version};
pub(crate) use state::{FileId, State};

/// A disk in memory that can crash. It is a [`Directory`]; clones are the same disk.
///
/// Everything it does is a function of its seed and of the calls: it has no clock, no thread and no real file. Streams obey
/// the clauses of the storage contract, so that what goes wrong on it is the store's fault, until a [`Rule`], a
/// [`Damage`](crate::Damage) or a [`Mutant`] makes it the disk's.
///
/// After a crash, take one of [`crash_states`](Self::crash_states): a disk of its own, on which nothing is open.
#[derive(Clone)]
pub struct SimDisk {
    inner: Arc<Mutex<Inner>>,
    /// A directory sync has failed on this handle.
    poisoned: Arc<AtomicBool>,
}

/// The disk, and the process that uses it.
pub(crate) struct Inner {
    pub(crate) state: State,
    faults: Faults,
    /// Files that somebody appends to or holds as a lock.
    held: BTreeSet<FileId>,
    trace: Option<Vec<String>>,
    /// Each moment at which a crash could come, if they are recorded.
    points: Option<Vec<CrashPoint>>,
    rng: Rng,
}

impl Inner {
    /// Counts an operation, after noting the state before it, and says how it fails, if it does.
    fn begin(&mut self, op: Op) -> Option<Fault> {
        if op.changes() {
            self.note_point();
        }
        self.faults.strike(op)
    }

    /// As [`begin`](Self::begin), for an operation of which every fault is an error.
    fn check(&mut self, op: Op) -> StorageResult<()> {
        self.begin(op).map_or(Ok(()), |fault| Err(fault.error(op)))
    }

    /// A crash could come now.
    fn note_point(&mut self) {
        if let Some(points) = &mut self.points {
            let operation = self.trace.as_ref().map_or(0, Vec::len);
            points.push(CrashPoint {
                state: self.state.clone(),
                operation,
            });
        }
    }

    fn line<T>(&mut self, result: &StorageResult<T>, line: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            let outcome = if result.is_ok() { "" } else { " failed" };
            trace.push(format!("{}{outcome}", line()));
        }
    }

    fn hold(&mut self, file: FileId) -> StorageResult<()> {
        if !self.held.insert(file) {
            return Err(StorageError::Locked {
                holder: "the simulated process".to_owned(),
            });
        }
        Ok(())
    }

    pub(crate) fn file(&self, id: FileId) -> StorageResult<&File> {
        self.state.files.get(&id).ok_or_else(gone)
    }

    pub(crate) fn file_mut(&mut self, id: FileId) -> StorageResult<&mut File> {
        self.state.files.get_mut(&id).ok_or_else(gone)
    }
}

/// Files are never forgotten while a disk lives.
fn gone() -> StorageError {
    StorageError::Corrupted("the simulated disk has lost a file".to_owned())
}

impl SimDisk {
    /// An empty disk with sectors of 512 bytes and no bound.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let disk = Self::of(State::new(seed));
        disk.lock().trace = Some(Vec::new());
        disk
    }

    pub(crate) fn of(state: State) -> Self {
        Self {
            inner: Arc::new(Mutex::new(Inner {
                rng: Rng::new(state.seed),
                state,
                faults: Faults::default(),
                held: BTreeSet::new(),
                trace: None,
                points: None,
            })),
            poisoned: Arc::default(),
        }
    }

    /// The same disk through a directory that is opened anew by the same process. A directory whose sync has failed refuses
    /// to replace and to sync, and all clones of it with it; this one does not.
    #[must_use]
    pub fn opened_again(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
            poisoned: Arc::default(),
        }
    }

    /// Sets the length of a sector, the unit that a crash keeps or loses, in bytes. Smaller sectors tear more finely.
    #[must_use]
    pub fn with_sector_len(self, bytes: usize) -> Self {
        self.lock().state.sector_len = bytes.max(1);
        self
    }

    /// Makes the disk lie.
    #[must_use]
    pub fn with_mutant(self, mutant: Mutant) -> Self {
        self.lock().state.mutant = Some(mutant);
        self
    }

    /// Makes [`reserve`](StorageBackend::reserve) a hint that always succeeds, so that a full disk is met at the flush.
    #[must_use]
    pub fn without_reserve(self) -> Self {
        self.lock().state.reserves = false;
        self
    }

    // A panic while the lock was held cannot have left half a change that matters: the test has failed.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens the stream `name`, or makes it: for stores on the bare [`StorageBackend`].
    ///
    /// # Errors
    /// As for [`Directory::open`].
    pub fn stream(&self, name: &str) -> StorageResult<Box<dyn StorageBackend>> {
        match self.open(name, OpenMode::Existing) {
            Err(error) if error.is_not_found() => self.open(name, OpenMode::CreateNew),
            result => result,
        }
    }

    /// Notes that the store has told somebody that its next unit of work is durable. The count is what a check is given.
    pub fn acknowledge(&self) {
        self.lock().state.acknowledged += 1;
    }

    /// Notes that the first `count` units of work were told, or shown, to somebody: at the end of a recovery, say.
    pub fn acknowledge_to(&self, count: u64) {
        let mut inner = self.lock();
        inner.state.acknowledged = inner.state.acknowledged.max(count);
    }

    /// How many units of work have been acknowledged.
    #[must_use]
    pub fn acknowledged(&self) -> u64 {
        self.lock().state.acknowledged
    }

    /// Bounds the bytes of all streams, or unbounds them: a disk that fills up, and is freed again.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.lock().state.capacity = bytes;
    }

    /// Bytes of all streams that are there, as a disk usage program would count them.
    #[must_use]
    pub fn used(&self) -> u64 {
        let inner = self.lock();
        let files = inner
            .state
            .visible()
            .filter_map(|(_, id)| inner.state.files.get(&id));
        files.map(|file| file.space() as u64).sum()
    }

    /// Lets operations fail from now on.
    pub fn fail(&self, rule: Rule) {
        self.lock().faults.add(rule);
    }

    /// Lets nothing fail any more. What failed syncs have lost stays lost.
    pub fn heal(&self) {
        self.lock().faults.clear();
    }

    /// How many operations have failed by a [`Rule`].
    #[must_use]
    pub fn faults_met(&self) -> u64 {
        self.lock().faults.hits()
    }

    /// How many operations of each kind there have been, the failed ones counted.
    #[must_use]
    pub fn op_counts(&self) -> BTreeMap<Op, u64> {
        self.lock().faults.counts().clone()
    }

    /// What was done to the disk so far, an operation a line; reads leave no line.
    #[must_use]
    pub fn trace(&self) -> Vec<String> {
        self.lock().trace.clone().unwrap_or_default()
    }

    /// Gives out the trace and begins a new one. On a disk that a crash has left, this is where it begins.
    #[must_use]
    pub fn take_trace(&self) -> Vec<String> {
        self.lock().trace.replace(Vec::new()).unwrap_or_default()
    }

    /// Begins to note the state of the disk before and inside every operation that changes it.
    pub(crate) fn record_points(&self) {
        self.lock().points = Some(Vec::new());
    }

    /// The states that were noted, and the state now.
    pub(crate) fn take_points(&self) -> Vec<CrashPoint> {
        let mut inner = self.lock();
        inner.note_point();
        inner.points.take().unwrap_or_default()
    }
}

impl std::fmt::Debug for SimDisk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let inner = self.lock();
        let mut map = f.debug_map();
        for (name, id) in inner.state.visible() {
            if let Some(file) = inner.state.files.get(&id) {
                let durable = if file.is_durable() { "" } else { " unsynced" };
                map.entry(name, &format_args!("{}{durable}", file.len()));
            }
        }
        map.finish()
    }
}

fn io_error(kind: io::ErrorKind, message: impl Into<String>) -> StorageError {
    StorageError::Io(io::Error::new(kind, message.into()))
}
