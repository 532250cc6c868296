//! The disk as a directory of named streams.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use entidb_storage::{
    Directory, DirectoryLock, OpenMode, StorageBackend, StorageError, StorageReader, StorageResult,
    check_name,
};

use super::file::File;
use super::handle::SimBackend;
use super::reader::SimReader;
use super::state::FileId;
use super::{Inner, SimDisk, io_error};
use crate::fault::{Fault, Op};
use crate::mutant::Mutant;

impl SimDisk {
    /// Runs one call of the contract, and notes it in the trace.
    fn run<T>(
        &self,
        name: &str,
        call: impl FnOnce(&mut Inner) -> StorageResult<T>,
        line: impl FnOnce() -> String,
    ) -> StorageResult<T> {
        check_name(name)?;
        let mut inner = self.lock();
        let result = call(&mut inner);
        inner.line(&result, line);
        result
    }

    fn healthy(&self) -> StorageResult<()> {
        if self.poisoned.load(Ordering::Acquire) {
            return Err(StorageError::Poisoned);
        }
        Ok(())
    }

    fn sync_names(&self, inner: &mut Inner, which: impl Fn(&str) -> bool) -> StorageResult<()> {
        if let Some(fault) = inner.begin(Op::DirectorySync) {
            self.poisoned.store(true, Ordering::Release);
            inner.state.name_sync_failed(|name, _| which(name));
            // Also for want of room: that would say that the names are what they were.
            let fault = match fault {
                Fault::Full => Fault::Io,
                fault => fault,
            };
            return Err(fault.error(Op::DirectorySync));
        }
        inner.state.names_synced(|name, _| which(name));
        Ok(())
    }
}

impl Directory for SimDisk {
    fn open(&self, name: &str, mode: OpenMode) -> StorageResult<Box<dyn StorageBackend>> {
        let open = |inner: &mut Inner| {
            let found = inner.state.find(name);
            let file = match (found, mode) {
                (Some(file), OpenMode::Existing) => {
                    inner.check(Op::Open)?;
                    file
                }
                (None, OpenMode::CreateNew) => {
                    inner.check(Op::Create)?;
                    let file = inner.state.add_file(File::durable(Arc::default()));
                    inner.state.bind(name, Some(file));
                    file
                }
                (Some(_), OpenMode::CreateNew) => {
                    let message = format!("{name}: there is a stream of this name already");
                    return Err(io_error(io::ErrorKind::AlreadyExists, message));
                }
                (None, OpenMode::Existing) => return Err(missing(name)),
            };
            inner.hold(file)?;
            Ok(file)
        };
        let line = || match mode {
            OpenMode::CreateNew => format!("create {name}"),
            OpenMode::Existing => format!("open {name}"),
        };
        let file = self.run(name, open, line)?;
        Ok(Box::new(SimBackend::new(self.clone(), file, name.into())))
    }

    fn open_reader(&self, name: &str) -> StorageResult<Arc<dyn StorageReader>> {
        check_name(name)?;
        let mut inner = self.lock();
        let file = inner.state.find(name).ok_or_else(|| missing(name))?;
        inner.check(Op::OpenReader)?;
        Ok(Arc::new(SimReader {
            disk: self.clone(),
            file,
        }))
    }

    fn list(&self) -> StorageResult<Vec<String>> {
        let mut inner = self.lock();
        inner.check(Op::List)?;
        let names = inner.state.visible();
        Ok(names.map(|(name, _)| name.to_string()).collect())
    }

    fn remove(&self, name: &str) -> StorageResult<()> {
        let remove = |inner: &mut Inner| {
            inner.state.find(name).ok_or_else(|| missing(name))?;
            inner.check(Op::Remove)?;
            inner.state.bind(name, None);
            Ok(())
        };
        self.run(name, remove, || format!("remove {name}"))
    }

    fn replace(&self, name: &str, data: &[u8]) -> StorageResult<()> {
        let replace = |inner: &mut Inner| {
            self.healthy()?;
            inner.check(Op::Replace)?;
            if inner.state.room().is_some_and(|room| room < data.len()) {
                return Err(Fault::Full.error(Op::Replace));
            }
            // The new file's bytes are synced before it takes the name, so that a crash finds the old ones or these.
            let new = File::durable(Arc::new(data.to_vec()));
            let new = inner.state.add_file(new);
            inner.state.bind(name, Some(new));
            inner.note_point();
            if inner.state.mutant == Some(Mutant::ReplaceNotSynced) {
                return Ok(());
            }
            self.sync_names(inner, |other| other == name)
        };
        self.run(name, replace, || format!("replace {name} {}", data.len()))
    }

    fn lock(&self, name: &str) -> StorageResult<DirectoryLock> {
        let lock = |inner: &mut Inner| {
            inner.check(Op::Lock)?;
            let file = inner.state.find(name).unwrap_or_else(|| {
                let file = inner.state.add_file(File::lock());
                inner.state.bind(name, Some(file));
                file
            });
            inner.hold(file)?;
            Ok(file)
        };
        let file = self.run(name, lock, || format!("lock {name}"))?;
        Ok(DirectoryLock::new(HeldLock {
            disk: self.clone(),
            file,
        }))
    }

    fn sync(&self) -> StorageResult<()> {
        let mut inner = self.lock();
        let result = self
            .healthy()
            .and_then(|()| self.sync_names(&mut inner, |_| true));
        inner.line(&result, || "dirsync".to_owned());
        result
    }
}

/// Unlocks when it is dropped.
struct HeldLock {
    disk: SimDisk,
    file: FileId,
}

impl Drop for HeldLock {
    fn drop(&mut self) {
        self.disk.lock().held.remove(&self.file);
    }
}

fn missing(name: &str) -> StorageError {
    io_error(
        io::ErrorKind::NotFound,
        format!("{name}: there is no such stream"),
    )
}
