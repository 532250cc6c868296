//! Sorted keys that a transaction has spilled, piece by piece.

use std::ops::Range;

use super::ground::Ground;
use super::held::Held;
use crate::compaction::{Keys, filter_room, kept_ranges};
use crate::error::Result;
use crate::format::name::StreamKind;
use crate::ids::Lsn;
use crate::memtable::Location;
use crate::run::{Builder, Run};
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
    /// The oldest first.
    pub(super) layers: Vec<Layer>,
}

impl Pile {
    pub(super) fn new(ground: &Arc<Ground>) -> Self {
        Self {
            ground: Arc::clone(ground),
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
            let folded = fold(&self.ground, layers)?;
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
fn fold(ground: &Arc<Ground>, layers: &[Layer]) -> Result<Layer> {
    let runs: Vec<_> = layers.iter().map(|layer| Arc::clone(&layer.run)).collect();
    let lsns = |run: &Arc<Run>| (run.entry.first_lsn, run.entry.last_lsn);
    let first = runs.first().map_or(Lsn::ZERO, |run| lsns(run).0);
    let last = runs.last().map_or(Lsn::ZERO, |run| lsns(run).1);
    let (run, held) = merged(ground, &runs, (first, last), |_| (), |location| location)?;
    Ok(Layer::new(Arc::new(run), held))
}

/// The one run of one commit that comes of these, the oldest first; it is the newest beside `older`.
pub(super) fn finish(
    ground: &Arc<Ground>,
    layers: &[Layer],
    older: Vec<Arc<Run>>,
) -> Result<(Run, Arc<Held>)> {
    let runs: Vec<_> = layers.iter().map(|layer| Arc::clone(&layer.run)).collect();
    let prepare = |builder: &mut Builder| {
        builder.set_one_commit();
        builder.set_older(older);
    };
    let of_the_commit = |location| Location {
        lsn: Lsn::ZERO,
        ..location
    };
    merged(
        ground,
        &runs,
        (Lsn::ZERO, Lsn::ZERO),
        prepare,
        of_the_commit,
    )
}

fn merged(
    ground: &Arc<Ground>,
    runs: &[Arc<Run>],
    (first_lsn, last_lsn): (Lsn, Lsn),
    prepare: impl FnOnce(&mut Builder),
    place: impl Fn(Location) -> Location,
) -> Result<(Run, Arc<Held>)> {
    let keep_all = |_| false;
    let mut keys = Keys::new(runs, Lsn::ZERO, &keep_all)?;
    let mut ranges = kept_ranges(runs, &keep_all);
    let one_commit = last_lsn == Lsn::ZERO;
    for range in ranges.iter_mut().filter(|_| one_commit) {
        range.lsn = Lsn::ZERO;
    }
    let held = ground.stream(StreamKind::Run)?;
    let key_count = runs.iter().map(|run| run.footer.entries).sum();
    let database = ground.database;
    let mut builder = Builder::create(
        &*ground.directory,
        held.id(),
        database,
        ground.environment.salt(),
        filter_room(key_count),
    )?;
    prepare(&mut builder);
    builder.set_ranges(ranges);
    while let Some((key, location)) = keys.next()? {
        builder.push(key, place(location))?;
    }
    ground.note_sync();
    let entry = builder.finish(first_lsn, last_lsn)?;
    let run = Run::open(&*ground.directory, entry, database)?;
    Ok((run, held))
}
