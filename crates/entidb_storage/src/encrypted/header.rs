//! The first 96 bytes of every encrypted stream.

use sha2::{Digest, Sha256};

use super::TAG_SIZE;
use super::cipher::Tag;
use super::frame;
use super::keys::{Keys, StreamKey};
use super::source::Source;
use crate::{StorageError, StorageResult};

pub(super) const MAGIC: [u8; 8] = [0x89, b'E', b'D', b'E', 0x0d, 0x0a, 0x1a, 0x0a];
pub(super) const VERSION: u32 = 1;
/// AES-256-GCM, with keys by HKDF-SHA256.
const CIPHER: u32 = 1;
pub(super) const ID_LEN: usize = 16;
/// With what the streams of a database begin that is not encrypted.
const PLAIN_MAGIC: [u8; 4] = [0x89, b'E', b'D', b'B'];
/// What a disk writes at once, in bytes.
const SECTOR_LEN: usize = 512;

const VERSION_AT: usize = 8;
const CIPHER_AT: usize = VERSION_AT + 4;
const FEATURES_AT: usize = CIPHER_AT + 4;
const KEY_ID_AT: usize = FEATURES_AT + 8;
const STREAM_ID_AT: usize = KEY_ID_AT + ID_LEN;
const DURABLE_AT: usize = STREAM_ID_AT + ID_LEN;
const CHECK_AT: usize = DURABLE_AT + 8;
const CHECKSUM_AT: usize = CHECK_AT + TAG_SIZE;
pub(super) const LEN: usize = CHECKSUM_AT + 16;

/// What a stream's header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) key_id: [u8; ID_LEN],
    pub(super) stream_id: [u8; ID_LEN],
    /// How far the stream was durable before it could be opened: its whole length, in a stream that was put in place at
    /// once; 0 in any other.
    pub(super) durable: u64,
}

impl Header {
    pub(super) fn encode(&self, key: &StreamKey) -> StorageResult<([u8; LEN], Tag)> {
        let mut bytes = [0; LEN];
        put(&mut bytes, 0, &MAGIC);
        put(&mut bytes, VERSION_AT, &VERSION.to_le_bytes());
        put(&mut bytes, CIPHER_AT, &CIPHER.to_le_bytes());
        put(&mut bytes, KEY_ID_AT, &self.key_id);
        put(&mut bytes, STREAM_ID_AT, &self.stream_id);
        put(&mut bytes, DURABLE_AT, &self.durable.to_le_bytes());
        let check = key.check(&bytes[..CHECK_AT])?;
        put(&mut bytes, CHECK_AT, &check);
        let checksum = checksum(&bytes[..CHECKSUM_AT]);
        put(&mut bytes, CHECKSUM_AT, &checksum);
        Ok((bytes, check))
    }

    /// What the header says, its check value not yet checked.
    fn decode(bytes: &[u8; LEN]) -> StorageResult<Self> {
        if checksum(&bytes[..CHECKSUM_AT]) != bytes[CHECKSUM_AT..] {
            return Err(StorageError::Corrupted(
                "the header of this encrypted stream is damaged".to_owned(),
            ));
        }
        let number = |at| u32::from_le_bytes(take(bytes, at));
        for (what, at, known) in [
            ("format version", VERSION_AT, VERSION),
            ("cipher", CIPHER_AT, CIPHER),
        ] {
            if number(at) != known {
                return Err(StorageError::Encryption(format!(
                    "this stream has {what} {}, and this program knows only {known}",
                    number(at)
                )));
            }
        }
        if u64::from_le_bytes(take(bytes, FEATURES_AT)) != 0 {
            return Err(StorageError::Encryption(
                "this stream needs a feature that this program does not know".to_owned(),
            ));
        }
        Ok(Self {
            key_id: take(bytes, KEY_ID_AT),
            stream_id: take(bytes, STREAM_ID_AT),
            durable: u64::from_le_bytes(take(bytes, DURABLE_AT)),
        })
    }
}

