//! What a transaction has written that is no longer in memory.

use std::collections::{BTreeMap, BTreeSet};

use super::entry_pile::EntryPile;
use super::ground::Ground;
use super::held::Held;
use super::large::Large;
use super::line::Line;
use super::piece::{self, Segment};
use super::pile::{self, Parts, Pile};
use super::spans::Spans;
use crate::error::{Error, Result};
use crate::format::filter;
use crate::format::key::Key;
use crate::ids::{CollectionId, EntityId, Lsn, StreamId};
use crate::limits::{SPILLED_RANGE_COUNT_MAX, TRANSACTION_LEN_MAX};
use crate::memtable::Version;
use crate::ranges::{RangeTombstone, covering};
use crate::run::{EntryRef, Run};
use crate::snapshot::Snapshot;
use crate::sync::Arc;
use crate::view::View;
use crate::write_set::WriteSet;

/// The pieces of one transaction.
pub(crate) struct Spilled {
    /// The pieces as a view, for reading. Dropped first, so that a stream is removed only after its reader is gone.
    view: View,
    pile: Pile,
    segments: BTreeMap<StreamId, Segment>,
    /// Keeps merges from forgetting what was deleted since the transaction was begun.
    line: Arc<Line>,
    /// What the next piece has in the place of an LSN.
    next: Lsn,
    /// All that it writes to.
    collections: BTreeSet<CollectionId>,
    /// Bytes of its segments.
    len: u64,
}

/// What was spilled of a key.
pub(crate) enum Found {
    /// It was put; this is where its record lies.
    Put(Version),
    Deleted,
    /// Nothing: it is what it was.
    Untouched,
}

impl Spilled {
    /// Nothing yet, of a transaction over a snapshot.
    pub(crate) fn begin(ground: &Arc<Ground>, snapshot: &Snapshot) -> Result<Self> {
        let _open = ground.enter()?;
        let View { catalog, cache, .. } = snapshot.view();
        Ok(Self {
            pile: Pile::new(ground, Arc::clone(catalog)),
            segments: BTreeMap::new(),
            view: View {
                memtables: Vec::new(),
                runs: Vec::new(),
                streams: BTreeMap::new(),
                catalog: Arc::clone(catalog),
                cache: Arc::clone(cache),
                shown: Lsn::ZERO,
                scans: Arc::default(),
                migrations: Arc::default(),
            },
            line: Arc::new(ground.begin(snapshot.lsn())?),
            next: Lsn(1),
            collections: BTreeSet::new(),
            len: 0,
        })
    }

    /// Takes over what was written since. After an error nothing has changed.
    pub(crate) fn push(&mut self, writes: &WriteSet) -> Result<()> {
        let ground = Arc::clone(&self.pile.ground);
        let _open = ground.enter()?;
        self.check_size(writes)?;
        self.pile.make_room()?;
        let piece = piece::write(&ground, self.next, writes, &self.view.catalog)?;
        self.next.0 += 1;
        self.collections.extend(writes.collections());
        self.pile.layers.push(piece.layer);
        if let Some(segment) = piece.segment {
            self.len += segment.entry.len;
            self.segments.insert(segment.entry.stream, segment);
        }
        self.view.runs = self.pile.runs();
        let segments = self.segments.iter();
        self.view.streams = segments
            .map(|(id, segment)| (*id, Arc::clone(&segment.stream)))
            .collect();
        Ok(())
    }

    fn check_size(&self, writes: &WriteSet) -> Result<()> {
        if self.len + writes.len_bytes() as u64 > TRANSACTION_LEN_MAX {
            return Err(Error::invalid(format!(
                "a transaction has up to {TRANSACTION_LEN_MAX} bytes: commit it in parts"
            )));
        }
        let ranges: usize = self.view.runs.iter().map(|run| run.ranges().len()).sum();
        if ranges + writes.ranges().len() > SPILLED_RANGE_COUNT_MAX {
            return Err(Error::invalid(format!(
                "a transaction that does not fit in memory deletes up to {SPILLED_RANGE_COUNT_MAX} ranges: commit it in parts"
            )));
        }
        Ok(())
    }

    /// What was spilled of a key.
    pub(crate) fn find(&self, key: &Key) -> Result<Found> {
        find(&self.view, key)
    }

    /// The pieces as a view.
    pub(crate) fn view(&self) -> &View {
        &self.view
    }

    /// Everything that its view reads, for as long as somebody does.
    pub(super) fn held(&self) -> Vec<Arc<Held>> {
        let layers = self.pile.layers.iter().map(|layer| &layer.held);
        let segments = self.segments.values().map(|segment| &segment.held);
        layers.chain(segments).map(Arc::clone).collect()
    }

    fn range_tombstones(&self) -> impl Iterator<Item = &RangeTombstone> {
        self.view.runs.iter().flat_map(|run| run.ranges())
    }

    /// The ranges of a collection that were deleted.
    pub(crate) fn ranges(&self, id: CollectionId) -> impl Iterator<Item = (EntityId, EntityId)> {
        let ranges = self.range_tombstones();
        let ranges = ranges.filter(move |range| range.collection == id);
        ranges.map(|range| (range.first, range.last))
    }

    /// Bytes that were spilled.
    pub(crate) fn len_bytes(&self) -> u64 {
        self.len
    }

    /// All that it writes to.
    pub(crate) fn collections(&self) -> &BTreeSet<CollectionId> {
        &self.collections
    }

    /// The ranges that it deletes, also those behind which it has put again.
    pub(crate) fn deleted(&self) -> Spans {
        let ranges = self.range_tombstones().map(|range| {
            let key = |id| Key::new(range.collection, id);
            (key(range.first), key(range.last))
        });
        Spans::new(ranges.collect())
    }

    /// Makes of all pieces, and of the index entries that follow from them, what a commit lists. `older` are the runs that are there,
    /// the newest first; `each` is called with every entry, in order.
    pub(crate) fn finish(
        &self,
        entries: &EntryPile,
        older: Vec<Arc<Run>>,
        each: impl FnMut(&EntryRef<'_>) -> Result<()>,
    ) -> Result<Large> {
        let ground = Arc::clone(&self.pile.ground);
        let _open = ground.enter()?;
        let parts = Parts {
            layers: &self.pile.layers,
            entries: entries.layers(),
            catalog: entries.catalog(),
            older,
        };
        let (run, held) = pile::finish(&ground, parts, each)?;
        // Segments that nothing points into any more go with the pieces.
        let used: BTreeSet<StreamId> = run.footer.streams.iter().copied().collect();
        let segments = self.segments.iter().filter(|(id, _)| used.contains(id));
        Ok(Large::new(
            run,
            held,
            segments.map(|(_, segment)| segment.clone()).collect(),
            self.collections.clone(),
            Arc::clone(&self.line),
        ))
    }
}

/// What the pieces in `view` say of a key.
pub(super) fn find(view: &View, key: &Key) -> Result<Found> {
    let mut deleted = Lsn::ZERO;
    let hash = filter::hash(key);
    for run in &view.runs {
        deleted = deleted.max(covering(run.ranges(), key, Lsn(u64::MAX)));
        if !run.spans(key) {
            continue;
        }
        if let Some(location) = run.get(&view.cache, key, hash)? {
            return Ok(match location.lsn >= deleted && !location.tombstone {
                true => Found::Put(location.into()),
                false => Found::Deleted,
            });
        }
    }
    Ok(match deleted {
        Lsn::ZERO => Found::Untouched,
        _ => Found::Deleted,
    })
}
