//! What to merge next: a pure function of what the runs say of themselves.
//!
//! Three reasons, in this order: so many bytes are dead that copying what lives gives room back; a read would have to ask too
//! many runs; records are to be compressed and are not yet.

use std::ops::Range;

use crate::format::key::Key;
use crate::options::Compression;

/// What the planner knows of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RunInfo {
    pub(crate) entries: u64,
    pub(crate) tombstones: u64,
    pub(crate) first_key: Key,
    pub(crate) last_key: Key,
    /// Whether it holds range tombstones.
    pub(crate) ranges: bool,
    /// Whether the oldest run went into it.
    pub(crate) forgetful: bool,
    /// Length of all segments that it points into, in bytes.
    pub(crate) segment_bytes: u64,
    /// … and of that, how much it points to.
    pub(crate) live_bytes: u64,
    /// How many bytes of older runs' records it makes superfluous, about: also those that its range tombstones cover.
    pub(crate) overwritten_bytes: u64,
    /// How much of its own records is superfluous besides, about: tombstones, and what was dropped.
    pub(crate) void_bytes: u64,
    /// Length of those of its segments that are not compressed, in bytes.
    pub(crate) plain_bytes: u64,
    pub(crate) index: IndexInfo,
}

/// What the planner knows of a run's index entries.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct IndexInfo {
    pub(crate) entries: u64,
    /// Length of their pages in bytes.
    pub(crate) bytes: u64,
    /// How much of these, and of those of older runs, is superfluous, about: tombstones and what they hide, and what was dropped.
    pub(crate) void_bytes: u64,
    /// The first and the last key.
    pub(crate) keys: Option<(Vec<u8>, Vec<u8>)>,
}

impl RunInfo {
    /// How many keys a merge has to write again.
    fn all_entries(&self) -> u64 {
        self.entries.saturating_add(self.index.entries)
    }
}

/// When to do what.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Policy {
    /// How many runs of about one size are merged.
    pub(crate) fan_out: usize,
    /// … and no more than this many at a time.
    pub(crate) fan_out_max: usize,
    /// Runs below this many entries count as of one size.
    pub(crate) entries_min: u64,
    /// Runs that a point read need not ask, since their keys are elsewhere, are merged only above this many.
    pub(crate) run_count_max: usize,
    /// Room is given back when dead bytes are above live bytes divided by this.
    pub(crate) live_per_dead: u64,
    /// … and above this many.
    pub(crate) dead_bytes_min: u64,
    pub(crate) compression: Compression,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            fan_out: 6,
            fan_out_max: 8,
            entries_min: 4096,
            run_count_max: 32,
            live_per_dead: 3,
            dead_bytes_min: 1 << 20,
            compression: Compression::None,
        }
    }
}

/// Neighbouring runs that become one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Job {
    /// Indices into the list of runs, the oldest first.
    pub(crate) runs: Range<usize>,
    pub(crate) rewrite: Rewrite,
}

/// Which records are copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rewrite {
    /// None: keys alone are merged.
    Nothing,
    /// Those of the emptiest segments, until what is dead is below a tenth of what lives.
    Dead,
    /// Those of every segment that is not compressed.
    Plain,
    /// Those of every segment that is not dense, in key order, and compressed if that is asked for.
    All,
}

/// What to do next; `None` if all is well. `runs` come the oldest first.
pub(crate) fn plan(runs: &[RunInfo], policy: &Policy) -> Option<Job> {
    let rewrite = match policy.compression {
        Compression::None => Rewrite::Nothing,
        _ => Rewrite::Plain,
    };
    if space_is_due(runs, policy) {
        return Some(Job {
            runs: 0..runs.len(),
            rewrite: Rewrite::Dead,
        });
    }
    if let Some(runs) = tier(runs, policy).or_else(|| crowd(runs, policy)) {
        return Some(Job { runs, rewrite });
    }
    // Runs that no merge comes to, since their keys are nobody else's.
    let plain = |run: &RunInfo| run.plain_bytes > 0;
    let first = runs.iter().position(plain)?;
    (rewrite == Rewrite::Plain).then_some(Job {
        runs: first..first + 1,
        rewrite,
    })
}

/// The job that a user asks for: everything that can be given back is, and what is scattered is put in order. `None` if
/// there are no runs. Whether there is anything to gain is counted when it is carried out.
pub(crate) fn plan_all(runs: &[RunInfo]) -> Option<Job> {
    (!runs.is_empty()).then_some(Job {
        runs: 0..runs.len(),
        rewrite: Rewrite::All,
    })
}

/// The job that gives room back, if more than a third of all is dead.
pub(crate) fn plan_space(runs: &[RunInfo], policy: &Policy) -> Option<Job> {
    let (dead, live) = all_bytes(runs);
    let due = space_is_due(runs, policy) && dead.saturating_mul(2) > live;
    due.then_some(Job {
        runs: 0..runs.len(),
        rewrite: Rewrite::Dead,
    })
}

