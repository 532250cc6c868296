//! The manifest's bytes: what is live, in one small stream that is replaced whole.

use entidb_codec::Value;

use super::Fault;
use super::batch::Synced;
use super::block;
use super::header::{self, Header, Kind};
use super::map::{Reader, Writer};
use super::retained::FeedEntry;
use crate::ids::{Lsn, StreamId};

use super::catalog::Catalog;

/// Length of a stream's digest in bytes.
pub(crate) const DIGEST_LEN: usize = 16;

/// What is live, and what must not be given out again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Manifest {
    pub(crate) database: [u8; 16],
    /// Rises with each replacement.
    pub(crate) edit: u64,
    /// Numbers below this one may have been given to streams.
    pub(crate) next_stream: StreamId,
    /// LSNs from this one on were never given out.
    pub(crate) lsn_ceiling: Lsn,
    /// The last LSN that the runs cover: the first batch of the first log follows it.
    pub(crate) covered: Lsn,
    /// Set by a clean close, and gone with the first commit of the next session.
    pub(crate) closed: Option<Closed>,
    /// A lower bound of what is synced in the last log.
    pub(crate) synced: Option<Synced>,
    /// Logs that no run covers, in LSN order. The last may be the active one.
    pub(crate) logs: Vec<LogEntry>,
    pub(crate) segments: Vec<SealedEntry>,
    /// Segments that a merge has written, in the order of their making; their LSN ranges overlap.
    pub(crate) rewritten: Vec<SealedEntry>,
    /// In age order, the oldest first, with disjoint LSN ranges.
    pub(crate) runs: Vec<SealedEntry>,
    pub(crate) catalog: Catalog,
    /// What is kept for followers of the change feed; `None` if nothing is.
    pub(crate) feed: Option<FeedEntry>,
}

/// How the last session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Closed {
    /// The last LSN of all.
    pub(crate) last_lsn: Lsn,
    /// The length of the last log in bytes; 0 if there is none.
    pub(crate) log_end: u64,
}

/// A log that no run covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LogEntry {
    pub(crate) stream: StreamId,
    /// Where a recovery cut it, in bytes: what lies behind is void. `None` for the last log.
    pub(crate) end: Option<u64>,
}

/// A stream that nothing is appended to any more: a segment of either kind, or a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SealedEntry {
    pub(crate) stream: StreamId,
    /// Where the footer begins, in bytes.
    pub(crate) end: u64,
    /// The whole length in bytes.
    pub(crate) len: u64,
    pub(crate) digest: [u8; DIGEST_LEN],
    pub(crate) first_lsn: Lsn,
    pub(crate) last_lsn: Lsn,
}

impl SealedEntry {
    fn value(&self) -> Value {
        let mut entry = Writer::default();
        entry.set("stream", self.stream.0);
        entry.set("end", self.end);
        entry.set("len", self.len);
        entry.set("digest", self.digest.to_vec());
        entry.set("first_lsn", self.first_lsn.0);
        entry.set("last_lsn", self.last_lsn.0);
        entry.value()
    }

    /// Reads the list of them under `key`.
    fn list(map: &mut Reader, key: &'static str) -> Result<Vec<Self>, Fault> {
        let mut sealed = Vec::new();
        for value in map.list(key)? {
            let mut entry = Reader::of(value, key)?;
            sealed.push(Self {
                stream: StreamId(entry.number("stream")?),
                end: entry.number("end")?,
                len: entry.number("len")?,
                digest: entry.array("digest")?,
                first_lsn: Lsn(entry.number("first_lsn")?),
                last_lsn: Lsn(entry.number("last_lsn")?),
            });
            entry.finish()?;
        }
        Ok(sealed)
    }
}

impl Manifest {
    /// Says of each of these logs where it ends.
    pub(crate) fn set_ends(&mut self, ends: &[LogEntry]) {
        for entry in &mut self.logs {
            if let Some(told) = ends.iter().find(|told| told.stream == entry.stream) {
                entry.end = told.end;
            }
        }
    }

    /// Whether the stream with this number is live.
    pub(crate) fn lists(&self, id: StreamId) -> bool {
        let logs = self.logs.iter().map(|log| log.stream);
        let segments = self.segments.iter().map(|segment| segment.stream);
        let rewritten = self.rewritten.iter().map(|segment| segment.stream);
        let runs = self.runs.iter().map(|run| run.stream);
        let mut all = logs.chain(segments).chain(rewritten).chain(runs);
        all.any(|stream| stream == id)
    }

