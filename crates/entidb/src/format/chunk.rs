//! Records in key order, packed together and compressed together: what a merge makes of the records that it copies.
//!
//! The records of all chunks of a segment, one behind the other as if nothing were compressed, are its *raw space*. Runs refer to
//! records by their offset in it, and the table at the segment's end says which chunk holds an offset.

use bytes::Bytes;

use super::Fault;
use super::checksum::{Binding, bound};
use super::compress;
use super::fields::{Fields, put};
use super::header;
use super::leaf::{guess, search};
use super::record;
use crate::ids::Lsn;
use crate::limits::PAYLOAD_LEN_MAX;
use crate::options::Compression;

/// Length of a chunk's header in bytes: magic, checksum, raw length, stored length, raw offset, compression, reserved.
pub(crate) const HEADER_LEN: usize = 4 + 4 + 4 + 4 + 8 + 4 + 4;
/// A chunk that has this many bytes takes no more records.
pub(crate) const CLOSE_LEN: usize = 32 << 10;
/// The longest chunk before compression, in bytes: the largest record, alone.
pub(crate) const RAW_LEN_MAX: usize = PAYLOAD_LEN_MAX + record::HEADER_LEN + record::LSN_LEN;
/// Length of what the table says of one chunk, in bytes: raw length, stored length, checksum.
pub(crate) const ENTRY_LEN: usize = 4 + 4 + 4;

const MAGIC: [u8; 4] = *b"\xb5EBc";
const CRC_AT: usize = 4;
const CRC_FROM: usize = 8;

/// Where a chunk lies in its segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// Offset of the chunk's header in the stream, in bytes.
    pub(crate) offset: u64,
    /// Offset of its first record in the raw space, in bytes.
    pub(crate) raw_at: u64,
    pub(crate) raw_len: u32,
    /// Length behind the header in bytes.
    pub(crate) stored_len: u32,
    /// The checksum in its header.
    pub(crate) crc: u32,
}

impl Place {
    /// Length of the chunk with its header, in bytes.
    pub(crate) fn len(&self) -> u64 {
        HEADER_LEN as u64 + u64::from(self.stored_len)
    }
}

/// Encodes the chunk of the records `raw`, to lie at `offset` in the stream with `salt`; its first record has the offset
/// `raw_at` in the raw space. What does not shrink is stored as it is. `None` if it is too long.
pub(crate) fn encode(
    raw: &[u8],
    raw_at: u64,
    compression: Compression,
    salt: u64,
    offset: u64,
) -> Option<(Vec<u8>, Place)> {
    let raw_len = u32::try_from(raw.len()).ok()?;
    if raw.len() > RAW_LEN_MAX {
        return None;
    }
    let compressed = compress::compress(raw, compression);
    let (stored, used) = match &compressed {
        Some(compressed) => (compressed.as_slice(), compression),
        None => (raw, Compression::None),
    };
    let stored_len = u32::try_from(stored.len()).ok()?;
    let mut bytes = Vec::with_capacity(HEADER_LEN + stored.len());
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(&raw_len.to_le_bytes());
    bytes.extend_from_slice(&stored_len.to_le_bytes());
    bytes.extend_from_slice(&raw_at.to_le_bytes());
    bytes.extend_from_slice(&compress::code(used).to_le_bytes());
    bytes.extend_from_slice(&[0; 4]); // reserved
    debug_assert_eq!(bytes.len(), HEADER_LEN);
    bytes.extend_from_slice(stored);
    let crc = checksum(salt, offset, &bytes);
    put(&mut bytes, CRC_AT, &crc.to_le_bytes());
    let place = Place {
        offset,
        raw_at,
        raw_len,
        stored_len,
        crc,
    };
    Some((bytes, place))
}

/// The records of the chunk `bytes`, header included, that lies at `place` in the stream with `salt`.
pub(crate) fn decode(bytes: &Bytes, place: &Place, salt: u64) -> Result<Bytes, Fault> {
    let short = || Fault::short(HEADER_LEN, bytes.len());
    let mut fields = Fields::new(bytes);
    let magic: [u8; 4] = fields.array().ok_or_else(short)?;
    if magic != MAGIC {
        return Err(Fault::damaged(
            format!("a chunk ({})", MAGIC.escape_ascii()),
            magic.escape_ascii().to_string(),
        ));
    }
    let stored_crc = fields.u32().ok_or_else(short)?;
    let computed = checksum(salt, place.offset, bytes);
    if stored_crc != computed || stored_crc != place.crc {
        return Err(Fault::checksum(place.crc, computed));
    }
    let raw_len = fields.u32().ok_or_else(short)?;
    let stored_len = fields.u32().ok_or_else(short)?;
    let raw_at = fields.u64().ok_or_else(short)?;
    let code = fields.u32().ok_or_else(short)?;
    let reserved = fields.u32().ok_or_else(short)?;
    if reserved != 0 {
        return Err(Fault::Unsupported(format!("chunk flags {reserved:#x}")));
    }
    let stored = bytes.slice(HEADER_LEN.min(bytes.len())..);
    let told = (raw_len, stored_len, raw_at);
    if told != (place.raw_len, place.stored_len, place.raw_at)
        || stored.len() as u64 != u64::from(stored_len)
    {
        return Err(Fault::damaged(
            format!("a chunk of {} bytes at {}", place.raw_len, place.raw_at),
            format!("one of {raw_len} at {raw_at}"),
        ));
    }
    compress::decompress(&stored, raw_len, compress::of_code(code)?)
}

