//! Whether another commit got in a transaction's way: first committer wins.
//!
//! Promises: of two transactions that ran at the same time and wrote the same key, one is refused; of a serializable one, also
//! if another wrote what it read. Relies on the memtables to have what was committed and not shown yet, too.

use std::ops::Bound;
use std::sync::Arc;

use super::{Committer, Queue};
use crate::error::{Error, ErrorKind, Result};
use crate::format::filter;
use crate::format::key::Key;
use crate::ids::{CollectionId, EntityId, IndexId, Lsn};
use crate::index::{Derived, EntryBounds, bounds_of, value_prefix};
use crate::log::Item;
use crate::ranges::{RangeTombstone, covering};
use crate::run::{Cursor, EntryCursor, Run};
use crate::transaction::Reads;
use crate::view::View;

impl Committer {
    /// Refuses a transaction over the snapshot at `since` if a later commit has written what it writes, or has read.
    pub(super) fn check_conflicts(
        &self,
        queue: &Queue,
        view: &View,
        since: Lsn,
        items: &[Item],
        entries: &Derived,
        reads: Option<&Reads>,
    ) -> Result<()> {
        let mut collections = items.iter().filter_map(Item::collection);
        if collections.any(|id| !view.catalog.has(id)) {
            return Err(conflict("a collection that it writes to was dropped"));
        }
        if queue.last_lsn <= since {
            return Ok(());
        }
        if since < queue.forgotten {
            return Err(conflict(
                "a merge has forgotten what was deleted while it ran",
            ));
        }
        let later = Later::new(view, since);
        for item in items {
            let written = match item {
                // Its entity's record tells.
                Item::Entry { .. } => continue,
                Item::Record { key, .. } => later.wrote(key)?,
                Item::Range {
                    collection,
                    first,
                    last,
                    ..
                } => later
                    .wrote_within(Key::new(*collection, *first), Key::new(*collection, *last))?,
                Item::Before { .. } => false,
            };
            if written {
                return Err(conflict("another commit has written what it writes"));
            }
        }
        for (index, key, _) in entries.claims() {
            let value = value_prefix(index, key);
            if later.wrote_entries(&bounds_of(&value), Some(&value))? {
                return Err(conflict(
                    "another commit has written what a unique index lets only one have",
                ));
            }
        }
        let Some(reads) = reads else {
            return Ok(());
        };
        // Of what was dropped, merges may have forgotten the drop.
        let is_gone = |key: &Key| !view.catalog.has(key.collection());
        for key in &reads.keys {
            if is_gone(key) || later.wrote(key)? {
                return Err(conflict("another commit has written what it read"));
            }
        }
        for (first, last) in &reads.ranges {
            if is_gone(first) || later.wrote_within(*first, *last)? {
                return Err(conflict(
                    "another commit has written into a range that it read",
                ));
            }
        }
        later.check_entries(&reads.entries)?;
        later.check_absent(&reads.absent)
    }
}

/// Refuses a transaction that has written entities in a form that is not their collection's any more.
pub(crate) fn check_versions(view: &View, versions: &[(CollectionId, u32)]) -> Result<()> {
    let stands = |(id, version): &(CollectionId, u32)| {
        let collection = view.catalog.get(*id);
        collection.is_none_or(|collection| collection.version == *version)
    };
    if versions.iter().all(stands) {
        return Ok(());
    }
    Err(conflict("a collection that it writes to was migrated"))
}

pub(crate) fn conflict(why: &str) -> Error {
    Error::new(
        ErrorKind::Conflict,
        format!("the transaction was not kept, since {why}: run it again"),
    )
}

/// What was committed after a snapshot.
pub(crate) struct Later<'a> {
    view: &'a View,
    since: Lsn,
    /// Runs that a checkpoint has made of it.
    runs: Vec<&'a Arc<Run>>,
}

impl<'a> Later<'a> {
    pub(crate) fn new(view: &'a View, since: Lsn) -> Self {
        let runs = view.runs.iter();
        Self {
            view,
            since,
            runs: runs.filter(|run| run.entry.last_lsn > since).collect(),
        }
    }

