//! Writing a run.

use std::collections::BTreeMap;

use entidb_storage::{Directory, OpenMode, StorageBackend};

use crate::error::{Error, Result};
use crate::format::block;
use crate::format::filter::{self, FilterBuilder};
use crate::format::footer::{FilterEntry, RunFooter};
use crate::format::header::{Header, Kind};
use crate::format::key::Key;
use crate::format::name::StreamKind;
use crate::format::page::{self, Entry, LeafBuilder};
use crate::ids::{Lsn, StreamId};
use crate::manifest::{SealedEntry, digest};
use crate::memtable::Location;

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
    lsns: (Lsn, Lsn),
}

impl Builder {
    /// Makes the run's stream, with a filter for up to `key_count` keys. `streams` are those that entries may point into.
    pub(crate) fn create(
        directory: &dyn Directory,
        id: StreamId,
        database: [u8; 16],
        salt: u64,
        key_count: u64,
        streams: impl IntoIterator<Item = StreamId>,
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
            streams: streams.into_iter().zip(0..).collect(),
            lsns: (Lsn::MAX, Lsn::ZERO),
        };
        let mut first_page = vec![0; page::LEN];
        first_page[..header.len()].copy_from_slice(&header);
        builder.append(&first_page)?;
        Ok(builder)
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
        let Some(stream) = self.streams.get(&location.stream) else {
            return Err(Error::invalid(format!(
                "stream {} is not among those of run {}",
                location.stream, self.id
            )));
        };
        let entry = Entry {
            key,
            lsn: location.lsn,
            stream: *stream,
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
        self.entries += 1;
        self.tombstones += u64::from(location.tombstone);
        self.last_key = Some(key);
        self.lsns = (self.lsns.0.min(location.lsn), self.lsns.1.max(location.lsn));
        Ok(())
    }

    fn finish_leaf(&mut self) -> Result<()> {
        self.fences.extend(self.leaf.first_key());
        self.pages += 1;
        let page = self.leaf.finish(self.salt, self.pages * page::LEN as u64);
        self.append(&page)
    }

    /// Writes the last leaf, the inner pages and the footer, and syncs. There must have been a key. The run covers the LSNs
    /// up to `last_lsn`.
    pub(crate) fn finish(mut self, first_lsn: Lsn, last_lsn: Lsn) -> Result<SealedEntry> {
        debug_assert!(first_lsn <= self.lsns.0 && self.lsns.1 <= last_lsn);
        self.finish_leaf()?;
        let leaves = self.pages;
        let first_key = self.fences.first().copied();
        self.write_inner_pages()?;
        let (Some(first_key), Some(last_key)) = (first_key, self.last_key) else {
            return Err(Error::invalid("a run without keys"));
        };
        let filter = self.write_filter()?;
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
            filter: Some(filter),
        };
        let end = self.pages_end() + filter.len;
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
        let bytes = std::mem::replace(&mut self.filter, FilterBuilder::new(0)).finish();
        self.append(&bytes)?;
        Ok(FilterEntry {
            len: bytes.len() as u64,
            crc: filter::checksum(&bytes, self.salt, self.pages_end()),
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
