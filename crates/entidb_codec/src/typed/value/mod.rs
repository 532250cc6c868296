//! `Value` through serde.
//!
//! Other formats get what they have a form for: a tag is an array of its number and its content, undefined
//! is a unit, a simple value its number, and a bignum beyond 128 bits is written as the tag that it
//! is in CBOR. The names of these newtypes tell this crate more; no type of Rust has such a name.

mod de;
mod ser;

/// A newtype around anything.
pub(super) const UNDEFINED: &str = "\0entidb.undefined";
/// A newtype around the number.
pub(super) const SIMPLE: &str = "\0entidb.simple";
/// A newtype around number and content.
pub(super) const TAG: &str = "\0entidb.tag";
/// A newtype around 2 or 3 and the bytes.
pub(super) const BIGNUM: &str = "\0entidb.bignum";
/// What is asked for, and the only variant of what is given then: it holds the bytes of an item.
pub(super) const VALUE: &str = "\0entidb.value";
