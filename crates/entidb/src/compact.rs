//! When compaction runs, and how its outcome takes effect: the plan and the merge are in `compaction/`.
//!
//! Promises: a merge and its manifest's edit change nothing that anybody reads; a stream goes only when nobody has it any more.
//! Commits and checkpoints go on beside it. Relies on snapshots holding on to their view. Must never decide what is dead.

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::commit::Refusal;
use crate::compaction::{self, Context, Job, Merged, Outcome, Policy, Rewrite, RunInfo, Source};
use crate::error::{ErrorKind, Result};
use crate::ids::{IndexId, Lsn, StreamId};
use crate::manifest::Catalog;
use crate::run::Run;
use crate::segment;
use crate::stream::Stream;
use crate::sync::atomic::Ordering;
use crate::sync::{Arc, Instant, MutexGuard, PoisonError, Weak, thread};
use crate::view::View;
use crate::writer::Writer;

/// What only whoever compacts knows.
#[derive(Default)]
pub(crate) struct Compactor {
    /// Streams that the manifest does not list any more and that somebody may be reading.
    obsolete: Vec<Obsolete>,
    /// The job that has nothing to gain.
    futile: Option<Planned>,
}

/// A job, and what it was planned for.
#[derive(Debug, PartialEq, Eq)]
struct Planned {
    runs: Vec<StreamId>,
    /// Up to which commit it forgets what was deleted.
    forget: Lsn,
    /// Segments that it leaves as they are.
    kept: BTreeSet<StreamId>,
    job: Job,
}

/// A stream that goes when nobody has it any more.
struct Obsolete {
    name: String,
    len: u64,
    holder: Weak<dyn Any + Send + Sync>,
}

/// What of a view a merge works on. The view itself would hold its memtables for as long as the merge takes.
pub(crate) struct Inputs {
    /// The oldest first.
    runs: Vec<Arc<Run>>,
    pub(crate) streams: BTreeMap<StreamId, Arc<Stream>>,
    catalog: Arc<Catalog>,
    /// Up to which commit nobody asks any more what was deleted.
    forget: Lsn,
    /// Segments that stay as they are: followers of the change feed may yet read them.
    kept: BTreeSet<StreamId>,
}

/// How to hold a merge back.
#[derive(Clone, Copy)]
enum Pace {
    /// Somebody waits for it.
    Full,
    /// It is background work, and has a budget.
    Budget,
    /// Whoever closes the database waits for it, until then.
    Until(Instant),
}

impl Writer {
    pub(crate) fn compactor(&self) -> MutexGuard<'_, Compactor> {
        self.compactor
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Merges what is due. Says whether there was anything.
    pub(crate) fn compact_if_due(&self) -> Result<bool> {
        let mut compactor = self.compactor();
        let tidied = self.tidy_feed(&mut compactor);
        let done = tidied.and_then(|()| self.compact_once(&mut compactor));
        self.remove_obsolete(&mut compactor, false);
        drop(compactor);
        self.note_compaction(&done);
        done
    }

    fn compact_once(&self, compactor: &mut Compactor) -> Result<bool> {
        if !self.options.auto_compaction {
            return Ok(false);
        }
        let inputs = self.inputs();
        let infos = inputs.infos()?;
        let Some(planned) = self.planned(&inputs, &infos) else {
            return Ok(false);
        };
        if compactor.futile.as_ref() == Some(&planned) {
            return Ok(false);
        }
        if self.carry_out(&planned.job, &inputs, Pace::Budget, compactor)? {
            compactor.futile = match planned.job.rewrite {
                Rewrite::Dead => self.planned_in_vain(&infos)?,
                _ => None,
            };
            return Ok(true);
        }
        compactor.futile = Some(planned);
        Ok(false)
    }

    fn planned(&self, inputs: &Inputs, infos: &[RunInfo]) -> Option<Planned> {
        let job = compaction::plan(infos, &self.policy())?;
        Some(Planned {
            runs: inputs.runs.iter().map(|run| run.entry.stream).collect(),
            forget: inputs.forget,
            kept: inputs.kept.clone(),
            job,
        })
    }

    /// What would be done next although the last job, for which the runs were as `before`, gave nothing back: what seems dead is
    /// not, and merging it for ever would help nobody.
    fn planned_in_vain(&self, before: &[RunInfo]) -> Result<Option<Planned>> {
        let inputs = self.inputs();
        let after = inputs.infos()?;
        let gained = compaction::all_bytes(&after).0 < compaction::all_bytes(before).0;
        Ok(match gained {
            true => None,
            false => self.planned(&inputs, &after),
        })
    }

