//! Rust types straight to canonical CBOR and back, by serde.
//!
//! | Rust | CBOR |
//! |---|---|
//! | integers | an integer of the fewest bytes; beyond 64 bits a bignum |
//! | `f32`, `f64` | the shortest float that keeps the value; always a float |
//! | `str`, `String`, `char` | text |
//! | bytes by `serde_bytes` | a byte string; a plain `Vec<u8>` is an array of integers |
//! | `None`, `()`, a unit struct | null |
//! | `Some(x)`, a newtype struct | `x` |
//! | sequences, tuples, tuple structs | an array |
//! | maps | a map, its keys sorted; a key that is there twice is an error |
//! | structs | a map from the names of the fields, sorted |
//! | an enum's unit variant | its name, as text |
//! | other variants | a map with one entry: from the name to the content, which is as that of a newtype, tuple or struct |
//! | [`Tagged`] | a tag and what is in it |
//! | [`Value`] | what it says |
//!
//! Reading takes what writing gives, and beyond that an integer where a float is asked for, if the float
//! can hold it. A tag is read only by [`Tagged`] and [`Value`]: to drop it
//! silently would lose it with the next write. The types are told that the format is not human
//! readable.
//!
//! As in JSON, null is the only form of `None`, so an `Option` of something that is null itself
//! does not come back. What serde holds back for later (`untagged` and internally tagged enums,
//! `flatten`) cannot be a tag, nor an integer beyond 64 bits.

mod de;
mod error;
mod scratch;
mod ser;
mod tagged;
mod value;

use serde::Serialize;
use serde::de::{Deserialize, DeserializeOwned};

use crate::Value;

pub use error::{DeserializeError, SerializeError};
pub use tagged::Tagged;

use ser::{Whole, Without};

/// The canonical encoding of a value of any type: see the [module](self).
///
/// # Errors
///
/// [`SerializeError`] if it has none (nested too deep, or a map with a key twice), or if the
/// type itself refuses.
///
/// ```
/// #[derive(serde::Serialize, serde::Deserialize, PartialEq, Debug)]
/// struct City { population: u32, name: String }
///
/// let city = City { population: 36_125, name: "Kukës".to_owned() };
/// let bytes = entidb_codec::to_vec(&city)?;
/// assert_eq!(entidb_codec::json::from_cbor(&bytes)?, r#"{"name":"Kukës","population":36125}"#);
/// assert_eq!(entidb_codec::from_slice::<City>(&bytes)?, city);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn to_vec<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, SerializeError> {
    scratch::with_buffer(|out, scratch| ser::write(value, Whole, out, scratch))
}

/// Appends the canonical encoding of a value of any type to `out`, which is left as it was on an
/// error.
///
/// # Errors
///
/// As for [`to_vec`].
pub fn serialize_to<T: Serialize + ?Sized>(
    value: &T,
    out: &mut Vec<u8>,
) -> Result<(), SerializeError> {
    let len = out.len();
    let result = scratch::with(|scratch| ser::write(value, Whole, out, scratch));
    if result.is_err() {
        out.truncate(len);
    }
    result
}

/// As [`to_vec`], but the entry `field` of a struct or map is left out; not of those inside it.
/// Nothing is left out where there is no such entry.
///
/// # Errors
///
/// As for [`to_vec`].
pub fn to_vec_without<T: Serialize + ?Sized>(
    value: &T,
    field: &str,
) -> Result<Vec<u8>, SerializeError> {
    scratch::with_buffer(|out, scratch| ser::write(value, Without(field), out, scratch))
}

/// The value of bytes that are exactly one canonical CBOR item; it may borrow from them.
///
/// As strict as [`decode`](crate::decode()): what that refuses is refused here too, also where
/// the type passes over it.
///
/// # Errors
///
/// [`DeserializeError`] if the bytes are not canonical, or not such a value.
pub fn from_slice<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> Result<T, DeserializeError> {
    de::read(bytes)
}

/// As [`from_slice`] of a map that has one more entry: `item`, a canonical CBOR item, under the
/// text `field`.
///
/// # Errors
///
/// As for [`from_slice`], and if the bytes are no map, or have this entry themselves. In an error
/// about `item`, the path begins with `field`, and the offset counts in `item`.
pub fn from_slice_with<'de, T: Deserialize<'de>>(
    bytes: &'de [u8],
    field: &'de str,
    item: &'de [u8],
) -> Result<T, DeserializeError> {
    de::read_with(bytes, field, item)
}

/// A value of any type as a [`Value`].
///
/// # Errors
///
/// As for [`to_vec`].
pub fn to_value<T: Serialize + ?Sized>(value: &T) -> Result<Value, SerializeError> {
    let bytes = to_vec(value)?;
    // What was just encoded is canonical, so this does not fail.
    crate::decode(&bytes).map_err(serde::ser::Error::custom)
}

/// A value of any type from a [`Value`].
///
/// # Errors
///
/// [`DeserializeError`] if it is not such a value, or has no encoding. Offsets count in its encoding.
pub fn from_value<T: DeserializeOwned>(value: &Value) -> Result<T, DeserializeError> {
    let bytes = crate::encode(value).map_err(<DeserializeError as serde::de::Error>::custom)?;
    from_slice(&bytes)
}
