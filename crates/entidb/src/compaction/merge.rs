//! Carrying out a job: one run in the place of several, and records copied out of segments that are given up.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use entidb_storage::Directory;

use super::copy::{Copies, Reader};
use super::entries::Entries;
use super::keys::Keys;
use super::plan::{Job, Rewrite};
use super::space::{self, Count};
use crate::error::{Error, Result};
use crate::format::name::StreamKind;
use crate::ids::{CollectionId, Lsn, StreamId};
use crate::manifest::{Manifest, SealedEntry};
use crate::options::Compression;
use crate::ranges::RangeTombstone;
use crate::run::{Builder, Run};
use crate::stream::Stream;

/// What a key costs in a run, about, in bytes.
const ENTRY_LEN: u64 = 24;
/// How many entries are merged between two looks at whether to stop, and how fast to go.
const STEP_COUNT: u64 = 4096;
/// How many bytes are copied between two of these looks.
const STEP_LEN: u64 = 1 << 20;

/// What a job works on.
pub(crate) struct Source<'a> {
    /// All runs, the oldest first: the job names some of them by index.
    pub(crate) runs: &'a [Arc<Run>],
    /// All segments, by number.
    pub(crate) streams: &'a BTreeMap<StreamId, Arc<Stream>>,
    /// Whether a collection was dropped: nothing of it is kept.
    pub(crate) is_dropped: &'a dyn Fn(CollectionId) -> bool,
    /// What was deleted up to this commit may be forgotten, once nothing is older.
    pub(crate) forget: Lsn,
    /// Segments that are not taken apart, and not given up.
    pub(crate) kept: &'a BTreeSet<StreamId>,
    /// The collection that an index is of; `None` if the index was dropped: none of its entries is kept.
    pub(crate) collection_of: &'a dyn Fn(CollectionId) -> Option<CollectionId>,
}

impl Source<'_> {
    /// Up to which commit a merge of these runs forgets what was deleted.
    fn forget(&self, runs: &Range<usize>) -> Lsn {
        match runs.start {
            0 => self.forget,
            _ => Lsn::ZERO,
        }
    }
}

/// Where a job's results go, and how it is held back.
pub(crate) struct Context<'a> {
    pub(crate) directory: &'a dyn Directory,
    pub(crate) database: [u8; 16],
    pub(crate) compression: Compression,
    /// A new stream number.
    pub(crate) allocate: &'a mut dyn FnMut() -> Result<StreamId>,
    /// A new salt.
    pub(crate) salt: &'a mut dyn FnMut() -> u64,
    /// Whether to stop.
    pub(crate) cancelled: &'a dyn Fn() -> bool,
    /// Called with the bytes that were read and written since the last call: may sleep.
    pub(crate) pace: &'a mut dyn FnMut(u64),
}

/// How a job ended.
#[derive(Debug)]
pub(crate) enum Outcome {
    Merged(Merged),
    /// There was nothing to gain. Nothing was made.
    Nothing,
    /// It was stopped. Nothing was made.
    Cancelled,
}

/// What a job made: durable, and of no effect until the manifest lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Merged {
    /// The run that takes the inputs' place. `None` if nothing of them is left.
    pub(crate) run: Option<SealedEntry>,
    /// New segments, which the run points into.
    pub(crate) segments: Vec<SealedEntry>,
    /// The runs whose place it takes.
    pub(crate) inputs: Vec<StreamId>,
    /// Segments that no run points into any more.
    pub(crate) emptied: Vec<StreamId>,
}

impl Merged {
    /// The edit of the manifest that makes it count. The streams that fall out of it may be removed once no view holds them.
    pub(crate) fn apply(&self, manifest: &mut Manifest) {
        let first = manifest
            .runs
            .iter()
            .position(|run| self.inputs.contains(&run.stream));
        manifest
            .runs
            .retain(|run| !self.inputs.contains(&run.stream));
        if let (Some(run), Some(first)) = (self.run, first) {
            manifest.runs.insert(first, run);
        }
        let kept = |segment: &SealedEntry| !self.emptied.contains(&segment.stream);
        manifest.segments.retain(kept);
        manifest.rewritten.retain(kept);
        manifest.rewritten.extend(&self.segments);
    }
}

