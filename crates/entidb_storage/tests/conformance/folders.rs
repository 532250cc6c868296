//! A directory over `MemoryDirectory` with a simulated disk below, with every hook of the suite; and with one lie, if it is
//! told to.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use entidb_storage::conformance::{Fault, Loss, Subject};
use entidb_storage::{
    Directory, DirectoryLock, MemoryDirectory, OpenMode, StorageBackend, StorageError,
    StorageReader, StorageResult, check_name,
};

use crate::folder_lies::Lie::{self, *};

/// What a power loss would leave.
type Durable = Arc<Mutex<BTreeMap<String, Vec<u8>>>>;

#[derive(Clone, Default)]
struct Folder {
    inner: MemoryDirectory,
    durable: Durable,
    full: Arc<AtomicBool>,
    lie: Lie,
}

#[derive(Default)]
pub(crate) struct Folders {
    lie: Lie,
    last: Folder,
}

impl Folders {
    pub(crate) fn lying(lie: Lie) -> Self {
        Self {
            lie,
            ..Self::default()
        }
    }
}

impl Subject<dyn Directory> for Folders {
    fn fresh(&mut self) -> StorageResult<Box<dyn Directory>> {
        self.last = Folder {
            lie: self.lie,
            ..Folder::default()
        };
        Ok(Box::new(self.last.clone()))
    }

    fn reopen(&mut self) -> Option<StorageResult<Box<dyn Directory>>> {
        if self.lie == OpenForgets {
            return Some(self.fresh());
        }
        Some(Ok(Box::new(self.last.clone())))
    }

    fn after(&mut self, loss: Loss) -> Option<StorageResult<Box<dyn Directory>>> {
        let left = MemoryDirectory::new();
        let inner = &self.last.inner;
        match loss {
            Loss::Power => {
                for (name, content) in &*self.last.durable.lock().unwrap() {
                    left.replace(name, content).unwrap();
                }
            }
            Loss::Process => {
                for name in inner.list().unwrap() {
                    let content = whole(inner, &name).unwrap();
                    left.replace(&name, &content).unwrap();
                }
                if self.lie == LockOutlivesItsHolder {
                    std::mem::forget(left.lock("lock").unwrap());
                }
            }
        }
        Some(Ok(Box::new(left)))
    }

    fn inject(&mut self, fault: Fault) -> bool {
        self.last
            .full
            .store(fault == Fault::Full, Ordering::Relaxed);
        fault == Fault::Full
    }

    fn mend(&mut self) {
        self.last.full.store(false, Ordering::Relaxed);
    }
}

fn whole(directory: &MemoryDirectory, name: &str) -> StorageResult<Vec<u8>> {
    let reader = directory.open_reader(name)?;
    reader.read_at(0, usize::try_from(reader.size()?).unwrap())
}

impl Folder {
    /// The name, or what a liar makes of it.
    fn name(&self, name: &str) -> String {
        match self.lie {
            NamesAreNotChecked if check_name(name).is_err() => "whatever".to_owned(),
            LongNamesAreCut => name[..name.len().min(64)].to_owned(),
            _ => name.to_owned(),
        }
    }

    fn settle(&self, name: &str) {
        let content = whole(&self.inner, name).unwrap_or_default();
        self.durable
            .lock()
            .unwrap()
            .insert(name.to_owned(), content);
    }

    fn in_place(&self, name: &str, data: &[u8], keep_tail: bool) -> StorageResult<()> {
        let mut data = data.to_vec();
        let Ok(old) = whole(&self.inner, name) else {
            return self.inner.replace(name, &data);
        };
        if keep_tail && old.len() > data.len() {
            data.extend(&old[data.len()..]);
            return self.inner.replace(name, &data);
        }
        // Below whoever has it open.
        match self.inner.open(name, OpenMode::Existing) {
            Ok(mut stream) => {
                stream.truncate(0)?;
                stream.append(&data).map(drop)
            }
            Err(_) => self.inner.replace(name, &data),
        }
    }
}

impl Directory for Folder {
    fn open(&self, name: &str, mode: OpenMode) -> StorageResult<Box<dyn StorageBackend>> {
        let name = &*self.name(name);
        let mode = match (self.lie, self.inner.open_reader(name).is_ok()) {
            (CreateNewOpensWhatIsThere, true) => OpenMode::Existing,
            (ExistingMakesWhatIsNot, false) => OpenMode::CreateNew,
            _ => mode,
        };
        let stream = match (self.lie, self.inner.open(name, mode)) {
            (SecondAppenderIsAllowed, Err(StorageError::Locked { .. })) => {
                MemoryDirectory::new().open(name, OpenMode::CreateNew)
            }
            (_, stream) => stream,
        }?;
        Ok(Box::new(Stream {
            inner: stream,
            folder: self.clone(),
            name: name.to_owned(),
        }))
    }

