//! What only a failing system can show. The clauses that need none are in `tests/contract.rs`.

mod clauses;
mod replacing;
mod sweep;

use super::backend::FileBackend;
use super::faults::Faults;
use super::open::Creation;
use crate::StorageResult;
use std::path::Path;

/// A folder where syncs cost nothing, if there is one: what is tested here are calls, not disks.
fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm")
        .or_else(|_| tempfile::tempdir())
        .unwrap()
}

fn open(faults: &Faults, path: &Path) -> StorageResult<FileBackend> {
    FileBackend::open_as(faults.system(), path, Creation::IfMissing)
}

/// Bytes that differ from place to place, with a period that no page has.
fn bytes(seed: usize, len: usize) -> Vec<u8> {
    let period: Vec<u8> = (0..251_u8)
        .map(|i| i ^ u8::try_from(seed % 256).unwrap())
        .collect();
    let mut bytes = period.repeat(len / period.len() + 1);
    bytes.truncate(len);
    bytes
}
