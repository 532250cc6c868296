//! One value at a time.

use serde::Deserializer;
use serde::de::Visitor;

use super::access::{Map, Seq};
use super::item::Item;
use super::variant::{Named, Variant};
use super::{DeserializeError, Reader};
use crate::cursor::{Token, fault};
use crate::typed::{tagged, value};
use crate::{Fault, Integer, head, validate};

impl<'de> Reader<'de> {
    #[inline]
    fn integer<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, DeserializeError> {
        if let Some(integer) = self.cursor.argument(head::UNSIGNED)? {
            return visitor.visit_u64(integer);
        }
        match self.cursor.argument(head::NEGATIVE)? {
            Some(argument) => match i64::try_from(argument) {
                Ok(argument) => visitor.visit_i64(!argument),
                Err(_) => visitor.visit_i128(!i128::from(argument)),
            },
            None => self.bignum(visitor),
        }
    }

    #[cold]
    fn bignum<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, DeserializeError> {
        let offset = self.cursor.offset();
        match self.cursor.token()? {
            Token::Bignum {
                negative,
                magnitude,
            } => bignum(visitor, negative, magnitude),
            _ => Err(self.unexpected(offset, &visitor)),
        }
    }

    #[inline]
    fn float<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, DeserializeError> {
        match self.cursor.float()? {
            Some(float) => visitor.visit_f64(float),
            None => self.whole_float(visitor),
        }
    }

    /// An integer where a float is asked for, if a float can hold it.
    #[cold]
    fn whole_float<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, DeserializeError> {
        let offset = self.cursor.offset();
        match self.cursor.token()? {
            Token::Unsigned(integer) if integer <= FLOAT_INTEGER_MAX => {
                visitor.visit_f64(integer as f64)
            }
            Token::Negative(argument) if argument < FLOAT_INTEGER_MAX => {
                visitor.visit_f64(-1.0 - argument as f64)
            }
            _ => Err(self.unexpected(offset, &visitor)),
        }
    }

    #[inline]
    fn text<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, DeserializeError> {
        match self.cursor.text()? {
            Some(text) => visitor.visit_borrowed_str(text),
            None => Err(self.unexpected(self.cursor.offset(), &visitor)),
        }
    }

    #[inline]
    fn array<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, DeserializeError> {
        let offset = self.cursor.offset();
        match self.cursor.array()? {
            Some(count) => Seq::read(self, offset, count, visitor),
            None => Err(self.unexpected(offset, &visitor)),
        }
    }

    #[inline]
    pub(super) fn map<V: Visitor<'de>>(
        &mut self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DeserializeError> {
        let offset = self.cursor.offset();
        match self.cursor.map()? {
            Some(count) => Map::read(self, offset, count, fields, visitor),
            None => Err(self.unexpected(offset, &visitor)),
        }
    }

    /// A newtype of this crate, by its name.
    fn special<V: Visitor<'de>>(
        &mut self,
        name: &str,
        visitor: V,
    ) -> Result<V::Value, DeserializeError> {
        let offset = self.cursor.offset();
        if name == value::VALUE {
            validate::item(&mut self.cursor, self.depth)?;
            return visitor.visit_enum(Item(self.cursor.since(offset)));
        }
        match (tagged::number(name), self.cursor.token()?) {
            (Some(expected), Token::Tag(number)) if number == expected => {
                self.enter(offset)?;
                let value = visitor.visit_newtype_struct(&mut *self)?;
                self.leave();
                Ok(value)
            }
            _ => Err(self.unexpected(offset, &visitor)),
        }
    }
}

/// Up to here a float holds every integer.
const FLOAT_INTEGER_MAX: u64 = 1 << 53;

#[cold]
fn bignum<'de, V: Visitor<'de>>(
    visitor: V,
    negative: bool,
    magnitude: &[u8],
) -> Result<V::Value, DeserializeError> {
    if magnitude.len() > size_of::<u128>() {
        return Err(serde::de::Error::custom(format_args!(
            "an integer of {} bytes is too large",
            magnitude.len()
        )));
    }
    let integer = Integer::from_bignum(negative, magnitude);
    match integer.as_i128() {
        Some(integer) => visitor.visit_i128(integer),
        None => match u128::try_from(integer.to_bigint()) {
            Ok(integer) => visitor.visit_u128(integer),
            Err(_) => Err(serde::de::Error::custom(format_args!(
                "the integer {integer} is out of range"
            ))),
        },
    }
}

