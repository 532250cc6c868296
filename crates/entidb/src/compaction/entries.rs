//! One walk over the index entries of several runs: of each key the newest version, unless that is deleted for good.

use std::sync::Arc;

use crate::error::Result;
use crate::format::entry::{index_of, split};
use crate::ids::{CollectionId, EntityId, Lsn};
use crate::ranges::Cover;
use crate::run::{EntryRef, Run, Walk};

/// The merged index entries of some runs, which are neighbours in age.
///
/// As in `merge.rs`, the walks stand in the order of their entries: whichever is first stays so until it has passed the next
/// one's.
pub(crate) struct Entries<'a> {
    /// The newest first.
    walks: Vec<Walk>,
    /// Indexes of the walks that have an entry, by its key and then by age.
    order: Vec<usize>,
    /// Whether the first walk's entry was given already.
    given: bool,
    deleted: Cover,
    /// Whether nothing is older, so that a tombstone has nothing to hide.
    oldest: bool,
    is_dropped: &'a dyn Fn(CollectionId) -> bool,
    /// The collection that an index is of; `None` if the index was dropped.
    collection_of: &'a dyn Fn(CollectionId) -> Option<CollectionId>,
    /// The collection of the index that was met last, unless nothing of it is kept.
    last_index: Option<(CollectionId, Option<CollectionId>)>,
}

impl<'a> Entries<'a> {
    /// `runs` come the oldest first. Of dropped collections and indexes nothing is kept.
    pub(crate) fn new(
        runs: &[Arc<Run>],
        oldest: bool,
        is_dropped: &'a dyn Fn(CollectionId) -> bool,
        collection_of: &'a dyn Fn(CollectionId) -> Option<CollectionId>,
    ) -> Result<Self> {
        let with_entries = runs.iter().rev().filter(|run| run.has_entries());
        let walks = with_entries.cloned().map(Walk::new);
        let walks = walks.collect::<Result<Vec<_>>>()?;
        let ranges = runs.iter().flat_map(|run| run.ranges()).copied();
        let mut entries = Self {
            order: (0..walks.len()).collect(),
            walks,
            given: false,
            deleted: Cover::new(ranges),
            oldest,
            is_dropped,
            collection_of,
            last_index: None,
        };
        let walks = &entries.walks;
        entries.order.retain(|index| key(walks, *index).is_some());
        let by_key = |a: &usize, b: &usize| key(walks, *a).cmp(&key(walks, *b)).then(a.cmp(b));
        entries.order.sort_by(by_key);
        Ok(entries)
    }

    /// The next entry that stays.
    pub(crate) fn next(&mut self) -> Result<Option<EntryRef<'_>>> {
        loop {
            if self.given {
                self.pass()?;
            }
            let Some(&first) = self.order.first() else {
                return Ok(None);
            };
            self.given = true;
            if self.stays(first) {
                return Ok(self.walks.get(first).and_then(Walk::entry));
            }
        }
    }

    fn stays(&mut self, walk: usize) -> bool {
        let Some(entry) = self.walks.get(walk).and_then(Walk::entry) else {
            return false;
        };
        let index = index_of(entry.key);
        let (lsn, tombstone) = (entry.lsn, entry.tombstone);
        if tombstone && self.oldest {
            return false;
        }
        let below = |collection| match split(entry.key) {
            Some((_, id)) if !self.deleted.is_empty() => {
                self.deleted.below(collection, EntityId::from_bytes(*id))
            }
            _ => Lsn::ZERO,
        };
        match self.last_index {
            Some((last, collection)) if last == index => {
                collection.is_some_and(|collection| below(collection) <= lsn)
            }
            _ => {
                let collection = (self.collection_of)(index);
                let collection = collection.filter(|id| !(self.is_dropped)(*id));
                let stays = collection.is_some_and(|collection| below(collection) <= lsn);
                self.last_index = Some((index, collection));
                stays
            }
        }
    }

    /// Passes the first entry, and what older runs have of its key.
    fn pass(&mut self) -> Result<()> {
        while let [first, second, ..] = *self.order.as_slice()
            && key(&self.walks, first) == key(&self.walks, second)
        {
            self.step(1)?;
        }
        self.given = false;
        self.step(0)
    }

    /// Has the walk at this place of the order go on, and puts it where it belongs now.
    fn step(&mut self, place: usize) -> Result<()> {
        let Some(&moving) = self.order.get(place) else {
            return Ok(());
        };
        if let Some(walk) = self.walks.get_mut(moving) {
            walk.step()?;
        }
        let walks = &self.walks;
        let Some(own) = key(walks, moving) else {
            self.order.remove(place);
            return Ok(());
        };
        let behind = self.order.get_mut(place..).unwrap_or_default();
        let before = |other: &usize| {
            let other_key = key(walks, *other).unwrap_or_default();
            (other_key, *other) < (own, moving)
        };
        let passed = behind
            .iter()
            .skip(1)
            .take_while(|other| before(other))
            .count();
        if let Some(moved) = behind.get_mut(..=passed) {
            moved.rotate_left(1);
        }
        Ok(())
    }
}

fn key(walks: &[Walk], index: usize) -> Option<&[u8]> {
    let entry = walks.get(index)?.entry()?;
    Some(entry.key)
}
