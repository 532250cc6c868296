//! The footers: what a sealed log, a run and a segment of chunks say of themselves.

use entidb_codec::Value;

use super::Fault;
use super::batch;
use super::compress;
use super::entry::IndexFooter;
use super::key::{self, Key};
use super::map::{Reader, Writer};
use crate::ids::{CollectionId, EntityId, Lsn, StreamId};
use crate::options::Compression;
use crate::ranges::RangeTombstone;

/// What stands in a log, counted while it is written or read. Encoded, it is a segment's footer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tally {
    synced: Counts,
    /// Counts with the batches that are appended and not yet synced.
    all: Counts,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Counts {
    batches: u64,
    records: u64,
    tombstones: u64,
    /// Bytes of all batches, headers included.
    batch_bytes: u64,
    first_lsn: Lsn,
    last_lsn: Lsn,
    last_time_us: u64,
    /// The header checksum of the last batch, or of the stream's header.
    chain: u32,
}

impl Tally {
    /// Of an empty log, whose header has this checksum.
    pub(crate) fn new(chain: u32) -> Self {
        let counts = Counts {
            batches: 0,
            records: 0,
            tombstones: 0,
            batch_bytes: 0,
            first_lsn: Lsn::ZERO,
            last_lsn: Lsn::ZERO,
            last_time_us: 0,
            chain,
        };
        Self {
            synced: counts,
            all: counts,
        }
    }

    /// When the last commit was made, in microseconds since 1970.
    pub(crate) fn last_time_us(&self) -> u64 {
        self.synced.last_time_us
    }

    /// Counts a batch that was appended and is not yet synced.
    pub(crate) fn push(&mut self, header: &batch::Header, crc: u32, tombstones: u64) {
        let counts = &mut self.all;
        if counts.batches == 0 {
            counts.first_lsn = header.lsn;
        }
        counts.batches += 1;
        counts.records += u64::from(header.count);
        counts.tombstones += tombstones;
        counts.batch_bytes += batch::HEADER_LEN as u64 + u64::from(header.body_len);
        counts.last_lsn = header.lsn;
        counts.last_time_us = header.time_us;
        counts.chain = crc;
    }

    /// Bytes that are appended and not yet synced.
    pub(crate) fn pending_len(&self) -> u64 {
        self.all.batch_bytes - self.synced.batch_bytes
    }

    /// All that was appended is synced now. Returns how many bytes that were.
    pub(crate) fn commit(&mut self) -> u64 {
        let len = self.pending_len();
        self.synced = self.all;
        len
    }

    /// What was not synced is cut off again.
    pub(crate) fn roll_back(&mut self) {
        self.all = self.synced;
    }

    pub(crate) fn chain(&self) -> u32 {
        self.all.chain
    }

    pub(crate) fn batches(&self) -> u64 {
        self.all.batches
    }

    pub(crate) fn first_lsn(&self) -> Lsn {
        self.all.first_lsn
    }

    pub(crate) fn last_lsn(&self) -> Lsn {
        self.all.last_lsn
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let counts = &self.synced;
        let mut map = Writer::default();
        map.set("kind", "segment");
        map.set("batches", counts.batches);
        map.set("records", counts.records);
        map.set("tombstones", counts.tombstones);
        map.set("batch_bytes", counts.batch_bytes);
        map.set("first_lsn", counts.first_lsn.0);
        map.set("last_lsn", counts.last_lsn.0);
        map.set("last_time_us", counts.last_time_us);
        map.set("chain", u64::from(counts.chain));
        map.finish()
    }

    pub(crate) fn decode(body: &[u8]) -> Result<Self, Fault> {
        let mut map = Reader::new(body)?;
        map.kind("segment")?;
        let counts = Counts {
            batches: map.number("batches")?,
            records: map.number("records")?,
            tombstones: map.number("tombstones")?,
            batch_bytes: map.number("batch_bytes")?,
            first_lsn: Lsn(map.number("first_lsn")?),
            last_lsn: Lsn(map.number("last_lsn")?),
            last_time_us: map.number("last_time_us")?,
            chain: map.narrow("chain")?,
        };
        map.finish()?;
        Ok(Self {
            synced: counts,
            all: counts,
        })
    }
}