macro_rules! forward {
    ($($to:ident: $($method:ident)*;)*) => {$($(
        #[inline]
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeserializeError> {
            self.$to(visitor)
        }
    )*)*};
}

impl<'de> Deserializer<'de> for &mut Reader<'de> {
    type Error = DeserializeError;

    forward! {
        integer: deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
            deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128;
        float: deserialize_f32 deserialize_f64;
        text: deserialize_char deserialize_str deserialize_string deserialize_identifier;
        array: deserialize_seq;
        deserialize_bytes: deserialize_byte_buf;
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeserializeError> {
        let offset = self.cursor.offset();
        match self.cursor.token()? {
            Token::Bool(bool) => visitor.visit_bool(bool),
            Token::Null => visitor.visit_unit(),
            Token::Text(text) => visitor.visit_borrowed_str(text),
            Token::Bytes(bytes) => visitor.visit_borrowed_bytes(bytes),
            Token::Float(float) => visitor.visit_f64(float),
            Token::Array(count) => Seq::read(self, offset, count, visitor),
            Token::Map(count) => Map::read(self, offset, count, &[], visitor),
            Token::Unsigned(integer) => visitor.visit_u64(integer),
            Token::Negative(_) | Token::Bignum { .. } => {
                self.cursor.rewind(offset);
                self.integer(visitor)
            }
            Token::Tag(_) | Token::Undefined | Token::Simple(_) => {
                Err(self.unexpected(offset, &visitor))
            }
        }
    }

    #[inline]
    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeserializeError> {
        if self.cursor.eat(head::FALSE) {
            visitor.visit_bool(false)
        } else if self.cursor.eat(head::TRUE) {
            visitor.visit_bool(true)
        } else {
            Err(self.unexpected(self.cursor.offset(), &visitor))
        }
    }

    #[inline]
    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeserializeError> {
        let offset = self.cursor.offset();
        match self.cursor.token()? {
            Token::Bytes(bytes) => visitor.visit_borrowed_bytes(bytes),
            _ => Err(self.unexpected(offset, &visitor)),
        }
    }

    #[inline]
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeserializeError> {
        if self.cursor.eat(head::NULL) {
            visitor.visit_none()
        } else {
            visitor.visit_some(self)
        }
    }

    #[inline]
    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeserializeError> {
        if self.cursor.eat(head::NULL) {
            visitor.visit_unit()
        } else {
            Err(self.unexpected(self.cursor.offset(), &visitor))
        }
    }

    #[inline]
    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, DeserializeError> {
        self.deserialize_unit(visitor)
    }

    #[inline]
    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DeserializeError> {
        // No name of a Rust type begins so.
        if name.as_bytes().first() == Some(&0) {
            return self.special(name, visitor);
        }
        visitor.visit_newtype_struct(self)
    }

    #[inline]
    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, DeserializeError> {
        self.array(visitor)
    }

    #[inline]
    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, DeserializeError> {
        self.array(visitor)
    }

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
    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeserializeError> {
        self.map(&[], visitor)
    }

    #[inline]
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DeserializeError> {
        let offset = self.cursor.offset();
        if let Some(name) = self.cursor.text()? {
            return visitor
                .visit_enum(Named(name))
                .map_err(|error| error.at(offset));
        }
        match self.cursor.map()? {
            Some(1) => {
                self.enter(offset)?;
                let value = visitor.visit_enum(Variant(&mut *self));
                self.leave();
                value.map_err(|error| error.at(offset))
            }
            _ => Err(self.unexpected(offset, &visitor)),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(
        self,
        visitor: V,
    ) -> Result<V::Value, DeserializeError> {
        validate::item(&mut self.cursor, self.depth)?;
        visitor.visit_unit()
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}

/// A key that is not in canonical order.
#[cold]
pub(super) fn disorder(offset: usize, last: &[u8], key: &[u8]) -> DeserializeError {
    let wrong = if last == key {
        Fault::DuplicateKey
    } else {
        Fault::UnsortedKeys
    };
    fault(offset, wrong).into()
}
