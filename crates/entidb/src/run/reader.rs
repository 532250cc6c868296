//! Reading a run.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use entidb_storage::Directory;

use crate::cache::{self, Cache, Held, Table};
use crate::error::{Error, Result};
use crate::format::block;
use crate::format::entry::IndexFooter;
use crate::format::filter::Filter;
use crate::format::footer::RunFooter;
use crate::format::key::Key;
use crate::format::leaf::{self, Fences};
use crate::format::name::StreamKind;
use crate::format::page::{self, Entry, Page};
use crate::ids::{Lsn, StreamId};
use crate::manifest::SealedEntry;
use crate::memtable::Location;
use crate::ranges::RangeTombstone;
use crate::run::entry;
use crate::stream::Stream;

/// An open run. The filter (10 bits a key) and the leaves' first keys (26 bytes for each leaf, which has about 170 keys) stay
/// in memory from the first lookup on.
pub(crate) struct Run {
    pub(crate) stream: Stream,
    pub(crate) entry: SealedEntry,
    pub(crate) footer: RunFooter,
    /// The commit that all of it is of, if its entries do not say.
    one_commit: Option<Lsn>,
    filter: OnceLock<Option<Filter>>,
    fences: OnceLock<Fences>,
    /// Its leaves that are in memory.
    leaves: Arc<Table<leaf::Leaf>>,
    /// The pages of its index entries that are in memory.
    pub(super) index_pages: entry::Pages,
}

/// A leaf in memory, checked.
pub(crate) type Leaf = Arc<cache::Entry<leaf::Leaf>>;

impl Run {
    /// Opens a run and checks its header, its length and its footer.
    pub(crate) fn open(
        directory: &dyn Directory,
        entry: SealedEntry,
        database: [u8; 16],
    ) -> Result<Self> {
        let stream = Stream::open(directory, StreamKind::Run, entry.stream, database)?;
        let bytes = stream.footer(entry.end, entry.len, &entry.digest)?;
        let fail = |fault: crate::format::Fault| fault.at(&stream.name, entry.end);
        let body = block::decode(stream.salt, entry.end, &bytes).map_err(fail)?;
        let footer = RunFooter::decode(body).map_err(fail)?;
        let filter_len = footer.filter.map_or(0, |filter| filter.len);
        let end = pages_end(&footer).and_then(|end| end.checked_add(filter_len));
        let empty = [footer.entries, footer.leaves, footer.pages, filter_len] == [0; 4];
        let leaves = footer.leaves == 0 || footer.leaves > footer.pages;
        if end != Some(entry.end) || (leaves && !empty) {
            return Err(Error::corrupt(
                &stream.name,
                entry.end,
                format!("pages and a filter up to {}", entry.end),
                format!("{} pages, {} leaves", footer.pages, footer.leaves),
            ));
        }
        let run = Self {
            stream,
            entry,
            footer,
            one_commit: None,
            filter: OnceLock::new(),
            fences: OnceLock::new(),
            leaves: Arc::default(),
            index_pages: entry::Pages::default(),
        };
        if !run.footer.one_commit {
            return Ok(run);
        }
        if entry.first_lsn != entry.last_lsn {
            return Err(Error::corrupt(
                &run.stream.name,
                entry.end,
                "a run of one commit",
                format!("commits {} to {}", entry.first_lsn, entry.last_lsn),
            ));
        }
        Ok(run.of_commit(entry.first_lsn))
    }

    /// The same run of one commit, which has this LSN.
    pub(crate) fn of_commit(&self, lsn: Lsn) -> Self {
        let mut footer = self.footer.clone();
        for range in &mut footer.ranges {
            range.lsn = lsn;
        }
        Self {
            stream: self.stream.clone(),
            entry: SealedEntry {
                first_lsn: lsn,
                last_lsn: lsn,
                ..self.entry
            },
            footer,
            one_commit: Some(lsn),
            filter: OnceLock::new(),
            fences: OnceLock::new(),
            leaves: Arc::clone(&self.leaves),
            index_pages: entry::Pages::default(),
        }
    }

