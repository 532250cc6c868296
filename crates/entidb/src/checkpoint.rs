//! Checkpoint: logs become segments, and their keys a run.
//!
//! Promises: a crash between any two steps loses nothing, since the logs are listed until the run is. Commits go on meanwhile,
//! to another log. Relies on the manifest's one switch. Must never know an entity's bytes: they were written once, by the
//! commit.

use std::sync::Arc;

use crate::commit::{Queue, Refusal};
use crate::error::{Error, ErrorKind, Result};
use crate::format::batch::Synced;
use crate::format::name::StreamKind;
use crate::ids::{Lsn, StreamId};
use crate::log::{Failure, Log, seal, unfooted};
use crate::manifest::{Closed, SealedEntry};
use crate::run::{Builder, Run};
use crate::stream::Stream;
use crate::writer::{Frozen, IdleLog, Maintenance, Writer};

/// A session that is closed with more than this in its logs makes a checkpoint first, so that the next open is short.
const CLOSE_LOG_BYTES: u64 = 256 << 10;

impl Writer {
    /// Turns away from the log, and makes a checkpoint of everything that was committed.
    pub(crate) fn checkpoint(&self) -> Result<()> {
        let mut maintenance = self.maintenance();
        self.check()?;
        self.checkpoint_all(&mut maintenance)
    }

    pub(crate) fn checkpoint_all(&self, maintenance: &mut Maintenance) -> Result<()> {
        self.prepare_to_turn()?;
        self.turn(maintenance)
    }

    /// Makes the log that commits go to once they are turned away from this one.
    pub(crate) fn prepare_to_turn(&self) -> Result<()> {
        if self.options.background && self.committer.queue().is_appended_to() {
            match self.committer.prepare_next_log() {
                // The checkpoint may make room; the next commit needs a log, and hears if there is none.
                Err(error) if error.kind() == ErrorKind::Full => {}
                prepared => prepared?,
            }
        }
        Ok(())
    }

    /// Turns away from the log, and makes a checkpoint of everything before.
    pub(crate) fn turn(&self, maintenance: &mut Maintenance) -> Result<()> {
        self.committer.turn_away(Queue::has_keys);
        self.checkpoint_frozen(maintenance)
    }

    /// Makes a checkpoint if the logs, or the keys in memory, have grown to their bound, and nobody is there to do it in the
    /// background. Says whether there was one. The commit that came before is there whatever becomes of it: a checkpoint that failed is shown in the
    /// stats, and tried again when the logs have grown by another quarter of their bound.
    pub(crate) fn checkpoint_if_due(&self) -> bool {
        let queue = self.committer.queue();
        if !self.committer.is_due(&queue) {
            return false;
        }
        drop(queue);
        let mut maintenance = self.maintenance();
        let again_bytes = maintenance.again_bytes;
        let turned = self.committer.turn_away(|queue| {
            self.committer.is_due(queue)
                && queue.log_bytes() >= again_bytes
                && queue.check().is_ok()
        });
        // Its failure is kept for the stats.
        turned && self.checkpoint_frozen(&mut maintenance).is_ok()
    }

    /// Makes a checkpoint of every memtable that no commit goes to any more, and remembers whether that failed: the next one
    /// begins where it left off.
    pub(crate) fn checkpoint_frozen(&self, maintenance: &mut Maintenance) -> Result<()> {
        let made = match self.make_checkpoints(maintenance) {
            Err(error) if error.kind() == ErrorKind::Full && self.committer.reserve.give_up() => {
                maintenance.failed = true;
                self.make_checkpoints(maintenance)
            }
            made => made,
        };
        let mut queue = self.committer.queue();
        let again = queue.log_bytes() + self.options.checkpoint_log_bytes / 4;
        maintenance.again_bytes = if made.is_ok() { 0 } else { again };
        maintenance.failed = made.is_err();
        queue.trouble = made.as_ref().err().map(Refusal::of);
        let trouble = queue.trouble.clone();
        self.committer.check_manifest(&mut queue, trouble.as_ref());
        drop(queue);
        self.committer.notify();
        made
    }

    fn make_checkpoints(&self, maintenance: &Maintenance) -> Result<()> {
        let queue = self.committer.queue();
        let Some(next_lsn) = queue.frozen.front().map(|_| queue.next_lsn()) else {
            return Ok(());
        };
        drop(queue);
        self.editor.begin_session(next_lsn, |_| ())?;
        if maintenance.failed {
            // The last one may have left a run that the manifest does not list, or may: replaced once more, it surely says.
            self.editor.edit(|_| ())?;
            self.editor.remove_unlisted()?;
        }
        loop {
            // Each time, since commits may have turned to another log meanwhile: what is in a frozen memtable has to be in
            // its log, and that log to be turned away from, before it is closed.
            let queue = self.committer.settle(self.committer.queue())?;
            let Some(frozen) = queue.frozen.front().cloned() else {
                return Ok(());
            };
            drop(queue);
            self.make_checkpoint(frozen)?;
        }
    }

