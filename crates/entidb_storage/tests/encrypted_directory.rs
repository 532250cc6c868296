//! Encrypted directories: keys, passphrases, rotation, and readers beside a writer elsewhere.

#![cfg(feature = "encryption")]
#![expect(
    clippy::unwrap_used,
    reason = "a test's helpers fail as its functions do"
)]

use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use entidb_storage::{
    Directory, EncryptedBackend, EncryptedDirectory, EncryptionKey, FileBackend, FileDirectory,
    InMemoryBackend, KEYRING, MemoryDirectory, OpenMode, PassphraseParams, StorageBackend,
    StorageError, StorageReader, StorageResult, is_encrypted,
};

fn key(byte: u8) -> EncryptionKey {
    EncryptionKey::from_bytes(&[byte; 32]).unwrap()
}

fn whole(reader: &dyn StorageReader) -> StorageResult<Vec<u8>> {
    reader.read_at(0, usize::try_from(reader.size()?).unwrap())
}

fn put(directory: &dyn Directory, name: &str, content: &[u8]) {
    let mut stream = directory.open(name, OpenMode::CreateNew).unwrap();
    stream.append(content).unwrap();
    stream.close().unwrap();
}

#[track_caller]
fn assert_says<T>(result: StorageResult<T>, text: &str) {
    match result.map(drop).unwrap_err() {
        error @ StorageError::Encryption(_) => {
            assert!(error.to_string().contains(text), "{error}");
        }
        error => panic!("{error:?}"),
    }
}

#[test]
fn a_key_is_exactly_32_bytes_and_never_printed() {
    for len in [0, 1, 31, 33, 64] {
        assert_says(EncryptionKey::from_bytes(&vec![0; len]), "32 bytes");
    }
    let key = EncryptionKey::from_bytes(&[0xab; 32]).unwrap();
    assert_eq!(key.clone().as_bytes(), &[0xab; 32]);
    assert!(!format!("{key:?}").contains("ab, "), "{key:?}");
    assert!(!format!("{key:?}").contains("171"), "{key:?}");
    let (one, two) = (
        EncryptionKey::generate().unwrap(),
        EncryptionKey::generate().unwrap(),
    );
    assert_ne!(one.as_bytes(), two.as_bytes());
}

#[test]
fn a_block_is_from_1_kib_to_1_mib() {
    let open = |size| {
        let inner = Box::new(InMemoryBackend::new());
        EncryptedBackend::with_block_size(inner, &key(1), size).map(drop)
    };
    for size in [0, 1, 1023, (1 << 20) + 1, usize::MAX] {
        assert_says(open(size), "block");
    }
    for size in [1024, 4096, 5000, 1 << 20] {
        open(size).unwrap();
    }
}

#[test]
fn a_stream_goes_on_with_another_block_size() {
    let directory = MemoryDirectory::new();
    drop(directory.open("a", OpenMode::CreateNew).unwrap());
    let mut model = Vec::new();
    for size in [1024, 1 << 20, 4096, 1500] {
        let inner = directory.open("a", OpenMode::Existing).unwrap();
        let mut stream = EncryptedBackend::with_block_size(inner, &key(1), size).unwrap();
        stream.append(&vec![size.to_le_bytes()[1]; 10_000]).unwrap();
        model.extend(vec![size.to_le_bytes()[1]; 10_000]);
        stream.append(b"end").unwrap();
        model.extend(b"end");
        assert_eq!(stream.read_at(0, model.len()).unwrap(), model);
    }
}

#[test]
fn opening_and_flushing_again_and_again_adds_nothing() {
    let directory = EncryptedDirectory::create(MemoryDirectory::new(), &key(1)).unwrap();
    put(&directory, "a", b"content");
    let size = || directory.inner().open_reader("a").unwrap().size().unwrap();
    let before = size();
    for _ in 0..5 {
        let mut stream = directory.open("a", OpenMode::Existing).unwrap();
        stream.flush().unwrap();
        stream.sync().unwrap();
        stream.close().unwrap();
        drop(directory.open("a", OpenMode::Existing).unwrap());
    }
    assert_eq!(size(), before);
}

