use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use entidb_storage::{
    Directory, DirectoryLock, MemoryDirectory, OpenMode, StorageBackend, StorageError,
    StorageReader, StorageResult,
};
use proptest::prelude::*;

use super::history::{COLLECTION_COUNT, Store, Write, key};
use crate::compaction::{Job, Outcome, Rewrite, SpaceInfo, plan_all};
use crate::format::name::StreamKind;
use crate::ids::{CollectionId, StreamId};
use crate::options::Compression;
use crate::{ErrorKind, manifest, verify};

#[derive(Debug, Clone)]
enum Step {
    Checkpoint(Vec<Vec<Write>>),
    Merge {
        first: usize,
        count: usize,
        victims: u64,
        lz4: bool,
    },
    Job {
        first: usize,
        count: usize,
        rewrite: Rewrite,
    },
    DropCollection,
    DropIndex,
}

fn write() -> impl Strategy<Value = Write> {
    let key = (1..=COLLECTION_COUNT, 0..60_u64).prop_map(|(collection, n)| key(collection, n));
    let len = prop_oneof![20 => 0..300_usize, 1 => Just(40_000_usize)];
    prop_oneof![
        12 => (key.clone(), len).prop_map(|(key, len)| Write::Put { key, len }),
        4 => key.clone().prop_map(Write::Delete),
        1 => (key.clone(), 0..20_u8).prop_map(|(key, len)| {
            let mut last = *key.id().as_bytes();
            last[7] += len;
            Write::DeleteRange {
                collection: key.collection(),
                first: key.id(),
                last: last.into(),
            }
        }),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let transaction = proptest::collection::vec(write(), 1..25);
    let rewrite = prop_oneof![
        Just(Rewrite::Nothing),
        Just(Rewrite::Dead),
        Just(Rewrite::Plain),
        Just(Rewrite::All)
    ];
    prop_oneof![
        6 => proptest::collection::vec(transaction, 1..4).prop_map(Step::Checkpoint),
        3 => (0..8_usize, 1..5_usize, any::<u64>(), any::<bool>()).prop_map(
            |(first, count, victims, lz4)| Step::Merge { first, count, victims, lz4 }
        ),
        2 => (0..8_usize, 1..8_usize, rewrite).prop_map(
            |(first, count, rewrite)| Step::Job { first, count, rewrite }
        ),
        1 => Just(Step::DropCollection),
        1 => Just(Step::DropIndex),
    ]
}

fn neighbours(store: &Store, first: usize, count: usize) -> Option<std::ops::Range<usize>> {
    let all = store.manifest.runs.len();
    let first = first.checked_rem(all)?;
    Some(first..(first + count).min(all))
}

fn act(store: &mut Store, step: &Step) {
    match step {
        Step::Checkpoint(transactions) => store.checkpoint(transactions),
        Step::Merge {
            first,
            count,
            victims,
            lz4,
        } => {
            let Some(runs) = neighbours(store, *first, *count) else {
                return;
            };
            store.compression = if *lz4 {
                Compression::Lz4
            } else {
                Compression::None
            };
            let streams = store.runs();
            let streams = streams[runs.clone()]
                .iter()
                .flat_map(|run| &run.footer.streams);
            let victims: BTreeSet<_> = streams
                .filter(|stream| victims >> (stream.0 % 64) & 1 == 1)
                .copied()
                .collect();
            let merged = store.merge(runs, &victims).expect("merged");
            // A victim has nothing left that lives.
            assert!(victims.iter().all(|stream| merged.emptied.contains(stream)));
        }
        Step::Job {
            first,
            count,
            rewrite,
        } => {
            let Some(runs) = neighbours(store, *first, *count) else {
                return;
            };
            store
                .run(&Job {
                    runs,
                    rewrite: *rewrite,
                })
                .expect("done");
        }
        Step::DropCollection => store.drop_collection(COLLECTION_COUNT),
        Step::DropIndex => store.indexes.drop_index(1),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn merges_of_any_neighbours_with_any_victims_hold_what_a_model_holds(
        steps in proptest::collection::vec(step(), 1..16)
    ) {
        let mut store = Store::new();
        store.indexes.on = true;
        for step in &steps {
            act(&mut store, step);
            store.check();
        }
        // What is counted is what is there, once everything is one run.
        if let Some(job) = plan_all(&store.infos()) {
            store.run(&job).expect("done");
            store.check();
            let again = store.run(&job).expect("done");
            prop_assert!(matches!(again, Outcome::Nothing) || store.manifest.runs.is_empty());
            let infos = store.infos();
            let entries: u64 = infos.iter().map(|info| info.entries).sum();
            prop_assert_eq!(entries, store.model.len() as u64);
            prop_assert!(infos.iter().all(|info| info.tombstones == 0 && !info.ranges));
            let entries: u64 = infos.iter().map(|info| info.index.entries).sum();
            prop_assert_eq!(entries, store.indexes.count() as u64);
            prop_assert!(infos.iter().all(|info| info.index.void_bytes == 0));
        }
    }
}

fn puts(numbers: impl Iterator<Item = u64>, len: usize) -> Vec<Write> {
    let put = |n| Write::Put {
        key: key(1, n),
        len,
    };
    numbers.map(put).collect()
}

/// Four runs whose keys are mixed, some of them deleted.
fn mixed(directory: Arc<dyn Directory>) -> Store {
    let mut store = Store::in_directory(directory);
    store.indexes.on = true;
    for run in 0..4 {
        let mut writes = puts((0..400).map(|n| n * 7919 % 400 * 4 + run), 200);
        writes.extend((0..50).map(|n| Write::Delete(key(1, n * 4 + run.saturating_sub(1)))));
        store.checkpoint(&[writes]);
    }
    store
}

#[test]
fn compacting_gives_back_what_is_dead_and_puts_in_order_what_is_scattered() {
    let mut store = Store::new();
    for run in 0..4_u64 {
        store.checkpoint(&[puts((0..4000).map(|n| n * 7919 % 4000 * 4 + run), 400)]);
    }
    let before = store.live_bytes();
    store.checkpoint(&[(0..8000).map(|n| Write::Delete(key(1, n * 2))).collect()]);
    store.check();
    let infos = store.infos();
    let dead = crate::compaction::plan::dead_bytes(&infos);
    assert!(
        dead > before * 2 / 5 && dead < before * 7 / 10,
        "{dead} of {before}"
    );
    let job = plan_all(&infos).expect("runs");
    assert!(matches!(store.run(&job), Ok(Outcome::Merged(_))));
    store.check();
    let (bytes, live) = (store.segment_bytes(), store.live_bytes());
    assert!(bytes * 10 <= live * 11, "{bytes} for {live}");
    assert_eq!(
        (store.manifest.runs.len(), store.manifest.segments.len()),
        (1, 0)
    );
    assert!(matches!(store.run(&job), Ok(Outcome::Nothing)));
    // New entities behind the old ones: dense and in order, they stay where they are.
    store.checkpoint(&[puts(20_000..21_000, 400), puts(21_000..22_000, 400)]);
    let (logs, segments) = (
        store.manifest.segments.clone(),
        store.manifest.rewritten.clone(),
    );
    let job = plan_all(&store.infos()).expect("runs");
    assert!(matches!(store.run(&job), Ok(Outcome::Merged(_))));
    assert_eq!(
        (&store.manifest.segments, &store.manifest.rewritten),
        (&logs, &segments)
    );
    store.check();
}

#[test]
fn with_compression_everything_is_compressed_once() {
    let mut store = mixed(Arc::new(MemoryDirectory::new()));
    store.compression = Compression::Lz4;
    let job = plan_all(&store.infos()).expect("runs");
    store.run(&job).expect("done");
    store.check();
    let (bytes, live) = (store.segment_bytes(), store.live_bytes());
    assert!(bytes * 2 < live, "{bytes} for {live}");
    assert!(matches!(store.run(&job), Ok(Outcome::Nothing)));
    let policy = crate::compaction::Policy {
        compression: Compression::Lz4,
        ..Default::default()
    };
    assert_eq!(crate::compaction::plan(&store.infos(), &policy), None);
    let streams = store.loaded().view.streams;
    let space: SpaceInfo = crate::compaction::space(&store.infos(), &streams);
    assert!(space.compressed_bytes * 2 < space.raw_bytes, "{space:?}");
    assert_eq!(
        space.dead_bytes_estimate + space.live_bytes,
        space.segment_bytes
    );
}

#[test]
fn what_is_dead_is_estimated_in_the_bytes_that_it_takes_on_disk() {
    let mut store = Store::new();
    store.compression = Compression::Lz4;
    store.checkpoint(&[puts(0..8000, 300)]);
    let job = plan_all(&store.infos()).expect("runs");
    store.run(&job).expect("done");
    let compressed = store.segment_bytes();
    assert!(compressed * 2 < store.live_bytes());
    // Half of them anew, a quarter deleted by a range.
    store.checkpoint(&[puts((0..4000).map(|n| n * 2), 300)]);
    store.checkpoint(&[vec![Write::DeleteRange {
        collection: CollectionId(1),
        first: key(1, 2000).id(),
        last: key(1, 3999).id(),
    }]]);
    let infos = store.infos();
    let near = |got: u64, expected: u64| got.abs_diff(expected) < expected / 5 + 1000;
    assert!(
        near(infos[1].overwritten_bytes, compressed / 2),
        "{infos:?}"
    );
    let plain = infos[1].live_bytes;
    let covered = (compressed + plain) / 4;
    assert!(
        near(infos[2].overwritten_bytes, covered),
        "{infos:?}, {covered}"
    );
    store.check();
}

#[test]
fn a_job_that_is_cancelled_leaves_everything_as_it_was() {
    let store = mixed(Arc::new(MemoryDirectory::new()));
    let job = plan_all(&store.infos()).expect("runs");
    let names = store.names();
    for after in 0..3 {
        match store.cancel(&job, after) {
            Outcome::Cancelled => assert_eq!(store.names(), names),
            other => {
                assert!(after > 1, "{other:?}");
                store.remove_unlisted();
            }
        }
    }
    store.check();
}

/// A directory whose operations fail from the nth on.
struct Failing {
    inner: MemoryDirectory,
    left: Arc<AtomicU64>,
}

impl Failing {
    fn step(left: &AtomicU64) -> StorageResult<()> {
        let before = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1));
        match before {
            Ok(_) => Ok(()),
            Err(_) => Err(StorageError::Io(std::io::Error::other("out of order"))),
        }
    }
}

