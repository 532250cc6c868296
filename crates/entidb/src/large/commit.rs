//! Committing what was spilled.

use std::sync::atomic::Ordering;

use super::claim::Claim;
use super::told::tell;
use crate::commit::{Hold, Refusal, conflict};
use crate::error::{Error, ErrorKind, Result};
use crate::feed::Notes;
use crate::ids::{CollectionId, Lsn};
use crate::index::{Claims, LargeEntries};
use crate::manifest::Collection;
use crate::snapshot::Snapshot;
use crate::spill::{Ground, Host, Large, Spilled};
use crate::sync::Arc;
use crate::transaction::{Finished, Reads};
use crate::write_options::{Durability, Receipt};
use crate::write_set::WriteSet;
use crate::writer::Writer;

/// A log with more than this becomes a run while others go on committing, so that little is left for the moment when they wait.
const LONG_LOG_BYTES: u64 = 256 << 10;

/// What was spilled, over what.
struct Gathered {
    spilled: Spilled,
    snapshot: Snapshot,
}

/// Under which circumstances a commit was made ready.
struct Made {
    entries: LargeEntries,
    notes: Notes,
}

/// Versions that collections have to have.
type Versions = Vec<(CollectionId, u32)>;

/// What came of an attempt to commit.
enum Tried {
    Listed(Lsn),
    /// A collection that it writes to is about to be dropped.
    Dropping,
    /// Indexes have come or gone, or followers have come who want to know more.
    Changed,
}

impl Host for Writer {
    fn ground(&self) -> &Arc<Ground> {
        &self.ground
    }

    fn make_collections(
        &self,
        writes: &mut WriteSet,
        made: Vec<Collection>,
    ) -> Result<Vec<Collection>> {
        self.committer.make_collections(writes, made)
    }
}

impl Writer {
    /// Commits a transaction, whatever its size.
    ///
    /// # Errors
    /// As for [`Committer::commit`](crate::commit::Committer::commit).
    pub(crate) fn commit(&self, finished: Finished, durability: Durability) -> Result<Receipt> {
        if !finished.is_large() {
            return self.committer.commit(finished, durability);
        }
        let committed = self.commit_large(finished);
        if matches!(&committed, Err(error) if error.kind() == ErrorKind::Conflict) {
            let conflicts = &self.committer.counters.conflicts;
            conflicts.fetch_add(1, Ordering::Relaxed);
        }
        let lsn = committed?;
        match self.options.background {
            true => self.committer.want_compaction(),
            false => self.merge_what_is_due(),
        }
        Ok(Receipt { lsn, durable: true })
    }

    fn commit_large(&self, finished: Finished) -> Result<Lsn> {
        self.check()?;
        if !self.committer.reserve.is_whole() {
            return Err(Error::new(
                ErrorKind::Full,
                "the disk is full, and what room is left serves deletes and compaction: free some and try again",
            ));
        }
        let (gathered, reads, versions) = self.gather(finished)?;
        let (large, mut made) = self.make(&gathered)?;
        let mut claim = Claim::new(large, made.entries.unique(), reads, versions);
        let mut checked = claim.large.since();
        loop {
            match self.try_list(&claim, &made, &mut checked)? {
                Tried::Listed(lsn) => return Ok(lsn),
                Tried::Dropping => self.committer.wait_drops(claim.large.collections()),
                Tried::Changed => {
                    let (large, again) = self.make(&gathered)?;
                    made = again;
                    claim.renew(large, made.entries.unique());
                    checked = claim.large.since();
                }
            }
        }
    }

    fn try_list(&self, claim: &Claim, made: &Made, checked: &mut Lsn) -> Result<Tried> {
        // What takes long comes while others commit: looking for conflicts, and a checkpoint.
        self.check_claim(claim, checked)?;
        let mut maintenance = self.maintenance();
        self.check()?;
        if self.committer.queue().log_bytes() > LONG_LOG_BYTES {
            self.checkpoint_all(&mut maintenance)?;
        }
        self.prepare_to_turn()?;
        self.check_claim(claim, checked)?;
        let hold = self.committer.hold();
        self.check()?;
        if hold.drops_any(claim.large.collections()) {
            return Ok(Tried::Dropping);
        }
        let more_notes = self.feed.keep.notes() > made.notes;
        if more_notes || !made.entries.is_under(&self.published.get().0.catalog) {
            return Ok(Tried::Changed);
        }
        self.check_claim(claim, checked)?;
        // ORDER: all that was committed before is in runs before this is listed behind them; one line earlier a crash
        // leaves that, and streams that no manifest names.
        self.turn(&mut maintenance)?;
        self.list(&claim.large, &hold).map(Tried::Listed)
    }

