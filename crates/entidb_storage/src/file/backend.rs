//! The appender of one file.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::entry::Entry;
use super::open::{self, Creation};
use super::reader::FileReader;
use super::seam::System;
use super::stream::Stream;
use super::target::Target;
use super::{lock, while_doing, while_syncing};
use crate::{Capabilities, Durability, StorageBackend, StorageError, StorageReader, StorageResult};

/// How many bytes the buffer of appended bytes holds: enough that a system call's own cost no longer matters.
const TAIL_LEN_MAX: usize = 256 * 1024;

/// Parts of a vectored append from this length on are written from where they lie.
const PART_LEN_DIRECT: usize = 64 * 1024;

/// Space is reserved up to a multiple of this many bytes.
const RESERVE_STEP: u64 = 4 * 1024 * 1024;

/// A stream in a file.
///
/// Appends go to a buffer, and from there to the file when it is full or flushed: a flush is one write and one fdatasync.
/// Reads are positioned and take no lock but where they touch the buffer; see [`reader`](StorageBackend::reader) for reading
/// from other threads. Whoever opens the file has it for itself until the backend is closed or dropped, or the process
/// ends; a second opener gets [`StorageError::Locked`].
///
/// What a program appends and does not flush may be lost. Dropping the backend still hands it to the operating system, but
/// nobody hears of an error: use [`close`](StorageBackend::close).
///
/// With [`reserve`](StorageBackend::reserve) the file is longer than the stream while it is open, by zeros, and also after a
/// crash.
pub struct FileBackend {
    stream: Arc<Stream>,
    state: State,
    /// Names that the first flush makes durable, too.
    entry: Entry,
    /// What a flush has still to make durable: at first, whatever a predecessor left.
    unsynced: bool,
    /// What a sync has still to make durable beyond that.
    metadata_unsynced: bool,
    /// How far we ever wrote, or tried to, since the last cut: from here on the file holds nothing but zeros.
    touched_end: u64,
    /// How far the file has disk space for certain, if that is behind what is written. The file is no longer than this and
    /// `touched_end`.
    reserved_end: u64,
    /// Whether the file system can reserve, as far as we know.
    can_reserve: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Poisoned,
    Closed,
}

impl FileBackend {
    /// Opens the file at `path` behind its last byte, or makes it. Never truncates.
    ///
    /// # Errors
    /// [`StorageError::Locked`] if somebody else has it open for appending; [`StorageError::Io`] if it, or its folder,
    /// cannot be opened, or if it is no file.
    pub fn open(path: &Path) -> StorageResult<Self> {
        Self::open_as(System::default(), path, Creation::IfMissing)
    }

    /// As [`open`](Self::open), and makes the folders above `path` first. They are durable, like the file's own name, after
    /// the first flush or sync.
    ///
    /// # Errors
    /// As for [`open`](Self::open), and [`StorageError::Io`] if a folder cannot be made.
    pub fn open_with_create_dirs(path: &Path) -> StorageResult<Self> {
        Self::open_with_create_dirs_as(System::default(), path)
    }

    pub(super) fn open_with_create_dirs_as(system: System, path: &Path) -> StorageResult<Self> {
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        let above = Entry::of_folder_made(&system, folder.unwrap_or(Path::new(".")))?;
        let mut backend = Self::open_as(system, path, Creation::IfMissing)?;
        backend.entry.join(above);
        Ok(backend)
    }

    pub(super) fn open_as(system: System, path: &Path, creation: Creation) -> StorageResult<Self> {
        let file = open::for_appending(&system, path, creation)?;
        lock::take(&system, &file, path)?;
        let entry = Entry::of_file(&system, path)?;
        // The length is asked for under the lock: before, the file may have been somebody else's.
        let metadata = system.stat(&file);
        let size = metadata
            .map_err(|error| while_doing("open", path, error))?
            .len();
        Ok(Self {
            stream: Arc::new(Stream::new(file, path.to_owned(), size, system)),
            state: State::Open,
            entry,
            unsynced: true,
            metadata_unsynced: true,
            touched_end: size,
            reserved_end: size,
            can_reserve: true,
        })
    }

