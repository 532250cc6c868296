//! The contract: one opaque, append-only byte stream.

use bytes::Bytes;
use std::sync::Arc;

use crate::{StorageError, StorageResult};

/// An opaque, append-only stream of bytes.
///
/// Six methods are required; the rest have defaults that are right for any backend and that a backend overrides where it
/// can do better. A wrapper forwards every one of them.
///
/// The promises below are numbered clauses. Each is a named test that runs over every backend of this crate.
///
/// 1. [`read_at`](Self::read_at) returns exactly the bytes written at that offset, all of them or an error. Past the end
///    it is [`StorageError::ReadPastEnd`], for every offset and every length, decided before anything is allocated.
/// 2. A read sees every byte that an earlier append returned, flushed or not.
/// 3. [`append`](Self::append) is all or nothing and returns the size before it. After an error the size is unchanged and
///    nothing of the data is ever readable; where that cannot be had, the backend is poisoned.
/// 4. After [`flush`](Self::flush) every appended byte survives the death of the process and, on a file, a power loss.
/// 5. After [`sync`](Self::sync) the file's metadata and its directory entry survive too.
/// 6. After a crash every byte below the last successful flush is intact. Above it anything may be found.
/// 7. A failed fsync is sticky: every later write, flush or sync is [`StorageError::Poisoned`], and reads go on. A failure
///    of only the *write* part of a flush leaves size and reads as they were: the flush may be retried, or the tail cut.
/// 8. [`truncate`](Self::truncate) is durable when it returns, and appending again never brings old bytes back.
/// 9. The first flush or sync of every appending handle makes the directory entry durable, whoever made the file.
/// 10. EINTR, short reads and short writes are handled inside; a full disk is an error of its own
///     ([`StorageError::is_full`]) and leaves the backend usable; what cannot be opened is a clear error.
/// 11. A second appending handle on the same file is refused with [`StorageError::Locked`].
/// 12. Memory and file backends hide no clock, thread or random number.
pub trait StorageBackend: Send + Sync {
    /// Reads exactly `len` bytes at `offset`.
    ///
    /// # Errors
    /// [`StorageError::ReadPastEnd`] if `offset + len` lies above the size; [`StorageError::Io`] if the medium fails.
    /// Nothing is changed by a failed read.
    fn read_at(&self, offset: u64, len: usize) -> StorageResult<Vec<u8>>;

    /// Appends `data` and returns the offset where it starts, which is the size before the call.
    ///
    /// The bytes are readable at once and durable after the next [`flush`](Self::flush).
    ///
    /// # Errors
    /// After an error the size is what it was and nothing of `data` is readable (clause 3). A full disk is
    /// [`StorageError::Io`] for which [`StorageError::is_full`] holds.
    fn append(&mut self, data: &[u8]) -> StorageResult<u64>;

    /// Makes every appended byte durable.
    ///
    /// # Errors
    /// If writing failed, the bytes are still there to be read, and the flush may be retried or the tail truncated. If the
    /// sync failed, the backend is poisoned: whether the bytes will survive is unknown (clause 7).
    fn flush(&mut self) -> StorageResult<()>;

    /// The stream's length in bytes, counting what is appended and not yet flushed.
    ///
    /// # Errors
    /// [`StorageError::Io`] if the medium cannot say.
    fn size(&self) -> StorageResult<u64>;

    /// Makes bytes, metadata and the directory entry durable.
    ///
    /// # Errors
    /// As for [`flush`](Self::flush).
    fn sync(&mut self) -> StorageResult<()>;

    /// Cuts the stream to `new_size` bytes; the cut is durable when this returns.
    ///
    /// # Errors
    /// [`StorageError::Io`] of kind `InvalidInput` if `new_size` is above the size, with nothing changed. If the sync after
    /// the cut fails, the backend is poisoned.
    fn truncate(&mut self, new_size: u64) -> StorageResult<()>;

    /// Fills `buf` with the bytes at `offset`.
    ///
    /// # Errors
    /// As for [`read_at`](Self::read_at); the content of `buf` is then unspecified.
    fn read_into(&self, offset: u64, buf: &mut [u8]) -> StorageResult<()> {
        let bytes = self.read_at(offset, buf.len())?;
        copy_exact(&bytes, buf)
    }

