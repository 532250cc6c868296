//! Index keys: bytes whose order is the order of the values, whatever their types.
//!
//! Drawn in docs/format.md, section "Index keys": what is here is on disks.
//!
//! Keys are compared as plain bytes. In ascending order:
//!
//! | kind | order among themselves |
//! |---|---|
//! | absent ([`push_absent`]) | |
//! | null, then undefined | |
//! | false, then true | |
//! | numbers | by exact value, integers of any size and floats alike: `1` and `1.0` have one key, and so have `0.0` and `-0.0`; NaN is behind all numbers |
//! | text | by code point, or with [`Case::Insensitive`] so after simple case folding |
//! | dates: tag 0 or 1 | by instant, to the nanosecond; no time zone counts |
//! | byte strings | bytewise, a prefix first |
//! | arrays, maps, other tags and simple values | bytewise by canonical encoding |
//!
//! No key is the beginning of another, so that keys written one behind the other are ordered as
//! tuples are: that is what a compound key is. No key begins with the byte 00 or ff.
//!
//! ```
//! use entidb_codec::key::{self, Case};
//! use entidb_codec::{Value, object};
//!
//! let key = |value: Value| {
//!     let mut key = Vec::new();
//!     key::push_value(&mut key, &value, Case::Sensitive).map(|()| key)
//! };
//! assert!(key(Value::from(9_007_199_254_740_993_i64))? > key(Value::from(9_007_199_254_740_992.0))?);
//! assert_eq!(key(Value::from(18))?, key(Value::from(18.0))?);
//! assert!(key(Value::from("10"))? < key(Value::from("9"))?);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod date;
mod decode;
mod error;
mod escape;
mod fold;
mod kind;
mod number;

use crate::cursor::{Cursor, Token};
use crate::{Value, encode, head, validate};

pub use decode::{KeyValue, decode, item_len};
pub use error::KeyError;
pub use kind::Kind;

/// How long a whole index key may be, all its parts together, without the entity's id.
pub const KEY_LEN_MAX: usize = 1024;

/// How many bytes of a longer key are kept as they are. What stands for the rest is the engine's.
pub const LONG_PREFIX_LEN: usize = 960;

/// Whether a key of this length is too long to be stored as it is.
#[must_use]
pub fn is_long(len: usize) -> bool {
    len > KEY_LEN_MAX
}

/// Whether the case of letters counts in text. It always does in text inside arrays and maps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Case {
    /// `a` and `A` are two.
    #[default]
    Sensitive,
    /// `a` and `A` are one, by the simple case folding of Unicode 16.0. Accents count, and
    /// nothing is normalised.
    Insensitive,
}

/// Appends the key of one canonical CBOR item.
///
/// # Errors
///
/// [`KeyError::Item`] if the bytes are not exactly one canonical item, and [`KeyError::TooLong`].
/// Then `out` is as it was.
pub fn push(out: &mut Vec<u8>, cbor_item: &[u8], case: Case) -> Result<(), KeyError> {
    let mut cursor = Cursor::new(cbor_item);
    let token = cursor.token()?;
    let len = out.len();
    let result = match token {
        Token::Array(_) | Token::Map(_) | Token::Simple(_) => push_other(out, cbor_item),
        Token::Tag(number) => push_tag(out, cbor_item, number, cursor),
        scalar => cursor
            .end()
            .map_err(KeyError::Item)
            .and_then(|()| push_scalar(out, scalar, case)),
    };
    if result.is_err() {
        out.truncate(len);
    }
    result
}

/// Appends the key of what is not there.
pub fn push_absent(out: &mut Vec<u8>) {
    out.push(kind::ABSENT);
}

/// Appends the key of a value: that of its encoding.
///
/// # Errors
///
/// [`KeyError::Value`] if the value has no encoding, and [`KeyError::TooLong`]. Then `out` is as
/// it was.
pub fn push_value(out: &mut Vec<u8>, value: &Value, case: Case) -> Result<(), KeyError> {
    let token = match value {
        Value::Null => Token::Null,
        Value::Undefined => Token::Undefined,
        Value::Bool(bool) => Token::Bool(*bool),
        Value::Float(float) => Token::Float(*float),
        Value::Text(text) => Token::Text(text),
        Value::Bytes(bytes) => Token::Bytes(bytes),
        Value::Integer(_) | Value::Array(_) | Value::Map(_) | Value::Tag(..) | Value::Simple(_) => {
            return push(out, &encode(value)?, case);
        }
    };
    push_scalar(out, token, case)
}

/// Appends the bytes that the keys of all texts beginning with `text` begin with, and of no others.
pub fn push_prefix(out: &mut Vec<u8>, text: &str, case: Case) {
    out.push(kind::TEXT);
    push_text(out, text, case);
}

/// The bounds between which the keys of all texts beginning with `text` lie, and no others: the
/// first included, the second not.
///
/// In a compound key this is for the last part: put the keys of those before it in front of both.
#[must_use]
pub fn prefix_bounds(text: &str, case: Case) -> (Vec<u8>, Vec<u8>) {
    let mut start = Vec::new();
    push_prefix(&mut start, text, case);
    let mut end = start.clone();
    if let Some(last) = end.last_mut() {
        // It is the kind's byte or ends a character's UTF-8, so never ff.
        *last += 1;
    }
    (start, end)
}

/// Appends the key of anything but arrays, maps, tags and simple values.
fn push_scalar(out: &mut Vec<u8>, token: Token<'_>, case: Case) -> Result<(), KeyError> {
    match token {
        Token::Null => out.push(kind::NULL),
        Token::Undefined => out.push(kind::UNDEFINED),
        Token::Bool(false) => out.push(kind::FALSE),
        Token::Bool(true) => out.push(kind::TRUE),
        Token::Text(text) => {
            push_prefix(out, text, case);
            out.push(escape::END);
        }
        Token::Bytes(bytes) => {
            out.push(kind::BYTES);
            escape::push(out, bytes);
            out.push(escape::END);
        }
        number => {
            number::push(out, number)?;
        }
    }
    Ok(())
}

fn push_text(out: &mut Vec<u8>, text: &str, case: Case) {
    match case {
        Case::Sensitive => escape::push(out, text.as_bytes()),
        Case::Insensitive => fold::push(out, text),
    }
}

/// Appends the key of a tagged item, whose tag `content` has passed: a date, or something else.
fn push_tag(
    out: &mut Vec<u8>,
    item: &[u8],
    tag: u64,
    mut content: Cursor<'_>,
) -> Result<(), KeyError> {
    if matches!(tag, head::TAG_DATE_TEXT | head::TAG_DATE_NUMBER) {
        let token = content.token()?;
        if content.end().is_ok() && date::push(out, tag, token)? {
            return Ok(());
        }
    }
    push_other(out, item)
}

fn push_other(out: &mut Vec<u8>, item: &[u8]) -> Result<(), KeyError> {
    validate(item)?;
    out.push(kind::OTHER);
    escape::push(out, item);
    out.push(escape::END);
    Ok(())
}
