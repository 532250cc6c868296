//! A lazy walk over the entities of a type.

use super::entity::Entity;
use super::form::Held;
use super::id::ToId;
use crate::error::{Error, Result};
use crate::ids::{EntityId, Lsn};
use crate::payload::Payload;
use crate::snapshot::Scan;
use crate::transaction::TransactionScan;

/// A lazy walk over the entities of a collection, in id order: [`Collection::iter`](crate::Collection::iter). It is of one
/// moment, whatever is written meanwhile.
///
/// An entity that cannot be read as the type is an error, and the walk goes on behind it.
///
/// ```
/// # use entidb::{Database, Entity, EntityId};
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Entity, Serialize, Deserialize)]
/// # struct Note { #[entity(id)] id: EntityId, text: String }
/// # fn main() -> entidb::Result<()> {
/// # let db = Database::open_in(entidb::storage::MemoryDirectory::new())?;
/// let notes = db.collection::<Note>()?;
/// for note in &notes {
///     println!("{}", note?.text);
/// }
/// let newest: Vec<Note> = notes.iter().reverse().take(10).collect::<entidb::Result<_>>()?;
/// # assert!(newest.is_empty());
/// # Ok(()) }
/// ```
#[must_use = "a walk reads nothing until it is iterated"]
pub struct Entities<T> {
    walk: Walk,
    /// `None` where there is nothing to walk over.
    held: Option<Held>,
    /// Why there is no walk.
    failed: Option<Error>,
    of: std::marker::PhantomData<fn() -> T>,
}

pub(super) enum Walk {
    Nothing,
    Snapshot(Scan),
    Transaction(Box<TransactionScan>),
}

impl Walk {
    fn next(&mut self) -> Option<Result<(EntityId, Lsn, Payload)>> {
        match self {
            Self::Nothing => None,
            Self::Snapshot(scan) => scan.next_stored(),
            Self::Transaction(scan) => scan.next_stored(),
        }
    }
}

impl<T: Entity> Entities<T> {
    pub(super) fn new(walk: Walk, held: Option<Held>) -> Self {
        Self {
            walk,
            held,
            failed: None,
            of: std::marker::PhantomData,
        }
    }

    /// One that gives an error and ends.
    pub(super) fn failed(error: Error) -> Self {
        Self {
            failed: Some(error),
            ..Self::new(Walk::Nothing, None)
        }
    }

    /// The same walk from the highest id down. Called before the first entity is taken.
    pub fn reverse(mut self) -> Self {
        self.walk = match self.walk {
            Walk::Nothing => Walk::Nothing,
            Walk::Snapshot(scan) => Walk::Snapshot(scan.reverse()),
            Walk::Transaction(scan) => Walk::Transaction(Box::new(scan.reverse())),
        };
        self
    }

    /// The rest of the walk behind an id, whether that is there or not: for the next page. Called before the first entity is
    /// taken, and after [`reverse`](Self::reverse).
    ///
    /// ```
    /// # use entidb::{Database, Entity, EntityId};
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(Entity, Serialize, Deserialize)]
    /// # struct Note { #[entity(id)] id: EntityId, text: String }
    /// # fn main() -> entidb::Result<()> {
    /// # let db = Database::open_in(entidb::storage::MemoryDirectory::new())?;
    /// # let notes = db.collection::<Note>()?;
    /// # for n in 0..5 { notes.put(&Note { id: EntityId::from_key(n), text: String::new() })?; }
    /// let page: Vec<Note> = notes.iter().take(3).collect::<entidb::Result<_>>()?;
    /// let rest = notes.iter().after(page[2].id);          // in a later request, of another snapshot
    /// assert_eq!(rest.count(), 2);
    /// # Ok(()) }
    /// ```
    pub fn after(mut self, id: impl ToId<T::Id>) -> Self {
        let id = id.to_id();
        self.walk = match self.walk {
            Walk::Nothing => Walk::Nothing,
            Walk::Snapshot(scan) => Walk::Snapshot(scan.after(id)),
            Walk::Transaction(scan) => Walk::Transaction(Box::new(scan.after(id))),
        };
        self
    }

    /// The ids alone. Outside a transaction the entities are not read for it.
    pub fn ids(self) -> EntityIds {
        EntityIds(self.walk)
    }
}

/// A lazy walk over the ids of a collection: [`Entities::ids`].
#[must_use = "a walk reads nothing until it is iterated"]
pub struct EntityIds(Walk);

impl Iterator for EntityIds {
    type Item = Result<EntityId>;

    fn next(&mut self) -> Option<Result<EntityId>> {
        match &mut self.0 {
            Walk::Nothing => None,
            Walk::Snapshot(scan) => {
                let next = scan.next_written().transpose()?;
                Some(next.map(|(id, ..)| id))
            }
            Walk::Transaction(scan) => Some(scan.next()?.map(|(id, _)| id)),
        }
    }
}

impl<T: Entity> Iterator for Entities<T> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Result<T>> {
        if let Some(error) = self.failed.take() {
            return Some(Err(error));
        }
        let held = self.held.as_ref()?;
        let stored = self.walk.next()?;
        Some(stored.and_then(|(id, lsn, payload)| held.form().read(id, lsn, payload.as_bytes())))
    }
}
