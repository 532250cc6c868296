//! One walk over the index entries of a view: the newest version of each, what was deleted left out, in order.

use std::ops::Bound;
use std::sync::Arc;

use crate::error::Result;
use crate::format::entry_key;
use crate::format::key::Key;
use crate::ids::{CollectionId, EntityId, IndexId, Lsn};
use crate::memtable::{EntryPage, Memtable};
use crate::ranges::{RangeTombstone, covering};
use crate::run::{EntryCursor, Run};
use crate::view::View;

/// Whole keys between which entries are looked for.
pub(crate) type EntryBounds = (Bound<Vec<u8>>, Bound<Vec<u8>>);

/// How many entries are taken from a memtable at a time: at first, and at most.
const PAGE_COUNTS: (usize, usize) = (16, 256);

/// Up to how many entries of one value are taken from a run at once, without a cursor.
const FEW_COUNT_MAX: usize = 16;

/// A lazy merge of all sources of a view.
pub(crate) struct Entries {
    /// In age order, the newest first: of one key, the first source's version is the newest.
    sources: Vec<Source>,
    /// Range tombstones of the index's collection.
    ranges: Vec<RangeTombstone>,
    collection: CollectionId,
    descending: bool,
    /// The key that was given last.
    key: Vec<u8>,
}

struct Source {
    /// The next key, if `head` says that there is one.
    key: Vec<u8>,
    head: Option<Head>,
    cursor: Cursor,
}

#[derive(Clone, Copy)]
pub(crate) struct Head {
    pub(crate) lsn: Lsn,
    tombstone: bool,
}

enum Cursor {
    Memtable(MemtableCursor),
    Run(EntryCursor),
    Few(FewCursor),
}

impl Entries {
    /// What a reader at `lsn` sees of an index of `collection`, between these whole keys. If they are those of one value alone, that is
    /// `value`, an index's number and an index key: runs that have it not are not opened.
    pub(crate) fn new(
        view: &View,
        lsn: Lsn,
        collection: CollectionId,
        bounds: &EntryBounds,
        value: Option<&[u8]>,
        descending: bool,
    ) -> Result<Self> {
        let whole_value = value.filter(|value| is_whole(bounds, value));
        // From the oldest on: what has nothing below it needs no tombstones.
        let mut sources = Vec::new();
        for run in view.runs.iter().rev() {
            let may_have = |value| run.may_have_value(&view.cache, value);
            if run.has_entries() && value.map_or(Ok(true), may_have)? {
                let few = match whole_value {
                    Some(value) => FewCursor::new(view, run, value, descending)?,
                    None => None,
                };
                let walk = || {
                    let cache = Some(Arc::clone(&view.cache));
                    EntryCursor::new(Arc::clone(run), cache, bounds.clone(), descending)
                };
                let cursor = few.map_or_else(|| Cursor::Run(walk()), Cursor::Few);
                sources.extend(Source::new(cursor)?);
            }
        }
        for memtable in view.memtables.iter().rev() {
            if memtable.entry_count() > 0 {
                let tombstones = !sources.is_empty();
                let cursor = MemtableCursor::new(memtable, bounds, descending, lsn, tombstones);
                sources.extend(Source::new(Cursor::Memtable(cursor))?);
            }
        }
        sources.reverse();
        let of_memtables = view.memtables.iter().flat_map(|table| table.ranges(lsn));
        let of_runs = view.runs.iter().flat_map(|run| run.ranges()).copied();
        let ranges = of_memtables.chain(of_runs);
        Ok(Self {
            sources,
            ranges: ranges
                .filter(|range| range.collection == collection)
                .collect(),
            collection,
            descending,
            key: Vec::new(),
        })
    }

    /// The entries of one value of an index, in id order.
    pub(crate) fn of_value(
        view: &View,
        lsn: Lsn,
        collection: CollectionId,
        index: IndexId,
        index_key: &[u8],
    ) -> Result<Self> {
        let value = value_prefix(index, index_key);
        let bounds = bounds_of(&value);
        Self::new(view, lsn, collection, &bounds, Some(&value), false)
    }

    /// The next entry's whole key.
    pub(crate) fn next(&mut self) -> Result<Option<&[u8]>> {
        Ok(self.next_version()?.map(|(key, _)| key))
    }

