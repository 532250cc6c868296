//! A collection of a type's entities.

use std::marker::PhantomData;
use std::ops::RangeBounds;

use bytes::Bytes;
use serde::Serialize;

use super::at_snapshot::SnapshotCollection;
use super::entities::Entities;
use super::entity::Entity;
use super::find::{DeclaredIndex, TypedFind};
use super::form::Form;
use super::id::ToId;
use super::in_transaction::TransactionCollection;
use super::target::encode;
use super::untyped::Untyped;
use crate::db::Database;
use crate::error::Result;
use crate::format::key::Key;
use crate::ids::EntityId;
use crate::payload::Payload;
use crate::transaction::Transaction;

/// The entities of a type: [`Database::collection`]. Each call that writes is a durable transaction of its own; several at once
/// are [`Database::write`] with [`within`](Self::within).
///
/// ```
/// use entidb::{Database, Entity, EntityId};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Entity, Serialize, Deserialize, PartialEq, Debug)]
/// #[entity(collection = "users")]
/// struct User {
///     #[entity(id)]
///     id: EntityId,
///     name: String,
///     logins: u32,
/// }
///
/// # fn main() -> entidb::Result<()> {
/// # let db = Database::open_in(entidb::storage::MemoryDirectory::new())?;
/// let users = db.collection::<User>()?;
/// let ann = User { id: EntityId::new(), name: "Ann".into(), logins: 0 };
/// users.insert(&ann)?;                                         // fails if the id is there
/// users.update(ann.id, |user| user.logins += 1)?;              // atomic, whoever else does it too
/// assert_eq!(users.get(ann.id)?.unwrap().logins, 1);
///
/// db.write(|tx| {                                              // all or nothing
///     users.within(tx).delete(ann.id)?;
///     users.within(tx).put(&User { id: EntityId::new(), name: "Bob".into(), logins: 0 })
/// })?;
/// for user in &users {                                         // in id order, which is that of their making
///     assert_eq!(user?.name, "Bob");
/// }
/// # Ok(()) }
/// ```
///
/// Others may read and write the same entities as [`Value`](crate::Value)s, through [`Database::untyped`] or with the program
/// `entidb`. What they put has to have the type's form, in its current version; what has not is an
/// [`ErrorKind::Decode`](crate::ErrorKind::Decode) when it is read.
pub struct Collection<T> {
    untyped: Untyped,
    of: PhantomData<fn() -> T>,
}

impl<T> Clone for Collection<T> {
    fn clone(&self) -> Self {
        Self {
            untyped: self.untyped.clone(),
            of: PhantomData,
        }
    }
}

/// What was read of an entity.
enum Found<T> {
    Current(Result<T>),
    /// Of an older form: migrated outside of the read, since a step may do anything.
    Older(crate::ids::Lsn, Bytes),
}

impl<T: Entity> Collection<T> {
    pub(super) fn new(untyped: Untyped) -> Self {
        Self {
            untyped,
            of: PhantomData,
        }
    }

    /// The database.
    #[must_use]
    pub fn database(&self) -> &Database {
        self.untyped.database()
    }

    /// The same entities as [`Value`](crate::Value)s.
    #[must_use]
    pub fn untyped(&self) -> &Untyped {
        &self.untyped
    }

