//! Walking through the index entries of a run, in either direction.

use std::ops::Bound;
use std::sync::Arc;

use super::Run;
use crate::cache::Cache;
use crate::error::Result;
use crate::ids::Lsn;

/// One index entry, where a walk stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EntryRef<'a> {
    /// Index id (big-endian), index key, entity id.
    pub(crate) key: &'a [u8],
    pub(crate) lsn: Lsn,
    pub(crate) tombstone: bool,
}

/// A lazy walk over the index entries of a run within bounds.
pub(crate) struct EntryCursor {
    run: Arc<Run>,
    descending: bool,
    low: usize,
    high: usize,
}

impl EntryCursor {
    /// A walk through the cache, if there is one.
    pub(crate) fn new(
        run: Arc<Run>,
        _cache: Option<Arc<Cache>>,
        bounds: (Bound<Vec<u8>>, Bound<Vec<u8>>),
        descending: bool,
    ) -> Self {
        let entries = &run.footer.index;
        let low = match &bounds.0 {
            Bound::Included(key) => entries.partition_point(|entry| entry.0 < *key),
            Bound::Excluded(key) => entries.partition_point(|entry| entry.0 <= *key),
            Bound::Unbounded => 0,
        };
        let high = match &bounds.1 {
            Bound::Included(key) => entries.partition_point(|entry| entry.0 <= *key),
            Bound::Excluded(key) => entries.partition_point(|entry| entry.0 < *key),
            Bound::Unbounded => entries.len(),
        };
        Self {
            run,
            descending,
            low,
            high,
        }
    }

    /// The next entry, without passing it.
    pub(crate) fn peek(&mut self) -> Result<Option<EntryRef<'_>>> {
        if self.low >= self.high {
            return Ok(None);
        }
        let index = match self.descending {
            true => self.high - 1,
            false => self.low,
        };
        let entry = self.run.footer.index.get(index);
        Ok(entry.map(|(key, lsn, tombstone)| EntryRef {
            key,
            lsn: *lsn,
            tombstone: *tombstone,
        }))
    }

    /// Passes the entry that [`peek`](Self::peek) gave.
    pub(crate) fn pass(&mut self) {
        match self.descending {
            true => self.high = self.high.saturating_sub(1),
            false => self.low += 1,
        }
    }
}
