//! Whether another commit got in a transaction's way: first committer wins.
//!
//! Promises: of two transactions that ran at the same time and wrote the same key, one is refused; of a serializable one, also
//! if another wrote what it read. Relies on the memtables to have what was committed and not shown yet, too.

use std::ops::Bound;
use std::sync::Arc;

use super::{Committer, Queue};
use crate::error::{Error, ErrorKind, Result};
use crate::format::filter;
use crate::format::key::Key;
use crate::ids::{EntityId, Lsn};
use crate::log::Item;
use crate::ranges::covering;
use crate::run::{Cursor, Run};
use crate::transaction::Reads;
use crate::view::View;

impl Committer {
    /// Refuses a transaction over the snapshot at `since` if a later commit has written what it writes, or has read.
    pub(super) fn check_conflicts(
        &self,
        queue: &Queue,
        since: Lsn,
        items: &[Item],
        reads: Option<&Reads>,
    ) -> Result<()> {
        let (view, _) = self.published.get();
        let dropped = |item: &Item| !view.catalog.has(item.collection());
        if items.iter().any(dropped) {
            return Err(conflict("a collection that it writes to was dropped"));
        }
        if queue.last_lsn <= since {
            return Ok(());
        }
        if since < queue.forgotten {
            return Err(conflict(
                "a merge has forgotten what was deleted while it ran",
            ));
        }
        let later = Later::new(&view, since);
        for item in items {
            let written = match item {
                Item::Record { key, .. } => later.wrote(key)?,
                Item::Range {
                    collection,
                    first,
                    last,
                    ..
                } => later
                    .wrote_within(Key::new(*collection, *first), Key::new(*collection, *last))?,
                Item::Before { .. } => false,
            };
            if written {
                return Err(conflict("another commit has written what it writes"));
            }
        }
        let Some(reads) = reads else {
            return Ok(());
        };
        for key in &reads.keys {
            if later.wrote(key)? {
                return Err(conflict("another commit has written what it read"));
            }
        }
        for (first, last) in &reads.ranges {
            if later.wrote_within(*first, *last)? {
                return Err(conflict(
                    "another commit has written into a range that it read",
                ));
            }
        }
        // That a collection was found absent is a read of all that could be in it. It may have been made by this very
        // transaction since, so only what is in it counts.
        let made = reads
            .absent
            .iter()
            .filter_map(|name| view.catalog.find(name));
        for id in made {
            let all = (Key::new(id, EntityId::MIN), Key::new(id, EntityId::MAX));
            if later.wrote_within(all.0, all.1)? {
                return Err(conflict(
                    "another commit has written to a collection that it found absent",
                ));
            }
        }
        Ok(())
    }
}

pub(crate) fn conflict(why: &str) -> Error {
    Error::new(
        ErrorKind::Conflict,
        format!("the transaction was not kept, since {why}: run it again"),
    )
}

/// What was committed after a snapshot.
struct Later<'a> {
    view: &'a View,
    since: Lsn,
    /// Runs that a checkpoint has made of it.
    runs: Vec<&'a Arc<Run>>,
}

impl<'a> Later<'a> {
    fn new(view: &'a View, since: Lsn) -> Self {
        let runs = view.runs.iter();
        Self {
            view,
            since,
            runs: runs.filter(|run| run.entry.last_lsn > since).collect(),
        }
    }

    fn wrote(&self, key: &Key) -> Result<bool> {
        let mut memtables = self.view.memtables.iter();
        if memtables.any(|memtable| memtable.wrote(key, self.since)) {
            return Ok(true);
        }
        for run in &self.runs {
            let covered = covering(run.ranges(), key, Lsn(u64::MAX)) > self.since;
            let found = match run.spans(key) {
                true => run.get(&self.view.cache, key, filter::hash(key))?,
                false => None,
            };
            if covered || found.is_some_and(|location| location.lsn > self.since) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn wrote_within(&self, first: Key, last: Key) -> Result<bool> {
        let mut memtables = self.view.memtables.iter();
        if memtables.any(|memtable| memtable.wrote_within(first, last, self.since)) {
            return Ok(true);
        }
        for run in &self.runs {
            let mut ranges = run.ranges().iter();
            let overlaps =
                ranges.any(|range| range.lsn > self.since && range.overlaps(first, last));
            if overlaps {
                return Ok(true);
            }
            let bounds = (Bound::Included(first), Bound::Included(last));
            let mut cursor = Cursor::new(Arc::clone(run), bounds, false);
            while let Some((_, location)) = cursor.next()? {
                if location.lsn > self.since {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }
}
