//! Walking through what a transaction has written, in memory and not.

use std::iter::Peekable;
use std::vec::IntoIter;

use super::walk::Walk;
use crate::error::Result;
use crate::ids::EntityId;
use crate::payload::Payload;

/// A walk over the transaction's own writes within a range of one collection, in id order: what is in memory stands before what was
/// spilled.
pub(crate) struct OwnWrites {
    memory: Peekable<IntoIter<(EntityId, Option<Payload>)>>,
    spilled: Option<Walk>,
    /// Ranges that were deleted since the last spill.
    deleted: Vec<(EntityId, EntityId)>,
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
        }
    }

    /// The next id. After an error, there is no more of what was spilled.
    pub(crate) fn peek(&mut self) -> Result<Option<EntityId>> {
        let memory = self.memory.peek().map(|(id, _)| *id);
        let spilled = self.peek_spilled()?;
        Ok([memory, spilled].into_iter().flatten().min())
    }

    /// The next id, and what was put there; without a payload it was deleted.
    pub(crate) fn next(&mut self) -> Result<Option<(EntityId, Option<Payload>)>> {
        let memory = self.memory.peek().map(|(id, _)| *id);
        let spilled = self.peek_spilled()?;
        let Some(walk) = self.spilled.as_mut().filter(|_| spilled.is_some()) else {
            return Ok(self.memory.next());
        };
        if memory.is_some() && memory <= spilled {
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
