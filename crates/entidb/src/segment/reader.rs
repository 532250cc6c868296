//! Reading a segment of chunks.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use entidb_storage::Directory;

use crate::cache::{self, Cache};
use crate::error::{Error, Result};
use crate::format::chunk::{self, Place, Table};
use crate::format::footer::ChunksFooter;
use crate::format::key::Key;
use crate::format::name::StreamKind;
use crate::format::{Fault, block, header};
use crate::ids::Lsn;
use crate::manifest::SealedEntry;
use crate::memtable::Location;
use crate::stream::{COPY_LEN_MAX, Layout, Stream};

/// Opens a segment of chunks and checks its header, its length, its footer and its table.
pub(crate) fn open(
    directory: &dyn Directory,
    entry: &SealedEntry,
    database: [u8; 16],
) -> Result<Stream> {
    let mut stream = Stream::open(directory, StreamKind::Segment, entry.stream, database)?;
    let chunks = Chunks::open(&stream, entry)?;
    stream.one_commit = chunks.footer.one_commit.then_some(entry.first_lsn);
    stream.layout = Layout::Chunked(Arc::new(chunks));
    Ok(stream)
}

/// Where the chunks of an open segment lie. The table stays in memory: 24 bytes for each 32 KiB of records.
pub(crate) struct Chunks {
    pub(crate) footer: ChunksFooter,
    table: Table,
    /// The chunks that are in memory, as records.
    blocks: Arc<cache::Table<Bytes>>,
}

impl Chunks {
    fn open(stream: &Stream, entry: &SealedEntry) -> Result<Self> {
        let bytes = stream.footer(entry.end, entry.len, &entry.digest)?;
        let fail = |fault: Fault| fault.at(&stream.name, entry.end);
        let body = block::decode(stream.salt, entry.end, &bytes).map_err(fail)?;
        let footer = ChunksFooter::decode(body).map_err(fail)?;
        let table_at = footer.stored_bytes.checked_add(header::LEN as u64);
        let table_len = footer.chunks.checked_mul(chunk::ENTRY_LEN as u64);
        let end = table_at
            .zip(table_len)
            .and_then(|(at, len)| at.checked_add(len));
        let (told, listed) = (
            (footer.first_lsn, footer.last_lsn),
            (entry.first_lsn, entry.last_lsn),
        );
        let lsns = match footer.one_commit {
            true => told == (Lsn::ZERO, Lsn::ZERO) && listed.0 == listed.1,
            false => told == listed,
        };
        let (Some(table_at), Some(table_len)) = (table_at, table_len) else {
            return Err(fail(Fault::damaged("a table", "one beyond any stream")));
        };
        if end != Some(entry.end) || footer.chunks == 0 || !lsns {
            return Err(fail(Fault::damaged(
                format!("chunks and a table up to {}", entry.end),
                format!("{} chunks of {} bytes", footer.chunks, footer.stored_bytes),
            )));
        }
        let bytes = stream.read(table_at, usize::try_from(table_len).unwrap_or(usize::MAX))?;
        let table = Table::decode(&bytes, stream.salt, table_at, footer.table_crc)
            .map_err(|fault| fault.at(&stream.name, table_at))?;
        if table.raw_len() != footer.raw_bytes {
            return Err(fail(Fault::damaged(
                format!("{} bytes in all chunks", footer.raw_bytes),
                table.raw_len().to_string(),
            )));
        }
        Ok(Self {
            footer,
            table,
            blocks: Arc::default(),
        })
    }

    /// How many chunks there are.
    pub(crate) fn count(&self) -> usize {
        self.table.count()
    }

    /// Where the chunk with this number lies.
    pub(crate) fn place(&self, number: usize) -> Option<Place> {
        self.table.place(number)
    }

    /// Where the chunk that holds `raw_at` begins in the stream, in bytes; behind the last one if none does.
    pub(crate) fn offset_of(&self, raw_at: u64) -> u64 {
        let place = self.table.find(raw_at).and_then(|n| self.place(n));
        place.map_or(self.table.end(), |place| place.offset)
    }

    /// Reads and checks the chunk at `place`.
    pub(crate) fn read(&self, stream: &Stream, place: &Place) -> Result<Bytes> {
        let len = usize::try_from(place.len()).unwrap_or(usize::MAX);
        let bytes = stream.read(place.offset, len)?;
        chunk::decode(&bytes, place, stream.salt)
            .map_err(|fault| fault.at(&stream.name, place.offset))
    }

