//! A map that has one more entry than its bytes.

use serde::de::value::BorrowedStrDeserializer;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde::forward_to_deserialize_any;

use super::access::Map;
use super::{DeserializeError, Reader};
use crate::cursor::{Token, fault};
use crate::{Fault, head};

/// The item that `reader` is at, which has to be a map, together with the entry `field`.
pub(super) struct With<'r, 'de> {
    reader: &'r mut Reader<'de>,
    field: &'de str,
    item: &'de [u8],
}

impl<'r, 'de> With<'r, 'de> {
    #[inline]
    pub(super) fn new(reader: &'r mut Reader<'de>, field: &'de str, item: &'de [u8]) -> Self {
        Self {
            reader,
            field,
            item,
        }
    }
}

impl<'de> With<'_, 'de> {
    #[inline]
    fn map<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DeserializeError> {
        let reader = self.reader;
        let offset = reader.cursor.offset();
        let Token::Map(count) = reader.cursor.token()? else {
            return Err(reader.unexpected(offset, &"a map"));
        };
        reader.enter(offset)?;
        let mut left = count;
        let mut state = State::Before;
        let value = visitor.visit_map(WithMap {
            map: Map::new(&mut *reader, &mut left, fields),
            field: self.field,
            item: self.item,
            state: &mut state,
        })?;
        // A type that stops early has to leave nothing unseen.
        if left > 0 || !matches!(state, State::Behind) {
            let message = format_args!("invalid length {}, fewer were read", count + 1);
            return Err(serde::de::Error::custom(message));
        }
        reader.leave();
        Ok(value)
    }
}

impl<'de> Deserializer<'de> for With<'_, 'de> {
    type Error = DeserializeError;

    #[inline]
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DeserializeError> {
        self.map(fields, visitor)
    }

    #[inline]
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeserializeError> {
        self.map(&[], visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeserializeError> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, DeserializeError> {
        visitor.visit_newtype_struct(self)
    }

    fn is_human_readable(&self) -> bool {
        false
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

struct WithMap<'r, 'de> {
    map: Map<'r, 'de>,
    field: &'de str,
    item: &'de [u8],
    state: &'r mut State,
}

/// How far the entry that comes first has come.
enum State {
    Before,
    Key,
    Behind,
}

impl WithMap<'_, '_> {
    /// Whether an encoded key is that of the entry.
    #[inline]
    fn is_field(&self, key: &[u8]) -> bool {
        key.len() > self.field.len()
            && key.ends_with(self.field.as_bytes())
            && key
                .first()
                .is_some_and(|initial| initial >> 5 == head::TEXT)
            && head::build(head::TEXT, self.field.len() as u64).1 == key.len() - self.field.len()
    }
}

impl<'de> MapAccess<'de> for WithMap<'_, 'de> {
    type Error = DeserializeError;

    #[inline]
    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, DeserializeError> {
        if let State::Before = *self.state {
            *self.state = State::Key;
            return seed
                .deserialize(BorrowedStrDeserializer::new(self.field))
                .map(Some);
        }
        let offset = self.map.reader.cursor.offset();
        let key = self.map.next_key_seed(seed)?;
        if key.is_some() && self.is_field(self.map.reader.cursor.since(offset)) {
            return Err(fault(offset, Fault::DuplicateKey).into());
        }
        Ok(key)
    }

    #[inline]
    fn next_value_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<T::Value, DeserializeError> {
        if let State::Key = *self.state {
            *self.state = State::Behind;
            let mut item = Reader::new(self.item, self.map.reader.depth, None);
            let value = seed.deserialize(&mut item);
            return value
                .and_then(|value| {
                    item.cursor.end()?;
                    Ok(value)
                })
                .map_err(|error| error.at(0).in_field(self.field, self.item));
        }
        self.map.next_value_seed(seed)
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        self.map.size_hint()
    }
}
