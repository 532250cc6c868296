//! Index entries of a run, written and walked, against a map.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use entidb_storage::{Directory, MemoryDirectory, OpenMode};
use proptest::prelude::*;

use super::{EntryCursor, Walk};
use crate::ErrorKind;
use crate::cache::Cache;
use crate::format::checksum::{Binding, bound};
use crate::format::entry::split;
use crate::format::entry::tests::{entries, near};
use crate::format::key::Key;
use crate::format::name::StreamKind;
use crate::format::page;
use crate::ids::{CollectionId, EntityId, Lsn, StreamId};
use crate::manifest::SealedEntry;
use crate::memtable::Location;
use crate::mix::mix64;
use crate::run::{Builder, Run};
use crate::verify::{Problem, Report, check_entries};

const DATABASE: [u8; 16] = [3; 16];

type Model = BTreeMap<Vec<u8>, (Lsn, bool)>;
type Bounds = (Bound<Vec<u8>>, Bound<Vec<u8>>);

/// A run of these entries, and of so many primary keys.
fn run(model: &Model, keys: u64) -> Arc<Run> {
    let (directory, entry) = written(model, keys);
    opened(&directory, entry)
}

fn opened(directory: &MemoryDirectory, entry: SealedEntry) -> Arc<Run> {
    Arc::new(Run::open(directory, entry, DATABASE).expect("it opens"))
}