#[test]
fn keys_of_plain_and_of_encrypted_directories_are_told_apart() {
    let plain = MemoryDirectory::new();
    assert!(!is_encrypted(&plain).unwrap());
    let missing = EncryptedDirectory::open(plain.clone(), &key(1)).map(drop);
    assert!(missing.unwrap_err().is_not_found());
    drop(plain.lock("lock").unwrap());
    plain
        .replace("manifest", b"plain, and of some length")
        .unwrap();
    assert_says(
        EncryptedDirectory::open(plain.clone(), &key(1)),
        "not encrypted: it holds manifest",
    );
    assert_says(
        EncryptedDirectory::create(plain.clone(), &key(1)),
        "not encrypted: it holds manifest",
    );
    assert_says(
        EncryptedDirectory::open_or_create(plain.clone(), &key(1)),
        "not encrypted",
    );
    assert_eq!(plain.list().unwrap(), ["lock", "manifest"]);

    let inner = MemoryDirectory::new();
    // What a creation without a key has left that was cut off.
    drop(inner.lock("lock").unwrap());
    drop(EncryptedDirectory::open_or_create(inner.clone(), &key(1)).unwrap());
    assert!(is_encrypted(&inner).unwrap());
    assert_says(
        EncryptedDirectory::open(inner.clone(), &key(2)),
        "wrong key",
    );
    assert_says(
        EncryptedDirectory::open_or_create(inner.clone(), &key(2)),
        "wrong key",
    );
    assert_says(
        EncryptedDirectory::open_with_passphrase(inner.clone(), b"x"),
        "with a key",
    );
    let again = EncryptedDirectory::create(inner.clone(), &key(1)).map(drop);
    assert!(
        matches!(again, Err(StorageError::Io(error)) if error.kind() == ErrorKind::AlreadyExists)
    );
    let directory = EncryptedDirectory::open_or_create(inner.clone(), &key(1)).unwrap();
    put(&directory, "log", b"content");
    inner.remove(KEYRING).unwrap();
    let lost = EncryptedDirectory::open(inner, &key(1))
        .map(drop)
        .unwrap_err();
    assert!(matches!(&lost, StorageError::Corrupted(_)), "{lost}");
    assert!(lost.to_string().contains("keyring is missing"), "{lost}");
}

#[test]
fn the_keyring_is_neither_listed_nor_to_be_had() {
    let directory = EncryptedDirectory::create(MemoryDirectory::new(), &key(1)).unwrap();
    assert!(directory.list().unwrap().is_empty());
    assert_eq!(directory.inner().list().unwrap(), [KEYRING]);
    let refused = [
        directory.open(KEYRING, OpenMode::Existing).map(drop),
        directory.open(KEYRING, OpenMode::CreateNew).map(drop),
        directory.open_reader(KEYRING).map(drop),
        directory.replace(KEYRING, b""),
        directory.remove(KEYRING),
        directory.lock(KEYRING).map(drop),
    ];
    for result in refused {
        assert!(
            matches!(result, Err(StorageError::Io(error)) if error.kind() == ErrorKind::InvalidInput)
        );
    }
}

#[test]
fn a_rotated_directory_opens_with_the_new_key_and_writes_no_stream_anew() {
    let inner = MemoryDirectory::new();
    let directory = EncryptedDirectory::create(inner.clone(), &key(1)).unwrap();
    put(&directory, "old", b"before");
    let before = whole(&*inner.open_reader("old").unwrap()).unwrap();
    directory.rotate(&key(2)).unwrap();
    put(&directory, "new", b"after");
    assert_eq!(whole(&*inner.open_reader("old").unwrap()).unwrap(), before);
    let new = whole(&*inner.open_reader("new").unwrap()).unwrap();
    assert_ne!(new[24..40], before[24..40], "under the old data key");

    assert_says(
        EncryptedDirectory::open(inner.clone(), &key(1)),
        "wrong key",
    );
    for round in 3..6 {
        let directory = EncryptedDirectory::open(inner.clone(), &key(round - 1)).unwrap();
        for (name, content) in [("old", &b"before"[..]), ("new", b"after")] {
            assert_eq!(
                whole(&*directory.open_reader(name).unwrap()).unwrap(),
                content
            );
        }
        directory.rotate(&key(round)).unwrap();
    }
    let directory = EncryptedDirectory::open(inner, &key(5)).unwrap();
    let mut stream = directory.open("old", OpenMode::Existing).unwrap();
    stream.append(b" and after").unwrap();
    stream.close().unwrap();
    assert_eq!(
        whole(&*directory.open_reader("old").unwrap()).unwrap(),
        b"before and after"
    );
}

#[test]
fn a_directory_opens_with_its_passphrase_and_rotates_to_a_key_and_back() {
    let params = || PassphraseParams::new(64, 1, 1, [9; 16]).unwrap();
    let inner = MemoryDirectory::new();
    let made = EncryptedDirectory::create_with_passphrase(inner.clone(), b"open sesame", params());
    put(&made.unwrap(), "a", b"content");
    assert_says(
        EncryptedDirectory::open_with_passphrase(inner.clone(), b"open"),
        "wrong passphrase",
    );
    assert_says(
        EncryptedDirectory::open(inner.clone(), &key(1)),
        "with a passphrase",
    );
    let directory =
        EncryptedDirectory::open_with_passphrase(inner.clone(), b"open sesame").unwrap();
    directory.rotate(&key(1)).unwrap();
    let directory = EncryptedDirectory::open(inner.clone(), &key(1)).unwrap();
    directory
        .rotate_to_passphrase(b"another", params())
        .unwrap();
    let directory = EncryptedDirectory::open_with_passphrase(inner, b"another").unwrap();
    assert_eq!(
        whole(&*directory.open_reader("a").unwrap()).unwrap(),
        b"content"
    );
}

