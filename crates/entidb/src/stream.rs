//! A stream of batches, open for reading: a log, or a log that is sealed.
//!
//! Promises: a record is returned only if its checksum, its collection, its id and its LSN are those that were looked for;
//! what goes to the cache never changes any more. Relies on the reader of the storage contract. Must never know which versions
//! are live.

use std::sync::Arc;

use bytes::{Buf, Bytes};
use entidb_storage::{Directory, StorageError, StorageReader};

use crate::cache::{Cache, Entry, Held, Table};
use crate::error::{Error, ErrorKind, Result};
use crate::format::block;
use crate::format::checksum::Binding;
use crate::format::header::{self, Header, Kind};
use crate::format::key::Key;
use crate::format::name::StreamKind;
use crate::format::record;
use crate::ids::{Lsn, StreamId};
use crate::manifest::{DIGEST_LEN, SealedEntry, digest};
use crate::memtable::Location;
use crate::segment::Chunks;
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Length of the blocks in which a stream's bytes are kept in the cache.
pub(crate) const BLOCK_LEN: u64 = BLOCK_SIZE as u64;
pub(crate) const BLOCK_SIZE: usize = 16 << 10;

/// Payloads up to this length are copied out of their block: that is cheaper than to touch its counter, and whoever keeps one
/// keeps no whole block.
pub(crate) const COPY_LEN_MAX: usize = 2 << 10;

/// A block in memory; behind the end of its stream it has zeros. The bytes stand in the entry itself, so that the table's
/// pointer leads straight to them.
pub(crate) struct Block([u8; BLOCK_SIZE]);

/// A block that is held for as long as slices of it are.
struct Owner(Arc<Entry<Block>>);

impl AsRef<[u8]> for Owner {
    fn as_ref(&self) -> &[u8] {
        &self.0.0
    }
}

/// How much of a stream never changes any more, so that it may be kept: what lies above can be cut off again and written anew.
#[derive(Debug, Default)]
pub(crate) struct Fixed {
    len: AtomicU64,
    /// Nothing comes behind `len`.
    sealed: AtomicBool,
}

/// An open stream with its checked header.
#[derive(Clone)]
pub(crate) struct Stream {
    pub(crate) id: StreamId,
    pub(crate) name: String,
    pub(crate) salt: u64,
    /// The header as it stands in the stream.
    pub(crate) header: [u8; header::LEN],
    pub(crate) reader: Arc<dyn StorageReader>,
    pub(crate) layout: Layout,
    /// Where all records are of one commit and 0 stands for its LSN: that LSN, or 0 if it is not committed.
    pub(crate) one_commit: Option<Lsn>,
    pub(crate) fixed: Arc<Fixed>,
    /// Its blocks that are in memory.
    pub(crate) blocks: Arc<Table<Block>>,
}

/// How records lie in a stream.
#[derive(Clone)]
pub(crate) enum Layout {
    /// At their offset, as a commit wrote them.
    Plain,
    /// In chunks: offsets are those of the raw space, and each record has the low half of its LSN in it.
    Chunked(Arc<Chunks>),
}

impl Stream {
    /// Opens the numbered stream and checks that its header is that of this database's stream of that number.
    pub(crate) fn open(
        directory: &dyn Directory,
        kind: StreamKind,
        id: StreamId,
        database: [u8; 16],
    ) -> Result<Self> {
        let name = kind.name(id);
        let reader = directory.open_reader(&name).map_err(|error| {
            if error.is_not_found() {
                Error::new(
                    ErrorKind::Corrupt,
                    format!(
                        "{name} is missing, though the manifest lists it; restore it from a backup"
                    ),
                )
                .at(&name, 0)
            } else {
                Error::storage(error, "open", &name)
            }
        })?;
        let expected = match kind {
            StreamKind::Run => Kind::Run,
            StreamKind::Segment => Kind::Segment,
            StreamKind::Log => Kind::Log,
        };
        let mut bytes = [0; header::LEN];
        read_into(&*reader, &name, 0, &mut bytes)?;
        let header = Header::decode(&bytes, expected).map_err(|fault| fault.at(&name, 0))?;
        if header.stream != id || header.database != database {
            return Err(Error::corrupt(
                &name,
                0,
                format!("stream {id} of database {}", hex(&database)),
                format!("stream {} of {}", header.stream, hex(&header.database)),
            ));
        }
        Ok(Self {
            id,
            name,
            salt: header.salt,
            header: bytes,
            reader,
            layout: Layout::Plain,
            one_commit: None,
            fixed: Arc::default(),
            blocks: Arc::default(),
        })
    }

