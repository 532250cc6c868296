//! Copying records out of segments that are given up, into new ones.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use super::merge::Context;
use crate::error::{Error, Result};
use crate::format::key::Key;
use crate::format::name::StreamKind;
use crate::ids::StreamId;
use crate::manifest::SealedEntry;
use crate::memtable::Location;
use crate::segment::{self, Chunks, Writer};
use crate::stream::{Layout, Stream};

/// A new segment is begun when one has this many bytes.
const SEGMENT_LEN: u64 = 256 << 20;
/// How much is read at once where places follow each other.
const WINDOW_LEN: u64 = 256 << 10;
/// How far the next record may lie ahead and still be read with what is between.
const GAP_LEN: u64 = 32 << 10;
/// How much of all windows is kept, in bytes.
const KEPT_LEN: usize = 32 << 20;

/// Reads the records of the victims, in the order of their keys.
pub(super) struct Reader<'a> {
    streams: &'a BTreeMap<StreamId, Arc<Stream>>,
    windows: BTreeMap<StreamId, Window>,
    kept: usize,
}

/// Bytes of one stream, or of its raw space, that were read.
#[derive(Default)]
struct Window {
    at: u64,
    bytes: Bytes,
    /// Where the last record ended.
    last_end: u64,
}

impl<'a> Reader<'a> {
    pub(super) fn new(streams: &'a BTreeMap<StreamId, Arc<Stream>>) -> Self {
        Self {
            streams,
            windows: BTreeMap::new(),
            kept: 0,
        }
    }

    /// The payload of the record at `location`, which was checked and is that of `key`.
    pub(super) fn payload(&mut self, key: Key, location: &Location) -> Result<Bytes> {
        let Some(stream) = self.streams.get(&location.stream) else {
            let name = StreamKind::Log.name(location.stream);
            return Err(Error::corrupt(
                &name,
                location.offset,
                "a live stream",
                "a reference to one that is not",
            ));
        };
        if self.kept > KEPT_LEN {
            // Rare, and all that it costs is reading some of them again.
            self.windows.clear();
            self.kept = 0;
        }
        let window = self.windows.entry(stream.id).or_default();
        let before = window.bytes.len();
        let record = match &stream.layout {
            Layout::Plain => plain(stream, window, location)?,
            Layout::Chunked(chunks) => chunked(stream, chunks, window, location)?,
        };
        window.last_end = location.offset.saturating_add(u64::from(location.len));
        self.kept = (self.kept + window.bytes.len()).saturating_sub(before);
        let payload_len = stream.check(&record, key, location)?;
        Ok(record.slice(record.len() - payload_len..))
    }
}

fn within(window: &Window, location: &Location) -> Option<Bytes> {
    let at = usize::try_from(location.offset.checked_sub(window.at)?).ok()?;
    let end = at.checked_add(usize::try_from(location.len).ok()?)?;
    (end <= window.bytes.len()).then(|| window.bytes.slice(at..end))
}

fn plain(stream: &Stream, window: &mut Window, location: &Location) -> Result<Bytes> {
    if let Some(record) = within(window, location) {
        return Ok(record);
    }
    let len = u64::from(location.len);
    let ahead = location.offset.checked_sub(window.last_end);
    if ahead.is_none_or(|gap| gap > GAP_LEN) || len >= WINDOW_LEN {
        return stream.read(location.offset, usize::try_from(len).unwrap_or(usize::MAX));
    }
    let rest = stream.size()?.saturating_sub(location.offset);
    let len = WINDOW_LEN.min(rest).max(len);
    window.at = location.offset;
    window.bytes = stream.read(location.offset, usize::try_from(len).unwrap_or(usize::MAX))?;
    match within(window, location) {
        Some(record) => Ok(record),
        None => stream.read(location.offset, location.len as usize),
    }
}

fn chunked(
    stream: &Stream,
    chunks: &Chunks,
    window: &mut Window,
    location: &Location,
) -> Result<Bytes> {
    if let Some(record) = within(window, location) {
        return Ok(record);
    }
    let (_, place) = chunks.find(stream, location.offset)?;
    window.bytes = chunks.read(stream, &place)?;
    window.at = place.raw_at;
    segment::slice(stream, &window.bytes, &place, location)
}

/// Writes copies, segment behind segment.
#[derive(Default)]
pub(super) struct Copies {
    writer: Option<Writer>,
    sealed: Vec<SealedEntry>,
}

impl Copies {
    /// Copies one record. Says where it lies now.
    pub(super) fn push(
        &mut self,
        context: &mut Context<'_>,
        made: &mut Vec<String>,
        key: Key,
        location: &Location,
        payload: &[u8],
    ) -> Result<Location> {
        if self.writer.as_ref().is_some_and(|w| w.len() >= SEGMENT_LEN) {
            self.seal()?;
        }
        let writer = match &mut self.writer {
            Some(writer) => writer,
            none => {
                let id = (context.allocate)()?;
                let salt = (context.salt)();
                made.push(StreamKind::Segment.name(id));
                let compression = context.compression;
                let writer =
                    Writer::create(context.directory, id, context.database, salt, compression)?;
                none.insert(writer)
            }
        };
        writer.push(key, location.lsn, location.tombstone, payload)
    }

    fn seal(&mut self) -> Result<()> {
        if let Some(writer) = self.writer.take() {
            self.sealed.push(writer.finish()?);
        }
        Ok(())
    }

    /// Seals the last segment. All are durable then.
    pub(super) fn finish(mut self) -> Result<Vec<SealedEntry>> {
        self.seal()?;
        Ok(self.sealed)
    }
}