    /// Reads exactly `len` bytes at `offset` as reference-counted bytes, without a copy where the backend can.
    ///
    /// # Errors
    /// As for [`read_at`](Self::read_at).
    fn read_bytes(&self, offset: u64, len: usize) -> StorageResult<Bytes> {
        self.read_at(offset, len).map(Bytes::from)
    }

    /// Appends the parts one behind the other, all or nothing, and returns the offset of the first.
    ///
    /// # Errors
    /// As for [`append`](Self::append).
    fn append_vectored(&mut self, parts: &[&[u8]]) -> StorageResult<u64> {
        self.append(&parts.concat())
    }

    /// Asks for room for `additional` bytes behind the current size, so that appending them cannot fail for want of
    /// space and need not change the file's length. A hint: the default does nothing and succeeds.
    ///
    /// # Errors
    /// An error for which [`StorageError::is_full`] holds if there is no such room; nothing is changed.
    fn reserve(&mut self, additional: u64) -> StorageResult<()> {
        let _ = additional;
        Ok(())
    }

    /// A handle for reading this stream while the backend itself is busy appending or syncing, if the backend has one.
    fn reader(&self) -> Option<Arc<dyn StorageReader>> {
        None
    }

    /// What this backend can do, for callers that choose by it.
    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    /// Flushes, gives back what was reserved and reports what dropping would swallow. The backend answers
    /// [`StorageError::Closed`] to everything afterwards, where it can.
    ///
    /// # Errors
    /// As for [`flush`](Self::flush).
    fn close(&mut self) -> StorageResult<()> {
        self.flush()
    }
}

/// A shareable handle that reads a stream beside its one appender.
///
/// It sees every byte whose append returned before the read began. Above a truncation it gives
/// [`StorageError::ReadPastEnd`], or the old bytes if the read began earlier. It outlives the backend and its poisoning.
pub trait StorageReader: Send + Sync {
    /// Reads exactly `len` bytes at `offset`.
    ///
    /// # Errors
    /// As for [`StorageBackend::read_at`].
    fn read_at(&self, offset: u64, len: usize) -> StorageResult<Vec<u8>>;

    /// The stream's length in bytes.
    ///
    /// # Errors
    /// [`StorageError::Io`] if the medium cannot say.
    fn size(&self) -> StorageResult<u64>;

    /// Fills `buf` with the bytes at `offset`.
    ///
    /// # Errors
    /// As for [`StorageBackend::read_into`].
    fn read_into(&self, offset: u64, buf: &mut [u8]) -> StorageResult<()> {
        let bytes = self.read_at(offset, buf.len())?;
        copy_exact(&bytes, buf)
    }

    /// Reads exactly `len` bytes at `offset` as reference-counted bytes, without a copy where the backend can.
    ///
    /// # Errors
    /// As for [`StorageBackend::read_at`].
    fn read_bytes(&self, offset: u64, len: usize) -> StorageResult<Bytes> {
        self.read_at(offset, len).map(Bytes::from)
    }
}

/// How far a successful [`StorageBackend::flush`] carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
#[non_exhaustive]
pub enum Durability {
    /// Gone with the process: a backend in memory.
    #[default]
    Volatile,
    /// Survives the death of the process, not a power loss.
    Process,
    /// Survives a power loss.
    PowerLoss,
}

/// What a backend can do beyond the six methods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Capabilities {
    /// How far a flush carries.
    pub durability: Durability,
    /// Whether several handles may append to one stream at once.
    pub concurrent_appenders: bool,
    /// The smallest amount of bytes that a durable write costs, in bytes (a disk's sector, an object's request); 0 where
    /// there is none.
    pub durable_write_bytes_min: u64,
    /// Whether [`StorageBackend::read_bytes`] returns without a copy.
    pub zero_copy_reads: bool,
}

fn copy_exact(bytes: &[u8], buf: &mut [u8]) -> StorageResult<()> {
    if bytes.len() != buf.len() {
        return Err(StorageError::Corrupted(format!(
            "the backend returned {} bytes where {} were asked for",
            bytes.len(),
            buf.len()
        )));
    }
    buf.copy_from_slice(bytes);
    Ok(())
}
