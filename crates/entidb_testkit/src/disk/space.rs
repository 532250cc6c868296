//! How long a stream's file is: cutting it, and setting space aside behind it.

use std::io;

use entidb_storage::StorageResult;

use super::handle::SimBackend;
use super::{Inner, io_error};
use crate::fault::{Fault, Op};
use crate::mutant::Mutant;

impl SimBackend {
    pub(super) fn cut(&mut self, inner: &mut Inner, new_size: u64) -> StorageResult<()> {
        let file = inner.file(self.file)?;
        let (size, handed) = (file.len(), file.handed);
        let new_len = usize::try_from(new_size)
            .ok()
            .filter(|len| *len <= size)
            .ok_or_else(|| {
                let message =
                    format!("cannot truncate to {new_size} bytes: the stream has only {size}");
                io_error(io::ErrorKind::InvalidInput, message)
            })?;
        inner.check(Op::Truncate)?;
        let file = inner.file_mut(self.file)?;
        if new_len >= handed {
            file.cut_buffer(new_len);
            return Ok(());
        }
        file.cut(new_len);
        inner.note_point();
        if inner.state.mutant == Some(Mutant::CutNotSynced) {
            return Ok(());
        }
        self.make_durable(inner, Op::Sync)
    }

    /// Sets space aside in steps, or as much as is asked for.
    pub(super) fn set_aside(&self, inner: &mut Inner, additional: u64) -> StorageResult<()> {
        let full = || Fault::Full.error(Op::Reserve);
        let file = inner.file(self.file)?;
        let additional = usize::try_from(additional).map_err(|_| full())?;
        let wanted = file.len().checked_add(additional).ok_or_else(full)?;
        let space = file.space();
        if !inner.state.reserves || wanted <= file.reserved {
            return Ok(());
        }
        let room = inner.state.room().unwrap_or(usize::MAX);
        let stepped = wanted.next_multiple_of(inner.state.reserve_step);
        let end = [stepped, wanted]
            .into_iter()
            .find(|end| end.saturating_sub(space) <= room)
            .ok_or_else(full)?;
        inner.note_point();
        inner.file_mut(self.file)?.reserve(end);
        Ok(())
    }

    /// Makes the file no longer than the stream.
    pub(super) fn give_back(&mut self, inner: &mut Inner) -> StorageResult<()> {
        if inner.file(self.file)?.reserved > 0 {
            inner.check(Op::Truncate)?;
            inner.file_mut(self.file)?.reserved = 0;
            self.unsynced = true;
        }
        Ok(())
    }
}
