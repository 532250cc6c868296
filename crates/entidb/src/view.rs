//! Everything that a read needs, immutable: the memtable, the runs, and the streams that they point into.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;

use crate::cache::Cache;
use crate::error::{Error, Result};
use crate::format::key::Key;
use crate::format::name::StreamKind;
use crate::format::record;
use crate::ids::{Lsn, StreamId};
use crate::manifest::Catalog;
use crate::memtable::{Memtable, Version};
use crate::ranges::covering;
use crate::run::Run;
use crate::stream::Stream;

/// What is live, between two changes of it.
#[derive(Clone)]
pub(crate) struct View {
    /// The newest first: the one that commits go to, and those that are becoming runs.
    pub(crate) memtables: Vec<Arc<Memtable>>,
    /// The newest first.
    pub(crate) runs: Vec<Arc<Run>>,
    /// Logs and segments.
    pub(crate) streams: BTreeMap<StreamId, Arc<Stream>>,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) cache: Arc<Cache>,
}

impl View {
    /// Where the newest version of `key` not above `lsn` lies; a tombstone is one too.
    /// What a range tombstone hides is not found.
    pub(crate) fn locate(&self, key: Key, lsn: Lsn) -> Result<Option<Version>> {
        // Below this commit, every version is deleted. Sources rise in age, so what comes later is older.
        let mut deleted = Lsn::ZERO;
        for memtable in &self.memtables {
            deleted = deleted.max(memtable.covering(&key, lsn));
            if let Some(version) = memtable.get(key, lsn) {
                return Ok(Some(version).filter(|found| found.location.lsn >= deleted));
            }
        }
        for run in &self.runs {
            deleted = deleted.max(covering(run.ranges(), &key, lsn));
            if let Some(location) = run.get(&key)? {
                return Ok(Some(location.into()).filter(|_| location.lsn >= deleted));
            }
        }
        Ok(None)
    }

    /// The payload of a version of `key`.
    pub(crate) fn payload(&self, key: Key, version: &Version) -> Result<Bytes> {
        if let Some(record) = &version.record {
            return Ok(record.slice(record.len().min(record::HEADER_LEN)..));
        }
        let location = &version.location;
        match self.streams.get(&location.stream) {
            Some(stream) => stream.payload(&self.cache, key, location),
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