struct FailingBackend(Box<dyn StorageBackend>, Arc<AtomicU64>);

impl StorageBackend for FailingBackend {
    fn read_at(&self, offset: u64, len: usize) -> StorageResult<Vec<u8>> {
        self.0.read_at(offset, len)
    }

    fn append(&mut self, data: &[u8]) -> StorageResult<u64> {
        Failing::step(&self.1)?;
        self.0.append(data)
    }

    fn flush(&mut self) -> StorageResult<()> {
        Failing::step(&self.1)?;
        self.0.flush()
    }

    fn size(&self) -> StorageResult<u64> {
        self.0.size()
    }

    fn sync(&mut self) -> StorageResult<()> {
        Failing::step(&self.1)?;
        self.0.sync()
    }

    fn truncate(&mut self, new_size: u64) -> StorageResult<()> {
        self.0.truncate(new_size)
    }
}

struct FailingReader(Arc<dyn StorageReader>, Arc<AtomicU64>);

impl StorageReader for FailingReader {
    fn read_at(&self, offset: u64, len: usize) -> StorageResult<Vec<u8>> {
        Failing::step(&self.1)?;
        self.0.read_at(offset, len)
    }

    fn size(&self) -> StorageResult<u64> {
        self.0.size()
    }
}

impl Directory for Failing {
    fn open(&self, name: &str, mode: OpenMode) -> StorageResult<Box<dyn StorageBackend>> {
        Self::step(&self.left)?;
        let backend = self.inner.open(name, mode)?;
        Ok(Box::new(FailingBackend(backend, Arc::clone(&self.left))))
    }

