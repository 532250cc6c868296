//! Walking through what an index has found.

use std::ops::Bound;
use std::sync::Arc;

use super::entries::{EntryBounds, bounds_of, value_prefix};
use super::keys::Keys;
use super::merged::{Merged, Notes};
use super::position::Position;
use super::words::{Word, next_of_all, next_of_any};
use crate::error::{Error, Result};
use crate::format::catalog::Index;
use crate::format::entry_key;
use crate::format::key::Key;
use crate::ids::{EntityId, IndexId, Lsn};
use crate::payload::Payload;
use crate::snapshot::Snapshot;

/// Between which index keys an answer lies, however long they are.
pub(super) struct Exact {
    pub(super) lower: Bound<Vec<u8>>,
    pub(super) upper: Bound<Vec<u8>>,
}

/// How many bytes of a key tell exactly where a shortened one stands.
const TOLD_LEN: usize = entry_key::WHOLE_LEN_MAX;

impl Exact {
    /// The whole keys between which the entries lie that can be in the answer; and whether the entries alone tell which of these
    /// are: shortened keys are told apart by their beginnings only. `equal` is the one key that is asked for, if it is only one.
    pub(super) fn stored(&self, index: IndexId, equal: Option<&[u8]>) -> (EntryBounds, bool) {
        if let Some(equal) = equal {
            let mut key = equal.to_vec();
            let told = !entry_key::shorten(&mut key, 0);
            return (bounds_of(&value_prefix(index, &key)), told);
        }
        let beginning = |key: &[u8]| {
            let beginning = key.get(..TOLD_LEN).unwrap_or(key);
            bounds_of(&value_prefix(index, beginning))
        };
        let is_long = |bound: &Bound<Vec<u8>>| match bound {
            Bound::Included(key) | Bound::Excluded(key) => key.len() > TOLD_LEN,
            Bound::Unbounded => false,
        };
        let all = beginning(&[]);
        let lower = match &self.lower {
            Bound::Unbounded => all.0,
            Bound::Included(key) | Bound::Excluded(key) if is_long(&self.lower) => beginning(key).0,
            bound => bound.as_ref().map(|key| value_prefix(index, key)),
        };
        let upper = match &self.upper {
            Bound::Unbounded => all.1,
            Bound::Included(key) | Bound::Excluded(key) if is_long(&self.upper) => beginning(key).1,
            bound => bound.as_ref().map(|key| value_prefix(index, key)),
        };
        let told = !is_long(&self.lower) && !is_long(&self.upper);
        ((lower, upper), told)
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

/// A lazy walk over what an index has found.
pub(super) struct Walk(Result<Box<Steps>, Option<Error>>);

/// Where entities come from.
pub(super) enum Source {
    /// In the order of their values.
    Values(Box<Merged>),
    /// In id order, those that have all of these words.
    All(Vec<Word>),
    /// In id order, those that have any of these words.
    Any(Vec<Word>),
    /// In id order, of a walk through words that was made once.
    Ids(std::vec::IntoIter<(EntityId, Option<Payload>)>),
}

pub(super) struct Steps {
    pub(super) snapshot: Snapshot,
    pub(super) index: Arc<Index>,
    pub(super) source: Source,
    pub(super) descending: bool,
    /// Between what the answer lies, where entries alone do not tell whether an entity is in it, or has come before.
    pub(super) exact: Option<Exact>,
    /// Whether an entity may have several entries there.
    pub(super) several: bool,
    pub(super) keys: Keys,
    pub(super) left: u64,
    pub(super) notes: Notes,
    /// The entity that was given last.
    pub(super) last: EntityId,
    /// Which commit has put the payload that was read last; `MAX` for one of the transaction's own.
    pub(super) put: Lsn,
}

impl Walk {
    pub(super) fn new(steps: Result<Steps>) -> Self {
        Self(steps.map(Box::new).map_err(Some))
    }

    /// The next entity; its payload, if it is to be `read`, or was at hand.
    fn next(&mut self, read: bool) -> Option<Result<(EntityId, Option<Payload>)>> {
        match &mut self.0 {
            Ok(steps) => steps.next(read).transpose(),
            Err(error) => error.take().map(Err),
        }
    }

    /// The next entity, with the commit that has put it.
    fn next_stored(&mut self) -> Option<Result<(EntityId, Lsn, Payload)>> {
        let found = self.next(true)?;
        let put = self.0.as_ref().map_or(Lsn::MAX, |steps| steps.put);
        let with = |(id, payload): (EntityId, Option<Payload>)| Some((id, put, payload?));
        found.map(with).transpose()
    }

    fn position(&self) -> Position {
        let key = self.0.as_ref().map(|steps| match &steps.source {
            Source::Values(entries) => entries.key.clone(),
            _ => value_prefix(steps.index.id, steps.last.as_bytes()),
        });
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
            self.last = id;
            self.put = Lsn::MAX;
            if payload.is_none() && (read || self.exact.is_some()) {
                let (put, stored) = self.payload(id)?;
                (self.put, payload) = (put, Some(stored));
            }
            if self.exact.is_some() && !self.is_in(payload.as_ref())? {
                continue;
            }
            self.left -= 1;
            return Ok(Some((id, payload)));
        }
        Ok(None)
    }

    fn step(&mut self) -> Result<Option<(EntityId, Option<Payload>)>> {
        match &mut self.source {
            Source::Values(entries) => entries.next(),
            Source::All(words) => next_of_all(words, self.descending),
            Source::Any(words) => next_of_any(words, self.descending),
            Source::Ids(ids) => Ok(ids.next()),
        }
    }

    /// Whether the entry where the walk stands is, of those that its entity has in the answer, the first.
    fn is_in(&mut self, payload: Option<&Payload>) -> Result<bool> {
        let (Some(exact), Source::Values(entries), Some(payload)) =
            (&self.exact, &self.source, payload)
        else {
            return Ok(true);
        };
        let Some((_, stored, _)) = entry_key::split(&entries.key) else {
            return Ok(false);
        };
        self.keys.fill_whole(&self.index, payload.as_bytes())?;
        let mut short = Vec::new();
        let keys = self.keys.iter().filter(|key| exact.holds(key));
        let keys = keys.map(|key| {
            short.clear();
            short.extend_from_slice(key);
            entry_key::shorten(&mut short, 0);
            short.as_slice().cmp(stored)
        });
        let mut found = false;
        for order in keys {
            let earlier = if self.descending {
                order.is_gt()
            } else {
                order.is_lt()
            };
            if self.several && earlier {
                return Ok(false);
            }
            found |= order.is_eq();
        }
        Ok(found)
    }

    fn payload(&self, id: EntityId) -> Result<(Lsn, Payload)> {
        let collection = self.index.collection;
        if let Some(notes) = &self.notes {
            notes.note_key(Key::new(collection, id))?;
        }
        let found = self.snapshot.get_stored(collection, id)?;
        found.ok_or_else(|| {
            let name = &self.index.name;
            Error::new(
                crate::ErrorKind::Corrupt,
                format!("the index {name:?} names entity {id}, which is not there: drop it and make it again"),
            )
        })
    }
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

impl Found {
    /// The next one, with the commit that has put it.
    pub(crate) fn next_stored(&mut self) -> Option<Result<(EntityId, Lsn, Payload)>> {
        self.0.next_stored()
    }
}

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

    /// The next one, with the commit that has put it.
    pub(crate) fn next_stored(&mut self) -> Option<Result<(EntityId, Lsn, Payload, Position)>> {
        let found = self.0.next_stored()?;
        Some(found.map(|(id, put, payload)| (id, put, payload, self.0.position())))
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
