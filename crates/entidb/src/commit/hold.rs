//! Holding commits off, for the moment in which a large one takes its place among them.
//!
//! Promises: from its beginning to its end no batch is sealed, so that a commit outside the log has none behind it before its fate
//! is known. Relies on whoever holds to have made a checkpoint of everything before. Reads go on.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use super::{Committer, Queue, Refusal};
use crate::error::Result;
use crate::ids::{CollectionId, Lsn};
use crate::view::View;

/// Commits wait until it is dropped.
pub(crate) struct Hold<'a> {
    committer: &'a Committer,
}

impl Committer {
    /// Lets no commit be sealed for a while. One at a time does that: who has the maintenance's lock.
    pub(crate) fn hold(&self) -> Hold<'_> {
        let mut queue = self.queue();
        debug_assert!(!queue.held);
        queue.held = true;
        Hold { committer: self }
    }

    /// Waits until a large commit that is under way has come, or failed.
    pub(crate) fn wait_released(&self) {
        let mut queue = self.queue();
        while queue.held {
            queue = self.wait_changed(queue);
        }
    }

    /// Waits until none of these collections is being dropped.
    pub(crate) fn wait_drops(&self, collections: &BTreeSet<CollectionId>) {
        let mut queue = self.queue();
        while queue.drops_any(collections) {
            queue = self.wait_changed(queue);
        }
    }
}

impl Hold<'_> {
    /// Whether one of these collections is being dropped: what is committed to it now would go with its name.
    pub(crate) fn drops_any(&self, collections: &BTreeSet<CollectionId>) -> bool {
        self.committer.queue().drops_any(collections)
    }

    /// The LSN of the next commit, which the manifest has reserved.
    pub(crate) fn lsn(&self) -> Result<Lsn> {
        let mut queue = self.committer.queue();
        while queue.next_lsn >= queue.lsn_ceiling {
            let next = queue.next_lsn;
            drop(queue);
            let ceiling = self.committer.editor.reserve_lsns(next)?;
            queue = self.committer.queue();
            queue.lsn_ceiling = ceiling;
        }
        Ok(queue.next_lsn)
    }

    /// Changes the view in what nobody reads yet.
    pub(crate) fn prepare(&self, change: impl FnOnce(&mut View)) {
        let _queue = self.committer.queue();
        self.committer.published.change(change);
    }

    /// Shows the commit `lsn`, which is durable, with what `change` makes of the view.
    pub(crate) fn show(&self, lsn: Lsn, change: impl FnOnce(&mut View)) {
        let committer = self.committer;
        // Nobody leads anything at this moment: all that was sealed is in runs.
        committer.logs().last_lsn = lsn;
        let mut queue = committer.queue();
        debug_assert!(queue.pending.is_empty() && queue.waits.is_empty());
        queue.next_lsn = Lsn(lsn.0 + 1);
        queue.last_lsn = lsn;
        committer.published.change(|view| {
            change(view);
            // Whoever reads this view sees the commit from here on, since its run has of each key only what the commit wrote.
            view.shown = lsn;
        });
        committer.note_durable(&mut queue, lsn);
        committer.counters.commits.fetch_add(1, Ordering::Relaxed);
    }

    /// Nothing more is written: whether the commit was kept is not known.
    pub(crate) fn poison(&self, why: Refusal) {
        self.committer.queue().poison_once(why);
    }
}

impl Drop for Hold<'_> {
    fn drop(&mut self) {
        self.committer.queue().held = false;
        self.committer.notify();
    }
}

impl Queue {
    /// Whether a large commit holds others off.
    pub(crate) fn is_held(&self) -> bool {
        self.held
    }

    fn drops_any(&self, collections: &BTreeSet<CollectionId>) -> bool {
        self.dropping.iter().any(|id| collections.contains(id))
    }
}
