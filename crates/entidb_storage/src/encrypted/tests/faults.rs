//! An inner stream that fails.

use super::disk::Disk;
use super::key;
use crate::encrypted::EncryptedBackend;
use crate::{StorageBackend, StorageError};

fn open(disk: &Disk) -> EncryptedBackend {
    EncryptedBackend::with_block_size(Box::new(disk.clone()), &key(3), 1024).unwrap()
}

fn all(backend: &EncryptedBackend) -> Vec<u8> {
    let len = usize::try_from(backend.size().unwrap()).unwrap();
    backend.read_at(0, len).unwrap()
}

/// Runs `act` with the disk full at each operation in turn, until it goes well. Whenever it does not, the stream is as it was,
/// and the same works once there is room.
fn is_all_or_nothing(act: impl Fn(&mut EncryptedBackend) -> Result<(), StorageError>) {
    let mut failures = 0;
    loop {
        let disk = Disk::default();
        let mut backend = open(&disk);
        backend.append(&[1; 700]).unwrap();
        backend.flush().unwrap();
        backend.append(&[2; 900]).unwrap();
        let before = all(&backend);
        let reader = backend.reader().unwrap();
        disk.full_after(failures);
        let result = act(&mut backend);
        disk.heal();
        match result {
            Ok(()) => break,
            Err(error) => assert!(error.is_full(), "{error}"),
        }
        failures += 1;
        assert_eq!(all(&backend), before);
        assert_eq!(reader.read_at(0, before.len()).unwrap(), before);
        act(&mut backend).unwrap();
        backend.flush().unwrap();
        let after = all(&backend);
        assert_eq!(reader.read_at(0, after.len()).unwrap(), after);
        drop(backend);
        assert_eq!(all(&open(&disk)), after);
    }
    assert!(failures > 0, "it never met the full disk");
}

#[test]
fn an_append_to_a_full_disk_changes_nothing() {
    is_all_or_nothing(|backend| backend.append(&[3; 2000]).map(drop));
    is_all_or_nothing(|backend| backend.append(&[3; 700_000]).map(drop));
}

#[test]
fn a_flush_to_a_full_disk_can_be_retried_under_another_nonce() {
    is_all_or_nothing(StorageBackend::flush);
    is_all_or_nothing(StorageBackend::sync);
}

#[test]
fn closing_on_a_full_disk_can_be_retried() {
    for failures in 0.. {
        let disk = Disk::default();
        let mut backend = open(&disk);
        backend.append(&[1; 700]).unwrap();
        disk.full_after(failures);
        let result = backend.close();
        disk.heal();
        if result.is_ok() {
            assert!(failures > 2, "a header, a frame, a mark");
            break;
        }
        assert!(result.unwrap_err().is_full());
        assert_eq!(all(&backend), [1; 700]);
        backend.append(&[2; 7]).unwrap();
        backend.close().unwrap();
        assert!(matches!(backend.close(), Err(StorageError::Closed)));
        assert_eq!(all(&open(&disk)).len(), 707);
    }
}

#[test]
fn a_cut_on_a_full_disk_changes_nothing() {
    is_all_or_nothing(|backend| backend.truncate(300));
    is_all_or_nothing(|backend| {
        backend.flush()?;
        backend.truncate(900)
    });
}

#[test]
fn the_tail_can_be_cut_after_a_flush_that_could_not_write() {
    let disk = Disk::default();
    let mut backend = open(&disk);
    backend.append(b"kept").unwrap();
    backend.flush().unwrap();
    // The frame is handed over, and then there is no room to write it.
    for well in [0, 1] {
        backend.append(b"lost").unwrap();
        disk.full_after(well);
        assert!(backend.flush().unwrap_err().is_full());
        assert_eq!(all(&backend), b"keptlost");
        backend.truncate(4).unwrap();
    }
    backend.append(b", more").unwrap();
    backend.flush().unwrap();
    drop(backend);
    assert_eq!(all(&open(&disk)), b"kept, more");
}

#[test]
fn a_failed_sync_is_sticky_also_for_what_would_only_be_buffered() {
    for how in [StorageBackend::flush, StorageBackend::sync] {
        let disk = Disk::default();
        let mut backend = open(&disk);
        backend.append(b"durable").unwrap();
        backend.flush().unwrap();
        backend.append(b" or not").unwrap();
        disk.sync_fails_after(0);
        assert!(matches!(how(&mut backend), Err(StorageError::Io(_))));
        disk.heal();
        let reader = backend.reader().unwrap();
        assert!(matches!(backend.append(b"x"), Err(StorageError::Poisoned)));
        assert!(matches!(backend.append(b""), Err(StorageError::Poisoned)));
        assert!(matches!(backend.flush(), Err(StorageError::Poisoned)));
        assert!(matches!(backend.sync(), Err(StorageError::Poisoned)));
        assert!(matches!(backend.truncate(0), Err(StorageError::Poisoned)));
        assert!(matches!(backend.reserve(1), Err(StorageError::Poisoned)));
        assert_eq!(all(&backend), b"durable or not");
        assert!(matches!(backend.close(), Err(StorageError::Poisoned)));
        assert!(matches!(backend.size(), Err(StorageError::Closed)));
        assert_eq!(reader.read_at(0, 14).unwrap(), b"durable or not");
    }
}

#[test]
fn a_failed_sync_of_the_header_refuses_the_append_that_needed_it() {
    let disk = Disk::default();
    let mut backend = open(&disk);
    disk.sync_fails_after(0);
    assert!(backend.append(&[1; 5000]).is_err());
    assert!(matches!(backend.append(b"x"), Err(StorageError::Poisoned)));
    assert_eq!(backend.size().unwrap(), 0);
}

#[test]
fn a_failed_sync_in_a_cut_poisons() {
    let disk = Disk::default();
    let mut backend = open(&disk);
    backend.append(&[1; 100]).unwrap();
    backend.flush().unwrap();
    disk.sync_fails_after(0);
    assert!(backend.truncate(50).is_err());
    assert!(matches!(backend.append(b"x"), Err(StorageError::Poisoned)));
    assert_eq!(all(&backend).len(), 100);
    drop(backend);
    let left = all(&open(&Disk::with(disk.medium()))).len();
    assert!(left == 50 || left == 100, "{left}");
}

#[test]
fn a_stream_that_somebody_else_appends_to_is_left_alone() {
    let disk = Disk::default();
    let mut backend = open(&disk);
    backend.append(b"mine").unwrap();
    backend.flush().unwrap();
    let mut other = disk.clone();
    StorageBackend::append(&mut other, b"not mine").unwrap();
    backend.append(b"more").unwrap();
    assert!(matches!(backend.flush(), Err(StorageError::Corrupted(_))));
    assert!(matches!(backend.append(b"x"), Err(StorageError::Poisoned)));
}
