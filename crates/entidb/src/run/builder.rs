//! Writing a run.

use std::collections::BTreeMap;
use std::sync::Arc;

use entidb_storage::Directory;

use crate::cache::Cache;
use crate::error::{Error, Result};
use crate::format::block;
use crate::format::checksum::Running;
use crate::format::filter::{self, FilterBuilder};
use crate::format::footer::{FilterEntry, Live, NO_KEYS, RunFooter};
use crate::format::header::{Header, Kind};
use crate::format::key::Key;
use crate::format::name::StreamKind;
use crate::format::page::{self, Entry, LeafBuilder};
use crate::ids::{Lsn, StreamId};
use crate::manifest::{SealedEntry, digest};
use crate::memtable::Location;
use crate::mix::{GOLDEN, mix64};
use crate::ranges::RangeTombstone;
use crate::run::output::Output;
use crate::run::{Run, entry};

/// Of about this many keys, older runs are asked for what they hold: enough for an estimate.
const SAMPLE_COUNT: u64 = 8192;

/// Takes keys in order and writes the pages as they fill. What it made counts only once the manifest lists it.
pub(crate) struct Builder {
    id: StreamId,
    header: [u8; crate::format::header::LEN],
    output: Output,
    leaf: LeafBuilder,
    filter: FilterBuilder,
    /// The first key of each leaf written.
    fences: Vec<Key>,
    leaves: u64,
    /// How many pages the primary keys take, once all have come.
    pages: Option<u64>,
    entries: u64,
    tombstones: u64,
    first_key: Option<Key>,
    last_key: Option<Key>,
    /// The index of each stream that entries point into.
    streams: BTreeMap<StreamId, u32>,
    /// By that index, what they point to.
    live: Vec<Live>,
    lsns: (Lsn, Lsn),
    ranges: Vec<RangeTombstone>,
    index: Option<entry::Builder>,
    /// How many values the index entries have at the most.
    value_count: u64,
    forgetful: bool,
    one_commit: bool,
    /// The newest first.
    older: Vec<Arc<Run>>,
    /// Keeps nothing: what a sample touches is nobody's need.
    no_cache: Cache,
    /// One of this many keys is looked for in the older runs.
    sample_every: u64,
    overwritten: Live,
}

impl Builder {
    /// Makes the run's stream, with a filter for up to `key_count` keys.
    pub(crate) fn create(
        directory: &dyn Directory,
        id: StreamId,
        database: [u8; 16],
        salt: u64,
        key_count: u64,
    ) -> Result<Self> {
        let name = StreamKind::Run.name(id);
        let header = Header {
            kind: Kind::Run,
            database,
            stream: id,
            salt,
        }
        .encode();
        Ok(Self {
            id,
            header,
            output: Output::create(directory, name, salt, &header)?,
            leaf: LeafBuilder::default(),
            filter: FilterBuilder::new(key_count),
            fences: Vec::new(),
            leaves: 0,
            pages: None,
            entries: 0,
            tombstones: 0,
            first_key: None,
            last_key: None,
            streams: BTreeMap::new(),
            live: Vec::new(),
            lsns: (Lsn::MAX, Lsn::ZERO),
            ranges: Vec::new(),
            index: None,
            value_count: key_count,
            forgetful: false,
            one_commit: false,
            older: Vec::new(),
            no_cache: Cache::new(0),
            sample_every: (key_count / SAMPLE_COUNT).max(1),
            overwritten: Live::default(),
        })
    }

    /// The range tombstones that the run holds.
    pub(crate) fn set_ranges(&mut self, ranges: Vec<RangeTombstone>) {
        debug_assert!(self.ranges.is_empty());
        for range in &ranges {
            self.lsns = (self.lsns.0.min(range.lsn), self.lsns.1.max(range.lsn));
        }
        self.ranges = ranges;
    }

    /// The oldest run was among those that this one is made of.
    pub(crate) fn set_forgetful(&mut self) {
        self.forgetful = true;
    }

