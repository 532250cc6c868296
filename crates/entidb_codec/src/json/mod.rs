//! JSON in and out, without losing a digit, straight between text and canonical CBOR.
//!
//! # In
//!
//! Strict RFC 8259, read by [`Reader`] (a stream of values, or NDJSON), [`ArrayReader`] (one large
//! array) and [`to_cbor`] (a slice).
//!
//! | JSON | becomes |
//! |---|---|
//! | a number without `.` or exponent | an integer of any size, up to [`INTEGER_DIGITS_MAX`] digits |
//! | `-0` | the float -0.0 |
//! | a fraction or exponent | a float, if its shortest digits denote the same number as the literal |
//! | ... and if not | a decimal fraction (tag 4): mantissa not divisible by ten, exponent at least [`DECIMAL_EXPONENT_MIN`] |
//! | ... and if a float cannot be as large | bad input |
//! | `{"$cbor":"<base64url>"}` | the item that the bytes say, which must be canonical |
//! | duplicate keys, lone surrogates, bad UTF-8, control characters, a byte order mark, nesting deeper than [`NESTING_MAX`](crate::NESTING_MAX) | bad input |
//!
//! # Out
//!
//! | CBOR | becomes |
//! |---|---|
//! | an integer of up to [`INTEGER_DIGITS_MAX`] digits | its digits |
//! | a finite float | the shortest digits that read back, always with `.` or an exponent |
//! | a decimal fraction that a literal would be read as | that literal |
//! | text | a string; what is not ASCII as it stands |
//! | a map with text keys | an object, but for an only key `$cbor` |
//! | anything else | `{"$cbor":"<base64url of the item>"}` |
//!
//! So every canonical item comes back to the same bytes.

mod array;
mod decimal;
mod embedded;
mod entity;
mod error;
mod escape;
mod machine;
mod number;
mod reader;
mod scan;
mod writer;

#[cfg(test)]
mod tests;

use crate::cursor::Cursor;
use crate::{DecodeError, EncodeError, Value, encode};

pub use array::ArrayReader;
pub use entity::{split_id, write_entity};
pub use error::{Error, Kind};
pub use reader::{Line, Reader};

/// How many digits a number may have. An integer with more is refused on the way in, and not
/// written in digits on the way out.
pub const INTEGER_DIGITS_MAX: usize = 1_000_000;

/// The least exponent of a decimal fraction: the number of places behind the point that a
/// number may have, once zeros at the end are gone.
pub const DECIMAL_EXPONENT_MIN: i32 = -1_000_000;

/// The key of an entity's id.
pub const ID_KEY: &str = "_id";

/// The only key of an object that stands for what JSON cannot say.
pub const CBOR_KEY: &str = "$cbor";

/// The canonical CBOR of one JSON text.
///
/// # Errors
///
/// It is not exactly one JSON value, or one that cannot be taken: see the [module](self).
pub fn to_cbor(json: &[u8]) -> Result<Vec<u8>, Error> {
    let mut rest = json;
    let mut out = Vec::new();
    let mut reader = Reader::new(usize::MAX);
    let value = reader.read_value(&mut rest, &mut out)?;
    let mut offset = reader.offset();
    if value.is_none() {
        return Err(Error::new(Kind::UnexpectedEnd, offset));
    }
    match reader::peek(&mut rest, &mut offset, false)? {
        None => Ok(out),
        Some(_) => Err(Error::new(Kind::TrailingBytes, offset)),
    }
}

/// The value of one JSON text.
///
/// # Errors
///
/// As for [`to_cbor`].
pub fn to_value(json: &[u8]) -> Result<Value, Error> {
    let cbor = to_cbor(json)?;
    // What the reader writes is canonical, so this does not fail.
    crate::decode(&cbor).map_err(|error| Error::new(Kind::EmbeddedNotCanonical(error), 0))
}

/// Appends exactly one canonical item as JSON, on one line.
///
/// # Errors
///
/// The bytes are not one canonical item. Then `out` is as it was.
pub fn write(cbor: &[u8], out: &mut Vec<u8>) -> Result<(), DecodeError> {
    let mark = out.len();
    let mut writer = writer::Writer {
        cursor: Cursor::new(cbor),
        out,
    };
    let result = writer.item(0).and_then(|()| writer.cursor.end());
    if result.is_err() {
        out.truncate(mark);
    }
    result
}

/// One canonical item as JSON.
///
/// # Errors
///
/// The bytes are not one canonical item.
pub fn from_cbor(cbor: &[u8]) -> Result<String, DecodeError> {
    let mut out = Vec::with_capacity(cbor.len() + cbor.len() / 4);
    write(cbor, &mut out)?;
    // All text in it was checked to be UTF-8, so nothing is replaced.
    Ok(String::from_utf8(out)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}

/// Text as a JSON string, quotes and all.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len() + 2);
    writer::string(text, &mut out);
    String::from_utf8_lossy(&out).into_owned()
}

/// A value as JSON.
///
/// # Errors
///
/// The value has no encoding: see [`encode`](crate::encode()).
pub fn from_value(value: &Value) -> Result<String, EncodeError> {
    // What was just encoded is canonical, so the second step does not fail.
    from_cbor(&encode(value)?).map_err(|_| EncodeError::TooDeep)
}
