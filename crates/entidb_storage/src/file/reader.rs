//! Reading a file from any thread.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::open;
use super::seam::System;
use super::stream::{Stream, read_end};
use super::target::Target;
use super::while_doing;
use crate::{StorageError, StorageReader, StorageResult};

/// Reads what an appender of this process has appended, flushed or not.
pub(super) struct FileReader {
    stream: Arc<Stream>,
}

impl FileReader {
    pub(super) fn new(stream: Arc<Stream>) -> Self {
        Self { stream }
    }
}

impl StorageReader for FileReader {
    fn read_at(&self, offset: u64, len: usize) -> StorageResult<Vec<u8>> {
        self.stream.read_at(offset, len)
    }

    fn size(&self) -> StorageResult<u64> {
        Ok(self.stream.size())
    }

    fn read_into(&self, offset: u64, buf: &mut [u8]) -> StorageResult<()> {
        self.stream.read(offset, &mut Target::slice(buf))
    }
}

/// Reads a file that has no appender in this process, but may have one in another. It sees what is in the file at that
/// moment, which is not what the other process still buffers, and may be zeros that it has reserved.
pub(super) struct LoneReader {
    file: File,
    path: PathBuf,
    system: System,
    /// The longest that the file was seen to be: what lies below needs no question.
    size_seen: AtomicU64,
}

impl LoneReader {
    pub(super) fn open(system: System, path: &Path) -> StorageResult<Self> {
        let reader = Self {
            file: open::for_reading(&system, path)?,
            path: path.to_owned(),
            system,
            size_seen: AtomicU64::new(0),
        };
        reader.size()?;
        Ok(reader)
    }

    /// Checks, before anything is allocated, that the read is not past the end.
    fn check(&self, offset: u64, len: usize) -> StorageResult<()> {
        if read_end(offset, len, self.size_seen.load(Ordering::Relaxed)).is_err() {
            read_end(offset, len, self.size()?)?;
        }
        Ok(())
    }

    fn fill(&self, offset: u64, target: &mut Target<'_>) -> StorageResult<()> {
        let len = target.len();
        let filled = target.fill(&self.system, &self.file, offset, len);
        if !filled.map_err(|error| while_doing("read", &self.path, error))? {
            // The file was cut since we saw its size.
            let size = self.size()?;
            return Err(StorageError::ReadPastEnd { offset, len, size });
        }
        Ok(())
    }
}

impl StorageReader for LoneReader {
    fn read_at(&self, offset: u64, len: usize) -> StorageResult<Vec<u8>> {
        self.check(offset, len)?;
        let mut vec = Target::allocate(len)?;
        self.fill(offset, &mut Target::vec(&mut vec, len))?;
        Ok(vec)
    }

    fn size(&self) -> StorageResult<u64> {
        let metadata = self.system.stat(&self.file);
        let size = metadata
            .map_err(|error| while_doing("read", &self.path, error))?
            .len();
        self.size_seen.store(size, Ordering::Relaxed);
        Ok(size)
    }

    fn read_into(&self, offset: u64, buf: &mut [u8]) -> StorageResult<()> {
        self.check(offset, buf.len())?;
        self.fill(offset, &mut Target::slice(buf))
    }
}
