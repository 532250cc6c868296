//! A directory made of anybody's backends: six methods carry a whole database.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, Weak,
};

use bytes::Bytes;

use crate::{
    Capabilities, Directory, DirectoryLock, OpenMode, StorageBackend, StorageError, StorageReader,
    StorageResult, check_name,
};

/// What [`FactoryDirectory`] needs to know of a store: how a stream of it is opened, and what a single stream cannot do.
///
/// Names reach it checked. It need not know of handles or locks: each stream is opened once at a time.
pub trait StreamFactory: Send + Sync {
    /// Opens the stream `name` behind its last byte, or makes it empty if it is not there.
    ///
    /// # Errors
    /// [`StorageError::Io`] if it cannot be opened.
    fn open(&self, name: &str) -> StorageResult<Box<dyn StorageBackend>>;

    /// The names of all streams, in any order.
    ///
    /// # Errors
    /// [`StorageError::Io`] if the store cannot say; never a part of the names.
    fn list(&self) -> StorageResult<Vec<String>>;

    /// Removes the stream `name`, which is there. A crash may undo it.
    ///
    /// A backend that was opened before goes on reading what it had.
    ///
    /// # Errors
    /// [`StorageError::Io`], after which the stream is still there.
    fn remove(&self, name: &str) -> StorageResult<()>;

    /// Puts a stream of exactly `data` in the place of `name`, or makes it, all or nothing, durable when this returns.
    ///
    /// # Errors
    /// As for [`Directory::replace`].
    fn replace(&self, name: &str, data: &[u8]) -> StorageResult<()>;

    /// Makes removals durable.
    ///
    /// # Errors
    /// [`StorageError::Io`] if that failed.
    fn sync(&self) -> StorageResult<()>;
}

/// A [`Directory`] over a [`StreamFactory`], so that a backend of six methods carries a whole database.
///
/// A backend without a read handle of its own is read under a lock that its appender shares. Locks, of the directory and of
/// appenders, hold within this process and this value: a store that several processes reach has to keep them apart itself.
pub struct FactoryDirectory<F> {
    factory: F,
    open: Mutex<BTreeMap<String, Weak<Shared>>>,
    locks: Arc<Mutex<Vec<String>>>,
}

impl<F: StreamFactory> FactoryDirectory<F> {
    /// The directory of the factory's streams.
    pub fn new(factory: F) -> Self {
        Self {
            factory,
            open: Mutex::default(),
            locks: Arc::default(),
        }
    }

    /// The factory.
    pub fn factory(&self) -> &F {
        &self.factory
    }

    fn exists(&self, name: &str) -> StorageResult<bool> {
        Ok(self.factory.list()?.iter().any(|known| known == name))
    }

    /// The stream, opened once for all its handles.
    fn shared(
        &self,
        open: &mut BTreeMap<String, Weak<Shared>>,
        name: &str,
    ) -> StorageResult<Arc<Shared>> {
        if let Some(shared) = open.get(name).and_then(Weak::upgrade) {
            return Ok(shared);
        }
        let shared = Arc::new(Shared {
            backend: RwLock::new(self.factory.open(name)?),
            appending: AtomicBool::new(false),
        });
        open.retain(|_, shared| shared.strong_count() > 0);
        open.insert(name.to_owned(), Arc::downgrade(&shared));
        Ok(shared)
    }
}

impl<F> std::fmt::Debug for FactoryDirectory<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FactoryDirectory")
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Every change under these locks is one call on a collection, so that a panic leaves none half done.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn error(kind: io::ErrorKind, name: &str, what: &str) -> StorageError {
    StorageError::Io(io::Error::new(kind, format!("{name}: {what}")))
}

fn locked() -> StorageError {
    StorageError::Locked {
        holder: format!("this process ({})", std::process::id()),
    }
}

impl<F: StreamFactory> Directory for FactoryDirectory<F> {
    fn open(&self, name: &str, mode: OpenMode) -> StorageResult<Box<dyn StorageBackend>> {
        check_name(name)?;
        let mut open = lock(&self.open);
        match (self.exists(name)?, mode) {
            (true, OpenMode::CreateNew) => {
                return Err(error(
                    io::ErrorKind::AlreadyExists,
                    name,
                    "there is a stream of this name already",
                ));
            }
            (false, OpenMode::Existing) => {
                return Err(error(
                    io::ErrorKind::NotFound,
                    name,
                    "there is no such stream",
                ));
            }
            (false, OpenMode::CreateNew) => {
                // What was removed may still be open elsewhere; this is another stream.
                open.remove(name);
            }
            (true, OpenMode::Existing) => {}
        }
        let shared = self.shared(&mut open, name)?;
        if shared.appending.swap(true, Ordering::Acquire) {
            return Err(locked());
        }
        Ok(Box::new(Appender {
            shared,
            closed: false,
        }))
    }

    fn open_reader(&self, name: &str) -> StorageResult<Arc<dyn StorageReader>> {
        check_name(name)?;
        let mut open = lock(&self.open);
        if !self.exists(name)? {
            return Err(error(
                io::ErrorKind::NotFound,
                name,
                "there is no such stream",
            ));
        }
        let shared = self.shared(&mut open, name)?;
        Ok(shared)
    }