    /// All entries will be of one commit that has no LSN yet: 0 stands for it.
    pub(crate) fn set_one_commit(&mut self) {
        self.one_commit = true;
    }

    /// The runs that will be older than this one, the newest of them first: a sample of the keys is looked for in them, so
    /// that the footer can say how many bytes it makes superfluous.
    pub(crate) fn set_older(&mut self, older: Vec<Arc<Run>>) {
        self.older = older;
    }

    /// The streams that entries point into so far.
    pub(crate) fn streams(&self) -> impl Iterator<Item = StreamId> {
        self.streams.keys().copied()
    }

    /// Takes the next key. Keys rise; each comes once.
    pub(crate) fn push(&mut self, key: Key, location: Location) -> Result<()> {
        debug_assert!(self.last_key.is_none_or(|last| last < key) && self.pages.is_none());
        let stream = self.stream(location.stream)?;
        self.sample(&key);
        let entry = Entry {
            key,
            lsn: location.lsn,
            stream,
            offset: location.offset,
            len: location.len,
            tombstone: location.tombstone,
        };
        if !self.leaf.push(entry) {
            self.finish_leaf()?;
            let fits = self.leaf.push(entry);
            debug_assert!(fits, "an empty page has room for any entry");
        }
        self.filter.insert(&key);
        let live = usize::try_from(stream).ok();
        if let Some(live) = live.and_then(|index| self.live.get_mut(index)) {
            live.add(location.len);
        }
        self.entries += 1;
        self.tombstones += u64::from(location.tombstone);
        self.first_key = self.first_key.or(Some(key));
        self.last_key = Some(key);
        self.lsns = (self.lsns.0.min(location.lsn), self.lsns.1.max(location.lsn));
        Ok(())
    }

    /// How many index entries will come at the most, or how many values they have: the filter is made for so many. To be said
    /// before the first one; else it is the number of keys.
    pub(crate) fn expect_entries(&mut self, count: u64) {
        self.value_count = count;
    }

    /// Takes the next index entry: index id (big-endian), index key, entity id. All primary keys have come; keys rise, each
    /// comes once.
    pub(crate) fn push_entry(&mut self, key: &[u8], lsn: Lsn, tombstone: bool) -> Result<()> {
        if self.index.is_none() {
            self.finish_keys()?;
        }
        let (output, values) = (&mut self.output, self.value_count);
        let index = self
            .index
            .get_or_insert_with(|| entry::Builder::new(output, values));
        self.lsns = (self.lsns.0.min(lsn), self.lsns.1.max(lsn));
        index.push(output, key, lsn, tombstone)
    }

    /// The index of a stream in the footer's list.
    fn stream(&mut self, id: StreamId) -> Result<u32> {
        if let Some(index) = self.streams.get(&id) {
            return Ok(*index);
        }
        let index = u32::try_from(self.live.len())
            .map_err(|_| Error::invalid("a run over too many streams"))?;
        self.streams.insert(id, index);
        self.live.push(Live::default());
        Ok(index)
    }

    /// Looks for one of several keys in the older runs.
    fn sample(&mut self, key: &Key) {
        // Not every nth one: keys may well alternate in a pattern of their own.
        let spread = mix64(self.entries.wrapping_mul(GOLDEN));
        if self.older.is_empty() || !spread.is_multiple_of(self.sample_every) {
            return;
        }
        // It is an estimate: what is damaged there is told by who needs it.
        let hash = filter::hash(key);
        let spanning = self.older.iter().filter(|run| run.spans(key));
        let mut found = spanning.filter_map(|run| run.get(&self.no_cache, key, hash).ok()?);
        if let Some(found) = found.next() {
            self.overwritten.records += self.sample_every;
            self.overwritten.bytes += self.sample_every * u64::from(found.len);
        }
    }

    fn finish_leaf(&mut self) -> Result<()> {
        self.fences.extend(self.leaf.first_key());
        self.leaves += 1;
        let leaf = &mut self.leaf;
        self.output
            .page(|salt, offset| leaf.finish(salt, offset))
            .map(drop)
    }

