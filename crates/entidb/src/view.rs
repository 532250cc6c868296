//! Everything that a read needs, immutable: the memtable, the runs, and the streams that they point into.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;

use crate::error::{Error, Result};
use crate::format::key::Key;
use crate::format::name::StreamKind;
use crate::ids::{Lsn, StreamId};
use crate::manifest::Catalog;
use crate::memtable::{Location, Memtable};
use crate::run::Run;
use crate::stream::Stream;

/// What is live, between two changes of it.
#[derive(Clone)]
pub(crate) struct View {
    pub(crate) memtable: Arc<Memtable>,
    /// The newest first.
    pub(crate) runs: Vec<Arc<Run>>,
    /// Logs and segments.
    pub(crate) streams: BTreeMap<StreamId, Arc<Stream>>,
    pub(crate) catalog: Arc<Catalog>,
}

impl View {
    /// Where the newest version of `key` not above `lsn` lies; a tombstone is one too.
    pub(crate) fn locate(&self, key: Key, lsn: Lsn) -> Result<Option<Location>> {
        if let Some(location) = self.memtable.get(key, lsn) {
            return Ok(Some(location));
        }
        for run in &self.runs {
            if let Some(location) = run.get(&key)? {
                return Ok(Some(location));
            }
        }
        Ok(None)
    }

    /// The payload of the record at `location`, which must be the one of `key`.
    pub(crate) fn payload(&self, key: Key, location: &Location) -> Result<Bytes> {
        match self.streams.get(&location.stream) {
            Some(stream) => stream.payload(key, location),
            None => {
                let name = StreamKind::Log.name(location.stream);
                Err(Error::corrupt(
                    &name,
                    location.offset,
                    "a live stream",
                    "a reference to one that is not",
                ))
            }
        }
    }
}

/// The view that new snapshots get, and the LSN up to which it is visible: changed together.
pub(crate) struct Published(RwLock<(Arc<View>, Lsn)>);

impl Published {
    pub(crate) fn new(view: View, lsn: Lsn) -> Self {
        Self(RwLock::new((Arc::new(view), lsn)))
    }

    pub(crate) fn get(&self) -> (Arc<View>, Lsn) {
        let published = self.0.read().unwrap_or_else(PoisonError::into_inner);
        (Arc::clone(&published.0), published.1)
    }

    /// Shows everything up to `lsn`, which is durable.
    pub(crate) fn show(&self, lsn: Lsn) {
        let mut published = self.0.write().unwrap_or_else(PoisonError::into_inner);
        published.1 = lsn;
    }

    /// Puts another view in the place of the current one. It must hold the same entities.
    pub(crate) fn change(&self, change: impl FnOnce(&mut View)) {
        let mut view = (*self.get().0).clone();
        change(&mut view);
        let mut published = self.0.write().unwrap_or_else(PoisonError::into_inner);
        published.0 = Arc::new(view);
    }
}
