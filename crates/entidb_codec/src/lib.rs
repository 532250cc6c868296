//! Canonical CBOR: the form in which EntiDB stores its entities.
//!
//! Every value has exactly one encoding (RFC 8949 section 4.2.1, core deterministic encoding), so
//! two entities are equal when their bytes are. The decoder takes that encoding and nothing
//! else.
//!
//! - [`to_vec`] and [`from_slice`] are for the types of a program, by serde: see [`typed`].
//! - [`encode()`] and [`decode()`] are for a [`Value`], which can be anything.
//! - [`json`] brings JSON in and out without losing a digit.
//! - [`Path`] and [`object`] find items in encoded bytes without decoding the rest.
//! - [`key`] makes index keys, whose order as bytes is the order of the values.
//!
//! ```
//! use entidb_codec::{Value, decode, encode, json, object};
//!
//! let city = Value::from([
//!     ("name", Value::from("Kukës")),
//!     ("population", Value::from(36_125)),
//!     ("latitude", Value::from(42.07694)),
//! ]);
//! let bytes = encode(&city)?;
//! assert_eq!(decode(&bytes)?, city);
//! assert_eq!(object::get(&bytes, "population"), Some(&[0x19, 0x8d, 0x1d][..]));
//!
//! let text = json::from_cbor(&bytes)?;
//! assert_eq!(text, r#"{"name":"Kukës","latitude":42.07694,"population":36125}"#);
//! assert_eq!(json::to_cbor(text.as_bytes())?, bytes);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The encoding
//!
//! | item | canonical form | [`Fault`] if it is not |
//! |---|---|---|
//! | integer from -2^64 to 2^64 - 1 | major type 0 or 1, fewest bytes | [`NonShortestHead`](Fault::NonShortestHead) |
//! | integer beyond | tag 2 or 3, no leading zeros | [`NonShortestBignum`](Fault::NonShortestBignum), [`BignumContent`](Fault::BignumContent) |
//! | float | the narrowest of f16, f32 and f64 that keeps the value; `145.0` is no integer | [`NonShortestFloat`](Fault::NonShortestFloat) |
//! | NaN | `f97e00` | [`NanPayload`](Fault::NanPayload) |
//! | text, byte string | definite length, fewest bytes for it; text is UTF-8 | [`IndefiniteLength`](Fault::IndefiniteLength), [`BadUtf8`](Fault::BadUtf8) |
//! | array | definite length | [`IndefiniteLength`](Fault::IndefiniteLength) |
//! | map | keys of any kind, in the bytewise order of their encodings, each once | [`UnsortedKeys`](Fault::UnsortedKeys), [`DuplicateKey`](Fault::DuplicateKey) |
//! | tag | fewest bytes for the number; content as it is | [`NonShortestHead`](Fault::NonShortestHead) |
//! | simple value | 0 to 19 in one byte, 32 to 255 in two | [`ReservedSimple`](Fault::ReservedSimple) |
//! | nesting | at most [`NESTING_MAX`] arrays, maps and tags | [`TooDeep`](Fault::TooDeep) |
//! | the whole | one item, all of it, nothing behind it | [`Truncated`](Fault::Truncated), [`LengthBeyondInput`](Fault::LengthBeyondInput), [`TrailingBytes`](Fault::TrailingBytes) |
//!
//! Whatever bytes come in, nothing here panics, overflows the stack, or allocates for a length that
//! the input does not have.

#![forbid(unsafe_code)]

mod cursor;
mod decimal;
mod decode;
mod encode;
mod entries;
mod error;
mod float;
mod head;
mod integer;
pub mod json;
pub mod key;
pub mod object;
pub mod path;
pub mod typed;
mod validate;
mod value;

pub use decode::decode;
pub use encode::{encode, encode_to};
pub use error::{DecodeError, EncodeError, Fault};
pub use integer::Integer;
pub use path::Path;
pub use typed::{
    DeserializeError, SerializeError, Tagged, from_slice, from_slice_with, from_value,
    serialize_to, to_value, to_vec, to_vec_without,
};
pub use validate::validate;
pub use value::Value;

/// How deep arrays, maps and tags may be nested. Each of them is one level, a tag as much as an
/// array; a bignum is an integer and no level.
pub const NESTING_MAX: usize = 128;
