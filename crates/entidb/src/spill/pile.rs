//! Sorted keys that a transaction has spilled, piece by piece.

use std::ops::Range;

use super::ground::Ground;
use super::held::Held;
use crate::compaction::{Entries, Keys, filter_room, kept_ranges};
use crate::error::Result;
use crate::format::name::StreamKind;
use crate::ids::{CollectionId, IndexId, Lsn};
use crate::manifest::Catalog;
use crate::memtable::Location;
use crate::run::{Builder, EntryRef, Run};
use crate::sync::Arc;

/// So many neighbours of one level become one of the next: what is open, and what a look-up asks, grows with the logarithm of
/// what was spilled.
const FAN_IN: usize = 8;

/// A run that a transaction has made: of one piece, or of several.
#[derive(Clone)]
pub(crate) struct Layer {
    pub(super) run: Arc<Run>,
    pub(super) held: Arc<Held>,
    level: u32,
}

impl Layer {
    pub(super) fn new(run: Arc<Run>, held: Arc<Held>) -> Self {
        Self {
            run,
            held,
            level: 0,
        }
    }
}

/// Runs in the order of their pieces.
pub(super) struct Pile {
    pub(super) ground: Arc<Ground>,
    /// Knows the indexes whose entries the runs have.
    pub(super) catalog: Arc<Catalog>,
    /// The oldest first.
    pub(super) layers: Vec<Layer>,
}

impl Pile {
    pub(super) fn new(ground: &Arc<Ground>, catalog: Arc<Catalog>) -> Self {
        Self {
            ground: Arc::clone(ground),
            catalog,
            layers: Vec::new(),
        }
    }

    /// The runs, the newest first.
    pub(super) fn runs(&self) -> Vec<Arc<Run>> {
        let layers = self.layers.iter().rev();
        layers.map(|layer| Arc::clone(&layer.run)).collect()
    }

    /// Puts small runs together, so that there is room for another.
    pub(super) fn make_room(&mut self) -> Result<()> {
        while let Some(range) = self.full() {
            let layers = self.layers.get(range.clone()).unwrap_or_default();
            let level = layers.first().map_or(0, |layer| layer.level + 1);
            let folded = fold(&self.ground, &self.catalog, layers)?;
            self.layers.splice(range, [Layer { level, ..folded }]);
        }
        Ok(())
    }

    /// The newest layers, if there are enough of one level.
    fn full(&self) -> Option<Range<usize>> {
        let start = self.layers.len().checked_sub(FAN_IN)?;
        let newest = self.layers.get(start..)?;
        let level = newest.first()?.level;
        let full = newest.iter().all(|layer| layer.level == level);
        full.then_some(start..self.layers.len())
    }
}

/// One run in the place of several.
fn fold(ground: &Arc<Ground>, catalog: &Catalog, layers: &[Layer]) -> Result<Layer> {
    let runs = runs_of(layers);
    let lsns = |run: &Arc<Run>| (run.entry.first_lsn, run.entry.last_lsn);
    let first = runs.first().map_or(Lsn::ZERO, |run| lsns(run).0);
    let last = runs.last().map_or(Lsn::ZERO, |run| lsns(run).1);
    let (held, mut builder) = create(ground, &runs)?;
    push_keys(&mut builder, &runs, |lsn| lsn)?;
    push_entries(&mut builder, &runs, catalog, |lsn| lsn, |_| Ok(()))?;
    let run = end(ground, builder, first, last)?;
    Ok(Layer::new(Arc::new(run), held))
}

/// What the last run of a transaction is made of.
pub(super) struct Parts<'a> {
    pub(super) layers: &'a [Layer],
    /// Runs of index entries.
    pub(super) entries: &'a [Layer],
    pub(super) catalog: &'a Catalog,
    /// The runs that it comes behind, the newest first.
    pub(super) older: Vec<Arc<Run>>,
}

/// The one run of one commit that comes of these. `each` is called with every index entry, in order.
pub(super) fn finish(
    ground: &Arc<Ground>,
    parts: Parts<'_>,
    each: impl FnMut(&EntryRef<'_>) -> Result<()>,
) -> Result<(Run, Arc<Held>)> {
    let (runs, entries) = (runs_of(parts.layers), runs_of(parts.entries));
    let (held, mut builder) = create(ground, &runs)?;
    builder.set_one_commit();
    builder.set_older(parts.older);
    push_keys(&mut builder, &runs, |_| Lsn::ZERO)?;
    push_entries(&mut builder, &entries, parts.catalog, |_| Lsn::ZERO, each)?;
    let run = end(ground, builder, Lsn::ZERO, Lsn::ZERO)?;
    Ok((run, held))
}

fn runs_of(layers: &[Layer]) -> Vec<Arc<Run>> {
    layers.iter().map(|layer| Arc::clone(&layer.run)).collect()
}

fn create(ground: &Arc<Ground>, runs: &[Arc<Run>]) -> Result<(Arc<Held>, Builder)> {
    let held = ground.stream(StreamKind::Run)?;
    let key_count = runs.iter().map(|run| run.footer.entries).sum();
    let builder = Builder::create(
        &*ground.directory,
        held.id(),
        ground.database,
        ground.environment.salt(),
        filter_room(key_count),
    )?;
    Ok((held, builder))
}

/// The keys of these runs, the oldest of which comes first, and the ranges that they delete.
fn push_keys(builder: &mut Builder, runs: &[Arc<Run>], lsn: impl Fn(Lsn) -> Lsn) -> Result<()> {
    let keep_all = |_| false;
    let mut keys = Keys::new(runs, Lsn::ZERO, &keep_all)?;
    let mut ranges = kept_ranges(runs, &keep_all);
    for range in &mut ranges {
        range.lsn = lsn(range.lsn);
    }
    builder.set_ranges(ranges);
    while let Some((key, location)) = keys.next()? {
        let lsn = lsn(location.lsn);
        builder.push(key, Location { lsn, ..location })?;
    }
    Ok(())
}

/// The index entries of these runs, behind all keys.
fn push_entries(
    builder: &mut Builder,
    runs: &[Arc<Run>],
    catalog: &Catalog,
    lsn: impl Fn(Lsn) -> Lsn,
    mut each: impl FnMut(&EntryRef<'_>) -> Result<()>,
) -> Result<()> {
    let indexes = runs.iter().filter_map(|run| run.footer.index.as_ref());
    builder.expect_entries(indexes.map(|index| index.values).sum());
    let (keep_all, collection_of) = (
        |_| false,
        |index: CollectionId| catalog.collection_of(IndexId(index.0)),
    );
    let mut entries = Entries::new(runs, false, &keep_all, &collection_of)?;
    while let Some(entry) = entries.next()? {
        each(&entry)?;
        builder.push_entry(entry.key, lsn(entry.lsn), entry.tombstone)?;
    }
    Ok(())
}

fn end(ground: &Arc<Ground>, builder: Builder, first: Lsn, last: Lsn) -> Result<Run> {
    ground.note_sync();
    let entry = builder.finish(first, last)?;
    Run::open(&*ground.directory, entry, ground.database)
}
