//! What is encrypted keeps the same contract.

#![cfg(feature = "encryption")]
#![expect(
    clippy::unwrap_used,
    reason = "a test's helpers fail as its functions do"
)]

use entidb_storage::{
    EncryptedBackend, EncryptedDirectory, EncryptionKey, FileBackend, FileDirectory,
    InMemoryBackend, MemoryDirectory, StorageResult,
};

fn key() -> EncryptionKey {
    EncryptionKey::from_bytes(&[7; 32]).unwrap()
}

mod in_memory {
    use super::*;
    entidb_storage::conformance!(|| EncryptedBackend::new(Box::new(InMemoryBackend::new()), key()));
}

mod in_a_file {
    use super::*;
    entidb_storage::conformance!(durable: || {
        let folder = tempfile::tempdir().unwrap();
        move |name: &str| -> StorageResult<_> {
            let file = FileBackend::open(&folder.path().join(name))?;
            EncryptedBackend::new(Box::new(file), key())
        }
    });
}

mod in_small_blocks {
    use super::*;
    entidb_storage::conformance!(|| EncryptedBackend::with_block_size(
        Box::new(InMemoryBackend::new()),
        &key(),
        1024
    ));
}

mod directory_in_memory {
    use super::*;
    entidb_storage::conformance_directory!(|| EncryptedDirectory::create(
        MemoryDirectory::new(),
        &key()
    ));
}

mod directory_of_files {
    use super::*;
    entidb_storage::conformance_directory!(durable: || {
        let folder = tempfile::tempdir().unwrap();
        move |name: &str| -> StorageResult<_> {
            let files = FileDirectory::create(&folder.path().join(name))?;
            EncryptedDirectory::open_or_create(files, &key())
        }
    });
}