    fn open_reader(&self, name: &str) -> StorageResult<Arc<dyn StorageReader>> {
        let reader = self.inner.open_reader(name)?;
        Ok(Arc::new(FailingReader(reader, Arc::clone(&self.left))))
    }

    fn list(&self) -> StorageResult<Vec<String>> {
        self.inner.list()
    }

    fn remove(&self, name: &str) -> StorageResult<()> {
        self.inner.remove(name)
    }

    fn replace(&self, name: &str, data: &[u8]) -> StorageResult<()> {
        self.inner.replace(name, data)
    }

    fn lock(&self, name: &str) -> StorageResult<DirectoryLock> {
        self.inner.lock(name)
    }

    fn sync(&self) -> StorageResult<()> {
        self.inner.sync()
    }
}

#[test]
fn a_merge_that_fails_at_any_operation_leaves_everything_as_it_was() {
    const ALL: u64 = 1 << 40;
    let left = Arc::new(AtomicU64::new(ALL));
    let mut store = mixed(Arc::new(Failing {
        inner: MemoryDirectory::new(),
        left: Arc::clone(&left),
    }));
    let names = store.names();
    // Opening reads too, and is no part of the merge.
    let opened = {
        let before = left.load(Ordering::Relaxed);
        let _ = (store.runs(), store.loaded());
        before - left.load(Ordering::Relaxed)
    };
    let victims: BTreeSet<StreamId> = store.manifest.segments.iter().map(|s| s.stream).collect();
    let (mut nth, mut failures) = (0, 0);
    loop {
        left.store(opened + nth, Ordering::Relaxed);
        let merged = store.merge(0..4, &victims);
        left.store(ALL, Ordering::Relaxed);
        match merged {
            Ok(_) => break,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Io, "{error}");
                assert_eq!(store.names(), names, "after {nth} operations");
                failures += 1;
            }
        }
        if nth % 16 == 0 {
            store.check();
            let _ = store.directory.remove("manifest");
        }
        nth += 1;
    }
    assert!(failures > 50, "{failures}");
    store.check();
}

