//! Ranges of keys, both ends included.

use crate::format::key::Key;

/// Ranges in the order of their keys, none of which overlap.
#[derive(Debug, Default)]
pub(crate) struct Spans(Vec<(Key, Key)>);

impl Spans {
    pub(crate) fn new(mut ranges: Vec<(Key, Key)>) -> Self {
        coarsen(&mut ranges, usize::MAX);
        Self(ranges)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &(Key, Key)> {
        self.0.iter()
    }

    pub(crate) fn cover(&self, key: &Key) -> bool {
        self.overlap(*key, *key)
    }

    /// Whether a key from `first` to `last` lies in one of them.
    pub(crate) fn overlap(&self, first: Key, last: Key) -> bool {
        let place = self.0.partition_point(|range| range.1 < first);
        self.0.get(place).is_some_and(|range| range.0 <= last)
    }
}

/// Puts ranges of keys together, both ends included, until they are at most `count`, or one for each collection. What they
/// cover then may be more, which at the worst refuses a transaction that could have been kept.
pub(crate) fn coarsen(ranges: &mut Vec<(Key, Key)>, count: usize) {
    ranges.sort_unstable();
    join(ranges, |last, next| next.0 <= last.1);
    let mut before = usize::MAX;
    while ranges.len() > count && ranges.len() < before {
        before = ranges.len();
        let mut odd = false;
        join(ranges, |last, next| {
            odd = !odd && last.1.collection() == next.0.collection();
            odd
        });
    }
}

/// Puts each range together with the one before it, where that is wanted.
fn join(ranges: &mut Vec<(Key, Key)>, mut wanted: impl FnMut((Key, Key), (Key, Key)) -> bool) {
    ranges.dedup_by(|next, last| {
        let joins = wanted(*last, *next);
        if joins {
            last.1 = last.1.max(next.1);
        }
        joins
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{CollectionId, EntityId};

    fn key(collection: u16, n: u8) -> Key {
        Key::new(CollectionId(collection), EntityId::from_bytes([n; 16]))
    }

    #[test]
    fn spans_cover_what_their_ranges_cover_and_nothing_else() {
        let ranges = [(5, 9), (20, 20), (7, 12), (30, 40), (33, 35)];
        let spans = Spans::new(ranges.map(|(a, b)| (key(1, a), key(1, b))).into());
        let holds = |n: u8| ranges.iter().any(|(a, b)| (*a..=*b).contains(&n));
        for n in 0..50 {
            assert_eq!(spans.cover(&key(1, n)), holds(n), "{n}");
            assert!(!spans.cover(&key(2, n)));
            for m in n..50 {
                let meets = (n..=m).any(holds);
                assert_eq!(spans.overlap(key(1, n), key(1, m)), meets, "{n} {m}");
            }
        }
        assert_eq!(spans.iter().count(), 3);
    }

    #[test]
    fn coarser_ranges_cover_what_the_finer_ones_did() {
        let fine: Vec<_> = (0..200_u16)
            .map(|n| {
                let first = u8::try_from(n * 7 % 241).unwrap_or(0);
                (key(n % 3, first), key(n % 3, first + 4))
            })
            .collect();
        for count in [1, 2, 3, 10, 1000] {
            let mut coarse = fine.clone();
            coarsen(&mut coarse, count);
            assert!(coarse.len() <= count.max(3), "{}", coarse.len());
            assert!(coarse.is_sorted());
            for (first, last) in &fine {
                let covers = |range: &(Key, Key)| range.0 <= *first && *last <= range.1;
                assert!(coarse.iter().any(covers));
            }
            let one_collection = |range: &(Key, Key)| range.0.collection() == range.1.collection();
            assert!(coarse.iter().all(one_collection));
        }
    }
}
