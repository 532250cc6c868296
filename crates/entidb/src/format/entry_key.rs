//! Under which key an index entry stands: the index, the index key, the entity.
//!
//! The index key is the values' order-preserving encoding. A whole key's bytes sort by index, value and id, since no index key is
//! the beginning of another.

use entidb_codec::key::LONG_PREFIX_LEN;

use crate::ids::{EntityId, IndexId};

/// Length of the index's number at the front of a key, in bytes.
pub(crate) const INDEX_LEN: usize = 2;
const DIGEST_LEN: usize = 16;
/// The longest index key that is kept whole, in bytes.
pub(crate) const WHOLE_LEN_MAX: usize = LONG_PREFIX_LEN;
/// Length of what stands for a longer one, in bytes. Kept whole, none is so long: so still none is the beginning of another.
pub(crate) const SHORTENED_LEN: usize = WHOLE_LEN_MAX + DIGEST_LEN;

/// Appends the whole key of an entry.
pub(crate) fn push(out: &mut Vec<u8>, index: IndexId, index_key: &[u8], id: EntityId) {
    out.extend_from_slice(&index.0.to_be_bytes());
    out.extend_from_slice(index_key);
    out.extend_from_slice(id.as_bytes());
}

/// The parts of a whole key; `None` if it is too short to be one.
pub(crate) fn split(key: &[u8]) -> Option<(IndexId, &[u8], EntityId)> {
    let (index, rest) = key.split_first_chunk::<INDEX_LEN>()?;
    let (index_key, id) = rest.split_last_chunk::<{ EntityId::LEN }>()?;
    let index = IndexId(u16::from_be_bytes(*index));
    (!index_key.is_empty()).then_some((index, index_key, EntityId::from_bytes(*id)))
}

/// Makes what is stored of the index key that begins at `from` and ends `out`: a long one becomes its beginning and a digest. Says
/// whether it was long.
pub(crate) fn shorten(out: &mut Vec<u8>, from: usize) -> bool {
    let key = out.get(from..).unwrap_or_default();
    if key.len() <= WHOLE_LEN_MAX {
        return false;
    }
    let mut digest = [0; DIGEST_LEN];
    blake3::Hasher::new()
        .update(key)
        .finalize_xof()
        .fill(&mut digest);
    out.truncate(from + WHOLE_LEN_MAX);
    out.extend_from_slice(&digest);
    true
}

/// Turns the beginning of keys into what is behind all of these; false if nothing is.
pub(crate) fn step_behind(prefix: &mut Vec<u8>) -> bool {
    while let Some(last) = prefix.last_mut() {
        if *last < u8::MAX {
            *last += 1;
            return true;
        }
        prefix.pop();
    }
    false
}

#[cfg(test)]
#[expect(clippy::indexing_slicing, reason = "the tests' own bytes")]
mod tests {
    use super::*;

    #[test]
    fn a_whole_key_comes_apart_again() {
        let id = EntityId::from_bytes([7; 16]);
        let mut key = Vec::new();
        push(&mut key, IndexId(0x102), b"abc", id);
        assert_eq!(key[..5], *b"\x01\x02abc");
        assert_eq!(split(&key), Some((IndexId(0x102), &b"abc"[..], id)));
        assert_eq!(split(&key[..18]), None, "without an index key");
        assert_eq!(split(&[]), None);
    }

    #[test]
    fn a_long_key_keeps_its_beginning_and_is_told_apart() {
        let mut long = vec![b'x'; 2000];
        let mut other = long.clone();
        other[1999] = b'y';
        let mut whole = vec![b'x'; WHOLE_LEN_MAX];
        assert!(shorten(&mut long, 0) && shorten(&mut other, 0));
        assert!(!shorten(&mut whole, 0));
        assert_eq!(long.len(), SHORTENED_LEN);
        assert_eq!(long[..960], other[..960]);
        assert_ne!(long, other);
        assert_eq!(whole.len(), WHOLE_LEN_MAX);
    }

    #[test]
    fn behind_a_beginning_is_nothing_that_has_it() {
        let mut prefix = vec![1, 0xff, 0xff];
        assert!(step_behind(&mut prefix));
        assert_eq!(prefix, [2]);
        assert!(!step_behind(&mut vec![0xff]));
    }
}
