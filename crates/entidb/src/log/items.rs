//! What a batch says, record by record, without its payloads.

use crate::format::fields::Fields;
use crate::format::key::Key;
use crate::format::record::{self, Kind};
use crate::ids::{CollectionId, EntityId, IndexId};

/// What one record of a batch says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Item {
    /// A version of one entity, or its tombstone.
    Record {
        key: Key,
        /// Where the record begins in the batch's records, in bytes.
        at: u32,
        /// Length of the record in bytes.
        len: u32,
        tombstone: bool,
    },
    /// The tombstone of every entity from `first` to `last`.
    Range {
        at: u32,
        len: u32,
        collection: CollectionId,
        first: EntityId,
        last: EntityId,
    },
    /// What the record before it has replaced, for the change feed.
    Before { key: Key, at: u32, len: u32 },
    /// An index entry, or its tombstone. Its key is the record's payload.
    Entry {
        index: IndexId,
        id: EntityId,
        at: u32,
        len: u32,
        tombstone: bool,
    },
}

impl Item {
    /// Where the record begins in the batch's records, and its length, in bytes.
    pub(crate) fn place(&self) -> (u32, u32) {
        match self {
            Self::Record { at, len, .. }
            | Self::Range { at, len, .. }
            | Self::Before { at, len, .. }
            | Self::Entry { at, len, .. } => (*at, *len),
        }
    }

    /// The collection that it writes to; an index entry writes to none.
    pub(crate) fn collection(&self) -> Option<CollectionId> {
        match self {
            Self::Record { key, .. } | Self::Before { key, .. } => Some(key.collection()),
            Self::Range { collection, .. } => Some(*collection),
            Self::Entry { .. } => None,
        }
    }

    /// The same, of a record that begins at `at`.
    pub(crate) fn moved_to(mut self, to: u32) -> Self {
        match &mut self {
            Self::Record { at, .. }
            | Self::Range { at, .. }
            | Self::Before { at, .. }
            | Self::Entry { at, .. } => *at = to,
        }
        self
    }

    /// Whether it deletes a range that holds `key`.
    pub(crate) fn covers(&self, key: &Key) -> bool {
        match self {
            Self::Range {
                collection,
                first,
                last,
                ..
            } => key.collection() == *collection && *first <= key.id() && key.id() <= *last,
            Self::Record { .. } | Self::Before { .. } | Self::Entry { .. } => false,
        }
    }

    /// Whether it deletes.
    pub(crate) fn is_tombstone(&self) -> bool {
        match self {
            Self::Record { tombstone, .. } | Self::Entry { tombstone, .. } => *tombstone,
            Self::Range { .. } => true,
            Self::Before { .. } => false,
        }
    }

    /// Whether it puts nothing.
    pub(crate) fn frees(&self) -> bool {
        self.is_tombstone() || matches!(self, Self::Before { .. })
    }
}

/// The items of a batch's records, which were checked or are of our own making.
pub(crate) fn items(body: &[u8]) -> impl Iterator<Item = Item> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = body.get(at..).filter(|rest| !rest.is_empty())?;
        let header = record::Header::decode(rest).ok()?;
        let len = u32::try_from(header.record_len()).ok()?;
        let item = item(&header, rest, u32::try_from(at).ok()?, len);
        at += usize::try_from(len).ok()?;
        Some(item)
    })
}

fn item(header: &record::Header, record: &[u8], at: u32, len: u32) -> Item {
    let collection = header.collection;
    match header.kind {
        Kind::Entity | Kind::Tombstone => Item::Record {
            key: Key::new(collection, header.id),
            at,
            len,
            tombstone: header.kind == Kind::Tombstone,
        },
        Kind::Before => Item::Before {
            key: Key::new(collection, header.id),
            at,
            len,
        },
        Kind::Range => {
            let payload = record.get(record::HEADER_LEN..).unwrap_or_default();
            // A range that cannot be read deletes nothing; the walk has checked that it can.
            let last = Fields::new(payload).array();
            Item::Range {
                at,
                len,
                collection,
                first: header.id,
                last: last.map_or(EntityId::MIN, EntityId::from_bytes),
            }
        }
        Kind::Collection => Item::Range {
            at,
            len,
            collection,
            first: EntityId::MIN,
            last: EntityId::MAX,
        },
        Kind::Entry | Kind::EntryTombstone => Item::Entry {
            index: IndexId(collection.0),
            id: header.id,
            at,
            len,
            tombstone: header.kind == Kind::EntryTombstone,
        },
    }
}
