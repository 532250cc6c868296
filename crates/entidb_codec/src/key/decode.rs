//! Keys back to values.

use super::kind::TRUE;
use super::{KeyError, Kind, date, escape, number};
use crate::Value;

/// What a key was made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyValue {
    /// There was no value.
    Absent,
    /// A value with this key. Several may have it: a whole number comes back as an integer, text as
    /// it was folded, and a date in UTC.
    Value(Value),
}

/// The value whose key `key` begins with, and how many bytes that key takes.
///
/// Making a key of the value again gives the same bytes.
///
/// # Errors
///
/// [`KeyError::Damaged`] if the bytes are not what a key begins with. Nothing is allocated for
/// a length that is not there.
pub fn decode(key: &[u8]) -> Result<(KeyValue, usize), KeyError> {
    let damaged = KeyError::Damaged { offset: 0 };
    let value = |value| KeyValue::Value(value);
    Ok(match Kind::of(key).ok_or(damaged)? {
        Kind::Absent => (KeyValue::Absent, 1),
        Kind::Null => (value(Value::Null), 1),
        Kind::Undefined => (value(Value::Undefined), 1),
        Kind::Bool => (value(Value::Bool(key.first() == Some(&TRUE))), 1),
        Kind::Number => number::read(key)
            .map(|(n, len)| (value(n), len))
            .ok_or(damaged)?,
        Kind::Date => date::read(key)
            .map(|(d, len)| (value(d), len))
            .ok_or(damaged)?,
        kind @ (Kind::Text | Kind::Bytes | Kind::Other) => {
            let (bytes, len) = key
                .get(1..)
                .and_then(|rest| escape::read(rest, 0))
                .ok_or(damaged)?;
            let string = match kind {
                Kind::Text => String::from_utf8(bytes).ok().map(Value::Text),
                Kind::Bytes => Some(Value::Bytes(bytes)),
                _ => crate::decode(&bytes)
                    .ok()
                    .filter(|item| is_other(item, key, len)),
            };
            (value(string.ok_or(damaged)?), 1 + len)
        }
    })
}

/// Whether a value has a key of kind [`Kind::Other`], the one that it was read from.
fn is_other(value: &Value, key: &[u8], len: usize) -> bool {
    match value {
        Value::Array(_) | Value::Map(_) | Value::Simple(_) => true,
        Value::Tag(..) => {
            let mut again = Vec::new();
            super::push_value(&mut again, value, super::Case::Sensitive).is_ok()
                && key.get(..=len) == Some(&again[..])
        }
        _ => false,
    }
}

/// How many bytes the key takes that `key` begins with. Looks only at what tells it.
///
/// # Errors
///
/// [`KeyError::Damaged`] if it does not end, or none begins like this.
pub fn item_len(key: &[u8]) -> Result<usize, KeyError> {
    let len = match Kind::of(key) {
        Some(Kind::Absent | Kind::Null | Kind::Undefined | Kind::Bool) => Some(1),
        Some(Kind::Number) => number::len(key),
        Some(Kind::Date) => date::len(key),
        Some(Kind::Text | Kind::Bytes | Kind::Other) => key
            .get(1..)
            .and_then(|rest| escape::len(rest, 0))
            .map(|len| 1 + len),
        None => None,
    };
    len.ok_or(KeyError::Damaged { offset: 0 })
}