    /// The entities within a transaction, which other collections may take part in.
    ///
    /// ```
    /// # use entidb::{Database, Entity, Error};
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(Entity, Serialize, Deserialize)]
    /// # struct Account { #[entity(id)] number: u32, cents: u64 }
    /// # fn main() -> entidb::Result<()> {
    /// # let db = Database::open_in(entidb::storage::MemoryDirectory::new())?;
    /// let accounts = db.collection::<Account>()?;
    /// # for number in [1, 2] { accounts.put(&Account { number, cents: 100 })?; }
    /// db.write(|tx| {
    ///     accounts.within(tx).try_update(1, |from| {
    ///         from.cents = from.cents.checked_sub(30).ok_or(Error::other("too little"))?;
    ///         Ok(())
    ///     })?;
    ///     accounts.within(tx).update(2, |to| to.cents += 30)
    /// })?;
    /// # assert_eq!(accounts.get(2)?.unwrap().cents, 130);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn within<'t>(&self, transaction: &'t mut Transaction) -> TransactionCollection<'t, T> {
        TransactionCollection::new(transaction)
    }

    /// The entities as they are now, for several reads of one moment.
    ///
    /// # Errors
    /// As for [`Snapshot::collection`](crate::Snapshot::collection).
    pub fn snapshot(&self) -> Result<SnapshotCollection<T>> {
        self.database().snapshot().collection()
    }

    /// Puts a new entity.
    ///
    /// # Errors
    /// [`ErrorKind::Duplicate`](crate::ErrorKind::Duplicate) if its id is there already, also where another transaction puts it
    /// at the same time; [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) if it cannot be stored. Else as for
    /// [`Database::write`].
    pub fn insert(&self, entity: &T) -> Result<()> {
        let (id, payload) = (entity.id(), encode(entity)?);
        self.write(|mut entities| entities.insert_payload(id, &payload))
    }

    /// Puts several new entities, all of them or none.
    ///
    /// # Errors
    /// As for [`insert`](Self::insert).
    pub fn insert_many<'e>(&self, entities: impl IntoIterator<Item = &'e T>) -> Result<()>
    where
        T: 'e,
    {
        self.write_all(entities, |within, id, payload| {
            within.insert_payload(id, payload)
        })
    }

    /// Puts an entity, in the place of the one that has its id, if one has.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) if it cannot be stored. Else as for [`Database::write`].
    pub fn put(&self, entity: &T) -> Result<()> {
        let (id, payload) = (entity.id(), encode(entity)?);
        self.write(|mut entities| entities.put_payload(id, &payload))
    }

    /// Puts several entities, all of them or none.
    ///
    /// # Errors
    /// As for [`put`](Self::put).
    pub fn put_many<'e>(&self, entities: impl IntoIterator<Item = &'e T>) -> Result<()>
    where
        T: 'e,
    {
        self.write_all(entities, |within, id, payload| {
            within.put_payload(id, payload)
        })
    }

    /// Changes an entity: reads it, has `change` change it, and puts it, as one transaction. Of several at once, each is applied
    /// to what the others have left, so `change` may be called more than once. Gives back what was put; `None` if the entity is
    /// not there.
    ///
    /// Where nothing changes, nothing is written. What the payload has beside the type's fields is dropped;
    /// [`patch`](Self::patch) keeps it.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) if the id is changed, or the outcome cannot be stored;
    /// [`ErrorKind::Decode`](crate::ErrorKind::Decode) if what is stored is not of the type. Else as for [`Database::write`].
    pub fn update(
        &self,
        id: impl ToId<T::Id>,
        mut change: impl FnMut(&mut T),
    ) -> Result<Option<T>> {
        let id = id.to_id();
        self.write(|mut entities| entities.update(id, &mut change))
    }

    /// As [`update`](Self::update), with a change that may give up: then nothing is written.
    ///
    /// # Errors
    /// What `change` returns, for instance an [`Error::other`](crate::Error::other); else as for [`update`](Self::update).
    pub fn try_update(
        &self,
        id: impl ToId<T::Id>,
        mut change: impl FnMut(&mut T) -> Result<()>,
    ) -> Result<Option<T>> {
        let id = id.to_id();
        self.write(|mut entities| entities.try_update(id, &mut change))
    }

    /// Changes an entity as a JSON merge patch says (RFC 7396): a map of the fields that change, `null` for those that go,
    /// maps in it likewise. What the payload has beside the type's fields stays. Gives back what was put; `None` if the entity is
    /// not there.
    ///
    /// The patch is a [`Value`](crate::Value), or anything that serde takes: a struct of the fields that a form has, or
    /// `serde_json::json!({ "nick": null })`.
    ///
    /// ```
    /// # use entidb::{Database, Entity, EntityId, Value};
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(Entity, Serialize, Deserialize)]
    /// # struct User { #[entity(id)] id: EntityId, name: String, nick: Option<String> }
    /// # fn main() -> entidb::Result<()> {
    /// # let db = Database::open_in(entidb::storage::MemoryDirectory::new())?;
    /// # let users = db.collection::<User>()?;
    /// # let ann = User { id: EntityId::new(), name: "Ann".into(), nick: Some("A".into()) };
    /// # users.put(&ann)?;
    /// let patch = Value::from([("name", Value::from("Anna")), ("nick", Value::Null)]);
    /// let ann = users.patch(ann.id, &patch)?.unwrap();
    /// assert_eq!((ann.name.as_str(), ann.nick), ("Anna", None));
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) if what comes out is not of the type, or has another id. Else as for
    /// [`update`](Self::update).
    pub fn patch(&self, id: impl ToId<T::Id>, patch: &impl Serialize) -> Result<Option<T>> {
        let (id, patch) = (id.to_id(), crate::encoding::to_value(patch)?);
        self.write(|mut entities| entities.patch(id, &patch))
    }

    /// Deletes an entity. Says whether it was there.
    ///
    /// # Errors
    /// As for [`Database::write`].
    pub fn delete(&self, id: impl ToId<T::Id>) -> Result<bool> {
        let id = id.to_id();
        self.write(|mut entities| entities.delete(id))
    }

    /// The entity with this id, if it is there.
    ///
    /// # Errors
    /// [`ErrorKind::Decode`](crate::ErrorKind::Decode) if what is stored is not of the type. Else as for
    /// [`Snapshot::get`](crate::Snapshot::get) and [`Snapshot::collection`](crate::Snapshot::collection).
    pub fn get(&self, id: impl ToId<T::Id>) -> Result<Option<T>> {
        let id = id.to_id();
        let found = self.database().read(|view, lsn| {
            let Some(entry) = self.untyped.entry(&view.catalog) else {
                return Ok(None);
            };
            let form = Form::of::<T>(entry, &view.migrations)?;
            view.get_version_with(Key::new(entry.id, id), lsn, |put, payload| {
                if form.is_current::<T>(put) {
                    Found::Current(form.read(id, put, payload))
                } else {
                    Found::Older(put, Bytes::copy_from_slice(payload))
                }
            })
        })?;
        match found {
            None => Ok(None),
            Some(Found::Current(entity)) => entity.map(Some),
            Some(Found::Older(put, payload)) => self.read_older(id, put, &payload).map(Some),
        }
    }

    #[cold]
    fn read_older(&self, id: EntityId, put: crate::ids::Lsn, payload: &[u8]) -> Result<T> {
        let snapshot = self.database().snapshot();
        let view = snapshot.view();
        match self.untyped.entry(&view.catalog) {
            Some(entry) => Form::of::<T>(entry, &view.migrations)?.read(id, put, payload),
            None => super::target::decode(id, payload),
        }
    }

    /// The entities with these ids at one moment, in the order in which they are asked for; `None` for each that is not there.
    ///
    /// # Errors
    /// As for [`get`](Self::get), of the first that cannot be read.
    pub fn get_many<I: ToId<T::Id>>(
        &self,
        ids: impl IntoIterator<Item = I>,
    ) -> Result<Vec<Option<T>>> {
        self.snapshot()?.get_many(ids)
    }

    /// The entities of this collection that others refer to by id: each of `from`, in order, with the one that `reference` names
    /// in it; `None` if that is not there. One read of one moment; what several refer to is looked up once.
    ///
    /// ```
    /// # use entidb::{Database, Entity, EntityId};
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(Entity, Serialize, Deserialize)]
    /// # struct Author { #[entity(id)] id: EntityId, name: String }
    /// # #[derive(Entity, Serialize, Deserialize)]
    /// # struct Book { #[entity(id)] isbn: String, title: String, author: EntityId }
    /// # fn main() -> entidb::Result<()> {
    /// # let db = Database::open_in(entidb::storage::MemoryDirectory::new())?;
    /// # let (authors, books) = (db.collection::<Author>()?, db.collection::<Book>()?);
    /// # let author = Author { id: EntityId::new(), name: "Ursula K. Le Guin".into() };
    /// # authors.put(&author)?;
    /// # books.put(&Book { isbn: "9780547773742".into(), title: "A Wizard of Earthsea".into(), author: author.id })?;
    /// let shelf: Vec<Book> = books.iter().collect::<entidb::Result<_>>()?;
    /// for (book, author) in authors.follow(&shelf, |book| book.author)? {
    ///     let author = author.map_or("unknown".to_owned(), |author| author.name);
    ///     println!("{} by {author}", book.title);
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As for [`get_many`](Self::get_many).
    pub fn follow<'s, S, I: ToId<T::Id>>(
        &self,
        from: impl IntoIterator<Item = &'s S>,
        reference: impl Fn(&S) -> I,
    ) -> Result<Vec<(&'s S, Option<T>)>> {
        self.snapshot()?.follow(from, reference)
    }

    /// Asks a declared index, as everything is now: `users.by(User::EMAIL)?.get("ann@example.com")?`. [`TypedFind`] shows what can
    /// be asked.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) if the index is not there, or still being built: only where it was
    /// dropped, or the database was opened for reading. [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) if some entities may have
    /// an older form, by which the index has them: finish the migration, or say
    /// [`Migrations::keeps_indexes`](crate::Migrations::keeps_indexes). Else as for
    /// [`Snapshot::collection`](crate::Snapshot::collection).
    pub fn by<I: DeclaredIndex<T>>(&self, index: I) -> Result<TypedFind<'static, T, I>> {
        self.snapshot()?.by(index)
    }

    /// Whether an entity is there.
    ///
    /// # Errors
    /// As for [`Snapshot::get`](crate::Snapshot::get).
    pub fn contains(&self, id: impl ToId<T::Id>) -> Result<bool> {
        self.untyped.contains(id.to_id())
    }

    /// How many entities there are now.
    ///
    /// # Errors
    /// As for [`Snapshot::count`](crate::Snapshot::count).
    pub fn count(&self) -> Result<u64> {
        self.untyped.count()
    }

    /// All entities in id order, as they are now.
    pub fn iter(&self) -> Entities<T> {
        self.range(..)
    }

    /// The entities with ids in `ids`, in id order, as they are now.
    pub fn range(&self, ids: impl RangeBounds<EntityId>) -> Entities<T> {
        match self.snapshot() {
            Ok(snapshot) => snapshot.range(ids),
            Err(error) => Entities::failed(error),
        }
    }

    /// Runs one call as a transaction, over a collection that is there.
    fn write<R>(
        &self,
        mut call: impl FnMut(TransactionCollection<'_, T>) -> Result<R>,
    ) -> Result<R> {
        self.database().write(|tx| call(self.within(tx)))
    }

    /// Calls `one` for each of the entities, which are encoded before any transaction begins.
    fn write_all<'e>(
        &self,
        entities: impl IntoIterator<Item = &'e T>,
        one: impl Fn(&mut TransactionCollection<'_, T>, EntityId, &Payload) -> Result<()>,
    ) -> Result<()>
    where
        T: 'e,
    {
        let payloads = encode_all(entities)?;
        self.write(|mut within| {
            let mut payloads = payloads.iter();
            payloads.try_for_each(|(id, payload)| one(&mut within, *id, payload))
        })
    }
}

/// Encodes entities before any transaction begins.
fn encode_all<'e, T: Entity + 'e>(
    entities: impl IntoIterator<Item = &'e T>,
) -> Result<Vec<(EntityId, Payload)>> {
    let entities = entities.into_iter();
    entities
        .map(|entity| Ok((entity.id(), encode(entity)?)))
        .collect()
}

impl<T: Entity> IntoIterator for &Collection<T> {
    type Item = Result<T>;
    type IntoIter = Entities<T>;

    fn into_iter(self) -> Entities<T> {
        self.iter()
    }
}

impl<T: Entity> std::fmt::Debug for Collection<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Collection")
            .field("name", &T::COLLECTION)
            .field("database", self.database())
            .finish()
    }
}