/// A run's footer: where its pages are, and which streams its entries point into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RunFooter {
    /// How many entries there are, tombstones included. None, where range tombstones are all that the run holds.
    pub(crate) entries: u64,
    pub(crate) tombstones: u64,
    /// How many leaves: pages 1 to this number.
    pub(crate) leaves: u64,
    /// How many pages there are, leaves and inner pages. The last one is the root.
    pub(crate) pages: u64,
    /// Above the last key if there are no entries.
    pub(crate) first_key: Key,
    pub(crate) last_key: Key,
    /// The streams that entries point into, by index.
    pub(crate) streams: Vec<StreamId>,
    /// Of each of these streams, what entries point to. Empty if the footer does not say.
    pub(crate) live: Vec<Live>,
    /// What older runs hold of the same keys, about: each key once.
    pub(crate) overwritten: Live,
    pub(crate) ranges: Vec<RangeTombstone>,
    /// The index entries, if it holds any.
    pub(crate) index: Option<IndexFooter>,
    /// Whether it was made with the oldest run among its inputs: then it no longer knows what was deleted, nor whose tombstone
    /// it was.
    pub(crate) forgetful: bool,
    /// Whether it holds one commit, whose LSN the manifest alone says: 0 stands for it.
    pub(crate) one_commit: bool,
    /// The filter behind the pages, if there is one.
    pub(crate) filter: Option<FilterEntry>,
}

/// Records that are referred to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Live {
    pub(crate) records: u64,
    /// Their length in bytes.
    pub(crate) bytes: u64,
}

impl Live {
    pub(crate) fn add(&mut self, len: u32) {
        self.records += 1;
        self.bytes += u64::from(len);
    }
}

/// Where a run's filter lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FilterEntry {
    /// Length in bytes.
    pub(crate) len: u64,
    pub(crate) crc: u32,
}

/// The first key of a run without entries, and its last.
pub(crate) const NO_KEYS: (Key, Key) = (Key::MAX, Key::MIN);

impl RunFooter {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut map = Writer::default();
        map.set("kind", "run");
        map.set("entries", self.entries);
        map.set("tombstones", self.tombstones);
        map.set("leaves", self.leaves);
        map.set("pages", self.pages);
        if self.entries > 0 {
            map.set("first_key", self.first_key.0.to_vec());
            map.set("last_key", self.last_key.0.to_vec());
        }
        map.list("streams", self.streams.iter().map(|id| Value::from(id.0)));
        if !self.live.is_empty() {
            let records = self.live.iter().map(|live| Value::from(live.records));
            map.list("live_records", records);
            let bytes = self.live.iter().map(|live| Value::from(live.bytes));
            map.list("live_bytes", bytes);
        }
        if self.overwritten.records > 0 {
            map.set("overwrites", self.overwritten.records);
            map.set("overwritten_bytes", self.overwritten.bytes);
        }
        if !self.ranges.is_empty() {
            map.list("ranges", self.ranges.iter().map(range_value));
        }
        if let Some(index) = &self.index {
            map.set("index", index.value());
        }
        if self.forgetful {
            map.set("forgetful", true);
        }
        if self.one_commit {
            map.set("one_commit", true);
        }
        if let Some(filter) = self.filter {
            let mut entry = Writer::default();
            entry.set("len", filter.len);
            entry.set("crc", u64::from(filter.crc));
            map.set("filter", entry.value());
        }
        map.finish()
    }

    pub(crate) fn decode(body: &[u8]) -> Result<Self, Fault> {
        let mut map = Reader::new(body)?;
        map.kind("run")?;
        let streams = numbers(&mut map, "streams")?;
        let streams: Vec<_> = streams.into_iter().map(StreamId).collect();
        let records = optional_numbers(&mut map, "live_records")?;
        let bytes = optional_numbers(&mut map, "live_bytes")?;
        let told = [records.len(), bytes.len()];
        if told != [0, 0] && told != [streams.len(); 2] {
            return Err(Fault::damaged(
                format!("what is live of {} streams", streams.len()),
                format!("of {} and of {}", records.len(), bytes.len()),
            ));
        }
        let live = records.into_iter().zip(bytes);
        let live = live.map(|(records, bytes)| Live { records, bytes });
        let filter = match map.optional("filter") {
            None => None,
            Some(value) => {
                let mut entry = Reader::of(value, "filter")?;
                let filter = FilterEntry {
                    len: entry.number("len")?,
                    crc: entry.narrow("crc")?,
                };
                entry.finish()?;
                Some(filter)
            }
        };
        let entries = map.number("entries")?;
        let (first_key, last_key) = match entries {
            0 => NO_KEYS,
            _ => (
                Key(map.array::<{ key::LEN }>("first_key")?),
                Key(map.array::<{ key::LEN }>("last_key")?),
            ),
        };
        let mut ranges = Vec::new();
        if map.has("ranges") {
            for value in map.list("ranges")? {
                ranges.push(range(Reader::of(value, "ranges")?)?);
            }
        }
        let index = map.optional("index").map(IndexFooter::of).transpose()?;
        let footer = Self {
            entries,
            tombstones: map.number("tombstones")?,
            leaves: map.number("leaves")?,
            pages: map.number("pages")?,
            first_key,
            last_key,
            live: live.collect(),
            streams,
            overwritten: Live {
                records: map.optional_number("overwrites")?.unwrap_or(0),
                bytes: map.optional_number("overwritten_bytes")?.unwrap_or(0),
            },
            ranges,
            index,
            forgetful: map.flag("forgetful")?,
            one_commit: map.flag("one_commit")?,
            filter,
        };
        map.finish()?;
        Ok(footer)
    }
}

