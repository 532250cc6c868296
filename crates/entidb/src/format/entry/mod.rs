//! Index entries in a run: pages of their own, a tree of them, and a filter over their values.
//!
//! The key of an entry is the index's id (big-endian), the index key and the entity's id. All before the entity's id is called
//! its *value* here. Values are prefix-free, so that keys in the order of their bytes are in the order of value and id. A leaf
//! says a value once, however many ids have it, and what all its values share once.
//!
//! Promises: whatever a page says is bounded before it is believed. Relies on index keys being prefix-free, and on nothing else
//! of what they mean.

mod filter;
mod footer;
mod head;
mod inner;
mod leaf;
mod node;
mod strings;

#[cfg(test)]
pub(crate) mod tests;

pub(crate) use filter::{
    FilterPage, encode as encode_filter, first_block, hash, page_count, place,
};
pub(crate) use footer::IndexFooter;
pub(crate) use inner::{InnerBuilder, separator};
pub(crate) use leaf::LeafBuilder;
pub(crate) use node::{Node, Place};

use crate::ids::{CollectionId, EntityId};

/// Length of an index's id in bytes.
const INDEX_LEN: usize = 2;
/// The longest value: an index's id and an index key.
const VALUE_LEN_MAX: usize = INDEX_LEN + 1024;
/// The shortest and the longest key of an entry.
pub(crate) const KEY_LEN_MIN: usize = INDEX_LEN + EntityId::LEN;
pub(crate) const KEY_LEN_MAX: usize = VALUE_LEN_MAX + EntityId::LEN;
/// More entries than fit into a page: each differs from the one before in a byte of its own.
const COUNT_MAX: usize = super::page::LEN;

/// More levels than a tree has: of the longest separators there are three in an inner page.
pub(crate) const LEVEL_MAX: u8 = 28;

const KIND_LEAF: u8 = 3;
const KIND_INNER: u8 = 4;
const KIND_FILTER: u8 = 5;

/// The value and the entity's id in an entry's key; `None` if it is too short or too long to be one.
#[inline]
pub(crate) fn split(key: &[u8]) -> Option<(&[u8], &[u8; EntityId::LEN])> {
    let (value, id) = key.split_last_chunk()?;
    (INDEX_LEN..=VALUE_LEN_MAX)
        .contains(&value.len())
        .then_some((value, id))
}

/// The index that an entry's key, or its value, is of.
#[inline]
pub(crate) fn index_of(key: &[u8]) -> CollectionId {
    let id = key.first_chunk().copied().unwrap_or_default();
    CollectionId(u16::from_be_bytes(id))
}
