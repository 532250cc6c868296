//! A collection of values.

use std::ops::RangeBounds;
use std::sync::atomic::{AtomicU16, Ordering};

use entidb_codec::Value;

use crate::db::Database;
use crate::error::Result;
use crate::format::key::Key;
use crate::ids::{CollectionId, EntityId};
use crate::index::Find;
use crate::manifest::{self, Catalog};
use crate::payload::Payload;
use crate::snapshot::Scan;

/// A collection whose entities are [`Value`]s: [`Database::untyped`]. Each call that writes is a durable transaction of its
/// own; several at once are [`Database::write`].
pub struct Untyped {
    db: Database,
    name: String,
    /// The number that the name had when it was last looked up; 0 if it had none.
    hint: AtomicU16,
}

impl Clone for Untyped {
    fn clone(&self) -> Self {
        Self {
            db: self.db.clone(),
            name: self.name.clone(),
            hint: AtomicU16::new(self.hint.load(Ordering::Relaxed)),
        }
    }
}

impl std::fmt::Debug for Untyped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Untyped")
            .field("db", &self.db)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Untyped {
    pub(crate) fn new(db: Database, name: &str) -> Self {
        Self {
            db,
            name: name.to_owned(),
            hint: AtomicU16::new(0),
        }
    }

    /// The collection in `catalog`. Where the name stands under the number that it had, no other name is looked at.
    pub(super) fn entry<'c>(&self, catalog: &'c Catalog) -> Option<&'c manifest::Collection> {
        let hint = CollectionId(self.hint.load(Ordering::Relaxed));
        if let Some(found) = catalog.get(hint)
            && found.name == self.name
        {
            return Some(found);
        }
        let found = catalog.get(catalog.find(&self.name)?)?;
        self.hint.store(found.id.0, Ordering::Relaxed);
        Some(found)
    }

    /// The collection's number in `catalog`.
    fn id(&self, catalog: &Catalog) -> Option<CollectionId> {
        Some(self.entry(catalog)?.id)
    }

    /// The database.
    #[must_use]
    pub fn database(&self) -> &Database {
        &self.db
    }

    /// The collection's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Puts a new entity.
    ///
    /// # Errors
    /// [`ErrorKind::Duplicate`](crate::ErrorKind::Duplicate) if its id is there already, also where another transaction puts it
    /// at the same time. Else as for [`Database::write`].
    pub fn insert(&self, id: EntityId, value: &Value) -> Result<()> {
        self.db.write(|tx| tx.insert(&self.name, id, value))
    }

    /// Changes an entity: reads it, has `change` change it, and puts it, as one transaction. Of several at once, each is applied
    /// to what the others have left, so `change` may be called more than once. Gives back what was put; `None` if the entity is
    /// not there. Where nothing changes, nothing is written.
    ///
    /// ```
    /// # use entidb::{Database, EntityId, Value};
    /// # fn main() -> entidb::Result<()> {
    /// # let db = Database::open_in(entidb::storage::MemoryDirectory::new())?;
    /// let (pages, home) = (db.untyped("pages"), EntityId::from_key("/"));
    /// pages.put(home, &Value::from([("hits", 0)]))?;
    /// pages.update(home, |page| {
    ///     let hits = page.get("hits").and_then(Value::as_u64).unwrap_or(0);
    ///     page.insert("hits", hits + 1);
    /// })?;
    /// # assert_eq!(pages.get(home)?, Some(Value::from([("hits", 1)])));
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As for [`put`](Self::put) and [`get`](Self::get).
    pub fn update(
        &self,
        id: EntityId,
        mut change: impl FnMut(&mut Value),
    ) -> Result<Option<Value>> {
        self.db.write(|tx| tx.update(&self.name, id, &mut change))
    }

    /// Changes an entity as a JSON merge patch says (RFC 7396), as one transaction: [`Value::merge`]. Gives back what was put;
    /// `None` if the entity is not there.
    ///
    /// # Errors
    /// As for [`update`](Self::update).
    pub fn patch(&self, id: EntityId, patch: &Value) -> Result<Option<Value>> {
        self.update(id, |value| value.merge(patch))
    }

    /// Puts an entity, in the place of the one that has its id, if one has.
    ///
    /// # Errors
    /// As for [`Database::write`].
    pub fn put(&self, id: EntityId, value: &Value) -> Result<()> {
        let payload = Payload::encode(value)?;
        self.db.write(|tx| tx.put_payload(&self.name, id, &payload))
    }

    /// Deletes an entity. Says whether it was there.
    ///
    /// # Errors
    /// As for [`Database::write`].
    pub fn delete(&self, id: EntityId) -> Result<bool> {
        self.db.write(|tx| tx.delete(&self.name, id))
    }

    /// The entity with this id, if it is there.
    ///
    /// # Errors
    /// As for [`Snapshot::get`](crate::Snapshot::get).
    pub fn get(&self, id: EntityId) -> Result<Option<Value>> {
        let payload = self.get_payload(id)?;
        payload.map(|payload| payload.value()).transpose()
    }

    /// The entity with this id as it is stored, without decoding it.
    ///
    /// ```
    /// # use entidb::{Database, EntityId, Value};
    /// # fn main() -> entidb::Result<()> {
    /// # let db = Database::open_in(entidb::storage::MemoryDirectory::new())?;
    /// let (people, ann) = (db.untyped("people"), EntityId::from_key("ann"));
    /// people.put(ann, &Value::from("Ann"))?;
    /// let payload = people.get_payload(ann)?;
    /// assert!(payload.is_some_and(|payload| payload.as_bytes() == b"\x63Ann"));
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As for [`Snapshot::get`](crate::Snapshot::get).
    pub fn get_payload(&self, id: EntityId) -> Result<Option<Payload>> {
        let bytes = self.db.read(|view, lsn| match self.id(&view.catalog) {
            Some(collection) => view.get(Key::new(collection, id), lsn),
            None => Ok(None),
        })?;
        Ok(bytes.map(Payload::stored))
    }

    /// Has the entity with this id read where it lies in memory, as canonical CBOR, without a copy: for whoever needs a part of
    /// it, or decodes it at once. `read` is to be short, and not to call back into the database.
    ///
    /// ```
    /// # use entidb::{Database, EntityId, Value};
    /// # fn main() -> entidb::Result<()> {
    /// # let db = Database::open_in(entidb::storage::MemoryDirectory::new())?;
    /// let (people, ann) = (db.untyped("people"), EntityId::from_key("ann"));
    /// people.put(ann, &Value::from("Ann"))?;
    /// assert_eq!(people.get_with(ann, |cbor| cbor.len())?, Some(4));
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As for [`Snapshot::get`](crate::Snapshot::get).
    pub fn get_with<R>(&self, id: EntityId, read: impl FnOnce(&[u8]) -> R) -> Result<Option<R>> {
        self.db.read(|view, lsn| match self.id(&view.catalog) {
            Some(collection) => view.get_with(Key::new(collection, id), lsn, read),
            None => Ok(None),
        })
    }

    /// The payloads of several entities at one moment, in the order in which they are asked for; `None` for each that is not
    /// there.
    ///
    /// # Errors
    /// As for [`Snapshot::get_many`](crate::Snapshot::get_many).
    pub fn get_many(&self, ids: &[EntityId]) -> Result<Vec<Option<Payload>>> {
        let snapshot = self.db.snapshot();
        match self.id(&snapshot.view().catalog) {
            Some(collection) => snapshot.get_many_in(collection, ids),
            None => Ok(vec![None; ids.len()]),
        }
    }

    /// Whether an entity is there.
    ///
    /// # Errors
    /// As for [`Snapshot::get`](crate::Snapshot::get).
    pub fn contains(&self, id: EntityId) -> Result<bool> {
        self.db.read(|view, lsn| match self.id(&view.catalog) {
            Some(collection) => Ok(view.live(Key::new(collection, id), lsn)?.is_some()),
            None => Ok(false),
        })
    }

    /// How many entities there are now.
    ///
    /// # Errors
    /// As for [`Snapshot::count`](crate::Snapshot::count).
    pub fn count(&self) -> Result<u64> {
        let snapshot = self.db.snapshot();
        match self.id(&snapshot.view().catalog) {
            Some(collection) => snapshot.count_in(collection, ..),
            None => Ok(0),
        }
    }

    /// Asks the index `index`, as it is now.
    ///
    /// # Errors
    /// As for [`Snapshot::by`](crate::Snapshot::by).
    pub fn by(&self, index: &str) -> Result<Find<'static>> {
        self.db.snapshot().by(&self.name, index)
    }

    /// All entities in id order, as they are now.
    pub fn iter(&self) -> Scan {
        self.range(..)
    }

    /// All entities in id order, as they are now: another name of [`iter`](Self::iter).
    pub fn scan(&self) -> Scan {
        self.range(..)
    }

    /// The entities with ids in `ids`, in id order, as they are now. A walk can be taken up again behind its last id, as
    /// [`Snapshot::range`](crate::Snapshot::range) shows.
    pub fn range(&self, ids: impl RangeBounds<EntityId>) -> Scan {
        let snapshot = self.db.snapshot();
        let collection = self.id(&snapshot.view().catalog);
        snapshot.range_in(collection, ids).counted()
    }
}

impl IntoIterator for &Untyped {
    type Item = Result<(EntityId, Payload)>;
    type IntoIter = Scan;

    fn into_iter(self) -> Scan {
        self.iter()
    }
}
