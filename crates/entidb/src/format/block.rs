//! A checked block of canonical CBOR: the manifest's body, and the footers.

use super::Fault;
use super::checksum::{Binding, bound};
use super::fields::{Fields, put};
use crate::ids::Lsn;

/// Length of what stands before the body, in bytes: magic, checksum, body length, flags.
pub(crate) const HEAD_LEN: usize = 4 + 4 + 4 + 4;
/// Length of what stands behind it: the block's length once more, and a mark, so that a footer is found from the end.
pub(crate) const TAIL_LEN: usize = 4 + 4;
/// The longest body, in bytes.
pub(crate) const BODY_LEN_MAX: usize = 64 << 20;
/// The longest block, in bytes.
pub(crate) const LEN_MAX: u64 = (HEAD_LEN + BODY_LEN_MAX + TAIL_LEN) as u64;

const MAGIC: [u8; 4] = *b"\xb5EBl";
const END_MAGIC: [u8; 4] = *b"\xb5End";
const CRC_AT: usize = 4;
const CRC_FROM: usize = 8;

/// The block of `body`, to lie at `offset` in the stream with `salt`. `None` if the body is too long.
pub(crate) fn encode(salt: u64, offset: u64, body: &[u8]) -> Option<Vec<u8>> {
    if body.len() > BODY_LEN_MAX {
        return None;
    }
    let body_len = u32::try_from(body.len()).ok()?;
    let block_len = u32::try_from(HEAD_LEN + body.len() + TAIL_LEN).ok()?;
    let mut block = Vec::with_capacity(HEAD_LEN + body.len() + TAIL_LEN);
    block.extend_from_slice(&MAGIC);
    block.extend_from_slice(&[0; 4]);
    block.extend_from_slice(&body_len.to_le_bytes());
    block.extend_from_slice(&0_u32.to_le_bytes()); // flags, all reserved
    block.extend_from_slice(body);
    block.extend_from_slice(&block_len.to_le_bytes());
    block.extend_from_slice(&END_MAGIC);
    let crc = checksum(salt, offset, &block);
    put(&mut block, CRC_AT, &crc.to_le_bytes());
    Some(block)
}

/// The body of the block that fills `block` and lies at `offset` in the stream with `salt`.
pub(crate) fn decode(salt: u64, offset: u64, block: &[u8]) -> Result<&[u8], Fault> {
    let short = || Fault::short(HEAD_LEN + TAIL_LEN, block.len());
    let (head, rest) = block.split_at_checked(HEAD_LEN).ok_or_else(short)?;
    let mut fields = Fields::new(head);
    let magic: [u8; 4] = fields.array().ok_or_else(short)?;
    if magic != MAGIC {
        return Err(Fault::damaged(
            format!("a block ({})", MAGIC.escape_ascii()),
            format!("{}", magic.escape_ascii()),
        ));
    }
    let stored = fields.u32().ok_or_else(short)?;
    let computed = checksum(salt, offset, block);
    if stored != computed {
        return Err(Fault::checksum(stored, computed));
    }
    let body_len = fields.u32().ok_or_else(short)?;
    let flags = fields.u32().ok_or_else(short)?;
    if flags != 0 {
        return Err(Fault::Unsupported(format!("block flags {flags:#x}")));
    }
    let body_len = usize::try_from(body_len).map_err(|_| short())?;
    match rest.split_at_checked(body_len) {
        Some((body, tail)) if tail.len() == TAIL_LEN => Ok(body),
        _ => Err(Fault::damaged(
            format!("a body of {body_len} bytes"),
            format!("{}", rest.len().saturating_sub(TAIL_LEN)),
        )),
    }
}

/// The length of the block that ends a stream, by its last [`TAIL_LEN`] bytes; `None` if they are not a block's end.
pub(crate) fn len_from_tail(tail: [u8; TAIL_LEN]) -> Option<u64> {
    let mut fields = Fields::new(&tail);
    let len = fields.u32()?;
    (fields.array() == Some(END_MAGIC)).then_some(u64::from(len))
}

fn checksum(salt: u64, offset: u64, block: &[u8]) -> u32 {
    let binding = Binding {
        salt,
        offset,
        lsn: Lsn::ZERO,
    };
    bound(binding, block.get(CRC_FROM..).unwrap_or_default())
}
