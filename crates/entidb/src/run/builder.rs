//! Writing a run.

use std::collections::BTreeMap;
use std::sync::Arc;

use entidb_storage::{Directory, OpenMode, StorageBackend};

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
use crate::run::Run;

/// Of about this many keys, older runs are asked for what they hold: enough for an estimate.
const SAMPLE_COUNT: u64 = 8192;

/// Takes keys in order and writes the pages as they fill. What it made counts only once the manifest lists it.
pub(crate) struct Builder {
    name: String,
    id: StreamId,
    salt: u64,
    header: [u8; crate::format::header::LEN],
    backend: Box<dyn StorageBackend>,
    leaf: LeafBuilder,
    filter: FilterBuilder,
    /// The first key of each leaf written.
    fences: Vec<Key>,
    pages: u64,
    entries: u64,
    tombstones: u64,
    last_key: Option<Key>,
    /// The index of each stream that entries point into.
    streams: BTreeMap<StreamId, u32>,
    /// By that index, what they point to.
    live: Vec<Live>,
    lsns: (Lsn, Lsn),
    ranges: Vec<RangeTombstone>,
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
        let backend = directory
            .open(&name, OpenMode::CreateNew)
            .map_err(|error| Error::storage(error, "make", &name))?;
        let mut builder = Self {
            name,
            id,
            salt,
            header,
            backend,
            leaf: LeafBuilder::default(),
            filter: FilterBuilder::new(key_count),
            fences: Vec::new(),
            pages: 0,
            entries: 0,
            tombstones: 0,
            last_key: None,
            streams: BTreeMap::new(),
            live: Vec::new(),
            lsns: (Lsn::MAX, Lsn::ZERO),
            ranges: Vec::new(),
            forgetful: false,
            one_commit: false,
            older: Vec::new(),
            no_cache: Cache::new(0),
            sample_every: (key_count / SAMPLE_COUNT).max(1),
            overwritten: Live::default(),
        };
        let mut first_page = vec![0; page::LEN];
        first_page[..header.len()].copy_from_slice(&header);
        builder.append(&first_page)?;
        Ok(builder)
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

    fn append(&mut self, bytes: &[u8]) -> Result<()> {
        match self.backend.append(bytes) {
            Ok(_) => Ok(()),
            Err(error) => Err(Error::storage(error, "append to", &self.name)),
        }
    }

    /// Takes the next key. Keys rise; each comes once.
    pub(crate) fn push(&mut self, key: Key, location: Location) -> Result<()> {
        debug_assert!(self.last_key.is_none_or(|last| last < key));
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
        self.last_key = Some(key);
        self.lsns = (self.lsns.0.min(location.lsn), self.lsns.1.max(location.lsn));
        Ok(())
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
        self.pages += 1;
        let page = self.leaf.finish(self.salt, self.pages * page::LEN as u64);
        self.append(&page)
    }

    /// Writes the last leaf, the inner pages and the footer, and syncs. There must have been a key, or a range tombstone. The
    /// run covers the LSNs from `first_lsn` to `last_lsn`.
    pub(crate) fn finish(mut self, first_lsn: Lsn, last_lsn: Lsn) -> Result<SealedEntry> {
        debug_assert!(first_lsn <= self.lsns.0 && self.lsns.1 <= last_lsn);
        if self.entries == 0 && self.ranges.is_empty() {
            return Err(Error::invalid("a run without keys"));
        }
        if self.entries > 0 {
            self.finish_leaf()?;
        }
        let leaves = self.pages;
        let first_key = self.fences.first().copied();
        self.write_inner_pages()?;
        let (first_key, last_key) = first_key.zip(self.last_key).unwrap_or(NO_KEYS);
        let filter = match self.entries {
            0 => None,
            _ => Some(self.write_filter()?),
        };
        let mut streams: Vec<_> = self.streams.iter().collect();
        streams.sort_by_key(|(_, index)| **index);
        let footer = RunFooter {
            entries: self.entries,
            tombstones: self.tombstones,
            leaves,
            pages: self.pages,
            first_key,
            last_key,
            streams: streams.into_iter().map(|(id, _)| *id).collect(),
            live: std::mem::take(&mut self.live),
            overwritten: self.overwritten,
            ranges: std::mem::take(&mut self.ranges),
            forgetful: self.forgetful,
            one_commit: self.one_commit,
            filter,
        };
        let end = self.pages_end() + filter.map_or(0, |filter| filter.len);
        let footer = block::encode(self.salt, end, &footer.encode())
            .ok_or_else(|| Error::invalid("the footer is too large"))?;
        self.append(&footer)?;
        // ORDER: the run is durable, with its name, before the manifest lists it; one line earlier a crash leaves a stream
        // that no manifest names, and the logs that it would have covered.
        self.backend
            .sync()
            .and_then(|()| self.backend.close())
            .map_err(|error| Error::storage(error, "sync", &self.name))?;
        Ok(SealedEntry {
            stream: self.id,
            end,
            len: end + footer.len() as u64,
            digest: digest(&self.header, &footer),
            first_lsn,
            last_lsn,
        })
    }

    /// Where the pages end, in bytes.
    fn pages_end(&self) -> u64 {
        (self.pages + 1) * page::LEN as u64
    }

    fn write_filter(&mut self) -> Result<FilterEntry> {
        self.filter.fold(self.entries);
        let filter = std::mem::replace(&mut self.filter, FilterBuilder::new(0));
        let mut sum = Running::new(filter::binding(self.salt, self.pages_end()));
        let mut len = 0;
        for piece in filter.pieces() {
            self.append(&piece)?;
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
            let first_page = self.pages + 1;
            let mut parents = Vec::new();
            let mut rest = fences.as_slice();
            while let Some(first) = rest.first() {
                parents.push(*first);
                self.pages += 1;
                let offset = self.pages * page::LEN as u64;
                let (page, count) = page::encode_inner(rest, level, first_child, self.salt, offset);
                self.append(&page)?;
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
