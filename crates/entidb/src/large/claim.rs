//! Whether another commit got in the way of a large one: first committer wins.
//!
//! What a small transaction wrote is looked for in what was committed since; here it is the other way round, where that is less:
//! what was committed since is looked for in what the large one writes. Nothing of it is done under a lock.

use std::ops::Bound;

use crate::commit::{Later, check_versions, conflict, wrote_within};
use crate::error::Result;
use crate::format::filter;
use crate::format::key::Key;
use crate::ids::{CollectionId, IndexId, Lsn};
use crate::memtable::Memtable;
use crate::ranges::RangeTombstone;
use crate::run::{Cursor, Run};
use crate::spill::{Large, Spans};
use crate::sync::Arc;
use crate::transaction::Reads;
use crate::view::View;

/// How many keys are taken from a memtable at a time.
const PAGE_COUNT: usize = 256;

const WROTE: &str = "another commit has written what it writes";
const READ: &str = "another commit has written what it read";

/// What a large transaction has written, and what it has read if that matters.
pub(super) struct Claim {
    pub(super) large: Large,
    /// Ranges that it deletes.
    deleted: Spans,
    pub(super) reads: Reads,
    /// Ranges that it has read.
    read: Spans,
    /// Unique indexes of what it writes to, by their numbers.
    pub(super) unique: Vec<IndexId>,
    versions: Vec<(CollectionId, u32)>,
}

impl Claim {
    pub(super) fn new(
        large: Large,
        unique: Vec<IndexId>,
        reads: Option<Reads>,
        versions: Vec<(CollectionId, u32)>,
    ) -> Self {
        let ranges = large.run().ranges().iter();
        let ranges = ranges.map(RangeTombstone::ends);
        let mut reads = reads.unwrap_or_default();
        Self {
            deleted: Spans::new(ranges.collect()),
            read: Spans::new(std::mem::take(&mut reads.ranges)),
            large,
            reads,
            unique,
            versions,
        }
    }

    /// The same, made anew because indexes have come or gone.
    pub(super) fn renew(&mut self, large: Large, unique: Vec<IndexId>) {
        self.large = large;
        self.unique = unique;
    }

    /// Refuses if a commit above `after` that is in `view`, shown or not, has written what this one has written or read.
    pub(super) fn check(&self, view: &View, after: Lsn) -> Result<()> {
        let mut collections = self.large.collections().iter();
        if collections.any(|id| !view.catalog.has(*id)) {
            return Err(conflict("a collection that it writes to was dropped"));
        }
        check_versions(view, &self.versions)?;
        for memtable in &view.memtables {
            if memtable.last_lsn() > after {
                self.check_memtable(view, memtable, after)?;
                self.check_entries_of(view, memtable, after)?;
            }
        }
        for run in view.runs.iter().filter(|run| run.entry.last_lsn > after) {
            for range in run.ranges().iter().filter(|range| range.lsn > after) {
                let (first, last) = range.ends();
                self.check_range(first, last)?;
            }
            match run.footer.entries <= self.key_count() {
                true => self.check_run(view, run, after)?,
                false => self.look_in(view, run, after)?,
            }
            self.check_entries_in(view, run, after)?;
        }
        let later = Later::new(view, after);
        later.check_entries(&self.reads.entries)?;
        later.check_absent(&self.reads.absent)
    }

    /// How many keys it has written or read.
    fn key_count(&self) -> u64 {
        let spilled = self.reads.spilled.iter().flat_map(|spilled| spilled.runs());
        let spilled: u64 = spilled.map(|run| run.footer.entries).sum();
        self.large.run().footer.entries + self.reads.keys.len() as u64 + spilled
    }

