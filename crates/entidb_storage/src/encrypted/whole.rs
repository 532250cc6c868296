//! A stream that is put in place at once.

use std::sync::Arc;

use super::frame::{HEADER_LEN, Kind};
use super::header::{self, Header, Opened};
use super::keys::Keys;
use super::random;
use super::sealer::Sealer;
use super::walk::Known;
use crate::{StorageError, StorageResult};

/// A new stream's header.
pub(super) fn new_header(keys: &Keys, durable: u64) -> StorageResult<([u8; header::LEN], Opened)> {
    let header = Header {
        key_id: keys.newest(),
        stream_id: random::array()?,
        durable,
    };
    let key = keys.stream(&header)?;
    let (bytes, check) = header.encode(&key)?;
    Ok((bytes, Opened { header, key, check }))
}

/// All bytes of a stream that holds `data`. Its header says how long it is, so that a part of it does not pass.
pub(super) fn seal_whole(keys: &Keys, data: &[u8], block_len: usize) -> StorageResult<Vec<u8>> {
    let frames = data.len().div_ceil(block_len);
    let len = frames
        .checked_mul(HEADER_LEN)
        .and_then(|len| len.checked_add(data.len())?.checked_add(header::LEN))
        .ok_or_else(|| StorageError::Io(std::io::ErrorKind::FileTooLarge.into()))?;
    let (header, opened) = new_header(keys, len as u64)?;
    let known = Known::new(opened);
    let generation = known.key.generation(random::array()?)?;
    let mut sealer = Sealer::default();
    sealer.begin(Arc::new(generation), 0);
    sealer.start(known.tip, 0, 0);
    sealer.out.reserve_exact(len);
    sealer.out.extend_from_slice(&header);
    for block in data.chunks(block_len) {
        sealer.seal(Kind::Data, |out| out.extend_from_slice(block))?;
    }
    Ok(sealer.out)
}
