//! What a transaction does with values beyond putting them.

use entidb_codec::Value;

use super::in_transaction::duplicate;
use crate::error::Result;
use crate::ids::EntityId;
use crate::payload::Payload;
use crate::transaction::Transaction;

impl Transaction {
    /// Puts a new entity.
    ///
    /// # Errors
    /// [`ErrorKind::Duplicate`](crate::ErrorKind::Duplicate) if its id is there already. Else as for [`put`](Self::put). The
    /// transaction is as it was. Where another transaction puts the same id at the same time, one of the two gets a
    /// [`Conflict`](crate::ErrorKind::Conflict) at its commit, and finds the other's when it is run again.
    pub fn insert(&mut self, collection: &str, id: EntityId, value: &Value) -> Result<()> {
        let payload = Payload::encode(value)?;
        if self.contains(collection, id)? {
            return Err(duplicate(collection, id));
        }
        self.put_payload(collection, id, &payload)
    }

    /// As [`Untyped::update`](crate::Untyped::update); the closure is called once.
    ///
    /// # Errors
    /// As for [`get`](Self::get) and [`put`](Self::put). The transaction is as it was.
    pub fn update(
        &mut self,
        collection: &str,
        id: EntityId,
        change: impl FnOnce(&mut Value),
    ) -> Result<Option<Value>> {
        let Some(before) = self.get(collection, id)? else {
            return Ok(None);
        };
        let mut value = before.value()?;
        change(&mut value);
        let after = Payload::encode(&value)?;
        if before != after {
            self.put_payload(collection, id, &after)?;
        }
        Ok(Some(value))
    }

    /// As [`Untyped::patch`](crate::Untyped::patch).
    ///
    /// # Errors
    /// As for [`update`](Self::update).
    pub fn patch(
        &mut self,
        collection: &str,
        id: EntityId,
        patch: &Value,
    ) -> Result<Option<Value>> {
        self.update(collection, id, |value| value.merge(patch))
    }
}
