//! What an appender and its readers share: the file, and the bytes that are not in it yet.
//!
//! The stream is `written` bytes of the file and behind them the tail, a buffer. Only the appender changes anything, and
//! there is one. A read that lies below `written` takes no lock. What it relies on:
//!
//! - `written` grows after the bytes are in the file, so who sees the number finds the bytes;
//! - bytes below `written` never change but by a cut, and a cut makes `cuts` odd before and even after it. A reader that
//!   finds `cuts` odd, or changed since it began, does not trust what it read, and reads again under the lock.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::seam::System;
use super::target::Target;
use super::while_doing;
use crate::{StorageError, StorageResult};

pub(super) struct Stream {
    file: File,
    path: PathBuf,
    system: System,
    /// How many bytes of the file are the stream's. Changed under the tail's lock.
    written: AtomicU64,
    /// `written` and the tail's length. Changed under the tail's lock.
    size: AtomicU64,
    /// Counts cuts, twice each: odd while one goes on.
    cuts: AtomicU64,
    /// The bytes behind `written`.
    tail: RwLock<Vec<u8>>,
    /// Whether an appender still has this stream.
    appended: AtomicBool,
}

impl Stream {
    pub(super) fn new(file: File, path: PathBuf, size: u64, system: System) -> Self {
        Self {
            file,
            path,
            system,
            written: AtomicU64::new(size),
            size: AtomicU64::new(size),
            cuts: AtomicU64::new(0),
            tail: RwLock::default(),
            appended: AtomicBool::new(true),
        }
    }

