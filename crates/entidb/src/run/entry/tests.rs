//! Index entries of a run, written and walked, against a map.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use entidb_storage::MemoryDirectory;
use proptest::prelude::*;

use super::{EntryCursor, Walk};
use crate::ErrorKind;
use crate::cache::Cache;
use crate::format::entry::split;
use crate::format::entry::tests::{entries, near};
use crate::format::key::Key;
use crate::ids::{CollectionId, EntityId, Lsn, StreamId};
use crate::memtable::Location;
use crate::mix::mix64;
use crate::run::{Builder, Run};

const DATABASE: [u8; 16] = [3; 16];

type Model = BTreeMap<Vec<u8>, (Lsn, bool)>;
type Bounds = (Bound<Vec<u8>>, Bound<Vec<u8>>);

/// A run of these entries, and of so many primary keys.
fn run(model: &Model, keys: u64) -> Arc<Run> {
    let directory = MemoryDirectory::new();
    let mut builder = Builder::create(&directory, StreamId(5), DATABASE, 77, keys).expect("new");
    for n in 0..keys {
        let id = EntityId::from_bytes((u128::from(n) << 64).to_be_bytes());
        let location = Location {
            lsn: Lsn(7),
            stream: StreamId(1),
            offset: 100 * n,
            len: 90,
            tombstone: false,
        };
        builder
            .push(Key::new(CollectionId(1), id), location)
            .expect("pushed");
    }
    builder.expect_entries(model.len() as u64);
    for (key, (lsn, tombstone)) in model {
        builder.push_entry(key, *lsn, *tombstone).expect("pushed");
    }
    let entry = builder.finish(Lsn(0), Lsn::MAX).expect("sealed");
    Arc::new(Run::open(&directory, entry, DATABASE).expect("it opens"))
}

fn walk(
    run: &Arc<Run>,
    cache: Option<&Arc<Cache>>,
    bounds: &Bounds,
    descending: bool,
) -> Vec<(Vec<u8>, Lsn, bool)> {
    let mut cursor = EntryCursor::new(Arc::clone(run), cache.cloned(), bounds.clone(), descending);
    let mut found = Vec::new();
    while let Some(entry) = cursor.peek().expect("sound") {
        found.push((entry.key.to_vec(), entry.lsn, entry.tombstone));
        assert_eq!(
            cursor.peek().expect("sound").map(|e| e.key.to_vec()),
            found.last().map(|e| e.0.clone())
        );
        cursor.pass();
    }
    assert_eq!(cursor.peek().expect("sound"), None);
    found
}

fn expected(model: &Model, bounds: &Bounds, descending: bool) -> Vec<(Vec<u8>, Lsn, bool)> {
    let within = |key: &Vec<u8>| {
        let above = match &bounds.0 {
            Bound::Included(start) => key >= start,
            Bound::Excluded(start) => key > start,
            Bound::Unbounded => true,
        };
        above
            && match &bounds.1 {
                Bound::Included(end) => key <= end,
                Bound::Excluded(end) => key < end,
                Bound::Unbounded => true,
            }
    };
    let found = model.iter().filter(|(key, _)| within(key));
    let mut found: Vec<_> = found
        .map(|(key, (lsn, tombstone))| (key.clone(), *lsn, *tombstone))
        .collect();
    if descending {
        found.reverse();
    }
    found
}

/// What one walk of a test is asked for: two places near entries, and how the bounds take them.
fn asked() -> impl Strategy<
    Value = (
        prop::sample::Index,
        prop::sample::Index,
        prop::sample::Index,
        u8,
    ),
> {
    (
        any::<prop::sample::Index>(),
        any::<prop::sample::Index>(),
        any::<prop::sample::Index>(),
        0..9_u8,
    )
}

