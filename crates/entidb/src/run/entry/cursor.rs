//! Walking through the index entries of a run, in either direction.

use std::ops::Bound;
use std::sync::Arc;

use super::reader::{Node, Target};
use crate::cache::Cache;
use crate::error::Result;
use crate::format::entry::{IndexFooter, Place};
use crate::ids::Lsn;
use crate::run::Run;

/// One index entry, where a walk stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EntryRef<'a> {
    /// Index id (big-endian), index key, entity id.
    pub(crate) key: &'a [u8],
    pub(crate) lsn: Lsn,
    pub(crate) tombstone: bool,
}

/// A lazy walk over the index entries of a run within bounds.
pub(crate) struct EntryCursor {
    run: Arc<Run>,
    cache: Option<Arc<Cache>>,
    bounds: (Bound<Vec<u8>>, Bound<Vec<u8>>),
    descending: bool,
    started: bool,
    /// The leaf that the walk is in; `None` before the first and behind the last.
    leaf: Option<Leaf>,
    /// The key of the current entry, and which group of the leaf its value is.
    key: Vec<u8>,
    group: Option<usize>,
    /// What else there is of the current entry; `None` if the next one has yet to be looked at.
    entry: Option<(Lsn, bool)>,
}

struct Leaf {
    number: u64,
    node: Node,
    /// The entries within the bounds that are still to come: from `low` to before `high`.
    low: Place,
    high: Place,
    /// Whether entries of this leaf lie behind the bound where the walk ends.
    last: bool,
}

impl EntryCursor {
    /// A walk through the cache, or one that keeps nothing of what it reads.
    pub(crate) fn new(
        run: Arc<Run>,
        cache: Option<Arc<Cache>>,
        bounds: (Bound<Vec<u8>>, Bound<Vec<u8>>),
        descending: bool,
    ) -> Self {
        Self {
            run,
            cache,
            bounds,
            descending,
            started: false,
            leaf: None,
            key: Vec::new(),
            group: None,
            entry: None,
        }
    }

    /// The next entry, without passing it.
    #[inline]
    pub(crate) fn peek(&mut self) -> Result<Option<EntryRef<'_>>> {
        if self.entry.is_none() {
            self.load()?;
        }
        Ok(self.entry.map(|(lsn, tombstone)| EntryRef {
            key: &self.key,
            lsn: self.run.lsn_of(lsn),
            tombstone,
        }))
    }

    /// Passes the entry that [`peek`](Self::peek) gave.
    #[inline]
    pub(crate) fn pass(&mut self) {
        self.entry = None;
    }

    /// Looks at the next entry, if there is one.
    fn load(&mut self) -> Result<()> {
        if !self.started {
            self.started = true;
            self.leaf = self.first_leaf()?;
        }
        while let Some(leaf) = &mut self.leaf {
            if leaf.low < leaf.high {
                let place = match self.descending {
                    true => leaf.node.before(leaf.high),
                    false => leaf.low,
                };
                if self.group != Some(place.group) {
                    leaf.node.write_value(place.group, &mut self.key);
                    self.group = Some(place.group);
                }
                self.entry = Some(leaf.node.write_id(place, &mut self.key));
                match self.descending {
                    true => leaf.high = place,
                    false => leaf.low = leaf.node.behind(place),
                }
                return Ok(());
            }
            let (number, last) = (leaf.number, leaf.last);
            self.group = None;
            self.leaf = match last {
                true => None,
                false => self.next_leaf(number)?,
            };
        }
        Ok(())
    }

    /// The leaf where the walk begins, or one before it. `None` if there is nothing within the bounds.
    fn first_leaf(&self) -> Result<Option<Leaf>> {
        let Some(index) = &self.run.footer.index else {
            return Ok(None);
        };
        if !self.overlaps(index) {
            return Ok(None);
        }
        let cache = self.cache.as_deref();
        let (number, node) = if self.descending {
            let target = match &self.bounds.1 {
                Bound::Included(key) | Bound::Excluded(key) if *key < index.last_key => {
                    Target::Key(key)
                }
                _ => Target::Last,
            };
            self.run.seek_entry(cache, index, target)?
        } else {
            let target = match &self.bounds.0 {
                Bound::Included(key) | Bound::Excluded(key) => key,
                Bound::Unbounded => &index.first_key,
            };
            self.run.seek_entry(cache, index, Target::Key(target))?
        };
        Ok(Some(self.leaf(number, node, true)))
    }

    /// Whether a key of the run may lie within the bounds, as its first and last key tell.
    fn overlaps(&self, index: &IndexFooter) -> bool {
        let start = match &self.bounds.0 {
            Bound::Included(key) => *key <= index.last_key,
            Bound::Excluded(key) => *key < index.last_key,
            Bound::Unbounded => true,
        };
        let end = match &self.bounds.1 {
            Bound::Included(key) => *key >= index.first_key,
            Bound::Excluded(key) => *key > index.first_key,
            Bound::Unbounded => true,
        };
        start && end
    }

    /// The leaf behind, or before, the page with this number. Inner pages stand between leaves.
    fn next_leaf(&self, mut number: u64) -> Result<Option<Leaf>> {
        let Some(index) = &self.run.footer.index else {
            return Ok(None);
        };
        let (first, last) = self.run.node_numbers(index);
        loop {
            number = match self.descending {
                true => number - 1,
                false => number + 1,
            };
            if number < first || number > last {
                return Ok(None);
            }
            let node = self.run.node(self.cache.as_deref(), number)?;
            if node.level() == 0 {
                return Ok(Some(self.leaf(number, node, false)));
            }
        }
    }

    /// A leaf, and what of it is within the bounds; all behind where the walk has come in, unless it is the first.
    fn leaf(&self, number: u64, node: Node, first: bool) -> Leaf {
        let start = Place { group: 0, row: 0 };
        let low = match &self.bounds.0 {
            Bound::Included(key) if first || self.descending => node.position(key, false),
            Bound::Excluded(key) if first || self.descending => node.position(key, true),
            _ => start,
        };
        let high = match &self.bounds.1 {
            Bound::Included(key) if first || !self.descending => node.position_near(low, key, true),
            Bound::Excluded(key) if first || !self.descending => {
                node.position_near(low, key, false)
            }
            _ => node.end(),
        };
        let last = match self.descending {
            true => low > start,
            false => high < node.end(),
        };
        Leaf {
            number,
            node,
            low,
            high,
            last,
        }
    }
}
