//! Telling readers in other processes that the last commit is durable.
//!
//! Such a reader believes only what a batch behind it, or the manifest, says of its sync, so that of a writer which has gone quiet it
//! would not see the last commit. A batch without records says so. Written only while commits are kept for followers.

use super::queue::Pending;
use super::{Committer, Queue};
use crate::error::Result;
use crate::ids::Lsn;
use crate::log::Draft;
use crate::memtable::Batch;
use crate::sync::MutexGuard;

impl Committer {
    /// Marks the last commit as durable, if it was the last already at `before`, and nothing says so yet. Returns the last one now.
    pub(crate) fn mark<'a>(
        &'a self,
        mut queue: MutexGuard<'a, Queue>,
        before: Lsn,
    ) -> Result<(MutexGuard<'a, Queue>, Lsn)> {
        if queue.wants_mark(before) {
            self.seal_mark(&mut queue)?;
            queue = self.lead(queue, true);
        }
        let last = queue.last_lsn;
        Ok((queue, last))
    }

    fn seal_mark(&self, queue: &mut Queue) -> Result<()> {
        let lsn = queue.next_lsn;
        let draft = Draft {
            lsn,
            previous: queue.last_lsn,
            time_us: self.environment.now_us(),
            body: Vec::new(),
        };
        let (Some(sealer), Some(synced)) = (queue.sealer.as_mut(), queue.synced) else {
            return Ok(());
        };
        let batch = sealer.seal(draft, &[], synced)?;
        queue.next_lsn = Lsn(lsn.0 + 1);
        let in_memory = Batch {
            lsn,
            stream: batch.header.log,
            body_at: batch.body_at(),
            body: batch.body.clone(),
        };
        queue.memtable.insert(in_memory, []);
        queue.pending_bytes += batch.len();
        queue.pending.push(Pending {
            batch,
            waits: false,
        });
        queue.last_lsn = lsn;
        queue.marked = lsn;
        Ok(())
    }
}

impl Queue {
    /// Whether the last commit is durable, nothing says so to readers, and it was the last one already at `before`.
    fn wants_mark(&self, before: Lsn) -> bool {
        let last = self.last_lsn;
        // One in a log before this one is known to be durable by the manifest.
        let is_here = self.memtable.last_lsn() == last
            && self.synced.map(|synced| synced.log) == self.sealer.map(|sealer| sealer.stream);
        last == before
            && last > self.marked
            && self.durable == last
            && is_here
            && self.may_lead()
            && !self.closed
            && !self.held
            && self.pending.is_empty()
            && self.next_lsn < self.lsn_ceiling
            && !self.lacks_room(0)
    }
}
