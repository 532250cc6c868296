//! Range tombstones: one record that deletes every entity of a collection within a range of ids.
//!
//! Promises: a range tombstone of commit L hides every version below L of a key in its range, and none of L itself or above,
//! so that what one transaction puts behind its own range delete stays. Relies on nothing. Must never know where it is kept.

use std::collections::BinaryHeap;

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

    /// Its first and its last key.
    pub(crate) fn ends(&self) -> (Key, Key) {
        let ends = (self.first, self.last);
        (
            Key::new(self.collection, ends.0),
            Key::new(self.collection, ends.1),
        )
    }

    /// Whether any key from `first` to `last` lies in the range.
    pub(crate) fn overlaps(&self, first: Key, last: Key) -> bool {
        let (begin, end) = self.ends();
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

/// Range tombstones in a form in which keys are looked up in any order.
#[derive(Debug, Default)]
pub(crate) struct Cover {
    /// Where each part begins, where it has ended, and the highest LSN of the ranges over it. In order, and apart.
    parts: Vec<(Point, Point, Lsn)>,
}

/// A collection and an id, as numbers; behind the last id of a collection comes the next collection.
type Point = (u32, u128);

fn point(collection: CollectionId, id: EntityId) -> Point {
    let id = u128::from_be_bytes(*id.as_bytes());
    (u32::from(collection.0), id)
}

fn behind((collection, id): Point) -> Point {
    match id.checked_add(1) {
        Some(id) => (collection, id),
        None => (collection + 1, 0),
    }
}

impl Cover {
    pub(crate) fn new(ranges: impl Iterator<Item = RangeTombstone>) -> Self {
        let ends = |range: RangeTombstone| {
            let begin = point(range.collection, range.first);
            let end = behind(point(range.collection, range.last));
            (begin, end, range.lsn)
        };
        let mut ranges: Vec<_> = ranges.map(ends).collect();
        ranges.retain(|(begin, end, _)| begin < end);
        ranges.sort_unstable();
        let mut edges: Vec<Point> = ranges.iter().flat_map(|(a, b, _)| [*a, *b]).collect();
        edges.sort_unstable();
        edges.dedup();
        let mut ranges = ranges.into_iter().peekable();
        // By LSN; those that have ended go when they come up.
        let mut open = BinaryHeap::new();
        let mut parts: Vec<(Point, Point, Lsn)> = Vec::new();
        for (edge, next) in edges.iter().zip(edges.iter().skip(1)) {
            while let Some((_, end, lsn)) = ranges.next_if(|(begin, ..)| begin <= edge) {
                open.push((lsn, end));
            }
            while open.peek().is_some_and(|(_, end)| end <= edge) {
                open.pop();
            }
            let Some((lsn, _)) = open.peek() else {
                continue;
            };
            match parts.last_mut() {
                Some((_, end, same)) if end == edge && same == lsn => *end = *next,
                _ => parts.push((*edge, *next, *lsn)),
            }
        }
        Self { parts }
    }

    /// Whether there is no range.
    pub(crate) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Below this commit, every version of the entity is deleted. Zero if no range covers it.
    pub(crate) fn below(&self, collection: CollectionId, id: EntityId) -> Lsn {
        let at = point(collection, id);
        let begun = self.parts.partition_point(|(begin, ..)| *begin <= at);
        let part = begun.checked_sub(1).and_then(|last| self.parts.get(last));
        match part {
            Some((_, end, lsn)) if at < *end => *lsn,
            _ => Lsn::ZERO,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn range() -> impl Strategy<Value = RangeTombstone> {
        let id = || prop_oneof![8 => 0..12_u128, 1 => Just(u128::MAX)];
        (1..3_u16, id(), id(), 1..9_u64).prop_map(|(collection, first, last, lsn)| {
            let id = |n: u128| EntityId::from_bytes(n.to_be_bytes());
            RangeTombstone {
                collection: CollectionId(collection),
                first: id(first),
                last: id(last),
                lsn: Lsn(lsn),
            }
        })
    }

    proptest! {
        #[test]
        fn a_cover_says_what_its_ranges_say(ranges in proptest::collection::vec(range(), 0..12)) {
            let cover = Cover::new(ranges.iter().copied());
            for n in (0..14).chain([u128::MAX - 1, u128::MAX]) {
                let id = EntityId::from_bytes(n.to_be_bytes());
                for collection in (0..4).map(CollectionId) {
                    let expected = covering(&ranges, &Key::new(collection, id), Lsn::MAX);
                    prop_assert_eq!(cover.below(collection, id), expected);
                }
            }
            prop_assert!(cover.parts.is_sorted_by(|a, b| a.1 <= b.0));
        }
    }

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
