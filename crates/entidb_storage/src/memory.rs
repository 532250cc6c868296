//! The reference: a stream in memory, by the simplest code that is plainly right.

mod directory;

use std::fmt;
use std::io;
use std::sync::{Arc, PoisonError, RwLock};

use crate::{StorageBackend, StorageError, StorageReader, StorageResult};

use directory::Appender;
pub use directory::MemoryDirectory;

/// The bytes of one stream, shared by its appender and its readers.
#[derive(Clone, Default)]
struct Shared(Arc<RwLock<Vec<u8>>>);

impl Shared {
    // A panic while the lock was held cannot have left half a change: every change is one call on the vector.
    fn read<T>(&self, look: impl FnOnce(&Vec<u8>) -> T) -> T {
        look(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write<T>(&self, change: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        change(&mut self.0.write().unwrap_or_else(PoisonError::into_inner))
    }

    fn size(&self) -> u64 {
        self.read(|bytes| bytes.len() as u64)
    }

    fn slice<T>(&self, offset: u64, len: usize, take: impl FnOnce(&[u8]) -> T) -> StorageResult<T> {
        self.read(|bytes| {
            usize::try_from(offset)
                .ok()
                .and_then(|start| Some(start..start.checked_add(len)?))
                .and_then(|range| bytes.get(range))
                .map(take)
                .ok_or(StorageError::ReadPastEnd {
                    offset,
                    len,
                    size: bytes.len() as u64,
                })
        })
    }
}

/// A stream in memory: gone when its last handle is, and for the rest as good as any.
///
/// What other backends do is measured against this one. `flush` and `sync` succeed and promise nothing, since there is
/// nothing to survive in; [`reserve`](StorageBackend::reserve) changes nothing.
#[derive(Default)]
pub struct InMemoryBackend {
    bytes: Shared,
    closed: bool,
    appender: Option<Appender>,
}

impl InMemoryBackend {
    /// An empty stream.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A stream that holds `data` already.
    #[must_use]
    pub fn with_data(data: Vec<u8>) -> Self {
        Self {
            bytes: Shared(Arc::new(RwLock::new(data))),
            ..Self::default()
        }
    }

    /// A copy of all bytes.
    #[must_use]
    pub fn data(&self) -> Vec<u8> {
        self.bytes.read(Vec::clone)
    }

    /// Drops all bytes, also from under the readers.
    pub fn clear(&mut self) {
        self.bytes.write(Vec::clear);
    }

    fn opened(&self) -> StorageResult<&Shared> {
        if self.closed {
            return Err(StorageError::Closed);
        }
        Ok(&self.bytes)
    }
}

impl fmt::Debug for InMemoryBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InMemoryBackend")
            .field("size", &self.bytes.size())
            .field("closed", &self.closed)
            .finish_non_exhaustive()
    }
}

impl StorageBackend for InMemoryBackend {
    fn read_at(&self, offset: u64, len: usize) -> StorageResult<Vec<u8>> {
        self.opened()?.slice(offset, len, <[u8]>::to_vec)
    }

    fn append(&mut self, data: &[u8]) -> StorageResult<u64> {
        self.append_vectored(&[data])
    }

    fn flush(&mut self) -> StorageResult<()> {
        self.opened().map(drop)
    }

    fn size(&self) -> StorageResult<u64> {
        self.opened().map(Shared::size)
    }

    fn sync(&mut self) -> StorageResult<()> {
        self.opened().map(drop)
    }

    fn truncate(&mut self, new_size: u64) -> StorageResult<()> {
        self.opened()?.write(|bytes| {
            match usize::try_from(new_size) {
                Ok(len) if len <= bytes.len() => bytes.truncate(len),
                _ => return Err(StorageError::above_size(new_size, bytes.len() as u64)),
            }
            Ok(())
        })
    }

    fn read_into(&self, offset: u64, buf: &mut [u8]) -> StorageResult<()> {
        self.opened()?
            .slice(offset, buf.len(), |bytes| buf.copy_from_slice(bytes))
    }

    fn append_vectored(&mut self, parts: &[&[u8]]) -> StorageResult<u64> {
        self.opened()?.write(|bytes| {
            let start = bytes.len();
            let added = parts
                .iter()
                .try_fold(0_usize, |sum, part| sum.checked_add(part.len()));
            added
                .and_then(|added| bytes.try_reserve(added).ok())
                .ok_or_else(|| io::Error::from(io::ErrorKind::OutOfMemory))?;
            for part in parts {
                bytes.extend_from_slice(part);
            }
            Ok(start as u64)
        })
    }

    fn reader(&self) -> Option<Arc<dyn StorageReader>> {
        (!self.closed).then(|| Arc::new(self.bytes.clone()) as Arc<dyn StorageReader>)
    }

    fn close(&mut self) -> StorageResult<()> {
        self.opened()?;
        self.closed = true;
        self.appender = None;
        Ok(())
    }
}

impl StorageReader for Shared {
    fn read_at(&self, offset: u64, len: usize) -> StorageResult<Vec<u8>> {
        self.slice(offset, len, <[u8]>::to_vec)
    }

    fn size(&self) -> StorageResult<u64> {
        Ok(Shared::size(self))
    }

    fn read_into(&self, offset: u64, buf: &mut [u8]) -> StorageResult<()> {
        self.slice(offset, buf.len(), |bytes| buf.copy_from_slice(bytes))
    }
}