    /// Whether it holds batches, and not copies.
    pub(crate) fn is_plain(&self) -> bool {
        matches!(self.layout, Layout::Plain)
    }

    /// The stream's length in bytes.
    pub(crate) fn size(&self) -> Result<u64> {
        self.reader
            .size()
            .map_err(|error| Error::storage(error, "measure", &self.name))
    }

    /// Reads exactly `len` bytes at `offset`.
    pub(crate) fn read(&self, offset: u64, len: usize) -> Result<Bytes> {
        self.reader
            .read_bytes(offset, len)
            .map_err(|error| read_error(error, &self.name, offset))
    }

    /// Fills `buf` with the bytes at `offset`.
    pub(crate) fn read_into(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        read_into(&*self.reader, &self.name, offset, buf)
    }

    /// Reads the footer of a sealed stream and checks the stream's length and digest against the manifest's.
    pub(crate) fn footer(&self, end: u64, len: u64, expected: &[u8; DIGEST_LEN]) -> Result<Bytes> {
        let size = self.size()?;
        let footer_len = len.checked_sub(end).and_then(|n| usize::try_from(n).ok());
        let Some(footer_len) = footer_len.filter(|_| size == len && len - end <= block::LEN_MAX)
        else {
            return Err(Error::corrupt(
                &self.name,
                size.min(len),
                format!("a stream of {len} bytes with its footer at {end}"),
                format!("{size} bytes"),
            ));
        };
        let bytes = self.read(end, footer_len)?;
        let found = digest(&self.header, &bytes);
        if found != *expected {
            return Err(Error::corrupt(
                &self.name,
                end,
                format!("a footer with digest {}", hex(expected)),
                hex(&found),
            ));
        }
        Ok(bytes)
    }

    /// Checks that a segment is there to its end: by its footer, or where it has none, by its length alone.
    pub(crate) fn check_end(&self, entry: &SealedEntry) -> Result<()> {
        if entry.len > entry.end {
            return self.footer(entry.end, entry.len, &entry.digest).map(drop);
        }
        let size = self.size()?;
        if size < entry.end {
            return Err(Error::corrupt(
                &self.name,
                size,
                format!("batches up to {}", entry.end),
                format!("the end of the stream at {size}"),
            ));
        }
        Ok(())
    }

    /// Nothing is appended to this stream any more: what a run points into is sealed.
    pub(crate) fn seal(&self) {
        if self.fixed.sealed.load(Ordering::Acquire) {
            return;
        }
        // One that cannot be measured is read without being kept.
        if let Ok(size) = self.size() {
            self.fixed.len.fetch_max(size, Ordering::AcqRel);
            self.fixed.sealed.store(true, Ordering::Release);
        }
    }

    /// How far the stream never changes any more, if a visible record ends at `end`; and whether that is its end.
    pub(crate) fn fixed_len(&self, end: u64) -> (u64, bool) {
        let sealed = self.fixed.sealed.load(Ordering::Acquire);
        let len = self.fixed.len.load(Ordering::Acquire);
        if sealed || end <= len {
            return (len, sealed);
        }
        // Batches become visible in order, and stay: so does all that lies below one.
        (
            self.fixed.len.fetch_max(end, Ordering::AcqRel).max(end),
            sealed,
        )
    }

