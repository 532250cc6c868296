//! How much of the segments is live: estimated from what the runs say, and counted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::plan::{self, IndexInfo, Rewrite, RunInfo};
use crate::error::Result;
use crate::format::footer::Live;
use crate::format::key::Key;
use crate::format::{page, record};
use crate::ids::{CollectionId, EntityId, StreamId};
use crate::memtable::Location;
use crate::options::Compression;
use crate::ranges::RangeTombstone;
use crate::run::Run;
use crate::stream::{Layout, Stream};

/// A record that lies farther from the one before than this, in either direction, costs a read of its own, in bytes.
const NEAR_LEN: u64 = 64 << 10;
/// Segments with fewer live bytes than this for each such read are scattered.
const STRETCH_LEN: u64 = 32 << 10;
/// Segments below this many bytes are put together whenever their runs are.
const SMALL_LEN: u64 = 64 << 10;
/// How many range tombstones of one run are looked for in each older one.
const RANGE_COUNT_MAX: usize = 64;
/// How many dropped collections of one run are looked for.
const DROPPED_COUNT_MAX: usize = 64;

/// How the bytes of all segments are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct SpaceInfo {
    /// Of live records, about.
    pub(crate) live_bytes: u64,
    /// What compaction could give back, about, index entries included.
    pub(crate) dead_bytes_estimate: u64,
    /// All segments that runs point into.
    pub(crate) segment_bytes: u64,
    /// Of these, the compressed ones.
    pub(crate) compressed_bytes: u64,
    /// … and what they would have without compression.
    pub(crate) raw_bytes: u64,
}

/// How a segment's records lie in it.
struct Shape {
    /// On disk, in bytes.
    len: u64,
    /// Of all its records, in bytes.
    record_bytes: u64,
    compression: Compression,
}

impl Shape {
    fn of(stream: &Stream) -> Result<Self> {
        let len = stream.size()?;
        Ok(match &stream.layout {
            Layout::Plain => Self {
                len,
                record_bytes: len,
                compression: Compression::None,
            },
            Layout::Chunked(chunks) => Self {
                len,
                record_bytes: chunks.footer.raw_bytes.max(1),
                compression: chunks.footer.compression,
            },
        })
    }

    /// How much of the segment these bytes of its records take on disk.
    fn on_disk(&self, live: u64) -> u64 {
        let live = u128::from(live.min(self.record_bytes));
        let bytes = u128::from(self.len) * live / u128::from(self.record_bytes.max(1));
        u64::try_from(bytes).unwrap_or(self.len)
    }
}

/// What the planner needs to know of `runs`, the oldest first.
pub(crate) fn run_infos(
    runs: &[Arc<Run>],
    streams: &BTreeMap<StreamId, Arc<Stream>>,
    is_dropped: &dyn Fn(CollectionId) -> bool,
    collection_of: &dyn Fn(CollectionId) -> Option<CollectionId>,
    kept: &BTreeSet<StreamId>,
) -> Result<Vec<RunInfo>> {
    let is_gone = |index| collection_of(index).is_none_or(is_dropped);
    let mut infos: Vec<RunInfo> = Vec::new();
    // Of the runs so far, what their live records would have without compression.
    let mut record_bytes = 0;
    for run in runs {
        let footer = &run.footer;
        let mut info = RunInfo {
            entries: footer.entries,
            tombstones: footer.tombstones,
            first_key: footer.first_key,
            last_key: footer.last_key,
            ranges: !footer.ranges.is_empty(),
            forgetful: footer.forgetful,
            segment_bytes: 0,
            live_bytes: 0,
            overwritten_bytes: footer.overwritten.bytes,
            void_bytes: footer.tombstones * record::HEADER_LEN as u64,
            plain_bytes: 0,
            index: index_info(run, &is_gone),
        };
        let mut own_record_bytes = 0;
        for (at, id) in footer.streams.iter().enumerate() {
            let Some(stream) = streams.get(id) else {
                continue;
            };
            let shape = Shape::of(stream)?;
            // An old footer does not say: then all of it counts as live.
            let live = footer.live.get(at).map_or(shape.record_bytes, |l| l.bytes);
            own_record_bytes += live;
            // Nothing is to be had of what stays as it is.
            if kept.contains(id) {
                continue;
            }
            info.segment_bytes += shape.len;
            info.live_bytes += shape.on_disk(live);
            if shape.compression == Compression::None {
                info.plain_bytes += shape.len;
            }
        }
        let older: u64 = infos.iter().map(|older| older.live_bytes).sum();
        info.overwritten_bytes = scaled(info.overwritten_bytes, older, record_bytes);
        record_bytes += own_record_bytes;
        for (of, told) in runs.iter().zip(&infos) {
            info.overwritten_bytes += part(told.live_bytes, covered(of, &footer.ranges));
        }
        info.overwritten_bytes = info.overwritten_bytes.min(older);
        let dropped = covered(run, &dropped(run, is_dropped));
        let live = info.live_bytes;
        info.void_bytes = info
            .void_bytes
            .saturating_add(part(live, dropped))
            .min(live);
        infos.push(info);
    }
    Ok(infos)
}

