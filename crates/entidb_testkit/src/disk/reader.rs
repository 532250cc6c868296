//! Reading a stream, from its appender and beside it.

use std::sync::Arc;

use entidb_storage::{StorageError, StorageReader, StorageResult};

use super::SimDisk;
use super::state::FileId;
use crate::fault::{Fault, Op, flip};

/// Reads a stream beside its appender.
pub(super) struct SimReader {
    pub(super) disk: SimDisk,
    pub(super) file: FileId,
}

impl StorageReader for SimReader {
    fn read_at(&self, offset: u64, len: usize) -> StorageResult<Vec<u8>> {
        read(&self.disk, self.file, offset, len, <[u8]>::to_vec)
    }

    fn size(&self) -> StorageResult<u64> {
        Ok(self.disk.lock().file(self.file)?.len() as u64)
    }
}

pub(super) fn read<T>(
    disk: &SimDisk,
    file: FileId,
    offset: u64,
    len: usize,
    take: impl FnOnce(&[u8]) -> T,
) -> StorageResult<T> {
    let mut inner = disk.lock();
    let fault = inner.begin(Op::Read);
    let bytes = Arc::clone(&inner.file(file)?.now.bytes);
    let slice = usize::try_from(offset)
        .ok()
        .and_then(|start| bytes.get(start..start.checked_add(len)?))
        .ok_or(StorageError::ReadPastEnd {
            offset,
            len,
            size: bytes.len() as u64,
        })?;
    match fault {
        None => Ok(take(slice)),
        Some(Fault::FlippedBit) => {
            let mut flipped = slice.to_vec();
            flip(&mut flipped, &mut inner.rng);
            Ok(take(&flipped))
        }
        Some(fault) => Err(fault.error(Op::Read)),
    }
}
