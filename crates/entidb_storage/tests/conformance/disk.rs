//! A durable backend on a simulated disk, with every hook of the suite; and with one lie, if it is told to.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use entidb_storage::conformance::{Fault, Loss, Subject};
use entidb_storage::{
    Capabilities, Durability, StorageBackend, StorageError, StorageReader, StorageResult,
};

use crate::disk_lies::Lie::{self, *};

/// One stream: what its handle, the operating system and the disk have of it.
#[derive(Default, Clone)]
struct State {
    buffer: Vec<u8>,
    cache: Vec<u8>,
    disk: Vec<u8>,
    name_durable: bool,
    held: bool,
    fault: Option<Fault>,
    calls: u64,
    broken: bool,
}

type Shared = Arc<Mutex<State>>;

#[derive(Default)]
pub(crate) struct Disks {
    lie: Lie,
    last: Shared,
}

impl Disks {
    fn open(&self, state: &Shared, made: bool) -> StorageResult<Box<dyn StorageBackend>> {
        let mut locked = state.lock().unwrap();
        if locked.held && self.lie != SecondAppenderIsAllowed {
            return Err(StorageError::Locked {
                holder: "this process".to_owned(),
            });
        }
        locked.held = true;
        if self.lie == OpenLosesTheLast {
            let kept = locked.cache.len().saturating_sub(8);
            locked.cache.truncate(kept);
        }
        Ok(Box::new(Disk {
            state: Arc::clone(state),
            named: self.lie == NameIsSyncedOnlyByItsMaker && !made,
            lie: self.lie,
            poisoned: false,
            closed: false,
        }))
    }
}

impl Disks {
    pub(crate) fn lying(lie: Lie) -> Self {
        Self {
            lie,
            ..Self::default()
        }
    }
}

impl Subject<dyn StorageBackend> for Disks {
    fn fresh(&mut self) -> StorageResult<Box<dyn StorageBackend>> {
        self.last = Shared::default();
        self.open(&self.last, true)
    }

    fn reopen(&mut self) -> Option<StorageResult<Box<dyn StorageBackend>>> {
        Some(self.open(&self.last, false))
    }

    fn after(&mut self, loss: Loss) -> Option<StorageResult<Box<dyn StorageBackend>>> {
        let now = self.last.lock().unwrap().clone();
        if loss == Loss::Power && !now.name_durable {
            return Some(Err(io::Error::from(io::ErrorKind::NotFound).into()));
        }
        let left = match loss {
            Loss::Process => now.cache,
            Loss::Power => now.disk,
        };
        let state = State {
            cache: left.clone(),
            disk: left,
            ..State::default()
        };
        Some(Disks::default().open(&Arc::new(Mutex::new(state)), false))
    }

    fn inject(&mut self, fault: Fault) -> bool {
        self.last.lock().unwrap().fault = Some(fault);
        true
    }

    fn mend(&mut self) {
        self.last.lock().unwrap().fault = None;
    }
}

struct Disk {
    state: Shared,
    lie: Lie,
    /// Whether this handle has made the name durable.
    named: bool,
    poisoned: bool,
    closed: bool,
}

fn full(lie: Lie) -> StorageError {
    let kind = match lie {
        FullIsAnotherError => io::ErrorKind::Other,
        _ => io::ErrorKind::StorageFull,
    };
    io::Error::from(kind).into()
}

impl State {
    fn size(&self) -> u64 {
        (self.cache.len() + self.buffer.len()) as u64
    }

    fn read_at(&self, offset: u64, len: usize) -> StorageResult<Vec<u8>> {
        let size = self.size();
        let past = StorageError::ReadPastEnd { offset, len, size };
        if offset.checked_add(len as u64).is_none_or(|end| end > size) {
            return Err(past);
        }
        let start = usize::try_from(offset).unwrap();
        let in_cache = self.cache.len().saturating_sub(start).min(len);
        let mut bytes = Vec::with_capacity(len);
        if in_cache > 0 {
            bytes.extend(&self.cache[start..start + in_cache]);
        }
        let start = start.saturating_sub(self.cache.len());
        bytes.extend(&self.buffer[start..start + len - in_cache]);
        Ok(bytes)
    }

    /// One call of the operating system: writes some of it.
    fn write_some(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.calls += 1;
        let len = match self.fault {
            Some(Fault::Full) => return Err(io::ErrorKind::StorageFull.into()),
            Some(Fault::Interruptions) if self.calls.is_multiple_of(2) => {
                return Err(io::ErrorKind::Interrupted.into());
            }
            Some(Fault::Interruptions) => bytes.len().div_ceil(2),
            _ => bytes.len(),
        };
        self.cache.extend(&bytes[..len]);
        Ok(len)
    }

    fn write(&mut self, lie: Lie) -> StorageResult<()> {
        while !self.buffer.is_empty() {
            let buffer = std::mem::take(&mut self.buffer);
            match self.write_some(&buffer) {
                Ok(_) if lie == ShortWriteIsTheEnd => {}
                Ok(len) => self.buffer = buffer[len..].to_vec(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => self.buffer = buffer,
                Err(_) => {
                    if lie != FailedWriteDropsTheRest {
                        self.buffer = buffer;
                    }
                    self.broken = lie == FullIsForEver;
                    return Err(full(lie));
                }
            }
        }
        Ok(())
    }
}

impl Disk {
    fn state(&self) -> StorageResult<MutexGuard<'_, State>> {
        match self.closed {
            true => Err(StorageError::Closed),
            false => Ok(self.state.lock().unwrap()),
        }
    }