    /// The LSN that an entry has.
    #[inline]
    pub(crate) fn lsn_of(&self, told: Lsn) -> Lsn {
        self.one_commit.unwrap_or(told)
    }

    /// The range tombstones that this run holds.
    pub(crate) fn ranges(&self) -> &[RangeTombstone] {
        &self.footer.ranges
    }

    /// The run's filter, if it has one.
    pub(crate) fn filter(&self) -> Result<Option<&Filter>> {
        if self.filter.get().is_none() {
            let filter = match self.footer.filter {
                None => None,
                Some(entry) => {
                    let offset = pages_end(&self.footer).unwrap_or(0);
                    let len = usize::try_from(entry.len).unwrap_or(usize::MAX);
                    let bytes = self.stream.read(offset, len)?;
                    let filter = Filter::decode(bytes, self.stream.salt, offset, entry.crc);
                    Some(filter.map_err(|fault| fault.at(&self.stream.name, offset))?)
                }
            };
            let _ = self.filter.set(filter);
        }
        Ok(self.filter.get().and_then(Option::as_ref))
    }

    /// The first keys of all leaves, but of one that is the only page: out of the inner pages, which say in one level above the
    /// other the same.
    fn fences(&self) -> Result<&Fences> {
        if self.fences.get().is_none() {
            let _ = self.fences.set(self.read_fences()?);
        }
        self.fences.get().ok_or_else(|| self.bad_levels(0))
    }

    #[cold]
    fn read_fences(&self) -> Result<Fences> {
        let first = self.footer.leaves + 1;
        let count = self.footer.pages - self.footer.leaves;
        let len = count.saturating_mul(page::LEN as u64);
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        let bytes = self.stream.read(first * page::LEN as u64, len)?;
        let mut keys = Vec::new();
        for (number, at) in (first..).zip((0..len).step_by(page::LEN)) {
            let page = self.check(number, bytes.slice(at..at + page::LEN))?;
            // The pages above say of these what these say of the leaves.
            if page.level() == 1 {
                if page.child(0) != keys.len() as u64 + 1 {
                    return Err(self.bad_levels(number));
                }
                keys.extend((0..page.count()).map(|index| page.key(index)));
            }
        }
        let only = keys.is_empty() && self.footer.leaves <= 1;
        if !only && keys.len() as u64 != self.footer.leaves {
            return Err(self.bad_levels(first));
        }
        Ok(Fences::new(keys))
    }

    fn bad_levels(&self, number: u64) -> Error {
        Error::corrupt(
            &self.stream.name,
            number.min(self.footer.pages) * page::LEN as u64,
            "levels that fall to a leaf",
            "others",
        )
    }

    /// Reads and checks the page with this number, from 1.
    pub(crate) fn page(&self, number: u64) -> Result<Page> {
        self.check_number(number)?;
        let bytes = self.stream.read(number * page::LEN as u64, page::LEN)?;
        self.check(number, bytes)
    }

    /// A leaf: from `cache`, if there is one, or else read and checked.
    pub(crate) fn leaf(&self, cache: Option<&Cache>, number: u64) -> Result<Leaf> {
        let Some(cache) = cache else {
            let page = self.leaf_page(number)?;
            return Ok(cache::Entry::alone(leaf::Leaf::new(&page)));
        };
        match cache.look(&self.leaves, number).and_then(Held::keep) {
            Some(leaf) => Ok(leaf),
            None => self.read_leaf(cache, number),
        }
    }

    #[cold]
    fn read_leaf(&self, cache: &Cache, number: u64) -> Result<Leaf> {
        let leaf = leaf::Leaf::new(&self.leaf_page(number)?);
        let len = leaf.memory_bytes() as u64;
        Ok(cache.keep(&self.leaves, number, leaf, len))
    }

    fn leaf_page(&self, number: u64) -> Result<Page> {
        if number > self.footer.leaves {
            return Err(self.bad_levels(number));
        }
        self.page(number)
    }

