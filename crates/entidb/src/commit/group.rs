//! Group commit: one leader hands all waiting batches to the log and syncs it once for all of them.
//!
//! Promises: a commit is told to be durable only after a sync that began when its batch was in the log, and only if the sync of
//! every log before it succeeded; after a failure, each of them gets one of the three answers. Relies on the log to make batches
//! durable or to cut them off. The sync runs outside the queue's lock, so that the next group fills meanwhile.

use super::queue::{Pending, Queue, Refusal};
use super::{Committer, Logs};
use crate::error::{Error, ErrorKind, Result};
use crate::format::batch::Synced;
use crate::ids::{Lsn, StreamId};
use crate::log::{Failure, Log, Sealed, Sealer};
use crate::sync::{Instant, MutexGuard};

/// How much room is asked for ahead of what was appended, in bytes.
const RESERVE_AHEAD_BYTES: u64 = 1 << 20;

/// How a group fared.
struct Outcome {
    /// The last commit that is durable.
    durable: Option<Lsn>,
    synced: Option<Synced>,
    /// How far there is room in the active log, in bytes.
    reserved_end: Option<u64>,
    failure: Option<Failure>,
}

/// Somebody leads. Should he panic, nothing more is written, and nobody waits for him.
pub(super) struct Leading<'a>(&'a Committer);

impl<'a> Leading<'a> {
    pub(super) fn begin(committer: &'a Committer, queue: &mut Queue) -> Self {
        debug_assert!(!queue.leading);
        queue.leading = true;
        Self(committer)
    }

    pub(super) fn end(self, queue: &mut Queue) {
        queue.leading = false;
        std::mem::forget(self);
    }
}

impl Drop for Leading<'_> {
    fn drop(&mut self) {
        let mut queue = self.0.queue();
        queue.leading = false;
        queue.poison_once(Refusal::panicked());
        drop(queue);
        self.0.notify();
    }
}

