//! Every clause of `Directory`, over encrypted ones, as strictly as over our own. Those of backends are in
//! `conformance_encrypted.rs`.

#![cfg(feature = "encryption")]
#![expect(
    clippy::unwrap_used,
    reason = "a test's helpers fail as its functions do"
)]

#[allow(dead_code, reason = "the clauses of files alone are not run here")]
#[path = "suite/directory_clauses.rs"]
mod directory_clauses;
#[path = "suite/sample.rs"]
mod sample;

use std::sync::Arc;

use entidb_storage::{
    Directory, EncryptedDirectory, EncryptionKey, FileDirectory, MemoryDirectory, StorageResult,
};

/// What was found: nothing, or what does not hold.
pub(crate) type Verdict = Result<(), Box<dyn std::error::Error>>;

/// Says what does not hold, if it does not.
macro_rules! ensure {
    ($condition:expr, $($what:tt)+) => {
        if !$condition {
            return Err(format!($($what)+).into());
        }
    };
}
pub(crate) use ensure;

fn key() -> EncryptionKey {
    EncryptionKey::from_bytes(&[7; 32]).unwrap()
}

struct OverMemory(Arc<EncryptedDirectory<MemoryDirectory>>);

impl OverMemory {
    fn new() -> Self {
        let made = EncryptedDirectory::create(MemoryDirectory::new(), &key());
        Self(Arc::new(made.unwrap()))
    }
}

impl directory_clauses::Subject for OverMemory {
    fn open(&self) -> StorageResult<Box<dyn Directory>> {
        let inner = self.0.inner().clone();
        Ok(Box::new(EncryptedDirectory::open(inner, &key())?))
    }
}

struct OverFiles(tempfile::TempDir);

impl OverFiles {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }
}

impl directory_clauses::Subject for OverFiles {
    fn open(&self) -> StorageResult<Box<dyn Directory>> {
        let inner = FileDirectory::create(self.0.path())?;
        Ok(Box::new(EncryptedDirectory::open_or_create(inner, &key())?))
    }
}

macro_rules! every_directory {
    ($($clause:ident)+) => {
        mod directory_in_memory {
            $(#[test]
            fn $clause() {
                super::directory_clauses::$clause(&super::OverMemory::new()).unwrap();
            })+
        }

        mod directory_of_files {
            $(#[test]
            fn $clause() {
                super::directory_clauses::$clause(&super::OverFiles::new()).unwrap();
            })+
        }
    };
}

every_directory! {
    d1_a_new_stream_is_there_again_after_its_first_flush
    d1_open_modes_are_met_or_an_error
    a_stream_has_one_appender_and_any_number_of_readers
    d2_replace_makes_and_replaces_the_whole
    d3_a_removal_holds_after_a_sync
    d4_the_list_is_sorted_and_exact
    d5_other_names_are_an_error
    d6_the_lock_is_held_once_and_names_its_holder
    d7_a_removed_stream_stays_readable
    a_shared_directory_is_the_same_directory
}