#[test]
fn parameters_of_a_passphrase_are_bounded() {
    let new = |memory, iterations, lanes| PassphraseParams::new(memory, iterations, lanes, [0; 16]);
    for (memory, iterations, lanes) in [
        (7, 1, 1),
        (31, 1, 4),
        ((1 << 20) + 1, 1, 1),
        (u32::MAX, 1, 1),
        (64, 0, 1),
        (64, 65, 1),
        (64, 1, 0),
        (1 << 20, 1, 17),
        (1 << 20, 1, u32::MAX / 4),
        (1 << 20, 5, 1),
    ] {
        assert!(
            new(memory, iterations, lanes).is_err(),
            "{memory} {iterations} {lanes}"
        );
    }
    let recommended = PassphraseParams::recommended().unwrap();
    assert_eq!(
        (
            recommended.memory_kib(),
            recommended.iterations(),
            recommended.lanes()
        ),
        (65_536, 3, 4)
    );
    assert_ne!(
        recommended.salt(),
        PassphraseParams::recommended().unwrap().salt()
    );
    // A keyring that was changed to ask for more is refused before any work.
    let inner = MemoryDirectory::new();
    let params = new(64, 1, 1).unwrap();
    drop(EncryptedDirectory::create_with_passphrase(inner.clone(), b"x", params).unwrap());
    let mut keyring = whole(&*inner.open_reader(KEYRING).unwrap()).unwrap();
    keyring[19] = 0xff;
    let end = keyring.len() - 16;
    use sha2::Digest;
    let sum = sha2::Sha256::digest(&keyring[..end]);
    keyring[end..].copy_from_slice(&sum[..16]);
    inner.replace(KEYRING, &keyring).unwrap();
    assert_says(
        EncryptedDirectory::open_with_passphrase(inner, b"x"),
        "out of bounds",
    );
}

#[test]
fn a_passphrase_and_its_parameters_make_one_key() {
    let params = PassphraseParams::new(1024, 2, 1, *b"somesaltsomesalt").unwrap();
    let one = EncryptionKey::from_passphrase(b"password", &params).unwrap();
    let two = EncryptionKey::from_passphrase(b"password", &params).unwrap();
    let other = EncryptionKey::from_passphrase(b"passwore", &params).unwrap();
    assert_eq!(one.as_bytes(), two.as_bytes());
    assert_ne!(one.as_bytes(), other.as_bytes());
}

#[test]
fn a_reader_elsewhere_follows_a_stream_that_grows_is_cut_and_grows_again() {
    let dir = tempfile::tempdir().unwrap();
    let writer =
        EncryptedDirectory::create(FileDirectory::create(dir.path()).unwrap(), &key(1)).unwrap();
    // Another directory on the same files is what another process is.
    let elsewhere =
        EncryptedDirectory::open(FileDirectory::open(dir.path()).unwrap(), &key(1)).unwrap();
    let mut stream = writer.open("log", OpenMode::CreateNew).unwrap();
    stream.flush().unwrap();
    let reader = elsewhere.open_reader("log").unwrap();
    let mut model = Vec::new();
    let append = |stream: &mut Box<dyn StorageBackend>, model: &mut Vec<u8>, len: usize| {
        // Room that is reserved reads as absent.
        stream.reserve(1000).unwrap();
        let data: Vec<u8> = (0..len)
            .map(|at| (model.len() + at * 7).to_le_bytes()[0])
            .collect();
        stream.append(&data).unwrap();
        stream.flush().unwrap();
        model.extend(data);
    };
    for round in 0..40 {
        append(&mut stream, &mut model, [10, 5000, 100, 70_000][round % 4]);
        assert_eq!(whole(&*reader).unwrap(), model, "round {round}");
        // Past what it has seen, without asking for the size before.
        append(&mut stream, &mut model, 10);
        assert_eq!(
            reader.read_at(0, model.len()).unwrap(),
            model,
            "round {round}"
        );
        if round % 3 == 2 {
            let size = [model.len() - 5, model.len() / 2, model.len() - 10, 0][round % 4];
            stream.truncate(size as u64).unwrap();
            model.truncate(size);
            if round % 2 == 0 {
                append(&mut stream, &mut model, 3000);
            }
            assert_eq!(reader.size().unwrap(), model.len() as u64, "round {round}");
            assert_eq!(whole(&*reader).unwrap(), model, "round {round}");
        }
    }
    let past = reader.read_at(model.len() as u64, 1);
    assert!(matches!(past, Err(StorageError::ReadPastEnd { .. })));
}

