//! The compressions of a chunk: their numbers on disk, and both directions.

use bytes::Bytes;

use super::Fault;
use super::chunk::RAW_LEN_MAX;
#[cfg(feature = "zstd")]
use super::zstd;
use crate::options::Compression;

const NONE: u32 = 0;
const LZ4: u32 = 1;
const ZSTD: u32 = 2;

/// LZ4 makes of one byte no more than this many.
const LZ4_RATIO_MAX: u64 = 255;

/// The number of a compression on disk.
pub(crate) fn code(compression: Compression) -> u32 {
    match compression {
        Compression::None => NONE,
        Compression::Lz4 => LZ4,
        #[cfg(feature = "zstd")]
        Compression::Zstd => ZSTD,
    }
}

/// The compression with this number.
pub(crate) fn of_code(code: u32) -> Result<Compression, Fault> {
    match code {
        NONE => Ok(Compression::None),
        LZ4 => Ok(Compression::Lz4),
        #[cfg(feature = "zstd")]
        ZSTD => Ok(Compression::Zstd),
        #[cfg(not(feature = "zstd"))]
        ZSTD => Err(Fault::Feature("zstd")),
        other => Err(Fault::Unsupported(format!("compression {other}"))),
    }
}

/// The bytes, shorter; `None` if they do not shrink, or are not to be compressed.
pub(super) fn compress(raw: &[u8], compression: Compression) -> Option<Vec<u8>> {
    let compressed = match compression {
        Compression::None => return None,
        Compression::Lz4 => lz4_flex::block::compress(raw),
        #[cfg(feature = "zstd")]
        Compression::Zstd => zstd::compress(raw)?,
    };
    (compressed.len() < raw.len()).then_some(compressed)
}

/// The `raw_len` bytes that `stored` was made of.
pub(super) fn decompress(
    stored: &Bytes,
    raw_len: u32,
    compression: Compression,
) -> Result<Bytes, Fault> {
    let made = match compression {
        Compression::None if stored.len() as u64 == u64::from(raw_len) => return Ok(stored.clone()),
        Compression::None => return Err(Fault::short(raw_len as usize, stored.len())),
        Compression::Lz4 => {
            let len = bounded(raw_len, (stored.len() as u64 + 1) * LZ4_RATIO_MAX)?;
            let made = lz4_flex::block::decompress(stored, len);
            made.map_err(|error| Fault::damaged("LZ4", error.to_string()))?
        }
        #[cfg(feature = "zstd")]
        Compression::Zstd => {
            let len = bounded(raw_len, zstd::len_max(stored.len()))?;
            zstd::decompress(stored, len)?
        }
    };
    match made.len() as u64 == u64::from(raw_len) {
        true => Ok(Bytes::from(made)),
        false => Err(Fault::short(raw_len as usize, made.len())),
    }
}

/// A length, bounded before it is allocated: by what can be, and by what the bytes that are there can make.
fn bounded(raw_len: u32, made_max: u64) -> Result<usize, Fault> {
    let bound = made_max.min(RAW_LEN_MAX as u64);
    let len = usize::try_from(raw_len).ok();
    len.filter(|_| u64::from(raw_len) <= bound).ok_or_else(|| {
        Fault::damaged(
            format!("a chunk of up to {bound} bytes"),
            raw_len.to_string(),
        )
    })
}
