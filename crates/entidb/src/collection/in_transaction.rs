//! A typed collection within a transaction.

use std::marker::PhantomData;
use std::ops::RangeBounds;

use serde::Serialize;

use super::entities::{Entities, Walk};
use super::entity::Entity;
use super::find::{DeclaredIndex, TypedFind};
use super::form::{Form, Held};
use super::id::{Id, ToId};
use super::target::{decode, encode, target};
use crate::encoding;
use crate::error::{Error, ErrorKind, Result};
use crate::ids::{CollectionId, EntityId};
use crate::payload::Payload;
use crate::transaction::Transaction;

/// The entities of a type within a transaction: [`Collection::within`](crate::Collection::within), or
/// [`Transaction::collection`]. Reads see what the transaction has written.
pub struct TransactionCollection<'t, T> {
    transaction: &'t mut Transaction,
    of: PhantomData<fn() -> T>,
}

impl Transaction {
    /// The entities of a type within this transaction. With a [`Collection`](crate::Collection) at hand,
    /// [`within`](crate::Collection::within) is shorter.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] if the collection is not there as the type declares it: call
    /// [`Database::collection`](crate::Database::collection) first; [`ErrorKind::Unsupported`] if it is of a newer version than
    /// the type.
    pub fn collection<T: Entity>(&mut self) -> Result<TransactionCollection<'_, T>> {
        let collection = TransactionCollection::new(self);
        collection.entry()?;
        Ok(collection)
    }
}

impl<'t, T: Entity> TransactionCollection<'t, T> {
    pub(super) fn new(transaction: &'t mut Transaction) -> Self {
        Self {
            transaction,
            of: PhantomData,
        }
    }

