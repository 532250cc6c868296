//! A filter that says of most absent keys that a run does not have them.
//!
//! A split block Bloom filter, as the Parquet format specifies it (parquet.apache.org/docs/file-format/bloomfilter; after Putze,
//! Sanders and Singler, "Cache-, hash- and space-efficient Bloom filters", 2007), over a hash of our own: a key sets one bit in
//! each of the eight words of one block, so that asking touches one cache line.

use bytes::Bytes;

use super::Fault;
use super::checksum::{Binding, bound};
use super::key::Key;
use crate::ids::Lsn;
use crate::mix::{GOLDEN, mix64};

/// How many blocks make a piece of 64 KiB.
const PIECE_BLOCK_COUNT: usize = 2048;
/// Length of a block in bytes: eight words of 32 bits.
pub(super) const BLOCK_LEN: usize = 32;
/// How many blocks a filter has at the most that many keys may be one in.
const FOLDABLE_BLOCK_COUNT_MAX: u64 = (32 << 20) / BLOCK_LEN as u64;
/// How many bits a key is given. One of about a hundred absent keys passes.
const BITS_PER_KEY: u64 = 10;
/// Odd multipliers, one a word, as specified.
const SALTS: [u32; 8] = [
    0x47b6_137b,
    0x4497_4d91,
    0x8824_ad5b,
    0xa2b7_289d,
    0x7054_95c7,
    0x2df1_424b,
    0x9efc_4947,
    0x5c6b_fb31,
];

/// The hash of a key: the id's two halves, big-endian, the collection spread over the first. One hash serves the filters of all
/// runs.
#[inline]
pub(crate) fn hash(key: &Key) -> u64 {
    let (collection, id) = key.numbers();
    #[expect(clippy::cast_possible_truncation, reason = "the two halves")]
    let (high, low) = ((id >> 64) as u64, id as u64);
    let collection = (u64::from(collection) + 1).wrapping_mul(GOLDEN);
    mix64(mix64(high ^ collection) ^ low)
}

/// The block of a hash among `count`, and the bit in each of its words.
#[inline]
pub(crate) fn place(hash: u64, count: u64) -> (u64, [u32; 8]) {
    let block = ((hash >> 32) * count) >> 32;
    let low = (hash & 0xffff_ffff) as u32;
    (block, SALTS.map(|salt| 1 << (low.wrapping_mul(salt) >> 27)))
}

/// Gathers the keys of a run.
pub(crate) struct FilterBuilder {
    blocks: Vec<[u32; 8]>,
}

impl FilterBuilder {
    /// A filter with room for this many keys.
    pub(crate) fn new(key_count: u64) -> Self {
        let bits = key_count.saturating_mul(BITS_PER_KEY);
        let count = bits.div_ceil(BLOCK_LEN as u64 * 8).clamp(1, 1 << 31);
        Self {
            blocks: vec![[0; 8]; usize::try_from(count).unwrap_or(1)],
        }
    }

    /// A filter that can be folded far, for up to this many keys of which many may be one: as many blocks as a small number
    /// times a power of two. Of very many keys it has fewer bits each, so that it takes no more than 32 MiB.
    pub(crate) fn foldable(key_count: u64) -> Self {
        let least = key_count
            .saturating_mul(BITS_PER_KEY)
            .div_ceil(BLOCK_LEN as u64 * 8);
        let least = least.clamp(1, FOLDABLE_BLOCK_COUNT_MAX);
        let unit = (least.next_power_of_two() / 16).max(1);
        let count = least.next_multiple_of(unit);
        Self {
            blocks: vec![[0; 8]; usize::try_from(count).unwrap_or(1)],
        }
    }

    /// The blocks, eight words each.
    pub(crate) fn blocks(&self) -> &[[u32; 8]] {
        &self.blocks
    }

    pub(crate) fn insert(&mut self, key: &Key) {
        self.insert_hash(hash(key));
    }

    /// Takes a key by its hash.
    #[inline]
    pub(crate) fn insert_hash(&mut self, hash: u64) {
        let (block, bits) = place(hash, self.blocks.len() as u64);
        let words = usize::try_from(block)
            .ok()
            .and_then(|block| self.blocks.get_mut(block));
        for (word, bit) in words.into_iter().flatten().zip(bits) {
            *word |= bit;
        }
    }

    /// Gives back room that was set aside for keys which did not come. A key's block is (high · count) >> 32, so that of half
    /// as many blocks it is the one of half the number: two neighbours become one that has the bits of both.
    pub(crate) fn fold(&mut self, key_count: u64) {
        let room = |blocks: usize| blocks as u64 * BLOCK_LEN as u64 * 8 / BITS_PER_KEY;
        while self.blocks.len().is_multiple_of(2) && room(self.blocks.len() / 2) >= key_count {
            let (pairs, _) = self.blocks.as_chunks::<2>();
            let folded = pairs
                .iter()
                .map(|[a, b]| std::array::from_fn(|i| or(a, b, i)));
            self.blocks = folded.collect();
        }
    }

