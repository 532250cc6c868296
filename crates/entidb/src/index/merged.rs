//! Stored entries, and those that a transaction has written itself, as one walk.

use super::entries::{Entries, EntryBounds};
use super::own::OwnEntries;
use crate::error::Result;
use crate::format::catalog::Index;
use crate::format::entry_key;
use crate::ids::EntityId;
use crate::payload::Payload;
use crate::snapshot::Snapshot;
use crate::transaction::ReadNotes;

/// Where a serializable transaction notes what it reads.
pub(crate) type Notes = Option<ReadNotes>;

/// What a question is put to: a snapshot, and what a transaction over it has written.
pub(crate) struct Merged {
    entries: Entries,
    /// The stored key that comes next, if it was looked at.
    stored: Option<Vec<u8>>,
    own: Option<OwnEntries>,
    descending: bool,
    /// The whole key that was given last.
    pub(super) key: Vec<u8>,
}

impl Merged {
    /// The entries of a snapshot within these bounds: of one value only, if they are those of `value`.
    pub(crate) fn new(
        snapshot: &Snapshot,
        index: &Index,
        bounds: &EntryBounds,
        value: Option<&[u8]>,
        descending: bool,
    ) -> Result<Self> {
        let (view, lsn) = (snapshot.view(), snapshot.lsn());
        let entries = Entries::new(view, lsn, index.collection, bounds, value, descending)?;
        Ok(Self {
            entries,
            stored: None,
            own: None,
            descending,
            key: Vec::new(),
        })
    }

    /// With a transaction's own writes, and without what they replace.
    pub(crate) fn under(mut self, own: OwnEntries) -> Self {
        self.own = Some(own);
        self
    }

    /// The entity that comes next, and its payload if it was at hand; the entry's whole key is in `key`.
    pub(super) fn next(&mut self) -> Result<Option<(EntityId, Option<Payload>)>> {
        let Some(own) = &mut self.own else {
            let Some(found) = self.entries.next()? else {
                return Ok(None);
            };
            self.key.clear();
            self.key.extend_from_slice(found);
            return Ok(Some((id_of(&self.key), None)));
        };
        while self.stored.is_none() {
            let Some(found) = self.entries.next()? else {
                break;
            };
            if !own.hides(id_of(found))? {
                self.stored = Some(found.to_vec());
            }
        }
        let stored_first = match (&self.stored, own.peek()?) {
            (Some(stored), Some(own)) => (stored.as_slice() < own) != self.descending,
            (stored, _) => stored.is_some(),
        };
        if stored_first {
            self.key = self.stored.take().unwrap_or_default();
            return Ok(Some((id_of(&self.key), None)));
        }
        Ok(own.next()?.map(|(key, payload)| {
            self.key = key;
            (id_of(&self.key), Some(payload))
        }))
    }
}

/// The id at the end of a whole key.
fn id_of(key: &[u8]) -> EntityId {
    entry_key::split(key).map_or(EntityId::MIN, |(_, _, id)| id)
}