fn check(
    model: &Model,
    walks: &[(
        prop::sample::Index,
        prop::sample::Index,
        prop::sample::Index,
        u8,
    )],
) {
    let run = run(model, 3);
    let cache = Arc::new(Cache::new(1 << 20));
    let small = Arc::new(Cache::new(20_000));
    assert!(run.has_entries());
    let keys: Vec<&Vec<u8>> = model.keys().collect();
    for key in &keys {
        let (value, _) = split(key).expect("a key");
        assert!(run.may_have_value(&cache, value).expect("sound"));
    }
    let bound = |key: Vec<u8>, kind: u8| match kind {
        0 => Bound::Included(key),
        1 => Bound::Excluded(key),
        _ => Bound::Unbounded,
    };
    let mut wanted = vec![(Bound::Unbounded, Bound::Unbounded)];
    for (from, to, spot, kind) in walks {
        let of = |index: &prop::sample::Index| {
            let near = near(keys[index.index(keys.len())]);
            near[spot.index(near.len())].clone()
        };
        wanted.push((bound(of(from), kind % 3), bound(of(to), kind / 3)));
        // One value, and one key.
        let key = keys[from.index(keys.len())].clone();
        let value = key[..key.len() - 16].to_vec();
        let all = [value.as_slice(), &[0xff; 16]].concat();
        wanted.push((Bound::Included(value), Bound::Included(all)));
        wanted.push((Bound::Included(key.clone()), Bound::Included(key)));
    }
    for bounds in &wanted {
        for descending in [false, true] {
            let expected = expected(model, bounds, descending);
            for cache in [None, Some(&cache), Some(&small)] {
                assert_eq!(
                    walk(&run, cache, bounds, descending),
                    expected,
                    "{bounds:?} {descending}"
                );
            }
        }
    }
    let mut walk = Walk::new(run).expect("sound");
    for (key, (lsn, tombstone)) in model {
        let entry = walk.entry().expect("one more");
        assert_eq!(
            (entry.key, entry.lsn, entry.tombstone),
            (key.as_slice(), *lsn, *tombstone)
        );
        walk.step().expect("sound");
    }
    assert_eq!(walk.entry(), None);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn walks_find_what_a_map_has_within_any_bounds_in_both_directions(
        entries in entries(400),
        walks in proptest::collection::vec(asked(), 1..20),
    ) {
        let model = entries.into_iter().map(|(key, lsn, tombstone)| (key, (lsn, tombstone)));
        check(&model.collect(), &walks);
    }

    #[test]
    fn walks_find_what_a_map_has_in_a_tree_of_many_levels(
        seed in any::<u64>(),
        count in 1..500_u64,
        walks in proptest::collection::vec(asked(), 1..8),
    ) {
        // Separators as long as they come: keys that differ at their ends, of values and ids.
        let mut model = Model::new();
        for n in 0..count {
            let random = mix64(seed ^ n);
            let mut value = vec![0, 1];
            value.extend([b'a'; 1000]);
            value.extend((random % 100).to_be_bytes());
            let id = u128::from(random).to_be_bytes();
            model.insert([value.as_slice(), &id].concat(), (Lsn(random % 5), random.is_multiple_of(3)));
        }
        check(&model, &walks);
    }
}

#[test]
fn few_absent_values_pass_and_many_ids_of_few_values_take_little() {
    let cache = Cache::new(1 << 20);
    let value = |n: u64| [&[0, 1][..], &mix64(n).to_be_bytes()].concat();
    let key = |n: u64, id: u64| [value(n).as_slice(), &u128::from(id).to_be_bytes()].concat();
    let unique: Model = (0..10_000).map(|n| (key(n, n), (Lsn(1), false))).collect();
    let run = run(&unique, 0);
    let passed =
        (10_000..20_000).filter(|n| run.may_have_value(&cache, &value(*n)).expect("sound"));
    assert!(passed.count() < 250);
    let index = run.footer.index.as_ref().expect("entries");
    assert_eq!((index.entries, index.values), (10_000, 10_000));
    let few: Model = (0..10_000)
        .map(|n| (key(n % 5, n), (Lsn(1), false)))
        .collect();
    let run = self::run(&few, 0);
    let index = run.footer.index.as_ref().expect("entries");
    assert_eq!((index.entries, index.values), (10_000, 5));
    assert!(index.filter_blocks <= 16, "{}", index.filter_blocks);
    assert!(index.pages < 40, "{}", index.pages);
    let passed = (5..10_000).filter(|n| run.may_have_value(&cache, &value(*n)).expect("sound"));
    assert!(passed.count() < 250);
}

#[test]
fn entries_out_of_order_are_refused() {
    let directory = MemoryDirectory::new();
    let key = |value: &[u8], id: u8| [&[0, 1][..], value, &[id; 16]].concat();
    let mut id = 0;
    let mut refused = |first: &[u8], second: &[u8]| {
        id += 1;
        let mut builder = Builder::create(&directory, StreamId(id), DATABASE, 7, 0).expect("new");
        builder.push_entry(first, Lsn(1), false).expect("pushed");
        let refused = builder.push_entry(second, Lsn(1), false).err();
        refused.is_some_and(|error| error.kind() == ErrorKind::Invalid)
    };
    assert!(!refused(&key(b"a", 1), &key(b"a", 2)));
    assert!(!refused(&key(b"a", 2), &key(b"b", 1)));
    assert!(refused(&key(b"a", 1), &key(b"a", 1)), "twice the same");
    assert!(refused(&key(b"a", 2), &key(b"a", 1)));
    assert!(refused(&key(b"b", 1), &key(b"a", 2)));
    assert!(refused(&key(b"a", 1), &key(b"ab", 2)), "not prefix-free");
    assert!(refused(&key(b"a", 1), &[0, 2, 7]), "too short");
    assert!(refused(&key(b"a", 1), &key(&[b'b'; 1025], 2)), "too long");
}

#[test]
fn a_run_may_hold_entries_alone_or_none() {
    let one: Model = [([&[0, 1][..], &[9; 16]].concat(), (Lsn(3), true))].into();
    let alone = run(&one, 0);
    assert!(alone.has_entries() && alone.footer.entries == 0);
    assert_eq!(
        walk(&alone, None, &(Bound::Unbounded, Bound::Unbounded), false).len(),
        1
    );
    let none = run(&Model::new(), 1);
    assert!(!none.has_entries());
    assert!(!none.may_have_value(&Cache::new(0), &[0, 1]).expect("sound"));
    assert_eq!(
        walk(&none, None, &(Bound::Unbounded, Bound::Unbounded), true),
        []
    );
}
