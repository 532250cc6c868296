//! Committed and not yet in a run: where the record of each key lies, in memory.
//!
//! Promises: for one key, every version since the last checkpoint, so that a snapshot finds its own. Relies on commits being
//! inserted before they are published. Must never know a stream's bytes.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use bytes::Bytes;

use crate::format::key::{self, Key};
use crate::ids::{Lsn, StreamId};
use crate::ranges::RangeTombstone;

/// Where a record lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Location {
    pub(crate) lsn: Lsn,
    pub(crate) stream: StreamId,
    /// Offset in the stream, in bytes.
    pub(crate) offset: u64,
    /// Length of the record in bytes.
    pub(crate) len: u32,
    pub(crate) tombstone: bool,
}

/// The newest version of a key, as a read finds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Version {
    pub(crate) location: Location,
    /// The whole record, where it is in memory.
    pub(crate) record: Option<Bytes>,
}

impl From<Location> for Version {
    fn from(location: Location) -> Self {
        Self {
            location,
            record: None,
        }
    }
}

type Versions = BTreeMap<(Key, Reverse<Lsn>), Location>;

/// The keys of the logs that no run covers.
#[derive(Debug, Default)]
pub(crate) struct Memtable {
    versions: RwLock<Versions>,
}

impl Memtable {
    fn read(&self) -> RwLockReadGuard<'_, Versions> {
        self.versions.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds the records of one batch.
    pub(crate) fn insert(&self, records: impl IntoIterator<Item = (Key, Location)>) {
        let mut versions = self
            .versions
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        for (key, location) in records {
            versions.insert((key, Reverse(location.lsn)), location);
        }
    }

    /// How many versions there are.
    pub(crate) fn len(&self) -> usize {
        self.read().len()
    }

    /// The newest version of `key` that is not above `lsn`.
    pub(crate) fn get(&self, key: Key, lsn: Lsn) -> Option<Version> {
        let versions = self.read();
        let (_, location) = versions
            .range((key, Reverse(lsn))..=(key, Reverse(Lsn::ZERO)))
            .next()?;
        Some((*location).into())
    }

    /// The newest version not above `lsn` of up to `count` keys within the bounds, ascending or descending.
    pub(crate) fn page(
        &self,
        bounds: (Bound<Key>, Bound<Key>),
        descending: bool,
        lsn: Lsn,
        count: usize,
    ) -> Vec<(Key, Version)> {
        let locations = self.locations(bounds, descending, lsn, count);
        let versions = locations.into_iter();
        versions
            .map(|(key, location)| (key, location.into()))
            .collect()
    }

    /// The range tombstones that a snapshot at `lsn` sees.
    pub(crate) fn ranges(&self, _lsn: Lsn) -> Vec<RangeTombstone> {
        Vec::new()
    }

    /// As [`covering`](crate::ranges::covering), of this memtable's range tombstones.
    pub(crate) fn covering(&self, _key: &Key, _lsn: Lsn) -> Lsn {
        Lsn::ZERO
    }

    fn locations(
        &self,
        bounds: (Bound<Key>, Bound<Key>),
        descending: bool,
        lsn: Lsn,
        count: usize,
    ) -> Vec<(Key, Location)> {
        // Within a key the newest version comes first, so a whole key lies between MAX and ZERO.
        let lower = match bounds.0 {
            Bound::Included(key) => Bound::Included((key, Reverse(Lsn(u64::MAX)))),
            Bound::Excluded(key) => Bound::Excluded((key, Reverse(Lsn::ZERO))),
            Bound::Unbounded => Bound::Unbounded,
        };
        let upper = match bounds.1 {
            Bound::Included(key) => Bound::Included((key, Reverse(Lsn::ZERO))),
            Bound::Excluded(key) => Bound::Excluded((key, Reverse(Lsn(u64::MAX)))),
            Bound::Unbounded => Bound::Unbounded,
        };
        let mut found: Vec<(Key, Location)> = Vec::new();
        if is_empty_range(&lower, &upper) {
            return found;
        }
        let versions = self.read();
        let visible = versions
            .range((lower, upper))
            .filter(|((_, Reverse(version)), _)| *version <= lsn)
            .map(|((key, _), location)| (*key, *location));
        if descending {
            // The newest version of a key comes last.
            let mut pending: Option<(Key, Location)> = None;
            for (key, location) in visible.rev() {
                if let Some(done) = pending.filter(|(pending, _)| *pending != key) {
                    found.push(done);
                    if found.len() == count {
                        return found;
                    }
                }
                pending = Some((key, location));
            }
            found.extend(pending);
        } else {
            for (key, location) in visible {
                if found.last().is_none_or(|(last, _)| *last != key) {
                    if found.len() == count {
                        return found;
                    }
                    found.push((key, location));
                }
            }
        }
        found
    }