/// What stands at `position`, for ever.
fn byte_at(position: u64) -> u8 {
    (position / 8)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .to_le_bytes()[usize::try_from(position % 8).unwrap()]
}

fn bytes_at(start: u64, len: usize) -> Vec<u8> {
    (start..start + len as u64).map(byte_at).collect()
}

#[test]
fn every_read_beside_an_appender_that_cuts_too_is_exact() {
    let dir = tempfile::tempdir().unwrap();
    let inner = FileBackend::open(&dir.path().join("stream")).unwrap();
    let mut backend = EncryptedBackend::with_block_size(Box::new(inner), &key(1), 1024).unwrap();
    let reader = backend.reader().unwrap();
    let covered = Arc::new(AtomicU64::new(0));
    let done = Arc::new(AtomicBool::new(false));
    let threads: Vec<_> = (0..3_u64)
        .map(|seed| {
            let (reader, covered, done) =
                (Arc::clone(&reader), Arc::clone(&covered), Arc::clone(&done));
            std::thread::spawn(move || {
                let mut number = seed;
                let mut reads = 0;
                while !done.load(Ordering::Acquire) || reads < 500 {
                    number = number
                        .wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(99);
                    let size = covered.load(Ordering::Acquire);
                    let len = (number >> 33) % 5000;
                    let offset = (number >> 20) % (size + 1);
                    match reader.read_at(offset, usize::try_from(len).unwrap()) {
                        Ok(found) => assert!(found == bytes_at(offset, found.len())),
                        Err(StorageError::ReadPastEnd { .. }) => {}
                        Err(error) => panic!("{error}"),
                    }
                    reads += 1;
                }
            })
        })
        .collect();
    let mut size = 0_u64;
    for round in 0..600_u64 {
        let len = usize::try_from(round * 7919 % 3000 + 1).unwrap();
        assert_eq!(backend.append(&bytes_at(size, len)).unwrap(), size);
        size += len as u64;
        covered.store(size, Ordering::Release);
        match round % 7 {
            1 | 4 => backend.flush().unwrap(),
            5 => {
                size -= size.min(round * 31 % 2000);
                backend.truncate(size).unwrap();
            }
            _ => {}
        }
    }
    done.store(true, Ordering::Release);
    for thread in threads {
        thread.join().unwrap();
    }
    drop(backend);
    let len = usize::try_from(size).unwrap();
    assert_eq!(reader.read_at(0, len).unwrap(), bytes_at(0, len));
}

/// Blocks of one byte each, which tells after how many cuts they were appended.
#[test]
fn no_read_mixes_what_was_cut_with_what_came_after() {
    const LEN: usize = 4096;
    let mut backend =
        EncryptedBackend::with_block_size(Box::new(InMemoryBackend::new()), &key(1), 1024).unwrap();
    let reader = backend.reader().unwrap();
    let done = Arc::new(AtomicBool::new(false));
    let threads: Vec<_> = (0..2_u64)
        .map(|seed| {
            let (reader, done) = (Arc::clone(&reader), Arc::clone(&done));
            std::thread::spawn(move || {
                let mut number = seed;
                let mut found = 0;
                while !done.load(Ordering::Acquire) || found < 100 {
                    number = number
                        .wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(99);
                    let blocks = reader.size().unwrap() / LEN as u64 + 2;
                    let offset = (number >> 33) % blocks * LEN as u64;
                    match reader.read_at(offset, LEN) {
                        Ok(block) => {
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
    let mut number = 7_u64;
    let mut below = |bound: u64| {
        number = number
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(99);
        (number >> 33) % bound
    };
    for round in 0..1500_u64 {
        let generation = (round % 255 + 1).to_le_bytes()[0];
        for _ in 0..below(12) {
            let part = usize::try_from(below(LEN as u64)).unwrap();
            backend.append(&vec![generation; part]).unwrap();
            backend.append(&vec![generation; LEN - part]).unwrap();
        }
        if round % 3 == 0 {
            backend.flush().unwrap();
        }
        let blocks = backend.size().unwrap() / LEN as u64;
        let kept = blocks - below(10).min(blocks);
        backend.truncate(kept * LEN as u64).unwrap();
    }
    backend.append(&[1; LEN]).unwrap();
    done.store(true, Ordering::Release);
    for thread in threads {
        thread.join().unwrap();
    }
}