    /// Reads the payload of the record at `location`, which must be the one of `key`, through the cache.
    pub(crate) fn payload(&self, cache: &Cache, key: Key, location: &Location) -> Result<Bytes> {
        if let Layout::Chunked(chunks) = &self.layout {
            return chunks.payload(self, cache, key, location);
        }
        let len = location_len(location);
        let at = block_at(location.offset);
        if let Some(held) = cache.look(&self.blocks, location.offset / BLOCK_LEN)
            && let Some(block) = held.get()
            && let Some(record) = block.0.get(at..at.saturating_add(len))
        {
            let payload_len = self.check(record, key, location)?;
            if let Some(payload) = record.get(len - payload_len..)
                && payload_len <= COPY_LEN_MAX
            {
                return Ok(Bytes::copy_from_slice(payload));
            }
            if let Some(block) = held.keep() {
                return Ok(Bytes::from_owner(Owner(block)).slice(at + len - payload_len..at + len));
            }
        }
        let mut record = self.record(cache, location)?;
        let payload_len = self.check(&record, key, location)?;
        record.advance(record.len() - payload_len);
        Ok(record)
    }

    /// As [`payload`](Self::payload), and has it read where it lies, if that is in memory.
    #[inline]
    pub(crate) fn read_payload<R>(
        &self,
        cache: &Cache,
        key: Key,
        location: &Location,
        read: impl FnOnce(&[u8]) -> R,
    ) -> Result<R> {
        if let Layout::Chunked(chunks) = &self.layout {
            return chunks.read_payload(self, cache, key, location, read);
        }
        let at = block_at(location.offset);
        if let Some(held) = cache.look(&self.blocks, location.offset / BLOCK_LEN)
            && let Some(block) = held.get()
            && let Some(record) = block.0.get(at..at.saturating_add(location_len(location)))
        {
            let payload_len = self.check(record, key, location)?;
            let payload = record.get(record.len() - payload_len..);
            return Ok(read(payload.unwrap_or_default()));
        }
        Ok(read(&self.payload(cache, key, location)?))
    }

    /// The bytes of a record that does not lie in a block in memory, unchecked.
    #[cold]
    fn record(&self, cache: &Cache, location: &Location) -> Result<Bytes> {
        let len = location_len(location);
        let end = location.offset.saturating_add(len as u64);
        let (first, last) = (
            location.offset / BLOCK_LEN,
            end.saturating_sub(1) / BLOCK_LEN,
        );
        let at = block_at(location.offset);
        let joined = || match last - first {
            0 => {
                let block = self.block(cache, first, end)?;
                block.get(at..at + len)?;
                Some(block.slice(at..at + len))
            }
            1 if len as u64 <= BLOCK_LEN => {
                let head = self.block(cache, first, end)?;
                let tail = self.block(cache, last, end)?;
                join(head.get(at..), &tail, len)
            }
            _ => None,
        };
        match joined() {
            Some(record) => Ok(record),
            None => self.read(location.offset, len),
        }
    }

    /// Block `number`, if it is in memory.
    pub(crate) fn block_in_memory(&self, cache: &Cache, number: u64) -> Option<Bytes> {
        let block = cache.look(&self.blocks, number)?.keep()?;
        Some(Bytes::from_owner(Owner(block)))
    }

    /// Block `number`, which holds a part of a visible record that ends at `end`: from memory, or read and kept. `None` if it
    /// may yet change, or cannot be read as a whole.
    fn block(&self, cache: &Cache, number: u64, end: u64) -> Option<Bytes> {
        if let Some(block) = self.blocks.get(number).and_then(Held::keep) {
            return Some(Bytes::from_owner(Owner(block)));
        }
        let (fixed, sealed) = self.fixed_len(end);
        let start = number.checked_mul(BLOCK_LEN)?;
        let len = match fixed.checked_sub(start)? {
            rest if rest >= BLOCK_LEN => BLOCK_LEN,
            rest if sealed => rest,
            _ => return None,
        };
        // Where a part of the block is unreadable, the record itself may yet be read.
        let mut block = Block([0; BLOCK_SIZE]);
        let bytes = block.0.get_mut(..usize::try_from(len).ok()?)?;
        self.read_into(start, bytes).ok()?;
        let block = cache.keep(&self.blocks, number, block, BLOCK_LEN);
        Some(Bytes::from_owner(Owner(block)))
    }

