//! All records of one transaction, behind a header that makes them count.

use super::checksum::crc32c;
use super::fields::{Fields, put};
use super::{Fault, NUMBER_MAX};
use crate::ids::{Lsn, StreamId};

/// Length of a batch's header in bytes.
pub(crate) const HEADER_LEN: usize = 4 + 4 + 4 + 4 + 4 + 4 + 8 * 9;
/// The first four bytes of a batch, by which a damaged log is searched for later ones.
pub(crate) const MAGIC: [u8; 4] = *b"\xb5EBt";
/// The flag of a batch that is a part of one commit, whose LSN the manifest says; its own is its number among these.
pub(crate) const ONE_COMMIT: u64 = 1;
const CRC_AT: usize = 4;
const CRC_FROM: usize = 8;

/// A position in a log below which everything is known to have been synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Synced {
    pub(crate) log: StreamId,
    pub(crate) offset: u64,
}

/// What makes the records behind it one transaction at one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    /// Length of the records in bytes.
    pub(crate) body_len: u32,
    /// CRC-32C of the records.
    pub(crate) body_crc: u32,
    /// How many records there are.
    pub(crate) count: u32,
    pub(crate) lsn: Lsn,
    /// The LSN before this one. What stands between is not there: it belonged to commits that were lost unacknowledged.
    pub(crate) previous: Lsn,
    /// The time of the commit: microseconds since 1970 UTC.
    pub(crate) time_us: u64,
    /// The log that this header was written to.
    pub(crate) log: StreamId,
    /// The offset that it was written at, in bytes.
    pub(crate) offset: u64,
    /// The log's salt.
    pub(crate) salt: u64,
    /// What was known to be synced when this was written.
    pub(crate) synced: Synced,
    /// The header checksum of the batch before it in the log; for the first, that of the log's own header.
    pub(crate) chain: u32,
    /// What a reader must know to read the records: bit 0, [`ONE_COMMIT`].
    pub(crate) flags: u64,
}

impl Header {
    pub(crate) fn encode(&self) -> [u8; HEADER_LEN] {
        let mut bytes = Vec::with_capacity(HEADER_LEN);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(&self.body_len.to_le_bytes());
        bytes.extend_from_slice(&self.body_crc.to_le_bytes());
        bytes.extend_from_slice(&self.count.to_le_bytes());
        bytes.extend_from_slice(&self.chain.to_le_bytes());
        bytes.extend_from_slice(&self.lsn.0.to_le_bytes());
        bytes.extend_from_slice(&self.previous.0.to_le_bytes());
        bytes.extend_from_slice(&self.time_us.to_le_bytes());
        bytes.extend_from_slice(&self.log.0.to_le_bytes());
        bytes.extend_from_slice(&self.offset.to_le_bytes());
        bytes.extend_from_slice(&self.salt.to_le_bytes());
        bytes.extend_from_slice(&self.synced.log.0.to_le_bytes());
        bytes.extend_from_slice(&self.synced.offset.to_le_bytes());
        bytes.extend_from_slice(&self.flags.to_le_bytes());
        let mut out = [0; HEADER_LEN];
        put(&mut out, 0, &bytes);
        let crc = crc32c(out.get(CRC_FROM..).unwrap_or_default());
        put(&mut out, CRC_AT, &crc.to_le_bytes());
        out
    }

    /// The checksum of this header, to which the next batch's `chain` is set.
    pub(crate) fn crc(encoded: &[u8; HEADER_LEN]) -> u32 {
        Fields::new(encoded.get(CRC_AT..).unwrap_or_default())
            .u32()
            .unwrap_or_default()
    }

    /// Reads a header. That it lies in the right log at the right offset is for the caller to compare.
    pub(crate) fn decode(bytes: &[u8; HEADER_LEN]) -> Result<Self, Fault> {
        Self::fields(bytes).unwrap_or_else(|| Err(Fault::short(HEADER_LEN, bytes.len())))
    }

    fn fields(bytes: &[u8; HEADER_LEN]) -> Option<Result<Self, Fault>> {
        let mut fields = Fields::new(bytes);
        let magic: [u8; 4] = fields.array()?;
        if magic != MAGIC {
            return Some(Err(Fault::damaged(
                format!("a batch ({})", MAGIC.escape_ascii()),
                format!("{}", magic.escape_ascii()),
            )));
        }
        let stored = fields.u32()?;
        let computed = crc32c(fields.rest());
        if stored != computed {
            return Some(Err(Fault::checksum(stored, computed)));
        }
        let body_len = fields.u32()?;
        let body_crc = fields.u32()?;
        let count = fields.u32()?;
        let chain = fields.u32()?;
        let header = Self {
            body_len,
            body_crc,
            count,
            chain,
            lsn: Lsn(fields.u64()?),
            previous: Lsn(fields.u64()?),
            time_us: fields.u64()?,
            log: StreamId(fields.u64()?),
            offset: fields.u64()?,
            salt: fields.u64()?,
            synced: Synced {
                log: StreamId(fields.u64()?),
                offset: fields.u64()?,
            },
            flags: fields.u64()?,
        };
        let numbers = [
            header.lsn.0,
            header.previous.0,
            header.log.0,
            header.offset,
            header.synced.log.0,
            header.synced.offset,
        ];
        if numbers.iter().any(|number| *number >= NUMBER_MAX) {
            return Some(Err(Fault::damaged(
                "numbers below 2^56",
                format!("{numbers:?}"),
            )));
        }
        Some(Ok(header))
    }
}

const _: () = assert!(HEADER_LEN == 96);