/// Dead and live bytes of segments and index entries, about.
pub(crate) fn all_bytes(runs: &[RunInfo]) -> (u64, u64) {
    let index: u64 = runs.iter().map(|run| run.index.bytes).sum();
    let index_dead = index_dead_bytes(runs);
    (
        dead_bytes(runs).saturating_add(index_dead),
        live_bytes(runs).saturating_add(index - index_dead),
    )
}

/// Bytes of index entries that are dead, about.
pub(crate) fn index_dead_bytes(runs: &[RunInfo]) -> u64 {
    let void = runs.iter().map(|run| run.index.void_bytes);
    let all = runs.iter().map(|run| run.index.bytes).sum();
    void.fold(0_u64, u64::saturating_add).min(all)
}

/// Dead bytes of all runs' segments, about.
pub(crate) fn dead_bytes(runs: &[RunInfo]) -> u64 {
    let segments: u64 = runs.iter().map(|run| run.segment_bytes).sum();
    segments - live_bytes(runs)
}

/// Live bytes of all runs' segments, about.
pub(crate) fn live_bytes(runs: &[RunInfo]) -> u64 {
    let pointed: u64 = runs
        .iter()
        .map(|run| run.live_bytes.min(run.segment_bytes))
        .sum();
    let void = |run: &RunInfo| run.overwritten_bytes.saturating_add(run.void_bytes);
    let void = runs.iter().map(void).fold(0_u64, u64::saturating_add);
    pointed.saturating_sub(void)
}

fn space_is_due(runs: &[RunInfo], policy: &Policy) -> bool {
    let (dead, live) = all_bytes(runs);
    dead > policy.dead_bytes_min && dead.saturating_mul(policy.live_per_dead) > live
}

/// Enough neighbours of about one size, the smallest such first, if a point read would have to ask several of them, or if there
/// are too many runs, whatever their keys.
fn tier(runs: &[RunInfo], policy: &Policy) -> Option<Range<usize>> {
    let crowded = is_crowded(runs, policy);
    let mut groups = Vec::new();
    let mut start = 0;
    while let Some(rest) = runs.get(start..).filter(|rest| !rest.is_empty()) {
        // As in Lucene's LogMergePolicy: down to three quarters of a level below the highest that is left.
        let highest = rest
            .iter()
            .map(|run| level(run, policy))
            .fold(0.0, f64::max);
        let within = |run: &RunInfo| level(run, policy) >= highest - 0.75;
        let last = rest.iter().rposition(within).unwrap_or(0);
        groups.push(start..start + last + 1);
        start += last + 1;
    }
    let windows = groups.into_iter().rev().map(|group| {
        let end = group.end.min(group.start + policy.fan_out_max);
        group.start..end
    });
    let mut full = windows.filter(|window| window.len() >= policy.fan_out);
    full.find(|window| {
        let asked = runs.get(window.clone()).map_or(0, depth);
        crowded || asked * 3 >= window.len() * 2
    })
}

/// Too many runs, and no tier that is full: the neighbours that have the fewest entries.
fn crowd(runs: &[RunInfo], policy: &Policy) -> Option<Range<usize>> {
    if !is_crowded(runs, policy) {
        return None;
    }
    let entries = |window: &[RunInfo]| {
        let entries = window.iter().map(RunInfo::all_entries);
        entries.fold(0, u64::saturating_add)
    };
    let windows = runs.windows(policy.fan_out).enumerate();
    let (start, _) = windows.min_by_key(|(_, window)| entries(window))?;
    Some(start..start + policy.fan_out)
}

fn is_crowded(runs: &[RunInfo], policy: &Policy) -> bool {
    runs.len() > policy.run_count_max
}

/// The size of a run on a scale where each step is the fan-out.
#[expect(clippy::cast_precision_loss, reason = "a size to compare by")]
fn level(run: &RunInfo, policy: &Policy) -> f64 {
    let entries = run.all_entries().max(policy.entries_min).max(1);
    (entries as f64).ln() / (policy.fan_out.max(2) as f64).ln()
}

/// Of how many of the runs one key can be, at the most, be it that of an entity or that of an index entry.
fn depth(runs: &[RunInfo]) -> usize {
    key_depth(runs).max(index_depth(runs))
}

fn index_depth(runs: &[RunInfo]) -> usize {
    let spans = || runs.iter().filter_map(|run| run.index.keys.as_ref());
    let holds = |key: &Vec<u8>| {
        spans()
            .filter(|(first, last)| first <= key && key <= last)
            .count()
    };
    spans().map(|(first, _)| holds(first)).max().unwrap_or(0)
}

fn key_depth(runs: &[RunInfo]) -> usize {
    let holds = |key: &Key| {
        let within = |run: &&RunInfo| run.first_key <= *key && *key <= run.last_key;
        runs.iter().filter(within).count()
    };
    runs.iter()
        .map(|run| holds(&run.first_key))
        .max()
        .unwrap_or(0)
}
