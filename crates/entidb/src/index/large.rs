//! The index entries of a transaction that does not fit in memory: derived one entity at a time, spilled as they come, and looked
//! through in their order for two entities with one value.

use super::derive::difference;
use super::entries::Entries;
use super::keys::{Keys, is_claimed};
use super::unique::duplicate;
use crate::error::Result;
use crate::format::catalog::Index;
use crate::format::entry_key;
use crate::format::key::Key;
use crate::ids::{CollectionId, EntityId, IndexId};
use crate::manifest::Catalog;
use crate::run::EntryRef;
use crate::snapshot::Snapshot;
use crate::spill::{EntryPile, Ground, Spans, Spilled, Walk};
use crate::sync::Arc;

/// What the indexes make of a large transaction.
pub(crate) struct LargeEntries {
    pub(crate) pile: EntryPile,
    /// The catalog's version under which they were derived.
    version: u64,
    /// The collections that are written to, and the indexes that each had.
    of: Vec<(CollectionId, Vec<Arc<Index>>)>,
}

impl LargeEntries {
    /// Derives them of what was `spilled` over `snapshot`, under `catalog`.
    pub(crate) fn derive(
        ground: &Arc<Ground>,
        catalog: &Arc<Catalog>,
        snapshot: &Snapshot,
        spilled: &Spilled,
    ) -> Result<Self> {
        let of = spilled.collections().iter().map(|id| {
            let indexes = catalog.indexes_of(*id).map(Arc::clone);
            (*id, indexes.collect())
        });
        let mut entries = Self {
            pile: EntryPile::new(ground, Arc::clone(catalog)),
            version: catalog.version,
            of: of.collect(),
        };
        let deleted = spilled.deleted();
        for (collection, indexes) in &entries.of {
            if !indexes.is_empty() {
                derive(
                    &mut entries.pile,
                    indexes,
                    *collection,
                    snapshot,
                    spilled,
                    &deleted,
                )?;
            }
        }
        entries.pile.spill()?;
        Ok(entries)
    }

    /// Whether the same would be derived under `catalog`.
    pub(crate) fn is_under(&self, catalog: &Catalog) -> bool {
        let same = |(collection, indexes): &(CollectionId, Vec<Arc<Index>>)| {
            let now = catalog.indexes_of(*collection).map(|index| index.id);
            now.eq(indexes.iter().map(|index| index.id))
        };
        self.version == catalog.version || self.of.iter().all(same)
    }

    /// The unique ones of the indexes, by their numbers.
    pub(crate) fn unique(&self) -> Vec<IndexId> {
        let indexes = self.of.iter().flat_map(|(_, indexes)| indexes);
        let unique = indexes.filter(|index| index.unique);
        let mut unique: Vec<_> = unique.map(|index| index.id).collect();
        unique.sort_unstable();
        unique
    }
}

/// Derives the entries of what was spilled to one collection.
fn derive(
    pile: &mut EntryPile,
    indexes: &[Arc<Index>],
    collection: CollectionId,
    snapshot: &Snapshot,
    spilled: &Spilled,
    deleted: &Spans,
) -> Result<()> {
    let (mut old, mut new) = (Keys::default(), Keys::default());
    let ends = [EntityId::MIN, EntityId::MAX].map(|id| Key::new(collection, id));
    let mut walk = Walk::new(spilled, ends[0], ends[1]);
    while let Some((id, after)) = walk.next()? {
        let key = Key::new(collection, id);
        let after = after.as_ref().map(|payload| payload.as_bytes());
        let mut diff = |before: Option<&[u8]>| -> Result<()> {
            if before == after {
                return Ok(());
            }
            for index in indexes {
                old.clear();
                new.clear();
                if let Some(payload) = before {
                    old.fill(index, payload)?;
                }
                if let Some(payload) = after {
                    new.fill(index, payload)?;
                }
                difference(&old, &new, |key, gone| pile.push(index.id, key, id, gone))?;
            }
            Ok(())
        };
        // What the transaction's own range deletes, it deletes with its entries.
        if deleted.cover(&key) {
            diff(None)?;
            continue;
        }
        let view = snapshot.view();
        match view.get_with(key, snapshot.lsn(), |before| diff(Some(before)))? {
            Some(done) => done?,
            None => diff(None)?,
        }
    }
    Ok(())
}

/// Refuses what would give two entities one value of a unique index, as far as the snapshot knows. It is told all entries of the
/// transaction, in order, so that of each value it keeps no more than who gets it, and who had it.
pub(crate) struct Claims<'a> {
    catalog: &'a Catalog,
    snapshot: &'a Snapshot,
    /// What the transaction deletes by ranges.
    deleted: &'a Spans,
    /// The value that the last entries had, behind its index's number.
    value: Vec<u8>,
    /// Of that value, if a unique index lets only one have it, who is to have it.
    taker: Option<EntityId>,
    freed: Vec<EntityId>,
}

impl<'a> Claims<'a> {
    pub(crate) fn new(catalog: &'a Catalog, snapshot: &'a Snapshot, deleted: &'a Spans) -> Self {
        Self {
            catalog,
            snapshot,
            deleted,
            value: Vec::new(),
            taker: None,
            freed: Vec::new(),
        }
    }

    /// Takes the next entry.
    pub(crate) fn push(&mut self, entry: &EntryRef<'_>) -> Result<()> {
        let Some((id, key, entity)) = entry_key::split(entry.key) else {
            return Ok(());
        };
        let value = entry.key.get(..entry_key::INDEX_LEN + key.len());
        let value = value.unwrap_or_default();
        if value != self.value {
            self.settle()?;
            self.value.clear();
            self.value.extend_from_slice(value);
        }
        let unique = self.catalog.index(id).filter(|index| index.unique);
        let Some(index) = unique.filter(|_| is_claimed(key)) else {
            return Ok(());
        };
        if entry.tombstone {
            self.freed.push(entity);
        } else if let Some(taker) = self.taker.replace(entity) {
            return Err(self.duplicate(index, key, entity, taker));
        }
        Ok(())
    }

    /// Looks whether the value of the last entries is free.
    pub(crate) fn settle(&mut self) -> Result<()> {
        let freed = std::mem::take(&mut self.freed);
        let Some(taker) = self.taker.take() else {
            return Ok(());
        };
        let Some((number, key)) = self.value.split_first_chunk() else {
            return Ok(());
        };
        let Some(index) = self.catalog.index(IndexId(u16::from_be_bytes(*number))) else {
            return Ok(());
        };
        let (view, lsn) = (self.snapshot.view(), self.snapshot.lsn());
        let mut holders = Entries::of_value(view, lsn, index.collection, index.id, key)?;
        while let Some(found) = holders.next()? {
            let Some((_, _, holder)) = entry_key::split(found) else {
                continue;
            };
            let key_of_holder = Key::new(index.collection, holder);
            if holder != taker && !freed.contains(&holder) && !self.deleted.cover(&key_of_holder) {
                return Err(self.duplicate(index, key, taker, holder));
            }
        }
        Ok(())
    }

    fn duplicate(&self, index: &Index, key: &[u8], id: EntityId, holder: EntityId) -> crate::Error {
        let collection = self.catalog.name_of(index.collection);
        duplicate(collection, index, key, id, holder)
    }
}