    /// Keeps a block of what never changes any more.
    pub(crate) fn keep_block(&self, cache: &Cache, number: u64, bytes: &[u8]) {
        let mut block = Block([0; BLOCK_SIZE]);
        if let Some(part) = block.0.get_mut(..bytes.len()) {
            part.copy_from_slice(bytes);
            cache.keep(&self.blocks, number, block, BLOCK_LEN);
        }
    }

    /// Checks that `bytes` are the record at `location`, and that of `key`. Returns the length of its payload.
    #[inline]
    pub(crate) fn check(&self, bytes: &[u8], key: Key, location: &Location) -> Result<usize> {
        let binding = Binding {
            salt: self.salt,
            offset: location.offset,
            lsn: self.lsn_in(location),
        };
        let with_lsn = matches!(self.layout, Layout::Chunked(_));
        match record::expect(bytes, binding, key.numbers(), location.tombstone, with_lsn) {
            Some(payload_len) => Ok(payload_len),
            None => self.check_slowly(bytes, binding, key, location),
        }
    }

    /// The LSN that stands in the record at `location`.
    #[inline]
    fn lsn_in(&self, location: &Location) -> Lsn {
        match self.one_commit {
            Some(lsn) if lsn == location.lsn || lsn == Lsn::ZERO => Lsn::ZERO,
            // Of another commit there is none in here, so that its checksum does not hold.
            _ => location.lsn,
        }
    }

    /// As [`check`](Self::check), and says what is wrong.
    #[cold]
    fn check_slowly(
        &self,
        bytes: &[u8],
        binding: Binding,
        key: Key,
        location: &Location,
    ) -> Result<usize> {
        // Where it lies in the stream, for people: of a chunk, its beginning.
        let (opened, offset) = match &self.layout {
            Layout::Plain => (record::open(bytes, binding), location.offset),
            Layout::Chunked(chunks) => (
                record::open_with_lsn(bytes, binding),
                chunks.offset_of(location.offset),
            ),
        };
        let (header, payload) = opened.map_err(|fault| fault.at(&self.name, offset))?;
        let found = Key::new(header.collection, header.id);
        let tombstone = header.kind == record::Kind::Tombstone;
        if found != key || tombstone != location.tombstone {
            return Err(Error::corrupt(
                &self.name,
                offset,
                format!("entity {} of collection {}", key.id(), key.collection()),
                format!("entity {} of collection {}", found.id(), found.collection()),
            ));
        }
        Ok(payload.len())
    }
}

/// Where in its block an offset lies.
pub(crate) fn block_at(offset: u64) -> usize {
    usize::try_from(offset % BLOCK_LEN).unwrap_or(BLOCK_SIZE)
}

/// The length of the record at `location`.
pub(crate) fn location_len(location: &Location) -> usize {
    usize::try_from(location.len).unwrap_or(usize::MAX)
}

/// The first `len` bytes of `head` and `tail`, one behind the other; `None` if they have not so many.
pub(crate) fn join(head: Option<&[u8]>, tail: &[u8], len: usize) -> Option<Bytes> {
    let head = head?;
    let tail = tail.get(..len.checked_sub(head.len())?)?;
    let mut joined = Vec::with_capacity(len);
    joined.extend_from_slice(head);
    joined.extend_from_slice(tail);
    Some(joined.into())
}

fn read_into(reader: &dyn StorageReader, name: &str, offset: u64, buf: &mut [u8]) -> Result<()> {
    reader
        .read_into(offset, buf)
        .map_err(|error| read_error(error, name, offset))
}

fn read_error(error: StorageError, name: &str, offset: u64) -> Error {
    match error {
        StorageError::ReadPastEnd { offset, len, size } => Error::corrupt(
            name,
            offset,
            format!("{len} bytes"),
            format!("the end of the stream at {size}"),
        ),
        error => Error::storage(error, "read", name).at(name, offset),
    }
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