    fn open_reader(&self, name: &str) -> StorageResult<Arc<dyn StorageReader>> {
        let name = &*self.name(name);
        let reader = self.inner.open_reader(name)?;
        match self.lie {
            ReaderIsACopy => {
                let copy = MemoryDirectory::new();
                copy.replace(name, &whole(&self.inner, name)?)?;
                copy.open_reader(name)
            }
            ReaderGoesByName => Ok(Arc::new(ByName(self.inner.clone(), name.to_owned()))),
            _ => Ok(reader),
        }
    }

    fn list(&self) -> StorageResult<Vec<String>> {
        let mut names = self.inner.list()?;
        match self.lie {
            ListIsNotSorted => names.reverse(),
            ListMissesAName if names.len() > 5 => drop(names.remove(3)),
            ListShowsWhatIsNone if !names.is_empty() => names.push("~".to_owned()),
            LockMakesAnotherStream => names.push("lock.pid".to_owned()),
            _ => {}
        }
        Ok(names)
    }

    fn remove(&self, name: &str) -> StorageResult<()> {
        let name = &*self.name(name);
        if self.lie == RemovalIsNothing {
            return self.inner.open_reader(name).map(drop);
        }
        self.inner.remove(name)
    }

    fn replace(&self, name: &str, data: &[u8]) -> StorageResult<()> {
        let name = &*self.name(name);
        if self.full.load(Ordering::Relaxed) {
            if self.lie == FailedReplacementTakesTheOld {
                self.inner.replace(name, b"")?;
            }
            return Err(io::Error::from(io::ErrorKind::StorageFull).into());
        }
        match self.lie {
            ReplacementKeepsTheTail => self.in_place(name, data, true)?,
            ReplacementIsInPlace => self.in_place(name, data, false)?,
            ReplacementHasTwoSteps => {
                self.inner.replace(name, &data[..data.len() / 2])?;
                std::thread::sleep(std::time::Duration::from_millis(2));
                self.inner.replace(name, data)?;
            }
            ReplacementRemovesFirst => {
                let _ = self.inner.remove(name);
                std::thread::sleep(std::time::Duration::from_millis(2));
                self.inner.replace(name, data)?;
            }
            _ => self.inner.replace(name, data)?,
        }
        if self.lie != ReplacementIsNotSynced {
            self.settle(name);
        }
        Ok(())
    }

    fn lock(&self, name: &str) -> StorageResult<DirectoryLock> {
        let name = &*self.name(name);
        match (self.lie, self.inner.lock(name)) {
            (LockIsHeldTwice, Err(StorageError::Locked { .. })) => Ok(DirectoryLock::new(())),
            (RefusalNamesNobody, Err(StorageError::Locked { .. })) => Err(StorageError::Locked {
                holder: String::new(),
            }),
            (LockIsKept, Ok(lock)) => {
                std::mem::forget(lock);
                Ok(DirectoryLock::new(()))
            }
            (_, lock) => lock,
        }
    }

    fn sync(&self) -> StorageResult<()> {
        if self.lie != SyncIsNothing {
            let names = self.inner.list()?;
            let mut durable = self.durable.lock().unwrap();
            durable.retain(|name, _| names.contains(name));
        }
        Ok(())
    }
}

/// A stream whose flush reaches the simulated disk.
struct Stream {
    inner: Box<dyn StorageBackend>,
    folder: Folder,
    name: String,
}

impl StorageBackend for Stream {
    fn read_at(&self, offset: u64, len: usize) -> StorageResult<Vec<u8>> {
        self.inner.read_at(offset, len)
    }
    fn append(&mut self, data: &[u8]) -> StorageResult<u64> {
        self.inner.append(data)
    }
    fn flush(&mut self) -> StorageResult<()> {
        self.inner.flush()?;
        if self.folder.lie != NewNameNeedsASync {
            self.folder.settle(&self.name);
        }
        Ok(())
    }
    fn size(&self) -> StorageResult<u64> {
        self.inner.size()
    }
    fn sync(&mut self) -> StorageResult<()> {
        self.flush()
    }
    fn truncate(&mut self, new_size: u64) -> StorageResult<()> {
        self.inner.truncate(new_size)
    }
    fn reader(&self) -> Option<Arc<dyn StorageReader>> {
        self.inner.reader()
    }
    fn close(&mut self) -> StorageResult<()> {
        self.flush()?;
        self.inner.close()
    }
}

/// A reader that opens its stream at each read.
struct ByName(MemoryDirectory, String);

impl StorageReader for ByName {
    fn read_at(&self, offset: u64, len: usize) -> StorageResult<Vec<u8>> {
        self.0.open_reader(&self.1)?.read_at(offset, len)
    }
    fn size(&self) -> StorageResult<u64> {
        self.0.open_reader(&self.1)?.size()
    }
}
