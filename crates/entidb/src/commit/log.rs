//! Which log commits go to: opening it, making room in it, and turning to the next.

use super::group::Leading;
use super::{Committer, Logs, NextLog, Queue};
use crate::error::{Error, ErrorKind, Result};
use crate::ids::StreamId;
use crate::log::Log;
use crate::memtable::Memtable;
use crate::sync::{Arc, MutexGuard, PoisonError};
use crate::writer::{Frozen, IdleLog};

/// How much room the next log is given beforehand, in bytes.
const NEXT_LOG_RESERVE_BYTES: u64 = 4 << 20;

impl Committer {
    /// Makes sure that there is a log to append to: the one that was closed, or a new one.
    pub(super) fn open_log(&self) -> Result<()> {
        let _opening = self.opening();
        let queue = self.queue();
        if queue.sealer.is_some() {
            return Ok(());
        }
        let next_lsn = queue.next_lsn;
        let last = queue.idle.last().filter(|log| log.clean).cloned();
        let ends: Vec<_> = queue.idle.iter().map(IdleLog::entry).collect();
        drop(queue);
        self.editor.begin_session(next_lsn, |manifest| {
            manifest.set_ends(&ends);
        })?;
        let log = match &last {
            Some(last) => Log::reopen(&*self.directory, &last.stream, last.end, last.tally)?,
            None => self.create_log()?,
        };
        self.reserve.set_aside();
        let stream = Arc::new(log.stream().clone());
        // ORDER: what was sealed for the log before is handed over before another takes its place.
        let mut queue = self.settle(self.queue())?;
        self.published.change(|view| {
            view.streams.insert(stream.id, stream);
        });
        if last.is_some() {
            queue.idle.pop();
        }
        queue.sealer = Some(log.sealer());
        queue.reserved_end = 0;
        let mut logs = self.logs();
        let before = logs.active.replace(log);
        logs.retired.extend(before);
        Ok(())
    }

    /// Goes on with a log that is listed already.
    pub(crate) fn go_on(&self, log: Log) {
        let mut queue = self.queue();
        queue.sealer = Some(log.sealer());
        self.logs().active = Some(log);
    }

    /// Makes a new log and lists it behind the others.
    fn create_log(&self) -> Result<Log> {
        let id = self.editor.allocate_stream()?;
        let database = self.editor.read(|manifest| manifest.database);
        let salt = self.environment.salt();
        self.counters.sync();
        let made = Log::create(&*self.directory, id, database, salt);
        let log = made.inspect_err(|_| self.editor.give_up_stream(id))?;
        let ends: Vec<_> = self.queue().idle.iter().map(IdleLog::ended).collect();
        // ORDER: the manifest lists the log before a batch in it counts; one line earlier a crash leaves an empty log that
        // nobody names.
        let listed = self.editor.edit(|manifest| {
            manifest.set_ends(&ends);
            manifest.logs.push(log.entry());
        });
        if let Err(error) = listed {
            if error.kind() == ErrorKind::Full {
                // The old manifest stands for certain; if removing fails, the next session does it.
                self.editor.give_up_stream(id);
                let _ = self.directory.remove(&log.stream().name);
            }
            return Err(error);
        }
        Ok(log)
    }

    /// Makes the log that comes next, if there is none yet, so that turning to it costs nobody any time.
    pub(crate) fn prepare_next_log(&self) -> Result<()> {
        self.make_next_log()?;
        self.queue().wants_log = false;
        self.changed.notify_all();
        Ok(())
    }

    fn make_next_log(&self) -> Result<()> {
        let _opening = self.opening();
        // Not under the queue's lock: whoever leads holds this one through a sync.
        if self.logs().next.is_some() {
            return Ok(());
        }
        let queue = self.queue();
        if queue.next_log.is_some() || queue.sealer.is_none() {
            return Ok(());
        }
        drop(queue);
        let mut log = self.create_log()?;
        // Where there is no room, the first commit hears of it.
        let reserved = log.reserve(NEXT_LOG_RESERVE_BYTES).is_ok();
        let next = NextLog {
            stream: Arc::new(log.stream().clone()),
            sealer: log.sealer(),
            reserved_end: if reserved { NEXT_LOG_RESERVE_BYTES } else { 0 },
        };
        self.logs().next = Some(log);
        self.queue().next_log = Some(next);
        self.notify();
        Ok(())
    }

