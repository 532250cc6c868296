//! A disk that remembers what was flushed, can be copied, crashes, and fails when told to.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use super::Numbers;
use crate::{StorageBackend, StorageError, StorageReader, StorageResult};

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Medium {
    pub(super) bytes: Vec<u8>,
    /// How far it is durable.
    pub(super) flushed: usize,
}

#[derive(Default)]
struct Inner {
    medium: Medium,
    /// The medium after every operation.
    images: Vec<Medium>,
    /// So many operations go well before one fails.
    full_after: Option<usize>,
    sync_fails_after: Option<usize>,
    poisoned: bool,
}

#[derive(Clone, Default)]
pub(super) struct Disk(Arc<Mutex<Inner>>);

impl Disk {
    pub(super) fn with(medium: Medium) -> Self {
        let disk = Self::default();
        disk.get().medium = medium;
        disk
    }

    fn get(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap()
    }

    pub(super) fn medium(&self) -> Medium {
        self.get().medium.clone()
    }

    pub(super) fn take_images(&self) -> Vec<Medium> {
        std::mem::take(&mut self.get().images)
    }

    /// The operation after `count` more finds the disk full, once.
    pub(super) fn full_after(&self, count: usize) {
        self.get().full_after = Some(count);
    }

    /// The sync after `count` more fails.
    pub(super) fn sync_fails_after(&self, count: usize) {
        self.get().sync_fails_after = Some(count);
    }

    pub(super) fn heal(&self) {
        self.get().full_after = None;
        self.get().sync_fails_after = None;
    }

    fn change(&self, change: impl FnOnce(&mut Medium)) -> StorageResult<()> {
        let mut inner = self.get();
        if inner.poisoned {
            return Err(StorageError::Poisoned);
        }
        if let Some(count) = &mut inner.full_after {
            if *count == 0 {
                inner.full_after = None;
                return Err(StorageError::Io(io::ErrorKind::StorageFull.into()));
            }
            *count -= 1;
        }
        change(&mut inner.medium);
        let image = inner.medium.clone();
        inner.images.push(image);
        Ok(())
    }

    fn sync_data(&self) -> StorageResult<()> {
        {
            let mut inner = self.get();
            if let Some(count) = &mut inner.sync_fails_after {
                if *count == 0 {
                    inner.poisoned = true;
                    return Err(StorageError::Io(io::Error::other("the sync failed")));
                }
                *count -= 1;
            }
        }
        self.change(|medium| medium.flushed = medium.bytes.len())
    }

    fn slice(&self, offset: u64, buf: &mut [u8]) -> StorageResult<()> {
        let inner = self.get();
        let bytes = &inner.medium.bytes;
        let start = usize::try_from(offset).unwrap();
        let part = start
            .checked_add(buf.len())
            .and_then(|end| bytes.get(start..end))
            .ok_or(StorageError::ReadPastEnd {
                offset,
                len: buf.len(),
                size: bytes.len() as u64,
            })?;
        buf.copy_from_slice(part);
        Ok(())
    }
}

impl Medium {
    /// What a crash may leave: what was flushed, and any of the rest, sector by sector.
    pub(super) fn crashed(&self, numbers: &mut Numbers) -> Self {
        let mut bytes = self.bytes.clone();
        match numbers.below(4) {
            0 => bytes.truncate(self.flushed),
            1 => bytes.truncate(self.flushed + numbers.below(bytes.len() - self.flushed + 1)),
            _ => {
                let written = bytes.len();
                // Room that was reserved, too.
                bytes.resize(written + numbers.below(2) * numbers.below(3000), 0);
                let mut at = self.flushed;
                while at < written {
                    let end = (at / 512 * 512 + 512).min(bytes.len());
                    match numbers.below(4) {
                        0 => bytes[at..end].fill(0),
                        1 => bytes[at..end].copy_from_slice(&numbers.bytes(end - at)),
                        _ => {}
                    }
                    at = end;
                }
            }
        }
        let flushed = bytes.len();
        Self { bytes, flushed }
    }
}

impl StorageBackend for Disk {
    fn read_at(&self, offset: u64, len: usize) -> StorageResult<Vec<u8>> {
        let mut buf = vec![0; len];
        self.slice(offset, &mut buf)?;
        Ok(buf)
    }

    fn append(&mut self, data: &[u8]) -> StorageResult<u64> {
        let offset = self.get().medium.bytes.len() as u64;
        if data.is_empty() {
            return if self.get().poisoned {
                Err(StorageError::Poisoned)
            } else {
                Ok(offset)
            };
        }
        self.change(|medium| medium.bytes.extend_from_slice(data))?;
        Ok(offset)
    }

    fn flush(&mut self) -> StorageResult<()> {
        self.sync_data()
    }

    fn size(&self) -> StorageResult<u64> {
        Ok(self.get().medium.bytes.len() as u64)
    }

    fn sync(&mut self) -> StorageResult<()> {
        self.sync_data()
    }

    fn truncate(&mut self, new_size: u64) -> StorageResult<()> {
        let len = usize::try_from(new_size).unwrap();
        assert!(len <= self.medium().bytes.len());
        self.change(|medium| {
            medium.bytes.truncate(len);
            medium.flushed = medium.flushed.min(len);
        })
    }

    fn reader(&self) -> Option<Arc<dyn StorageReader>> {
        Some(Arc::new(self.clone()))
    }
}

impl StorageReader for Disk {
    fn read_at(&self, offset: u64, len: usize) -> StorageResult<Vec<u8>> {
        StorageBackend::read_at(self, offset, len)
    }

    fn size(&self) -> StorageResult<u64> {
        StorageBackend::size(self)
    }
}
