//! One walk over the memtable and the runs: each key once, its newest version, in order.

use std::collections::VecDeque;
use std::ops::Bound;
use std::sync::Arc;

use crate::error::Result;
use crate::format::key::Key;
use crate::ids::Lsn;
use crate::memtable::{Memtable, Version};
use crate::ranges::{RangeTombstone, covering};
use crate::run::Cursor;
use crate::view::View;

/// How many keys are taken from the memtable at a time.
const MEMTABLE_PAGE_COUNT: usize = 256;

/// A lazy merge of all sources of a view. Tombstones are handed on.
pub(crate) struct Merge {
    /// In age order, the newest first: of one key, the first source's version is the newest.
    sources: Vec<(Source, Option<(Key, Version)>)>,
    /// Of each source, the range tombstones that the snapshot sees.
    ranges: Vec<Vec<RangeTombstone>>,
    descending: bool,
    started: bool,
}

enum Source {
    Memtable(MemtableCursor),
    Run(Cursor),
}

impl Source {
    fn next(&mut self) -> Result<Option<(Key, Version)>> {
        match self {
            Self::Memtable(cursor) => Ok(cursor.next()),
            Self::Run(cursor) => {
                let found = cursor.next()?;
                Ok(found.map(|(key, location)| (key, location.into())))
            }
        }
    }
}

impl Merge {
    pub(crate) fn new(
        view: &View,
        lsn: Lsn,
        bounds: (Bound<Key>, Bound<Key>),
        descending: bool,
    ) -> Self {
        let memtables = view.memtables.iter().map(|memtable| {
            Source::Memtable(MemtableCursor {
                memtable: Arc::clone(memtable),
                bounds,
                descending,
                lsn,
                page: VecDeque::new(),
                done: false,
            })
        });
        let runs = view
            .runs
            .iter()
            .map(|run| Source::Run(Cursor::new(Arc::clone(run), bounds, descending)));
        let of_memtables = view.memtables.iter().map(|memtable| memtable.ranges(lsn));
        let of_runs = view.runs.iter().map(|run| run.ranges().to_vec());
        Self {
            ranges: of_memtables.chain(of_runs).collect(),
            sources: memtables.chain(runs).map(|source| (source, None)).collect(),
            descending,
            started: false,
        }
    }

    /// The next key and its newest version, if no range tombstone hides it.
    pub(crate) fn next(&mut self) -> Result<Option<(Key, Version)>> {
        loop {
            let Some((source, key, version)) = self.newest()? else {
                return Ok(None);
            };
            let newer = self.ranges.iter().take(source + 1);
            let deleted = newer
                .map(|ranges| covering(ranges, &key, Lsn(u64::MAX)))
                .max();
            if deleted.is_none_or(|deleted| version.location.lsn >= deleted) {
                return Ok(Some((key, version)));
            }
        }
    }

    /// The next key, its newest version, and the index of the source that has it.
    fn newest(&mut self) -> Result<Option<(usize, Key, Version)>> {
        if !self.started {
            for (source, head) in &mut self.sources {
                *head = source.next()?;
            }
            self.started = true;
        }
        let heads = self.sources.iter().enumerate();
        let heads = heads.filter_map(|(index, (_, head))| Some((index, head.as_ref()?.0)));
        // `min_by` and `rev().max_by` both keep the first of equals, which is the newest.
        let first = if self.descending {
            heads.rev().max_by(|(_, a), (_, b)| a.cmp(b))
        } else {
            heads.min_by(|(_, a), (_, b)| a.cmp(b))
        };
        let Some((first, key)) = first else {
            return Ok(None);
        };
        let mut version = None;
        for (index, (source, head)) in self.sources.iter_mut().enumerate() {
            if head.as_ref().is_some_and(|(head, _)| *head == key) {
                let next = source.next()?;
                let taken = std::mem::replace(head, next);
                if index == first {
                    version = taken;
                }
            }
        }
        Ok(version.map(|(key, version)| (first, key, version)))
    }
}

/// Walks through the memtable page by page, so that its lock is never held between two.
struct MemtableCursor {
    memtable: Arc<Memtable>,
    /// What is still to come.
    bounds: (Bound<Key>, Bound<Key>),
    descending: bool,
    lsn: Lsn,
    page: VecDeque<(Key, Version)>,
    done: bool,
}

impl MemtableCursor {
    fn next(&mut self) -> Option<(Key, Version)> {
        if self.page.is_empty() && !self.done {
            let count = MEMTABLE_PAGE_COUNT;
            let page = self
                .memtable
                .page(self.bounds, self.descending, self.lsn, count);
            self.done = page.len() < count;
            if let Some((last, _)) = page.last() {
                if self.descending {
                    self.bounds.1 = Bound::Excluded(*last);
                } else {
                    self.bounds.0 = Bound::Excluded(*last);
                }
            }
            self.page = page.into();
        }
        self.page.pop_front()
    }
}
