//! The one who changes the manifest, and gives out what it has reserved.
//!
//! Promises: one edit at a time, each a changed copy of what stands on disk; no stream number or LSN is given out that the
//! manifest on disk has not reserved; none of all that once it was ended. Relies on holding the database's lock until then. Must
//! never know what is in the streams.

use std::collections::BTreeSet;

use entidb_storage::Directory;

use super::{Manifest, replace};
use crate::environment::Environment;
use crate::error::{Error, ErrorKind, Result};
use crate::format::batch::Synced;
use crate::format::name;
use crate::ids::{Lsn, StreamId};
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many stream numbers a manifest reserves at a time.
const STREAM_RESERVE_COUNT: u64 = 16;
/// How many LSNs a manifest reserves at a time.
const LSN_RESERVE_COUNT: u64 = 1 << 24;

/// Changes the manifest.
pub(crate) struct Editor {
    directory: Arc<dyn Directory>,
    environment: Arc<Environment>,
    state: Mutex<State>,
    /// What is known to be synced, for the next edit.
    synced: Mutex<Option<Synced>>,
    /// A replacement failed so that it is unknown which of the two manifests a crash would leave.
    unknown: AtomicBool,
    sync_count: AtomicU64,
}

struct State {
    /// As it stands on disk.
    manifest: Manifest,
    /// Whether it says that a session is open.
    session: bool,
    /// The next stream number to give out.
    next_stream: StreamId,
    /// Numbers that were given out to streams which the manifest does not list yet.
    making: BTreeSet<StreamId>,
    /// Whether the database is closed: its lock may be another's.
    ended: bool,
}

impl State {
    fn check(&self) -> Result<()> {
        if self.ended {
            return Err(Error::closed());
        }
        Ok(())
    }
}

