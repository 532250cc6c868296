//! Committing what was spilled.

use std::sync::atomic::Ordering;

use super::claim::Claim;
use crate::commit::{Hold, Refusal, conflict};
use crate::error::{Error, ErrorKind, Result};
use crate::feed::Notes;
use crate::ids::{CollectionId, IndexId, Lsn};
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

/// Versions that collections have to have.
type Versions = Vec<(CollectionId, u32)>;

/// What came of an attempt to commit.
enum Tried {
    Listed(Lsn),
    /// A collection that it writes to is about to be dropped.
    Dropping,
    /// Indexes have come or gone.
    Indexed,
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
        let (made, mut entries) = self.make(&gathered)?;
        let mut claim = Claim::new(made, reads, versions);
        let mut checked = claim.large.since();
        loop {
            match self.try_list(&claim, &entries, &mut checked)? {
                Tried::Listed(lsn) => return Ok(lsn),
                Tried::Dropping => self.committer.wait_drops(claim.large.collections()),
                Tried::Indexed => {
                    let made = self.make(&gathered)?;
                    claim.renew(made.0);
                    entries = made.1;
                    checked = claim.large.since();
                }
            }
        }
    }

    fn try_list(&self, claim: &Claim, entries: &LargeEntries, checked: &mut Lsn) -> Result<Tried> {
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
        if !entries.is_under(&self.published.get().0.catalog) {
            return Ok(Tried::Indexed);
        }
        self.check_claim(claim, checked)?;
        self.check_followers()?;
        // ORDER: all that was committed before is in runs before this is listed behind them; one line earlier a crash
        // leaves that, and streams that no manifest names.
        self.turn(&mut maintenance)?;
        self.list(&claim.large, &hold).map(Tried::Listed)
    }

    /// Refuses what followers of the change feed would not be given.
    fn check_followers(&self) -> Result<()> {
        match self.feed.keep.notes() {
            Notes::None => Ok(()),
            _ => Err(Error::invalid(
                "the change feed cannot give a transaction that does not fit in memory: raise Options::transaction_memory_bytes, or commit it in parts",
            )),
        }
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

    /// Makes one run of all that was spilled, and of the index entries that follow from it now.
    fn make(&self, gathered: &Gathered) -> Result<((Large, Vec<IndexId>), LargeEntries)> {
        let Gathered { snapshot, spilled } = gathered;
        let (view, _) = self.published.get();
        let entries = LargeEntries::derive(&self.ground, &view.catalog, snapshot, spilled)?;
        let deleted = spilled.deleted();
        let mut claims = Claims::new(&view.catalog, snapshot, &deleted);
        let older = view.runs.clone();
        let large = spilled.finish(&entries.pile, older, |entry| claims.push(entry))?;
        claims.settle()?;
        Ok(((large, entries.unique()), entries))
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
        large.take();
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
                Ok(lsn)
            }
            // The manifest is what it was, for certain.
            Err(error) if !self.editor.is_unknown() || error.kind() == ErrorKind::Poisoned => {
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
