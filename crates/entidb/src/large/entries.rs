//! Whether another commit got in the way of a large one at an index: at a value that only one can have.

use super::claim::Claim;
use crate::commit::conflict;
use crate::error::Result;
use crate::format::entry_key;
use crate::ids::{IndexId, Lsn};
use crate::index::{EntryBounds, MemtableCursor, bounds_of, is_claimed_as_stored};
use crate::memtable::Memtable;
use crate::run::{EntryCursor, Run};
use crate::sync::Arc;
use crate::view::View;

const CLAIMED: &str = "another commit has written what a unique index lets only one have";

impl Claim {
    /// Refuses if a memtable has, above `after`, an entry with a value that this transaction claims.
    pub(super) fn check_entries_of(
        &self,
        view: &View,
        memtable: &Arc<Memtable>,
        after: Lsn,
    ) -> Result<()> {
        for index in self.claiming() {
            let all = bounds_of(&index.0.to_be_bytes());
            let mut theirs = MemtableCursor::new(memtable, &all, false, Lsn::MAX, true);
            let mut key = Vec::new();
            while let Some(entry) = theirs.next(&mut key) {
                if entry.lsn > after {
                    self.check_value(view, &key)?;
                }
                key.clear();
            }
        }
        Ok(())
    }

    /// As [`check_entries_of`](Self::check_entries_of), in a run.
    pub(super) fn check_entries_in(&self, view: &View, run: &Arc<Run>, after: Lsn) -> Result<()> {
        if !run.has_entries() {
            return Ok(());
        }
        for index in self.claiming() {
            let all = bounds_of(&index.0.to_be_bytes());
            match run.entry_count(index) <= self.large.run().entry_count(index) {
                true => {
                    let mut theirs = cursor(run, all);
                    while let Some(entry) = theirs.peek()? {
                        if entry.lsn > after {
                            self.check_value(view, entry.key)?;
                        }
                        theirs.pass();
                    }
                }
                false => {
                    let mut own = cursor(self.large.run(), all);
                    while let Some(entry) = own.peek()? {
                        if let Some(value) = claimed(entry.key).filter(|_| !entry.tombstone)
                            && has_value(view, run, value, |_, lsn| lsn > after)?
                        {
                            return Err(conflict(CLAIMED));
                        }
                        own.pass();
                    }
                }
            }
        }
        Ok(())
    }

    /// Unique indexes in which it has entries.
    fn claiming(&self) -> impl Iterator<Item = IndexId> {
        let unique = self.unique.iter().copied();
        unique.filter(|index| self.large.run().entry_count(*index) > 0)
    }

    /// Another has committed an entry, or its tombstone.
    fn check_value(&self, view: &View, key: &[u8]) -> Result<()> {
        let Some(value) = claimed(key) else {
            return Ok(());
        };
        match has_value(view, self.large.run(), value, |tombstone, _| !tombstone)? {
            true => Err(conflict(CLAIMED)),
            false => Ok(()),
        }
    }
}

/// The value of a whole key, behind its index's number, if only one entity can have it.
fn claimed(key: &[u8]) -> Option<&[u8]> {
    let (_, index_key, _) = entry_key::split(key)?;
    let value = key.get(..entry_key::INDEX_LEN + index_key.len());
    value.filter(|_| is_claimed_as_stored(index_key))
}

/// Whether the run has an entry of this value for which `wanted` says so, of its being a tombstone and its LSN.
fn has_value(
    view: &View,
    run: &Arc<Run>,
    value: &[u8],
    wanted: impl Fn(bool, Lsn) -> bool,
) -> Result<bool> {
    if !run.has_entries() || !run.may_have_value(&view.cache, value)? {
        return Ok(false);
    }
    let mut entries = cursor(run, bounds_of(value));
    while let Some(entry) = entries.peek()? {
        if wanted(entry.tombstone, entry.lsn) {
            return Ok(true);
        }
        entries.pass();
    }
    Ok(false)
}

fn cursor(run: &Arc<Run>, bounds: EntryBounds) -> EntryCursor {
    EntryCursor::new(Arc::clone(run), None, bounds, false)
}
