//! What can be wrong with JSON that comes in.

use std::fmt;
use std::io;

use crate::{DecodeError, NESTING_MAX};

use super::{CBOR_KEY, DECIMAL_EXPONENT_MIN, INTEGER_DIGITS_MAX};

/// The JSON was not taken, and nothing was appended to the output.
#[derive(Debug)]
pub struct Error {
    /// What is wrong.
    pub kind: Kind,
    /// Where, in bytes from where reading began. For a string or number that is wrong as a whole
    /// this is its first byte.
    pub offset: u64,
    source: Option<io::Error>,
}

impl Error {
    pub(super) fn new(kind: Kind, offset: u64) -> Self {
        Self {
            kind,
            offset,
            source: None,
        }
    }

    pub(super) fn io(error: io::Error, offset: u64) -> Self {
        Self {
            kind: Kind::Io,
            offset,
            source: Some(error),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.kind, self.offset)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|error| error as _)
    }
}

/// Each way in which JSON is refused.
///
/// All but [`Io`](Kind::Io) say that the input is bad and will be bad again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Kind {
    /// The input could not be read; the error's source says why. Trying again may help.
    #[error("the input could not be read")]
    Io,
    /// The input, or the line, ends inside a value.
    #[error("the JSON ends inside a value")]
    UnexpectedEnd,
    /// A byte that cannot stand there.
    #[error("unexpected {}", Byte(*.0))]
    UnexpectedByte(u8),
    /// There is something behind the value.
    #[error("something behind the JSON value")]
    TrailingBytes,
    /// The text begins with a byte order mark (RFC 8259 section 8.1 forbids to add one).
    #[error("a byte order mark, which JSON must not have,")]
    ByteOrderMark,
    /// An array was to be read, and this is something else.
    #[error("no JSON array")]
    NotAnArray,
    /// What begins like `true`, `false` or `null` and is none of them.
    #[error("a word that is not true, false or null")]
    BadWord,
    /// A number not as RFC 8259 section 6 writes it.
    #[error("a malformed number")]
    BadNumber,
    /// A number with a fraction or exponent beyond the range of a binary64.
    #[error("a number too large for a float")]
    NumberOverflow,
    /// A decimal fraction with an exponent below [`DECIMAL_EXPONENT_MIN`].
    #[error("a number with more than {} decimal places", DECIMAL_EXPONENT_MIN.unsigned_abs())]
    ExponentTooSmall,
    /// A number with more than [`INTEGER_DIGITS_MAX`] digits.
    #[error("a number of more than {INTEGER_DIGITS_MAX} digits")]
    TooManyDigits,
    /// A backslash with something behind it that RFC 8259 section 7 does not know.
    #[error("an unknown escape in a string")]
    BadEscape,
    /// One half of a surrogate pair: no Unicode character, so no UTF-8 can hold it.
    #[error("a lone surrogate in a string")]
    LoneSurrogate,
    /// A control character that is not escaped.
    #[error("an unescaped control character in a string")]
    ControlCharacter,
    /// A string that is not UTF-8.
    #[error("a string that is not UTF-8")]
    BadUtf8,
    /// An object has two entries with the same key.
    #[error("a second {key:?} in the same object")]
    DuplicateKey {
        /// The key, cut off if it is long.
        key: String,
    },
    /// Nesting deeper than [`NESTING_MAX`]; a decimal fraction (tag 4) counts as two levels.
    #[error("nesting deeper than {NESTING_MAX} levels")]
    TooDeep,
    /// The value's encoding is longer than the limit that the caller set.
    #[error("a value of more than {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: usize,
    },
    /// The value of the only key `$cbor` is not a string.
    #[error("something other than a string in {CBOR_KEY:?}")]
    EmbeddedNotText,
    /// The value of the only key `$cbor` is not base64url without padding (RFC 4648 section 5).
    #[error("something other than base64url without padding in {CBOR_KEY:?}")]
    EmbeddedNotBase64,
    /// The bytes under the only key `$cbor` are not canonical CBOR.
    #[error("something other than canonical CBOR in {CBOR_KEY:?} ({0})")]
    EmbeddedNotCanonical(DecodeError),
}

struct Byte(u8);

impl fmt::Display for Byte {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_ascii_graphic() {
            write!(f, "'{}'", char::from(self.0))
        } else {
            write!(f, "the byte 0x{:02x}", self.0)
        }
    }
}
