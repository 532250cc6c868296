//! One walk over the memtable and the runs: each key once, its newest version, in order.

use std::ops::Bound;
use std::sync::Arc;

use crate::error::Result;
use crate::format::key::Key;
use crate::ids::Lsn;
use crate::memtable::{Memtable, Version};
use crate::ranges::{RangeTombstone, covering};
use crate::run::{Cursor, Run, overlaps};
use crate::view::View;

/// How many keys are taken from the memtable at a time: at first, since a short range needs few, and at most.
const MEMTABLE_PAGE_COUNTS: (usize, usize) = (32, 256);

/// A lazy merge of all sources of a view. Tombstones are handed on.
///
/// The sources stand in the order of their next keys. Whichever is first stays so until it has passed the next one's key: where
/// their keys do not overlap, as those of ids that rise with time, that is one comparison a key, however many sources there
/// are. Of one key, the newest source stands first. What cannot be in the bounds is left out, and a run is opened only when
/// the walk has come to its first key.
pub(crate) struct Merge {
    /// In age order, the newest first: of one key, the first source's version is the newest.
    sources: Vec<Source>,
    /// Indexes of the sources that have a next key, by that key and then by age.
    order: Vec<usize>,
    /// Of each source, the range tombstones that the snapshot sees; empty if there are none at all.
    ranges: Vec<Vec<RangeTombstone>>,
    descending: bool,
    started: bool,
    /// The key that was given last: all sources that stand at it have yet to pass it.
    last: Option<Key>,
    /// Set while the first source is a run that has just given a key: no other source has one before this.
    alone: Option<Alone>,
}

/// Up to where the first source is the only one.
#[derive(Clone, Copy)]
enum Alone {
    ToTheEnd,
    Before(Key),
}

struct Source {
    /// The next key, or one that no key of a run that is not opened yet comes before.
    head: Option<Key>,
    /// Whether the head is known by reading it.
    opened: bool,
    keys: Keys,
}

enum Keys {
    Memtable(MemtableCursor),
    Run(Cursor),
}

impl Source {
    /// Goes on to the next key, or to the first one.
    #[inline]
    fn advance(&mut self) -> Result<()> {
        let opened = std::mem::replace(&mut self.opened, true);
        self.head = match &mut self.keys {
            Keys::Memtable(cursor) => cursor.advance(),
            Keys::Run(cursor) => {
                if opened {
                    cursor.pass();
                }
                cursor.peek()?.map(|(key, _)| *key)
            }
        };
        Ok(())
    }