    pub(super) fn file(&self) -> &File {
        &self.file
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn system(&self) -> &System {
        &self.system
    }

    #[inline]
    pub(super) fn size(&self) -> u64 {
        self.size.load(Ordering::Acquire)
    }

    #[inline]
    pub(super) fn written(&self) -> u64 {
        self.written.load(Ordering::Acquire)
    }

    pub(super) fn has_appender(&self) -> bool {
        self.appended.load(Ordering::Acquire)
    }

    // A panic while the lock was held cannot have left half a change: nothing between two steps of one panics.
    fn tail(&self) -> RwLockReadGuard<'_, Vec<u8>> {
        self.tail.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn tail_mut(&self) -> RwLockWriteGuard<'_, Vec<u8>> {
        self.tail.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reading, from any thread.
impl Stream {
    #[inline]
    pub(super) fn read_at(&self, offset: u64, len: usize) -> StorageResult<Vec<u8>> {
        read_end(offset, len, self.size())?;
        let mut vec = Target::allocate(len)?;
        self.read(offset, &mut Target::vec(&mut vec, len))?;
        Ok(vec)
    }

    #[inline]
    pub(super) fn read(&self, offset: u64, target: &mut Target<'_>) -> StorageResult<()> {
        let len = target.len();
        let end = read_end(offset, len, self.size())?;
        let cuts = self.cuts.load(Ordering::Acquire);
        if cuts.is_multiple_of(2) && end <= self.written() {
            let complete = self.fill(offset, len, target)?;
            fence(Ordering::Acquire);
            if complete && self.cuts.load(Ordering::Relaxed) == cuts {
                return Ok(());
            }
            target.restart();
        }
        self.read_locked(offset, target)
    }

    /// Reads while nothing is appended, spilled or cut.
    #[cold]
    fn read_locked(&self, offset: u64, target: &mut Target<'_>) -> StorageResult<()> {
        let tail = self.tail();
        let written = self.written.load(Ordering::Relaxed);
        let len = target.len();
        let end = read_end(offset, len, written + tail.len() as u64)?;
        let in_file =
            usize::try_from(written.saturating_sub(offset)).map_or(len, |room| room.min(len));
        if in_file > 0 && !self.fill(offset, in_file, target)? {
            // Somebody else has cut the file, past the lock.
            let size = self.file_len()?;
            return Err(StorageError::ReadPastEnd { offset, len, size });
        }
        if end > written {
            let start = in_tail(offset.max(written), written);
            target.push(&tail[start..in_tail(end, written)]);
        }
        Ok(())
    }

    /// Reads from the file until `target` holds `len` bytes; false if the file ends before.
    #[inline]
    fn fill(&self, offset: u64, len: usize, target: &mut Target<'_>) -> StorageResult<bool> {
        target
            .fill(&self.system, &self.file, offset, len)
            .map_err(|error| while_doing("read", &self.path, error))
    }

    fn file_len(&self) -> StorageResult<u64> {
        let metadata = self.system.stat(&self.file);
        Ok(metadata
            .map_err(|error| while_doing("read", &self.path, error))?
            .len())
    }
}

/// Changing, by the one appender.
impl Stream {
    /// Puts `parts` behind the tail.
    pub(super) fn buffer(&self, parts: &[&[u8]], len: usize) -> io::Result<()> {
        let mut tail = self.tail_mut();
        tail.try_reserve(len)
            .map_err(|_| io::Error::from(io::ErrorKind::OutOfMemory))?;
        for part in parts {
            tail.extend_from_slice(part);
        }
        self.publish(&tail);
        Ok(())
    }

    /// Writes the tail to the file. What could not be written stays in the tail.
    pub(super) fn spill(&self) -> io::Result<()> {
        // Readers of the tail go on meanwhile: nobody but us could change it.
        let tail = self.tail();
        if tail.is_empty() {
            return Ok(());
        }
        let result = self.system.write_all(&self.file, &tail, self.written());
        let (done, result) = match result {
            Ok(()) => (tail.len(), Ok(())),
            Err((done, error)) => (done, Err(error)),
        };
        drop(tail);
        let mut tail = self.tail_mut();
        tail.drain(..done);
        self.written.fetch_add(done as u64, Ordering::Release);
        result
    }

    /// Takes `len` bytes behind the stream's end, which the appender has written to the file, into the stream. The tail is
    /// empty.
    pub(super) fn extend(&self, len: u64) {
        let tail = self.tail_mut();
        self.written.fetch_add(len, Ordering::Release);
        self.publish(&tail);
    }

    /// Cuts the stream to `new_size`, and the file too if `cut_file`.
    pub(super) fn cut(&self, new_size: u64, cut_file: bool) -> io::Result<()> {
        let mut tail = self.tail_mut();
        let written = self.written.load(Ordering::Relaxed);
        if cut_file {
            self.cuts.fetch_add(1, Ordering::AcqRel);
            let result = self.system.set_len(&self.file, new_size);
            if result.is_ok() {
                self.written.store(new_size.min(written), Ordering::Release);
            }
            self.cuts.fetch_add(1, Ordering::AcqRel);
            result?;
        }
        tail.truncate(in_tail(new_size, written));
        self.publish(&tail);
        Ok(())
    }

    /// Lets go of the lock on the file. Readers keep the file open, so closing it would not do.
    pub(super) fn end_appending(&self) {
        self.appended.store(false, Ordering::Release);
        // Nothing can be done about an error, and the lock dies with the last handle on the file anyway.
        let _ = self.file.unlock();
    }

    fn publish(&self, tail: &[u8]) {
        let size = self.written.load(Ordering::Relaxed) + tail.len() as u64;
        self.size.store(size, Ordering::Release);
    }
}

/// Where the stream's `position` lies in the tail.
fn in_tail(position: u64, written: u64) -> usize {
    // The tail is in memory, so that its positions fit.
    usize::try_from(position.saturating_sub(written)).unwrap_or(usize::MAX)
}

/// The end of a read, if it is not above `size`.
#[inline]
pub(super) fn read_end(offset: u64, len: usize, size: u64) -> StorageResult<u64> {
    u64::try_from(len)
        .ok()
        .and_then(|len| offset.checked_add(len))
        .filter(|end| *end <= size)
        .ok_or(StorageError::ReadPastEnd { offset, len, size })
}