    /// The filter's bytes, piece by piece, so that it is never in memory twice.
    pub(crate) fn pieces(&self) -> impl Iterator<Item = Vec<u8>> {
        self.blocks.chunks(PIECE_BLOCK_COUNT).map(|blocks| {
            let words = blocks.iter().flatten();
            words.flat_map(|word| word.to_le_bytes()).collect()
        })
    }

    #[cfg(test)]
    fn finish(self) -> Vec<u8> {
        self.pieces().flatten().collect()
    }
}

fn or(a: &[u32; 8], b: &[u32; 8], word: usize) -> u32 {
    let of = |words: &[u32; 8]| words.get(word).copied().unwrap_or_default();
    of(a) | of(b)
}

/// What the checksum of a filter that lies at `offset` in the run with `salt` is bound to.
pub(crate) fn binding(salt: u64, offset: u64) -> Binding {
    Binding {
        salt,
        offset,
        lsn: Lsn::ZERO,
    }
}

/// The checksum of such a filter.
fn checksum(bytes: &[u8], salt: u64, offset: u64) -> u32 {
    bound(binding(salt, offset), bytes)
}

/// A checked filter.
#[derive(Debug, Clone)]
pub(crate) struct Filter {
    bytes: Bytes,
    count: u64,
}

impl Filter {
    /// Checks the filter that lies at `offset` in the run with `salt` against its checksum in the footer.
    pub(crate) fn decode(
        bytes: Bytes,
        salt: u64,
        offset: u64,
        expected: u32,
    ) -> Result<Self, Fault> {
        let computed = checksum(&bytes, salt, offset);
        if computed != expected {
            return Err(Fault::checksum(expected, computed));
        }
        if bytes.is_empty() || !bytes.len().is_multiple_of(BLOCK_LEN) {
            return Err(Fault::damaged(
                format!("blocks of {BLOCK_LEN} bytes"),
                format!("{} bytes", bytes.len()),
            ));
        }
        let count = (bytes.len() / BLOCK_LEN) as u64;
        Ok(Self { bytes, count })
    }

    /// Whether the run may have the key. If not, it surely has not.
    pub(crate) fn may_have(&self, key: &Key) -> bool {
        self.may_have_hash(hash(key))
    }

    /// As [`may_have`](Self::may_have), by the key's [`hash`].
    #[inline]
    pub(crate) fn may_have_hash(&self, hash: u64) -> bool {
        let (block, bits) = place(hash, self.count);
        let at = usize::try_from(block).unwrap_or(0) * BLOCK_LEN;
        let block = self.bytes.get(at..).unwrap_or_default();
        let Some(block) = block.first_chunk::<BLOCK_LEN>() else {
            return true;
        };
        has(block, bits)
    }
}

/// Whether a block has all of these bits, one in each of its words: without a branch between them.
#[inline]
pub(super) fn has(block: &[u8; BLOCK_LEN], bits: [u32; 8]) -> bool {
    let (words, _) = block.as_chunks::<4>();
    let missing = words.iter().zip(bits).fold(0, |missing, (word, bit)| {
        missing | (!u32::from_le_bytes(*word) & bit)
    });
    missing == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{CollectionId, EntityId};

    fn key(n: u64) -> Key {
        // Every second one like a UUIDv7, where only the low bits differ.
        let high = if n.is_multiple_of(2) {
            mix64(n)
        } else {
            0x0190_0000_0000_7000
        };
        let id = (u128::from(high) << 64) | u128::from(mix64(!n));
        Key::new(CollectionId(1), EntityId::from_bytes(id.to_be_bytes()))
    }

    #[test]
    fn a_folded_filter_is_the_one_of_its_own_size() {
        let keys = 3000_u64;
        let mut large = FilterBuilder::new(keys * 4 * 256 / 250);
        let blocks = large.blocks.len() / 4 * 4;
        large.blocks.truncate(blocks);
        let mut small = FilterBuilder {
            blocks: vec![[0; 8]; blocks / 4],
        };
        for n in 0..keys {
            large.insert(&key(n));
            small.insert(&key(n));
        }
        large.fold(keys);
        assert_eq!(large.finish(), small.finish());
    }

    #[test]
    fn every_key_is_found_and_few_absent_ones_pass() {
        for count in [1_u64, 10, 1000, 50_000] {
            let mut builder = FilterBuilder::new(count);
            (0..count).for_each(|n| builder.insert(&key(n)));
            let bytes = Bytes::from(builder.finish());
            assert!(bytes.len() as u64 <= count * 5 / 4 + 32);
            let sum = checksum(&bytes, 7, 4096);
            let filter = Filter::decode(bytes.clone(), 7, 4096, sum).unwrap();
            assert!((0..count).all(|n| filter.may_have(&key(n))));
            if count >= 1000 {
                let passed = (count..count + 10_000).filter(|n| filter.may_have(&key(*n)));
                let passed = passed.count();
                assert!(passed < 250, "{passed} of 10,000 absent keys passed");
            }
            assert!(Filter::decode(bytes.clone(), 8, 4096, sum).is_err());
            assert!(Filter::decode(bytes.slice(1..), 7, 4096, sum).is_err());
        }
    }
}
