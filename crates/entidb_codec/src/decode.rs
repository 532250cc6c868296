//! Canonical CBOR to values.

use crate::cursor::{Cursor, Keys, Token, enter};
use crate::{DecodeError, Integer, Value};

/// The value of bytes that are exactly one canonical CBOR item.
///
/// Strict: what RFC 8949 section 4.2.1 does not allow is refused, so equal values have equal bytes,
/// and encoding the value again gives the same bytes. Hostile lengths and depths are errors
/// before anything is allocated for them.
///
/// # Errors
///
/// The first fault and where it is.
pub fn decode(bytes: &[u8]) -> Result<Value, DecodeError> {
    let mut cursor = Cursor::new(bytes);
    let value = item(&mut cursor, 0)?;
    cursor.end()?;
    Ok(value)
}

/// Recursion ends at `NESTING_MAX`.
fn item(cursor: &mut Cursor<'_>, depth: usize) -> Result<Value, DecodeError> {
    let offset = cursor.offset();
    Ok(match cursor.token()? {
        Token::Unsigned(integer) => Value::from(integer),
        Token::Negative(argument) => Value::Integer(Integer::from_negative_argument(argument)),
        Token::Bignum {
            negative,
            magnitude,
        } => Value::Integer(Integer::from_bignum(negative, magnitude)),
        Token::Bytes(bytes) => Value::from(bytes),
        Token::Text(text) => Value::from(text),
        Token::Array(count) => Value::Array(array(cursor, count, enter(depth, offset)?)?),
        Token::Map(count) => Value::Map(map(cursor, count, enter(depth, offset)?)?),
        Token::Tag(number) => Value::Tag(number, Box::new(item(cursor, enter(depth, offset)?)?)),
        Token::Bool(bool) => Value::Bool(bool),
        Token::Null => Value::Null,
        Token::Undefined => Value::Undefined,
        Token::Simple(number) => Value::Simple(number),
        Token::Float(float) => Value::Float(float),
    })
}

/// How many items to make room for before any of them is read. A count is bounded by the bytes
/// behind it, but nested arrays can each claim the same bytes.
const ROOM_MAX: usize = 64;

fn array(cursor: &mut Cursor<'_>, count: usize, depth: usize) -> Result<Vec<Value>, DecodeError> {
    let mut items = Vec::with_capacity(count.min(ROOM_MAX));
    for _ in 0..count {
        items.push(item(cursor, depth)?);
    }
    Ok(items)
}

fn map(
    cursor: &mut Cursor<'_>,
    count: usize,
    depth: usize,
) -> Result<Vec<(Value, Value)>, DecodeError> {
    let mut entries = Vec::with_capacity(count.min(ROOM_MAX));
    let mut keys = Keys::default();
    for _ in 0..count {
        let start = cursor.offset();
        let key = item(cursor, depth)?;
        keys.push(cursor, start)?;
        entries.push((key, item(cursor, depth)?));
    }
    Ok(entries)
}