    /// The path that this backend was opened with.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.stream.path()
    }

    pub(super) fn stream(&self) -> &Arc<Stream> {
        &self.stream
    }

    fn readable(&self) -> StorageResult<&Stream> {
        match self.state {
            State::Closed => Err(StorageError::Closed),
            State::Open | State::Poisoned => Ok(&self.stream),
        }
    }

    fn writable(&self) -> StorageResult<&Stream> {
        match self.state {
            State::Closed => Err(StorageError::Closed),
            State::Poisoned => Err(StorageError::Poisoned),
            State::Open => Ok(&self.stream),
        }
    }

    /// Counts `len` bytes behind the written ones as touched, whether or not writing them will succeed.
    fn touch(&mut self, len: u64) {
        self.touched_end = self.touched_end.max(self.stream.written() + len);
    }

    fn file_ends_at(&mut self, end: u64) {
        self.touched_end = end;
        self.reserved_end = end;
    }

    /// Writes the buffer to the file.
    fn spill(&mut self) -> StorageResult<()> {
        let waiting = self.stream.size() - self.stream.written();
        if waiting == 0 {
            return Ok(());
        }
        self.touch(waiting);
        let result = self.stream.spill();
        result.map_err(|error| while_doing("write to", self.path(), error))
    }

    /// Appends what is too much for the buffer, which is empty: all or nothing.
    fn write_through(&mut self, parts: &[&[u8]], len: usize) -> StorageResult<()> {
        let start = self.stream.written();
        self.touch(len as u64);
        match write_parts(&self.stream, parts, start) {
            Ok(()) => {
                self.stream.extend(len as u64);
                Ok(())
            }
            Err(error) => {
                self.cut_file(start)?;
                Err(while_doing("write to", self.path(), error))
            }
        }
    }

    /// Rolls a failed append back. Where that fails, too, the file holds bytes that nobody may ever read.
    fn cut_file(&mut self, end: u64) -> StorageResult<()> {
        match self.stream.cut(end, true) {
            Ok(()) => {
                self.file_ends_at(end);
                self.unsynced = true;
                Ok(())
            }
            Err(error) => {
                self.state = State::Poisoned;
                Err(as_rollback(while_doing(
                    "take back a write to",
                    self.path(),
                    error,
                )))
            }
        }
    }

    /// Notes the outcome of a sync. A failed one is never repeated: the kernel may have dropped the pages and call the next
    /// one good.
    fn synced(&mut self, result: StorageResult<()>) -> StorageResult<()> {
        if result.is_err() {
            self.state = State::Poisoned;
        }
        result
    }

    fn sync_data(&mut self) -> StorageResult<()> {
        let result = self.stream.system().data_sync(self.stream.file());
        self.synced(result.map_err(|error| while_syncing(self.stream.path(), error)))?;
        self.unsynced = false;
        Ok(())
    }

    fn sync_all(&mut self) -> StorageResult<()> {
        let result = self.stream.system().sync(self.stream.file());
        self.synced(result.map_err(|error| while_syncing(self.stream.path(), error)))?;
        self.unsynced = false;
        self.metadata_unsynced = false;
        Ok(())
    }

    fn sync_entry(&mut self) -> StorageResult<()> {
        let result = self.entry.sync(self.stream.system());
        self.synced(result)
    }

    /// Makes the file no longer than the stream.
    fn give_back(&mut self) -> io::Result<()> {
        let end = self.stream.written();
        if self.touched_end.max(self.reserved_end) > end {
            self.stream.system().set_len(self.stream.file(), end)?;
            self.file_ends_at(end);
            self.unsynced = true;
        }
        Ok(())
    }
}

impl StorageBackend for FileBackend {
    fn read_at(&self, offset: u64, len: usize) -> StorageResult<Vec<u8>> {
        self.readable()?.read_at(offset, len)
    }

    fn append(&mut self, data: &[u8]) -> StorageResult<u64> {
        self.append_vectored(&[data])
    }

    fn flush(&mut self) -> StorageResult<()> {
        self.writable()?;
        self.spill()?;
        if self.unsynced {
            self.sync_data()?;
        }
        self.sync_entry()
    }

    fn size(&self) -> StorageResult<u64> {
        self.readable().map(Stream::size)
    }

    fn sync(&mut self) -> StorageResult<()> {
        self.writable()?;
        self.spill()?;
        if self.unsynced || self.metadata_unsynced {
            self.sync_all()?;
        }
        self.sync_entry()
    }

    fn truncate(&mut self, new_size: u64) -> StorageResult<()> {
        let stream = self.writable()?;
        let size = stream.size();
        if new_size > size {
            return Err(StorageError::above_size(new_size, size));
        }
        // What is cut from the buffer alone was never in the file, and cannot come back.
        let cut_file = self.touched_end > new_size;
        let result = stream.cut(new_size, cut_file);
        result.map_err(|error| while_doing("truncate", self.path(), error))?;
        if cut_file {
            self.file_ends_at(new_size);
            // ORDER: synced before we return, and before anything is appended. A crash before it may bring the cut bytes
            // back; a crash after it may not, even under bytes that are appended now and never flushed.
            self.sync_all()?;
            self.unsynced = self.stream.size() > self.stream.written();
            self.metadata_unsynced = self.unsynced;
        }
        Ok(())
    }

    fn read_into(&self, offset: u64, buf: &mut [u8]) -> StorageResult<()> {
        self.readable()?.read(offset, &mut Target::slice(buf))
    }

