//! A collection of values.

use std::ops::RangeBounds;

use entidb_codec::Value;

use crate::db::Database;
use crate::error::Result;
use crate::ids::EntityId;
use crate::payload::Payload;
use crate::snapshot::Scan;

/// A collection whose entities are [`Value`]s: [`Database::untyped`]. Each call that writes is a durable transaction of its
/// own; several at once are [`Database::write`].
#[derive(Clone, Debug)]
pub struct Collection {
    db: Database,
    name: String,
}

impl Collection {
    pub(crate) fn new(db: Database, name: &str) -> Self {
        Self {
            db,
            name: name.to_owned(),
        }
    }

    /// The collection's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
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
        let payload = self.db.snapshot().get(&self.name, id)?;
        payload.map(|payload| payload.value()).transpose()
    }

    /// Whether an entity is there.
    ///
    /// # Errors
    /// As for [`Snapshot::get`](crate::Snapshot::get).
    pub fn contains(&self, id: EntityId) -> Result<bool> {
        self.db.snapshot().contains(&self.name, id)
    }

    /// All entities in id order, as they are now.
    pub fn scan(&self) -> Scan {
        self.db.snapshot().scan(&self.name)
    }

    /// The entities with ids in `ids`, in id order, as they are now.
    pub fn range(&self, ids: impl RangeBounds<EntityId>) -> Scan {
        self.db.snapshot().range(&self.name, ids)
    }
}