/// The stream, with one bit of it flipped.
fn flip(directory: &dyn Directory, name: &str, bit: u64) {
    let reader = directory.open_reader(name).expect("there");
    let size = reader.size().expect("measured");
    let mut bytes = reader.read_at(0, size as usize).expect("read");
    bytes[(bit / 8) as usize] ^= 1 << (bit % 8);
    directory.replace(name, &bytes).expect("replaced");
}

#[test]
fn a_merge_over_damage_names_it_and_copies_nothing_on() {
    let mut store = mixed(Arc::new(MemoryDirectory::new()));
    let victims: BTreeSet<StreamId> = store.manifest.segments.iter().map(|s| s.stream).collect();
    let log = StreamKind::Log.name(store.manifest.segments[0].stream);
    let run = StreamKind::Run.name(store.manifest.runs[1].stream);
    let names = store.names();
    // A payload in the middle of the log, and a leaf.
    for (name, at) in [(&log, 40_000), (&run, 5000)] {
        flip(&*store.directory, name, at * 8);
        let error = store.merge(0..4, &victims).expect_err("damaged");
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
        assert_eq!(error.stream(), Some(name.as_str()));
        assert!(
            error
                .offset()
                .is_some_and(|offset| offset.abs_diff(at) < 5000)
        );
        assert_eq!(store.names(), names);
        flip(&*store.directory, name, at * 8);
    }
    store.check();
}

