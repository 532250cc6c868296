//! The filter over the values of a run, in pages: of most absent values it says that they are absent.

use super::KIND_FILTER;
use crate::format::Fault;
use crate::format::fields::Fields;
use crate::format::filter::{BLOCK_LEN, has};
use crate::format::page;
use crate::mix::{GOLDEN, mix64};

/// Length of what stands before the blocks.
const HEAD_LEN: usize = BLOCK_LEN;
/// How many blocks a page has room for.
const BLOCK_COUNT: usize = (page::LEN - HEAD_LEN) / BLOCK_LEN;

/// The hash of a value. One serves the filters of all runs.
#[inline]
pub(crate) fn hash(value: &[u8]) -> u64 {
    let (words, rest) = value.as_chunks();
    let mut hash = mix64((value.len() as u64 + 1).wrapping_mul(GOLDEN));
    for word in words {
        hash = mix64(hash ^ u64::from_le_bytes(*word));
    }
    if !rest.is_empty() {
        let rest = rest.iter().rev();
        hash = mix64(hash ^ rest.fold(0, |word, byte| (word << 8) | u64::from(*byte)));
    }
    hash
}

/// How many pages hold so many blocks.
pub(crate) fn page_count(blocks: u64) -> u64 {
    blocks.div_ceil(BLOCK_COUNT as u64)
}

/// The page, from 0, and the block in it of a block among all.
#[inline]
pub(crate) fn place(block: u64) -> (u64, usize) {
    let at = block % BLOCK_COUNT as u64;
    (block / BLOCK_COUNT as u64, usize::try_from(at).unwrap_or(0))
}

/// How many blocks stand before the page with this number, from 0.
pub(crate) fn first_block(number: u64) -> u64 {
    number.saturating_mul(BLOCK_COUNT as u64)
}

/// The pages of these blocks, the first of which lies at `offset` in the run with `salt`.
pub(crate) fn encode(blocks: &[[u32; 8]], salt: u64, offset: u64) -> impl Iterator<Item = Vec<u8>> {
    let offsets = (offset..).step_by(page::LEN);
    blocks
        .chunks(BLOCK_COUNT)
        .zip(offsets)
        .map(move |(blocks, offset)| {
            let mut page = Vec::with_capacity(page::LEN);
            page.extend_from_slice(&[0; page::CRC_LEN]);
            page.extend_from_slice(&[KIND_FILTER, 0]);
            let count = u16::try_from(blocks.len()).unwrap_or_default();
            page.extend_from_slice(&count.to_le_bytes());
            page.resize(HEAD_LEN, 0);
            page.extend(blocks.iter().flatten().flat_map(|word| word.to_le_bytes()));
            page::seal(page, salt, offset)
        })
}

/// A checked page of the filter. Its bytes stand in it, so that who finds the page has one more line to touch.
#[derive(Debug)]
pub(crate) struct FilterPage([u8; page::LEN]);

impl FilterPage {
    /// The page that lies at `offset` in the run with `salt`, which has so many blocks from its first one on.
    pub(crate) fn decode(bytes: &[u8], salt: u64, offset: u64, blocks: u64) -> Result<Self, Fault> {
        let page = page::open(bytes, salt, offset)?;
        let mut fields = Fields::new(page);
        let _crc = fields.u32();
        let (kind, level, count) = (fields.u8(), fields.u8(), fields.u16());
        let reserved: Option<[u8; HEAD_LEN - 8]> = fields.array();
        if kind != Some(KIND_FILTER) || level != Some(0) || reserved != Some([0; HEAD_LEN - 8]) {
            return Err(Fault::Unsupported(format!(
                "page kind {} at level {} for a filter",
                kind.unwrap_or_default(),
                level.unwrap_or_default()
            )));
        }
        let expected = blocks.min(BLOCK_COUNT as u64);
        match count.map(u64::from) {
            Some(count) if count == expected => Ok(Self(*page)),
            count => Err(Fault::damaged(
                format!("{expected} blocks of a filter"),
                format!("{}", count.unwrap_or_default()),
            )),
        }
    }

    /// Whether block `at` of the page has all of these bits.
    #[inline]
    pub(crate) fn has(&self, at: usize, bits: [u32; 8]) -> bool {
        let block = self.0.get(HEAD_LEN + at * BLOCK_LEN..);
        let block = block.and_then(|block| block.first_chunk());
        block.is_none_or(|block| has(block, bits))
    }
}
