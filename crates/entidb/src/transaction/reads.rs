//! What a serializable transaction has read, in no more memory than it may take.

use std::collections::{BTreeSet, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::Result;
use crate::format::key::Key;
use crate::ids::{IndexId, Lsn};
use crate::index::{EntryBounds, bounds_of};
use crate::spill::{Ground, ReadKeys, coarsen};

/// What a serializable transaction has read.
#[derive(Default)]
pub(crate) struct Reads {
    pub(crate) keys: HashSet<Key>,
    /// Ranges of keys, both ends included.
    pub(crate) ranges: Vec<(Key, Key)>,
    /// Names of collections that were looked for and not there.
    pub(crate) absent: Vec<String>,
    /// More keys.
    pub(crate) spilled: Option<ReadKeys>,
    /// Parts of indexes.
    pub(crate) entries: Vec<(IndexId, EntryBounds)>,
}

/// How many ranges a serializable transaction notes one by one, about.
const READ_RANGE_COUNT_MAX: usize = 65_536;

impl Reads {
    pub(super) fn note_range(&mut self, first: Key, last: Key) {
        if self.ranges.len() >= READ_RANGE_COUNT_MAX {
            coarsen(&mut self.ranges, READ_RANGE_COUNT_MAX / 2);
        }
        self.ranges.push((first, last));
    }

    pub(super) fn note_entries(&mut self, index: IndexId, bounds: EntryBounds) {
        if self.entries.len() >= READ_RANGE_COUNT_MAX {
            self.coarsen_entries();
        }
        self.entries.push((index, bounds));
    }

    /// Notes of each index that all of it was read. At the worst, that refuses a transaction that could have been kept.
    fn coarsen_entries(&mut self) {
        let indexes: BTreeSet<IndexId> = self.entries.drain(..).map(|(index, _)| index).collect();
        let whole = indexes
            .into_iter()
            .map(|index| (index, bounds_of(&index.0.to_be_bytes())));
        self.entries = whole.collect();
    }

    /// Notes a key, in a transaction over the commit `since`. Spills the keys if they take more memory than they may.
    pub(super) fn note_key(
        &mut self,
        key: Key,
        ground: Option<&Arc<Ground>>,
        since: Lsn,
    ) -> Result<()> {
        self.keys.insert(key);
        let Some(ground) = ground else {
            return Ok(());
        };
        if self.keys.capacity() * (size_of::<Key>() + 1) <= ground.bound() {
            return Ok(());
        }
        let spilled = match &mut self.spilled {
            Some(spilled) => spilled,
            none => none.insert(ReadKeys::begin(ground, since)?),
        };
        let mut keys: Vec<Key> = self.keys.iter().copied().collect();
        keys.sort_unstable();
        spilled.push(&keys)?;
        self.keys = HashSet::new();
        Ok(())
    }

    pub(super) fn note_absent(&mut self, name: &str) {
        if !self.absent.iter().any(|absent| absent == name) {
            self.absent.push(name.to_owned());
        }
    }
}

/// Where a walk that is under way notes what it reads.
pub(crate) struct ReadNotes {
    pub(super) reads: Arc<Mutex<Reads>>,
    pub(super) ground: Option<Arc<Ground>>,
    pub(super) since: Lsn,
}

impl ReadNotes {
    pub(crate) fn note_key(&self, key: Key) -> Result<()> {
        let mut reads = self.reads.lock().unwrap_or_else(PoisonError::into_inner);
        reads.note_key(key, self.ground.as_ref(), self.since)
    }
}
