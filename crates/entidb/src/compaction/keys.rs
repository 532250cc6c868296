//! One walk over the keys of several runs: of each key the newest version, unless that is deleted for good.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::sync::Arc;

use bytes::Bytes;

use crate::error::Result;
use crate::format::key::Key;
use crate::format::page::{self, Page};
use crate::ids::{CollectionId, EntityId, Lsn};
use crate::memtable::Location;
use crate::ranges::RangeTombstone;
use crate::run::Run;

/// How many pages are read at once.
const READ_AHEAD_COUNT: u64 = 64;

/// The merged keys of some runs, which are neighbours in age.
pub(crate) struct Keys<'a> {
    /// The newest first.
    walks: Vec<Leaves>,
    /// The next key of each walk; of equal keys, the newest run's first.
    heads: BinaryHeap<Reverse<(Key, usize)>>,
    deleted: Sweep,
    /// Tombstones up to this commit have nothing to hide, and nobody to be told to.
    forget: Lsn,
    is_dropped: &'a dyn Fn(CollectionId) -> bool,
    last_dropped: Option<(CollectionId, bool)>,
}

impl<'a> Keys<'a> {
    /// `runs` come the oldest first. Tombstones up to the commit `forget` go: none, if anything older is left.
    pub(crate) fn new(
        runs: &[Arc<Run>],
        forget: Lsn,
        is_dropped: &'a dyn Fn(CollectionId) -> bool,
    ) -> Result<Self> {
        let ranges = runs.iter().flat_map(|run| run.ranges()).copied();
        let mut walks: Vec<_> = runs.iter().rev().cloned().map(Leaves::new).collect();
        let mut heads = BinaryHeap::new();
        for (index, walk) in walks.iter_mut().enumerate() {
            heads.extend(walk.key()?.map(|key| Reverse((key, index))));
        }
        Ok(Self {
            walks,
            heads,
            deleted: Sweep::new(ranges.collect()),
            forget,
            is_dropped,
            last_dropped: None,
        })
    }

    /// The next key that stays, and where its newest version lies.
    pub(crate) fn next(&mut self) -> Result<Option<(Key, Location)>> {
        while let Some((key, location)) = self.newest()? {
            let gone = location.tombstone && location.lsn <= self.forget
                || self.deleted.below(&key) > location.lsn
                || self.drops(key.collection());
            if !gone {
                return Ok(Some((key, location)));
            }
        }
        Ok(None)
    }

    /// The next key, and its version in the newest run that has it.
    fn newest(&mut self) -> Result<Option<(Key, Location)>> {
        let Some(Reverse((key, _))) = self.heads.peek().copied() else {
            return Ok(None);
        };
        let mut found = None;
        while let Some(mut head) = self.heads.peek_mut() {
            if head.0.0 != key {
                break;
            }
            let walk = self.walks.get_mut(head.0.1);
            let next = match walk {
                Some(walk) => {
                    if found.is_none() {
                        found = walk.location()?;
                    }
                    walk.step();
                    walk.key()?
                }
                None => None,
            };
            match next {
                Some(next) => head.0.0 = next,
                None => {
                    PeekMut::pop(head);
                }
            }
        }
        Ok(found.map(|location| (key, location)))
    }

    fn drops(&mut self, collection: CollectionId) -> bool {
        match self.last_dropped {
            Some((last, dropped)) if last == collection => dropped,
            _ => {
                let dropped = (self.is_dropped)(collection);
                self.last_dropped = Some((collection, dropped));
                dropped
            }
        }
    }
}

/// A walk through the leaves of one run that reads many of them at once, past any cache.
struct Leaves {
    run: Arc<Run>,
    /// Pages that were read and not yet taken.
    ahead: Bytes,
    /// The number of the page, from 1, and the page.
    page: Option<(u64, Page)>,
    index: usize,
    next: u64,
}

impl Leaves {
    fn new(run: Arc<Run>) -> Self {
        Self {
            run,
            ahead: Bytes::new(),
            page: None,
            index: 0,
            next: 1,
        }
    }

    fn step(&mut self) {
        self.index += 1;
    }

    /// The key where the walk stands.
    fn key(&mut self) -> Result<Option<Key>> {
        loop {
            if let Some((_, page)) = &self.page
                && self.index < page.count()
            {
                return Ok(Some(page.key(self.index)));
            }
            if !self.turn()? {
                return Ok(None);
            }
        }
    }

    fn location(&self) -> Result<Option<Location>> {
        match &self.page {
            Some((number, page)) if self.index < page.count() => {
                let entry = page.entry(self.index);
                self.run.location(*number, &entry).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// Takes the next page, if there is one.
    fn turn(&mut self) -> Result<bool> {
        let leaves = self.run.footer.leaves;
        if self.next > leaves {
            self.page = None;
            return Ok(false);
        }
        let stream = &self.run.stream;
        let offset = self.next * page::LEN as u64;
        if self.ahead.is_empty() {
            let count = (leaves - self.next + 1).min(READ_AHEAD_COUNT);
            let len = usize::try_from(count * page::LEN as u64).unwrap_or(usize::MAX);
            self.ahead = stream.read(offset, len)?;
        }
        let bytes = self.ahead.split_to(page::LEN.min(self.ahead.len()));
        let page = Page::decode(bytes, stream.salt, offset)
            .map_err(|fault| fault.at(&stream.name, offset))?;
        if page.level() != 0 {
            return Err(crate::Error::corrupt(
                &stream.name,
                offset,
                format!("{leaves} leaves first"),
                format!("a page of level {}", page.level()),
            ));
        }
        self.page = Some((self.next, page));
        self.index = 0;
        self.next += 1;
        Ok(true)
    }
}

/// Range tombstones, asked for keys in rising order.
struct Sweep {
    /// By their beginnings, those to come last.
    ranges: Vec<RangeTombstone>,
    next: usize,
    /// Those that began and have not ended.
    active: Vec<RangeTombstone>,
    /// The highest LSN of these.
    highest: Lsn,
    /// The lowest of their ends.
    until: Option<(CollectionId, EntityId)>,
}

impl Sweep {
    fn new(mut ranges: Vec<RangeTombstone>) -> Self {
        ranges.sort_unstable();
        Self {
            ranges,
            next: 0,
            active: Vec::new(),
            highest: Lsn::ZERO,
            until: None,
        }
    }

    /// Below this commit, every version of `key` is deleted. Zero if no range covers it.
    fn below(&mut self, key: &Key) -> Lsn {
        let at = (key.collection(), key.id());
        let mut changed = self.until.is_some_and(|until| until < at);
        while let Some(range) = self.ranges.get(self.next)
            && (range.collection, range.first) <= at
        {
            self.active.push(*range);
            self.next += 1;
            changed = true;
        }
        if changed {
            self.active
                .retain(|range| (range.collection, range.last) >= at);
            let highest = self.active.iter().map(|range| range.lsn).max();
            self.highest = highest.unwrap_or(Lsn::ZERO);
            let ends = self
                .active
                .iter()
                .map(|range| (range.collection, range.last));
            self.until = ends.min();
        }
        self.highest
    }
}
