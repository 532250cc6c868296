//! The index entries that a transaction writes: what the payloads before and after it differ in.

use std::sync::Arc;

use super::keys::{Keys, is_claimed};
use super::roots::{Change, Roots};
use crate::error::{Error, Result};
use crate::format::catalog::{Catalog, Index};
use crate::format::key::Key;
use crate::format::record::{self, Kind, Was};
use crate::ids::{CollectionId, EntityId, IndexId};
use crate::limits::BATCH_LEN_MAX;
use crate::log::Item;
use crate::snapshot::Snapshot;

/// Index entries, as records to stand behind those of the entities.
#[derive(Default)]
pub(crate) struct Derived {
    /// The catalog's version under which they were derived.
    version: u64,
    /// Whether indexes are built of them, and they do not follow from what the transaction writes.
    pub(crate) built: bool,
    /// The collections that are written to, and the indexes that each had. Empty if there was no index at all.
    of: Vec<(CollectionId, Arc<Roots>)>,
    pub(crate) records: Vec<u8>,
    pub(crate) items: Vec<Item>,
    /// Which of the items claim a value of a unique index.
    pub(super) claims: Vec<usize>,
    /// Where the records will begin among all of the batch.
    pub(super) base: usize,
}

/// Kept from one entity to the next.
#[derive(Default)]
struct Scratch {
    before: Keys,
    after: Keys,
}

impl Derived {
    /// Derives the entries of what stands in `body`, over `snapshot`, under `catalog`.
    pub(crate) fn of(
        catalog: &Catalog,
        snapshot: &Snapshot,
        body: &[u8],
        items: &[Item],
    ) -> Result<Self> {
        let mut derived = Self::new(catalog.version, body.len());
        if catalog.indexes.is_empty() {
            return Ok(derived);
        }
        let mut scratch = Scratch::default();
        let mut at = 0;
        for item in items {
            if let Some(collection) = item.collection() {
                at = derived.place(catalog, collection, at);
            }
            let Item::Record {
                key,
                at: offset,
                len,
                tombstone,
            } = item
            else {
                continue;
            };
            let roots = derived.of.get(at).map(|(_, roots)| Arc::clone(roots));
            let Some(roots) = roots.filter(|roots| !roots.indexes().is_empty()) else {
                continue;
            };
            let from = *offset as usize + record::HEADER_LEN;
            let to = *offset as usize + *len as usize;
            let after = body.get(from..to).filter(|_| !tombstone);
            let covered = is_covered(items, key);
            derived.push_entity(&roots, snapshot, *key, covered, after, &mut scratch)?;
        }
        derived.arrange();
        derived.check_unique(snapshot, items)?;
        Ok(derived)
    }

    /// No entries, since there were no indexes under this version of the catalog.
    pub(crate) fn none(version: u64) -> Self {
        Self::new(version, 0)
    }

    /// Entries of which an index is built.
    pub(super) fn built(collection: CollectionId, indexes: &[Arc<Index>]) -> Self {
        Self {
            built: true,
            of: vec![(collection, Arc::new(Roots::of(indexes.to_vec())))],
            ..Self::default()
        }
    }

    fn new(version: u64, base: usize) -> Self {
        Self {
            version,
            base,
            ..Self::default()
        }
    }

    /// Where `collection` stands among those that are written to; mostly where the last one stood.
    fn place(&mut self, catalog: &Catalog, collection: CollectionId, last: usize) -> usize {
        let is = |(id, _): &(CollectionId, _)| *id == collection;
        if self.of.get(last).is_some_and(is) {
            return last;
        }
        self.of.iter().position(is).unwrap_or_else(|| {
            let indexes = catalog.indexes_of(collection).map(Arc::clone);
            let roots = Roots::of(indexes.collect());
            self.of.push((collection, Arc::new(roots)));
            self.of.len() - 1
        })
    }

    /// Whether the same would be derived under `catalog`.
    pub(crate) fn is_under(&self, catalog: &Catalog) -> bool {
        if self.built {
            let mut indexes = self.of.iter().flat_map(|(_, roots)| roots.indexes());
            return indexes.all(|index| catalog.index(index.id).is_some());
        }
        if self.version == catalog.version {
            return true;
        }
        if self.of.is_empty() {
            return catalog.indexes.is_empty() && self.items.is_empty();
        }
        self.of.iter().all(|(collection, roots)| {
            let now = catalog.indexes_of(*collection).map(|index| index.id);
            now.eq(roots.indexes().iter().map(|index| index.id))
        })
    }