    fn check_memtable(&self, view: &View, memtable: &Memtable, after: Lsn) -> Result<()> {
        let newest = Lsn(u64::MAX);
        for range in memtable
            .ranges(newest)
            .iter()
            .filter(|range| range.lsn > after)
        {
            let (first, last) = range.ends();
            self.check_range(first, last)?;
        }
        let mut from = Bound::Unbounded;
        loop {
            // Page by page, so that commits are not held up meanwhile.
            let page = memtable.page((from, Bound::Unbounded), false, newest, PAGE_COUNT);
            for (key, version) in &page {
                if version.location.lsn > after {
                    self.check_key(view, key)?;
                }
            }
            match page.last() {
                Some((last, _)) if page.len() == PAGE_COUNT => from = Bound::Excluded(*last),
                _ => return Ok(()),
            }
        }
    }

    fn check_run(&self, view: &View, run: &Arc<Run>, after: Lsn) -> Result<()> {
        let mut cursor = Cursor::new(Arc::clone(run), (Bound::Unbounded, Bound::Unbounded), false);
        while let Some((key, location)) = cursor.next()? {
            if location.lsn > after {
                self.check_key(view, &key)?;
            }
        }
        Ok(())
    }

    /// A key was committed.
    fn check_key(&self, view: &View, key: &Key) -> Result<()> {
        let own = self.large.run();
        let writes = own.spans(key) && own.get(&view.cache, key, filter::hash(key))?.is_some();
        if writes || self.deleted.cover(key) {
            return Err(conflict(WROTE));
        }
        let mut read = self.reads.keys.contains(key) || self.read.cover(key);
        if let Some(spilled) = &self.reads.spilled {
            read = read || spilled.has(&view.cache, key)?;
        }
        match read {
            true => Err(conflict(READ)),
            false => Ok(()),
        }
    }

    /// A range was committed to be deleted.
    fn check_range(&self, first: Key, last: Key) -> Result<()> {
        if self.deleted.overlap(first, last) || has_within(self.large.run(), first, last)? {
            return Err(conflict(WROTE));
        }
        let within = |key: &Key| first <= *key && *key <= last;
        let mut read = self.reads.keys.iter().any(within) || self.read.overlap(first, last);
        for run in self.reads.spilled.iter().flat_map(|spilled| spilled.runs()) {
            read = read || has_within(run, first, last)?;
        }
        match read {
            true => Err(conflict(READ)),
            false => Ok(()),
        }
    }

    /// Looks for all that it has written and read in a run that has more than that.
    fn look_in(&self, view: &View, run: &Arc<Run>, after: Lsn) -> Result<()> {
        let wrote = |key: &Key| -> Result<bool> {
            let found = match run.spans(key) {
                true => run.get(&view.cache, key, filter::hash(key))?,
                false => None,
            };
            Ok(found.is_some_and(|location| location.lsn > after))
        };
        if any_key(self.large.run(), &wrote)? {
            return Err(conflict(WROTE));
        }
        for (first, last) in self.deleted.iter() {
            if wrote_within(run, *first, *last, after)? {
                return Err(conflict(WROTE));
            }
        }
        for key in &self.reads.keys {
            if wrote(key)? {
                return Err(conflict(READ));
            }
        }
        for spilled in self.reads.spilled.iter().flat_map(|spilled| spilled.runs()) {
            if any_key(spilled, &wrote)? {
                return Err(conflict(READ));
            }
        }
        for (first, last) in self.read.iter() {
            if wrote_within(run, *first, *last, after)? {
                return Err(conflict(READ));
            }
        }
        Ok(())
    }
}

/// Whether `wanted` says so of a key of the run.
fn any_key(run: &Arc<Run>, wanted: &dyn Fn(&Key) -> Result<bool>) -> Result<bool> {
    let mut cursor = Cursor::new(Arc::clone(run), (Bound::Unbounded, Bound::Unbounded), false);
    while let Some((key, _)) = cursor.next()? {
        if wanted(&key)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether the run has a key from `first` to `last`.
fn has_within(run: &Arc<Run>, first: Key, last: Key) -> Result<bool> {
    let bounds = (Bound::Included(first), Bound::Included(last));
    let mut cursor = Cursor::new(Arc::clone(run), bounds, false);
    Ok(cursor.overlaps() && cursor.peek()?.is_some())
}