impl Committer {
    /// Waits until the commit `lsn` is durable, leading a group if nobody else does.
    ///
    /// Answers [`ErrorKind::Unknown`] if its sync failed, or what refused it if it is certain not to be there.
    pub(super) fn wait<'a>(
        &'a self,
        mut queue: MutexGuard<'a, Queue>,
        lsn: Lsn,
    ) -> Result<MutexGuard<'a, Queue>> {
        loop {
            if let Some(refusal) = queue.refused.remove(&lsn) {
                return Err(refusal.error());
            }
            if queue.durable >= lsn {
                return Ok(queue);
            }
            queue.check_known(lsn)?;
            queue = self.lead_or_wait(queue);
        }
    }

    /// Waits until everything up to `lsn` is durable, whoever has committed it. If that was refused, up to what was before it:
    /// the answer is for him who committed it.
    pub(super) fn wait_for<'a>(
        &'a self,
        mut queue: MutexGuard<'a, Queue>,
        lsn: Lsn,
    ) -> Result<MutexGuard<'a, Queue>> {
        while queue.durable < lsn.min(queue.last_lsn) {
            queue.check_known(lsn)?;
            queue = self.lead_or_wait(queue);
        }
        Ok(queue)
    }

    fn lead_or_wait<'a>(&'a self, queue: MutexGuard<'a, Queue>) -> MutexGuard<'a, Queue> {
        if queue.leading {
            self.wait_changed(queue)
        } else {
            self.lead(queue, true)
        }
    }

    /// Hands what is pending to the log, and with `sync` makes it durable. The caller has seen that nobody leads.
    pub(crate) fn lead<'a>(
        &'a self,
        mut queue: MutexGuard<'a, Queue>,
        sync: bool,
    ) -> MutexGuard<'a, Queue> {
        let leading = Leading::begin(self, &mut queue);
        let began = Instant::now();
        let group = std::mem::take(&mut queue.pending);
        queue.pending_bytes = 0;
        let current = queue.sealer.map(|sealer| sealer.stream);
        // What may be cut off again: nobody was told of any of it, and all of it lies in one log.
        let may_cut = group
            .iter()
            .all(|p| p.waits && Some(p.batch.header.log) == current)
            && queue
                .waits
                .front()
                .is_some_and(|(_, previous)| *previous <= queue.durable);
        drop(queue);

        let outcome = self.write(&group, current, sync, may_cut);

        if let Some(synced) = outcome.synced {
            self.editor.note_synced(synced);
        }
        let mut queue = self.queue();
        leading.end(&mut queue);
        if let Some(durable) = outcome.durable {
            queue.note_durable(durable);
            // What is not durable by now has come since.
            queue.eventual_since = queue.eventual_since.map(|since| since.max(began));
        }
        queue.synced = outcome.synced.or(queue.synced);
        if let Some(end) = outcome.reserved_end
            && end > queue.reserved_end
            && queue
                .sealer
                .is_some_and(|sealer| Some(sealer.stream) == current)
        {
            queue.reserved_end = end;
        }
        if let Some(failure) = outcome.failure {
            self.fail(&mut queue, &group, failure);
        }
        self.show_durable(&queue);
        self.changed.notify_all();
        if queue.has_much_pending() || queue.eventual_since.is_some() {
            self.flusher.notify_one();
        }
        queue
    }

    fn write(
        &self,
        group: &[Pending],
        current: Option<StreamId>,
        sync: bool,
        may_cut: bool,
    ) -> Outcome {
        let mut logs = self.logs();
        let mut outcome = Outcome {
            durable: None,
            synced: None,
            reserved_end: None,
            failure: None,
        };
        let before = logs.last_lsn;
        // A cut takes everything off that is not synced, what an earlier leader handed over included.
        let may_cut = may_cut && !logs.active.as_ref().is_some_and(Log::is_unsynced);
        let mut result = logs.take(group, current);
        if sync && result.is_ok() {
            // ORDER: a commit in the new log is told only once the old one is synced to its end; one line earlier a crash
            // could keep the new log's batches and lose the old one's.
            while logs.syncing {
                logs = self.wait_retired(logs);
            }
            result = self.sync_all(&mut logs, may_cut);
        }
        match result {
            Ok(()) => {
                if sync {
                    outcome.reserved_end = logs.reserve_ahead();
                    outcome.durable = Some(logs.last_lsn);
                    outcome.synced = logs.active.as_ref().map(|log| Synced {
                        log: log.stream().id,
                        offset: log.end(),
                    });
                }
            }
            Err(failure) => {
                if matches!(failure, Failure::Refused(_)) {
                    logs.last_lsn = before;
                }
                outcome.failure = Some(failure);
            }
        }
        outcome
    }

    /// Makes everything in the logs durable, in order.
    fn sync_all(&self, logs: &mut Logs, may_cut: bool) -> Result<(), Failure> {
        if logs.failed {
            return Err(Failure::Unknown(Error::new(
                ErrorKind::Io,
                "the sync of the log before failed",
            )));
        }
        for log in logs.retired.iter_mut().filter(|log| log.is_unsynced()) {
            self.counters.sync();
            log.flush(false)?;
        }
        if let Some(active) = logs.active.as_mut().filter(|log| log.is_unsynced()) {
            self.counters.sync();
            active.flush(may_cut)?;
        }
        Ok(())
    }

    /// Answers for a group that failed: what is certain not to be there is refused, all else is unknown and ends writing.
    fn fail(&self, queue: &mut Queue, group: &[Pending], failure: Failure) {
        let behind = std::mem::take(&mut queue.pending);
        queue.pending_bytes = 0;
        let told = |pending: &Pending| !pending.waits;
        let refuse = match &failure {
            // A commit that was told to be there must not be taken back.
            Failure::Refused(_) => !group.iter().chain(&behind).any(told),
            Failure::Unknown(_) => false,
        };
        let (Failure::Refused(error) | Failure::Unknown(error)) = failure;
        let refusal = Refusal::of(&error);
        if refuse {
            let first = group
                .iter()
                .chain(&behind)
                .map(|p| p.batch.header.lsn)
                .next();
            let mut logs = self.logs();
            if let Some(first) = first {
                // A cut gives back what was set aside behind it.
                logs.reserved = None;
                queue.reserved_end = 0;
                // What comes behind them was chained to them.
                queue.last_lsn = logs.last_lsn;
                queue.sealer = queue.sealer.and_then(|sealer| logs.sealer(sealer.stream));
                queue.memtable.take_back(first);
                for frozen in &queue.frozen {
                    frozen.memtable.take_back(first);
                }
                queue.waits.retain(|(lsn, _)| *lsn < first);
                for pending in group.iter().chain(&behind) {
                    queue
                        .refused
                        .insert(pending.batch.header.lsn, refusal.clone());
                }
                return;
            }
        }
        // Nothing of these was handed over, and nothing will be.
        for pending in behind.iter().filter(|pending| pending.waits) {
            let not_kept = Refusal {
                kind: ErrorKind::Poisoned,
                message: format!(
                    "an earlier sync failed, so this commit was not kept: open the database again ({})",
                    refusal.message
                ),
            };
            queue.refused.insert(pending.batch.header.lsn, not_kept);
        }
        queue.poison = Some(refusal);
    }
}

