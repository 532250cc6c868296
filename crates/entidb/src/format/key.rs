//! The key under which an entity version is found: its collection, then its id.

use super::fields::{Fields, put};
use crate::ids::{CollectionId, EntityId};

/// Length of a key in bytes.
pub(crate) const LEN: usize = 2 + EntityId::LEN;

/// Collection (big-endian), then id, so that keys sort as bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key(pub(crate) [u8; LEN]);

impl Key {
    pub(crate) fn new(collection: CollectionId, id: EntityId) -> Self {
        let mut bytes = [0; LEN];
        put(&mut bytes, 0, &collection.0.to_be_bytes());
        put(&mut bytes, 2, id.as_bytes());
        Self(bytes)
    }

    pub(crate) fn collection(&self) -> CollectionId {
        let head = Fields::new(&self.0).array().unwrap_or_default();
        CollectionId(u16::from_be_bytes(head))
    }

    pub(crate) fn id(&self) -> EntityId {
        let mut fields = Fields::new(&self.0);
        let _collection = fields.u16();
        EntityId::from_bytes(fields.array().unwrap_or_default())
    }
}
