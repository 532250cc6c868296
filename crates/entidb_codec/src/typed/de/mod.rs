//! Canonical CBOR to Rust types.

mod access;
mod deserializer;
mod item;
mod shape;
mod unexpected;
mod variant;
mod with;

use serde::de::Deserialize;

use shape::Shapes;
use with::With;

use super::DeserializeError;
use crate::cursor::{Cursor, enter};

/// Reads exactly one item.
#[inline]
pub(super) fn read<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> Result<T, DeserializeError> {
    let mut reader = Reader::new(bytes, 0, Some(Shapes::take()));
    let value = T::deserialize(&mut reader);
    reader.finish(value)
}

/// Reads exactly one map, as if `field` were in it too.
#[inline]
pub(super) fn read_with<'de, T: Deserialize<'de>>(
    bytes: &'de [u8],
    field: &'de str,
    item: &'de [u8],
) -> Result<T, DeserializeError> {
    let mut reader = Reader::new(bytes, 0, Some(Shapes::take()));
    let value = T::deserialize(With::new(&mut reader, field, item));
    reader.finish(value)
}

/// Reads items one behind the other.
struct Reader<'de> {
    cursor: Cursor<'de>,
    /// How many arrays, maps and tags are open.
    depth: usize,
    shapes: Option<Box<Shapes>>,
}

impl<'de> Reader<'de> {
    #[inline]
    fn new(bytes: &'de [u8], depth: usize, shapes: Option<Box<Shapes>>) -> Self {
        Self {
            cursor: Cursor::new(bytes),
            depth,
            shapes,
        }
    }

    /// That `value` was the one item that there is.
    #[inline]
    fn finish<T>(self, value: Result<T, DeserializeError>) -> Result<T, DeserializeError> {
        if let Some(shapes) = self.shapes {
            shapes.put();
        }
        match (value, self.cursor.end()) {
            (Ok(value), Ok(())) => Ok(value),
            (Err(error), _) => Err(error.at(0).in_bytes(self.cursor.all())),
            (_, Err(error)) => Err(error.into()),
        }
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