/// A stream's header, found sound.
pub(super) struct Opened {
    pub(super) header: Header,
    pub(super) key: StreamKey,
    pub(super) check: Tag,
}

/// Reads a stream's header and checks it against the key. `None` where there is no header yet: in an empty stream, or in
/// one whose creation a crash has cut off.
///
/// ORDER: a header is durable before anything is appended behind it, so where there is something behind it, a bad header
/// is damage.
pub(super) fn read(source: Source<'_>, keys: &Keys) -> StorageResult<Option<Opened>> {
    let size = source.size()?;
    if size == 0 {
        return Ok(None);
    }
    let mut bytes = [0; LEN];
    let len = usize::try_from(size).map_or(LEN, |size| size.min(LEN));
    let there = &mut bytes[..len];
    source.fill(0, there)?;
    if !there.starts_with(&MAGIC) || len < LEN {
        if may_be_cut_off(source, size)? {
            return Ok(None);
        }
        return Err(StorageError::Encryption(
            "this is no encrypted stream, or its header is damaged".to_owned(),
        ));
    }
    let header = match Header::decode(&bytes) {
        Ok(header) => header,
        Err(StorageError::Corrupted(_)) if is_zero(source, LEN as u64, size)? => return Ok(None),
        Err(error) => return Err(error),
    };
    let key = keys.stream(&header)?;
    let check = key.check(&bytes[..CHECK_AT])?;
    if check != bytes[CHECK_AT..CHECKSUM_AT] {
        return Err(keys.mismatch());
    }
    Ok(Some(Opened { header, key, check }))
}

/// Whether what is there, which does not begin with a header, may be what a crash has left of writing one: anything in the
/// first sector, and nothing behind it. What somebody may have put there without encryption, a text or the head of a plain
/// stream, is spared.
fn may_be_cut_off(source: Source<'_>, size: u64) -> StorageResult<bool> {
    let mut sector = [0; SECTOR_LEN];
    let len = usize::try_from(size).map_or(SECTOR_LEN, |size| size.min(SECTOR_LEN));
    let there = &mut sector[..len];
    source.fill(0, there)?;
    if !is_zero(source, SECTOR_LEN as u64, size)? {
        return Ok(false);
    }
    let Some(last) = there.iter().rposition(|byte| *byte != 0) else {
        return Ok(true);
    };
    let written = &there[..=last];
    let begun = MAGIC.starts_with(written) || written.starts_with(&MAGIC);
    let is_text = std::str::from_utf8(written).is_ok();
    let has_frame = written
        .get(LEN..)
        .is_some_and(|rest| rest.starts_with(&frame::MAGIC));
    Ok((begun || !is_text) && !written.starts_with(&PLAIN_MAGIC) && !has_frame)
}

/// Whether there are only zeros from `from` on.
fn is_zero(source: Source<'_>, from: u64, size: u64) -> StorageResult<bool> {
    let mut window = super::window::Window::new(source, size);
    let mut at = from;
    while at < size {
        let bytes = window.get(at, 64 * 1024, false)?;
        if bytes.is_empty() || bytes.iter().any(|byte| *byte != 0) {
            return Ok(false);
        }
        at += bytes.len() as u64;
    }
    Ok(true)
}

/// Where the check value of a header lies: it stands for the header in the chain of frames.
pub(super) fn check_at() -> u64 {
    CHECK_AT as u64
}

pub(super) fn checksum(bytes: &[u8]) -> [u8; 16] {
    let hash: [u8; 32] = Sha256::digest(bytes).into();
    hash.first_chunk().copied().unwrap_or_default()
}

/// Puts a field in its place.
pub(super) fn put(bytes: &mut [u8], at: usize, field: &[u8]) {
    if let Some(place) = bytes.get_mut(at..at + field.len()) {
        place.copy_from_slice(field);
    }
}

/// The field at a place that is there.
pub(super) fn take<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes
        .get(at..)
        .and_then(|rest| rest.first_chunk())
        .copied()
        .unwrap_or([0; N])
}