    /// Seals the logs of the oldest frozen memtable, writes its keys as a run, and lists both.
    fn make_checkpoint(&self, mut frozen: Frozen) -> Result<()> {
        if let Some(log) = frozen.log.take() {
            frozen.idle.push(self.retire(log)?);
            if let Some(front) = self.committer.queue().frozen.front_mut() {
                // Should the rest fail, the next attempt finds the log closed.
                *front = frozen.clone();
            }
        }
        let last_lsn = frozen.memtable.last_lsn();
        let mut segments = Vec::new();
        for index in 0..frozen.idle.len() {
            segments.extend(self.seal(&mut frozen, index)?);
        }
        let run = self.write_run(&frozen)?;
        // A log of nothing but range tombstones, or of what a later log of this memtable replaced, has done its work.
        let points_to = |segment: &SealedEntry| {
            let mut runs = run.iter();
            runs.any(|run| run.footer.streams.contains(&segment.stream))
        };
        // What followers may yet read stays all the same.
        let floor = self.feed.keep.floor();
        segments.retain(|segment| points_to(segment) || segment.last_lsn > floor);
        let sealed: Vec<StreamId> = frozen.idle.iter().map(|log| log.stream.id).collect();
        // ORDER: run and segments are durable; this is where they take the logs' place. One line earlier a crash leaves the
        // logs as they were, some with a footer behind their last batch.
        self.editor.edit(|manifest| {
            manifest.covered = last_lsn.max(manifest.covered);
            manifest.logs.retain(|log| !sealed.contains(&log.stream));
            manifest.segments.extend(&segments);
            manifest.runs.extend(run.as_ref().map(|run| run.entry));
        })?;
        let database = self.editor.read(|manifest| manifest.database);
        let reopened = segments.iter().map(|segment| {
            Stream::open(&*self.directory, StreamKind::Log, segment.stream, database).map(Arc::new)
        });
        // They are on the disk and listed; a handle that cannot read them back cannot go on from there.
        let reopened: Vec<_> = reopened
            .collect::<Result<_>>()
            .inspect_err(|error| self.committer.queue().poison_once(Refusal::of(error)))?;
        let mut queue = self.committer.queue();
        // The logs of it were synced, and all before them: a run has only the newest version of a key, so all of it has to be
        // shown before the run takes the memtable's place.
        self.committer.note_durable(&mut queue, last_lsn);
        self.published.change(|view| {
            view.memtables
                .retain(|memtable| !Arc::ptr_eq(memtable, &frozen.memtable));
            if let Some(run) = run {
                view.runs.insert(0, run);
            }
            view.streams.retain(|id, _| !sealed.contains(id));
            for stream in reopened {
                view.streams.insert(stream.id, stream);
            }
        });
        queue.frozen.pop_front();
        drop(queue);
        for id in sealed
            .iter()
            .filter(|id| !segments.iter().any(|s| s.stream == **id))
        {
            // Not listed any more; if removing it fails, the next session does it.
            let _ = self.directory.remove(&StreamKind::Log.name(*id));
        }
        self.feed.keep.set_untidy(true);
        self.committer.counters.checkpoint();
        self.committer.want_compaction();
        Ok(())
    }

    /// Makes a segment of one of the logs, if it has a batch. One that was not closed by its writer is not touched any more:
    /// after a crash or a failed sync, what is appended to it might not stay. It becomes a segment as it is, without a footer.
    fn seal(&self, frozen: &mut Frozen, index: usize) -> Result<Option<SealedEntry>> {
        let Some(log) = frozen.idle.get_mut(index) else {
            return Ok(None);
        };
        if log.tally.batches() == 0 {
            return Ok(None);
        }
        if log.sealed.is_some() {
            return Ok(log.sealed);
        }
        if !log.closed {
            return unfooted(&log.stream, log.end, &log.tally).map(Some);
        }
        self.committer.counters.sync();
        let sealed = seal(&*self.directory, &log.stream, log.end, &log.tally);
        log.closed = false;
        log.sealed = sealed.as_ref().ok().copied();
        if let Some(front) = self.committer.queue().frozen.front_mut() {
            // Should the rest fail, the next attempt does not touch it again.
            *front = frozen.clone();
        }
        sealed.map(Some)
    }

    /// Closes the log `id`, which was turned away from, once all of it is synced.
    fn retire(&self, id: StreamId) -> Result<IdleLog> {
        let Some(mut log) = self.committer.take_retired(id) else {
            // Closing it has failed. Its keys must not be covered while the manifest lists it.
            return Err(Error::new(
                ErrorKind::Poisoned,
                format!("log {id} could not be closed: open the database again"),
            ));
        };
        if log.is_unsynced() {
            self.committer.counters.sync();
            let synced = log.flush(false);
            self.committer.give_back_retired(synced.is_err());
            if let Err(Failure::Refused(error) | Failure::Unknown(error)) = synced {
                self.committer.queue().poison_once(Refusal::of(&error));
                return Err(error);
            }
        } else {
            self.committer.give_back_retired(false);
        }
        close(log).inspect_err(|error| self.committer.queue().poison_once(Refusal::of(error)))
    }

