//! Named streams: the seam that a store of more than one stream needs.

use std::sync::Arc;

use crate::{StorageBackend, StorageError, StorageReader, StorageResult};

/// How many bytes a stream's name has at the most.
pub const NAME_LEN_MAX: usize = 64;

/// How [`Directory::open`] treats a stream that is there, or is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenMode {
    /// The stream must not be there; it is made empty.
    CreateNew,
    /// The stream must be there; it is opened behind its last byte.
    Existing,
}

/// A set of named streams.
///
/// A stream is opened for appending by one handle at a time, and for reading by any number, which need no lock. The
/// promises are numbered clauses, each a named test:
///
/// - D1 a new stream is durable, with its name, at its first flush;
/// - D2 [`replace`](Self::replace) is all or nothing, and durable when it returns;
/// - D3 a removal may come undone by a crash until [`sync`](Self::sync);
/// - D4 [`list`](Self::list) is sorted and exact;
/// - D5 names are `[a-z0-9._-]{1,64}`, anything else is an error of kind `InvalidInput`;
/// - D6 a [`lock`](Self::lock) dies with its holder, and a refusal names the holder;
/// - D7 a removed stream stays readable through handles that are already open.
///
/// Nothing is asked that an object store cannot give: no stream is renamed, none is written in the middle.
pub trait Directory: Send + Sync {
    /// Opens the stream `name` for appending.
    ///
    /// # Errors
    /// [`StorageError::Io`] of kind `AlreadyExists` or `NotFound` where `mode` is not met, and [`StorageError::Locked`] if
    /// another handle appends to it.
    fn open(&self, name: &str, mode: OpenMode) -> StorageResult<Box<dyn StorageBackend>>;

    /// Opens the stream `name` for reading, beside its appender if it has one. Takes no lock and writes nothing.
    ///
    /// # Errors
    /// [`StorageError::Io`] of kind `NotFound` if there is no such stream.
    fn open_reader(&self, name: &str) -> StorageResult<Arc<dyn StorageReader>>;

    /// The names of all streams, sorted.
    ///
    /// # Errors
    /// [`StorageError::Io`] if the medium cannot say; never a part of the names.
    fn list(&self) -> StorageResult<Vec<String>>;

    /// Removes the stream `name`. A crash may undo it until [`sync`](Self::sync).
    ///
    /// # Errors
    /// [`StorageError::Io`] of kind `NotFound` if there is no such stream.
    fn remove(&self, name: &str) -> StorageResult<()>;

    /// Puts a small stream of exactly `data` in the place of `name`, or makes it: after a crash the old content is there or
    /// the new one, and the new one once this has returned.
    ///
    /// # Errors
    /// If [`StorageError::is_full`] holds, the old content is still there and will stay. After any other error it is unknown
    /// which of the two a crash would leave; where the directory itself could not be synced, this directory answers
    /// [`StorageError::Poisoned`] to `replace` and `sync` from then on.
    fn replace(&self, name: &str, data: &[u8]) -> StorageResult<()>;

    /// Takes the lock `name` for this holder, without waiting. It is given back when the guard is dropped, or when the
    /// process dies. The name is that of a stream of its own, which [`list`](Self::list) may show.
    ///
    /// # Errors
    /// [`StorageError::Locked`], naming the holder, if it is taken.
    fn lock(&self, name: &str) -> StorageResult<DirectoryLock>;

    /// Makes every creation and removal so far durable.
    ///
    /// # Errors
    /// If the sync failed, the directory is poisoned for `replace` and `sync`.
    fn sync(&self) -> StorageResult<()>;
}

/// Holds a [`Directory::lock`] until it is dropped.
#[must_use = "the lock is given back when the guard is dropped"]
pub struct DirectoryLock {
    _guard: Box<dyn std::any::Any + Send + Sync>,
}

impl DirectoryLock {
    /// Wraps whatever gives the lock back when it is dropped.
    pub fn new(guard: impl Send + Sync + 'static) -> Self {
        Self {
            _guard: Box::new(guard),
        }
    }
}

impl std::fmt::Debug for DirectoryLock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DirectoryLock")
    }
}

/// Checks a stream's name against `[a-z0-9._-]{1,64}`; `.` and `..` are not names either.
///
/// # Errors
/// [`StorageError::Io`] of kind `InvalidInput`, saying what a name may be.
pub fn check_name(name: &str) -> StorageResult<()> {
    let legal =
        |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-');
    if name.is_empty()
        || name.len() > NAME_LEN_MAX
        || !name.bytes().all(legal)
        || name == "."
        || name == ".."
    {
        return Err(StorageError::Io(std::io::Error::new(
            std::io::ErrorKind::InvalidInput,
            format!(
                "{name:?} is no stream name: use 1 to {NAME_LEN_MAX} of a-z, 0-9, '.', '_' and '-'"
            ),
        )));
    }
    Ok(())
}

impl<D: Directory + ?Sized> Directory for Arc<D> {
    fn open(&self, name: &str, mode: OpenMode) -> StorageResult<Box<dyn StorageBackend>> {
        (**self).open(name, mode)
    }

    fn open_reader(&self, name: &str) -> StorageResult<Arc<dyn StorageReader>> {
        (**self).open_reader(name)
    }

    fn list(&self) -> StorageResult<Vec<String>> {
        (**self).list()
    }

    fn remove(&self, name: &str) -> StorageResult<()> {
        (**self).remove(name)
    }

    fn replace(&self, name: &str, data: &[u8]) -> StorageResult<()> {
        (**self).replace(name, data)
    }

    fn lock(&self, name: &str) -> StorageResult<DirectoryLock> {
        (**self).lock(name)
    }

    fn sync(&self) -> StorageResult<()> {
        (**self).sync()
    }
}