    /// Writes the last leaf and the inner pages of the primary keys, all of which have come. Returns how many pages they take.
    fn finish_keys(&mut self) -> Result<u64> {
        if let Some(pages) = self.pages {
            return Ok(pages);
        }
        if self.entries > 0 {
            self.finish_leaf()?;
            self.write_inner_pages()?;
        }
        Ok(*self.pages.insert(self.output.pages))
    }

    /// Writes what is still to be written and the footer, and syncs. There must have been a key, or a range tombstone. The
    /// run covers the LSNs from `first_lsn` to `last_lsn`.
    pub(crate) fn finish(mut self, first_lsn: Lsn, last_lsn: Lsn) -> Result<SealedEntry> {
        debug_assert!(first_lsn <= self.lsns.0 && self.lsns.1 <= last_lsn);
        if self.entries == 0 && self.ranges.is_empty() && self.index.is_none() {
            return Err(Error::invalid("a run without keys"));
        }
        let pages = self.finish_keys()?;
        let index = match self.index.take() {
            Some(index) => Some(index.finish(&mut self.output)?),
            None => None,
        };
        let keys = self.first_key.zip(self.last_key);
        let (first_key, last_key) = keys.unwrap_or(NO_KEYS);
        let filter = match self.entries {
            0 => None,
            _ => Some(self.write_filter()?),
        };
        let mut streams: Vec<_> = self.streams.iter().collect();
        streams.sort_by_key(|(_, index)| **index);
        let footer = RunFooter {
            entries: self.entries,
            tombstones: self.tombstones,
            leaves: self.leaves,
            pages,
            first_key,
            last_key,
            streams: streams.into_iter().map(|(id, _)| *id).collect(),
            live: std::mem::take(&mut self.live),
            overwritten: self.overwritten,
            ranges: std::mem::take(&mut self.ranges),
            index,
            forgetful: self.forgetful,
            one_commit: self.one_commit,
            filter,
        };
        let end = self.output.pages_end() + filter.map_or(0, |filter| filter.len);
        let footer = block::encode(self.output.salt, end, &footer.encode())
            .ok_or_else(|| Error::invalid("the footer is too large"))?;
        self.output.append(&footer)?;
        // ORDER: the run is durable, with its name, before the manifest lists it; one line earlier a crash leaves a stream
        // that no manifest names, and the logs that it would have covered.
        self.output.finish()?;
        Ok(SealedEntry {
            stream: self.id,
            end,
            len: end + footer.len() as u64,
            digest: digest(&self.header, &footer),
            first_lsn,
            last_lsn,
        })
    }

    fn write_filter(&mut self) -> Result<FilterEntry> {
        self.filter.fold(self.entries);
        let filter = std::mem::replace(&mut self.filter, FilterBuilder::new(0));
        let mut sum = Running::new(filter::binding(self.output.salt, self.output.pages_end()));
        let mut len = 0;
        for piece in filter.pieces() {
            self.output.append(&piece)?;
            sum.update(&piece);
            len += piece.len() as u64;
        }
        Ok(FilterEntry {
            len,
            crc: sum.finish(),
        })
    }

    /// Writes level above level, until one page holds all of the level below it.
    fn write_inner_pages(&mut self) -> Result<()> {
        let mut fences = std::mem::take(&mut self.fences);
        let mut first_child = 1;
        let mut level = 1;
        while fences.len() > 1 {
            let first_page = self.output.pages + 1;
            let mut parents = Vec::new();
            let mut rest = fences.as_slice();
            while let Some(first) = rest.first() {
                parents.push(*first);
                let mut count = 0;
                self.output.page(|salt, offset| {
                    let (page, taken) = page::encode_inner(rest, level, first_child, salt, offset);
                    count = taken;
                    page
                })?;
                first_child += count as u64;
                rest = rest.get(count..).unwrap_or_default();
            }
            first_child = first_page;
            fences = parents;
            level += 1;
        }
        Ok(())
    }
}