    /// The next entry's whole key, and the commit that has written it.
    pub(crate) fn next_version(&mut self) -> Result<Option<(&[u8], Lsn)>> {
        loop {
            let Some((first, head)) = self.first() else {
                return Ok(None);
            };
            if let Some(source) = self.sources.get_mut(first) {
                std::mem::swap(&mut self.key, &mut source.key);
                source.advance()?;
            }
            // Older versions.
            for source in self.sources.iter_mut().skip(first + 1) {
                if source.head.is_some() && source.key == self.key {
                    source.advance()?;
                }
            }
            if !head.tombstone && !self.is_hidden(head.lsn) {
                return Ok(Some((&self.key, head.lsn)));
            }
        }
    }

    /// The source whose key comes next; of one key, the newest.
    fn first(&self) -> Option<(usize, Head)> {
        let mut first: Option<(usize, Head, &[u8])> = None;
        for (index, source) in self.sources.iter().enumerate() {
            let Some(head) = source.head else {
                continue;
            };
            let earlier = first.is_none_or(|(_, _, key)| match self.descending {
                true => source.key.as_slice() > key,
                false => source.key.as_slice() < key,
            });
            if earlier {
                first = Some((index, head, &source.key));
            }
        }
        first.map(|(index, head, _)| (index, head))
    }

    /// Whether a later commit has deleted a range that the entry's entity lay in.
    fn is_hidden(&self, lsn: Lsn) -> bool {
        if self.ranges.is_empty() {
            return false;
        }
        let id = self.key.last_chunk::<{ EntityId::LEN }>();
        let id = EntityId::from_bytes(id.copied().unwrap_or_default());
        let key = Key::new(self.collection, id);
        covering(&self.ranges, &key, Lsn(u64::MAX)) > lsn
    }
}

impl Source {
    /// `None` if it has nothing.
    fn new(cursor: Cursor) -> Result<Option<Self>> {
        let mut source = Self {
            key: Vec::new(),
            head: None,
            cursor,
        };
        source.fetch()?;
        Ok(source.head.is_some().then_some(source))
    }

    fn advance(&mut self) -> Result<()> {
        if let Cursor::Run(cursor) = &mut self.cursor {
            cursor.pass();
        }
        self.fetch()
    }

    fn fetch(&mut self) -> Result<()> {
        self.key.clear();
        self.head = match &mut self.cursor {
            Cursor::Memtable(cursor) => cursor.next(&mut self.key),
            Cursor::Few(cursor) => cursor.next(&mut self.key),
            Cursor::Run(cursor) => cursor.peek()?.map(|found| {
                self.key.extend_from_slice(found.key);
                Head {
                    lsn: found.lsn,
                    tombstone: found.tombstone,
                }
            }),
        };
        Ok(())
    }
}

/// The entries of one value in a run, where they are few: most finds are of one entity.
struct FewCursor {
    value: Vec<u8>,
    /// The last comes next.
    left: Vec<(EntityId, Head)>,
}

impl FewCursor {
    /// `None` if they are more than a few.
    fn new(view: &View, run: &Run, value: &[u8], descending: bool) -> Result<Option<Self>> {
        let mut left = Vec::new();
        let all = run.each_with_value(&view.cache, value, |id, lsn, tombstone| {
            left.push((id, Head { lsn, tombstone }));
            left.len() <= FEW_COUNT_MAX
        })?;
        if !all {
            return Ok(None);
        }
        if !descending {
            left.reverse();
        }
        let value = value.to_vec();
        Ok(Some(Self { value, left }))
    }

    fn next(&mut self, key: &mut Vec<u8>) -> Option<Head> {
        let (id, head) = self.left.pop()?;
        key.extend_from_slice(&self.value);
        key.extend_from_slice(id.as_bytes());
        Some(head)
    }
}

/// Walks through a memtable's entries page by page, so that its lock is never held between two.
pub(crate) struct MemtableCursor {
    memtable: Arc<Memtable>,
    /// What is still to come.
    bounds: EntryBounds,
    descending: bool,
    lsn: Lsn,
    page: EntryPage,
    /// Which of the page comes next.
    at: usize,
    page_count: usize,
    /// Whether tombstones hide something.
    tombstones: bool,
    done: bool,
}

