//! When entities that were spilled are to go.

use std::collections::{BTreeMap, BTreeSet};

use super::ground::Ground;
use super::pile::{Layer, Pile};
use crate::cache::Cache;
use crate::error::Result;
use crate::format::filter;
use crate::format::key::Key;
use crate::format::name::StreamKind;
use crate::ids::{CollectionId, Lsn, StreamId};
use crate::memtable::Location;
use crate::run::{Builder, Run};
use crate::sync::Arc;

/// Sorted times on the disk: of each key the last one counts.
pub(crate) struct Times {
    pile: Pile,
    /// What the next piece has in the place of an LSN.
    next: Lsn,
    collections: BTreeSet<CollectionId>,
}

impl Times {
    /// None yet.
    pub(crate) fn new(ground: &Arc<Ground>) -> Self {
        Self {
            pile: Pile::new(ground, Arc::default()),
            next: Lsn(1),
            collections: BTreeSet::new(),
        }
    }

    /// Takes more of them over: microseconds since 1970, or that a key has none any more. After an error nothing has changed.
    pub(crate) fn push(&mut self, times: &BTreeMap<Key, Option<u64>>) -> Result<()> {
        let ground = Arc::clone(&self.pile.ground);
        let _open = ground.enter()?;
        self.pile.make_room()?;
        let held = ground.stream(StreamKind::Run)?;
        let (directory, database) = (&*ground.directory, ground.database);
        let salt = ground.environment.salt();
        let mut builder =
            Builder::create(directory, held.id(), database, salt, times.len() as u64)?;
        for (key, time_us) in times {
            // There is no record: the time stands for its place.
            let location = Location {
                lsn: self.next,
                stream: StreamId(0),
                offset: time_us.unwrap_or(0),
                len: 0,
                tombstone: time_us.is_none(),
            };
            builder.push(*key, location)?;
        }
        ground.note_sync();
        let entry = builder.finish(self.next, self.next)?;
        let run = Run::open(directory, entry, database)?;
        self.next.0 += 1;
        self.collections
            .extend(times.keys().map(|key| key.collection()));
        self.pile.layers.push(Layer::new(Arc::new(run), held));
        Ok(())
    }

    /// Whether it says anything of keys in this collection.
    pub(crate) fn knows(&self, collection: CollectionId) -> bool {
        self.collections.contains(&collection)
    }

    /// The time that a key was given last.
    pub(crate) fn get(&self, cache: &Cache, key: &Key) -> Result<Option<u64>> {
        let hash = filter::hash(key);
        for run in self.pile.runs().iter().filter(|run| run.spans(key)) {
            if let Some(found) = run.get(cache, key, hash)? {
                return Ok((!found.tombstone).then_some(found.offset));
            }
        }
        Ok(None)
    }
}
