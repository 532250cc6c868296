//! The items of an array and the entries of a map.

use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};

use super::deserializer::disorder;
use super::{DeserializeError, Reader};

/// How many items a type is told to make room for before any of them is read. A count is bounded
/// by the bytes behind it, but nested arrays can each claim the same bytes.
const ROOM_MAX: usize = 1024;

pub(super) struct Seq<'r, 'de> {
    reader: &'r mut Reader<'de>,
    left: usize,
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
        let mut seq = Seq {
            reader: &mut *reader,
            left: count,
        };
        let value = visitor
            .visit_seq(&mut seq)
            .map_err(|error| error.at(offset))?;
        if seq.left > 0 {
            return Err(too_many(offset, count, seq.left));
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
        self.left = left;
        let offset = self.reader.cursor.offset();
        match seed.deserialize(&mut *self.reader) {
            Ok(value) => Ok(Some(value)),
            Err(error) => Err(error.at(offset)),
        }
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        Some(self.left.min(ROOM_MAX))
    }
}

pub(super) struct Map<'r, 'de> {
    pub(super) reader: &'r mut Reader<'de>,
    pub(super) left: usize,
    /// The key before, encoded; at first no bytes, which are before every key.
    last: &'de [u8],
}

impl<'r, 'de> Map<'r, 'de> {
    #[inline]
    pub(super) fn new(reader: &'r mut Reader<'de>, count: usize) -> Self {
        Self {
            reader,
            left: count,
            last: &[],
        }
    }

    /// Reads a map whose head has been read.
    #[inline]
    pub(super) fn read<V: Visitor<'de>>(
        reader: &mut Reader<'de>,
        offset: usize,
        count: usize,
        visitor: V,
    ) -> Result<V::Value, DeserializeError> {
        reader.enter(offset)?;
        let mut map = Map::new(&mut *reader, count);
        let value = visitor
            .visit_map(&mut map)
            .map_err(|error| error.at(offset))?;
        if map.left > 0 {
            return Err(too_many(offset, count, map.left));
        }
        reader.leave();
        Ok(value)
    }

    /// Takes the key that began at `offset` and has just been read.
    #[inline]
    pub(super) fn order(&mut self, offset: usize) -> Result<&'de [u8], DeserializeError> {
        let key = self.reader.cursor.since(offset);
        // Most keys of a struct differ in the first byte, which tells the length.
        let ascends = self.last.first() < key.first() || self.last < key;
        if !ascends {
            return Err(disorder(offset, self.last, key));
        }
        self.last = key;
        Ok(key)
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
        self.left = left;
        let offset = self.reader.cursor.offset();
        let key = match seed.deserialize(&mut *self.reader) {
            Ok(key) => key,
            Err(error) => return Err(error.at(offset)),
        };
        self.order(offset)?;
        Ok(Some(key))
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
        Some(self.left.min(ROOM_MAX))
    }
}