    /// The chunk that holds `raw_at`.
    pub(crate) fn find(&self, stream: &Stream, raw_at: u64) -> Result<(usize, Place)> {
        let number = self.table.find(raw_at);
        number
            .and_then(|number| Some((number, self.place(number)?)))
            .ok_or_else(|| {
                Error::corrupt(
                    &stream.name,
                    self.table.end(),
                    format!("a record at {raw_at}"),
                    format!("the end of all chunks at {}", self.table.raw_len()),
                )
            })
    }

    /// The payload of the record at `location`, which must be the one of `key`, through the cache.
    pub(crate) fn payload(
        &self,
        stream: &Stream,
        cache: &Cache,
        key: Key,
        location: &Location,
    ) -> Result<Bytes> {
        let (number, place) = self.find(stream, location.offset)?;
        if let Some(held) = cache.look(&self.blocks, number as u64)
            && let Some(chunk) = held.get()
        {
            return payload(stream, chunk, &place, key, location);
        }
        let chunk = self.read(stream, &place)?;
        let len = chunk.len() as u64;
        let chunk = cache.keep(&self.blocks, number as u64, chunk, len);
        payload(stream, &chunk, &place, key, location)
    }

    /// As [`payload`](Self::payload), and has it read where it lies, if that is in memory.
    pub(crate) fn read_payload<R>(
        &self,
        stream: &Stream,
        cache: &Cache,
        key: Key,
        location: &Location,
        read: impl FnOnce(&[u8]) -> R,
    ) -> Result<R> {
        let (number, place) = self.find(stream, location.offset)?;
        if let Some(held) = cache.look(&self.blocks, number as u64)
            && let Some(chunk) = held.get()
        {
            let range = range(stream, chunk, &place, location)?;
            let record = chunk.get(range).unwrap_or_default();
            let payload_len = stream.check(record, key, location)?;
            let payload = record.get(record.len() - payload_len..);
            return Ok(read(payload.unwrap_or_default()));
        }
        Ok(read(&self.payload(stream, cache, key, location)?))
    }

    /// The records of the chunk that holds `raw_at`, and where they begin in the raw space: for a walk, which keeps in the
    /// cache only what there is room for.
    pub(crate) fn around(
        &self,
        stream: &Stream,
        cache: &Cache,
        raw_at: u64,
    ) -> Result<(u64, Bytes)> {
        let (number, place) = self.find(stream, raw_at)?;
        if let Some(held) = cache.look(&self.blocks, number as u64)
            && let Some(chunk) = held.get()
        {
            return Ok((place.raw_at, chunk.clone()));
        }
        let chunk = self.read(stream, &place)?;
        let len = chunk.len() as u64;
        if cache.has_room(len) {
            cache.keep(&self.blocks, number as u64, chunk.clone(), len);
        }
        Ok((place.raw_at, chunk))
    }
}

/// The payload of the record at `location` in the chunk at `place`.
fn payload(
    stream: &Stream,
    chunk: &Bytes,
    place: &Place,
    key: Key,
    location: &Location,
) -> Result<Bytes> {
    let range = range(stream, chunk, place, location)?;
    let record = chunk.get(range.clone()).unwrap_or_default();
    let payload_len = stream.check(record, key, location)?;
    match record.get(record.len() - payload_len..) {
        Some(payload) if payload_len <= COPY_LEN_MAX => Ok(Bytes::copy_from_slice(payload)),
        _ => Ok(chunk.slice(range.end - payload_len..range.end)),
    }
}

/// The record at `location` in the chunk at `place`, whose records are `chunk`.
pub(crate) fn slice(
    stream: &Stream,
    chunk: &Bytes,
    place: &Place,
    location: &Location,
) -> Result<Bytes> {
    Ok(chunk.slice(range(stream, chunk, place, location)?))
}

/// Where in the chunk at `place` the record at `location` lies.
#[inline]
fn range(
    stream: &Stream,
    chunk: &Bytes,
    place: &Place,
    location: &Location,
) -> Result<Range<usize>> {
    let at = location.offset.checked_sub(place.raw_at);
    let range = at.and_then(|at| {
        let at = usize::try_from(at).ok()?;
        let end = at.checked_add(usize::try_from(location.len).ok()?)?;
        (end <= chunk.len()).then_some(at..end)
    });
    range.ok_or_else(|| {
        Error::corrupt(
            &stream.name,
            place.offset,
            format!("a record of {} bytes at {}", location.len, location.offset),
            format!("a chunk of {} bytes at {}", place.raw_len, place.raw_at),
        )
    })
}
