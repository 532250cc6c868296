//! One walk over the memtable and the runs: each key once, its newest version, in order.

use std::collections::VecDeque;
use std::ops::Bound;
use std::sync::Arc;

use crate::error::Result;
use crate::format::key::Key;
use crate::ids::Lsn;
use crate::memtable::{Location, Memtable};
use crate::run::Cursor;
use crate::view::View;

/// How many keys are taken from the memtable at a time.
const MEMTABLE_PAGE_COUNT: usize = 256;

/// A lazy merge of all sources of a view. Tombstones are handed on.
pub(crate) struct Merge {
    /// In age order, the newest first: of one key, the first source's version is the newest.
    sources: Vec<(Source, Option<(Key, Location)>)>,
    descending: bool,
    started: bool,
}

enum Source {
    Memtable(MemtableCursor),
    Run(Cursor),
}

impl Source {
    fn next(&mut self) -> Result<Option<(Key, Location)>> {
        match self {
            Self::Memtable(cursor) => Ok(cursor.next()),
            Self::Run(cursor) => cursor.next(),
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
        let memtable = Source::Memtable(MemtableCursor {
            memtable: Arc::clone(&view.memtable),
            bounds,
            descending,
            lsn,
            page: VecDeque::new(),
            done: false,
        });
        let runs = view
            .runs
            .iter()
            .map(|run| Source::Run(Cursor::new(Arc::clone(run), bounds, descending)));
        Self {
            sources: std::iter::once(memtable)
                .chain(runs)
                .map(|source| (source, None))
                .collect(),
            descending,
            started: false,
        }
    }

    /// The next key and where its newest version lies.
    pub(crate) fn next(&mut self) -> Result<Option<(Key, Location)>> {
        if !self.started {
            for (source, head) in &mut self.sources {
                *head = source.next()?;
            }
            self.started = true;
        }
        let heads = self.sources.iter().filter_map(|(_, head)| *head);
        // `min_by` and `rev().max_by` both keep the first of equals, which is the newest.
        let first = if self.descending {
            heads.rev().max_by(|(a, _), (b, _)| a.cmp(b))
        } else {
            heads.min_by(|(a, _), (b, _)| a.cmp(b))
        };
        let Some((key, location)) = first else {
            return Ok(None);
        };
        for (source, head) in &mut self.sources {
            if head.is_some_and(|(head, _)| head == key) {
                *head = source.next()?;
            }
        }
        Ok(Some((key, location)))
    }
}

/// Walks through the memtable page by page, so that its lock is never held between two.
struct MemtableCursor {
    memtable: Arc<Memtable>,
    /// What is still to come.
    bounds: (Bound<Key>, Bound<Key>),
    descending: bool,
    lsn: Lsn,
    page: VecDeque<(Key, Location)>,
    done: bool,
}

impl MemtableCursor {
    fn next(&mut self) -> Option<(Key, Location)> {
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
