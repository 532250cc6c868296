//! What the one writer of a database holds: the commits, the manifest's editor, and what is to be done in the background.
//!
//! Promises: nothing is written by two at a time that must be written by one. Relies on holding the lock. Commit, checkpoint
//! and the rest are in files of their own.

use entidb_storage::{Directory, DirectoryLock};

use crate::commit::Committer;
use crate::compact::Compactor;
use crate::environment::Environment;
use crate::error::Result;
use crate::expiry::Timer;
use crate::feed::Feed;
use crate::format::footer::Tally;
use crate::ids::StreamId;
use crate::manifest::{Editor, LogEntry, SealedEntry};
use crate::memtable::Memtable;
use crate::options::Options;
use crate::snapshot::Snapshot;
use crate::spill::Ground;
use crate::stream::Stream;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{Arc, Mutex, MutexGuard, PoisonError};
use crate::view::Published;

/// What the one writer holds.
pub(crate) struct Writer {
    pub(crate) directory: Arc<dyn Directory>,
    pub(crate) environment: Arc<Environment>,
    pub(crate) options: Options,
    pub(crate) published: Arc<Published>,
    pub(crate) editor: Arc<Editor>,
    pub(crate) committer: Committer,
    /// Where transactions spill.
    pub(crate) ground: Arc<Ground>,
    pub(crate) feed: Arc<Feed>,
    pub(crate) timer: Timer,
    /// Whoever builds indexes holds it.
    pub(crate) indexing: Mutex<()>,
    /// Whoever makes a checkpoint or closes holds it.
    pub(crate) maintenance: Mutex<Maintenance>,
    /// Whoever merges runs holds it.
    pub(crate) compactor: Mutex<Compactor>,
    /// Whether the database is being closed, so that long work stops.
    pub(crate) stopping: AtomicBool,
    /// Given back when the database is closed.
    pub(crate) lock: Mutex<Option<DirectoryLock>>,
}

/// What only maintenance knows.
#[derive(Debug, Default)]
pub(crate) struct Maintenance {
    /// After a checkpoint that failed: how many bytes the logs must have before the next one that nobody asked for.
    pub(crate) again_bytes: u64,
    /// Whether the database was closed.
    pub(crate) ended: bool,
    /// Whether the last checkpoint failed.
    pub(crate) failed: bool,
}

/// A memtable that no commit goes to any more, and the logs whose keys it holds.
#[derive(Clone)]
pub(crate) struct Frozen {
    pub(crate) memtable: Arc<Memtable>,
    pub(crate) idle: Vec<IdleLog>,
    /// The log behind the idle ones, if it was appended to.
    pub(crate) log: Option<StreamId>,
}

/// A log that no run covers and that nothing is appended to, as a walk through it found it.
#[derive(Clone)]
pub(crate) struct IdleLog {
    pub(crate) stream: Arc<Stream>,
    /// The end of its last whole batch, in bytes.
    pub(crate) end: u64,
    pub(crate) tally: Tally,
    /// Whether nothing lies behind `end` and all of it is synced, so that it may be appended to again.
    pub(crate) clean: bool,
    /// Whether it was closed at its end without a failure, so that a footer may be appended there.
    pub(crate) closed: bool,
    /// Its entry as a segment, once its footer is durable.
    pub(crate) sealed: Option<SealedEntry>,
    /// Whether some of it is not known to be synced: the manifest must not name its end until that was copied.
    pub(crate) unsynced: bool,
}

impl IdleLog {
    /// How the manifest lists it, while it may be the last log.
    pub(crate) fn entry(&self) -> LogEntry {
        LogEntry {
            stream: self.stream.id,
            end: (!self.clean && !self.unsynced).then_some(self.end),
        }
    }

    /// How the manifest lists it once another log is behind it.
    pub(crate) fn ended(&self) -> LogEntry {
        LogEntry {
            stream: self.stream.id,
            end: Some(self.end),
        }
    }
}

impl Writer {
    pub(crate) fn maintenance(&self) -> MutexGuard<'_, Maintenance> {
        self.maintenance
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets no more commits in, and ends the background.
    pub(crate) fn refuse_more(&self) {
        self.stopping.store(true, Ordering::Relaxed);
        self.timer.close();
        self.committer.queue().closed = true;
        self.committer.notify();
    }

    /// Does what is due, if nobody is there to do it in the background.
    pub(crate) fn maintain(&self) {
        if !self.options.background {
            let checkpoints = self.checkpoint_if_due();
            if checkpoints {
                self.merge_what_is_due();
            }
        }
    }

    /// Merges until nothing is due any more.
    pub(crate) fn merge_what_is_due(&self) {
        // Each merge leaves fewer runs, or fewer dead bytes; its failure is kept for the stats.
        while self.compact_if_due().unwrap_or(false) {}
    }

    /// The database as it is now.
    pub(crate) fn snapshot(&self) -> Snapshot {
        Snapshot::new(self.published.get())
    }

    /// Refuses if an earlier sync failed, or the database was closed.
    pub(crate) fn check(&self) -> Result<()> {
        self.committer.queue().check()
    }
}