    /// The whole stream. `None` if it would be too large.
    pub(crate) fn encode(&self, salt: u64) -> Option<Vec<u8>> {
        let header = Header {
            kind: Kind::Manifest,
            database: self.database,
            stream: StreamId(0),
            salt,
        };
        let mut stream = header.encode().to_vec();
        stream.extend(block::encode(salt, header::LEN as u64, &self.body())?);
        Some(stream)
    }

    fn body(&self) -> Vec<u8> {
        let mut map = Writer::default();
        map.set("edit", self.edit);
        map.set("next_stream", self.next_stream.0);
        map.set("lsn_ceiling", self.lsn_ceiling.0);
        map.set("covered", self.covered.0);
        if let Some(closed) = self.closed {
            let mut entry = Writer::default();
            entry.set("last_lsn", closed.last_lsn.0);
            entry.set("log_end", closed.log_end);
            map.set("closed", entry.value());
        }
        if let Some(synced) = self.synced {
            let mut entry = Writer::default();
            entry.set("log", synced.log.0);
            entry.set("offset", synced.offset);
            map.set("synced", entry.value());
        }
        map.list(
            "logs",
            self.logs.iter().map(|log| {
                let mut entry = Writer::default();
                entry.set("stream", log.stream.0);
                if let Some(end) = log.end {
                    entry.set("end", end);
                }
                entry.value()
            }),
        );
        map.list("segments", self.segments.iter().map(SealedEntry::value));
        if !self.rewritten.is_empty() {
            map.list("rewritten", self.rewritten.iter().map(SealedEntry::value));
        }
        map.list("runs", self.runs.iter().map(SealedEntry::value));
        map.set("catalog", self.catalog.encode());
        if let Some(feed) = &self.feed {
            map.set("feed", feed.value());
        }
        map.finish()
    }

    /// Reads the whole stream. With a fault comes the offset where it is, in bytes.
    pub(crate) fn decode(stream: &[u8]) -> Result<Self, (u64, Fault)> {
        let header = Header::decode(stream, Kind::Manifest).map_err(|fault| (0, fault))?;
        let at = header::LEN as u64;
        let block = stream.get(header::LEN..).unwrap_or_default();
        let body = block::decode(header.salt, at, block).map_err(|fault| (at, fault))?;
        Self::fields(header.database, body).map_err(|fault| (at + block::HEAD_LEN as u64, fault))
    }

    fn fields(database: [u8; 16], body: &[u8]) -> Result<Self, Fault> {
        let mut map = Reader::new(body)?;
        let closed = match map.optional("closed") {
            None => None,
            Some(value) => {
                let mut entry = Reader::of(value, "closed")?;
                let closed = Closed {
                    last_lsn: Lsn(entry.number("last_lsn")?),
                    log_end: entry.number("log_end")?,
                };
                entry.finish()?;
                Some(closed)
            }
        };
        let synced = match map.optional("synced") {
            None => None,
            Some(value) => {
                let mut entry = Reader::of(value, "synced")?;
                let synced = Synced {
                    log: StreamId(entry.number("log")?),
                    offset: entry.number("offset")?,
                };
                entry.finish()?;
                Some(synced)
            }
        };
        let mut logs = Vec::new();
        for value in map.list("logs")? {
            let mut entry = Reader::of(value, "logs")?;
            logs.push(LogEntry {
                stream: StreamId(entry.number("stream")?),
                end: entry.optional_number("end")?,
            });
            entry.finish()?;
        }
        let segments = SealedEntry::list(&mut map, "segments")?;
        let rewritten = match map.has("rewritten") {
            true => SealedEntry::list(&mut map, "rewritten")?,
            false => Vec::new(),
        };
        let runs = SealedEntry::list(&mut map, "runs")?;
        let catalog = Catalog::decode(Reader::of(map.required("catalog")?, "catalog")?)?;
        let feed = match map.optional("feed") {
            None => None,
            Some(value) => Some(FeedEntry::decode(Reader::of(value, "feed")?)?),
        };
        let manifest = Self {
            database,
            edit: map.number("edit")?,
            next_stream: StreamId(map.number("next_stream")?),
            lsn_ceiling: Lsn(map.number("lsn_ceiling")?),
            covered: Lsn(map.number("covered")?),
            closed,
            synced,
            logs,
            segments,
            rewritten,
            runs,
            catalog,
            feed,
        };
        map.finish()?;
        Ok(manifest)
    }
}
