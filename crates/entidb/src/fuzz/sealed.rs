//! Encrypted streams and keyrings: damaged ones, since none is forged without the key.

use entidb_storage::{
    Directory, EncryptedBackend, EncryptedDirectory, EncryptionKey, InMemoryBackend,
    MemoryDirectory, StorageBackend,
};

use super::image;
use super::samples;

/// What the document's stream holds.
const TEXT: &[u8] = b"hello!";

fn key() -> EncryptionKey {
    EncryptionKey::from_bytes(&[0x77; 32]).expect("32 bytes")
}

/// The input is an encrypted stream. It reads as nothing but what was once in it, and goes on from there.
pub(super) fn stream(data: &[u8]) {
    let inner = Box::new(InMemoryBackend::with_data(data.to_vec()));
    let Ok(mut backend) = EncryptedBackend::new(inner, key()) else {
        return;
    };
    let Ok(size) = backend.size() else {
        return;
    };
    let len = usize::try_from(size).expect("small");
    let Ok(text) = backend.read_at(0, len) else {
        return;
    };
    let known = [TEXT, b"hello, world"];
    assert!(
        known.iter().any(|known| known.starts_with(&text)),
        "{text:?}"
    );
    if backend.append(b"more").is_ok() && backend.flush().is_ok() {
        let now = backend.read_at(0, len + 4).expect("just written");
        assert_eq!(now, [&text[..], b"more"].concat());
    }
}

pub(super) fn stream_seeds() -> Vec<Vec<u8>> {
    let parts = [
        "stream header",
        "data frame",
        "cut frame",
        "data frame behind a cut",
        "mark frame",
    ]
    .map(samples::encryption);
    (1..=parts.len())
        .map(|count| parts[..count].concat())
        .collect()
}

/// The input is a keyring.
pub(super) fn keyring(data: &[u8]) {
    let directory = MemoryDirectory::new();
    image::put(&directory, entidb_storage::KEYRING, data);
    if let Ok(encrypted) = EncryptedDirectory::open(directory, &key()) {
        assert_eq!(encrypted.list().expect("memory"), Vec::<String>::new());
    }
}

pub(super) fn keyring_seeds() -> Vec<Vec<u8>> {
    ["keyring", "keyring under a passphrase"]
        .map(samples::encryption)
        .to_vec()
}