    fn push_entity(
        &mut self,
        roots: &Roots,
        snapshot: &Snapshot,
        key: Key,
        covered: bool,
        after: Option<&[u8]>,
        scratch: &mut Scratch,
    ) -> Result<()> {
        let mut diff = |before: Option<&[u8]>| -> Result<()> {
            if before == after {
                return Ok(());
            }
            let changes = roots.changes(before, after);
            for (index, change) in roots.indexes().iter().zip(changes) {
                match change {
                    Change::None => continue,
                    Change::Item(before, after) => {
                        scratch.before.fill_item(index, before)?;
                        scratch.after.fill_item(index, after)?;
                    }
                    Change::Any => {
                        scratch.before.fill_if(index, before)?;
                        scratch.after.fill_if(index, after)?;
                    }
                }
                self.push_difference(index, key.id(), scratch)?;
            }
            Ok(())
        };
        // What the transaction's own range deletes, it deletes with its entries.
        if covered {
            return diff(None);
        }
        let view = snapshot.view();
        match view.get_with(key, snapshot.lsn(), |before| diff(Some(before)))? {
            Some(done) => done,
            None => diff(None),
        }
    }

    fn push_difference(&mut self, index: &Index, id: EntityId, scratch: &Scratch) -> Result<()> {
        difference(&scratch.before, &scratch.after, |key, tombstone| {
            if !tombstone && index.unique && is_claimed(key) {
                self.claims.push(self.items.len());
            }
            self.push(index.id, key, id, tombstone)
        })
    }

    /// Adds an entry that an index is built of.
    pub(super) fn push_built(&mut self, index: &Index, key: &[u8], id: EntityId) -> Result<()> {
        if index.unique && is_claimed(key) {
            self.claims.push(self.items.len());
        }
        self.push(index.id, key, id, false)
    }

    pub(super) fn push(
        &mut self,
        index: IndexId,
        key: &[u8],
        id: EntityId,
        tombstone: bool,
    ) -> Result<()> {
        let large = || {
            Error::invalid(format!(
                "a transaction has up to {BATCH_LEN_MAX} bytes, its index entries included: commit it in parts"
            ))
        };
        let at = self.base + self.records.len();
        let len = record::HEADER_LEN + key.len();
        if at + len > BATCH_LEN_MAX {
            return Err(large());
        }
        let header = record::Header {
            payload_len: u32::try_from(key.len()).map_err(|_| large())?,
            collection: CollectionId(index.0),
            kind: match tombstone {
                true => Kind::EntryTombstone,
                false => Kind::Entry,
            },
            was: Was::Unknown,
            id,
        };
        header.encode(key, &mut self.records);
        self.items.push(Item::Entry {
            index,
            id,
            at: u32::try_from(at).map_err(|_| large())?,
            len: u32::try_from(len).map_err(|_| large())?,
            tombstone,
        });
        Ok(())
    }

    /// The index key of one of the items.
    pub(super) fn key_of(&self, item: &Item) -> &[u8] {
        let (at, len) = item.place();
        let from = (at as usize).saturating_sub(self.base);
        let record = self.records.get(from..from + len as usize);
        record
            .and_then(|record| record.get(record::HEADER_LEN..))
            .unwrap_or_default()
    }

    /// What is claimed of unique indexes: each an index, an index key, and the entity that is to have it.
    pub(crate) fn claims(&self) -> impl Iterator<Item = (IndexId, &[u8], EntityId)> {
        let items = self.claims.iter().filter_map(|at| self.items.get(*at));
        items.filter_map(|item| match item {
            Item::Entry { index, id, .. } => Some((*index, self.key_of(item), *id)),
            _ => None,
        })
    }

    /// The index with this number, as it was when the entries were derived.
    pub(super) fn index(&self, id: IndexId) -> Option<&Arc<Index>> {
        let mut indexes = self.of.iter().flat_map(|(_, roots)| roots.indexes());
        indexes.find(|index| index.id == id)
    }
}

/// Whether a range that the transaction deletes holds the key.
pub(super) fn is_covered(items: &[Item], key: &Key) -> bool {
    // Ranges stand before everything else.
    let mut ranges = items
        .iter()
        .take_while(|item| matches!(item, Item::Range { .. }));
    ranges.any(|item| item.covers(key))
}

/// Calls `each` with every key that is in one of the two alone, in order, and whether it is the one before.
pub(super) fn difference(
    before: &Keys,
    after: &Keys,
    mut each: impl FnMut(&[u8], bool) -> Result<()>,
) -> Result<()> {
    let (mut before, mut after) = (before.iter().peekable(), after.iter().peekable());
    loop {
        let order = match (before.peek(), after.peek()) {
            (None, None) => return Ok(()),
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (Some(before), Some(after)) => before.cmp(after),
        };
        if order.is_eq() {
            before.next();
            after.next();
        } else if order.is_lt() {
            if let Some(key) = before.next() {
                each(key, true)?;
            }
        } else if let Some(key) = after.next() {
            each(key, false)?;
        }
    }
}
