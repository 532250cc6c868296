//! The handles of one stream, as the storage contract has them.

use std::sync::Arc;

use entidb_storage::{
    Capabilities, Durability, StorageBackend, StorageError, StorageReader, StorageResult,
};

use super::reader::{SimReader, read};
use super::state::FileId;
use super::{Inner, SimDisk};
use crate::fault::{Fault, Op};
use crate::mutant::Mutant;

/// The appender of one stream.
pub(super) struct SimBackend {
    disk: SimDisk,
    pub(super) file: FileId,
    name: Arc<str>,
    state: Handle,
    /// What a flush has still to make durable: at first, whatever a predecessor left.
    pub(super) unsynced: bool,
    /// Whether this handle has still to make the stream's name durable.
    entry_unsynced: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Handle {
    Open,
    Poisoned,
    Closed,
}

impl SimBackend {
    pub(super) fn new(disk: SimDisk, file: FileId, name: Arc<str>) -> Self {
        Self {
            disk,
            file,
            name,
            state: Handle::Open,
            unsynced: true,
            entry_unsynced: true,
        }
    }

    fn readable(&self) -> StorageResult<()> {
        match self.state {
            Handle::Closed => Err(StorageError::Closed),
            Handle::Open | Handle::Poisoned => Ok(()),
        }
    }

    fn writable(&self) -> StorageResult<()> {
        match self.state {
            Handle::Closed => Err(StorageError::Closed),
            Handle::Poisoned => Err(StorageError::Poisoned),
            Handle::Open => Ok(()),
        }
    }

    /// Runs one call of the contract, and notes it in the trace.
    fn run<T>(
        &mut self,
        call: impl FnOnce(&mut Self, &mut Inner) -> StorageResult<T>,
        line: impl FnOnce(&str) -> String,
    ) -> StorageResult<T> {
        self.writable()?;
        let disk = self.disk.clone();
        let mut inner = disk.lock();
        let result = call(self, &mut inner);
        inner.line(&result, || line(&self.name));
        result
    }

    /// Hands the buffer to the operating system: all of it, or as much as there is room for.
    fn write(&self, inner: &mut Inner) -> StorageResult<()> {
        let file = inner.file(self.file)?;
        let waiting = file.len() - file.handed;
        if waiting == 0 {
            return Ok(());
        }
        let set_aside = file.reserved.saturating_sub(file.handed);
        let fault = inner.begin(Op::Write);
        let room = inner.state.room().unwrap_or(usize::MAX);
        let room = room.saturating_add(set_aside);
        let (done, error) = match fault {
            Some(Fault::Short) => (waiting / 2, Some(Fault::Short.error(Op::Write))),
            Some(fault) => (0, Some(fault.error(Op::Write))),
            None if room < waiting => (room, Some(Fault::Full.error(Op::Write))),
            None => (waiting, None),
        };
        inner.file_mut(self.file)?.handed += done;
        error.map_or(Ok(()), Err)
    }

    /// Makes the stream's bytes durable. A failed sync is never repeated.
    pub(super) fn make_durable(&mut self, inner: &mut Inner, op: Op) -> StorageResult<()> {
        let mutant = inner.state.mutant;
        if let Some(fault) = inner.begin(op) {
            self.state = Handle::Poisoned;
            inner
                .file_mut(self.file)?
                .sync_failed(fault == Fault::Revert);
            return Err(fault.error(op));
        }
        inner.file_mut(self.file)?.synced(mutant);
        self.unsynced = false;
        Ok(())
    }

    fn sync_entry(&mut self, inner: &mut Inner) -> StorageResult<()> {
        if !self.entry_unsynced {
            return Ok(());
        }
        let file = self.file;
        if let Some(fault) = inner.begin(Op::DirectorySync) {
            self.state = Handle::Poisoned;
            let state = &mut inner.state;
            state.name_sync_failed(|_, name| name.now() == Some(file));
            return Err(fault.error(Op::DirectorySync));
        }
        if inner.state.mutant != Some(Mutant::NameNotSynced) {
            inner.state.names_synced(|_, name| name.now() == Some(file));
        }
        self.entry_unsynced = false;
        Ok(())
    }

    fn flush_as(&mut self, inner: &mut Inner, op: Op) -> StorageResult<()> {
        self.write(inner)?;
        if self.unsynced {
            self.make_durable(inner, op)?;
        }
        self.sync_entry(inner)
    }

