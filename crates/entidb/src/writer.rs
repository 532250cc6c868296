//! The state of the one writer: the manifest as it stands on disk, the active log, and what may be given out next.
//!
//! Promises: nothing is given out that the manifest on disk has not reserved. Relies on holding the lock. Commit, checkpoint
//! and close are in files of their own.

use std::sync::Arc;

use entidb_storage::{Directory, DirectoryLock};

use crate::environment::Environment;
use crate::error::{Error, ErrorKind, Result};
use crate::format::batch::Synced;
use crate::format::footer::Tally;
use crate::format::name;
use crate::ids::{Lsn, StreamId};
use crate::log::Log;
use crate::manifest::{self, LogEntry, Manifest};
use crate::memtable::Memtable;
use crate::options::Options;
use crate::stream::Stream;
use crate::view::Published;

/// How many stream numbers a manifest reserves at a time.
const STREAM_RESERVE_COUNT: u64 = 16;
/// How many LSNs a manifest reserves at a time.
const LSN_RESERVE_COUNT: u64 = 1 << 24;

/// What the one writer knows.
pub(crate) struct Writer {
    pub(crate) directory: Arc<dyn Directory>,
    pub(crate) environment: Arc<Environment>,
    pub(crate) options: Options,
    pub(crate) published: Arc<Published>,
    /// As it stands on disk.
    pub(crate) manifest: Manifest,
    /// Whether the manifest on disk says that a session is open.
    pub(crate) session: bool,
    /// The next stream number to give out.
    pub(crate) next_stream: StreamId,
    pub(crate) last_lsn: Lsn,
    pub(crate) next_lsn: Lsn,
    /// Logs that no run covers and that nothing is appended to, in LSN order.
    pub(crate) idle: Vec<IdleLog>,
    /// The log that a commit appends to.
    pub(crate) active: Option<Log>,
    /// A sync failed: what the disk holds is unknown, so nothing more is written.
    pub(crate) poisoned: bool,
    /// After a checkpoint that failed: how many bytes the logs must have before the next one.
    pub(crate) checkpoint_again_bytes: u64,
    pub(crate) checkpoint_failure: Option<String>,
    pub(crate) counters: Counters,
    /// Given back when the writer is dropped, behind everything else.
    pub(crate) _lock: DirectoryLock,
}

/// A log that no run covers, as a walk through it found it.
#[derive(Clone)]
pub(crate) struct IdleLog {
    pub(crate) stream: Arc<Stream>,
    /// The end of its last whole batch, in bytes.
    pub(crate) end: u64,
    pub(crate) tally: Tally,
    /// Whether nothing lies behind `end` and all of it is synced, so that it may be appended to again.
    pub(crate) clean: bool,
    /// Whether some of it is not known to be synced: the manifest must not name its end until that was copied.
    pub(crate) unsynced: bool,
}

/// What this handle has done since it was opened.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counters {
    pub(crate) commits: u64,
    pub(crate) syncs: u64,
    pub(crate) checkpoints: u64,
}

impl Writer {
    /// Refuses if an earlier sync failed.
    pub(crate) fn check(&self) -> Result<()> {
        if self.poisoned {
            return Err(Error::new(
                ErrorKind::Poisoned,
                "an earlier sync failed, so nothing more is written: open the database again",
            ));
        }
        Ok(())
    }

    /// Replaces the manifest by a changed copy of itself.
    pub(crate) fn edit(&mut self, change: impl FnOnce(&mut Manifest)) -> Result<()> {
        let mut manifest = self.manifest.clone();
        change(&mut manifest);
        manifest.edit += 1;
        manifest.synced = self.synced().or(manifest.synced);
        let salt = self.environment.salt();
        self.counters.syncs += 1;
        match manifest::replace(&*self.directory, &manifest, salt) {
            Ok(()) => {
                self.manifest = manifest;
                Ok(())
            }
            Err(error) => {
                // Only for want of room is it certain that the old manifest stands.
                self.poisoned |= error.kind() != ErrorKind::Full;
                Err(error)
            }
        }
    }

    fn synced(&self) -> Option<Synced> {
        self.active.as_ref().map(|log| Synced {
            log: log.stream().id,
            offset: log.end(),
        })
    }

    /// Marks on disk that a session is open, before its first write: from here on, LSNs and stream numbers of this session
    /// are never given out again, whatever is lost of it.
    pub(crate) fn begin_session(&mut self) -> Result<()> {
        self.check()?;
        if self.session {
            return Ok(());
        }
        let next_stream = self.next_stream.0 + STREAM_RESERVE_COUNT;
        let ceiling = Lsn(self.next_lsn.0 + LSN_RESERVE_COUNT);
        let ends: Vec<LogEntry> = self.idle.iter().map(IdleLog::entry).collect();
        self.edit(|manifest| {
            manifest.closed = None;
            manifest.next_stream = StreamId(next_stream.max(manifest.next_stream.0));
            manifest.lsn_ceiling = ceiling.max(manifest.lsn_ceiling);
            manifest.logs = ends;
        })?;
        self.session = true;
        self.remove_unlisted()
    }

