//! The simulated disk, with every operation that changes it a step of the schedule: others get their turn before it. Whoever
//! changes it has to have the lock.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use entidb_storage::{
    Capabilities, Directory, DirectoryLock, OpenMode, StorageBackend, StorageReader, StorageResult,
};
use entidb_testkit::SimDisk;

/// The disk of a program. Its own lock is never held while another thread gets its turn.
#[derive(Clone)]
pub(super) struct Disk {
    pub(super) disk: SimDisk,
    locked: Locked,
}

/// Whether somebody has the lock.
#[derive(Clone, Default)]
struct Locked(Arc<AtomicBool>);

impl Locked {
    /// Before a change: lets other threads get their turn.
    fn step(&self) {
        shuttle::thread::sleep(std::time::Duration::ZERO);
        let locked = self.0.load(Ordering::Relaxed);
        assert!(locked, "the disk is changed by one who has no lock");
    }
}

/// The lock, held.
struct Held(Option<DirectoryLock>, Locked);

impl Drop for Held {
    fn drop(&mut self) {
        self.1.0.store(false, Ordering::Relaxed);
        drop(self.0.take());
    }
}

impl Disk {
    pub(super) fn new(disk: SimDisk) -> Self {
        Self {
            disk,
            locked: Locked::default(),
        }
    }
}

impl Directory for Disk {
    fn open(&self, name: &str, mode: OpenMode) -> StorageResult<Box<dyn StorageBackend>> {
        self.locked.step();
        let backend = self.disk.open(name, mode)?;
        Ok(Box::new(Appender(backend, self.locked.clone())))
    }

    fn open_reader(&self, name: &str) -> StorageResult<Arc<dyn StorageReader>> {
        self.disk.open_reader(name)
    }

    fn list(&self) -> StorageResult<Vec<String>> {
        self.disk.list()
    }

    fn remove(&self, name: &str) -> StorageResult<()> {
        self.locked.step();
        self.disk.remove(name)
    }

    fn replace(&self, name: &str, data: &[u8]) -> StorageResult<()> {
        self.locked.step();
        self.disk.replace(name, data)
    }

    fn lock(&self, name: &str) -> StorageResult<DirectoryLock> {
        let lock = self.disk.lock(name)?;
        self.locked.0.store(true, Ordering::Relaxed);
        Ok(DirectoryLock::new(Held(Some(lock), self.locked.clone())))
    }

    fn sync(&self) -> StorageResult<()> {
        self.locked.step();
        self.disk.sync()
    }
}

struct Appender(Box<dyn StorageBackend>, Locked);

impl StorageBackend for Appender {
    fn read_at(&self, offset: u64, len: usize) -> StorageResult<Vec<u8>> {
        self.0.read_at(offset, len)
    }

    fn append(&mut self, data: &[u8]) -> StorageResult<u64> {
        self.append_vectored(&[data])
    }

    fn append_vectored(&mut self, parts: &[&[u8]]) -> StorageResult<u64> {
        self.1.step();
        self.0.append_vectored(parts)
    }

    fn flush(&mut self) -> StorageResult<()> {
        self.1.step();
        self.0.flush()
    }

    fn size(&self) -> StorageResult<u64> {
        self.0.size()
    }

    fn sync(&mut self) -> StorageResult<()> {
        self.1.step();
        self.0.sync()
    }

    fn truncate(&mut self, new_size: u64) -> StorageResult<()> {
        self.1.step();
        self.0.truncate(new_size)
    }

    fn reserve(&mut self, additional: u64) -> StorageResult<()> {
        self.0.reserve(additional)
    }

    fn reader(&self) -> Option<Arc<dyn StorageReader>> {
        self.0.reader()
    }

    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    fn close(&mut self) -> StorageResult<()> {
        self.1.step();
        self.0.close()
    }
}
