//! Whether a question to an index finds an entity, told by its payload alone.

use std::ops::RangeBounds;
use std::sync::Arc;

use super::entries::EntryBounds;
use super::keys::Keys;
use crate::format::catalog::Index;

/// A part of an index: what lies between two keys.
#[derive(Debug)]
pub(crate) struct Within {
    index: Arc<Index>,
    bounds: EntryBounds,
    keys: Keys,
}

impl Within {
    pub(crate) fn new(index: Arc<Index>, bounds: EntryBounds) -> Self {
        Self {
            index,
            bounds,
            keys: Keys::default(),
        }
    }

    /// Whether the index finds an entity with this payload there. One that it cannot take is not found.
    pub(crate) fn has(&mut self, payload: &[u8]) -> bool {
        let filled = self.keys.fill_whole(&self.index, payload);
        let mut keys = self.keys.iter();
        filled.is_ok() && keys.any(|key| self.bounds.contains(&key.to_vec()))
    }
}
