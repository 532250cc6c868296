//! A snapshot and a set of writes over it. Writes nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use entidb_codec::Value;

use crate::error::{Error, Result};
use crate::format::key::Key;
use crate::format::record::{self, Kind};
use crate::ids::{CollectionId, EntityId};
use crate::limits::{COLLECTION_NAME_LEN_MAX, TRANSACTION_COUNT_MAX, TRANSACTION_LEN_MAX};
use crate::manifest::{Catalog, Collection};
use crate::payload::Payload;
use crate::snapshot::Snapshot;

/// All or nothing: what [`Database::write`](crate::Database::write) hands to its closure. It sees its own writes over the
/// state at its beginning.
pub struct Transaction {
    snapshot: Snapshot,
    catalog: Arc<Catalog>,
    /// Whether the catalog has collections that the snapshot has not.
    creates: bool,
    /// The records, encoded one behind the other, their checksums still to come.
    body: Vec<u8>,
    /// Where in the body the last record of each key lies.
    writes: BTreeMap<Key, Written>,
    /// Bytes of the body that a later write of the same key replaced.
    dead_len: usize,
}

#[derive(Debug, Clone, Copy)]
struct Written {
    at: usize,
    len: usize,
    kind: Kind,
}

/// What a transaction comes to, ready to be committed.
pub(crate) struct WriteSet {
    pub(crate) body: Vec<u8>,
    /// The catalog, if it changed.
    pub(crate) catalog: Option<Catalog>,
}

impl Transaction {
    pub(crate) fn new(snapshot: Snapshot) -> Self {
        Self {
            catalog: Arc::clone(&snapshot.view().catalog),
            snapshot,
            creates: false,
            body: Vec::new(),
            writes: BTreeMap::new(),
            dead_len: 0,
        }
    }

    /// Puts an entity, in the place of the one that has its id, if one has. A collection that is not there is made.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) if the value or the collection's name is outside the limits, or the
    /// transaction has grown above 1 GiB. The transaction is as it was.
    pub fn put(&mut self, collection: &str, id: EntityId, value: &Value) -> Result<()> {
        self.put_payload(collection, id, &Payload::encode(value)?)
    }

    /// As [`put`](Self::put), for a payload that is encoded already.
    ///
    /// # Errors
    /// As for [`put`](Self::put).
    pub fn put_payload(&mut self, collection: &str, id: EntityId, payload: &Payload) -> Result<()> {
        let collection = self.collection(collection)?;
        self.push(Key::new(collection, id), Kind::Entity, payload.as_bytes())
    }

    /// Deletes an entity. Says whether it was there.
    ///
    /// # Errors
    /// As for [`get`](Self::get); the transaction is as it was.
    pub fn delete(&mut self, collection: &str, id: EntityId) -> Result<bool> {
        let Some(collection) = self.catalog.find(collection) else {
            return Ok(false);
        };
        let key = Key::new(collection, id);
        let stored = self.snapshot.contains_in(collection, id)?;
        match self.writes.get(&key).copied() {
            Some(written) if written.kind == Kind::Tombstone => Ok(false),
            Some(written) if !stored => {
                self.writes.remove(&key);
                self.dead_len += written.len;
                Ok(true)
            }
            None if !stored => Ok(false),
            _ => self.push(key, Kind::Tombstone, &[]).map(|()| true),
        }
    }

    /// The payload of an entity, as this transaction sees it.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) or [`ErrorKind::Io`](crate::ErrorKind::Io), as for
    /// [`Snapshot::get`].
    pub fn get(&self, collection: &str, id: EntityId) -> Result<Option<Payload>> {
        let Some(collection) = self.catalog.find(collection) else {
            return Ok(None);
        };
        match self.writes.get(&Key::new(collection, id)) {
            Some(written) if written.kind == Kind::Tombstone => Ok(None),
            Some(written) => {
                let payload = self
                    .body
                    .get(written.at + record::HEADER_LEN..written.at + written.len)
                    .unwrap_or_default();
                Ok(Some(Payload::stored(Bytes::copy_from_slice(payload))))
            }
            None => self.snapshot.get_in(collection, id),
        }
    }

    /// Whether an entity is there, as this transaction sees it.
    ///
    /// # Errors
    /// As for [`get`](Self::get).
    pub fn contains(&self, collection: &str, id: EntityId) -> Result<bool> {
        let Some(collection) = self.catalog.find(collection) else {
            return Ok(false);
        };
        match self.writes.get(&Key::new(collection, id)) {
            Some(written) => Ok(written.kind == Kind::Entity),
            None => self.snapshot.contains_in(collection, id),
        }
    }

    /// The state at the beginning of this transaction, without its own writes.
    #[must_use]
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// The id of the collection with this name, which is made if it is not there.
    fn collection(&mut self, name: &str) -> Result<CollectionId> {
        if let Some(id) = self.catalog.find(name) {
            return Ok(id);
        }
        if name.is_empty() || name.len() > COLLECTION_NAME_LEN_MAX {
            return Err(Error::invalid(format!(
                "a collection's name has 1 to {COLLECTION_NAME_LEN_MAX} bytes, this one {}",
                name.len()
            )));
        }
        let Some(id) = self.catalog.next_id() else {
            return Err(Error::invalid(
                "the database has as many collections as there can be",
            ));
        };
        let catalog = Arc::make_mut(&mut self.catalog);
        catalog.version += 1;
        catalog.collections.push(Collection {
            id,
            name: name.to_owned(),
        });
        self.creates = true;
        Ok(id)
    }

    fn push(&mut self, key: Key, kind: Kind, payload: &[u8]) -> Result<()> {
        let len = record::HEADER_LEN + payload.len();
        if self.body.len() - self.dead_len + len > TRANSACTION_LEN_MAX {
            return Err(Error::invalid(format!(
                "a transaction has up to {TRANSACTION_LEN_MAX} bytes: commit it in parts"
            )));
        }
        if self.writes.len() >= TRANSACTION_COUNT_MAX && !self.writes.contains_key(&key) {
            return Err(Error::invalid(format!(
                "a transaction writes up to {TRANSACTION_COUNT_MAX} entities: commit it in parts"
            )));
        }
        if self.body.len() + len > 2 * TRANSACTION_LEN_MAX {
            self.compact();
        }
        let header = record::Header {
            payload_len: u32::try_from(payload.len())
                .map_err(|_| Error::invalid("the entity is too large"))?,
            collection: key.collection(),
            kind,
            id: key.id(),
        };
        let at = self.body.len();
        header.encode(payload, &mut self.body);
        if let Some(replaced) = self.writes.insert(key, Written { at, len, kind }) {
            self.dead_len += replaced.len;
        }
        Ok(())
    }

    /// Drops the records that later ones replaced.
    fn compact(&mut self) {
        let mut order: Vec<_> = self.writes.values_mut().collect();
        order.sort_by_key(|written| written.at);
        let mut body = Vec::with_capacity(self.body.len() - self.dead_len);
        for written in order {
            let at = body.len();
            let bytes = self.body.get(written.at..written.at + written.len);
            body.extend_from_slice(bytes.unwrap_or_default());
            written.at = at;
        }
        self.body = body;
        self.dead_len = 0;
    }

    pub(crate) fn finish(mut self) -> WriteSet {
        if self.dead_len > 0 {
            self.compact();
        }
        let catalog = self.creates.then(|| Arc::unwrap_or_clone(self.catalog));
        WriteSet {
            body: self.body,
            catalog,
        }
    }
}