    fn check(&self) -> StorageResult<MutexGuard<'_, State>> {
        let state = self.state()?;
        if self.poisoned && self.lie != PoisonIsForgotten {
            return Err(StorageError::Poisoned);
        }
        if state.broken {
            return Err(io::Error::other("was full once").into());
        }
        Ok(state)
    }

    fn sync_disk(&mut self) -> StorageResult<()> {
        let mut state = self.state.lock().unwrap();
        if state.fault == Some(Fault::Sync) {
            if self.lie == FailedSyncIsSuccess {
                return Ok(());
            }
            if self.lie == FailedSyncLosesReads {
                state.cache.clear();
            }
            drop(state);
            self.poisoned = true;
            return Err(io::Error::other("sync failed").into());
        }
        state.disk = state.cache.clone();
        if !self.named && self.lie != NameIsNotSynced {
            state.name_durable = true;
        }
        drop(state);
        self.named = true;
        Ok(())
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let mut state = self.state.lock().unwrap();
        match self.lie {
            DropLoses => state.buffer.clear(),
            _ => state.write(Honest).unwrap_or(()),
        }
        if !self.closed && self.lie != LockIsKept {
            state.held = false;
        }
    }
}

impl StorageBackend for Disk {
    fn read_at(&self, offset: u64, len: usize) -> StorageResult<Vec<u8>> {
        self.state()?.read_at(offset, len)
    }

    fn append(&mut self, data: &[u8]) -> StorageResult<u64> {
        if self.closed && self.lie == ClosedAppends {
            return Ok(self.state.lock().unwrap().size());
        }
        let mut state = self.check()?;
        let offset = state.size();
        if state.fault == Some(Fault::Full) && data.len() > 600_000 {
            if self.lie == FailedAppendLeavesAPart {
                state.buffer.extend(&data[..1000]);
            }
            return Err(full(self.lie));
        }
        state.buffer.extend(data);
        if self.lie == AppendSpoilsWhatIsFlushed && !state.disk.is_empty() {
            let last = state.disk.len() - 1;
            state.disk[last] ^= 1;
        }
        Ok(offset)
    }

    fn flush(&mut self) -> StorageResult<()> {
        if matches!(self.lie, FlushIsNothing | DropLoses) {
            return self.check().map(drop);
        }
        self.check()?.write(self.lie)?;
        if self.lie == FlushReachesTheCacheOnly {
            return Ok(());
        }
        self.sync_disk()
    }

    fn size(&self) -> StorageResult<u64> {
        Ok(self.state()?.size())
    }

    fn sync(&mut self) -> StorageResult<()> {
        match self.lie {
            SyncIsNothing => self.check().map(drop),
            SyncReachesTheCacheOnly => self.check()?.write(self.lie),
            _ => self.flush(),
        }
    }

    fn truncate(&mut self, new_size: u64) -> StorageResult<()> {
        let mut state = self.check()?;
        let size = state.size();
        if new_size > size {
            return Err(io::Error::from(io::ErrorKind::InvalidInput).into());
        }
        let len = usize::try_from(new_size).unwrap();
        if let Some(in_buffer) = len.checked_sub(state.cache.len()) {
            state.buffer.truncate(in_buffer);
            return Ok(());
        }
        if self.lie == CutIsInTheHandleOnly {
            // The old bytes go with the next write, or not.
            state.buffer.clear();
            let cut = state.cache.len() - len;
            state.cache.truncate(len);
            state.disk = [&state.cache[..], &vec![0; cut]].concat();
            return Ok(());
        }
        state.buffer.clear();
        state.cache.truncate(len);
        drop(state);
        if self.lie == CutIsNotSynced {
            return Ok(());
        }
        self.sync_disk()
    }

    fn reserve(&mut self, _: u64) -> StorageResult<()> {
        self.check().map(drop)
    }

    fn reader(&self) -> Option<Arc<dyn StorageReader>> {
        (!self.closed).then(|| Arc::new(Reader(Arc::clone(&self.state))) as _)
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::default();
        capabilities.durability = Durability::PowerLoss;
        capabilities
    }

    fn close(&mut self) -> StorageResult<()> {
        let flushed = match self.lie {
            CloseForgetsToFlush => {
                self.check()?.buffer.clear();
                Ok(())
            }
            _ => self.flush(),
        };
        self.state()?.held = self.lie == LockIsKept;
        self.closed = true;
        flushed
    }
}

struct Reader(Shared);

impl StorageReader for Reader {
    fn read_at(&self, offset: u64, len: usize) -> StorageResult<Vec<u8>> {
        self.0.lock().unwrap().read_at(offset, len)
    }

    fn size(&self) -> StorageResult<u64> {
        Ok(self.0.lock().unwrap().size())
    }
}
