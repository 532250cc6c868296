//! The items of an array and the entries of a map.

use std::rc::Rc;

use serde::de::value::BorrowedStrDeserializer;
use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};

use super::deserializer::disorder;
use super::shape::Shape;
use super::{DeserializeError, Reader};

/// How many items a type is told to make room for before any of them is read. A count is bounded
/// by the bytes behind it, but nested arrays can each claim the same bytes.
const ROOM_MAX: usize = 1024;

pub(super) struct Seq<'r, 'de> {
    reader: &'r mut Reader<'de>,
    /// Of whoever looks behind the type, which takes the rest by value: a reference to it would be
    /// one more call for each item.
    left: &'r mut usize,
}

impl<'de> Seq<'_, 'de> {
    /// Reads an array whose head has been read.
    #[inline]
    pub(super) fn read<V: Visitor<'de>>(
        reader: &mut Reader<'de>,
        offset: usize,
        count: usize,
        visitor: V,
    ) -> Result<V::Value, DeserializeError> {
        reader.enter(offset)?;
        let mut left = count;
        let value = visitor.visit_seq(Seq {
            reader: &mut *reader,
            left: &mut left,
        });
        let value = match value {
            Ok(value) => value,
            Err(error) => return Err(error.at(offset)),
        };
        if left > 0 {
            return Err(too_many(offset, count, left));
        }
        reader.leave();
        Ok(value)
    }
}

#[cold]
fn too_many(offset: usize, count: usize, left: usize) -> DeserializeError {
    let taken = count - left;
    let message = format_args!("invalid length {count}, expected {taken}");
    DeserializeError::custom(message).at(offset)
}

impl<'de> SeqAccess<'de> for Seq<'_, 'de> {
    type Error = DeserializeError;

    #[inline]
    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, DeserializeError> {
        let Some(left) = self.left.checked_sub(1) else {
            return Ok(None);
        };
        *self.left = left;
        let offset = self.reader.cursor.offset();
        match seed.deserialize(&mut *self.reader) {
            Ok(value) => Ok(Some(value)),
            Err(error) => Err(error.at(offset)),
        }
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        Some((*self.left).min(ROOM_MAX))
    }
}

pub(super) struct Map<'r, 'de> {
    pub(super) reader: &'r mut Reader<'de>,
    /// As in [`Seq`].
    left: &'r mut usize,
    /// The key before, encoded; at first no bytes, which are before every key.
    last: &'de [u8],
    expected: Option<Expected>,
}

/// Which fields a struct has, and which is expected next.
struct Expected {
    shape: Rc<Shape>,
    next: usize,
}

impl<'r, 'de> Map<'r, 'de> {
    /// A map whose head has been read, of a struct with these fields if there are any.
    #[inline]
    pub(super) fn new(
        reader: &'r mut Reader<'de>,
        left: &'r mut usize,
        fields: &'static [&'static str],
    ) -> Self {
        let expected = match &mut reader.shapes {
            Some(shapes) if !fields.is_empty() => Some(Expected {
                shape: shapes.of(fields),
                next: 0,
            }),
            _ => None,
        };
        Self {
            reader,
            left,
            last: &[],
            expected,
        }
    }

    /// Reads a map whose head has been read.
    #[inline]
    pub(super) fn read<V: Visitor<'de>>(
        reader: &mut Reader<'de>,
        offset: usize,
        count: usize,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DeserializeError> {
        reader.enter(offset)?;
        let mut left = count;
        let value = match visitor.visit_map(Map::new(&mut *reader, &mut left, fields)) {
            Ok(value) => value,
            Err(error) => return Err(error.at(offset)),
        };
        if left > 0 {
            return Err(too_many(offset, count, left));
        }
        reader.leave();
        Ok(value)
    }

    /// Passes the next key if it is one of those expected, and gives its name.
    #[inline]
    fn expected(&mut self) -> Option<&'static str> {
        let expected = self.expected.as_mut()?;
        let (name, len, next) = expected
            .shape
            .find(expected.next, self.reader.cursor.rest())?;
        expected.next = next;
        // In order, since those expected are behind the key before.
        self.last = self.reader.cursor.pass(len);
        Some(name)
    }

    /// Takes the key that began at `offset` and has just been read.
    #[inline]
    fn order(&mut self, offset: usize) -> Result<(), DeserializeError> {
        let key = self.reader.cursor.since(offset);
        if key <= self.last {
            return Err(disorder(offset, self.last, key));
        }
        self.last = key;
        if let Some(expected) = &mut self.expected {
            expected.next = expected.shape.behind(key, expected.next);
        }
        Ok(())
    }
}

impl<'de> MapAccess<'de> for Map<'_, 'de> {
    type Error = DeserializeError;

    #[inline]
    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, DeserializeError> {
        let Some(left) = self.left.checked_sub(1) else {
            return Ok(None);
        };
        *self.left = left;
        let offset = self.reader.cursor.offset();
        let key = match self.expected() {
            Some(name) => seed.deserialize(BorrowedStrDeserializer::new(name)),
            None => {
                let key = seed.deserialize(&mut *self.reader);
                if key.is_ok() {
                    self.order(offset)?;
                }
                key
            }
        };
        match key {
            Ok(key) => Ok(Some(key)),
            Err(error) => Err(error.at(offset)),
        }
    }

    #[inline]
    fn next_value_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<T::Value, DeserializeError> {
        let offset = self.reader.cursor.offset();
        match seed.deserialize(&mut *self.reader) {
            Ok(value) => Ok(value),
            Err(error) => Err(error.at(offset)),
        }
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        Some((*self.left).min(ROOM_MAX))
    }
}
