//! What can go wrong with keys.

use thiserror::Error;

use crate::{DecodeError, EncodeError};

/// A key could not be made, or bytes are no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The bytes to make a key of are not exactly one canonical CBOR item: encode them canonically,
    /// or, if they were stored, take them for damaged.
    #[error("no key can be made: {0}")]
    Item(#[from] DecodeError),
    /// The value to make a key of has no encoding.
    #[error("no key can be made: {0}")]
    Value(#[from] EncodeError),
    /// An integer of more than 4 GiB.
    #[error("no key can be made of an integer of more than 4 GiB")]
    TooLong,
    /// The bytes are not what the key of any value begins with: the index is damaged, and has to
    /// be built again.
    #[error("not an index key, at byte {offset}")]
    Damaged {
        /// Where the part at fault begins.
        offset: usize,
    },
}