    /// Keeps others from making a log, and from turning away without having one.
    pub(crate) fn opening(&self) -> MutexGuard<'_, ()> {
        self.opening.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Turns away from the log if `when` holds, whether or not there is a next one. Says whether it did.
    ///
    /// Not while somebody makes a log: who goes on with the last session's would have it sealed under him; and who makes
    /// the one that comes next would list it before the one that a commit opens because there was none.
    pub(crate) fn turn_away(&self, when: impl FnOnce(&Queue) -> bool) -> bool {
        let _opening = self.opening();
        let mut queue = self.queue();
        let turns = when(&queue);
        if turns {
            self.rotate(&mut queue);
        }
        turns
    }

    /// Turns away from the log: its memtable waits for a checkpoint from here on, and commits go to the next log, or to one
    /// that the next commit opens.
    pub(super) fn rotate(&self, queue: &mut Queue) {
        let next = queue.next_log.take();
        let memtable = Arc::new(Memtable::default());
        self.published.change(|view| {
            view.memtables.insert(0, Arc::clone(&memtable));
            if let Some(next) = &next {
                view.streams
                    .insert(next.stream.id, Arc::clone(&next.stream));
            }
        });
        let frozen = Frozen {
            memtable: std::mem::replace(&mut queue.memtable, memtable),
            idle: std::mem::take(&mut queue.idle),
            log: queue.sealer.map(|sealer| sealer.stream),
        };
        queue.frozen.push_back(frozen);
        queue.reserved_end = next.as_ref().map_or(0, |next| next.reserved_end);
        queue.sealer = next.map(|next| next.sealer);
    }

    /// Makes sure that the log `stream` has room up to `end`. The disk being full, what frees space may take what is kept for
    /// that.
    fn reserve(&self, stream: StreamId, end: u64, frees: bool) -> Result<()> {
        if !frees && !self.reserve.is_whole() {
            return Err(Error::new(
                ErrorKind::Full,
                "the disk is full, and what room is left serves deletes and compaction: free some and try again",
            ));
        }
        let reserve = || self.logs().reserve(stream, end);
        match reserve() {
            Err(error) if error.kind() == ErrorKind::Full && frees && self.reserve.give_up() => {
                reserve()
            }
            reserved => reserved,
        }
    }

    /// Makes sure that there is room in the log for a commit of `len` bytes.
    pub(super) fn make_room<'a>(
        &'a self,
        mut queue: MutexGuard<'a, Queue>,
        len: usize,
        frees: bool,
    ) -> Result<MutexGuard<'a, Queue>> {
        let Some((stream, end)) = queue.wanted(len) else {
            return Ok(queue);
        };
        let leading = Leading::begin(self, &mut queue);
        drop(queue);
        let reserved = self.reserve(stream, end, frees);
        let mut queue = self.queue();
        leading.end(&mut queue);
        self.changed.notify_all();
        if queue.eventual_since.is_some() {
            // It may have come due, and waits for whoever leads.
            self.flusher.notify_one();
        }
        reserved?;
        if queue.sealer.is_some_and(|sealer| sealer.stream == stream) {
            queue.reserved_end = queue.reserved_end.max(end);
        }
        Ok(queue)
    }
}

impl Logs {
    /// Makes sure that the log `stream` has room up to `end`, in bytes.
    fn reserve(&mut self, stream: StreamId, end: u64) -> Result<()> {
        let logs = [self.active.as_mut(), self.next.as_mut()];
        let log = logs
            .into_iter()
            .flatten()
            .find(|log| log.stream().id == stream);
        match log {
            Some(log) => log.reserve(end.saturating_sub(log.sealer().at())),
            None => Ok(()),
        }
    }
}