    fn append_to(&mut self, inner: &mut Inner, parts: &[&[u8]]) -> StorageResult<u64> {
        let fault = inner.begin(Op::Append);
        let file = inner.file_mut(self.file)?;
        let start = file.len() as u64;
        let len: usize = parts.iter().map(|part| part.len()).sum();
        if let Some(fault) = fault {
            let data = parts.concat();
            match fault {
                Fault::Short => {
                    file.append_taken_back(&data[..len / 2]);
                    self.unsynced = true;
                }
                Fault::ShortStuck => {
                    file.append_taken_back(&data[..len / 2]);
                    self.state = Handle::Poisoned;
                }
                _ => {}
            }
            return Err(fault.error(Op::Append));
        }
        if len > 0 {
            file.append(parts);
            self.unsynced = true;
        }
        Ok(start)
    }

    fn let_go(&mut self, inner: &mut Inner) {
        self.state = Handle::Closed;
        inner.held.remove(&self.file);
    }
}

impl StorageBackend for SimBackend {
    fn read_at(&self, offset: u64, len: usize) -> StorageResult<Vec<u8>> {
        self.readable()?;
        read(&self.disk, self.file, offset, len, <[u8]>::to_vec)
    }

    fn append(&mut self, data: &[u8]) -> StorageResult<u64> {
        self.append_vectored(&[data])
    }

    fn flush(&mut self) -> StorageResult<()> {
        self.run(
            |this, inner| this.flush_as(inner, Op::Flush),
            |name| format!("flush {name}"),
        )
    }

    fn size(&self) -> StorageResult<u64> {
        self.readable()?;
        Ok(self.disk.lock().file(self.file)?.len() as u64)
    }

    fn sync(&mut self) -> StorageResult<()> {
        self.run(
            |this, inner| {
                this.unsynced = true;
                this.flush_as(inner, Op::Sync)
            },
            |name| format!("sync {name}"),
        )
    }

    fn truncate(&mut self, new_size: u64) -> StorageResult<()> {
        self.run(
            |this, inner| this.cut(inner, new_size),
            |name| format!("truncate {name} {new_size}"),
        )
    }

    fn append_vectored(&mut self, parts: &[&[u8]]) -> StorageResult<u64> {
        let len: usize = parts.iter().map(|part| part.len()).sum();
        self.run(
            |this, inner| this.append_to(inner, parts),
            |name| format!("append {name} {len}"),
        )
    }

    fn reserve(&mut self, additional: u64) -> StorageResult<()> {
        self.run(
            |this, inner| {
                inner.check(Op::Reserve)?;
                this.set_aside(inner, additional)
            },
            |name| format!("reserve {name} {additional}"),
        )
    }

    fn reader(&self) -> Option<Arc<dyn StorageReader>> {
        self.readable().ok()?;
        Some(Arc::new(SimReader {
            disk: self.disk.clone(),
            file: self.file,
        }))
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::default();
        capabilities.durability = Durability::PowerLoss;
        capabilities.durable_write_bytes_min = self.disk.lock().state.sector_len as u64;
        capabilities
    }

    fn close(&mut self) -> StorageResult<()> {
        if self.state == Handle::Poisoned {
            let disk = self.disk.clone();
            self.let_go(&mut disk.lock());
            return Err(StorageError::Poisoned);
        }
        self.run(
            |this, inner| {
                let flushed = this.write(inner).and_then(|()| this.give_back(inner));
                let result = flushed.and_then(|()| this.flush_as(inner, Op::Flush));
                if result.is_ok() || this.state == Handle::Poisoned {
                    this.let_go(inner);
                }
                result
            },
            |name| format!("close {name}"),
        )
    }
}

impl Drop for SimBackend {
    fn drop(&mut self) {
        if self.state == Handle::Closed {
            return;
        }
        let disk = self.disk.clone();
        let mut inner = disk.lock();
        if self.state == Handle::Open {
            // Nobody hears of an error here, as with a file.
            let _ = self.write(&mut inner);
            let _ = self.give_back(&mut inner);
        }
        // What could not be handed over, or given back, stays as the death of a process leaves it.
        if let Ok(file) = inner.file_mut(self.file) {
            file.keep(0);
        }
        self.let_go(&mut inner);
    }
}