    fn append_vectored(&mut self, parts: &[&[u8]]) -> StorageResult<u64> {
        let stream = self.writable()?;
        let (start, written) = (stream.size(), stream.written());
        let len = parts
            .iter()
            .try_fold(0_usize, |sum, part| sum.checked_add(part.len()))
            .filter(|len| {
                start
                    .checked_add(*len as u64)
                    .is_some_and(|end| end <= i64::MAX as u64)
            })
            .ok_or_else(|| {
                while_doing("append to", self.path(), io::ErrorKind::FileTooLarge.into())
            })?;
        if len == 0 {
            return Ok(start);
        }
        if start - written + len as u64 > TAIL_LEN_MAX as u64 {
            self.spill()?;
        }
        if len >= TAIL_LEN_MAX {
            self.write_through(parts, len)?;
        } else {
            let result = self.stream.buffer(parts, len);
            result.map_err(|error| while_doing("append to", self.path(), error))?;
        }
        self.unsynced = true;
        self.metadata_unsynced = true;
        Ok(start)
    }

    /// Reserves disk space in steps of 4 MiB, and says nothing where the file system cannot.
    fn reserve(&mut self, additional: u64) -> StorageResult<()> {
        let stream = self.writable()?;
        let Some(wanted) = stream
            .size()
            .checked_add(additional)
            .filter(|end| *end <= i64::MAX as u64)
        else {
            return Err(while_doing(
                "reserve space in",
                self.path(),
                io::ErrorKind::FileTooLarge.into(),
            ));
        };
        if wanted <= self.reserved_end || !self.can_reserve {
            return Ok(());
        }
        let start = stream.written();
        let allocate = |end: u64| stream.system().allocate(stream.file(), start, end - start);
        // Not above the limit on a file's length: who comes there unasked is killed by a signal.
        let limit = stream.system().file_len_max().max(wanted);
        let stepped = wanted.next_multiple_of(RESERVE_STEP).min(limit);
        let (end, result) = match allocate(stepped) {
            // There may still be room for what was asked for.
            Err(_) => (wanted, allocate(wanted)),
            result => (stepped, result),
        };
        match result {
            Ok(true) => self.reserved_end = end,
            Ok(false) => self.can_reserve = false,
            Err(error) => {
                // A part of the space may have been given: it is given back, now or when the backend is closed.
                let end = self.touched_end.max(self.reserved_end);
                let cut = stream.system().set_len(stream.file(), end);
                let error = while_doing("reserve space in", self.path(), error);
                if cut.is_err() {
                    self.touched_end = end.max(stepped);
                }
                return Err(error);
            }
        }
        Ok(())
    }

    fn reader(&self) -> Option<Arc<dyn StorageReader>> {
        self.readable().ok()?;
        Some(Arc::new(FileReader::new(Arc::clone(&self.stream))))
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            durability: if cfg!(unix) {
                Durability::PowerLoss
            } else {
                // The name of a new file cannot be made durable by itself.
                Durability::Process
            },
            concurrent_appenders: false,
            durable_write_bytes_min: 4096,
            zero_copy_reads: false,
        }
    }

    /// Flushes, gives back what was reserved and lets go of the file.
    ///
    /// If only the writing failed (a full disk), the backend stays open with all its bytes: free some space and close it
    /// again, or drop it.
    fn close(&mut self) -> StorageResult<()> {
        let result = self
            .writable()
            .map(drop)
            .and_then(|()| self.spill())
            .and_then(|()| {
                // ORDER: given back before the sync, so that after it the file is exactly the stream.
                let given_back = self.give_back();
                given_back.map_err(|error| while_doing("truncate", self.path(), error))?;
                self.flush()
            });
        if result.is_ok() || self.state != State::Open {
            self.state = State::Closed;
            self.stream.end_appending();
        }
        result
    }
}

impl Drop for FileBackend {
    fn drop(&mut self) {
        if self.state == State::Open {
            // Nobody could hear of an error here; `close` is for those who want to.
            let _ = self.spill();
            let _ = self.give_back();
        }
        if self.state != State::Closed {
            self.stream.end_appending();
        }
    }
}

impl fmt::Debug for FileBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileBackend")
            .field("path", &self.path())
            .field("size", &self.stream.size())
            .field("written", &self.stream.written())
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

/// Writes `parts` one behind the other at `offset`, small ones gathered.
fn write_parts(stream: &Stream, parts: &[&[u8]], mut offset: u64) -> io::Result<()> {
    let mut write = |data: &[u8]| {
        let result = stream.system().write_all(stream.file(), data, offset);
        offset += data.len() as u64;
        result.map_err(|(_, error)| error)
    };
    let mut gathered = Vec::new();
    for part in parts {
        if part.len() >= PART_LEN_DIRECT || gathered.len() + part.len() > TAIL_LEN_MAX {
            write(&gathered)?;
            gathered.clear();
        }
        if part.len() >= PART_LEN_DIRECT {
            write(part)?;
        } else {
            gathered.extend_from_slice(part);
        }
    }
    write(&gathered)
}

/// A backend that could not roll back is not usable, which a full disk would be.
fn as_rollback(error: StorageError) -> StorageError {
    if error.is_full() {
        super::as_other(error)
    } else {
        error
    }
}