#[test]
fn every_flipped_byte_and_every_cut_of_a_rewritten_segment_is_found() {
    for compression in [Compression::None, Compression::Lz4] {
        let mut store = Store::new();
        store.compression = compression;
        store.checkpoint(&[puts((0..40).map(|n| n * 7 % 40), 30), puts(40..42, 33_000)]);
        let victims = store.manifest.segments.iter().map(|s| s.stream).collect();
        store.merge(0..1, &victims).expect("merged");
        store.check();
        let segment = store.manifest.rewritten[0];
        let name = StreamKind::Segment.name(segment.stream);
        let sound = |store: &Store| {
            let report = verify::verify(&*store.directory).expect("read");
            assert!(
                report.problems.iter().all(|p| p.stream == name),
                "{report:?}"
            );
            report.is_sound()
        };
        assert!(sound(&store));
        // Every byte of headers, table and footer, and many others.
        let near = |at: u64| at < 4000 || at + 500 > segment.end;
        for at in (0..segment.len).filter(|at| near(*at) || at % 251 == 0) {
            flip(&*store.directory, &name, at * 8 + at % 8);
            assert!(!sound(&store), "byte {at}");
            flip(&*store.directory, &name, at * 8 + at % 8);
        }
        let reader = store.directory.open_reader(&name).expect("there");
        let bytes = reader.read_at(0, segment.len as usize).expect("read");
        for len in (0..segment.len).step_by(97) {
            store
                .directory
                .replace(&name, &bytes[..len as usize])
                .expect("cut");
            assert!(!sound(&store), "cut to {len}");
        }
    }
}

#[test]
fn records_that_were_moved_or_swapped_are_found() {
    // Two segments of the same records: each whole, and in the other's place.
    let mut store = Store::new();
    store.checkpoint(&[puts(0..400, 300)]);
    store.checkpoint(&[puts(1000..1400, 300)]);
    for runs in [0..1, 1..2] {
        let victims = store.runs()[runs.start]
            .footer
            .streams
            .iter()
            .copied()
            .collect();
        store.merge(runs, &victims).expect("merged");
    }
    let segments = store.manifest.rewritten.iter();
    let names: Vec<_> = segments
        .map(|s| StreamKind::Segment.name(s.stream))
        .collect();
    let read = |name: &str| {
        let reader = store.directory.open_reader(name).expect("there");
        reader
            .read_at(0, reader.size().expect("measured") as usize)
            .expect("read")
    };
    let (a, b) = (read(&names[0]), read(&names[1]));
    store.directory.replace(&names[0], &b).expect("swapped");
    store.directory.replace(&names[1], &a).expect("swapped");
    manifest::replace(&*store.directory, &store.manifest, 3).expect("replaced");
    assert!(!verify::verify(&*store.directory).expect("read").is_sound());
}

#[test]
fn a_run_of_range_tombstones_alone_hides_what_is_older() {
    let mut store = Store::new();
    store.checkpoint(&[puts(0..100, 50)]);
    let all = Write::DeleteRange {
        collection: CollectionId(1),
        first: key(1, 10).id(),
        last: key(1, 200).id(),
    };
    store.checkpoint(&[vec![all]]);
    store.checkpoint(&[puts(50..60, 50)]);
    store.check();
    assert_eq!(store.model.len(), 20);
    // Merged with what is newer it stays; with the oldest it goes, and so do they.
    store.merge(1..3, &BTreeSet::new()).expect("merged");
    store.check();
    assert!(store.infos()[1].ranges);
    store.merge(0..2, &BTreeSet::new()).expect("merged");
    store.check();
    assert_eq!(
        (store.infos()[0].entries, store.infos()[0].ranges),
        (20, false)
    );
    // And where nothing is left, there is no run.
    store.checkpoint(&[vec![Write::DeleteRange {
        collection: CollectionId(1),
        first: key(1, 0).id(),
        last: key(1, 200).id(),
    }]]);
    let merged = store.merge(0..2, &BTreeSet::new()).expect("merged");
    assert_eq!(merged.run, None);
    assert_eq!(store.manifest.segments, []);
    store.check();
}

#[test]
fn what_a_sample_says_of_overwrites_is_near_to_what_a_count_says() {
    let mut store = Store::new();
    store.checkpoint(&[puts((0..40_000).map(|n| n * 7919 % 40_000), 20)]);
    store.checkpoint(&[puts((0..40_000).map(|n| n * 7919 % 80_000), 20)]);
    let overwritten = store.runs()[1].footer.overwritten.records;
    assert!(overwritten.abs_diff(20_000) < 1500, "{overwritten}");
}
