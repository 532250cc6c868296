//! What a transaction has spilled, as an index would find it.

use super::held::Held;
use super::spilled::{Found, Spilled, find};
use crate::error::Result;
use crate::format::catalog::Index;
use crate::format::entry_key;
use crate::format::key::Key;
use crate::ids::{CollectionId, EntityId, Lsn};
use crate::index::{Entries, EntryBounds};
use crate::payload::Payload;
use crate::sync::Arc;
use crate::view::View;

/// A lazy walk over the entries of what was spilled until now. A piece has the entries of what it puts; they count while no later
/// piece has written to the same entity.
pub(crate) struct SpilledEntries {
    entries: Entries,
    collection: CollectionId,
    view: View,
    /// Last, so that a stream is removed only after its reader is gone.
    _held: Vec<Arc<Held>>,
}

impl SpilledEntries {
    pub(crate) fn new(
        spilled: &Spilled,
        index: &Index,
        bounds: &EntryBounds,
        value: Option<&[u8]>,
        descending: bool,
    ) -> Result<Self> {
        let view = spilled.view().clone();
        let (newest, collection) = (Lsn(u64::MAX), index.collection);
        Ok(Self {
            entries: Entries::new(&view, newest, collection, bounds, value, descending)?,
            collection,
            view,
            _held: spilled.held(),
        })
    }

    /// Whether anything was spilled of this entity.
    pub(crate) fn touches(&self, id: EntityId) -> Result<bool> {
        let found = find(&self.view, &Key::new(self.collection, id))?;
        Ok(!matches!(found, Found::Untouched))
    }

    /// The next entry of an entity for which `counts` does not say otherwise, and what was put there.
    pub(crate) fn next(
        &mut self,
        counts: impl Fn(EntityId) -> bool,
    ) -> Result<Option<(Vec<u8>, Payload)>> {
        while let Some((whole, lsn)) = self.entries.next_version()? {
            let Some((_, _, id)) = entry_key::split(whole).filter(|(_, _, id)| counts(*id)) else {
                continue;
            };
            let key = Key::new(self.collection, id);
            if let Found::Put(version) = find(&self.view, &key)?
                && version.location.lsn == lsn
            {
                let whole = whole.to_vec();
                let payload = self.view.payload(key, &version)?;
                return Ok(Some((whole, Payload::stored(payload))));
            }
        }
        Ok(None)
    }
}