    /// The memtable that commits go to.
    pub(crate) fn memtable(&self) -> Arc<Memtable> {
        let (view, _) = self.published.get();
        view.memtables.first().map(Arc::clone).unwrap_or_default()
    }

    /// Gives out a stream number that no stream has had.
    pub(crate) fn allocate_stream(&mut self) -> Result<StreamId> {
        if self.next_stream >= self.manifest.next_stream {
            let next = StreamId(self.next_stream.0 + STREAM_RESERVE_COUNT);
            self.edit(|manifest| manifest.next_stream = next)?;
        }
        let id = self.next_stream;
        self.next_stream.0 += 1;
        Ok(id)
    }

    /// The LSN of the next commit, once the manifest has reserved it. It is given out by [`Writer::commit`] alone.
    pub(crate) fn reserve_lsn(&mut self) -> Result<Lsn> {
        let lsn = self.next_lsn;
        if lsn >= Lsn::MAX {
            return Err(Error::invalid("this database has had all its commits"));
        }
        if lsn >= self.manifest.lsn_ceiling {
            let ceiling = Lsn(lsn.0 + LSN_RESERVE_COUNT);
            self.edit(|manifest| manifest.lsn_ceiling = ceiling)?;
        }
        Ok(lsn)
    }

    /// Makes sure that there is a log to append to: the one that was closed, or a new one.
    pub(crate) fn ensure_log(&mut self) -> Result<&mut Log> {
        if self.active.is_none() {
            let log = match self.idle.last().filter(|log| log.clean) {
                Some(last) => {
                    let log = Log::reopen(&*self.directory, &last.stream, last.end, last.tally)?;
                    self.idle.pop();
                    log
                }
                None => self.create_log()?,
            };
            let stream = Arc::new(log.stream().clone());
            self.published.change(|view| {
                view.streams.insert(stream.id, Arc::clone(&stream));
            });
            self.active = Some(log);
        }
        self.active
            .as_mut()
            .ok_or_else(|| Error::invalid("there is no log"))
    }

    /// Makes a new log and lists it behind the idle ones.
    fn create_log(&mut self) -> Result<Log> {
        let id = self.allocate_stream()?;
        let salt = self.environment.salt();
        self.counters.syncs += 1;
        let log = Log::create(&*self.directory, id, self.manifest.database, salt)?;
        let logs = self.log_entries(Some(log.entry()));
        // ORDER: the manifest lists the log before a batch in it counts; one line earlier a crash leaves an empty log that
        // nobody names.
        self.edit(|manifest| manifest.logs = logs)?;
        Ok(log)
    }

    /// The manifest's list of logs: the idle ones, and behind them the active one.
    pub(crate) fn log_entries(&self, active: Option<LogEntry>) -> Vec<LogEntry> {
        let mut logs: Vec<LogEntry> = self.idle.iter().map(IdleLog::entry).collect();
        if active.is_some() {
            // Only the last log may go on; what is before it ends where it ends.
            for (entry, log) in logs.iter_mut().zip(&self.idle) {
                entry.end = Some(log.end);
            }
        }
        logs.extend(active);
        logs
    }

    /// Removes the streams that the manifest does not list: what a crash, or a checkpoint, left behind. They are not read:
    /// a removal can come undone, and a log replayed again would bring deleted entities back.
    pub(crate) fn remove_unlisted(&mut self) -> Result<()> {
        let directory = Arc::clone(&self.directory);
        let names = directory
            .list()
            .map_err(|error| Error::storage(error, "list", "the directory"))?;
        for name in names {
            let Some((id, _)) = name::parse(&name) else {
                continue;
            };
            if id < self.manifest.next_stream && !self.manifest.lists(id) {
                match directory.remove(&name) {
                    Ok(()) => {}
                    Err(error) if error.is_not_found() => {}
                    Err(error) => return Err(Error::storage(error, "remove", &name)),
                }
            }
        }
        Ok(())
    }

    /// Bytes in the logs that no run covers.
    pub(crate) fn uncovered_bytes(&self) -> u64 {
        let idle: u64 = self.idle.iter().map(|log| log.end).sum();
        idle + self.active.as_ref().map_or(0, Log::end)
    }
}

impl IdleLog {
    fn entry(&self) -> LogEntry {
        LogEntry {
            stream: self.stream.id,
            end: (!self.clean && !self.unsynced).then_some(self.end),
        }
    }
}
