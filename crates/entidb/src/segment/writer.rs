//! Writing a segment of chunks.

use entidb_storage::{Directory, OpenMode, StorageBackend};

use crate::error::{Error, Result};
use crate::format::checksum::Binding;
use crate::format::chunk::{self, Table};
use crate::format::footer::ChunksFooter;
use crate::format::header::{self, Header, Kind};
use crate::format::key::Key;
use crate::format::name::StreamKind;
use crate::format::{block, record};
use crate::ids::{Lsn, StreamId};
use crate::manifest::{SealedEntry, digest};
use crate::memtable::Location;
use crate::options::Compression;

/// Takes records in key order and writes the chunks as they fill. What it made counts only once the manifest lists it.
pub(crate) struct Writer {
    name: String,
    id: StreamId,
    salt: u64,
    header: [u8; header::LEN],
    backend: Box<dyn StorageBackend>,
    compression: Compression,
    /// The records of the chunk that is filling.
    chunk: Vec<u8>,
    table: Table,
    records: u64,
    tombstones: u64,
    lsns: (Lsn, Lsn),
    one_commit: bool,
}

impl Writer {
    /// Makes the segment's stream.
    pub(crate) fn create(
        directory: &dyn Directory,
        id: StreamId,
        database: [u8; 16],
        salt: u64,
        compression: Compression,
    ) -> Result<Self> {
        let name = StreamKind::Segment.name(id);
        let header = Header {
            kind: Kind::Segment,
            database,
            stream: id,
            salt,
        }
        .encode();
        let backend = directory
            .open(&name, OpenMode::CreateNew)
            .map_err(|error| Error::storage(error, "make", &name))?;
        let mut writer = Self {
            name,
            id,
            salt,
            header,
            backend,
            compression,
            chunk: Vec::new(),
            table: Table::default(),
            records: 0,
            tombstones: 0,
            lsns: (Lsn::MAX, Lsn::ZERO),
            one_commit: false,
        };
        writer.append(&header)?;
        Ok(writer)
    }

    fn append(&mut self, bytes: &[u8]) -> Result<()> {
        match self.backend.append(bytes) {
            Ok(_) => Ok(()),
            Err(error) => Err(Error::storage(error, "append to", &self.name)),
        }
    }

    /// All records will be of one commit that has no LSN yet: 0 stands for it.
    pub(crate) fn set_one_commit(&mut self) {
        self.one_commit = true;
    }

    /// Length of what was written so far, in bytes.
    pub(crate) fn len(&self) -> u64 {
        self.table.end() + self.chunk.len() as u64
    }

    /// Copies a record. Returns where it lies now.
    pub(crate) fn push(
        &mut self,
        key: Key,
        lsn: Lsn,
        tombstone: bool,
        payload: &[u8],
    ) -> Result<Location> {
        let header = record::Header {
            payload_len: u32::try_from(payload.len())
                .map_err(|_| Error::invalid("the entity is too large"))?,
            collection: key.collection(),
            kind: match tombstone {
                true => record::Kind::Tombstone,
                false => record::Kind::Entity,
            },
            was: record::Was::Unknown,
            id: key.id(),
        };
        debug_assert!(!self.one_commit || lsn == Lsn::ZERO);
        let len = record::HEADER_LEN + record::LSN_LEN + payload.len();
        if len >= chunk::CLOSE_LEN {
            self.finish_chunk()?;
        }
        let at = self.chunk.len();
        let location = Location {
            lsn,
            stream: self.id,
            offset: self.table.raw_len() + at as u64,
            len: u32::try_from(len).map_err(|_| Error::invalid("the entity is too large"))?,
            tombstone,
        };
        header.encode_with_lsn(lsn, payload, &mut self.chunk);
        let binding = Binding {
            salt: self.salt,
            offset: location.offset,
            lsn,
        };
        record::bind(self.chunk.get_mut(at..).unwrap_or_default(), binding);
        self.records += 1;
        self.tombstones += u64::from(tombstone);
        self.lsns = (self.lsns.0.min(lsn), self.lsns.1.max(lsn));
        if self.chunk.len() >= chunk::CLOSE_LEN {
            self.finish_chunk()?;
        }
        Ok(location)
    }

    fn finish_chunk(&mut self) -> Result<()> {
        if self.chunk.is_empty() {
            return Ok(());
        }
        let (raw_at, offset) = (self.table.raw_len(), self.table.end());
        let (bytes, place) =
            chunk::encode(&self.chunk, raw_at, self.compression, self.salt, offset)
                .ok_or_else(|| Error::invalid("the entity is too large"))?;
        self.append(&bytes)?;
        self.table.push(&place);
        self.chunk.clear();
        Ok(())
    }

    /// Writes the last chunk, the table and the footer, and syncs. There must have been a record.
    pub(crate) fn finish(mut self) -> Result<SealedEntry> {
        self.finish_chunk()?;
        let table_at = self.table.end();
        let table = self.table.encode();
        self.append(&table)?;
        let footer = ChunksFooter {
            chunks: self.table.count() as u64,
            records: self.records,
            tombstones: self.tombstones,
            raw_bytes: self.table.raw_len(),
            stored_bytes: table_at - header::LEN as u64,
            first_lsn: self.lsns.0,
            last_lsn: self.lsns.1,
            compression: self.compression,
            table_crc: Table::checksum(&table, self.salt, table_at),
            one_commit: self.one_commit,
        };
        let end = table_at + table.len() as u64;
        let footer = block::encode(self.salt, end, &footer.encode())
            .ok_or_else(|| Error::invalid("the footer is too large"))?;
        self.append(&footer)?;
        // ORDER: the copies are durable, with their name, before the manifest lists them and drops what they were copied
        // from; one line earlier a crash leaves a stream that no manifest names, and the records where they were.
        self.backend
            .sync()
            .and_then(|()| self.backend.close())
            .map_err(|error| Error::storage(error, "sync", &self.name))?;
        Ok(SealedEntry {
            stream: self.id,
            end,
            len: end + footer.len() as u64,
            digest: digest(&self.header, &footer),
            first_lsn: self.lsns.0,
            last_lsn: self.lsns.1,
        })
    }
}
