//! An ordered map in memory, of small plain keys and values: sorted chunks behind a sorted row of fences.
//!
//! A B+-tree of two levels. Rising keys are appended in a few nanoseconds, others cost one binary search over the fences, one
//! in a chunk, and a short move. With up to a few hundred thousand entries, as a memtable has, the fences stay in the cache.

use std::ops::Bound;

/// How many entries a chunk has at the most.
const CHUNK_COUNT_MAX: usize = 128;

/// An ordered map. Entries are added, read and walked through; none is removed but by [`retain`](SortedMap::retain).
#[derive(Debug)]
pub(crate) struct SortedMap<K, V> {
    /// The first key of each chunk.
    fences: Vec<K>,
    /// None of them is empty.
    chunks: Vec<Vec<(K, V)>>,
    len: usize,
}

impl<K, V> Default for SortedMap<K, V> {
    fn default() -> Self {
        Self {
            fences: Vec::new(),
            chunks: Vec::new(),
            len: 0,
        }
    }
}

/// A place between two entries: those before it are below a bound, those from it on are not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    chunk: usize,
    index: usize,
}

impl<K: Ord + Copy, V: Copy> SortedMap<K, V> {
    /// Adds an entry, or replaces the value of the one with this key.
    pub(crate) fn insert(&mut self, key: K, value: V) {
        self.insert_by(
            (key, value),
            |other| *other < key,
            |other| *other <= key,
            |other| *other == key,
        );
    }

    /// The first entry that is not below `key`.
    pub(crate) fn first_from(&self, key: K) -> Option<(K, V)> {
        self.at(self.lower(key))
    }

    /// The entries within the bounds, in order, from either end.
    pub(crate) fn range(&self, lower: Bound<K>, upper: Bound<K>) -> Range<'_, K, V> {
        let start = match lower {
            Bound::Included(key) => self.lower(key),
            Bound::Excluded(key) => self.upper(key),
            Bound::Unbounded => Place { chunk: 0, index: 0 },
        };
        let end = match upper {
            Bound::Included(key) => self.upper(key),
            Bound::Excluded(key) => self.lower(key),
            Bound::Unbounded => Place {
                chunk: self.chunks.len(),
                index: 0,
            },
        };
        self.between(start, end)
    }

    /// Where the first entry is that is not below `key`.
    fn lower(&self, key: K) -> Place {
        self.place(|other| *other < key)
    }

    /// Where the first entry is that is above `key`.
    fn upper(&self, key: K) -> Place {
        self.place(|other| *other <= key)
    }
}

/// Where the order is not the keys' own, it comes as what is below a key, and the like.
impl<K: Copy, V: Copy> SortedMap<K, V> {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// As [`insert`](Self::insert), by which keys are `below` the new one, which are `not_above` it, and which is the `same`.
    pub(crate) fn insert_by(
        &mut self,
        (key, value): (K, V),
        below: impl Fn(&K) -> bool,
        not_above: impl Fn(&K) -> bool,
        same: impl Fn(&K) -> bool,
    ) {
        if let Some(last) = self.chunks.last_mut()
            && last.last().is_some_and(|(last, _)| below(last))
        {
            // Behind everything: rising keys fill chunk after chunk.
            if last.len() < CHUNK_COUNT_MAX {
                last.push((key, value));
            } else {
                self.push_chunk(key, value);
            }
            self.len += 1;
            return;
        }
        let at = self.fences.partition_point(not_above);
        let at = at.saturating_sub(1);
        let Some(chunk) = self.chunks.get_mut(at) else {
            self.push_chunk(key, value);
            self.len += 1;
            return;
        };
        let index = chunk.partition_point(|(other, _)| below(other));
        if let Some(entry) = chunk.get_mut(index)
            && same(&entry.0)
        {
            entry.1 = value;
            return;
        }
        chunk.insert(index, (key, value));
        if index == 0
            && let Some(fence) = self.fences.get_mut(at)
        {
            *fence = key;
        }
        self.len += 1;
        if chunk.len() >= CHUNK_COUNT_MAX {
            let mut upper = Vec::with_capacity(CHUNK_COUNT_MAX);
            upper.extend(chunk.drain(CHUNK_COUNT_MAX / 2..));
            if let Some((fence, _)) = upper.first() {
                self.fences.insert(at + 1, *fence);
                self.chunks.insert(at + 1, upper);
            }
        }
    }

    fn push_chunk(&mut self, key: K, value: V) {
        let mut chunk = Vec::with_capacity(CHUNK_COUNT_MAX);
        chunk.push((key, value));
        self.chunks.push(chunk);
        self.fences.push(key);
    }

