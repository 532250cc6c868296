//! Canonical CBOR to Rust types.

mod access;
mod deserializer;
mod item;
mod unexpected;
mod variant;
mod with;

use serde::de::Deserialize;

use super::DeserializeError;
use crate::cursor::{Cursor, enter};

/// Reads exactly one item.
#[inline]
pub(super) fn read<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> Result<T, DeserializeError> {
    let mut reader = Reader::new(bytes, 0);
    reader.whole().map_err(|error| error.at(0).in_bytes(bytes))
}

/// Reads exactly one map, as if `field` were in it too.
#[inline]
pub(super) fn read_with<'de, T: Deserialize<'de>>(
    bytes: &'de [u8],
    field: &'de str,
    item: &'de [u8],
) -> Result<T, DeserializeError> {
    let mut reader = Reader::new(bytes, 0);
    T::deserialize(with::With::new(&mut reader, field, item))
        .and_then(|value| {
            reader.cursor.end()?;
            Ok(value)
        })
        .map_err(|error| error.at(0).in_bytes(bytes))
}

/// Reads items one behind the other.
struct Reader<'de> {
    cursor: Cursor<'de>,
    /// How many arrays, maps and tags are open.
    depth: usize,
}

impl<'de> Reader<'de> {
    #[inline]
    fn new(bytes: &'de [u8], depth: usize) -> Self {
        Self {
            cursor: Cursor::new(bytes),
            depth,
        }
    }

    /// The one item that there is.
    #[inline]
    fn whole<T: Deserialize<'de>>(&mut self) -> Result<T, DeserializeError> {
        let value = T::deserialize(&mut *self)?;
        self.cursor.end()?;
        Ok(value)
    }

    /// Goes into the array, map or tag that begins at `offset`.
    #[inline]
    fn enter(&mut self, offset: usize) -> Result<(), DeserializeError> {
        self.depth = enter(self.depth, offset)?;
        Ok(())
    }

    #[inline]
    fn leave(&mut self) {
        self.depth -= 1;
    }
}
