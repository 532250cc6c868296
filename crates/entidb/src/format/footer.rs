//! The footers: what a sealed log and a run say of themselves.

use entidb_codec::Value;

use super::Fault;
use super::batch;
use super::key::{self, Key};
use super::map::{Reader, Writer};
use crate::ids::{Lsn, StreamId};

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
    /// How many entries there are, tombstones included.
    pub(crate) entries: u64,
    pub(crate) tombstones: u64,
    /// How many leaves: pages 1 to this number.
    pub(crate) leaves: u64,
    /// How many pages there are, leaves and inner pages. The last one is the root.
    pub(crate) pages: u64,
    pub(crate) first_key: Key,
    pub(crate) last_key: Key,
    /// The streams that entries point into, by index.
    pub(crate) streams: Vec<StreamId>,
    /// The filter behind the pages, if there is one.
    pub(crate) filter: Option<FilterEntry>,
}

/// Where a run's filter lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FilterEntry {
    /// Length in bytes.
    pub(crate) len: u64,
    pub(crate) crc: u32,
}

impl RunFooter {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut map = Writer::default();
        map.set("kind", "run");
        map.set("entries", self.entries);
        map.set("tombstones", self.tombstones);
        map.set("leaves", self.leaves);
        map.set("pages", self.pages);
        map.set("first_key", self.first_key.0.to_vec());
        map.set("last_key", self.last_key.0.to_vec());
        map.list("streams", self.streams.iter().map(|id| Value::from(id.0)));
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
        let mut streams = Vec::new();
        for item in map.list("streams")? {
            streams.push(StreamId(super::map::number(&item, "streams")?));
        }
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
        let footer = Self {
            entries: map.number("entries")?,
            tombstones: map.number("tombstones")?,
            leaves: map.number("leaves")?,
            pages: map.number("pages")?,
            first_key: Key(map.array::<{ key::LEN }>("first_key")?),
            last_key: Key(map.array::<{ key::LEN }>("last_key")?),
            streams,
            filter,
        };
        map.finish()?;
        Ok(footer)
    }
}