/// Removes what a job made, unless it came to its end. Nothing names it; if removing fails too, the next session does it.
struct Made<'a> {
    directory: &'a dyn Directory,
    names: Vec<String>,
}

impl Drop for Made<'_> {
    fn drop(&mut self) {
        for name in &self.names {
            let _ = self.directory.remove(name);
        }
    }
}

/// Why a job ends early.
enum Stop {
    Cancelled,
    Failed(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// Carries out `job`. After an error, or when it was cancelled, everything is as it was. After [`Outcome::Nothing`] the same
/// job need not be tried again before something has changed.
pub(crate) fn run(job: &Job, source: &Source<'_>, context: &mut Context<'_>) -> Result<Outcome> {
    ended(
        choose(job, source, context).and_then(|chosen| match chosen {
            Some((victims, key_count)) => {
                merge(&job.runs, &victims, key_count, source, context).map(Some)
            }
            None => Ok(None),
        }),
    )
}

fn ended(result: Result<Option<Merged>, Stop>) -> Result<Outcome> {
    match result {
        Ok(Some(merged)) => Ok(Outcome::Merged(merged)),
        Ok(None) => Ok(Outcome::Nothing),
        Err(Stop::Cancelled) => Ok(Outcome::Cancelled),
        Err(Stop::Failed(error)) => Err(error),
    }
}

/// Merges these runs with these victims, whatever a plan would say.
#[cfg(test)]
pub(super) fn run_with(
    runs: &Range<usize>,
    victims: &BTreeSet<StreamId>,
    source: &Source<'_>,
    context: &mut Context<'_>,
) -> Result<Outcome> {
    let key_count = source.runs.iter().map(|run| run.footer.entries).sum();
    ended(merge(runs, victims, key_count, source, context).map(Some))
}

/// The victims of a job, and how many keys there will be, or a few less. `None` if there is nothing to gain.
fn choose(
    job: &Job,
    source: &Source<'_>,
    context: &mut Context<'_>,
) -> Result<Option<(BTreeSet<StreamId>, u64)>, Stop> {
    let inputs = source.runs.get(job.runs.clone()).unwrap_or_default();
    let forget = source.forget(&job.runs);
    let all: u64 = inputs.iter().map(|run| run.footer.entries).sum();
    let others = streams_outside(&job.runs, source.runs);
    if job.rewrite == Rewrite::Nothing {
        let mut small = small(inputs, &others, source.streams)?;
        small.retain(|stream| !source.kept.contains(stream));
        return Ok(Some((small, all)));
    }
    let count = count(inputs, forget, source, context)?;
    let compression = context.compression;
    let mut victims = space::victims(job.rewrite, &count, source.streams, compression)?;
    victims.retain(|stream| !others.contains(stream) && !source.kept.contains(stream));
    let mut ranges = inputs.iter().flat_map(|run| run.ranges());
    let forgets = ranges.any(|range| range.lsn <= forget);
    let same = count.keys == all && count.is_live() && !forgets;
    let same = same && !loses_entries(inputs, job.runs.start == 0, source);
    match inputs.len() <= 1 && victims.is_empty() && same {
        true => Ok(None),
        false => Ok(Some((victims, count.keys))),
    }
}

/// Writes one run of the keys of these runs, and copies the records that lie in `victims`.
fn merge(
    range: &Range<usize>,
    victims: &BTreeSet<StreamId>,
    key_count: u64,
    source: &Source<'_>,
    context: &mut Context<'_>,
) -> Result<Merged, Stop> {
    let inputs = source.runs.get(range.clone()).unwrap_or_default();
    let Some((first, last)) = inputs.first().zip(inputs.last()) else {
        return Err(Error::invalid("a merge of no runs").into());
    };
    let oldest = range.start == 0;
    let forget = source.forget(range);
    let mut keys = Keys::new(inputs, forget, source.is_dropped)?;
    let mut ranges = kept_ranges(inputs, source.is_dropped);
    ranges.retain(|range| range.lsn > forget);
    let mut used = streams_outside(range, source.runs);
    used.extend(source.kept);
    let mut merged = Merged {
        run: None,
        segments: Vec::new(),
        inputs: inputs.iter().map(|run| run.entry.stream).collect(),
        emptied: Vec::new(),
    };
    let mut made = Made {
        directory: context.directory,
        names: Vec::new(),
    };
    let mut next = keys.next()?;
    let mut entries = Entries::new(inputs, oldest, source.is_dropped, source.collection_of)?;
    let mut next_entry = entries.next()?;
    if next.is_some() || !ranges.is_empty() || next_entry.is_some() {
        let mut builder = builder(context, &mut made.names, key_count)?;
        let older = source.runs.get(..range.start).unwrap_or_default();
        builder.set_older(older.iter().rev().cloned().collect());
        builder.set_ranges(ranges);
        if oldest {
            builder.set_forgetful();
        }
        let mut copies = Copies::default();
        let mut reader = Reader::new(source.streams);
        let mut meter = Meter::default();
        while let Some((key, mut location)) = next {
            let mut cost = 2 * ENTRY_LEN;
            if victims.contains(&location.stream) {
                let payload = reader.payload(key, &location)?;
                cost += 2 * u64::from(location.len);
                location = copies.push(context, &mut made.names, key, &location, &payload)?;
            }
            builder.push(key, location)?;
            meter.add(cost, context)?;
            next = keys.next()?;
        }
        builder.expect_entries(value_count(inputs));
        while let Some(entry) = next_entry {
            let cost = 2 * entry.key.len() as u64;
            builder.push_entry(entry.key, entry.lsn, entry.tombstone)?;
            meter.add(cost, context)?;
            next_entry = entries.next()?;
        }
        meter.flush(context)?;
        used.extend(builder.streams());
        merged.segments = copies.finish()?;
        // ORDER: run and segments are durable before the manifest lists them; of the two, which comes first makes no
        // difference, since a crash in here leaves streams that no manifest names.
        let sealed = builder.finish(first.entry.first_lsn, last.entry.last_lsn)?;
        merged.run = Some(sealed);
    }
    let streams = inputs.iter().flat_map(|run| &run.footer.streams).copied();
    let emptied: BTreeSet<_> = streams.filter(|stream| !used.contains(stream)).collect();
    merged.emptied.extend(emptied);
    made.names.clear();
    Ok(merged)
}

/// Whether a merge of these runs would leave index entries out, as their footers tell.
fn loses_entries(inputs: &[Arc<Run>], oldest: bool, source: &Source<'_>) -> bool {
    let mut indexes = inputs.iter().filter_map(|run| run.footer.index.as_ref());
    let gone = |index: CollectionId| {
        let collection = (source.collection_of)(index);
        collection.is_none_or(|collection| (source.is_dropped)(collection))
    };
    indexes.any(|footer| {
        let dropped = footer.indexes.iter().any(|(index, _)| gone(*index));
        dropped || oldest && footer.tombstones > 0
    })
}

/// How many values the index entries of these runs have, at the most.
fn value_count(inputs: &[Arc<Run>]) -> u64 {
    let indexes = inputs.iter().filter_map(|run| run.footer.index.as_ref());
    indexes.map(|index| index.values).sum()
}

fn builder(
    context: &mut Context<'_>,
    made: &mut Vec<String>,
    key_count: u64,
) -> Result<Builder, Stop> {
    let id = (context.allocate)()?;
    let salt = (context.salt)();
    made.push(StreamKind::Run.name(id));
    let key_count = filter_room(key_count);
    let builder = Builder::create(context.directory, id, context.database, salt, key_count)?;
    Ok(builder)
}

/// The segments that runs outside the range point into.
fn streams_outside(range: &Range<usize>, runs: &[Arc<Run>]) -> BTreeSet<StreamId> {
    let others = runs.iter().enumerate();
    let others = others.filter(|(index, _)| !range.contains(index));
    let streams = others.flat_map(|(_, run)| run.footer.streams.iter().copied());
    streams.collect()
}

/// The small segments of the inputs, if there are several.
fn small(
    inputs: &[Arc<Run>],
    others: &BTreeSet<StreamId>,
    streams: &BTreeMap<StreamId, Arc<Stream>>,
) -> Result<BTreeSet<StreamId>> {
    let mut found = Vec::new();
    for id in inputs.iter().flat_map(|run| &run.footer.streams) {
        if let Some(stream) = streams.get(id).filter(|_| !others.contains(id)) {
            found.push((*id, stream.size()?));
        }
    }
    Ok(space::small(found.into_iter(), false).into_iter().collect())
}

/// Walks through the keys once to know exactly what is live, and where.
fn count(
    inputs: &[Arc<Run>],
    forget: Lsn,
    source: &Source<'_>,
    context: &mut Context<'_>,
) -> Result<Count, Stop> {
    let mut keys = Keys::new(inputs, forget, source.is_dropped)?;
    let streams = inputs
        .iter()
        .flat_map(|run| run.footer.streams.iter().copied());
    let mut count = Count::new(streams);
    let mut meter = Meter::default();
    while let Some((_, location)) = keys.next()? {
        count.add(&location);
        meter.add(ENTRY_LEN, context)?;
    }
    meter.flush(context)?;
    Ok(count)
}

/// The range tombstones of these runs, but for those that another one says already.
pub(crate) fn kept_ranges(
    inputs: &[Arc<Run>],
    is_dropped: &dyn Fn(CollectionId) -> bool,
) -> Vec<RangeTombstone> {
    let ranges = inputs.iter().flat_map(|run| run.ranges()).copied();
    let mut ranges: Vec<_> = ranges
        .filter(|range| !is_dropped(range.collection))
        .collect();
    // By their beginnings, the widest of those first and the newest of equals first.
    ranges.sort_by(|a, b| {
        let of = |range: &RangeTombstone| (range.collection, range.first);
        of(a)
            .cmp(&of(b))
            .then(b.last.cmp(&a.last))
            .then(b.lsn.cmp(&a.lsn))
    });
    let mut kept: Vec<RangeTombstone> = Vec::new();
    for range in ranges {
        let said = kept.last().is_some_and(|wide| {
            wide.collection == range.collection && wide.last >= range.last && wide.lsn >= range.lsn
        });
        if !said {
            kept.push(range);
        }
    }
    kept
}

/// Counts the work, and asks now and then whether to go on.
#[derive(Default)]
struct Meter {
    bytes: u64,
    entries: u64,
}

impl Meter {
    fn add(&mut self, bytes: u64, context: &mut Context<'_>) -> Result<(), Stop> {
        self.bytes += bytes;
        self.entries += 1;
        match self.bytes >= STEP_LEN || self.entries >= STEP_COUNT {
            true => self.flush(context),
            false => Ok(()),
        }
    }

    fn flush(&mut self, context: &mut Context<'_>) -> Result<(), Stop> {
        (context.pace)(self.bytes);
        *self = Self::default();
        match (context.cancelled)() {
            true => Err(Stop::Cancelled),
            false => Ok(()),
        }
    }
}

/// A number of keys, a little above the given one, whose filter can be folded to an eighth: keys of the inputs that are one in
/// the merged run need less room than was set aside.
pub(crate) fn filter_room(key_count: u64) -> u64 {
    const BITS_PER_KEY: u64 = 10;
    const EIGHT_BLOCKS_BITS: u64 = 8 * 256;
    let blocks = key_count
        .saturating_mul(BITS_PER_KEY)
        .div_ceil(EIGHT_BLOCKS_BITS);
    blocks.saturating_mul(EIGHT_BLOCKS_BITS) / BITS_PER_KEY
}
