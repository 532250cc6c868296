//! What can be wrong with bytes that should be canonical CBOR, and with values that cannot become them.

use thiserror::Error;

/// The bytes are not one canonical CBOR item.
///
/// Nothing was built and nothing was changed. Bytes that EntiDB stored are always canonical, so a
/// caller that gets this for stored bytes has found damage, and one that gets it for bytes of
/// its own has to encode them canonically first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{fault} at byte {offset}")]
pub struct DecodeError {
    /// Where the item (or key) at fault begins, counted from the start of the input.
    pub offset: usize,
    /// What is wrong with it.
    pub fault: Fault,
}

/// Each way in which bytes fail to be canonical CBOR.
///
/// The sources are RFC 8949 section 3 (well-formed), section 5.3 (valid) and section 4.2.1 (core
/// deterministic encoding).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum Fault {
    /// The input ends inside an item (RFC 8949 section 3).
    #[error("the input ends inside an item")]
    Truncated,
    /// A string is longer, or an array or map has more items, than the rest of the input can hold.
    #[error("a length reaches beyond the end of the input")]
    LengthBeyondInput,
    /// There are bytes behind the item.
    #[error("there are bytes behind the item")]
    TrailingBytes,
    /// Additional information 28, 29 or 30, or 31 where it has no meaning (RFC 8949 section 3).
    #[error("a reserved initial byte")]
    ReservedInfo,
    /// A string, array or map of indefinite length (forbidden by RFC 8949 section 4.2.1).
    #[error("an indefinite length")]
    IndefiniteLength,
    /// The stop code of an indefinite length (RFC 8949 section 3.2.1).
    #[error("a stop code")]
    StopCode,
    /// An integer, a length or a tag number is not in its shortest form (RFC 8949 section 4.2.1).
    #[error("an integer, length or tag number that is not in its shortest form")]
    NonShortestHead,
    /// A float has a shorter form that keeps its value (RFC 8949 section 4.2.1).
    #[error("a float that is not in its shortest form")]
    NonShortestFloat,
    /// A NaN other than `f97e00` (RFC 8949 section 4.2.2 leaves the choice to the protocol).
    #[error("a NaN other than the canonical one")]
    NanPayload,
    /// A bignum that would fit a plain integer, or has leading zeros (RFC 8949 section 3.4.3).
    #[error("a bignum that is not in its shortest form")]
    NonShortestBignum,
    /// The content of tag 2 or 3 is not a byte string (RFC 8949 section 3.4.3).
    #[error("a bignum tag on something that is not a byte string")]
    BignumContent,
    /// A text string is not UTF-8 (RFC 8949 section 3.1).
    #[error("a text string that is not UTF-8")]
    BadUtf8,
    /// A simple value below 32 in two bytes (RFC 8949 section 3.3).
    #[error("a reserved simple value")]
    ReservedSimple,
    /// A map has the same key twice (RFC 8949 section 5.6).
    #[error("a key that the map has already")]
    DuplicateKey,
    /// The keys of a map are not in the bytewise order of their encodings (RFC 8949 section 4.2.1).
    #[error("a key that is out of order")]
    UnsortedKeys,
    /// Arrays, maps and tags are nested more than [`NESTING_MAX`](crate::NESTING_MAX) deep.
    #[error("nesting deeper than {} levels", crate::NESTING_MAX)]
    TooDeep,
}

/// The value has no canonical encoding.
///
/// Nothing was written: the output is as long as it was before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// Arrays, maps and tags are nested more than [`NESTING_MAX`](crate::NESTING_MAX) deep.
    #[error("the value is nested deeper than {} levels", crate::NESTING_MAX)]
    TooDeep,
    /// A map has two equal keys.
    #[error("a map has the same key twice")]
    DuplicateKey,
    /// [`Value::Simple`](crate::Value::Simple) with 20 to 31: false, true, null and undefined have
    /// variants of their own, the others are reserved (RFC 8949 section 3.3).
    #[error("simple value {0} is reserved")]
    ReservedSimple(u8),
    /// [`Value::Tag`](crate::Value::Tag) with 2 or 3: a bignum is a
    /// [`Value::Integer`](crate::Value::Integer).
    #[error("tag {0} is a bignum and has to be given as an integer")]
    BignumTag(u64),
    /// The encoding of a map is longer than 4 GiB.
    #[error("the encoding of a map is longer than 4 GiB")]
    TooLong,
}