impl Editor {
    pub(crate) fn new(
        directory: Arc<dyn Directory>,
        environment: Arc<Environment>,
        manifest: Manifest,
    ) -> Self {
        Self {
            directory,
            environment,
            synced: Mutex::new(manifest.synced),
            state: Mutex::new(State {
                next_stream: manifest.next_stream,
                manifest,
                session: false,
                making: BTreeSet::new(),
                ended: false,
            }),
            unknown: AtomicBool::new(false),
            sync_count: AtomicU64::new(0),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn synced(&self) -> MutexGuard<'_, Option<Synced>> {
        self.synced.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at the manifest as it stands on disk.
    pub(crate) fn read<T>(&self, look: impl FnOnce(&Manifest) -> T) -> T {
        look(&self.state().manifest)
    }

    /// Whether it is unknown which manifest a crash would leave, so that nothing more may be written.
    pub(crate) fn is_unknown(&self) -> bool {
        self.unknown.load(Ordering::Acquire)
    }

    /// How often the manifest was replaced.
    pub(crate) fn sync_count(&self) -> u64 {
        self.sync_count.load(Ordering::Relaxed)
    }

    /// Notes what is known to be synced. The next edit says so.
    pub(crate) fn note_synced(&self, synced: Synced) {
        *self.synced() = Some(synced);
    }

    /// Replaces the manifest by a changed copy of itself.
    pub(crate) fn edit(&self, change: impl FnOnce(&mut Manifest)) -> Result<()> {
        self.edit_state(&mut self.state(), change)
    }

    fn edit_state(&self, state: &mut State, change: impl FnOnce(&mut Manifest)) -> Result<()> {
        state.check()?;
        if self.is_unknown() {
            return Err(Error::new(
                ErrorKind::Poisoned,
                "replacing the manifest failed, so nothing more is written: open the database again",
            ));
        }
        let mut manifest = state.manifest.clone();
        manifest.synced = *self.synced();
        change(&mut manifest);
        manifest.edit += 1;
        let listed = |log| manifest.logs.iter().any(|entry| entry.stream == log);
        manifest.synced = manifest.synced.filter(|synced| listed(synced.log));
        let salt = self.environment.salt();
        self.sync_count.fetch_add(1, Ordering::Relaxed);
        match replace(&*self.directory, &manifest, salt) {
            Ok(()) => {
                state.making.retain(|id| !manifest.lists(*id));
                state.manifest = manifest;
                Ok(())
            }
            Err(error) => {
                // Only for want of room is it certain that the old manifest stands.
                if error.kind() != ErrorKind::Full {
                    self.unknown.store(true, Ordering::Release);
                }
                Err(error)
            }
        }
    }

    /// Says on disk that a session is open: from here on, whatever is lost, no LSN and no stream number of it is given out
    /// again. Does nothing if it says so already. `change` is made in the same edit.
    pub(crate) fn begin_session(
        &self,
        next_lsn: Lsn,
        change: impl FnOnce(&mut Manifest),
    ) -> Result<()> {
        let mut state = self.state();
        state.check()?;
        if state.session {
            return Ok(());
        }
        let next_stream = StreamId(state.next_stream.0 + STREAM_RESERVE_COUNT);
        let ceiling = Lsn(next_lsn.0 + LSN_RESERVE_COUNT);
        self.edit_state(&mut state, |manifest| {
            manifest.closed = None;
            manifest.next_stream = next_stream.max(manifest.next_stream);
            manifest.lsn_ceiling = ceiling.max(manifest.lsn_ceiling);
            change(manifest);
        })?;
        state.session = true;
        self.remove_unlisted_from(&state)
    }

    /// Whether a session is open.
    pub(crate) fn in_session(&self) -> bool {
        self.state().session
    }

    /// Says on disk how the session ended.
    pub(crate) fn end_session(&self, change: impl FnOnce(&mut Manifest)) -> Result<()> {
        let mut state = self.state();
        let next_stream = state.next_stream;
        self.edit_state(&mut state, |manifest| {
            manifest.next_stream = next_stream;
            change(manifest);
        })?;
        state.session = false;
        Ok(())
    }

    /// Changes nothing and gives out nothing any more: the lock is given back after this.
    pub(crate) fn end(&self) {
        self.state().ended = true;
    }

    /// Gives out a stream number that no stream has had.
    pub(crate) fn allocate_stream(&self) -> Result<StreamId> {
        let mut state = self.state();
        state.check()?;
        if state.next_stream >= state.manifest.next_stream {
            let next = StreamId(state.next_stream.0 + STREAM_RESERVE_COUNT);
            self.edit_state(&mut state, |manifest| manifest.next_stream = next)?;
        }
        let id = state.next_stream;
        state.next_stream.0 += 1;
        state.making.insert(id);
        Ok(id)
    }

    /// Says that the stream `id` will not be made after all.
    pub(crate) fn give_up_stream(&self, id: StreamId) {
        self.state().making.remove(&id);
    }

    /// The LSN from which on none may be given out, which is above `lsn` when this returns.
    pub(crate) fn reserve_lsns(&self, lsn: Lsn) -> Result<Lsn> {
        let mut state = self.state();
        if lsn >= state.manifest.lsn_ceiling {
            let ceiling = Lsn(lsn.0.saturating_add(LSN_RESERVE_COUNT)).min(Lsn::MAX);
            if lsn >= ceiling {
                return Err(Error::invalid("this database has had all its commits"));
            }
            self.edit_state(&mut state, |manifest| manifest.lsn_ceiling = ceiling)?;
        }
        Ok(state.manifest.lsn_ceiling)
    }

    /// Removes the streams that the manifest does not list: what a crash, or a failure, left behind. They are not read: a
    /// removal can come undone, and a log replayed again would bring deleted entities back.
    pub(crate) fn remove_unlisted(&self) -> Result<()> {
        self.remove_unlisted_from(&self.state())
    }

    fn remove_unlisted_from(&self, state: &State) -> Result<()> {
        let names = self
            .directory
            .list()
            .map_err(|error| Error::storage(error, "list", "the directory"))?;
        for name in names {
            let Some((id, _)) = name::parse(&name) else {
                continue;
            };
            let manifest = &state.manifest;
            let void = id < manifest.next_stream && !manifest.lists(id);
            if void && !state.making.contains(&id) {
                match self.directory.remove(&name) {
                    Ok(()) => {}
                    Err(error) if error.is_not_found() => {}
                    Err(error) => return Err(Error::storage(error, "remove", &name)),
                }
            }
        }
        Ok(())
    }
}