    /// The version at the head; taken once.
    #[inline]
    fn version(&mut self) -> Result<Option<Version>> {
        match &mut self.keys {
            Keys::Memtable(cursor) => Ok(cursor.version.take()),
            Keys::Run(cursor) => Ok(cursor.peek()?.map(|(_, location)| (*location).into())),
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
        let memtables = view.memtables.iter().map(|memtable| Source {
            head: None,
            opened: false,
            keys: Keys::Memtable(MemtableCursor {
                memtable: Arc::clone(memtable),
                bounds,
                descending,
                lsn,
                page: Vec::new().into_iter(),
                page_count: MEMTABLE_PAGE_COUNTS.0,
                version: None,
                done: false,
            }),
        });
        // A run without keys in the bounds may still hide what is older.
        let within = |run: &&Arc<Run>| overlaps(run, &bounds) || !run.ranges().is_empty();
        let runs = view.runs.iter().filter(within).map(|run| {
            let cache = Arc::clone(&view.cache);
            Source {
                head: None,
                opened: false,
                keys: Keys::Run(Cursor::cached(Arc::clone(run), cache, bounds, descending)),
            }
        });
        let of_memtables = view.memtables.iter().map(|memtable| memtable.ranges(lsn));
        let of_runs = view.runs.iter().filter(within);
        let of_runs = of_runs.map(|run| run.ranges().to_vec());
        let mut ranges: Vec<_> = of_memtables.chain(of_runs).collect();
        if ranges.iter().all(Vec::is_empty) {
            ranges.clear();
        }
        Self {
            sources: memtables.chain(runs).collect(),
            order: Vec::new(),
            ranges,
            descending,
            started: false,
            last: None,
            alone: None,
        }
    }

    /// The next key and its newest version, if no range tombstone hides it.
    #[inline]
    pub(crate) fn next(&mut self) -> Result<Option<(Key, Version)>> {
        if let Some(next) = self.next_of_first() {
            return Ok(Some(next));
        }
        loop {
            let Some((source, key, version)) = self.newest()? else {
                return Ok(None);
            };
            if self.ranges.is_empty() {
                self.note_alone(source);
                return Ok(Some((key, version)));
            }
            let newer = self.ranges.iter().take(source + 1);
            let deleted = newer
                .map(|ranges| covering(ranges, &key, Lsn(u64::MAX)))
                .max();
            if deleted.is_none_or(|deleted| version.location.lsn >= deleted) {
                return Ok(Some((key, version)));
            }
        }
    }

    /// The next key, where the source that gave the last one is a run that has it at hand, and no other comes before it.
    #[inline]
    fn next_of_first(&mut self) -> Option<(Key, Version)> {
        let alone = self.alone?;
        let source = self.sources.get_mut(*self.order.first()?)?;
        let Keys::Run(cursor) = &mut source.keys else {
            return None;
        };
        let (key, location) = *cursor.behind()?;
        if let Alone::Before(other) = alone
            && if self.descending {
                key <= other
            } else {
                key >= other
            }
        {
            return None;
        }
        cursor.pass();
        source.head = Some(key);
        self.last = Some(key);
        Some((key, location.into()))
    }

    /// Notes up to where the run that has just given a key is alone.
    fn note_alone(&mut self, source: usize) {
        let keys = self.sources.get(source).map(|source| &source.keys);
        self.alone = match keys {
            Some(Keys::Run(_)) if self.order.first() == Some(&source) => {
                let next = self.order.get(1).and_then(|next| self.sources.get(*next));
                Some(match next.and_then(|source| source.head) {
                    None => Alone::ToTheEnd,
                    Some(head) => Alone::Before(head),
                })
            }
            _ => None,
        };
    }

    /// The next key, its newest version, and the index of the source that has it.
    #[inline]
    fn newest(&mut self) -> Result<Option<(usize, Key, Version)>> {
        if !self.started {
            self.start()?;
        }
        loop {
            let Some(&first) = self.order.first() else {
                return Ok(None);
            };
            let Some(source) = self.sources.get_mut(first) else {
                return Ok(None);
            };
            // Not opened, or given already: by this source, or by a newer one.
            if !source.opened || source.head == self.last {
                source.advance()?;
                self.settle();
                continue;
            }
            self.last = source.head;
            if let (Some(key), Some(version)) = (source.head, source.version()?) {
                return Ok(Some((first, key, version)));
            }
        }
    }

    fn start(&mut self) -> Result<()> {
        for (index, source) in self.sources.iter_mut().enumerate() {
            source.head = match &source.keys {
                Keys::Run(cursor) => cursor.known_first(),
                Keys::Memtable(_) => None,
            };
            match &source.keys {
                Keys::Run(cursor) if !cursor.overlaps() => continue,
                _ if source.head.is_none() => source.advance()?,
                _ => {}
            }
            if source.head.is_some() {
                self.order.push(index);
            }
        }
        let (sources, descending) = (&self.sources, self.descending);
        self.order
            .sort_by(|a, b| compare(sources, descending, *a, *b));
        self.started = true;
        Ok(())
    }

    /// Puts the first source, whose head has moved on, where it belongs now.
    #[inline]
    fn settle(&mut self) {
        let (sources, descending) = (&self.sources, self.descending);
        let head = |index: &usize| sources.get(*index).and_then(|source| source.head);
        let Some((first, rest)) = self.order.split_first() else {
            return;
        };
        if head(first).is_none() {
            self.order.remove(0);
            return;
        }
        let passed = rest
            .iter()
            .take_while(|other| compare(sources, descending, **other, *first).is_lt())
            .count();
        if passed > 0
            && let Some(moved) = self.order.get_mut(..=passed)
        {
            moved.rotate_left(1);
        }
    }
}

/// In the order of the walk; of one key, the newer source first.
#[inline]
fn compare(sources: &[Source], descending: bool, a: usize, b: usize) -> std::cmp::Ordering {
    let head = |index: usize| sources.get(index).and_then(|source| source.head);
    let keys = head(a).cmp(&head(b));
    let keys = if descending { keys.reverse() } else { keys };
    keys.then(a.cmp(&b))
}

/// Walks through the memtable page by page, so that its lock is never held between two.
struct MemtableCursor {
    memtable: Arc<Memtable>,
    /// What is still to come.
    bounds: (Bound<Key>, Bound<Key>),
    descending: bool,
    lsn: Lsn,
    page: std::vec::IntoIter<(Key, Version)>,
    page_count: usize,
    /// That of the current key.
    version: Option<Version>,
    done: bool,
}

impl MemtableCursor {
    /// The next key; its version is there to be taken.
    fn advance(&mut self) -> Option<Key> {
        if self.page.len() == 0 && !self.done {
            let count = self.page_count;
            self.page_count = (count * 2).min(MEMTABLE_PAGE_COUNTS.1);
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
            self.page = page.into_iter();
        }
        let (key, version) = self.page.next()?;
        self.version = Some(version);
        Some(key)
    }
}

#[cfg(test)]
mod tests;
