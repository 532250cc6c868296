//! A value in memory.

mod compare;
mod convert;
mod diagnostic;
mod edit;

use std::mem;

use crate::Integer;

/// Any value that canonical CBOR can hold.
///
/// Two values are equal when their encodings are: the order of a map's entries does not count, all
/// NaNs are one, `0.0` and `-0.0` are two, and an integer never equals a float.
///
/// `Debug` prints the diagnostic notation of RFC 8949 section 8.
///
/// # Depth
///
/// Decoding never builds a value nested deeper than [`NESTING_MAX`](crate::NESTING_MAX), and
/// encoding refuses one. A program can still build a deeper one by hand: dropping it is safe at
/// any depth, but cloning, comparing and printing take stack in proportion to it.
///
/// Because of this `Value` implements `Drop`, and its contents cannot be moved out by a pattern:
/// the `into_` methods do that.
#[derive(Clone, Default)]
pub enum Value {
    /// `null`
    #[default]
    Null,
    /// `undefined`, which JSON lacks.
    Undefined,
    /// `false` or `true`
    Bool(bool),
    /// An integer of any size.
    Integer(Integer),
    /// A binary64. Never equal to an integer: `145.0` stays a float.
    Float(f64),
    /// A byte string.
    Bytes(Vec<u8>),
    /// A text string.
    Text(String),
    /// An array.
    Array(Vec<Value>),
    /// A map from any keys to any values, in any order. Encoding sorts it, and refuses a key that
    /// is there twice; decoding gives it sorted.
    Map(Vec<(Value, Value)>),
    /// A tag and its content (RFC 8949 section 3.4). Not 2 or 3: a bignum is an
    /// [`Integer`](Value::Integer).
    Tag(u64, Box<Value>),
    /// A simple value without a meaning of its own: 0 to 19 and 32 to 255 (RFC 8949 section 3.3).
    Simple(u8),
}

impl Value {
    /// Whether this is `null`.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The boolean, if this is one.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(bool) => Some(*bool),
            _ => None,
        }
    }

    /// The integer, if this is one.
    #[must_use]
    pub fn as_integer(&self) -> Option<&Integer> {
        match self {
            Self::Integer(integer) => Some(integer),
            _ => None,
        }
    }

    /// The integer, if this is one that fits.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        self.as_integer().and_then(Integer::as_i64)
    }

    /// The integer, if this is one that fits.
    #[must_use]
    pub fn as_u64(&self) -> Option<u64> {
        self.as_integer().and_then(Integer::as_u64)
    }

    /// The float, if this is one. An integer is not.
    #[must_use]
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Float(float) => Some(*float),
            _ => None,
        }
    }

    /// The byte string, if this is one.
    #[must_use]
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The text, if this is one.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The items, if this is an array.
    #[must_use]
    pub fn as_array(&self) -> Option<&[Value]> {
        match self {
            Self::Array(items) => Some(items),
            _ => None,
        }
    }

    /// The entries, if this is a map.
    #[must_use]
    pub fn as_map(&self) -> Option<&[(Value, Value)]> {
        match self {
            Self::Map(entries) => Some(entries),
            _ => None,
        }
    }

    /// The tag number and its content, if this is one.
    #[must_use]
    pub fn as_tag(&self) -> Option<(u64, &Value)> {
        match self {
            Self::Tag(number, content) => Some((*number, content)),
            _ => None,
        }
    }

    /// What a map has under a text key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value> {
        let (_, value) = self
            .as_map()?
            .iter()
            .find(|(k, _)| k.as_str() == Some(key))?;
        Some(value)
    }

    /// The text, if this is one; else the value as it was.
    ///
    /// # Errors
    ///
    /// The value itself, if it is anything else.
    pub fn into_text(mut self) -> Result<String, Value> {
        match &mut self {
            Self::Text(text) => Ok(mem::take(text)),
            _ => Err(self),
        }
    }

    /// The byte string, if this is one; else the value as it was.
    ///
    /// # Errors
    ///
    /// The value itself, if it is anything else.
    pub fn into_bytes(mut self) -> Result<Vec<u8>, Value> {
        match &mut self {
            Self::Bytes(bytes) => Ok(mem::take(bytes)),
            _ => Err(self),
        }
    }

    /// The items, if this is an array; else the value as it was.
    ///
    /// # Errors
    ///
    /// The value itself, if it is anything else.
    pub fn into_array(mut self) -> Result<Vec<Value>, Value> {
        match &mut self {
            Self::Array(items) => Ok(mem::take(items)),
            _ => Err(self),
        }
    }

    /// The entries, if this is a map; else the value as it was.
    ///
    /// # Errors
    ///
    /// The value itself, if it is anything else.
    pub fn into_map(mut self) -> Result<Vec<(Value, Value)>, Value> {
        match &mut self {
            Self::Map(entries) => Ok(mem::take(entries)),
            _ => Err(self),
        }
    }

    /// The tag number and its content, if this is one; else the value as it was.
    ///
    /// # Errors
    ///
    /// The value itself, if it is anything else.
    pub fn into_tag(mut self) -> Result<(u64, Value), Value> {
        match &mut self {
            Self::Tag(number, content) => Ok((*number, mem::take(content))),
            _ => Err(self),
        }
    }

    /// Whether dropping this may drop other values that hold values.
    fn holds_values(&self) -> bool {
        match self {
            Self::Array(items) => !items.is_empty(),
            Self::Map(entries) => !entries.is_empty(),
            Self::Tag(..) => true,
            _ => false,
        }
    }

    /// Takes out the values that hold values themselves.
    fn take_nested(&mut self, into: &mut Vec<Value>) {
        let mut take = |value: &mut Value| {
            if value.holds_values() {
                into.push(mem::take(value));
            }
        };
        match self {
            Self::Array(items) => items.iter_mut().for_each(take),
            Self::Map(entries) => entries.iter_mut().for_each(|(key, value)| {
                take(key);
                take(value);
            }),
            Self::Tag(_, content) => take(content),
            _ => {}
        }
    }
}

/// Drops level by level, so that depth costs memory and never stack.
impl Drop for Value {
    fn drop(&mut self) {
        if !self.holds_values() {
            return;
        }
        let mut nested = Vec::new();
        self.take_nested(&mut nested);
        while let Some(mut value) = nested.pop() {
            value.take_nested(&mut nested);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_million_levels_are_dropped_without_a_stack_overflow() {
        let mut array = Value::Null;
        let mut map = Value::Null;
        let mut key = Value::Null;
        let mut tag = Value::Null;
        for _ in 0..1_000_000 {
            array = Value::Array(vec![array]);
            map = Value::Map(vec![(Value::Null, map)]);
            key = Value::Map(vec![(key, Value::Null)]);
            tag = Value::Tag(1, Box::new(tag));
        }
    }

    #[test]
    fn a_value_is_small() {
        assert!(size_of::<Value>() <= 48, "{}", size_of::<Value>());
    }
}
