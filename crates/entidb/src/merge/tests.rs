use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use entidb_storage::MemoryDirectory;

use super::*;
use crate::cache::Cache;
use crate::ids::{CollectionId, EntityId, StreamId};
use crate::log::Item;
use crate::manifest::Catalog;
use crate::memtable::{Batch, Location};
use crate::mix::mix64;
use crate::run::{Builder, Run};

const DATABASE: [u8; 16] = [3; 16];

fn key(n: u64) -> Key {
    let id = (u128::from(n) << 64) | u128::from(mix64(n));
    Key::new(CollectionId(1), EntityId::from_bytes(id.to_be_bytes()))
}

fn at(lsn: u64, n: u64) -> Location {
    Location {
        lsn: Lsn(lsn),
        stream: StreamId(1),
        offset: n * 100,
        len: 50,
        tombstone: (n + lsn).is_multiple_of(4),
    }
}

/// A view of one memtable and one run for each of the other sets of keys; the sets come newest first.
fn view(sets: &[Vec<u64>], cache_bytes: u64) -> View {
    let disk = MemoryDirectory::new();
    let lsn = |age: usize| 1000 - age as u64;
    let memtable = Memtable::default();
    let mut runs = Vec::new();
    for (age, set) in sets.iter().enumerate() {
        let mut entries: Vec<_> = set.iter().map(|n| (key(*n), at(lsn(age), *n))).collect();
        entries.sort_unstable_by_key(|(key, _)| *key);
        entries.dedup();
        if age == 0 {
            let batch = Batch {
                lsn: Lsn(lsn(age)),
                stream: StreamId(1),
                body_at: 0,
                body: Bytes::new(),
            };
            let items = entries.iter().map(|(key, location)| Item::Record {
                key: *key,
                at: u32::try_from(location.offset).unwrap(),
                len: location.len,
                tombstone: location.tombstone,
            });
            memtable.insert(batch, items);
        } else if !entries.is_empty() {
            let (id, count) = (StreamId(100 + age as u64), entries.len() as u64);
            let mut builder = Builder::create(&disk, id, DATABASE, 5, count).unwrap();
            for (key, location) in entries {
                builder.push(key, location).unwrap();
            }
            let entry = builder.finish(Lsn(lsn(age)), Lsn(lsn(age))).unwrap();
            runs.push(Arc::new(Run::open(&disk, entry, DATABASE).unwrap()));
        }
    }
    View {
        memtables: vec![Arc::new(memtable)],
        runs,
        streams: BTreeMap::new(),
        catalog: Arc::new(Catalog::default()),
        cache: Arc::new(Cache::new(cache_bytes)),
        shown: Lsn::ZERO,
        scans: Arc::default(),
        migrations: Arc::default(),
    }
}

fn walk(mut merge: Merge) -> Vec<(Key, Location)> {
    let mut found = Vec::new();
    while let Some((key, version)) = merge.next().unwrap() {
        found.push((key, version.location));
    }
    found
}

/// Walks in both directions, within many bounds, with and without range tombstones, against a map.
fn assert_like_a_map(sets: &[Vec<u64>]) {
    let high = sets.iter().flatten().max().copied().unwrap_or(0);
    for cache_bytes in [0, 1 << 20] {
        let view = view(sets, cache_bytes);
        for round in 0..40_u64 {
            let bound = |n: u64| {
                let key = key(n % (high + 2));
                match n % 3 {
                    0 => Bound::Included(key),
                    1 => Bound::Excluded(key),
                    _ => Bound::Unbounded,
                }
            };
            let (lower, upper) = (bound(mix64(round)), bound(mix64(round + 99)));
            if crate::memtable::is_empty_range(&lower, &upper) {
                continue;
            }
            let ranges: Vec<Vec<RangeTombstone>> = match round % 2 {
                0 => Vec::new(),
                _ => (0..=view.runs.len() as u64)
                    .map(|source| {
                        let first = key(mix64(round * 7 + source) % (high + 1)).id();
                        let last = key(mix64(round * 11 + source) % (high + 1)).id();
                        vec![RangeTombstone {
                            collection: CollectionId(1),
                            first,
                            last,
                            lsn: Lsn(1000 - source),
                        }]
                    })
                    .collect(),
            };
            let mut model = BTreeMap::new();
            for (age, set) in sets.iter().enumerate() {
                for n in set {
                    let location = at(1000 - age as u64, *n);
                    model.entry(key(*n)).or_insert((age, location));
                }
            }
            // Sources without keys are no runs, so that ages and sources differ: the LSN tells which ranges are newer.
            let hidden = |key: &Key, location: &Location| {
                ranges
                    .iter()
                    .flatten()
                    .any(|range| range.covers(key) && range.lsn > location.lsn)
            };
            let expected: Vec<_> = model
                .range((lower, upper))
                .filter(|(key, (_, location))| !hidden(key, location))
                .map(|(key, (_, location))| (*key, *location))
                .collect();
            let merge = |descending| {
                let mut merge = Merge::new(&view, Lsn(u64::MAX), (lower, upper), descending);
                merge.ranges.clone_from(&ranges);
                merge
            };
            assert_eq!(walk(merge(false)), expected, "{lower:?} {upper:?}");
            let mut descending = walk(merge(true));
            descending.reverse();
            assert_eq!(descending, expected, "{lower:?} {upper:?}, descending");
        }
        for n in 0..high + 2 {
            let newest = sets.iter().zip(0..).find(|(set, _)| set.contains(&n));
            let expected = newest.map(|(_, age)| at(1000 - age, n));
            let found = view.locate(key(n), Lsn(u64::MAX)).unwrap();
            assert_eq!(found.map(|found| found.location), expected);
        }
    }
}

#[test]
fn sources_whose_keys_rise_with_age_give_each_key_once() {
    let set = |low: u64, high: u64| (low..high).collect::<Vec<_>>();
    assert_like_a_map(&[
        set(900, 1000),
        set(600, 900),
        set(300, 600),
        set(299, 300),
        set(0, 299),
    ]);
}

#[test]
fn sources_that_overlap_give_the_newest_version_of_each_key() {
    let sets: Vec<Vec<u64>> = (0..6)
        .map(|age| {
            (0..400)
                .filter(|n| mix64(n * 31 + age).is_multiple_of(3))
                .collect()
        })
        .collect();
    assert_like_a_map(&sets);
}

#[test]
fn all_sources_with_the_same_keys_give_those_of_the_newest() {
    assert_like_a_map(&vec![(0..500).collect(); 4]);
}

#[test]
fn a_merge_of_nothing_or_of_one_source_is_that() {
    assert_like_a_map(&[vec![], vec![]]);
    assert_like_a_map(&[vec![], (0..700).collect()]);
    assert_like_a_map(&[(0..700).collect()]);
}
