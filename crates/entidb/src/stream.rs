//! A stream of batches, open for reading: a log, or a log that is sealed.
//!
//! Promises: a record is returned only if its checksum, its collection, its id and its LSN are those that were looked for.
//! Relies on the reader of the storage contract. Must never know which versions are live.

use std::sync::Arc;

use bytes::Bytes;
use entidb_storage::{Directory, StorageError, StorageReader};

use crate::cache::Cache;
use crate::error::{Error, ErrorKind, Result};
use crate::format::block;
use crate::format::checksum::Binding;
use crate::format::header::{self, Header, Kind};
use crate::format::key::Key;
use crate::format::name::StreamKind;
use crate::format::record;
use crate::ids::StreamId;
use crate::manifest::{DIGEST_LEN, digest};
use crate::memtable::Location;
use crate::segment::Chunks;

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
}

/// How records lie in a stream.
#[derive(Clone)]
pub(crate) enum Layout {
    /// At their offset, as a commit wrote them.
    Plain,
    /// In chunks: offsets are those of the raw space, and each record has its LSN in it.
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
            StreamKind::Log | StreamKind::Side => Kind::Log,
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
        })
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

    /// Reads the payload of the record at `location`, which must be the one of `key`.
    pub(crate) fn payload(&self, cache: &Cache, key: Key, location: &Location) -> Result<Bytes> {
        let len = usize::try_from(location.len).unwrap_or(usize::MAX);
        let bytes = match &self.layout {
            Layout::Plain => self.read(location.offset, len)?,
            Layout::Chunked(chunks) => chunks.record(self, cache, location)?,
        };
        self.check(&bytes, key, location)
    }

    /// The payload of the record `bytes`, which lie at `location`, and must be of `key`.
    pub(crate) fn check(&self, bytes: &Bytes, key: Key, location: &Location) -> Result<Bytes> {
        let binding = Binding {
            salt: self.salt,
            offset: location.offset,
            lsn: location.lsn,
        };
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
        let payload_len = payload.len();
        Ok(bytes.slice(bytes.len() - payload_len..))
    }
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
