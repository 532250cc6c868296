//! When what a transaction puts is to go: what it was told, and its collections' times to live.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Transaction;
use crate::error::Result;
use crate::expiry::{Due, EXPIRY};
use crate::format::key::Key;
use crate::ids::{CollectionId, EntityId};
use crate::spill;
use crate::write_set::Own;

/// A time that does not come: of what does not go, whatever its collection says.
const NEVER: u64 = u64::MAX;

impl Transaction {
    /// Says when what was just put is to go; `None`: never, whatever its collection says.
    pub(crate) fn expires(&mut self, collection: &str, id: EntityId, time_us: Option<u64>) {
        if let Some(collection) = self.catalog.find(collection) {
            let key = Key::new(collection, id);
            self.expiring.insert(key, Some(time_us.unwrap_or(NEVER)));
        }
    }

    /// What was just put is another version, without the time that one before it was given.
    pub(super) fn void_time(&mut self, key: Key) {
        match &self.times {
            None => drop(self.expiring.remove(&key)),
            Some(_) => drop(self.expiring.insert(key, None)),
        }
    }

    /// Writes when what was put is to go, before the commit at `now_us`. Returns the first of these times.
    pub(crate) fn arm(&mut self, now_us: impl FnOnce() -> u64) -> Result<Option<u64>> {
        if self.spilled.is_some() {
            return self.arm_spilled(now_us);
        }
        let expiring = std::mem::take(&mut self.expiring).into_iter();
        let expiring = expiring.filter_map(|(key, time_us)| Some((key, time_us?)));
        let mut expiring: BTreeMap<Key, u64> = expiring.collect();
        let catalog = Arc::clone(&self.catalog);
        if !catalog.times_to_live.is_empty() {
            let time = |id| catalog.time_to_live(id);
            let lasting = self.writes.puts(|id| time(id).is_some());
            let now_us = if lasting.is_empty() { 0 } else { now_us() };
            for key in lasting {
                let time_us = now_us.saturating_add(time(key.collection()).unwrap_or(0));
                expiring.entry(key).or_insert(time_us);
            }
        }
        // Not one that was deleted again.
        expiring.retain(|key, time_us| {
            *time_us != NEVER && matches!(self.writes.get(key), Own::Put(_))
        });
        let mut first = None;
        for (key, time_us) in expiring {
            if let Some(of) = catalog.get(key.collection()) {
                self.put_due(&of.name, key.id(), time_us)?;
                first = earlier(first, time_us);
            }
        }
        Ok(first)
    }

    /// As [`arm`](Self::arm), of a transaction that has spilled: one entity after the other, so that nobody holds all times.
    fn arm_spilled(&mut self, now_us: impl FnOnce() -> u64) -> Result<Option<u64>> {
        let catalog = Arc::clone(&self.catalog);
        if self.times.is_none() && self.expiring.is_empty() && catalog.times_to_live.is_empty() {
            return Ok(None);
        }
        if let Some(host) = self.host.as_ref().map(Arc::clone) {
            self.spill(&*host)?;
        }
        let (Some(spilled), now_us) = (&self.spilled, now_us()) else {
            return Ok(None);
        };
        let catalog = Arc::clone(&self.catalog);
        let times = self.times.take();
        let cache = Arc::clone(&self.snapshot.view().cache);
        let knows = |id| times.as_ref().is_some_and(|times| times.knows(id));
        let timed = |id: &&CollectionId| knows(**id) || catalog.time_to_live(**id).is_some();
        let walks = spilled.collections().iter().filter(timed).map(|id| {
            let ends = [EntityId::MIN, EntityId::MAX].map(|end| Key::new(*id, end));
            (*id, spill::Walk::new(spilled, ends[0], ends[1]))
        });
        let walks: Vec<_> = walks.collect();
        let mut first = None;
        for (collection, mut walk) in walks {
            let Some(of) = catalog.get(collection) else {
                continue;
            };
            let time_to_live = catalog.time_to_live(collection);
            while let Some(id) = walk.next_put()? {
                let given = match &times {
                    Some(times) => times.get(&cache, &Key::new(collection, id))?,
                    None => None,
                };
                let time_us = given.or_else(|| Some(now_us.saturating_add(time_to_live?)));
                if let Some(time_us) = time_us.filter(|time_us| *time_us != NEVER) {
                    self.put_due(&of.name, id, time_us)?;
                    first = earlier(first, time_us);
                }
            }
        }
        Ok(first)
    }

    /// Writes that an entity of a collection is to go at a time.
    fn put_due(&mut self, collection: &str, entity: EntityId, time_us: u64) -> Result<()> {
        let due = Due {
            time_us,
            collection: collection.to_owned(),
            entity,
        };
        let times = self.make_any_collection(EXPIRY)?;
        self.put_any(Key::new(times, due.id()), &due.encode()?)
    }
}

fn earlier(first: Option<u64>, time_us: u64) -> Option<u64> {
    Some(first.map_or(time_us, |first| first.min(time_us)))
}
