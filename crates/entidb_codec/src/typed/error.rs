//! What can go wrong between Rust types and bytes.

use std::fmt;

use crate::{DecodeError, EncodeError};

/// A value could not be encoded. Nothing was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SerializeError(Box<Cause<EncodeError>>);

/// Bytes could not be read as a value of some type.
///
/// Prints as `address.city: invalid type: integer 7, expected a string (at byte 12)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeserializeError(Box<Located>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Cause<E> {
    /// Of the codec.
    Own(E),
    /// Of the type.
    Other(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Located {
    cause: Cause<DecodeError>,
    offset: Option<usize>,
    path: String,
}

impl SerializeError {
    /// What is wrong with the value, where it is the codec that refuses; `None` where the type
    /// does.
    #[must_use]
    pub fn encode_error(&self) -> Option<EncodeError> {
        match *self.0 {
            Cause::Own(error) => Some(error),
            Cause::Other(_) => None,
        }
    }
}

impl From<EncodeError> for SerializeError {
    #[cold]
    fn from(error: EncodeError) -> Self {
        Self(Box::new(Cause::Own(error)))
    }
}

impl serde::ser::Error for SerializeError {
    #[cold]
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(Box::new(Cause::Other(message.to_string())))
    }
}

impl fmt::Display for SerializeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            Cause::Own(error) => error.fmt(f),
            Cause::Other(message) => f.write_str(message),
        }
    }
}

impl std::error::Error for SerializeError {}

impl DeserializeError {
    /// What is wrong with the bytes, if they are not canonical CBOR: stored bytes are damaged then.
    /// `None` if they are, and only the type is another.
    #[must_use]
    pub fn decode_error(&self) -> Option<DecodeError> {
        match self.0.cause {
            Cause::Own(error) => Some(error),
            Cause::Other(_) => None,
        }
    }

    /// Where the item begins that could not be read.
    #[must_use]
    pub fn offset(&self) -> Option<usize> {
        self.0.offset
    }

    /// The way to the item that could not be read, such as `lines[2].sku`; empty for the whole.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.0.path
    }

    /// The place, unless a deeper one is known already.
    #[cold]
    pub(super) fn at(mut self, offset: usize) -> Self {
        self.0.offset.get_or_insert(offset);
        self
    }

    /// Says where in `bytes` the offset lies.
    #[cold]
    pub(super) fn in_bytes(mut self, bytes: &[u8]) -> Self {
        if self.0.path.is_empty()
            && let Some(offset) = self.0.offset
        {
            self.0.path = crate::path::to_offset(bytes, offset);
        }
        self
    }

    /// For an error in an item that stands for the field of a map.
    #[cold]
    pub(super) fn in_field(mut self, field: &str, item: &[u8]) -> Self {
        self = self.in_bytes(item);
        let inner = &self.0.path;
        let point = if inner.is_empty() || inner.starts_with('[') {
            ""
        } else {
            "."
        };
        self.0.path = format!("{}{point}{inner}", crate::Path::key(field));
        self
    }
}

impl From<DecodeError> for DeserializeError {
    #[cold]
    fn from(error: DecodeError) -> Self {
        Self(Box::new(Located {
            offset: Some(error.offset),
            cause: Cause::Own(error),
            path: String::new(),
        }))
    }
}

impl serde::de::Error for DeserializeError {
    #[cold]
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(Box::new(Located {
            cause: Cause::Other(message.to_string()),
            offset: None,
            path: String::new(),
        }))
    }
}

impl fmt::Display for DeserializeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Located {
            cause,
            offset,
            path,
        } = &*self.0;
        if !path.is_empty() {
            write!(f, "{path}: ")?;
        }
        match cause {
            Cause::Own(error) => error.fmt(f),
            Cause::Other(message) => {
                f.write_str(message)?;
                match offset {
                    Some(offset) => write!(f, " (at byte {offset})"),
                    None => Ok(()),
                }
            }
        }
    }
}

impl std::error::Error for DeserializeError {}