    /// The collection, if it is as the type declares it.
    fn form(&self) -> Result<Form<'_>> {
        let transaction = &*self.transaction;
        let registry = &transaction.snapshot().view().migrations;
        match transaction.find_entry(T::COLLECTION) {
            Some(entry) => Form::current::<T>(entry, registry),
            None => Err(target::<T>().undeclared()),
        }
    }

    fn entry(&self) -> Result<CollectionId> {
        Ok(self.form()?.collection.id)
    }

    /// As [`Collection::get`](crate::Collection::get).
    ///
    /// # Errors
    /// As there, and as for [`Transaction::collection`].
    pub fn get(&self, id: impl ToId<T::Id>) -> Result<Option<T>> {
        let (form, id) = (self.form()?, id.to_id());
        match self.transaction.get_stored(form.collection.id, id)? {
            Some((lsn, payload)) => form.read(id, lsn, payload.as_bytes()).map(Some),
            None => Ok(None),
        }
    }

    /// The entities with these ids, in their order; `None` for each that is not there.
    ///
    /// # Errors
    /// As for [`get`](Self::get).
    pub fn get_many<I: ToId<T::Id>>(
        &self,
        ids: impl IntoIterator<Item = I>,
    ) -> Result<Vec<Option<T>>> {
        ids.into_iter().map(|id| self.get(id.to_id())).collect()
    }

    /// Whether an entity is there.
    ///
    /// # Errors
    /// As for [`get`](Self::get).
    pub fn contains(&self, id: impl ToId<T::Id>) -> Result<bool> {
        self.form()?;
        self.transaction.contains(T::COLLECTION, id.to_id())
    }

    /// All entities in id order, as the transaction sees them now.
    ///
    /// # Errors
    /// As for [`Transaction::collection`].
    pub fn iter(&self) -> Result<Entities<T>> {
        self.range(..)
    }

    /// The entities with ids in `ids`, in id order, as the transaction sees them now.
    ///
    /// # Errors
    /// As for [`Transaction::collection`].
    pub fn range(&self, ids: impl RangeBounds<EntityId>) -> Result<Entities<T>> {
        let held = self.held()?;
        let scan = self.transaction.range(T::COLLECTION, ids);
        Ok(Entities::new(Walk::Transaction(Box::new(scan)), Some(held)))
    }

    /// As [`Collection::by`](crate::Collection::by); what the transaction has written itself is in the answer. A walk goes over
    /// what was there when it began, so that the loop over it may write.
    ///
    /// # Errors
    /// As there, and as for [`Transaction::collection`].
    pub fn by<I: DeclaredIndex<T>>(&self, index: I) -> Result<TypedFind<'_, T, I>> {
        let held = self.held()?;
        let find = self.transaction.by(T::COLLECTION, index.index_name())?;
        TypedFind::new(find, held)
    }

    fn held(&self) -> Result<Held> {
        Ok(Held {
            collection: self.form()?.collection.clone(),
            registry: self.transaction.snapshot().view().migrations.clone(),
        })
    }

    /// As [`Collection::insert`](crate::Collection::insert).
    ///
    /// # Errors
    /// As there, and as for [`Transaction::collection`]. The transaction is as it was.
    pub fn insert(&mut self, entity: &T) -> Result<()> {
        self.insert_payload(entity.id(), &encode(entity)?)
    }

    pub(super) fn insert_payload(&mut self, id: EntityId, payload: &Payload) -> Result<()> {
        if self.contains(id)? {
            return Err(duplicate(T::COLLECTION, id));
        }
        self.put_payload(id, payload)
    }

    /// As [`Collection::put`](crate::Collection::put).
    ///
    /// # Errors
    /// As there, and as for [`Transaction::collection`]. The transaction is as it was.
    pub fn put(&mut self, entity: &T) -> Result<()> {
        self.put_payload(entity.id(), &encode(entity)?)
    }

    pub(super) fn put_payload(&mut self, id: EntityId, payload: &Payload) -> Result<()> {
        let collection = self.entry()?;
        self.transaction.expect_version(collection, T::VERSION);
        self.transaction.put_in(collection, id, payload)
    }

    /// As [`Collection::update`](crate::Collection::update). The closure is called once.
    ///
    /// # Errors
    /// As there, and as for [`Transaction::collection`]. The transaction is as it was.
    pub fn update(
        &mut self,
        id: impl ToId<T::Id>,
        change: impl FnOnce(&mut T),
    ) -> Result<Option<T>> {
        self.try_update(id, |entity| {
            change(entity);
            Ok(())
        })
    }

    /// As [`Collection::try_update`](crate::Collection::try_update). The closure is called once.
    ///
    /// # Errors
    /// As there, and as for [`Transaction::collection`]. The transaction is as it was.
    pub fn try_update(
        &mut self,
        id: impl ToId<T::Id>,
        change: impl FnOnce(&mut T) -> Result<()>,
    ) -> Result<Option<T>> {
        let (form, id) = (self.form()?, id.to_id());
        let Some((lsn, before)) = self.transaction.get_stored(form.collection.id, id)? else {
            return Ok(None);
        };
        let mut entity: T = form.read(id, lsn, before.as_bytes())?;
        check_key(&entity, id)?;
        let current = form.is_current::<T>(lsn);
        change(&mut entity)?;
        refuse_moved(&entity, id)?;
        let after = encode(&entity)?;
        if !current || before != after {
            self.put_payload(id, &after)?;
        }
        Ok(Some(entity))
    }

    /// As [`Collection::patch`](crate::Collection::patch).
    ///
    /// # Errors
    /// As there, and as for [`Transaction::collection`]. The transaction is as it was.
    pub fn patch(&mut self, id: impl ToId<T::Id>, patch: &impl Serialize) -> Result<Option<T>> {
        let patch = encoding::to_value(patch)?;
        let (form, id) = (self.form()?, id.to_id());
        let Some((lsn, before)) = self.transaction.get_stored(form.collection.id, id)? else {
            return Ok(None);
        };
        let current = form.is_current::<T>(lsn);
        let stored = match current {
            true => before.clone(),
            false => Payload::encoded(form.migrated::<T>(id, lsn, before.as_bytes())?)?,
        };
        if !T::Id::STORED && patch.get(T::ID_FIELD).is_some() {
            return Err(Error::invalid(format!(
                "a patch does not change the id `{}` of an entity",
                T::ID_FIELD
            ))
            .of(T::COLLECTION, Some(id)));
        }
        let mut value = stored.value()?;
        value.merge(&patch);
        let after = Payload::encode(&value)?;
        let entity: T = decode(id, after.as_bytes()).map_err(|error| {
            Error::invalid(format!(
                "the patch leaves no `{}`",
                encoding::type_name::<T>()
            ))
            .of(T::COLLECTION, Some(id))
            .because(error)
        })?;
        refuse_moved(&entity, id)?;
        if !current || before != after {
            self.put_payload(id, &after)?;
        }
        Ok(Some(entity))
    }

    /// As [`Collection::delete`](crate::Collection::delete).
    ///
    /// # Errors
    /// As there, and as for [`Transaction::collection`]. The transaction is as it was.
    pub fn delete(&mut self, id: impl ToId<T::Id>) -> Result<bool> {
        self.form()?;
        self.transaction.delete(T::COLLECTION, id.to_id())
    }
}

impl<T: Entity> std::fmt::Debug for TransactionCollection<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} in {:?}", T::COLLECTION, self.transaction)
    }
}

/// The error for an id that is taken.
pub(super) fn duplicate(collection: &str, id: EntityId) -> Error {
    Error::new(
        ErrorKind::Duplicate,
        format!("there is an entity {id} in {collection} already"),
    )
    .of(collection, Some(id))
}

/// Refuses an entity that stands under another id than its key's.
fn check_key<T: Entity>(entity: &T, id: EntityId) -> Result<()> {
    if entity.id() == id {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Decode,
        format!(
            "the entity {id} of {} says in `{}` that its id is {}",
            T::COLLECTION,
            T::ID_FIELD,
            entity.id()
        ),
    )
    .of(T::COLLECTION, Some(id)))
}

/// Refuses a change of the id.
fn refuse_moved<T: Entity>(entity: &T, id: EntityId) -> Result<()> {
    if entity.id() == id {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "the id `{}` of an entity cannot be changed: delete it, and insert another",
        T::ID_FIELD
    ))
    .of(T::COLLECTION, Some(id)))
}
