//! Readers beside an appender that appends, flushes, syncs, reserves and cuts.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use entidb_storage::{FileBackend, InMemoryBackend, StorageBackend, StorageError, StorageReader};

/// What stands at `position`, for ever.
fn byte_at(position: u64) -> u8 {
    let mixed = (position / 8).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed.to_le_bytes()[usize::try_from(position % 8).unwrap()]
}

fn bytes_at(start: u64, len: usize) -> Vec<u8> {
    (start..start + len as u64).map(byte_at).collect()
}

/// A sequence of numbers, the same every time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

fn every_read_is_exact(mut backend: impl StorageBackend + 'static) {
    let reader = backend.reader().unwrap();
    // What every append that returned has covered.
    let covered = Arc::new(AtomicU64::new(0));
    let done = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..3)
        .map(|seed| {
            let (reader, covered, done) =
                (Arc::clone(&reader), Arc::clone(&covered), Arc::clone(&done));
            thread::spawn(move || {
                let mut numbers = Numbers(seed);
                let mut reads = 0_u64;
                while !done.load(Ordering::Acquire) || reads < 1000 {
                    read_once(&*reader, &covered, &mut numbers);
                    reads += 1;
                }
            })
        })
        .collect();
    let mut numbers = Numbers(99);
    let mut size = 0;
    for round in 0..1500 {
        let len = match numbers.below(20) {
            0 => 300_000,
            1..=4 => 20_000,
            _ => 100,
        };
        let len = usize::try_from(numbers.below(len) + 1).unwrap();
        assert_eq!(backend.append(&bytes_at(size, len)).unwrap(), size);
        size += len as u64;
        covered.store(size, Ordering::Release);
        match round % 50 {
            10 | 30 => backend.flush().unwrap(),
            20 => backend.reserve(50_000).unwrap(),
            40 => backend.sync().unwrap(),
            _ => {}
        }
    }
    drop(backend);
    done.store(true, Ordering::Release);
    for reader in readers {
        reader.join().unwrap();
    }
}

fn read_once(reader: &dyn StorageReader, covered: &AtomicU64, numbers: &mut Numbers) {
    let size = covered.load(Ordering::Acquire);
    assert!(reader.size().unwrap() >= size);
    let len = numbers.below(3000).min(size);
    // Half of the reads near the end, where the buffer is.
    let offset = match numbers.below(2) {
        0 => numbers.below(size - len + 1),
        _ => (size - len).saturating_sub(numbers.below(2000)),
    };
    let len = usize::try_from(len).unwrap();
    assert!(reader.read_at(offset, len).unwrap() == bytes_at(offset, len));
    let mut buf = vec![0; len];
    reader.read_into(offset, &mut buf).unwrap();
    assert!(buf == bytes_at(offset, len));
}

#[test]
fn every_read_beside_an_appender_of_a_file_is_exact() {
    let dir = tempfile::tempdir().unwrap();
    every_read_is_exact(FileBackend::open(&dir.path().join("stream")).unwrap());
}

#[test]
fn every_read_beside_an_appender_in_memory_is_exact() {
    every_read_is_exact(InMemoryBackend::new());
}

const BLOCK: usize = 4096;

/// Every block is of one byte, which tells how many cuts there were before it was appended. Cuts lie between blocks, so that
/// a read of one block finds one byte, or the end, but never a mixture and never zeros.
fn no_read_mixes_old_and_new(mut backend: impl StorageBackend + 'static) {
    let reader = backend.reader().unwrap();
    let done = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..2)
        .map(|seed| {
            let (reader, done) = (Arc::clone(&reader), Arc::clone(&done));
            thread::spawn(move || {
                let mut numbers = Numbers(seed);
                let mut found = 0_u64;
                while !done.load(Ordering::Acquire) || found < 100 {
                    let blocks = reader.size().unwrap() / BLOCK as u64 + 2;
                    let offset = numbers.below(blocks) * BLOCK as u64;
                    match reader.read_at(offset, BLOCK) {
                        Ok(block) => {
                            assert_ne!(block[0], 0);
                            assert!(block.iter().all(|byte| *byte == block[0]));
                            found += 1;
                        }
                        Err(StorageError::ReadPastEnd { .. }) => {}
                        Err(error) => panic!("{error}"),
                    }
                }
            })
        })
        .collect();
    let mut numbers = Numbers(7);
    for round in 0..1500_u64 {
        let generation = (round % 255 + 1).to_le_bytes()[0];
        for _ in 0..numbers.below(40) {
            // In two parts, so that a block may lie across the end of the buffer.
            let part = usize::try_from(numbers.below(BLOCK as u64)).unwrap();
            backend.append(&vec![generation; part]).unwrap();
            backend.append(&vec![generation; BLOCK - part]).unwrap();
        }
        match numbers.below(4) {
            0 => backend.flush().unwrap(),
            1 => backend.reserve(10_000).unwrap(),
            _ => {}
        }
        let blocks = backend.size().unwrap() / BLOCK as u64;
        let kept = blocks - numbers.below(30).min(blocks);
        backend.truncate(kept * BLOCK as u64).unwrap();
    }
    backend.append(&[1; BLOCK]).unwrap();
    done.store(true, Ordering::Release);
    for reader in readers {
        reader.join().unwrap();
    }
}

#[test]
fn no_read_of_a_file_mixes_what_was_cut_with_what_came_after() {
    let dir = tempfile::tempdir_in("/dev/shm")
        .or_else(|_| tempfile::tempdir())
        .unwrap();
    no_read_mixes_old_and_new(FileBackend::open(&dir.path().join("stream")).unwrap());
}

#[test]
fn no_read_in_memory_mixes_what_was_cut_with_what_came_after() {
    no_read_mixes_old_and_new(InMemoryBackend::new());
}
