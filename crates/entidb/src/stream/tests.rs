#![expect(
    clippy::cast_possible_truncation,
    reason = "small numbers, and bytes out of large ones"
)]

use entidb_storage::{Directory, MemoryDirectory, OpenMode, StorageBackend};

use super::*;
use crate::format::header::{Header, Kind};
use crate::ids::{CollectionId, EntityId, Lsn};
use crate::manifest::Catalog;
use crate::mix::mix64;
use crate::view::View;
use crate::window::Windows;

const DATABASE: [u8; 16] = [3; 16];
const SALT: u64 = 77;

struct Disk {
    directory: MemoryDirectory,
    backend: Box<dyn StorageBackend>,
    records: Vec<(Key, Location, Vec<u8>)>,
}

impl Disk {
    fn new() -> Self {
        let directory = MemoryDirectory::new();
        let name = StreamKind::Log.name(StreamId(1));
        let mut backend = directory.open(&name, OpenMode::CreateNew).unwrap();
        let header = Header {
            kind: Kind::Log,
            database: DATABASE,
            stream: StreamId(1),
            salt: SALT,
        };
        backend.append(&header.encode()).unwrap();
        Self {
            directory,
            backend,
            records: Vec::new(),
        }
    }

    fn append(&mut self, len: usize) {
        let n = self.records.len() as u64;
        let key = Key::new(CollectionId(1), EntityId::from_bytes([n as u8; 16]));
        let payload: Vec<u8> = (0..len as u64)
            .map(|at| mix64(n * 999 + at) as u8)
            .collect();
        let mut bytes = Vec::new();
        let header = record::Header {
            payload_len: len as u32,
            collection: key.collection(),
            kind: record::Kind::Entity,
            was: record::Was::Unknown,
            id: key.id(),
        };
        header.encode(&payload, &mut bytes);
        let location = Location {
            lsn: Lsn(n + 1),
            stream: StreamId(1),
            offset: self.backend.size().unwrap(),
            len: bytes.len() as u32,
            tombstone: false,
        };
        let binding = Binding {
            salt: SALT,
            offset: location.offset,
            lsn: location.lsn,
        };
        record::bind(&mut bytes, binding);
        self.backend.append(&bytes).unwrap();
        self.records.push((key, location, payload));
    }

    fn stream(&self) -> Arc<Stream> {
        let stream = Stream::open(&self.directory, StreamKind::Log, StreamId(1), DATABASE);
        Arc::new(stream.unwrap())
    }
}

fn view(stream: &Arc<Stream>, cache_bytes: u64) -> View {
    View {
        memtables: Vec::new(),
        runs: Vec::new(),
        streams: [(StreamId(1), Arc::clone(stream))].into(),
        catalog: Arc::new(Catalog::default()),
        cache: Arc::new(Cache::new(cache_bytes)),
        shown: Lsn::ZERO,
        scans: Arc::default(),
        migrations: Arc::default(),
    }
}

/// Each record one by one, and on walks in both directions and out of order.
fn assert_all_readable(disk: &Disk, view: &View) {
    for (key, location, payload) in &disk.records {
        let found = view.payload(*key, &(*location).into()).unwrap();
        assert_eq!(found, payload, "{location:?}");
    }
    let mut orders: Vec<Vec<_>> = vec![disk.records.iter().collect(); 3];
    orders[1].reverse();
    orders[2].sort_by_key(|(_, location, _)| mix64(location.offset));
    for order in orders {
        let mut windows = Windows::default();
        for (key, location, payload) in order {
            let found = windows.payload(view, *key, location).unwrap();
            assert_eq!(found, payload, "{location:?}");
        }
    }
}

#[test]
fn records_within_across_and_above_blocks_are_read_with_and_without_a_cache() {
    let mut disk = Disk::new();
    for n in 0..240_u64 {
        let lens = [0, 400, 5000, 16_000, 16_384, 40_000, 300_000];
        disk.append(lens[(mix64(n) % if n % 40 == 0 { 7 } else { 4 }) as usize]);
    }
    for cache_bytes in [0, 100_000, 64 << 20] {
        for sealed in [false, true] {
            let stream = disk.stream();
            if sealed {
                stream.seal();
            }
            let view = view(&stream, cache_bytes);
            assert_all_readable(&disk, &view);
            assert_all_readable(&disk, &view);
            assert!(view.cache.len_bytes() <= cache_bytes);
            assert_eq!(view.cache.hit_count() > 0, cache_bytes > 0);
        }
    }
}

#[test]
fn the_block_at_the_end_of_a_log_that_grows_is_never_kept_short() {
    let mut disk = Disk::new();
    let stream = disk.stream();
    let view = view(&stream, 64 << 20);
    for round in 0..120 {
        disk.append(700);
        assert_all_readable(&disk, &view);
        let len = disk.backend.size().unwrap();
        let last = len / BLOCK_LEN;
        assert!(!stream.blocks.has(last), "round {round}");
        assert!(last == 0 || stream.blocks.has(0), "what lies below is kept");
    }
    // A torn tail that is cut off and written anew.
    let len = disk.backend.size().unwrap();
    let whole = len.next_multiple_of(BLOCK_LEN) - len;
    disk.backend.append(&vec![7; 2 * whole as usize]).unwrap();
    assert_all_readable(&disk, &view);
    disk.backend.truncate(len).unwrap();
    for _ in 0..40 {
        disk.append(900);
    }
    assert_all_readable(&disk, &view);
    stream.seal();
    assert_all_readable(&disk, &view);
    assert!(stream.blocks.has(disk.backend.size().unwrap() / BLOCK_LEN));
}

#[test]
fn a_damaged_record_is_an_error_that_names_it_and_its_neighbours_stay() {
    let mut disk = Disk::new();
    for _ in 0..100 {
        disk.append(600);
    }
    let stream = disk.stream();
    stream.seal();
    let view = view(&stream, 1 << 20);
    let mut windows = Windows::default();
    for (n, (key, location, payload)) in disk.records.iter().enumerate() {
        let mut wrong = *location;
        wrong.lsn = Lsn(location.lsn.0 + u64::from(n == 50));
        let other = disk.records[n / 60].0;
        for found in [
            view.payload(*key, &wrong.into()),
            windows.payload(&view, *key, &wrong),
        ] {
            match found {
                Ok(found) => assert!(n != 50 && found == payload),
                Err(error) => {
                    assert!(n == 50 && error.kind() == ErrorKind::Corrupt);
                    assert_eq!(error.offset(), Some(location.offset));
                }
            }
        }
        if other != *key {
            assert!(view.payload(other, &(*location).into()).is_err());
        }
    }
    let mut behind = disk.records[99].1;
    behind.offset = u64::MAX - 10;
    assert!(view.payload(disk.records[99].0, &behind.into()).is_err());
    assert!(windows.payload(&view, disk.records[99].0, &behind).is_err());
}