    fn check_number(&self, number: u64) -> Result<()> {
        if number > 0 && number <= self.footer.pages {
            return Ok(());
        }
        Err(Error::corrupt(
            &self.stream.name,
            self.entry.end,
            format!("pages 1 to {}", self.footer.pages),
            format!("a reference to page {number}"),
        ))
    }

    fn check(&self, number: u64, bytes: Bytes) -> Result<Page> {
        let name = &self.stream.name;
        let offset = number * page::LEN as u64;
        let page = Page::decode(bytes, self.stream.salt, offset)
            .map_err(|fault| fault.at(name, offset))?;
        if (page.level() == 0) != (number <= self.footer.leaves) {
            return Err(Error::corrupt(
                name,
                offset,
                format!("{} leaves first", self.footer.leaves),
                format!("a page of level {}", page.level()),
            ));
        }
        Ok(page)
    }

    /// The number of the leaf that has the first key not below `key`, or of the one before it.
    #[inline]
    pub(crate) fn seek(&self, key: &Key) -> Result<u64> {
        // The last leaf that begins below the key: the key itself may stand at its end.
        Ok(self.fences()?.lower_bound(key).max(1) as u64)
    }

    /// Whether the key lies between the first and the last one.
    #[inline]
    pub(crate) fn spans(&self, key: &Key) -> bool {
        *key >= self.footer.first_key && *key <= self.footer.last_key
    }

    /// Where the record of `key` lies, which is [spanned](Self::spans) and has this [hash](crate::format::filter::hash).
    pub(crate) fn get(&self, cache: &Cache, key: &Key, hash: u64) -> Result<Option<Location>> {
        if self
            .filter()?
            .is_some_and(|filter| !filter.may_have_hash(hash))
        {
            return Ok(None);
        }
        let mut number = self.seek(key)?;
        loop {
            // Borrowed out of the cache: no counter is touched.
            let held = cache.look(&self.leaves, number);
            let found = match held.as_ref().and_then(Held::get) {
                Some(page) => self.find(number, page, key),
                None => self.find(number, &*self.read_leaf(cache, number)?, key),
            };
            match found? {
                Found::Here(location) => return Ok(Some(location)),
                Found::Behind if number < self.footer.leaves => number += 1,
                _ => return Ok(None),
            }
        }
    }

    #[inline]
    fn find(&self, number: u64, page: &leaf::Leaf, key: &Key) -> Result<Found> {
        match page.find(key) {
            Ok(index) => {
                let entry = page.entry_of(index, *key);
                self.location(number, &entry).map(Found::Here)
            }
            Err(index) if index == page.count() => Ok(Found::Behind),
            Err(_) => Ok(Found::Nowhere),
        }
    }

    /// The location that an entry of leaf `number` names.
    pub(crate) fn location(&self, number: u64, entry: &Entry) -> Result<Location> {
        let index = usize::try_from(entry.stream).unwrap_or(usize::MAX);
        let Some(stream) = self.footer.streams.get(index) else {
            return Err(Error::corrupt(
                &self.stream.name,
                number * page::LEN as u64,
                format!("one of {} streams", self.footer.streams.len()),
                format!("number {index}"),
            ));
        };
        Ok(Location {
            lsn: self.lsn_of(entry.lsn),
            stream: StreamId(stream.0),
            offset: entry.offset,
            len: entry.len,
            tombstone: entry.tombstone,
        })
    }
}

/// What a leaf says of a key.
enum Found {
    Here(Location),
    Nowhere,
    /// All its keys are below it.
    Behind,
}

/// Where the pages end, those of index entries included, in bytes; `None` if there cannot be so many.
fn pages_end(footer: &RunFooter) -> Option<u64> {
    let index = footer.index.as_ref().map_or(0, IndexFooter::page_count);
    let pages = footer.pages.checked_add(index)?;
    pages.checked_add(1)?.checked_mul(page::LEN as u64)
}