    fn wrote(&self, key: &Key) -> Result<bool> {
        let mut memtables = self.view.memtables.iter();
        if memtables.any(|memtable| memtable.wrote(key, self.since)) {
            return Ok(true);
        }
        for run in &self.runs {
            let covered = covering(run.ranges(), key, Lsn(u64::MAX)) > self.since;
            let found = match run.spans(key) {
                true => run.get(&self.view.cache, key, filter::hash(key))?,
                false => None,
            };
            if covered || found.is_some_and(|location| location.lsn > self.since) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn wrote_within(&self, first: Key, last: Key) -> Result<bool> {
        let mut memtables = self.view.memtables.iter();
        if memtables.any(|memtable| memtable.wrote_within(first, last, self.since)) {
            return Ok(true);
        }
        for run in &self.runs {
            if wrote_within(run, first, last, self.since)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Refuses who has read these parts of indexes, if one of them has changed.
    pub(crate) fn check_entries(&self, read: &[(IndexId, EntryBounds)]) -> Result<()> {
        for (index, bounds) in read {
            // Since it was dropped, commits have not kept it, and nothing tells what they would have changed in it.
            let Some(collection) = self.view.catalog.collection_of(*index) else {
                return Err(conflict("an index that it read was dropped"));
            };
            if self.wrote_entries(bounds, None)? || self.deleted_in(collection) {
                return Err(conflict(
                    "another commit has changed a part of an index that it read",
                ));
            }
        }
        Ok(())
    }

    /// Refuses who has found collections of these names absent, if something is in one. That it was absent is a read of all that could
    /// be in it. It may have been made by this very transaction since, so only what is in it counts.
    pub(crate) fn check_absent(&self, absent: &[String]) -> Result<()> {
        let catalog = &self.view.catalog;
        for id in absent.iter().filter_map(|name| catalog.find(name)) {
            let all = (Key::new(id, EntityId::MIN), Key::new(id, EntityId::MAX));
            if self.wrote_within(all.0, all.1)? {
                return Err(conflict(
                    "another commit has written to a collection that it found absent",
                ));
            }
        }
        Ok(())
    }

    /// Whether an index entry within these bounds, which are those of `value` if it is only one, has come or gone by itself.
    fn wrote_entries(&self, bounds: &EntryBounds, value: Option<&[u8]>) -> Result<bool> {
        let slices = (
            bounds.0.as_ref().map(Vec::as_slice),
            bounds.1.as_ref().map(Vec::as_slice),
        );
        let mut memtables = self.view.memtables.iter();
        if memtables.any(|memtable| memtable.wrote_entries(slices, self.since)) {
            return Ok(true);
        }
        let cache = &self.view.cache;
        for run in self.runs.iter().filter(|run| run.has_entries()) {
            let may_have = |value| run.may_have_value(cache, value);
            if !value.map_or(Ok(true), may_have)? {
                continue;
            }
            let (run, cache) = (Arc::clone(run), Some(Arc::clone(cache)));
            let mut cursor = EntryCursor::new(run, cache, bounds.clone(), false);
            while let Some(entry) = cursor.peek()? {
                if entry.lsn > self.since {
                    return Ok(true);
                }
                cursor.pass();
            }
        }
        Ok(false)
    }

    /// Whether a range of this collection was deleted, and with it perhaps what its indexes had.
    fn deleted_in(&self, collection: CollectionId) -> bool {
        let deletes =
            |range: &RangeTombstone| range.collection == collection && range.lsn > self.since;
        let memtables = self.view.memtables.iter();
        let mut memtables = memtables.flat_map(|memtable| memtable.ranges(Lsn(u64::MAX)));
        let mut runs = self.runs.iter().flat_map(|run| run.ranges());
        memtables.any(|range| deletes(&range)) || runs.any(deletes)
    }
}

/// Whether the run has a commit above `since` to a key from `first` to `last`.
pub(crate) fn wrote_within(run: &Arc<Run>, first: Key, last: Key, since: Lsn) -> Result<bool> {
    let mut ranges = run.ranges().iter();
    if ranges.any(|range| range.lsn > since && range.overlaps(first, last)) {
        return Ok(true);
    }
    let bounds = (Bound::Included(first), Bound::Included(last));
    let mut cursor = Cursor::new(Arc::clone(run), bounds, false);
    while let Some((_, location)) = cursor.next()? {
        if location.lsn > since {
            return Ok(true);
        }
    }
    Ok(false)
}
