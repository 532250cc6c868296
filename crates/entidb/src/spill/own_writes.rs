//! Walking through what a transaction has written, in memory and not.

use std::iter::Peekable;
use std::vec::IntoIter;

use super::walk::Walk;
use crate::error::Result;
use crate::format::key::Key;
use crate::ids::EntityId;
use crate::payload::Payload;

/// A walk over the transaction's own writes within a range of one collection, in id order: what is in memory stands before what was
/// spilled.
pub(crate) struct OwnWrites {
    memory: Peekable<IntoIter<(EntityId, Option<Payload>)>>,
    spilled: Option<Walk>,
    /// Ranges that were deleted since the last spill.
    deleted: Vec<(EntityId, EntityId)>,
    descending: bool,
}

impl Default for OwnWrites {
    fn default() -> Self {
        Self::new(Vec::new(), None, Vec::new())
    }
}

impl OwnWrites {
    pub(crate) fn new(
        memory: Vec<(EntityId, Option<Payload>)>,
        spilled: Option<Walk>,
        deleted: Vec<(EntityId, EntityId)>,
    ) -> Self {
        Self {
            memory: memory.into_iter().peekable(),
            spilled,
            deleted,
            descending: false,
        }
    }

    /// The same walk in the other direction. Called before the first id is taken.
    pub(crate) fn reverse(self) -> Self {
        let descending = !self.descending;
        let mut memory: Vec<_> = self.memory.collect();
        memory.reverse();
        Self {
            memory: memory.into_iter().peekable(),
            spilled: self.spilled.map(|walk| {
                let ends = walk.ends();
                walk.within(ends, descending)
            }),
            deleted: self.deleted,
            descending,
        }
    }

    /// The rest of the walk behind an id. Called before the first id is taken.
    pub(crate) fn after(self, id: EntityId) -> Self {
        let descending = self.descending;
        let is_behind = |own: EntityId| match descending {
            true => own < id,
            false => own > id,
        };
        let memory: Vec<_> = self.memory.filter(|(own, _)| is_behind(*own)).collect();
        Self {
            memory: memory.into_iter().peekable(),
            spilled: self.spilled.and_then(|walk| behind(walk, id, descending)),
            ..self
        }
    }

    /// Whether the first of two ids that are there comes no later than the other.
    fn is_first(&self, one: Option<EntityId>, other: Option<EntityId>) -> bool {
        match (one, other) {
            (Some(one), Some(other)) if self.descending => one >= other,
            (Some(one), Some(other)) => one <= other,
            (one, _) => one.is_some(),
        }
    }

    /// The next id. After an error, there is no more of what was spilled.
    pub(crate) fn peek(&mut self) -> Result<Option<EntityId>> {
        let memory = self.memory.peek().map(|(id, _)| *id);
        let spilled = self.peek_spilled()?;
        Ok(match self.is_first(memory, spilled) {
            true => memory,
            false => spilled,
        })
    }

    /// The next id, and what was put there; without a payload it was deleted.
    pub(crate) fn next(&mut self) -> Result<Option<(EntityId, Option<Payload>)>> {
        let memory = self.memory.peek().map(|(id, _)| *id);
        let spilled = self.peek_spilled()?;
        let memory_first = self.is_first(memory, spilled);
        let Some(walk) = self.spilled.as_mut().filter(|_| spilled.is_some()) else {
            return Ok(self.memory.next());
        };
        if memory_first {
            if memory == spilled {
                walk.pass();
            }
            return Ok(self.memory.next());
        }
        walk.next()
    }

    /// The next id that was spilled and not deleted since.
    fn peek_spilled(&mut self) -> Result<Option<EntityId>> {
        let Some(walk) = &mut self.spilled else {
            return Ok(None);
        };
        loop {
            match walk.peek() {
                Ok(Some(id)) if is_within(&self.deleted, id) => walk.pass(),
                Ok(Some(id)) => return Ok(Some(id)),
                Ok(None) => return Ok(None),
                Err(error) => {
                    // Keys may be missing from here on.
                    self.spilled = None;
                    return Err(error);
                }
            }
        }
    }
}

fn is_within(ranges: &[(EntityId, EntityId)], id: EntityId) -> bool {
    let mut ranges = ranges.iter();
    ranges.any(|(first, last)| *first <= id && id <= *last)
}

/// The rest of a walk behind an id; `None` if there is none.
fn behind(walk: Walk, id: EntityId, descending: bool) -> Option<Walk> {
    let (first, last) = walk.ends();
    let key = |id| Key::new(first.collection(), id);
    let ends = match descending {
        true => (first, last.min(key(id.previous()?))),
        false => (first.max(key(id.next()?)), last),
    };
    (ends.0 <= ends.1).then(|| walk.within(ends, descending))
}