    /// Gives back all the room that can be, and puts in order what is scattered.
    pub(crate) fn compact(&self) -> Result<()> {
        self.checkpoint()?;
        let mut compactor = self.compactor();
        // The first round finds out what is dead, by merging all keys; a second finds nothing to gain.
        for _ in 0..2 {
            let inputs = self.inputs();
            let infos = inputs.infos()?;
            let Some(job) = compaction::plan_all(&infos) else {
                break;
            };
            let done = self.carry_out(&job, &inputs, Pace::Full, &mut compactor);
            self.note_compaction(&done);
            if !done? {
                break;
            }
        }
        self.feed.keep.set_untidy(true);
        self.tidy_feed(&mut compactor)?;
        self.remove_obsolete(&mut compactor, false);
        if compactor.has_obsolete() {
            // The background looks after what snapshots hold.
            drop(compactor);
            self.committer.want_compaction();
        }
        Ok(())
    }

    /// Gives room back that is due to be, for as long as closing may take: a program that runs for a moment at a time leaves
    /// the background none. What was not done in time is as it was, and the next session's.
    pub(crate) fn compact_at_close(&self) {
        let patience = self.options.close_patience;
        let Some(end) = Instant::now().checked_add(patience) else {
            return;
        };
        if !self.options.auto_compaction || patience.is_zero() || std::thread::panicking() {
            return;
        }
        let mut compactor = self.compactor();
        self.feed.keep.set_untidy(true);
        if self.tidy_feed(&mut compactor).is_err() {
            return;
        }
        let inputs = self.inputs();
        let Ok(infos) = inputs.infos() else {
            return;
        };
        if let Some(job) = compaction::plan_space(&infos, &self.policy()) {
            let done = self.carry_out(&job, &inputs, Pace::Until(end), &mut compactor);
            self.note_compaction(&done);
        }
    }

    fn policy(&self) -> Policy {
        let default = Policy::default();
        // With small logs everything is smaller.
        let log_bytes = self.options.checkpoint_log_bytes;
        Policy {
            dead_bytes_min: default.dead_bytes_min.min(log_bytes / 4),
            entries_min: default.entries_min.min(log_bytes / 64),
            compression: self.options.compression,
            ..default
        }
    }

    fn inputs(&self) -> Inputs {
        let forget = self.ground.forget();
        let (view, _) = self.published.get();
        Inputs {
            forget,
            kept: self.kept_for_feed(),
            ..Inputs::of(&view)
        }
    }

    /// Carries out a job, and lets its outcome take effect. Says whether there was anything to gain.
    fn carry_out(
        &self,
        job: &Job,
        inputs: &Inputs,
        pace: Pace,
        compactor: &mut Compactor,
    ) -> Result<bool> {
        let next_lsn = self.committer.queue().next_lsn();
        self.editor.begin_session(next_lsn, |_| ())?;
        let source = Source {
            runs: &inputs.runs,
            streams: &inputs.streams,
            is_dropped: &|id| !inputs.catalog.has(id),
            forget: inputs.forget,
            kept: &inputs.kept,
            collection_of: &|id| inputs.catalog.collection_of(IndexId(id.0)),
        };
        let attempt = || {
            let began = Instant::now();
            let mut moved = 0;
            let mut context = Context {
                directory: &*self.directory,
                database: self.editor.read(|manifest| manifest.database),
                compression: self.options.compression,
                allocate: &mut || self.editor.allocate_stream(),
                salt: &mut || self.environment.salt(),
                cancelled: &|| self.is_cancelled(pace),
                pace: &mut |bytes| {
                    moved += bytes;
                    self.hold_back(pace, moved, began);
                },
            };
            compaction::run(job, &source, &mut context)
        };
        let outcome = match attempt() {
            Err(error) if error.kind() == ErrorKind::Full && self.committer.reserve.give_up() => {
                attempt()
            }
            outcome => outcome,
        };
        match outcome? {
            Outcome::Merged(merged) => {
                self.take_effect(&merged, inputs, compactor)?;
                Ok(true)
            }
            Outcome::Nothing | Outcome::Cancelled => Ok(false),
        }
    }

    fn is_cancelled(&self, pace: Pace) -> bool {
        match pace {
            Pace::Until(end) => Instant::now() >= end,
            Pace::Full | Pace::Budget => self.stopping.load(Ordering::Relaxed),
        }
    }

    /// Sleeps as long as the budget of background work asks for.
    fn hold_back(&self, pace: Pace, moved: u64, began: Instant) {
        let (Pace::Budget, Some(per_second)) = (pace, self.options.compaction_bytes_per_second)
        else {
            return;
        };
        let due = Duration::from_secs_f64(moved as f64 / per_second.max(1) as f64);
        // In short naps, since closing does not wait for a budget.
        while began.elapsed() < due && !self.stopping.load(Ordering::Relaxed) {
            let left = due.saturating_sub(began.elapsed());
            thread::sleep(left.min(Duration::from_millis(20)));
        }
    }

