//! The key under which an entity version is found: its collection, then its id.

use super::fields::{Fields, put};
use crate::ids::{CollectionId, EntityId};

/// Length of a key in bytes.
pub(crate) const LEN: usize = 2 + EntityId::LEN;

/// Collection (big-endian), then id, so that keys sort as bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Key(pub(crate) [u8; LEN]);

impl Key {
    /// No key is below this one.
    pub(crate) const MIN: Self = Self([0; LEN]);
    /// No key is above this one.
    pub(crate) const MAX: Self = Self([0xff; LEN]);

    pub(crate) fn new(collection: CollectionId, id: EntityId) -> Self {
        let mut bytes = [0; LEN];
        put(&mut bytes, 0, &collection.0.to_be_bytes());
        put(&mut bytes, 2, id.as_bytes());
        Self(bytes)
    }

    pub(crate) fn collection(&self) -> CollectionId {
        let head = Fields::new(&self.0).array().unwrap_or_default();
        CollectionId(u16::from_be_bytes(head))
    }

    pub(crate) fn id(&self) -> EntityId {
        let mut fields = Fields::new(&self.0);
        let _collection = fields.u16();
        EntityId::from_bytes(fields.array().unwrap_or_default())
    }

    /// The key as two numbers, which compare as its bytes do and in a fraction of the time.
    #[inline]
    pub(crate) fn numbers(&self) -> (u16, u128) {
        let (collection, id) = self.0.split_first_chunk().unwrap_or((&[0; 2], &[]));
        let id = id.first_chunk().copied().unwrap_or_default();
        (u16::from_be_bytes(*collection), u128::from_be_bytes(id))
    }
}

impl Ord for Key {
    #[inline]
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.numbers().cmp(&other.numbers())
    }
}

impl PartialOrd for Key {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }

    // Not through `partial_cmp`: one comparison of two numbers, without a branch.
    #[inline]
    fn lt(&self, other: &Self) -> bool {
        self.numbers() < other.numbers()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mix::mix64;

    #[test]
    fn keys_compare_as_their_bytes_do() {
        let keys: Vec<Key> = (0..60_u64)
            .map(|n| {
                let mut bytes = [0; LEN];
                // Few bits, at changing places, so that equal halves are common.
                for at in 0..3 {
                    let random = mix64(n * 3 + at);
                    put(&mut bytes, (random % 18) as usize, &[(random >> 60) as u8]);
                }
                Key(bytes)
            })
            .collect();
        for a in &keys {
            for b in &keys {
                assert_eq!(a.cmp(b), a.0.cmp(&b.0));
                assert_eq!(a < b, a.0 < b.0);
            }
        }
    }
}
