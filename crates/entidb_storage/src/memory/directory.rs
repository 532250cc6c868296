//! Named streams in memory.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use super::{InMemoryBackend, Shared};
use crate::{
    Directory, DirectoryLock, OpenMode, StorageBackend, StorageError, StorageReader, StorageResult,
    check_name,
};

/// A set of named streams in memory, gone when the last clone of it is.
///
/// Clones are the same directory: what one makes, all see. Dropping every backend and opening the streams again through a
/// clone is what a restart without a crash looks like.
#[derive(Clone, Default)]
pub struct MemoryDirectory {
    streams: Arc<Mutex<BTreeMap<String, Stream>>>,
}

#[derive(Clone, Default)]
struct Stream {
    bytes: Shared,
    /// Whether somebody appends to this stream or holds it as a lock.
    held: Arc<AtomicBool>,
}

/// Gives the right to append back when it is dropped.
pub(super) struct Appender(Arc<AtomicBool>);

impl Drop for Appender {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

impl Stream {
    fn hold(&self) -> StorageResult<Appender> {
        if self.held.swap(true, Ordering::Acquire) {
            return Err(StorageError::Locked {
                holder: format!("this process ({})", std::process::id()),
            });
        }
        Ok(Appender(Arc::clone(&self.held)))
    }
}

impl MemoryDirectory {
    /// An empty directory.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    // A panic while the lock was held cannot have left half a change: every change is one call on the map.
    fn streams(&self) -> MutexGuard<'_, BTreeMap<String, Stream>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for MemoryDirectory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map()
            .entries(
                self.streams()
                    .iter()
                    .map(|(name, stream)| (name, stream.bytes.size())),
            )
            .finish()
    }
}

impl Directory for MemoryDirectory {
    fn open(&self, name: &str, mode: OpenMode) -> StorageResult<Box<dyn StorageBackend>> {
        check_name(name)?;
        let mut streams = self.streams();
        let stream = match (streams.get(name), mode) {
            (Some(stream), OpenMode::Existing) => stream.clone(),
            (None, OpenMode::CreateNew) => streams.entry(name.to_owned()).or_default().clone(),
            (Some(_), OpenMode::CreateNew) => {
                return Err(error(
                    io::ErrorKind::AlreadyExists,
                    name,
                    "there is a stream of this name already",
                ));
            }
            (None, OpenMode::Existing) => return Err(missing(name)),
        };
        Ok(Box::new(InMemoryBackend {
            appender: Some(stream.hold()?),
            bytes: stream.bytes,
            closed: false,
        }))
    }

    fn open_reader(&self, name: &str) -> StorageResult<Arc<dyn StorageReader>> {
        check_name(name)?;
        let stream = self
            .streams()
            .get(name)
            .cloned()
            .ok_or_else(|| missing(name))?;
        Ok(Arc::new(stream.bytes))
    }

    fn list(&self) -> StorageResult<Vec<String>> {
        Ok(self.streams().keys().cloned().collect())
    }

    fn remove(&self, name: &str) -> StorageResult<()> {
        check_name(name)?;
        self.streams()
            .remove(name)
            .map(drop)
            .ok_or_else(|| missing(name))
    }

    fn replace(&self, name: &str, data: &[u8]) -> StorageResult<()> {
        check_name(name)?;
        // A new stream, not new bytes in the old one: who has the old one open goes on reading it.
        let stream = Stream {
            bytes: Shared(Arc::new(RwLock::new(data.to_vec()))),
            ..Stream::default()
        };
        self.streams().insert(name.to_owned(), stream);
        Ok(())
    }

    fn lock(&self, name: &str) -> StorageResult<DirectoryLock> {
        check_name(name)?;
        let stream = self.streams().entry(name.to_owned()).or_default().clone();
        let guard = stream.hold()?;
        stream.bytes.write(|bytes| {
            bytes.clear();
            bytes.extend_from_slice(format!("{}\n", std::process::id()).as_bytes());
        });
        Ok(DirectoryLock::new(guard))
    }

    fn sync(&self) -> StorageResult<()> {
        Ok(())
    }
}

fn missing(name: &str) -> StorageError {
    error(io::ErrorKind::NotFound, name, "there is no such stream")
}

fn error(kind: io::ErrorKind, name: &str, what: &str) -> StorageError {
    StorageError::Io(io::Error::new(kind, format!("{name}: {what}")))
}
