//! `Value` into any format.

use num_bigint::Sign;
use serde::ser::{Error, SerializeMap};
use serde::{Serialize, Serializer};

use super::{BIGNUM, SIMPLE, TAG, UNDEFINED};
use crate::{EncodeError, Integer, Value, head};

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Undefined => serializer.serialize_newtype_struct(UNDEFINED, &()),
            Self::Bool(bool) => serializer.serialize_bool(*bool),
            Self::Integer(integer) => integer.serialize(serializer),
            Self::Float(float) => serializer.serialize_f64(*float),
            Self::Bytes(bytes) => serializer.serialize_bytes(bytes),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Array(items) => serializer.collect_seq(items),
            Self::Map(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                for (key, value) in entries {
                    map.serialize_entry(key, value)?;
                }
                map.end()
            }
            Self::Tag(number @ (head::TAG_BIGNUM | head::TAG_BIGNUM_NEGATIVE), _) => {
                Err(S::Error::custom(EncodeError::BignumTag(*number)))
            }
            Self::Tag(number, content) => {
                serializer.serialize_newtype_struct(TAG, &(*number, content))
            }
            Self::Simple(number @ 20..=31) => {
                Err(S::Error::custom(EncodeError::ReservedSimple(*number)))
            }
            Self::Simple(number) => serializer.serialize_newtype_struct(SIMPLE, number),
        }
    }
}

impl Serialize for Integer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Some(small) = self.as_u64() {
            return serializer.serialize_u64(small);
        }
        if let Some(small) = self.as_i64() {
            return serializer.serialize_i64(small);
        }
        if let Some(small) = self.as_i128() {
            return serializer.serialize_i128(small);
        }
        let big = self.to_bigint();
        let (tag, magnitude) = match big.sign() {
            // RFC 8949 section 3.4.3: a negative bignum n is written as -1 - n.
            Sign::Minus => (head::TAG_BIGNUM_NEGATIVE, -1 - big),
            _ => (head::TAG_BIGNUM, big),
        };
        let (_, bytes) = magnitude.to_bytes_be();
        serializer.serialize_newtype_struct(BIGNUM, &(tag, Bytes(&bytes)))
    }
}

struct Bytes<'a>(&'a [u8]);

impl Serialize for Bytes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}