/// What the planner needs to know of a run's index entries.
fn index_info(run: &Run, is_gone: &dyn Fn(CollectionId) -> bool) -> IndexInfo {
    let Some(footer) = &run.footer.index else {
        return IndexInfo::default();
    };
    let gone = footer.indexes.iter().filter(|(index, _)| is_gone(*index));
    let gone: u64 = gone.map(|(_, count)| *count).sum();
    let bytes = footer.pages.saturating_mul(page::LEN as u64);
    // A tombstone takes another entry along.
    let void = gone.saturating_add(footer.tombstones.saturating_mul(2));
    IndexInfo {
        entries: footer.entries,
        bytes,
        void_bytes: scaled(void, bytes, footer.entries),
        keys: Some((footer.first_key.clone(), footer.last_key.clone())),
    }
}

/// How the segments' bytes are used, by what `run_infos` said.
pub(crate) fn space(infos: &[RunInfo], streams: &BTreeMap<StreamId, Arc<Stream>>) -> SpaceInfo {
    let mut space = SpaceInfo {
        live_bytes: plan::live_bytes(infos),
        dead_bytes_estimate: plan::dead_bytes(infos) + plan::index_dead_bytes(infos),
        segment_bytes: infos.iter().map(|info| info.segment_bytes).sum(),
        ..SpaceInfo::default()
    };
    for stream in streams.values() {
        if let Layout::Chunked(chunks) = &stream.layout
            && chunks.footer.compression != Compression::None
        {
            space.compressed_bytes += chunks.footer.stored_bytes;
            space.raw_bytes += chunks.footer.raw_bytes;
        }
    }
    space
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "an estimate"
)]
fn part(bytes: u64, share: f64) -> u64 {
    (bytes as f64 * share) as u64
}

/// `bytes · to / from`: say, bytes before compression, as what they take on disk.
fn scaled(bytes: u64, to: u64, from: u64) -> u64 {
    let scaled = u128::from(bytes) * u128::from(to) / u128::from(from.max(1));
    u64::try_from(scaled).unwrap_or(u64::MAX)
}

/// Which part of the run's entries lies in the ranges, by a sample of these if they are many.
#[expect(clippy::cast_precision_loss, reason = "an estimate")]
fn covered(run: &Run, ranges: &[RangeTombstone]) -> f64 {
    let every = ranges.len().div_ceil(RANGE_COUNT_MAX).max(1);
    let shares = ranges.iter().step_by(every).map(|range| share(run, range));
    (shares.sum::<f64>() * every as f64).min(1.0)
}

/// Which part of the run's entries lies in the range, by the leaves. What cannot be read counts as none: who needs it says so.
#[expect(clippy::cast_precision_loss, reason = "an estimate")]
fn share(run: &Run, range: &RangeTombstone) -> f64 {
    let (first, last) = range.ends();
    let footer = &run.footer;
    if footer.entries == 0 || last < footer.first_key || first > footer.last_key || first > last {
        return 0.0;
    }
    let place = |key: &Key| {
        let number = run.seek(key).ok()?;
        let page = run.page(number).ok()?;
        let within = page.lower_bound(key) as f64 / page.count() as f64;
        Some((number - 1) as f64 + within)
    };
    match (place(&first), place(&last)) {
        (Some(first), Some(last)) => ((last - first) / footer.leaves as f64).clamp(0.0, 1.0),
        _ => 0.0,
    }
}