    /// Writes the newest version of each key, and opens what was written. `None` if nothing was committed.
    fn write_run(&self, frozen: &Frozen) -> Result<Option<Arc<Run>>> {
        let memtable = &frozen.memtable;
        if memtable.is_empty() {
            return Ok(None);
        }
        let id = self.editor.allocate_stream()?;
        let salt = self.environment.salt();
        let (database, covered) = self.editor.read(|m| (m.database, m.covered));
        let first_lsn = Lsn(covered.0 + 1);
        self.committer.counters.sync();
        let key_count = memtable.len() as u64;
        let write = || {
            let mut builder = Builder::create(&*self.directory, id, database, salt, key_count)?;
            builder.set_older(self.published.get().0.runs.clone());
            builder.set_ranges(memtable.ranges(Lsn(u64::MAX)));
            memtable.try_for_each(|key, location| builder.push(key, location))?;
            // Those of dropped indexes go with the next merge.
            memtable.try_for_each_entry(|key, lsn, gone| builder.push_entry(key, lsn, gone))?;
            let entry = builder.finish(first_lsn, memtable.last_lsn())?;
            Run::open(&*self.directory, entry, database)
        };
        match write() {
            Ok(run) => Ok(Some(Arc::new(run))),
            Err(error) => {
                // Nothing names it; if removing fails too, the next session does it.
                self.editor.give_up_stream(id);
                let name = StreamKind::Run.name(id);
                let _ = self.directory.remove(&name);
                Err(error)
            }
        }
    }

    /// Says in the manifest how the session ended, so that the next open has nothing to recover. No commit comes any more.
    pub(crate) fn close(&self) -> Result<()> {
        let mut maintenance = self.maintenance();
        let mut queue = self.committer.queue();
        queue.closed = true;
        if std::mem::replace(&mut maintenance.ended, true) {
            return Ok(());
        }
        let poisoned = queue.poisoned();
        drop(queue);
        self.ground.close();
        // What it could not do, the next open does.
        let made = match poisoned {
            Some(poison) => Err(poison),
            None => self.settle_accounts(&mut maintenance),
        };
        // Whoever merges, or makes a log, comes to his end first. Whoever would after this is refused: nothing is written once
        // the lock is another's.
        let mut compactor = self.compactor();
        let opening = self.committer.opening();
        let closed = made.and_then(|()| self.end_session());
        self.editor.end();
        drop(opening);
        self.remove_obsolete(&mut compactor, true);
        self.committer.close_logs();
        self.committer.reserve.end();
        drop(self.lock.lock().map(|mut lock| lock.take()));
        closed
    }

    /// Leaves the next open, and the disk, in good order.
    fn settle_accounts(&self, maintenance: &mut Maintenance) -> Result<()> {
        self.committer
            .turn_away(|queue| queue.log_bytes() >= CLOSE_LOG_BYTES && queue.has_keys());
        self.checkpoint_frozen(maintenance)?;
        self.compact_at_close();
        Ok(())
    }

    fn end_session(&self) -> Result<()> {
        // ORDER: what the manifest calls the end of the log is synced; one line earlier a crash leaves an open session.
        self.committer.sync()?;
        drop(self.committer.settle(self.committer.queue())?);
        if !self.editor.in_session() {
            return Ok(());
        }
        let (active, next) = self.committer.take_logs();
        let mut queue = self.committer.queue();
        if let Some(log) = active {
            queue.idle.push(IdleLog {
                clean: true,
                ..close(log)?
            });
        }
        let last = queue.idle.last();
        let closed = Closed {
            last_lsn: queue.last_lsn(),
            log_end: last.map_or(0, |log| log.end),
        };
        let synced = last.map(|log| Synced {
            log: log.stream.id,
            offset: log.end,
        });
        let count = queue.idle.len();
        let logs = queue.idle.iter().zip(1..).map(|(log, number)| {
            if number == count {
                log.entry()
            } else {
                log.ended()
            }
        });
        let logs: Vec<_> = logs.collect();
        drop(queue);
        // ORDER: the log is closed, so that its length is what the manifest says; one line earlier a crash leaves a session
        // that is recovered as after any crash.
        self.editor.end_session(|manifest| {
            manifest.closed = Some(closed);
            manifest.synced = synced;
            manifest.logs = logs;
        })?;
        if let Some(next) = next {
            // Empty, and not listed any more; if removing it fails, the next session does it.
            let _ = self.directory.remove(&next.stream().name);
        }
        Ok(())
    }
}

/// Closes a log, all of which is synced.
fn close(log: Log) -> Result<IdleLog> {
    let idle = IdleLog {
        stream: Arc::new(log.stream().clone()),
        end: log.end(),
        tally: log.tally(),
        closed: true,
        sealed: None,
        clean: false,
        unsynced: false,
    };
    log.close()?;
    Ok(idle)
}

impl crate::commit::Queue {
    /// What closing answers after a sync has failed.
    fn poisoned(&self) -> Option<Error> {
        self.poison_message().map(|message| {
            Error::new(
                ErrorKind::Poisoned,
                format!("an earlier sync failed: the next open recovers what was acknowledged ({message})"),
            )
        })
    }
}