fn checksum(salt: u64, offset: u64, chunk: &[u8]) -> u32 {
    let binding = Binding {
        salt,
        offset,
        lsn: Lsn::ZERO,
    };
    bound(binding, chunk.get(CRC_FROM..).unwrap_or_default())
}

/// Where each chunk of a segment lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Table {
    /// In order; the lengths of each are told by the next, and those of the last by the end.
    chunks: Vec<Start>,
    end: Start,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Start {
    offset: u64,
    raw_at: u64,
    crc: u32,
}

impl Default for Table {
    fn default() -> Self {
        Self {
            chunks: Vec::new(),
            end: Start {
                offset: header::LEN as u64,
                raw_at: 0,
                crc: 0,
            },
        }
    }
}

impl Table {
    /// Adds the chunk that lies behind the last one.
    pub(crate) fn push(&mut self, place: &Place) {
        debug_assert_eq!(
            (self.end.offset, self.end.raw_at),
            (place.offset, place.raw_at)
        );
        self.chunks.push(Start {
            crc: place.crc,
            ..self.end
        });
        self.end.offset += place.len();
        self.end.raw_at += u64::from(place.raw_len);
    }

    /// How many chunks there are.
    pub(crate) fn count(&self) -> usize {
        self.chunks.len()
    }

    /// Where the chunks end, in bytes.
    pub(crate) fn end(&self) -> u64 {
        self.end.offset
    }

    /// Length of the raw space in bytes.
    pub(crate) fn raw_len(&self) -> u64 {
        self.end.raw_at
    }

    /// The chunk with this number, from 0.
    pub(crate) fn place(&self, number: usize) -> Option<Place> {
        let start = self.chunks.get(number)?;
        let next = self.chunks.get(number + 1).unwrap_or(&self.end);
        let stored = next.offset - start.offset - HEADER_LEN as u64;
        Some(Place {
            offset: start.offset,
            raw_at: start.raw_at,
            raw_len: u32::try_from(next.raw_at - start.raw_at).ok()?,
            stored_len: u32::try_from(stored).ok()?,
            crc: start.crc,
        })
    }

    /// The number of the chunk that holds the byte at `raw_at` of the raw space.
    pub(crate) fn find(&self, raw_at: u64) -> Option<usize> {
        if raw_at >= self.end.raw_at {
            return None;
        }
        // Chunks are about equally long, so that a chunk's number is told from where it begins.
        let scale = self.count() as f64 / self.end.raw_at as f64;
        let behind = search(self.count(), guess(raw_at, scale), |number| {
            self.chunks
                .get(number)
                .is_some_and(|start| start.raw_at <= raw_at)
        });
        behind.checked_sub(1)
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.count() * ENTRY_LEN);
        for place in (0..self.count()).filter_map(|number| self.place(number)) {
            bytes.extend_from_slice(&place.raw_len.to_le_bytes());
            bytes.extend_from_slice(&place.stored_len.to_le_bytes());
            bytes.extend_from_slice(&place.crc.to_le_bytes());
        }
        bytes
    }

    /// The checksum of an encoded table that lies at `offset` in the stream with `salt`.
    pub(crate) fn checksum(bytes: &[u8], salt: u64, offset: u64) -> u32 {
        let binding = Binding {
            salt,
            offset,
            lsn: Lsn::ZERO,
        };
        bound(binding, bytes)
    }

    /// Reads the table that lies at `offset`, behind the last chunk, in the stream with `salt`, against its checksum in the
    /// footer.
    pub(crate) fn decode(
        bytes: &[u8],
        salt: u64,
        offset: u64,
        expected: u32,
    ) -> Result<Self, Fault> {
        let computed = Self::checksum(bytes, salt, offset);
        if computed != expected {
            return Err(Fault::checksum(expected, computed));
        }
        let (entries, rest) = bytes.as_chunks::<ENTRY_LEN>();
        if !rest.is_empty() {
            return Err(Fault::short(ENTRY_LEN, rest.len()));
        }
        let mut table = Self::default();
        table.chunks.reserve_exact(entries.len());
        for entry in entries {
            let mut fields = Fields::new(entry);
            let mut field = || fields.u32().unwrap_or_default();
            let (raw_len, stored_len, crc) = (field(), field(), field());
            if raw_len == 0 || raw_len as usize > RAW_LEN_MAX || stored_len > raw_len {
                return Err(Fault::damaged(
                    format!("chunks of up to {RAW_LEN_MAX} bytes"),
                    format!("one of {raw_len}, stored in {stored_len}"),
                ));
            }
            table.push(&Place {
                offset: table.end.offset,
                raw_at: table.end.raw_at,
                raw_len,
                stored_len,
                crc,
            });
        }
        match table.end.offset == offset {
            true => Ok(table),
            false => Err(Fault::damaged(
                format!("chunks up to {offset}"),
                format!("up to {}", table.end.offset),
            )),
        }
    }
}

const _: () = assert!(HEADER_LEN == 32);
