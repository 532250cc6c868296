//! What a database offers to those whose entities live for a time.

use std::time::{Duration, SystemTime};

use super::due::{micros, micros_of};
use crate::db::Database;
use crate::error::Result;
use crate::ids::EntityId;
use crate::payload::Payload;
use crate::transaction::Transaction;
use crate::write_options::Durability;
use entidb_codec::Value;

impl Transaction {
    /// As [`put`](Self::put), of an entity that is deleted at the time `at`, unless it is put again before, also by an update or a
    /// patch, which then says for how long, or deleted.
    ///
    /// The deletion is a commit like any other, by a thread in the background that waits for the time: usually within
    /// milliseconds; without [`Options::background`](crate::Options::background), by [`Database::expire`]. Until then every read sees
    /// the entity, in a snapshot from before also later, so that all reads of one moment agree. Followers see it as
    /// [`ChangeKind::Expire`](crate::ChangeKind::Expire). Each time costs some hundred bytes until it has come, also one that another
    /// put has made void.
    ///
    /// ```
    /// # use entidb::{Database, EntityId, Value};
    /// use std::time::{Duration, SystemTime};
    /// # fn main() -> entidb::Result<()> {
    /// # let db = Database::open_in(entidb::storage::MemoryDirectory::new())?;
    /// let session = EntityId::new();
    /// let at = SystemTime::now() + Duration::from_secs(1800);
    /// db.write(|tx| tx.put_expiring("sessions", session, &Value::from("ann"), at))?;
    /// assert_eq!(db.expire_until(at)?, 1);                        // as though it were that late
    /// assert!(db.untyped("sessions").get(session)?.is_none());
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As for [`put`](Self::put).
    pub fn put_expiring(
        &mut self,
        collection: &str,
        id: EntityId,
        value: &Value,
        at: SystemTime,
    ) -> Result<()> {
        self.put_payload_expiring(collection, id, &Payload::encode(value)?, at)
    }

    /// As [`put_expiring`](Self::put_expiring), for a payload that is encoded already.
    ///
    /// # Errors
    /// As for [`put`](Self::put).
    pub fn put_payload_expiring(
        &mut self,
        collection: &str,
        id: EntityId,
        payload: &Payload,
        at: SystemTime,
    ) -> Result<()> {
        self.put_payload(collection, id, payload)?;
        self.expires(collection, id, Some(micros(at)));
        Ok(())
    }
}

impl Database {
    /// From now on, each entity that is put into `collection` lives for `time` from its commit on, as though it were put by
    /// [`Transaction::put_expiring`], unless it is; `None`: for ever. It is remembered, and what is there already keeps the time that
    /// it has. A collection that is not there is made.
    ///
    /// # Errors
    /// As for [`write`](Self::write).
    pub fn set_time_to_live(&self, collection: &str, time: Option<Duration>) -> Result<()> {
        let writer = self.writer()?;
        writer.check()?;
        writer
            .committer
            .set_time_to_live(collection, time.map(micros_of))
    }

    /// How long what is put into `collection` lives, if that has a bound.
    #[must_use]
    pub fn time_to_live(&self, collection: &str) -> Option<Duration> {
        self.read(|view, _| {
            let id = view.catalog.find(collection)?;
            let time_us = view.catalog.time_to_live(id)?;
            Some(Duration::from_micros(time_us))
        })
    }

    /// Deletes every entity whose time has come, and makes that durable. Says how many. The background does so by itself.
    ///
    /// # Errors
    /// As for [`write`](Self::write).
    pub fn expire(&self) -> Result<u64> {
        let now_us = self.writer()?.environment.now_us();
        self.expire_us(now_us)
    }

    /// As [`expire`](Self::expire), as though it were `time`.
    ///
    /// # Errors
    /// As for [`write`](Self::write).
    pub fn expire_until(&self, time: SystemTime) -> Result<u64> {
        self.expire_us(micros(time))
    }

    fn expire_us(&self, now_us: u64) -> Result<u64> {
        let writer = self.writer()?;
        writer.check()?;
        let swept = writer.sweep(now_us, Durability::Sync)?;
        self.expire_at(writer, swept.next_us);
        Ok(swept.count)
    }
}
