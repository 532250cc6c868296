//! What every question to a declared index has: of what it is asked, and how what is found becomes entities.

use std::marker::PhantomData;

use super::entity::Entity;
use super::form::Held;
use super::target::target;
use crate::error::{Error, Result};
use crate::ids::{EntityId, Lsn};
use crate::index::{Find, Found, FoundIds, FoundPositions, Position};
use crate::payload::Payload;
use crate::snapshot::Snapshot;
use crate::transaction::Transaction;

/// Of what a question is asked.
#[derive(Clone)]
pub(super) enum Source<'a> {
    Snapshot(Snapshot),
    Transaction(&'a Transaction),
}

/// A question that is being put together. The first error is told when the answer is taken.
#[must_use]
pub struct Asked<'a, T> {
    find: Result<Find<'a>>,
    source: Source<'a>,
    held: Option<Held>,
    of: PhantomData<fn() -> T>,
}

impl<'a, T: Entity> Asked<'a, T> {
    pub(super) fn new(source: Source<'a>, held: Option<Held>, index: &str) -> Self {
        let find = match &held {
            Some(held) => find::<T>(&source, held, index),
            None => Err(target::<T>().undeclared()),
        };
        Self {
            find,
            source,
            held,
            of: PhantomData,
        }
    }

    pub(super) fn failed(source: Source<'a>, error: Error) -> Self {
        Self {
            find: Err(error),
            source,
            held: None,
            of: PhantomData,
        }
    }

    /// Asks for more.
    pub(super) fn and(mut self, more: impl FnOnce(Find<'a>) -> Result<Find<'a>>) -> Self {
        self.find = self.find.and_then(more);
        self
    }

    pub(super) fn iter(self) -> FoundEntities<'a, T> {
        let older = self.has_older();
        let walk = match self.find {
            Ok(find) if older => FoundWalk::Older(find.positions()),
            Ok(find) => FoundWalk::Current(find.iter()),
            Err(error) => FoundWalk::Failed(Some(error)),
        };
        FoundEntities {
            walk,
            source: self.source,
            held: self.held,
            of: PhantomData,
        }
    }

    pub(super) fn positions(self) -> EntityPositions<'a, T> {
        let walk = match self.find {
            Ok(find) => Ok(find.positions()),
            Err(error) => Err(Some(error)),
        };
        EntityPositions {
            walk,
            source: self.source,
            held: self.held,
            of: PhantomData,
        }
    }

    pub(super) fn ids(self) -> FoundEntityIds {
        FoundEntityIds(match self.find {
            Ok(find) => Ok(find.ids()),
            Err(error) => Err(Some(error)),
        })
    }

    pub(super) fn count(self) -> Result<u64> {
        self.find?.count()
    }

    fn has_older(&self) -> bool {
        let held = self.held.as_ref();
        held.is_some_and(|held| !held.collection.older.is_empty())
    }
}

fn find<'a, T: Entity>(source: &Source<'a>, held: &Held, index: &str) -> Result<Find<'a>> {
    if let Some(older) = held.collection.older.first()
        && !held.registry.keeps_indexes(&target::<T>())
    {
        return Err(Error::invalid(format!(
            "the collection {} may have entities of version {}, which its indexes find by their old form: finish the migration, `db.migrate` without `lazy`, or say `keeps_indexes` if no step changes what is indexed",
            T::COLLECTION, older.version
        ))
        .of(T::COLLECTION, None));
    }
    match source {
        Source::Snapshot(snapshot) => snapshot.by(T::COLLECTION, index),
        Source::Transaction(transaction) => transaction.by(T::COLLECTION, index),
    }
}

/// Reads an entity that an index names, whatever form it has.
fn read<T: Entity>(source: &Source<'_>, held: Option<&Held>, id: EntityId) -> Result<T> {
    let held = held.ok_or_else(|| target::<T>().undeclared())?;
    let collection = held.collection.id;
    let stored: Option<(Lsn, Payload)> = match source {
        Source::Snapshot(snapshot) => snapshot.get_stored(collection, id)?,
        Source::Transaction(transaction) => transaction.get_stored(collection, id)?,
    };
    let Some((lsn, payload)) = stored else {
        return Err(Error::new(
            crate::ErrorKind::Corrupt,
            format!(
                "an index of {} names the entity {id}, which is not there: drop the index and make it again",
                T::COLLECTION
            ),
        )
        .of(T::COLLECTION, Some(id)));
    };
    held.form().read(id, lsn, payload.as_bytes())
}

/// A lazy walk over the entities that an index has found, in the order of its values.
///
/// An entity that cannot be read as the type is an error, and the walk goes on behind it.
#[must_use = "a walk reads nothing until it is iterated"]
pub struct FoundEntities<'a, T> {
    walk: FoundWalk,
    source: Source<'a>,
    held: Option<Held>,
    of: PhantomData<fn() -> T>,
}

enum FoundWalk {
    Failed(Option<Error>),
    Current(Found),
    /// Entities of older forms may be among them, and their commits have to be looked at.
    Older(FoundPositions),
}

impl<T: Entity> Iterator for FoundEntities<'_, T> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Result<T>> {
        match &mut self.walk {
            FoundWalk::Failed(error) => error.take().map(Err),
            FoundWalk::Current(found) => {
                let found = found.next()?;
                Some(found.and_then(|(id, payload)| super::target::decode(id, payload.as_bytes())))
            }
            FoundWalk::Older(found) => {
                let found = found.next_id()?;
                Some(found.and_then(|(id, _)| read(&self.source, self.held.as_ref(), id)))
            }
        }
    }
}

/// A lazy walk over what an index has found, with the position behind which a later walk goes on.
#[must_use = "a walk reads nothing until it is iterated"]
pub struct EntityPositions<'a, T> {
    walk: Result<FoundPositions, Option<Error>>,
    source: Source<'a>,
    held: Option<Held>,
    of: PhantomData<fn() -> T>,
}

impl<T: Entity> EntityPositions<'_, T> {
    /// Whether there is more, without reading it.
    pub(super) fn has_more(&mut self) -> Result<bool> {
        match &mut self.walk {
            Ok(found) => Ok(found.next_id().transpose()?.is_some()),
            Err(error) => error.take().map_or(Ok(false), Err),
        }
    }
}

impl<T: Entity> Iterator for EntityPositions<'_, T> {
    type Item = Result<(T, Position)>;

    fn next(&mut self) -> Option<Result<(T, Position)>> {
        match &mut self.walk {
            Err(error) => error.take().map(Err),
            Ok(found) => {
                let found = found.next_id()?;
                Some(found.and_then(|(id, position)| {
                    let entity = read(&self.source, self.held.as_ref(), id)?;
                    Ok((entity, position))
                }))
            }
        }
    }
}

/// A lazy walk over the ids that an index has found, in the order of its values; the entities are not read.
#[must_use = "a walk reads nothing until it is iterated"]
pub struct FoundEntityIds(Result<FoundIds, Option<Error>>);

impl Iterator for FoundEntityIds {
    type Item = Result<EntityId>;

    fn next(&mut self) -> Option<Result<EntityId>> {
        match &mut self.0 {
            Ok(found) => found.next(),
            Err(error) => error.take().map(Err),
        }
    }
}

/// Some of what an index has found: [`FindBy::page`](super::FindBy::page).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Page<T> {
    /// The entities.
    pub entities: Vec<T>,
    /// Behind which position the next page begins; `None` at the end.
    pub next: Option<Position>,
}
