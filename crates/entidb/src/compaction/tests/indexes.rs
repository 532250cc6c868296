//! The index entries that the store's transactions make, and a model of what they come to.
//!
//! Each collection has one index, of its id and a hundred: over the lengths of its entities, of which there are few.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound::Unbounded;
use std::sync::Arc;

use crate::format::entry::{index_of, split};
use crate::format::key::Key;
use crate::ids::{CollectionId, EntityId, Lsn};
use crate::ranges::{RangeTombstone, covering};
use crate::run::{EntryCursor, Run};
use crate::view::View;

const FIRST_INDEX: u16 = 100;

#[derive(Default)]
pub(super) struct Indexes {
    /// Whether there are any.
    pub(super) on: bool,
    /// The value of each entity that lives.
    values: BTreeMap<Key, Vec<u8>>,
    dropped: BTreeSet<CollectionId>,
    /// What the next run is to hold.
    newest: BTreeMap<Vec<u8>, (Lsn, bool)>,
}

fn value(key: &Key, len: usize) -> Vec<u8> {
    let mut value = (FIRST_INDEX + key.collection().0).to_be_bytes().to_vec();
    value.extend(b"of all that share a beginning ");
    value.extend([b'0' + (len % 7) as u8, 0]);
    value
}

impl Indexes {
    /// The collection that an index is of.
    pub(super) fn collection_of(&self, index: CollectionId) -> Option<CollectionId> {
        let known = self.on && index.0 >= FIRST_INDEX && !self.dropped.contains(&index);
        known.then(|| CollectionId(index.0 - FIRST_INDEX))
    }

    /// An entity of this length is put, or with `None` deleted.
    pub(super) fn write(&mut self, key: Key, len: Option<usize>, lsn: Lsn) {
        let new = len.filter(|_| self.on).map(|len| value(&key, len));
        let old = self.values.get(&key).cloned();
        if old == new {
            return;
        }
        let entry = |value: &Vec<u8>| [value.as_slice(), key.id().as_bytes()].concat();
        if let Some(old) = &old {
            self.newest.insert(entry(old), (lsn, true));
            self.values.remove(&key);
        }
        if let Some(new) = new {
            self.newest.insert(entry(&new), (lsn, false));
            self.values.insert(key, new);
        }
    }

    pub(super) fn delete_range(&mut self, range: &RangeTombstone) {
        self.values.retain(|key, _| !range.covers(key));
    }

    pub(super) fn drop_collection(&mut self, id: CollectionId) {
        self.values.retain(|key, _| key.collection() != id);
    }

    pub(super) fn drop_index(&mut self, collection: u16) {
        self.dropped.insert(CollectionId(FIRST_INDEX + collection));
    }

    /// The entries for the next run.
    pub(super) fn take(&mut self) -> BTreeMap<Vec<u8>, (Lsn, bool)> {
        let mut newest = std::mem::take(&mut self.newest);
        newest.retain(|key, _| self.collection_of(index_of(key)).is_some());
        newest
    }

    /// How many entries there are.
    pub(super) fn count(&self) -> usize {
        self.model().len()
    }

    fn model(&self) -> BTreeSet<Vec<u8>> {
        let kept = self.values.iter();
        let kept = kept.filter(|(_, value)| self.collection_of(index_of(value)).is_some());
        let entry =
            |(key, value): (&Key, &Vec<u8>)| [value.as_slice(), key.id().as_bytes()].concat();
        kept.map(entry).collect()
    }

    /// All entries are found that the model has, in both directions, and no other.
    pub(super) fn check(&self, view: &View, dropped: &BTreeSet<CollectionId>) {
        let ranges: Vec<_> = view
            .runs
            .iter()
            .flat_map(|run| run.ranges())
            .copied()
            .collect();
        for descending in [false, true] {
            let mut newest = BTreeMap::new();
            for run in &view.runs {
                for (key, entry) in all(run, view, descending) {
                    newest.entry(key).or_insert(entry);
                }
            }
            newest.retain(|key, (lsn, tombstone)| {
                let (_, id) = split(key).expect("a key");
                let collection = self.collection_of(index_of(key));
                collection.is_some_and(|collection| {
                    let key = Key::new(collection, EntityId::from_bytes(*id));
                    let hidden = covering(&ranges, &key, Lsn::MAX) > *lsn;
                    !*tombstone && !hidden && !dropped.contains(&collection)
                })
            });
            let found: BTreeSet<_> = newest.into_keys().collect();
            assert!(found == self.model(), "{found:?}\n{:?}", self.model());
        }
        for (value, run) in self.values.values().zip(view.runs.iter().cycle()) {
            let has = |(key, _): (Vec<u8>, _)| key.starts_with(value);
            let found = all(run, view, false).any(has);
            assert!(!found || run.may_have_value(&view.cache, value).expect("sound"));
        }
    }
}

/// All entries of a run.
fn all(
    run: &Arc<Run>,
    view: &View,
    descending: bool,
) -> impl Iterator<Item = (Vec<u8>, (Lsn, bool))> {
    let bounds = (Unbounded, Unbounded);
    let cache = Some(Arc::clone(&view.cache));
    let mut cursor = EntryCursor::new(Arc::clone(run), cache, bounds, descending);
    std::iter::from_fn(move || {
        let entry = cursor.peek().expect("sound")?;
        let found = (entry.key.to_vec(), (entry.lsn, entry.tombstone));
        cursor.pass();
        Some(found)
    })
}