    /// Calls `each` with the newest version of every key, in order.
    pub(crate) fn try_for_each<E>(
        &self,
        mut each: impl FnMut(Key, Location) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut last = None;
        for ((key, _), location) in self.read().iter() {
            if last != Some(*key) {
                each(*key, *location)?;
                last = Some(*key);
            }
        }
        Ok(())
    }
}

/// Whether a range has its start behind its end, which `BTreeMap::range` takes for a mistake.
pub(crate) fn is_empty_range<T: Ord>(lower: &Bound<T>, upper: &Bound<T>) -> bool {
    match (lower, upper) {
        (Bound::Included(l), Bound::Included(u)) => l > u,
        (Bound::Included(l) | Bound::Excluded(l), Bound::Included(u) | Bound::Excluded(u)) => {
            l >= u
        }
        _ => false,
    }
}

const _: () = assert!(key::LEN == 18);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{CollectionId, EntityId};

    fn key(n: u8) -> Key {
        Key::new(CollectionId(1), EntityId::from_bytes([n; 16]))
    }

    fn at(lsn: u64) -> Location {
        Location {
            lsn: Lsn(lsn),
            stream: StreamId(1),
            offset: lsn * 100,
            len: 50,
            tombstone: false,
        }
    }

    fn table() -> Memtable {
        let table = Memtable::default();
        table.insert([(key(1), at(1)), (key(2), at(1))]);
        table.insert([(key(2), at(2)), (key(3), at(2))]);
        table.insert([(key(2), at(3))]);
        table
    }

    #[test]
    fn a_get_finds_the_newest_version_that_the_snapshot_sees() {
        let table = table();
        assert_eq!(table.get(key(2), Lsn(9)), Some(at(3).into()));
        assert_eq!(table.get(key(2), Lsn(2)), Some(at(2).into()));
        assert_eq!(table.get(key(3), Lsn(1)), None);
        assert_eq!(table.get(key(4), Lsn(9)), None);
    }

    #[test]
    fn pages_hold_each_key_once_in_both_directions() {
        let table = table();
        let all = (Bound::Unbounded, Bound::Unbounded);
        for lsn in 1..=3 {
            let up = table.page(all, false, Lsn(lsn), usize::MAX);
            let mut down = table.page(all, true, Lsn(lsn), usize::MAX);
            down.reverse();
            assert_eq!(up, down);
            assert_eq!(up.len(), if lsn == 1 { 2 } else { 3 });
            for (key, location) in up {
                assert_eq!(table.get(key, Lsn(lsn)), Some(location));
            }
        }
        let two = table.page(all, false, Lsn(3), 2);
        assert_eq!(
            two.iter().map(|(k, _)| *k).collect::<Vec<_>>(),
            [key(1), key(2)]
        );
        let two = table.page(all, true, Lsn(3), 2);
        assert_eq!(
            two.iter().map(|(k, _)| *k).collect::<Vec<_>>(),
            [key(3), key(2)]
        );
        let none = (Bound::Excluded(key(2)), Bound::Excluded(key(2)));
        assert_eq!(table.page(none, false, Lsn(3), 9), []);
        let rest = (Bound::Excluded(key(2)), Bound::Unbounded);
        assert_eq!(table.page(rest, false, Lsn(3), 9), [(key(3), at(2).into())]);
    }
}
