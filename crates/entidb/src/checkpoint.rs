//! Checkpoint: logs become segments, and their keys a run.
//!
//! Promises: a crash between any two steps loses nothing, since the logs are listed until the run is. Relies on the manifest's
//! one switch. Must never know an entity's bytes: they were written once, by the commit.

use std::sync::Arc;

use crate::error::Result;
use crate::format::batch::Synced;
use crate::format::name::StreamKind;
use crate::ids::Lsn;
use crate::log::seal;
use crate::manifest::{Closed, SealedEntry};
use crate::memtable::Memtable;
use crate::run::{Builder, Run};
use crate::writer::{IdleLog, Writer};

impl Writer {
    /// Makes a checkpoint, and remembers whether that failed: asked for or come due, the next one begins where it left off.
    pub(crate) fn checkpoint(&mut self) -> Result<()> {
        self.check()?;
        let made = self.make_checkpoint();
        let bytes = self.uncovered_bytes() + self.options.checkpoint_log_bytes / 4;
        self.checkpoint_again_bytes = if made.is_ok() { 0 } else { bytes };
        self.checkpoint_failure = made.as_ref().err().map(ToString::to_string);
        made
    }

    /// Seals the logs, writes the keys of the memtable as a run, and lists both.
    fn make_checkpoint(&mut self) -> Result<()> {
        if self.idle.is_empty() && self.active.is_none() {
            return Ok(());
        }
        self.begin_session()?;
        if self.checkpoint_failure.is_some() {
            // The last one may have left a run that the manifest does not list, or may: replaced once more, it surely says.
            self.edit(|_| ())?;
            self.remove_unlisted()?;
        }
        let segments = self.seal_logs()?;
        let run = self.write_run()?;
        let last_lsn = self.last_lsn;
        // ORDER: run and segments are durable; this is where they take the logs' place. One line earlier a crash leaves the
        // logs as they were, some with a footer behind their last batch.
        self.edit(|manifest| {
            manifest.covered = last_lsn;
            manifest.logs.clear();
            manifest.synced = None;
            manifest.segments.extend(&segments);
            manifest.runs.extend(run);
        })?;
        self.idle.clear();
        self.counters.checkpoints += 1;
        let Some(entry) = run else {
            return Ok(());
        };
        let run = Run::open(&*self.directory, entry, self.manifest.database);
        // It is on the disk and listed; a handle that cannot read it back cannot go on from it.
        self.poisoned |= run.is_err();
        let run = Arc::new(run?);
        self.published.change(|view| {
            view.memtables = vec![Arc::new(Memtable::default())];
            view.runs.insert(0, run);
        });
        Ok(())
    }

    /// Writes the newest version of each key. `None` if nothing was committed.
    fn write_run(&mut self) -> Result<Option<SealedEntry>> {
        let memtable = self.memtable();
        if memtable.len() == 0 {
            return Ok(None);
        }
        let id = self.allocate_stream()?;
        let salt = self.environment.salt();
        let first_lsn = Lsn(self.manifest.covered.0 + 1);
        self.counters.syncs += 1;
        let key_count = memtable.len() as u64;
        let written = Builder::create(
            &*self.directory,
            id,
            self.manifest.database,
            salt,
            key_count,
        )
        .and_then(|mut builder| {
            builder.set_older(self.published.get().0.runs.clone());
            memtable.try_for_each(|key, location| builder.push(key, location))?;
            builder.finish(first_lsn, self.last_lsn)
        });
        match written {
            Ok(entry) => Ok(Some(entry)),
            Err(error) => {
                // Nothing names it; if removing fails too, the next session does it.
                let name = StreamKind::Run.name(id);
                let _ = self.directory.remove(&name);
                Err(error)
            }
        }
    }

    /// Seals every log that has a batch. If one fails, the logs stay what they were, only that nothing is appended to them.
    fn seal_logs(&mut self) -> Result<Vec<SealedEntry>> {
        self.retire_active(false)?;
        let mut segments = Vec::new();
        for log in self.idle.iter().filter(|log| log.tally.batches() > 0) {
            self.counters.syncs += 1;
            segments.push(seal(&*self.directory, &log.stream, log.end, &log.tally)?);
        }
        Ok(segments)
    }

    /// Closes the active log and puts it behind the idle ones. `clean` says whether it may be appended to again.
    fn retire_active(&mut self, clean: bool) -> Result<()> {
        let Some(log) = self.active.take() else {
            return Ok(());
        };
        self.idle.push(IdleLog {
            stream: Arc::new(log.stream().clone()),
            end: log.end(),
            tally: log.tally(),
            clean,
            unsynced: false,
        });
        log.close()
    }

    /// Says in the manifest how the session ended, so that the next open has nothing to recover.
    pub(crate) fn close(&mut self) -> Result<()> {
        if self.poisoned {
            return self.check();
        }
        if !self.session {
            return Ok(());
        }
        self.retire_active(true)?;
        let last = self.idle.last();
        let closed = Closed {
            last_lsn: self.last_lsn,
            log_end: last.map_or(0, |log| log.end),
        };
        let synced = last.map(|log| Synced {
            log: log.stream.id,
            offset: log.end,
        });
        let logs = self.log_entries(None);
        let next_stream = self.next_stream;
        // ORDER: the log is closed, so that its length is what the manifest says; one line earlier a crash leaves a session
        // that is recovered as after any crash.
        self.edit(|manifest| {
            manifest.closed = Some(closed);
            manifest.synced = synced;
            manifest.logs = logs;
            manifest.next_stream = next_stream;
        })?;
        self.session = false;
        Ok(())
    }
}