    pub(crate) fn iter(&self) -> Range<'_, K, V> {
        self.between(
            Place { chunk: 0, index: 0 },
            Place {
                chunk: self.chunks.len(),
                index: 0,
            },
        )
    }

    /// The entries behind those for which `before` is true, up to those for which `within` is not. Of both, the keys for which they
    /// are true come first.
    pub(crate) fn range_by(
        &self,
        before: impl Fn(&K) -> bool,
        within: impl Fn(&K) -> bool,
    ) -> Range<'_, K, V> {
        self.between(self.place(before), self.place(within))
    }

    /// The entries behind those for which `before` is true, to the last one.
    pub(crate) fn behind(&self, before: impl Fn(&K) -> bool) -> Range<'_, K, V> {
        let end = Place {
            chunk: self.chunks.len(),
            index: 0,
        };
        self.between(self.place(before), end)
    }

    fn between(&self, start: Place, end: Place) -> Range<'_, K, V> {
        Range {
            map: self,
            start,
            end: end.max(start),
        }
    }

    /// Drops the entries for which `keep` is false.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&K, &V) -> bool) {
        for chunk in &mut self.chunks {
            chunk.retain(|(key, value)| keep(key, value));
        }
        self.chunks.retain(|chunk| !chunk.is_empty());
        let fences = self.chunks.iter().filter_map(|chunk| chunk.first());
        self.fences = fences.map(|(key, _)| *key).collect();
        self.len = self.chunks.iter().map(Vec::len).sum();
    }

    fn place(&self, before: impl Fn(&K) -> bool) -> Place {
        let chunk = self.fences.partition_point(&before).saturating_sub(1);
        let index = self.chunks.get(chunk).map_or(0, |entries| {
            entries.partition_point(|(other, _)| before(other))
        });
        self.normal(Place { chunk, index })
    }

    /// A place behind the end of its chunk is the beginning of the next.
    fn normal(&self, place: Place) -> Place {
        match self.chunks.get(place.chunk) {
            Some(chunk) if place.index >= chunk.len() => Place {
                chunk: place.chunk + 1,
                index: 0,
            },
            _ => place,
        }
    }

    fn at(&self, place: Place) -> Option<(K, V)> {
        self.chunks.get(place.chunk)?.get(place.index).copied()
    }
}

/// A walk over entries: [`SortedMap::range`].
pub(crate) struct Range<'a, K, V> {
    map: &'a SortedMap<K, V>,
    start: Place,
    end: Place,
}

impl<K: Copy, V: Copy> Iterator for Range<'_, K, V> {
    type Item = (K, V);

    fn next(&mut self) -> Option<(K, V)> {
        if self.start >= self.end {
            return None;
        }
        let entry = self.map.at(self.start)?;
        self.start.index += 1;
        self.start = self.map.normal(self.start);
        Some(entry)
    }
}

impl<K: Copy, V: Copy> DoubleEndedIterator for Range<'_, K, V> {
    fn next_back(&mut self) -> Option<(K, V)> {
        if self.start >= self.end {
            return None;
        }
        if self.end.index == 0 {
            self.end.chunk = self.end.chunk.checked_sub(1)?;
            self.end.index = self.map.chunks.get(self.end.chunk)?.len();
        }
        self.end.index -= 1;
        self.map.at(self.end)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_the_map_that_a_btree_is(
            keys in prop::collection::vec(0_u32..2000, 0..1500),
            rising in any::<bool>(),
            (low, high) in (0_u32..2000, 0_u32..2000),
        ) {
            let mut keys = keys;
            if rising {
                keys.sort_unstable();
            }
            let mut map = SortedMap::default();
            let mut model = BTreeMap::new();
            for (value, key) in keys.into_iter().enumerate() {
                map.insert(key, value);
                model.insert(key, value);
            }
            prop_assert_eq!(map.len(), model.len());
            let bounds = [Bound::Included(low), Bound::Excluded(low), Bound::Unbounded];
            let ends = [Bound::Included(high), Bound::Excluded(high), Bound::Unbounded];
            for lower in bounds {
                for upper in ends {
                    if crate::memtable::is_empty_range(&lower, &upper) {
                        prop_assert_eq!(map.range(lower, upper).count(), 0);
                        continue;
                    }
                    let expected: Vec<_> = model.range((lower, upper)).map(|(k, v)| (*k, *v)).collect();
                    let forward: Vec<_> = map.range(lower, upper).collect();
                    prop_assert_eq!(&forward, &expected);
                    let mut backward: Vec<_> = map.range(lower, upper).rev().collect();
                    backward.reverse();
                    prop_assert_eq!(&backward, &expected);
                }
            }
            let first = model.range(low..).next().map(|(k, v)| (*k, *v));
            prop_assert_eq!(map.first_from(low), first);
            map.retain(|key, _| key % 3 != 0);
            model.retain(|key, _| key % 3 != 0);
            prop_assert!(map.iter().eq(model.iter().map(|(k, v)| (*k, *v))));
            prop_assert_eq!(map.len(), model.len());
        }
    }
}
