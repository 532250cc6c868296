//! Where sealed bytes are read from.

use crate::{StorageBackend, StorageReader, StorageResult};

/// The sealed bytes, through the appender's own handle or through one beside it.
#[derive(Clone, Copy)]
pub(super) enum Source<'a> {
    Backend(&'a dyn StorageBackend),
    Reader(&'a dyn StorageReader),
}

impl Source<'_> {
    pub(super) fn size(self) -> StorageResult<u64> {
        match self {
            Self::Backend(backend) => backend.size(),
            Self::Reader(reader) => reader.size(),
        }
    }

    pub(super) fn fill(self, offset: u64, buf: &mut [u8]) -> StorageResult<()> {
        match self {
            Self::Backend(backend) => backend.read_into(offset, buf),
            Self::Reader(reader) => reader.read_into(offset, buf),
        }
    }
}