impl Logs {
    /// Takes a group's batches, each into its log, and turns to the one that comes next.
    fn take(&mut self, group: &[Pending], current: Option<StreamId>) -> Result<(), Failure> {
        for batches in group.chunk_by(|a, b| a.batch.header.log == b.batch.header.log) {
            if let Some(first) = batches.first() {
                self.turn_to(first.batch.header.log)?;
            }
            let first_log = batches.as_ptr() == group.as_ptr();
            self.append(batches).map_err(|failure| match failure {
                // What went into the log before cannot be taken back.
                Failure::Refused(error) if !first_log => Failure::Unknown(error),
                failure => failure,
            })?;
        }
        match current {
            Some(current) => self.turn_to(current)?,
            None => self.retired.extend(self.active.take()),
        }
        Ok(())
    }

    /// What makes the batches that come next in the log `stream`.
    fn sealer(&self, stream: StreamId) -> Option<Sealer> {
        let mut logs = [&self.active, &self.next].into_iter().flatten();
        let log = logs.find(|log| log.stream().id == stream)?;
        Some(log.sealer())
    }

    /// Makes the log `stream` the one that is appended to; the one before is retired.
    fn turn_to(&mut self, stream: StreamId) -> Result<(), Failure> {
        if self
            .active
            .as_ref()
            .is_some_and(|log| log.stream().id == stream)
        {
            return Ok(());
        }
        let next = self.next.take_if(|log| log.stream().id == stream);
        let Some(next) = next else {
            let error = Error::invalid(format!("there is no log {stream} to append to"));
            return Err(Failure::Unknown(error));
        };
        self.retired.extend(self.active.replace(next));
        Ok(())
    }

    fn append(&mut self, batches: &[Pending]) -> Result<(), Failure> {
        let active = self
            .active
            .as_mut()
            .ok_or_else(|| Failure::Unknown(Error::invalid("there is no log")))?;
        let sealed: Vec<&Sealed> = batches.iter().map(|pending| &pending.batch).collect();
        active.append(&sealed).map_err(Failure::Refused)?;
        if let Some(last) = sealed.last() {
            self.last_lsn = last.header.lsn;
        }
        Ok(())
    }

    /// Asks for room behind what was appended. Says up to where there is some, in bytes.
    fn reserve_ahead(&mut self) -> Option<u64> {
        let active = self.active.as_mut()?;
        let (stream, at) = (active.stream().id, active.sealer().at());
        if let Some((_, end)) = self
            .reserved
            .filter(|(log, end)| *log == stream && at + RESERVE_AHEAD_BYTES / 2 < *end)
        {
            return Some(end);
        }
        // Without it, the next commit asks for what it needs, and hears if there is none.
        active.reserve(RESERVE_AHEAD_BYTES).ok()?;
        self.reserved = Some((stream, at + RESERVE_AHEAD_BYTES));
        Some(at + RESERVE_AHEAD_BYTES)
    }
}
