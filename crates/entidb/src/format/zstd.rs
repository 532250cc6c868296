//! Zstandard (RFC 8878): one frame for each chunk, which says how long its content is.

use std::cell::RefCell;

use zstd::bulk::{Compressor, Decompressor};
use zstd::zstd_safe::{find_frame_compressed_size, get_frame_content_size};

use super::Fault;

/// How hard it is tried: what the library itself takes.
const LEVEL: i32 = 3;
/// Length of the shortest block, in bytes: its header, and the byte that it repeats.
const BLOCK_LEN_MIN: u64 = 4;
/// The longest content of a block, in bytes.
const BLOCK_RAW_LEN_MAX: u64 = 128 << 10;

// What the library needs between two calls costs more to make than a chunk to compress.
thread_local! {
    static COMPRESSOR: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
    static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

/// One frame of `raw`; `None` if the library has no room for what it needs.
pub(super) fn compress(raw: &[u8]) -> Option<Vec<u8>> {
    COMPRESSOR.with_borrow_mut(|kept| {
        let mut compressor = kept.take().or_else(|| Compressor::new(LEVEL).ok())?;
        let compressed = compressor.compress(raw).ok();
        *kept = Some(compressor);
        compressed
    })
}

/// The most that this many bytes can make.
pub(super) fn len_max(stored_len: usize) -> u64 {
    (stored_len as u64 / BLOCK_LEN_MIN + 1) * BLOCK_RAW_LEN_MAX
}

/// The content of the one frame that fills `stored`, which must be `len` bytes long. Nothing is allocated before the frame says
/// so, too.
pub(super) fn decompress(stored: &[u8], len: usize) -> Result<Vec<u8>, Fault> {
    let told = get_frame_content_size(stored).ok().flatten();
    if told != u64::try_from(len).ok() {
        let told = told.map_or_else(|| "none that says so".to_owned(), |told| told.to_string());
        return Err(Fault::damaged(format!("a frame of {len} bytes"), told));
    }
    if find_frame_compressed_size(stored) != Ok(stored.len()) {
        return Err(Fault::damaged(
            "one whole Zstandard frame",
            "something else",
        ));
    }
    let made = DECOMPRESSOR.with_borrow_mut(|kept| {
        let mut decompressor = match kept.take() {
            Some(decompressor) => decompressor,
            None => Decompressor::new()?,
        };
        let made = decompressor.decompress(stored, len);
        *kept = Some(decompressor);
        made
    });
    made.map_err(|error| Fault::damaged("Zstandard", error.to_string()))
}
