//! Walking through a run, in either direction.

use std::ops::Bound;
use std::sync::Arc;

use super::Run;
use crate::cache::Cache;
use crate::error::Result;
use crate::format::key::Key;
use crate::format::leaf;
use crate::memtable::Location;

/// How many entries are decoded at a time: few, since what a short range decodes in vain is a good part of what it costs.
const CHUNK_COUNT: usize = 32;

/// A lazy walk over the keys of a run within bounds.
pub(crate) struct Cursor {
    run: Arc<Run>,
    cache: Option<Arc<Cache>>,
    bounds: (Bound<Key>, Bound<Key>),
    descending: bool,
    started: bool,
    /// The leaf that the walk is in; `None` before the first and behind the last.
    leaf: Option<Leaf>,
    /// Entries of it, decoded, in the order of the walk; those from `at` on are to come.
    chunk: Vec<(Key, Location)>,
    at: usize,
}

struct Leaf {
    number: u64,
    page: super::reader::Leaf,
    /// The entries within the bounds that are still to be decoded: from `low` to before `high`.
    low: usize,
    high: usize,
    /// Whether entries of this leaf lie behind the bound where the walk ends.
    last: bool,
}

impl Cursor {
    /// A walk that keeps nothing of what it reads.
    pub(crate) fn new(run: Arc<Run>, bounds: (Bound<Key>, Bound<Key>), descending: bool) -> Self {
        Self {
            run,
            cache: None,
            bounds,
            descending,
            started: false,
            leaf: None,
            chunk: Vec::new(),
            at: 0,
        }
    }

    /// A walk through the cache.
    pub(crate) fn cached(
        run: Arc<Run>,
        cache: Arc<Cache>,
        bounds: (Bound<Key>, Bound<Key>),
        descending: bool,
    ) -> Self {
        Self {
            cache: Some(cache),
            ..Self::new(run, bounds, descending)
        }
    }

    /// The first key that the walk can come to, as far as it can be told without reading: the run's own first, or last, if the
    /// bound lets it pass.
    pub(crate) fn known_first(&self) -> Option<Key> {
        let (first, last) = (self.run.footer.first_key, self.run.footer.last_key);
        let (first, within) = if self.descending {
            (last, self.below_end(&last))
        } else {
            (first, self.above_start(&first))
        };
        (within && !self.started).then_some(first)
    }

    /// Whether a key of the run may lie within the bounds.
    pub(crate) fn overlaps(&self) -> bool {
        overlaps(&self.run, &self.bounds)
    }

    /// The next entry, without passing it.
    #[inline]
    pub(crate) fn peek(&mut self) -> Result<Option<&(Key, Location)>> {
        if self.at == self.chunk.len() {
            self.fill()?;
        }
        Ok(self.chunk.get(self.at))
    }

    /// The entry behind the one that [`peek`](Self::peek) gives, if it is at hand.
    #[inline]
    pub(crate) fn behind(&self) -> Option<&(Key, Location)> {
        self.chunk.get(self.at + 1)
    }

    /// Passes the entry that [`peek`](Self::peek) gave.
    #[inline]
    pub(crate) fn pass(&mut self) {
        self.at += 1;
    }

    /// The next entry, which is passed.
    pub(crate) fn next(&mut self) -> Result<Option<(Key, Location)>> {
        let next = self.peek()?.copied();
        self.at += usize::from(next.is_some());
        Ok(next)
    }

    /// Decodes the next entries. The chunk stays empty behind the last one.
    fn fill(&mut self) -> Result<()> {
        self.chunk.clear();
        self.at = 0;
        if !self.started {
            self.started = true;
            // A run may hold range tombstones alone.
            if self.run.footer.leaves > 0 {
                self.leaf = self.first_leaf()?;
            }
        }
        while let Some(leaf) = &mut self.leaf {
            let left = leaf.high.saturating_sub(leaf.low);
            if left > 0 {
                let count = left.min(CHUNK_COUNT);
                let start = if self.descending {
                    leaf.high -= count;
                    leaf.high
                } else {
                    leaf.low += count;
                    leaf.low - count
                };
                for index in start..start + count {
                    let entry = leaf.page.entry(index);
                    let location = self.run.location(leaf.number, &entry)?;
                    self.chunk.push((entry.key, location));
                }
                if self.descending {
                    self.chunk.reverse();
                }
                return Ok(());
            }
            let next = if self.descending {
                leaf.number - 1
            } else {
                leaf.number + 1
            };
            self.leaf = match leaf.last {
                false if (1..=self.run.footer.leaves).contains(&next) => Some(self.leaf(next)?),
                _ => None,
            };
        }
        Ok(())
    }

    /// The leaf where the walk begins, or one before it.
    fn first_leaf(&self) -> Result<Option<Leaf>> {
        if !self.descending {
            let number = match self.bounds.0 {
                Bound::Included(key) | Bound::Excluded(key) if key > self.run.footer.first_key => {
                    self.run.seek(&key)?
                }
                _ => 1,
            };
            return self.leaf(number).map(Some);
        }
        let leaves = self.run.footer.leaves;
        let mut number = match self.bounds.1 {
            Bound::Included(key) | Bound::Excluded(key) if key < self.run.footer.last_key => {
                self.run.seek(&key)?
            }
            _ => leaves,
        };
        let mut leaf = self.leaf(number)?;
        // The bound's own key may be the first of the next leaf.
        while leaf.high == leaf.page.count() && number < leaves {
            number += 1;
            let next = self.leaf(number)?;
            if next.high == 0 {
                break;
            }
            leaf = next;
        }
        Ok(Some(leaf))
    }

    fn leaf(&self, number: u64) -> Result<Leaf> {
        let page = self.run.leaf(self.cache.as_deref(), number)?;
        let count = page.count();
        let (first, last) = (page.key(0), page.key(count - 1));
        let low = match self.bounds.0 {
            _ if self.above_start(&first) => 0,
            Bound::Included(key) => page.lower_bound(&key),
            Bound::Excluded(key) => behind(&page, &key),
            Bound::Unbounded => 0,
        };
        let high = match self.bounds.1 {
            _ if self.below_end(&last) => count,
            Bound::Included(key) => behind(&page, &key),
            Bound::Excluded(key) => page.lower_bound(&key),
            Bound::Unbounded => count,
        };
        let last = if self.descending {
            low > 0
        } else {
            high < count
        };
        Ok(Leaf {
            number,
            page,
            low,
            high,
            last,
        })
    }

    fn above_start(&self, key: &Key) -> bool {
        is_above(&self.bounds.0, key)
    }

    fn below_end(&self, key: &Key) -> bool {
        is_below(&self.bounds.1, key)
    }
}

/// Whether a key of the run may lie within the bounds, as its first and last key tell.
pub(crate) fn overlaps(run: &Run, bounds: &(Bound<Key>, Bound<Key>)) -> bool {
    is_above(&bounds.0, &run.footer.last_key) && is_below(&bounds.1, &run.footer.first_key)
}

fn is_above(start: &Bound<Key>, key: &Key) -> bool {
    match start {
        Bound::Included(start) => key >= start,
        Bound::Excluded(start) => key > start,
        Bound::Unbounded => true,
    }
}

fn is_below(end: &Bound<Key>, key: &Key) -> bool {
    match end {
        Bound::Included(end) => key <= end,
        Bound::Excluded(end) => key < end,
        Bound::Unbounded => true,
    }
}

/// The index of the first key above `key`.
fn behind(page: &leaf::Leaf, key: &Key) -> usize {
    let mut index = page.lower_bound(key);
    while index < page.count() && page.key(index) == *key {
        index += 1;
    }
    index
}