/// The collections in a run that were dropped, as ranges over all of each.
fn dropped(run: &Run, is_dropped: &dyn Fn(CollectionId) -> bool) -> Vec<RangeTombstone> {
    let mut found = Vec::new();
    let (first, last) = (run.footer.first_key, run.footer.last_key);
    if run.footer.entries == 0 {
        return found;
    }
    for collection in (first.collection().0..=last.collection().0).map(CollectionId) {
        if is_dropped(collection) && found.len() < DROPPED_COUNT_MAX {
            found.push(RangeTombstone {
                collection,
                first: EntityId::MIN,
                last: EntityId::MAX,
                lsn: run.entry.last_lsn,
            });
        }
    }
    found
}

/// What a walk through all keys has counted.
pub(super) struct Count {
    pub(super) keys: u64,
    streams: BTreeMap<StreamId, Counted>,
}

#[derive(Default)]
struct Counted {
    live: Live,
    /// Where the record before it in key order ended, in this stream.
    last_end: Option<u64>,
    /// How often the next one lay elsewhere.
    jumps: u64,
}

impl Count {
    pub(super) fn new(streams: impl Iterator<Item = StreamId>) -> Self {
        Self {
            keys: 0,
            streams: streams.map(|id| (id, Counted::default())).collect(),
        }
    }

    /// Whether something lives in every segment.
    pub(super) fn is_live(&self) -> bool {
        self.streams
            .values()
            .all(|counted| counted.live.records > 0)
    }

    pub(super) fn add(&mut self, location: &Location) {
        self.keys += 1;
        let counted = self.streams.entry(location.stream).or_default();
        counted.live.add(location.len);
        let far = |last: u64| last.abs_diff(location.offset) > NEAR_LEN;
        counted.jumps += u64::from(counted.last_end.is_some_and(far));
        counted.last_end = Some(location.offset.saturating_add(u64::from(location.len)));
    }
}

/// The segments whose live records are worth copying.
pub(super) fn victims(
    rewrite: Rewrite,
    count: &Count,
    streams: &BTreeMap<StreamId, Arc<Stream>>,
    compression: Compression,
) -> Result<BTreeSet<StreamId>> {
    let mut victims = BTreeSet::new();
    let mut shapes = Vec::new();
    for (id, counted) in &count.streams {
        // Where nothing lives there is nothing to copy.
        if let Some(stream) = streams.get(id).filter(|_| counted.live.records > 0) {
            let shape = Shape::of(stream)?;
            let dead = shape.len - shape.on_disk(counted.live.bytes);
            shapes.push((*id, counted, shape, dead));
        }
    }
    let wanted = compression != Compression::None;
    let plain = |shape: &Shape| wanted && shape.compression == Compression::None;
    let other = |shape: &Shape| wanted && shape.compression != compression;
    let sparse = |shape: &Shape, dead: u64| dead.saturating_mul(20) > shape.len;
    for (id, counted, shape, dead) in &shapes {
        let scattered = counted.jumps.saturating_mul(STRETCH_LEN) > counted.live.bytes;
        let chosen = match rewrite {
            Rewrite::Nothing | Rewrite::Dead => false,
            Rewrite::Plain => plain(shape),
            Rewrite::All => sparse(shape, *dead) || scattered || other(shape),
        };
        if chosen {
            victims.insert(*id);
        }
    }
    if rewrite == Rewrite::Dead {
        let mut total: u64 = shapes.iter().map(|(_, _, shape, _)| shape.len).sum();
        let dead: u64 = shapes.iter().map(|(_, _, _, dead)| *dead).sum();
        let goal = (total - dead).saturating_add((total - dead) / 10);
        // The emptiest first: a/b > c/d as a·d > c·b.
        shapes.sort_by(|(_, _, a, a_dead), (_, _, b, b_dead)| {
            let of = |dead: u64, other: &Shape| u128::from(dead) * u128::from(other.len);
            of(*b_dead, a).cmp(&of(*a_dead, b))
        });
        for (id, _, _, dead) in &shapes {
            if total <= goal {
                break;
            }
            victims.insert(*id);
            total -= dead;
        }
    }
    let sizes = shapes.iter().map(|(id, _, shape, _)| (*id, shape.len));
    let others = small(sizes, !victims.is_empty());
    victims.extend(others);
    Ok(victims)
}

/// The small ones of these segments, if there are several, or others to go with: their records go into one.
pub(super) fn small(
    segments: impl Iterator<Item = (StreamId, u64)>,
    others: bool,
) -> Vec<StreamId> {
    let small = segments.filter(|(_, len)| *len < SMALL_LEN);
    let small: Vec<_> = small.map(|(id, _)| id).collect();
    match small.len() > 1 || others {
        true => small,
        false => Vec::new(),
    }
}
