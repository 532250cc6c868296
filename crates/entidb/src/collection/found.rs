//! What a declared index has found, as entities of a type.

use std::marker::PhantomData;

use super::entity::Entity;
use super::form::Held;
use crate::error::Result;
use crate::index::{Found, FoundPositions, Position};

/// A lazy walk over the entities that an index has found, in the order of its values: [`TypedFind`](super::TypedFind).
///
/// An entity that cannot be read as the type is an error, and the walk goes on behind it.
#[must_use = "a walk reads nothing until it is iterated"]
pub struct FoundEntities<T> {
    found: Found,
    held: Held,
    of: PhantomData<fn() -> T>,
}

impl<T> FoundEntities<T> {
    pub(super) fn new(found: Found, held: Held) -> Self {
        Self {
            found,
            held,
            of: PhantomData,
        }
    }
}

impl<T: Entity> Iterator for FoundEntities<T> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Result<T>> {
        let found = self.found.next_stored()?;
        Some(found.and_then(|(id, lsn, payload)| {
            let form = self.held.form();
            form.read(id, lsn, payload.as_bytes())
        }))
    }
}

/// A lazy walk over what an index has found, with the position behind which a later walk goes on:
/// [`TypedFind::positions`](super::TypedFind::positions).
#[must_use = "a walk reads nothing until it is iterated"]
pub struct EntityPositions<T> {
    found: FoundPositions,
    held: Held,
    of: PhantomData<fn() -> T>,
}

impl<T> EntityPositions<T> {
    pub(super) fn new(found: FoundPositions, held: Held) -> Self {
        Self {
            found,
            held,
            of: PhantomData,
        }
    }

    /// Whether there is more, without reading it.
    fn has_more(&mut self) -> Result<bool> {
        Ok(self.found.next_id().transpose()?.is_some())
    }
}

impl<T: Entity> Iterator for EntityPositions<T> {
    type Item = Result<(T, Position)>;

    fn next(&mut self) -> Option<Result<(T, Position)>> {
        let found = self.found.next_stored()?;
        Some(found.and_then(|(id, lsn, payload, position)| {
            let entity = self.held.form().read(id, lsn, payload.as_bytes())?;
            Ok((entity, position))
        }))
    }
}

/// Some of what an index has found: [`TypedFind::page`](super::TypedFind::page).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Page<T> {
    /// The entities.
    pub entities: Vec<T>,
    /// Behind which position the next page begins; `None` at the end. It is a text to `Display` and `FromStr`, so that a link can
    /// hold it.
    pub next: Option<Position>,
}

impl<T: Entity> Page<T> {
    /// The first `count` of a walk.
    pub(super) fn of(mut positions: EntityPositions<T>, count: usize) -> Result<Self> {
        let mut page = Self {
            entities: Vec::new(),
            next: None,
        };
        let mut last = None;
        for found in positions.by_ref().take(count) {
            let (entity, position) = found?;
            page.entities.push(entity);
            last = Some(position);
        }
        if positions.has_more()? {
            page.next = last;
        }
        Ok(page)
    }
}