    fn take_effect(&self, merged: &Merged, old: &Inputs, compactor: &mut Compactor) -> Result<()> {
        let database = self.editor.read(|manifest| manifest.database);
        let open_run = |entry| Run::open(&*self.directory, entry, database).map(Arc::new);
        let run = merged.run.map(open_run).transpose()?;
        let segments = merged.segments.iter();
        let segments = segments.map(|entry| segment::open(&*self.directory, entry, database));
        let segments: Vec<Stream> = segments.collect::<Result<_>>()?;
        // ORDER: the new run and segments are durable; this is where they take the others' place. One line earlier a crash
        // leaves streams that no manifest names, and the next session removes them.
        self.editor.edit(|manifest| merged.apply(manifest))?;
        let mut queue = self.committer.queue();
        let oldest = old.runs.first().map(|run| run.entry.stream);
        if oldest.is_some_and(|oldest| merged.inputs.contains(&oldest)) {
            // Behind the oldest run there is nothing to delete, so tombstones went.
            let inputs = old.runs.iter();
            let inputs = inputs.filter(|run| merged.inputs.contains(&run.entry.stream));
            let last = inputs.map(|run| run.entry.last_lsn).max();
            let last = last.unwrap_or(Lsn::ZERO).min(old.forget);
            queue.forgotten = queue.forgotten.max(last);
        }
        self.published.change(|view| {
            let place = view
                .runs
                .iter()
                .position(|run| merged.inputs.contains(&run.entry.stream));
            view.runs
                .retain(|run| !merged.inputs.contains(&run.entry.stream));
            if let (Some(run), Some(place)) = (run, place) {
                view.runs.insert(place, run);
            }
            view.streams.retain(|id, _| !merged.emptied.contains(id));
            for segment in segments {
                view.streams.insert(segment.id, Arc::new(segment));
            }
        });
        for run in &old.runs {
            if merged.inputs.contains(&run.entry.stream) {
                let name = run.stream.name.clone();
                let holder: Arc<dyn Any + Send + Sync> = Arc::clone(run) as _;
                compactor.note(name, run.entry.len, &holder);
            }
        }
        for (id, stream) in &old.streams {
            if merged.emptied.contains(id) {
                let len = stream.size().unwrap_or(0);
                let holder: Arc<dyn Any + Send + Sync> = Arc::clone(stream) as _;
                compactor.note(stream.name.clone(), len, &holder);
            }
        }
        self.committer.counters.compaction();
        Ok(())
    }

    /// Removes the streams that nobody has any more; with `all`, also those that snapshots go on reading through what they have
    /// open.
    pub(crate) fn remove_obsolete(&self, compactor: &mut Compactor, all: bool) {
        compactor.obsolete.retain(|stream| {
            let held = stream.holder.strong_count() > 0;
            if held && !all {
                return true;
            }
            // Not listed; if removing it fails, the next session does it.
            let _ = self.directory.remove(&stream.name);
            false
        });
    }

    fn note_compaction(&self, done: &Result<bool>) {
        let mut queue = self.committer.queue();
        queue.compaction_trouble = done.as_ref().err().map(Refusal::of);
        let trouble = queue.compaction_trouble.clone();
        self.committer.check_manifest(&mut queue, trouble.as_ref());
    }
}

impl Compactor {
    pub(crate) fn note(&mut self, name: String, len: u64, holder: &Arc<dyn Any + Send + Sync>) {
        self.obsolete.push(Obsolete {
            name,
            len,
            holder: Arc::downgrade(holder),
        });
    }

    /// Whether streams wait for somebody to let go of them.
    pub(crate) fn has_obsolete(&self) -> bool {
        !self.obsolete.is_empty()
    }

    /// Bytes of streams that only snapshots hold.
    pub(crate) fn obsolete_bytes(&self) -> u64 {
        self.obsolete.iter().map(|stream| stream.len).sum()
    }
}

impl Inputs {
    pub(crate) fn of(view: &View) -> Self {
        Self {
            runs: view.runs.iter().rev().map(Arc::clone).collect(),
            streams: view.streams.clone(),
            catalog: Arc::clone(&view.catalog),
            forget: Lsn(u64::MAX),
            kept: BTreeSet::new(),
        }
    }

    pub(crate) fn infos(&self) -> Result<Vec<RunInfo>> {
        compaction::run_infos(
            &self.runs,
            &self.streams,
            &|id| !self.catalog.has(id),
            &|id| self.catalog.collection_of(IndexId(id.0)),
            &self.kept,
        )
    }
}
