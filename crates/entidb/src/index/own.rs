//! What a transaction itself has written, as an index would find it.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;

use super::entries::EntryBounds;
use super::keys::Keys;
use crate::error::Result;
use crate::format::catalog::Index;
use crate::format::entry_key;
use crate::format::key::Key;
use crate::ids::{CollectionId, EntityId};
use crate::memtable::is_empty_range;
use crate::payload::Payload;
use crate::spill::SpilledEntries;
use crate::write_set::{Own, WriteSet};

/// The entries that a transaction's writes have in one index, kept while it goes on writing.
#[derive(Default)]
pub(crate) struct Overlay {
    /// Whole keys.
    entries: BTreeSet<Vec<u8>>,
    /// Those of each entity.
    of: BTreeMap<EntityId, Vec<Vec<u8>>>,
    /// All entities of the collection that were written to.
    touched: Arc<HashSet<EntityId>>,
    /// Written to since they were looked at.
    pending: Vec<EntityId>,
    keys: Keys,
}

/// What of it lies in some bounds, and what it hides of the stored entries.
pub(crate) struct OwnEntries {
    entries: std::iter::Peekable<std::vec::IntoIter<(Vec<u8>, Payload)>>,
    descending: bool,
    /// What was spilled.
    spilled: Option<SpilledEntries>,
    /// The next entry of that, if it was looked at.
    next_spilled: Option<(Vec<u8>, Payload)>,
    touched: Arc<HashSet<EntityId>>,
    /// Ranges that the transaction has deleted.
    deleted: Vec<(EntityId, EntityId)>,
}

impl OwnEntries {
    /// With what was spilled before.
    pub(crate) fn over(mut self, spilled: SpilledEntries) -> Self {
        self.spilled = Some(spilled);
        self
    }

    /// Whether the stored entries of this entity do not count.
    pub(super) fn hides(&self, id: EntityId) -> Result<bool> {
        if self.hides_spilled(id) {
            return Ok(true);
        }
        match &self.spilled {
            Some(spilled) => spilled.touches(id),
            None => Ok(false),
        }
    }

    /// Whether what was spilled of this entity does not count any more.
    fn hides_spilled(&self, id: EntityId) -> bool {
        hides(&self.touched, &self.deleted, id)
    }

    /// The next entry's key.
    pub(super) fn peek(&mut self) -> Result<Option<&[u8]>> {
        let from_memory = self.is_memory_first()?;
        Ok(match from_memory {
            true => self.entries.peek().map(|(key, _)| key.as_slice()),
            false => self.next_spilled.as_ref().map(|(key, _)| key.as_slice()),
        })
    }

    /// The next entry's key, and what was put there.
    pub(super) fn next(&mut self) -> Result<Option<(Vec<u8>, Payload)>> {
        Ok(match self.is_memory_first()? {
            true => self.entries.next(),
            false => self.next_spilled.take(),
        })
    }

    fn is_memory_first(&mut self) -> Result<bool> {
        if let (Some(spilled), None) = (&mut self.spilled, &self.next_spilled) {
            let (touched, deleted) = (&self.touched, &self.deleted);
            self.next_spilled = spilled.next(|id| !hides(touched, deleted, id))?;
        }
        Ok(match (self.entries.peek(), &self.next_spilled) {
            (Some((memory, _)), Some((spilled, _))) => (memory < spilled) != self.descending,
            (memory, _) => memory.is_some(),
        })
    }
}

fn hides(touched: &HashSet<EntityId>, deleted: &[(EntityId, EntityId)], id: EntityId) -> bool {
    let mut deleted = deleted.iter();
    touched.contains(&id) || deleted.any(|(first, last)| *first <= id && id <= *last)
}

impl Overlay {
    /// The entries of what was written so far.
    pub(crate) fn of(writes: &WriteSet, collection: CollectionId) -> Self {
        let all = (EntityId::MIN, EntityId::MAX);
        let (first, last) = (Key::new(collection, all.0), Key::new(collection, all.1));
        let written = writes.within(first, last);
        Self {
            pending: written.iter().map(|(key, _)| key.id()).collect(),
            ..Self::default()
        }
    }

    /// Notes that an entity was written to.
    pub(crate) fn touch(&mut self, id: EntityId) {
        self.pending.push(id);
    }

    /// What lies in these bounds, in order.
    pub(crate) fn within(
        &mut self,
        writes: &WriteSet,
        index: &Index,
        bounds: &EntryBounds,
        descending: bool,
    ) -> Result<OwnEntries> {
        self.settle(writes, index)?;
        let found = match is_empty_range(&bounds.0, &bounds.1) {
            true => None,
            false => Some(self.entries.range::<Vec<u8>, _>(by_ref(bounds))),
        };
        let found = found.into_iter().flatten().filter_map(|key| {
            let (_, _, id) = entry_key::split(key)?;
            match writes.get(&Key::new(index.collection, id)) {
                Own::Put(payload) => {
                    let payload = Payload::stored(Bytes::copy_from_slice(payload));
                    Some((key.clone(), payload))
                }
                Own::Deleted | Own::Untouched => None,
            }
        });
        let mut found: Vec<_> = found.collect();
        if descending {
            found.reverse();
        }
        let ranges = writes.ranges().iter();
        let deleted = ranges.filter(|range| range.collection == index.collection);
        Ok(OwnEntries {
            entries: found.into_iter().peekable(),
            descending,
            spilled: None,
            next_spilled: None,
            touched: Arc::clone(&self.touched),
            deleted: deleted.map(|range| (range.first, range.last)).collect(),
        })
    }

    fn settle(&mut self, writes: &WriteSet, index: &Index) -> Result<()> {
        while let Some(id) = self.pending.last().copied() {
            for old in self.of.remove(&id).unwrap_or_default() {
                self.entries.remove(&old);
            }
            if let Own::Put(payload) = writes.get(&Key::new(index.collection, id)) {
                self.keys.fill(index, payload)?;
                let keys = self.keys.iter().map(|key| {
                    let mut whole = Vec::new();
                    entry_key::push(&mut whole, index.id, key, id);
                    whole
                });
                let keys: Vec<_> = keys.collect();
                self.entries.extend(keys.iter().cloned());
                self.of.insert(id, keys);
            }
            Arc::make_mut(&mut self.touched).insert(id);
            self.pending.pop();
        }
        Ok(())
    }
}

fn by_ref(bounds: &EntryBounds) -> (Bound<&Vec<u8>>, Bound<&Vec<u8>>) {
    (bounds.0.as_ref(), bounds.1.as_ref())
}
