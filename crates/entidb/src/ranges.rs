//! Range tombstones: one record that deletes every entity of a collection within a range of ids.
//!
//! Promises: a range tombstone of commit L hides every version below L of a key in its range, and none of L itself or above,
//! so that what one transaction puts behind its own range delete stays. Relies on nothing. Must never know where it is kept.

use crate::format::key::Key;
use crate::ids::{CollectionId, EntityId, Lsn};

/// The tombstone of all entities of `collection` from `first` to `last`, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RangeTombstone {
    pub(crate) collection: CollectionId,
    pub(crate) first: EntityId,
    pub(crate) last: EntityId,
    pub(crate) lsn: Lsn,
}

impl RangeTombstone {
    /// Whether the key lies in the range.
    pub(crate) fn covers(&self, key: &Key) -> bool {
        let id = key.id();
        key.collection() == self.collection && self.first <= id && id <= self.last
    }

    /// Whether any key from `first` to `last` lies in the range.
    pub(crate) fn overlaps(&self, first: Key, last: Key) -> bool {
        let begin = Key::new(self.collection, self.first);
        let end = Key::new(self.collection, self.last);
        begin <= last && first <= end
    }
}

/// The highest LSN, not above `lsn`, of the tombstones that cover the key: versions below it are deleted. Zero if none does.
pub(crate) fn covering(ranges: &[RangeTombstone], key: &Key, lsn: Lsn) -> Lsn {
    ranges
        .iter()
        .filter(|range| range.lsn <= lsn && range.covers(key))
        .map(|range| range.lsn)
        .max()
        .unwrap_or(Lsn::ZERO)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_hides_what_is_older_and_nothing_else() {
        let id = |n: u8| EntityId::from_bytes([n; 16]);
        let key = |n| Key::new(CollectionId(1), id(n));
        let range = |first, last, lsn| RangeTombstone {
            collection: CollectionId(1),
            first: id(first),
            last: id(last),
            lsn: Lsn(lsn),
        };
        let ranges = [range(2, 4, 7), range(4, 9, 5)];
        assert_eq!(covering(&ranges, &key(4), Lsn(9)), Lsn(7));
        assert_eq!(covering(&ranges, &key(4), Lsn(6)), Lsn(5));
        assert_eq!(covering(&ranges, &key(4), Lsn(4)), Lsn::ZERO);
        assert_eq!(covering(&ranges, &key(1), Lsn(9)), Lsn::ZERO);
        let other = Key::new(CollectionId(2), id(4));
        assert_eq!(covering(&ranges, &other, Lsn(9)), Lsn::ZERO);
    }
}
