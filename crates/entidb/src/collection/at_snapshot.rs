//! A typed collection as it was at one moment.

use std::collections::HashMap;
use std::marker::PhantomData;
use std::ops::RangeBounds;

use super::entities::{Entities, Walk};
use super::entity::Entity;
use super::find::{DeclaredIndex, TypedFind};
use super::form::{Form, Held};
use super::id::ToId;
use super::target::target;
use crate::error::Result;
use crate::ids::{EntityId, Lsn};
use crate::payload::Payload;
use crate::snapshot::Snapshot;

/// The entities of a type at one moment: [`Snapshot::collection`].
pub struct SnapshotCollection<T> {
    snapshot: Snapshot,
    /// `None` if the collection is not there.
    held: Option<Held>,
    of: PhantomData<fn() -> T>,
}

impl<T> Clone for SnapshotCollection<T> {
    fn clone(&self) -> Self {
        Self {
            snapshot: self.snapshot.clone(),
            held: self.held.clone(),
            of: PhantomData,
        }
    }
}

impl Snapshot {
    /// The entities of a type as they were at this moment; none if there was no such collection.
    ///
    /// ```
    /// # use entidb::{Database, Entity, EntityId};
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(Entity, Serialize, Deserialize)]
    /// # struct User { #[entity(id)] id: EntityId, name: String }
    /// # fn main() -> entidb::Result<()> {
    /// # let db = Database::open_in(entidb::storage::MemoryDirectory::new())?;
    /// let users = db.collection::<User>()?;
    /// let before = db.snapshot();
    /// users.put(&User { id: EntityId::new(), name: "Ann".into() })?;
    /// assert_eq!(before.collection::<User>()?.count()?, 0);
    /// assert_eq!(users.count()?, 1);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) if the collection is of a newer version than the type;
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) if it is of an older one and was not
    /// [migrated](crate::Database::migrate).
    pub fn collection<T: Entity>(&self) -> Result<SnapshotCollection<T>> {
        let view = self.view();
        let entry = view.catalog.find(T::COLLECTION);
        let entry = entry.and_then(|id| view.catalog.get(id));
        let held = match entry {
            Some(entry) => {
                Form::of::<T>(entry, &view.migrations)?;
                Some(Held {
                    collection: entry.clone(),
                    registry: view.migrations.clone(),
                })
            }
            None => None,
        };
        Ok(SnapshotCollection {
            snapshot: self.clone(),
            held,
            of: PhantomData,
        })
    }
}

impl<T: Entity> SnapshotCollection<T> {
    /// The snapshot.
    #[must_use]
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// As [`Collection::get`](crate::Collection::get).
    ///
    /// # Errors
    /// As there.
    pub fn get(&self, id: impl ToId<T::Id>) -> Result<Option<T>> {
        self.get_by_id(id.to_id())
    }

    pub(super) fn get_by_id(&self, id: EntityId) -> Result<Option<T>> {
        let Some(held) = &self.held else {
            return Ok(None);
        };
        let stored = self.snapshot.get_stored(held.collection.id, id)?;
        let read = |(lsn, payload)| read(held, id, lsn, &payload);
        stored.map(read).transpose()
    }

    /// As [`Collection::get_many`](crate::Collection::get_many).
    ///
    /// # Errors
    /// As there.
    pub fn get_many<I: ToId<T::Id>>(
        &self,
        ids: impl IntoIterator<Item = I>,
    ) -> Result<Vec<Option<T>>> {
        let ids: Vec<EntityId> = ids.into_iter().map(|id| id.to_id()).collect();
        let Some(held) = &self.held else {
            return Ok(ids.iter().map(|_| None).collect());
        };
        let stored = self.snapshot.get_many_stored(held.collection.id, &ids)?;
        let found = ids.iter().zip(stored);
        let read = |(id, stored): (&EntityId, Option<(Lsn, Payload)>)| {
            stored
                .map(|(lsn, payload)| read(held, *id, lsn, &payload))
                .transpose()
        };
        found.map(read).collect()
    }

    /// As [`Collection::follow`](crate::Collection::follow).
    ///
    /// # Errors
    /// As there.
    pub fn follow<'s, S, I: ToId<T::Id>>(
        &self,
        from: impl IntoIterator<Item = &'s S>,
        reference: impl Fn(&S) -> I,
    ) -> Result<Vec<(&'s S, Option<T>)>> {
        let from: Vec<&S> = from.into_iter().collect();
        let ids: Vec<EntityId> = from.iter().map(|from| reference(from).to_id()).collect();
        let mut distinct = Vec::new();
        let mut places = HashMap::new();
        for id in &ids {
            places.entry(*id).or_insert_with(|| {
                distinct.push(*id);
                distinct.len() - 1
            });
        }
        let stored = match &self.held {
            Some(held) => {
                let stored = self
                    .snapshot
                    .get_many_stored(held.collection.id, &distinct)?;
                Some((held, stored))
            }
            None => None,
        };
        let read = |id: &EntityId| {
            let Some((held, stored)) = &stored else {
                return Ok(None);
            };
            let place = places.get(id).and_then(|place| stored.get(*place));
            match place {
                Some(Some((lsn, payload))) => read(held, *id, *lsn, payload).map(Some),
                _ => Ok(None),
            }
        };
        let pairs = from.into_iter().zip(&ids);
        pairs.map(|(from, id)| Ok((from, read(id)?))).collect()
    }

    /// As [`Collection::by`](crate::Collection::by), at this moment.
    ///
    /// # Errors
    /// As there.
    pub fn by<I: DeclaredIndex<T>>(&self, index: I) -> Result<TypedFind<'static, T, I>> {
        let find = self.snapshot.by(T::COLLECTION, index.index_name())?;
        let held = self.held.clone();
        TypedFind::new(find, held.ok_or_else(|| target::<T>().undeclared())?)
    }

    /// As [`Collection::contains`](crate::Collection::contains).
    ///
    /// # Errors
    /// As there.
    pub fn contains(&self, id: impl ToId<T::Id>) -> Result<bool> {
        match &self.held {
            Some(held) => self.snapshot.contains_in(held.collection.id, id.to_id()),
            None => Ok(false),
        }
    }

    /// As [`Collection::count`](crate::Collection::count).
    ///
    /// # Errors
    /// As there.
    pub fn count(&self) -> Result<u64> {
        match &self.held {
            Some(held) => self.snapshot.count_in(held.collection.id, ..),
            None => Ok(0),
        }
    }

    /// As [`Collection::iter`](crate::Collection::iter).
    pub fn iter(&self) -> Entities<T> {
        self.range(..)
    }

    /// As [`Collection::range`](crate::Collection::range).
    pub fn range(&self, ids: impl RangeBounds<EntityId>) -> Entities<T> {
        let collection = self.held.as_ref().map(|held| held.collection.id);
        let scan = self.snapshot.range_in(collection, ids).counted();
        Entities::new(Walk::Snapshot(scan), self.held.clone())
    }
}

fn read<T: Entity>(held: &Held, id: EntityId, lsn: Lsn, payload: &Payload) -> Result<T> {
    held.form().read(id, lsn, payload.as_bytes())
}

impl<T: Entity> IntoIterator for &SnapshotCollection<T> {
    type Item = Result<T>;
    type IntoIter = Entities<T>;

    fn into_iter(self) -> Entities<T> {
        self.iter()
    }
}

impl<T: Entity> std::fmt::Debug for SnapshotCollection<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} at {}", T::COLLECTION, self.snapshot.lsn())
    }
}
