//! Walking through what an index has found.

use std::ops::Bound;
use std::sync::Arc;

use super::entries::{Entries, EntryBounds, bounds_of, value_prefix};
use super::keys::Keys;
use super::own::OwnEntries;
use super::position::Position;
use crate::error::{Error, Result};
use crate::format::catalog::Index;
use crate::format::entry_key;
use crate::format::key::Key;
use crate::ids::{EntityId, IndexId};
use crate::payload::Payload;
use crate::snapshot::Snapshot;
use crate::transaction::ReadNotes;

/// Between which index keys an answer lies, however long they are.
pub(super) struct Exact {
    pub(super) lower: Bound<Vec<u8>>,
    pub(super) upper: Bound<Vec<u8>>,
}

/// How many bytes of a key tell exactly where a shortened one stands.
const TOLD_LEN: usize = entry_key::WHOLE_LEN_MAX;

impl Exact {
    /// The whole keys between which the entries lie that can be in the answer; and itself, where not all of these are: shortened
    /// keys are told apart by their beginnings alone. `equal` is the one key that is asked for, if it is only one.
    pub(super) fn stored(
        self,
        index: IndexId,
        equal: Option<&[u8]>,
    ) -> (EntryBounds, Option<Self>) {
        if let Some(equal) = equal {
            let mut key = equal.to_vec();
            let exact = entry_key::shorten(&mut key, 0).then_some(self);
            return (bounds_of(&value_prefix(index, &key)), exact);
        }
        let is_long = |bound: &Bound<Vec<u8>>| match bound {
            Bound::Included(key) | Bound::Excluded(key) => key.len() > TOLD_LEN,
            Bound::Unbounded => false,
        };
        let long = is_long(&self.lower) || is_long(&self.upper);
        let whole = |key: &Vec<u8>| value_prefix(index, key);
        let all = bounds_of(&index.0.to_be_bytes());
        let lower = match &self.lower {
            Bound::Included(key) | Bound::Excluded(key) if key.len() > TOLD_LEN => {
                Bound::Included(value_prefix(index, key.get(..TOLD_LEN).unwrap_or_default()))
            }
            Bound::Unbounded => all.0,
            bound => bound.as_ref().map(whole),
        };
        let upper = match &self.upper {
            Bound::Included(key) | Bound::Excluded(key) if key.len() > TOLD_LEN => {
                bounds_of(&value_prefix(
                    index,
                    key.get(..TOLD_LEN).unwrap_or_default(),
                ))
                .1
            }
            Bound::Unbounded => all.1,
            bound => bound.as_ref().map(whole),
        };
        ((lower, upper), long.then_some(self))
    }

    fn holds(&self, index_key: &[u8]) -> bool {
        let lower = match &self.lower {
            Bound::Included(bound) => index_key >= bound.as_slice(),
            Bound::Excluded(bound) => index_key > bound.as_slice(),
            Bound::Unbounded => true,
        };
        lower
            && match &self.upper {
                Bound::Included(bound) => index_key <= bound.as_slice(),
                Bound::Excluded(bound) => index_key < bound.as_slice(),
                Bound::Unbounded => true,
            }
    }
}

/// A lazy walk over the entries of an index.
pub(crate) struct Walk(Result<Box<Steps>, Option<Error>>);

struct Steps {
    snapshot: Snapshot,
    index: Arc<Index>,
    entries: Entries,
    /// The stored key that comes next, if it was looked at.
    stored: Option<Vec<u8>>,
    /// What the transaction has written itself.
    own: Option<OwnEntries>,
    descending: bool,
    /// What the answer lies in, where entries alone do not tell.
    exact: Option<Exact>,
    keys: Keys,
    left: u64,
    /// Where a serializable transaction notes what it reads.
    reads: Option<ReadNotes>,
    /// The key that was found last.
    key: Vec<u8>,
}

impl Walk {
    pub(super) fn failed(error: Error) -> Self {
        Self(Err(Some(error)))
    }

    pub(crate) fn over(
        snapshot: Snapshot,
        index: Arc<Index>,
        bounds: &EntryBounds,
        descending: bool,
    ) -> Result<Self> {
        let (view, lsn) = (snapshot.view(), snapshot.lsn());
        let entries = Entries::new(view, lsn, index.collection, bounds, descending)?;
        Ok(Self(Ok(Box::new(Steps {
            snapshot,
            index,
            entries,
            stored: None,
            own: None,
            descending,
            exact: None,
            keys: Keys::default(),
            left: u64::MAX,
            reads: None,
            key: Vec::new(),
        }))))
    }

    pub(super) fn with(mut self, exact: Option<Exact>, limit: u64) -> Self {
        if let Ok(steps) = &mut self.0 {
            steps.exact = exact;
            steps.left = limit;
        }
        self
    }

    /// Over a transaction's own writes besides.
    pub(crate) fn under(mut self, own: OwnEntries, reads: Option<ReadNotes>) -> Self {
        if let Ok(steps) = &mut self.0 {
            steps.own = Some(own);
            steps.reads = reads;
        }
        self
    }

