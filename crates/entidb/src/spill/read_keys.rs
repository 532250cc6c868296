//! Keys that a serializable transaction has read, once they do not fit in memory.

use super::ground::Ground;
use super::line::Line;
use super::pile::{Layer, Pile};
use crate::cache::Cache;
use crate::error::Result;
use crate::format::filter;
use crate::format::key::Key;
use crate::format::name::StreamKind;
use crate::ids::{Lsn, StreamId};
use crate::memtable::Location;
use crate::run::{Builder, Run};
use crate::sync::Arc;

/// Sorted keys on the disk.
pub(crate) struct ReadKeys {
    pile: Pile,
    /// What the next piece has in the place of an LSN.
    next: Lsn,
    _line: Line,
}

impl ReadKeys {
    /// None yet, of a transaction over the commit `since`.
    pub(crate) fn begin(ground: &Arc<Ground>, since: Lsn) -> Result<Self> {
        let _open = ground.enter()?;
        Ok(Self {
            pile: Pile::new(ground, Arc::default()),
            next: Lsn(1),
            _line: ground.begin(since)?,
        })
    }

    /// Takes more of them over, sorted and each once.
    pub(crate) fn push(&mut self, keys: &[Key]) -> Result<()> {
        let ground = Arc::clone(&self.pile.ground);
        let _open = ground.enter()?;
        self.pile.make_room()?;
        let held = ground.stream(StreamKind::Run)?;
        let mut builder = Builder::create(
            &*ground.directory,
            held.id(),
            ground.database,
            ground.environment.salt(),
            keys.len() as u64,
        )?;
        // There is no record.
        let nowhere = Location {
            lsn: self.next,
            stream: StreamId(0),
            offset: 0,
            len: 0,
            tombstone: false,
        };
        for key in keys {
            builder.push(*key, nowhere)?;
        }
        ground.note_sync();
        let entry = builder.finish(self.next, self.next)?;
        let run = Run::open(&*ground.directory, entry, ground.database)?;
        self.next.0 += 1;
        self.pile.layers.push(Layer::new(Arc::new(run), held));
        Ok(())
    }

    /// Runs of them, in no order that matters.
    pub(crate) fn runs(&self) -> impl Iterator<Item = &Arc<Run>> {
        self.pile.layers.iter().map(|layer| &layer.run)
    }

    /// Whether the key is one of them.
    pub(crate) fn has(&self, cache: &Cache, key: &Key) -> Result<bool> {
        let hash = filter::hash(key);
        for run in self.runs().filter(|run| run.spans(key)) {
            if run.get(cache, key, hash)?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
