//! Blocks and pages that were read and checked, in memory: up to a bound that the options set.
//!
//! Promises: never more than its capacity, counted in bytes with what each entry costs besides. Relies on streams being
//! immutable where they are read, and on stream numbers never being reused. Must never know what a block means.

use bytes::Bytes;
use quick_cache::Weighter;
use quick_cache::sync::Cache as Entries;

use crate::error::Result;
use crate::format::page::{self, Page};
use crate::ids::StreamId;

/// What an entry costs beside its bytes, about.
const OVERHEAD_LEN: u64 = 128;

/// Which block or page of which stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Place {
    stream: StreamId,
    number: u64,
}

#[derive(Clone)]
enum Entry {
    Block(Bytes),
    Page(Page),
}

#[derive(Debug, Clone)]
struct Weight;

impl Weighter<Place, Entry> for Weight {
    fn weight(&self, _: &Place, entry: &Entry) -> u64 {
        OVERHEAD_LEN
            + match entry {
                Entry::Block(bytes) => bytes.len() as u64,
                Entry::Page(_) => page::LEN as u64,
            }
    }
}

/// The cache of one database.
pub(crate) struct Cache {
    entries: Entries<Place, Entry, Weight>,
}

impl Cache {
    /// A cache of up to this many bytes; with 0 it keeps nothing.
    pub(crate) fn new(capacity_bytes: u64) -> Self {
        let items = usize::try_from(capacity_bytes / (16 << 10)).unwrap_or(usize::MAX);
        Self {
            entries: Entries::with_weighter(items.clamp(16, 1 << 24), capacity_bytes, Weight),
        }
    }

    /// The block `number` of `stream`: from memory, or else what `load` reads and checks.
    pub(crate) fn block(
        &self,
        stream: StreamId,
        number: u64,
        load: impl FnOnce() -> Result<Bytes>,
    ) -> Result<Bytes> {
        let place = Place { stream, number };
        if let Some(Entry::Block(bytes)) = self.entries.get(&place) {
            return Ok(bytes);
        }
        let bytes = load()?;
        self.entries.insert(place, Entry::Block(bytes.clone()));
        Ok(bytes)
    }

    /// The page `number` of the run `stream`: from memory, or else what `load` reads and checks.
    pub(crate) fn page(
        &self,
        stream: StreamId,
        number: u64,
        load: impl FnOnce() -> Result<Page>,
    ) -> Result<Page> {
        let place = Place { stream, number };
        if let Some(Entry::Page(page)) = self.entries.get(&place) {
            return Ok(page);
        }
        let page = load()?;
        self.entries.insert(place, Entry::Page(page.clone()));
        Ok(page)
    }

    /// Bytes in the cache.
    pub(crate) fn len_bytes(&self) -> u64 {
        self.entries.weight()
    }
}