    /// Spills what is left in memory.
    fn gather(&self, finished: Finished) -> Result<(Gathered, Option<Reads>, Versions)> {
        let Finished {
            snapshot,
            mut writes,
            made,
            reads,
            spilled,
            versions,
            ..
        } = finished;
        let mut spilled = match spilled {
            Some(spilled) => spilled,
            None => Spilled::begin(&self.ground, &snapshot)?,
        };
        if !writes.is_empty() {
            self.committer.make_collections(&mut writes, made)?;
            spilled.push(&writes)?;
        }
        Ok((Gathered { snapshot, spilled }, reads, versions))
    }

    /// Makes one run of all that was spilled, and of the index entries that follow from it now, and tells followers of it.
    fn make(&self, gathered: &Gathered) -> Result<(Large, Made)> {
        let Gathered { snapshot, spilled } = gathered;
        let notes = self.feed.keep.notes();
        let (view, _) = self.published.get();
        let entries = LargeEntries::derive(&self.ground, &view.catalog, snapshot, spilled)?;
        let deleted = spilled.deleted();
        let mut claims = Claims::new(&view.catalog, snapshot, &deleted);
        let older = view.runs.clone();
        let large = spilled.finish(&entries.pile, older, |entry| claims.push(entry))?;
        claims.settle()?;
        let told = tell(&self.ground, notes, &view.catalog, snapshot, spilled)?;
        Ok((large.tell(told), Made { entries, notes }))
    }

    /// Refuses if a commit above `checked` is in the way; up to what it has looked at is in `checked` afterwards.
    fn check_claim(&self, claim: &Claim, checked: &mut Lsn) -> Result<()> {
        let queue = self.committer.queue();
        let last_lsn = queue.last_lsn();
        if last_lsn > claim.large.since() && claim.large.since() < queue.forgotten {
            return Err(conflict(
                "a merge has forgotten what was deleted while it ran",
            ));
        }
        drop(queue);
        // Taken behind it: all that was sealed by then is in it.
        let (view, _) = self.published.get();
        claim.check(&view, *checked)?;
        *checked = last_lsn;
        Ok(())
    }

    /// The commit: one edit of the manifest.
    fn list(&self, large: &Large, hold: &Hold<'_>) -> Result<Lsn> {
        let lsn = hold.lsn()?;
        let shown = large.shown(lsn);
        let told = large.told_stream(lsn);
        large.take();
        // Shown before it is listed, since followers look for what is listed.
        if let Some(told) = &told {
            hold.prepare(|view| drop(view.streams.insert(told.id, Arc::clone(told))));
        }
        // ORDER: run and segments are durable, with their names; this edit is the commit. One line earlier a crash leaves
        // streams that no manifest names, and the next session removes them.
        match self.editor.edit(|manifest| large.apply(lsn, manifest)) {
            Ok(()) => {
                hold.show(lsn, |view| {
                    view.runs.insert(0, shown.run);
                    let streams = shown.streams.into_iter();
                    view.streams
                        .extend(streams.map(|stream| (stream.id, stream)));
                });
                // It may be that nobody wants it any more.
                self.feed.keep.set_untidy(true);
                Ok(lsn)
            }
            // The manifest is what it was, for certain.
            Err(error) if !self.editor.is_unknown() || error.kind() == ErrorKind::Poisoned => {
                if let Some(told) = told {
                    hold.prepare(|view| drop(view.streams.remove(&told.id)));
                }
                large.give_back();
                Err(error)
            }
            Err(error) => {
                hold.poison(Refusal::of(&error));
                Err(Error::new(
                    ErrorKind::Unknown,
                    format!(
                        "whether commit {lsn} was kept is unknown: open the database again and look"
                    ),
                )
                .because(error))
            }
        }
    }
}
