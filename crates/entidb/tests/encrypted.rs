//! A whole database over an encrypted directory.

#![expect(
    clippy::unwrap_used,
    reason = "a test's helpers fail as its functions do"
)]

mod common;

use common::{content, id, options, text};
use entidb::storage::{
    Directory, EncryptedDirectory, EncryptionKey, MemoryDirectory, is_encrypted,
};
use entidb::{Database, ErrorKind};

fn key(byte: u8) -> EncryptionKey {
    EncryptionKey::from_bytes(&[byte; 32]).unwrap()
}

fn encrypted(inner: &MemoryDirectory, byte: u8) -> EncryptedDirectory<MemoryDirectory> {
    EncryptedDirectory::open_or_create(inner.clone(), &key(byte)).unwrap()
}

fn open(inner: &MemoryDirectory, byte: u8) -> Database {
    options().open_in(encrypted(inner, byte)).unwrap()
}

fn put(db: &Database, from: u64, to: u64) {
    for n in from..to {
        db.untyped("notes").put(id(n), &text(n)).unwrap();
    }
}

#[test]
fn an_encrypted_database_is_written_checkpointed_reopened_and_rotated() {
    let inner = MemoryDirectory::new();
    let db = open(&inner, 1);
    put(&db, 0, 200);
    db.checkpoint().unwrap();
    put(&db, 100, 300);
    let model = content(&db).unwrap();
    assert_eq!(model.len(), 300);
    db.close().unwrap();

    let db = open(&inner, 1);
    assert!(content(&db).unwrap() == model);
    put(&db, 300, 310);
    // Not closed, as by a crash.
    let model = content(&db).unwrap();
    drop(db);
    encrypted(&inner, 1).rotate(&key(2)).unwrap();
    let db = open(&inner, 2);
    assert!(content(&db).unwrap() == model);
    assert!(db.verify().unwrap().is_sound());
    db.checkpoint().unwrap();
    db.close().unwrap();
    assert!(content(&open(&inner, 2)).unwrap() == model);
    assert!(EncryptedDirectory::open(inner, &key(1)).is_err());
}

#[test]
fn a_reader_sees_what_a_writer_beside_it_has_committed() {
    let inner = MemoryDirectory::new();
    let db = open(&inner, 1);
    for round in 0..5 {
        put(&db, round * 10, round * 10 + 10);
        let beside = options()
            .read_only(true)
            .open_in(encrypted(&inner, 1))
            .unwrap();
        assert!(content(&beside).unwrap() == content(&db).unwrap());
    }
}

#[test]
fn an_encrypted_database_shows_nothing_and_is_told_from_a_plain_one() {
    let inner = MemoryDirectory::new();
    let db = open(&inner, 1);
    put(&db, 0, 20);
    db.checkpoint().unwrap();
    db.close().unwrap();
    assert!(is_encrypted(&inner).unwrap());
    for name in inner.list().unwrap() {
        let reader = inner.open_reader(&name).unwrap();
        let bytes = reader
            .read_at(0, usize::try_from(reader.size().unwrap()).unwrap())
            .unwrap();
        assert!(!bytes.windows(5).any(|window| window == b"notes"), "{name}");
    }
    assert!(options().open_in(inner).is_err());

    let plain = MemoryDirectory::new();
    options().open_in(plain.clone()).unwrap().close().unwrap();
    assert!(!is_encrypted(&plain).unwrap());
    let error = EncryptedDirectory::open_or_create(plain, &key(1)).unwrap_err();
    assert!(error.to_string().contains("not encrypted"), "{error}");
}

#[test]
fn every_flipped_byte_of_an_encrypted_database_is_found_or_harmless() {
    let inner = MemoryDirectory::new();
    let db = open(&inner, 1);
    put(&db, 0, 10);
    db.checkpoint().unwrap();
    put(&db, 5, 15);
    let model = content(&db).unwrap();
    db.close().unwrap();
    let image = common::image(&inner);
    for (name, bytes) in &image {
        for at in 0..bytes.len() {
            let mut damaged = image.clone();
            damaged.get_mut(name).unwrap()[at] ^= 0x20;
            let target = common::directory(&damaged);
            let read = EncryptedDirectory::open(target, &key(1))
                .map_err(|_| ())
                .and_then(|directory| {
                    let db = options().read_only(true).open_in(directory);
                    db.and_then(|db| content(&db)).map_err(|error| {
                        assert_eq!(error.kind(), ErrorKind::Corrupt, "{name} {at}: {error:?}");
                    })
                });
            assert!(
                read.is_err() || read == Ok(model.clone()),
                "{name}, byte {at}"
            );
        }
    }
}