fn range_value(range: &RangeTombstone) -> Value {
    let mut entry = Writer::default();
    entry.set("collection", u64::from(range.collection.0));
    entry.set("first", range.first.as_bytes().to_vec());
    entry.set("last", range.last.as_bytes().to_vec());
    entry.set("lsn", range.lsn.0);
    entry.value()
}

fn range(mut entry: Reader) -> Result<RangeTombstone, Fault> {
    let range = RangeTombstone {
        collection: CollectionId(entry.narrow("collection")?),
        first: EntityId::from_bytes(entry.array("first")?),
        last: EntityId::from_bytes(entry.array("last")?),
        lsn: Lsn(entry.number("lsn")?),
    };
    entry.finish()?;
    Ok(range)
}

pub(super) fn numbers(map: &mut Reader, key: &'static str) -> Result<Vec<u64>, Fault> {
    let values = map.list(key)?;
    let numbers = values.iter().map(|value| super::map::number(value, key));
    numbers.collect()
}

fn optional_numbers(map: &mut Reader, key: &'static str) -> Result<Vec<u64>, Fault> {
    match map.has(key) {
        true => numbers(map, key),
        false => Ok(Vec::new()),
    }
}

/// The footer of a segment that a merge or a large transaction has written: what its chunks hold, and the checksum of their table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ChunksFooter {
    pub(crate) chunks: u64,
    pub(crate) records: u64,
    /// How many of them are tombstones.
    pub(crate) tombstones: u64,
    /// Length of all chunks before compression, without their headers, in bytes.
    pub(crate) raw_bytes: u64,
    /// Length of all chunks as they are stored, headers included, in bytes.
    pub(crate) stored_bytes: u64,
    pub(crate) first_lsn: Lsn,
    pub(crate) last_lsn: Lsn,
    /// How chunks were to be compressed; one that does not shrink is stored as it is.
    pub(crate) compression: Compression,
    /// The checksum of the table, which ends where this begins.
    pub(crate) table_crc: u32,
    /// Whether its records are of one commit, whose LSN the manifest alone says: 0 stands for it.
    pub(crate) one_commit: bool,
}

impl ChunksFooter {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut map = Writer::default();
        map.set("kind", "chunks");
        map.set("chunks", self.chunks);
        map.set("records", self.records);
        map.set("tombstones", self.tombstones);
        map.set("raw_bytes", self.raw_bytes);
        map.set("stored_bytes", self.stored_bytes);
        map.set("first_lsn", self.first_lsn.0);
        map.set("last_lsn", self.last_lsn.0);
        map.set("compression", u64::from(compress::code(self.compression)));
        map.set("table_crc", u64::from(self.table_crc));
        if self.one_commit {
            map.set("one_commit", true);
        }
        map.finish()
    }

    pub(crate) fn decode(body: &[u8]) -> Result<Self, Fault> {
        let mut map = Reader::new(body)?;
        map.kind("chunks")?;
        let footer = Self {
            chunks: map.number("chunks")?,
            records: map.number("records")?,
            tombstones: map.number("tombstones")?,
            raw_bytes: map.number("raw_bytes")?,
            stored_bytes: map.number("stored_bytes")?,
            first_lsn: Lsn(map.number("first_lsn")?),
            last_lsn: Lsn(map.number("last_lsn")?),
            compression: compress::of_code(map.narrow("compression")?)?,
            table_crc: map.narrow("table_crc")?,
            one_commit: map.flag("one_commit")?,
        };
        map.finish()?;
        Ok(footer)
    }
}