fn written(model: &Model, keys: u64) -> (MemoryDirectory, SealedEntry) {
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
    (directory, entry)
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
    for key in keys.iter().step_by(keys.len() / 20 + 1) {
        for (value, limit) in [
            (&key[..key.len() - 16], 3),
            (&key[..key.len() - 17], 9),
            (&key[..], 9),
        ] {
            let mut found = Vec::new();
            let complete = run.each_with_value(&cache, value, |id, lsn, tombstone| {
                found.push(([value, id.as_bytes()].concat(), lsn, tombstone));
                found.len() < limit
            });
            let bounds = (
                Bound::Included(value.to_vec()),
                Bound::Included([value, &[0xff; 16]].concat()),
            );
            let mut expected = expected(model, &bounds, false);
            expected.retain(|(key, ..)| key.len() == value.len() + 16 && key.starts_with(value));
            assert_eq!(complete.expect("sound"), expected.len() < limit);
            expected.truncate(limit);
            assert_eq!(found, expected);
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

/// The same stream with a page changed, and with `seal` bound to its place again.
fn forged(
    directory: &MemoryDirectory,
    number: u64,
    seal: bool,
    edit: impl FnOnce(&mut [u8]),
) -> MemoryDirectory {
    let name = StreamKind::Run.name(StreamId(5));
    let reader = directory.open_reader(&name).expect("there");
    let len = usize::try_from(reader.size().expect("measured")).expect("short");
    let mut bytes = reader.read_at(0, len).expect("read");
    let offset = number * page::LEN as u64;
    let at = usize::try_from(offset).expect("short");
    let page = &mut bytes[at..at + page::LEN];
    edit(page);
    if seal {
        let binding = Binding {
            salt: 77,
            offset,
            lsn: Lsn::ZERO,
        };
        let crc = bound(binding, &page[4..]);
        page[..4].copy_from_slice(&crc.to_le_bytes());
    }
    let forged = MemoryDirectory::new();
    let mut stream = forged.open(&name, OpenMode::CreateNew).expect("new");
    stream.append(&bytes).expect("appended");
    stream.sync().expect("synced");
    forged
}

fn problems(run: &Run) -> Vec<Problem> {
    let mut report = Report::default();
    check_entries(run, &mut report);
    report.problems
}

/// Entries of a tree of two levels.
fn many() -> Model {
    let key = |n: u64| {
        let id = (u128::from(mix64(n)) << 64) | u128::from(mix64(!n));
        [&[0, 1, 4][..], &(n / 3).to_be_bytes(), &id.to_be_bytes()].concat()
    };
    (0..600)
        .map(|n| (key(n), (Lsn(n % 5), n.is_multiple_of(7))))
        .collect()
}

#[test]
fn every_flipped_byte_of_the_pages_of_index_entries_is_found_where_it_is() {
    let (directory, entry) = written(&many(), 3);
    let run = opened(&directory, entry);
    assert_eq!(problems(&run), []);
    let index = run.footer.index.as_ref().expect("entries");
    assert!(index.leaves > 1 && index.pages > index.leaves && index.filter_blocks > 0);
    for number in run.footer.pages + 1..=run.footer.pages + index.page_count() {
        for at in 0..page::LEN {
            let flipped = forged(&directory, number, false, |page| page[at] ^= 1 << (at % 8));
            let found = problems(&opened(&flipped, entry));
            let expected = number * page::LEN as u64;
            assert_eq!(
                found.iter().map(|p| p.offset).collect::<Vec<_>>(),
                [expected],
                "{at}"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn pages_that_lie_are_walked_to_an_end(
        number in any::<prop::sample::Index>(),
        edits in proptest::collection::vec((0..300_usize, any::<u8>()), 1..6),
        swapped in any::<prop::sample::Index>(),
        swap in any::<bool>(),
    ) {
        let model = many();
        let (directory, entry) = written(&model, 3);
        let run = opened(&directory, entry);
        let pages = run.footer.index.as_ref().expect("entries").page_count();
        let first = run.footer.pages + 1;
        let number = first + number.index(usize::try_from(pages).expect("few")) as u64;
        let other = first + swapped.index(usize::try_from(pages).expect("few")) as u64;
        let other = run.stream.read(other * page::LEN as u64, page::LEN).expect("read");
        let lying = forged(&directory, number, true, |page| {
            if swap {
                page.copy_from_slice(&other);
            }
            for (at, byte) in edits {
                page[4 + at] = byte;
            }
        });
        let run = opened(&lying, entry);
        let _ = problems(&run);
        let cache = Arc::new(Cache::new(1 << 20));
        for (key, _) in model.iter().step_by(50) {
            for descending in [false, true] {
                for bounds in [
                    (Bound::Unbounded, Bound::Unbounded),
                    (Bound::Included(key.clone()), Bound::Unbounded),
                    (Bound::Unbounded, Bound::Excluded(key.clone())),
                    (Bound::Included(key.clone()), Bound::Included(key.clone())),
                ] {
                    let cache = Some(Arc::clone(&cache));
                    let mut cursor = EntryCursor::new(Arc::clone(&run), cache, bounds, descending);
                    let mut count = 0;
                    while let Ok(Some(_)) = cursor.peek() {
                        cursor.pass();
                        count += 1;
                    }
                    prop_assert!(count < 100_000);
                }
            }
            let _ = run.may_have_value(&cache, &key[..key.len() - 16]);
        }
        if let Ok(mut walk) = Walk::new(run) {
            while walk.entry().is_some() && walk.step().is_ok() {}
        }
    }
}

#[test]
fn a_tree_that_lies_is_found_though_its_checksums_hold() {
    let (directory, entry) = written(&many(), 3);
    let run = opened(&directory, entry);
    let first = run.footer.pages + 1;
    let index = run.footer.index.as_ref().expect("entries");
    let root = run.footer.pages + index.pages;
    let filter = root + 1;
    let lies = |number, edit: &dyn Fn(&mut [u8])| {
        let lying = forged(&directory, number, true, edit);
        let found = problems(&opened(&lying, entry));
        found
            .iter()
            .map(|problem| problem.message.clone())
            .collect::<Vec<_>>()
            .join("; ")
    };
    let page = |number: u64| {
        run.stream
            .read(number * page::LEN as u64, page::LEN)
            .expect("read")
    };
    let (one, two) = (page(first), page(first + 1));
    let told = |said: &str, what: &str| assert!(said.contains(what), "{said}");
    told(
        &lies(first + 1, &|page| page.copy_from_slice(&one)),
        "rising",
    );
    told(&lies(first, &|page| page.copy_from_slice(&two)), "rising");
    // The first child's number.
    told(&lies(root, &|page| page[24] += 1), "children");
    // The last byte of the last separator.
    let last = |page: &[u8]| page.iter().rposition(|byte| *byte != 0).expect("not empty");
    told(&lies(root, &|page| page[last(page)] ^= 1), "separators");
    told(&lies(filter, &|page| page[32..64].fill(0)), "filter");
    // The lowest LSN.
    told(&lies(first, &|page| page[24..32].fill(0xff)), "commits");
    // An entry less, and all its columns still there.
    told(&lies(first, &|page| page[6] -= 1), "index page");
}