    /// The next entity; its payload, if it is to be `read`, or was at hand.
    fn next(&mut self, read: bool) -> Option<Result<(EntityId, Option<Payload>)>> {
        match &mut self.0 {
            Ok(steps) => steps.next(read).transpose(),
            Err(error) => error.take().map(Err),
        }
    }

    fn position(&self) -> Position {
        let key = self.0.as_ref().map(|steps| steps.key.clone());
        Position(key.unwrap_or_default())
    }
}

impl Steps {
    fn next(&mut self, read: bool) -> Result<Option<(EntityId, Option<Payload>)>> {
        while self.left > 0 {
            let step = self.step().inspect_err(|_| {
                // Entries may be missing from here on, so there is no going on.
                self.left = 0;
            });
            let Some((id, mut payload)) = step? else {
                return Ok(None);
            };
            let unsure = self.exact.is_some();
            if payload.is_none() && (read || unsure) {
                payload = Some(self.payload(id)?);
            }
            if let (Some(payload), Some(exact)) = (&payload, &self.exact) {
                self.keys.fill_whole(&self.index, payload.as_bytes())?;
                let stored = entry_key::split(&self.key).map(|(_, key, _)| key);
                let mut keys = self.keys.iter().filter(|key| exact.holds(key));
                let mut short = Vec::new();
                let holds = keys.any(|key| {
                    short.clear();
                    short.extend_from_slice(key);
                    entry_key::shorten(&mut short, 0);
                    Some(short.as_slice()) == stored
                });
                if !holds {
                    continue;
                }
            }
            self.left -= 1;
            return Ok(Some((id, payload)));
        }
        Ok(None)
    }

    /// The next entry of stored ones and own ones; its key is in `key`.
    fn step(&mut self) -> Result<Option<(EntityId, Option<Payload>)>> {
        let Some(own) = &mut self.own else {
            let Some(found) = self.entries.next()? else {
                return Ok(None);
            };
            self.key.clear();
            self.key.extend_from_slice(found);
            return Ok(Some((id_of(&self.key), None)));
        };
        while self.stored.is_none() {
            let Some(found) = self.entries.next()? else {
                break;
            };
            if !own.hides(id_of(found))? {
                self.stored = Some(found.to_vec());
            }
        }
        let stored_first = match (&self.stored, own.peek()?) {
            (Some(stored), Some(own)) => (stored.as_slice() < own) != self.descending,
            (stored, _) => stored.is_some(),
        };
        if stored_first {
            self.key = self.stored.take().unwrap_or_default();
            return Ok(Some((id_of(&self.key), None)));
        }
        Ok(own.next()?.map(|(key, payload)| {
            self.key = key;
            (id_of(&self.key), Some(payload))
        }))
    }

    fn payload(&self, id: EntityId) -> Result<Payload> {
        let collection = self.index.collection;
        if let Some(reads) = &self.reads {
            reads.note_key(Key::new(collection, id))?;
        }
        let found = self.snapshot.get_in(collection, id)?;
        found.ok_or_else(|| {
            let name = &self.index.name;
            Error::new(
                crate::ErrorKind::Corrupt,
                format!("the index {name:?} names entity {id}, which is not there: drop it and make it again"),
            )
        })
    }
}

/// The id at the end of a whole key.
fn id_of(key: &[u8]) -> EntityId {
    entry_key::split(key).map_or(EntityId::MIN, |(_, _, id)| id)
}

/// The ids of what an index has found: [`Find::ids`](super::Find::ids).
#[must_use = "a walk reads nothing until it is iterated"]
pub struct FoundIds(pub(super) Walk);

impl Iterator for FoundIds {
    type Item = Result<EntityId>;

    fn next(&mut self) -> Option<Self::Item> {
        let found = self.0.next(false)?;
        Some(found.map(|(id, _)| id))
    }
}

/// What an index has found: [`Find::iter`](super::Find::iter).
#[must_use = "a walk reads nothing until it is iterated"]
pub struct Found(pub(super) Walk);

impl Iterator for Found {
    type Item = Result<(EntityId, Payload)>;

    fn next(&mut self) -> Option<Self::Item> {
        let found = self.0.next(true)?;
        found.map(|(id, payload)| Some((id, payload?))).transpose()
    }
}

/// What an index has found, and where: [`Find::positions`](super::Find::positions).
#[must_use = "a walk reads nothing until it is iterated"]
pub struct FoundPositions(pub(super) Walk);

impl FoundPositions {
    /// The next one without its entity being read.
    pub fn next_id(&mut self) -> Option<Result<(EntityId, Position)>> {
        let found = self.0.next(false)?;
        Some(found.map(|(id, _)| (id, self.0.position())))
    }
}

impl Iterator for FoundPositions {
    type Item = Result<(EntityId, Payload, Position)>;

    fn next(&mut self) -> Option<Self::Item> {
        let found = self.0.next(true)?;
        let position = self.0.position();
        let with = |(id, payload): (EntityId, Option<Payload>)| Some((id, payload?, position));
        found.map(with).transpose()
    }
}