impl MemtableCursor {
    pub(crate) fn new(
        memtable: &Arc<Memtable>,
        bounds: &EntryBounds,
        descending: bool,
        lsn: Lsn,
        tombstones: bool,
    ) -> Self {
        Self {
            memtable: Arc::clone(memtable),
            bounds: bounds.clone(),
            descending,
            lsn,
            page: EntryPage::default(),
            at: 0,
            page_count: PAGE_COUNTS.0,
            tombstones,
            done: false,
        }
    }

    /// Appends the next entry's whole key to `key`.
    pub(crate) fn next(&mut self, key: &mut Vec<u8>) -> Option<Head> {
        if self.at >= self.page.entries.len() && !self.done {
            self.turn();
        }
        let entry = self.page.entries.get(self.at)?;
        self.at += 1;
        key.extend_from_slice(self.page.bytes.get(entry.key.clone())?);
        Some(Head {
            lsn: entry.lsn,
            tombstone: entry.tombstone,
        })
    }

    fn turn(&mut self) {
        self.page.bytes.clear();
        self.page.entries.clear();
        self.at = 0;
        let (lower, upper) = (&self.bounds.0, &self.bounds.1);
        let bounds = (
            lower.as_ref().map(Vec::as_slice),
            upper.as_ref().map(Vec::as_slice),
        );
        self.done = self.memtable.entry_page(
            bounds,
            self.descending,
            self.lsn,
            self.page_count,
            self.tombstones,
            &mut self.page,
        );
        self.page_count = (self.page_count * 2).min(PAGE_COUNTS.1);
        if let Some(last) = self.page.entries.last() {
            let last = self.page.bytes.get(last.key.clone()).unwrap_or_default();
            let behind = Bound::Excluded(last.to_vec());
            match self.descending {
                true => self.bounds.1 = behind,
                false => self.bounds.0 = behind,
            }
        }
    }
}

/// What the whole keys of one value begin with.
pub(crate) fn value_prefix(index: IndexId, index_key: &[u8]) -> Vec<u8> {
    let mut prefix = Vec::with_capacity(entry_key::INDEX_LEN + index_key.len());
    prefix.extend_from_slice(&index.0.to_be_bytes());
    prefix.extend_from_slice(index_key);
    prefix
}

/// The bounds of all whole keys with this beginning.
pub(crate) fn bounds_of(prefix: &[u8]) -> EntryBounds {
    let mut behind = prefix.to_vec();
    let upper = match entry_key::step_behind(&mut behind) {
        true => Bound::Excluded(behind),
        false => Bound::Unbounded,
    };
    (Bound::Included(prefix.to_vec()), upper)
}

/// Whether no key of the value lies outside: `bounds` are within those of the value, and perhaps begin or end behind a position.
fn is_whole(bounds: &EntryBounds, value: &[u8]) -> bool {
    let begins = matches!(&bounds.0, Bound::Included(first) if first == value);
    // A position within the value is longer than the value, and one of another value before it comes before it.
    begins
        && match &bounds.1 {
            Bound::Excluded(behind) => behind.as_slice() > value && behind.len() <= value.len(),
            Bound::Included(_) => false,
            Bound::Unbounded => true,
        }
}

/// The newest version of one entry, its tombstone included: its commit, and whether it is a tombstone. What a range tombstone hides
/// is found, too.
pub(crate) fn newest(view: &View, key: &[u8]) -> Result<Option<(Lsn, bool)>> {
    let bounds = || (Bound::Included(key), Bound::Included(key));
    for memtable in &view.memtables {
        let mut page = EntryPage::default();
        memtable.entry_page(bounds(), false, Lsn(u64::MAX), 1, true, &mut page);
        if let Some(entry) = page.entries.first() {
            return Ok(Some((entry.lsn, entry.tombstone)));
        }
    }
    let value = key
        .get(..key.len().saturating_sub(EntityId::LEN))
        .unwrap_or_default();
    for run in view.runs.iter().filter(|run| run.has_entries()) {
        if !run.may_have_value(&view.cache, value)? {
            continue;
        }
        let bounds = (Bound::Included(key.to_vec()), Bound::Included(key.to_vec()));
        let cache = Some(Arc::clone(&view.cache));
        let mut cursor = EntryCursor::new(Arc::clone(run), cache, bounds, false);
        if let Some(entry) = cursor.peek()? {
            return Ok(Some((entry.lsn, entry.tombstone)));
        }
    }
    Ok(None)
}