    fn list(&self) -> StorageResult<Vec<String>> {
        let mut names = self.factory.list()?;
        names.sort();
        names.dedup();
        Ok(names)
    }

    fn remove(&self, name: &str) -> StorageResult<()> {
        check_name(name)?;
        let mut open = lock(&self.open);
        if !self.exists(name)? {
            return Err(error(
                io::ErrorKind::NotFound,
                name,
                "there is no such stream",
            ));
        }
        self.factory.remove(name)?;
        open.remove(name);
        Ok(())
    }

    fn replace(&self, name: &str, data: &[u8]) -> StorageResult<()> {
        check_name(name)?;
        let mut open = lock(&self.open);
        // Who has the old content open goes on reading that.
        open.remove(name);
        self.factory.replace(name, data)
    }

    fn lock(&self, name: &str) -> StorageResult<DirectoryLock> {
        check_name(name)?;
        let mut locks = lock(&self.locks);
        if locks.iter().any(|held| held == name) {
            return Err(locked());
        }
        locks.push(name.to_owned());
        Ok(DirectoryLock::new(Held {
            locks: Arc::clone(&self.locks),
            name: name.to_owned(),
        }))
    }

    fn sync(&self) -> StorageResult<()> {
        self.factory.sync()
    }
}

/// A lock that is held.
struct Held {
    locks: Arc<Mutex<Vec<String>>>,
    name: String,
}

impl Drop for Held {
    fn drop(&mut self) {
        lock(&self.locks).retain(|held| *held != self.name);
    }
}

/// One open stream, for its appender and all its readers.
struct Shared {
    backend: RwLock<Box<dyn StorageBackend>>,
    appending: AtomicBool,
}

impl Shared {
    // A backend that panicked keeps its own promises or does not; a lock cannot tell.
    fn read(&self) -> RwLockReadGuard<'_, Box<dyn StorageBackend>> {
        self.backend.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Box<dyn StorageBackend>> {
        self.backend.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StorageReader for Shared {
    fn read_at(&self, offset: u64, len: usize) -> StorageResult<Vec<u8>> {
        self.read().read_at(offset, len)
    }

    fn size(&self) -> StorageResult<u64> {
        self.read().size()
    }

    fn read_into(&self, offset: u64, buf: &mut [u8]) -> StorageResult<()> {
        self.read().read_into(offset, buf)
    }

    fn read_bytes(&self, offset: u64, len: usize) -> StorageResult<Bytes> {
        self.read().read_bytes(offset, len)
    }
}

/// The one handle that appends.
struct Appender {
    shared: Arc<Shared>,
    closed: bool,
}

impl Appender {
    fn backend(&self) -> StorageResult<RwLockReadGuard<'_, Box<dyn StorageBackend>>> {
        match self.closed {
            true => Err(StorageError::Closed),
            false => Ok(self.shared.read()),
        }
    }

    fn backend_mut(&self) -> StorageResult<RwLockWriteGuard<'_, Box<dyn StorageBackend>>> {
        match self.closed {
            true => Err(StorageError::Closed),
            false => Ok(self.shared.write()),
        }
    }
}

impl Drop for Appender {
    fn drop(&mut self) {
        // Closed, the right may be another's already.
        if self.closed {
            return;
        }
        self.shared.appending.store(false, Ordering::Release);
    }
}

#[warn(clippy::missing_trait_methods)]
impl StorageBackend for Appender {
    fn read_at(&self, offset: u64, len: usize) -> StorageResult<Vec<u8>> {
        self.backend()?.read_at(offset, len)
    }

    fn append(&mut self, data: &[u8]) -> StorageResult<u64> {
        self.backend_mut()?.append(data)
    }

    fn flush(&mut self) -> StorageResult<()> {
        self.backend_mut()?.flush()
    }

    fn size(&self) -> StorageResult<u64> {
        self.backend()?.size()
    }

    fn sync(&mut self) -> StorageResult<()> {
        self.backend_mut()?.sync()
    }

    fn truncate(&mut self, new_size: u64) -> StorageResult<()> {
        self.backend_mut()?.truncate(new_size)
    }

    fn read_into(&self, offset: u64, buf: &mut [u8]) -> StorageResult<()> {
        self.backend()?.read_into(offset, buf)
    }

    fn read_bytes(&self, offset: u64, len: usize) -> StorageResult<Bytes> {
        self.backend()?.read_bytes(offset, len)
    }

    fn append_vectored(&mut self, parts: &[&[u8]]) -> StorageResult<u64> {
        self.backend_mut()?.append_vectored(parts)
    }

    fn reserve(&mut self, additional: u64) -> StorageResult<()> {
        self.backend_mut()?.reserve(additional)
    }

    fn reader(&self) -> Option<Arc<dyn StorageReader>> {
        // The backend's own goes on while it is busy; the shared one waits for it.
        match self.shared.read().reader() {
            Some(reader) => Some(reader),
            None => Some(Arc::clone(&self.shared) as Arc<dyn StorageReader>),
        }
    }

    fn capabilities(&self) -> Capabilities {
        self.shared.read().capabilities()
    }

    /// Flushes, and lets the next handle append. The backend itself is closed with its last reader.
    fn close(&mut self) -> StorageResult<()> {
        let flushed = self.backend_mut()?.flush();
        self.closed = true;
        self.shared.appending.store(false, Ordering::Release);
        flushed
    }
}
