//! The first byte of a key, which tells the kind of the value and orders the kinds.

use std::ops::Range;

pub(super) const ABSENT: u8 = 0x10;
pub(super) const NULL: u8 = 0x18;
pub(super) const UNDEFINED: u8 = 0x20;
pub(super) const FALSE: u8 = 0x28;
pub(super) const TRUE: u8 = FALSE + 1;
/// Zero. Positive numbers are above, negative ones as far below.
pub(super) const ZERO: u8 = 0x40;
pub(super) const TEXT: u8 = 0x58;
pub(super) const DATE: u8 = 0x60;
pub(super) const BYTES: u8 = 0x68;
pub(super) const OTHER: u8 = 0x70;

/// How a number is written, counted from [`ZERO`]: up to here, the length of its whole part.
pub(super) const WHOLE_LEN_MAX: u8 = 7;
/// Eight bytes, and no fraction.
pub(super) const WIDE: u8 = WHOLE_LEN_MAX + 1;
/// A length and then the bytes.
pub(super) const BIG: u8 = WIDE + 1;
pub(super) const INFINITE: u8 = BIG + 1;
/// On the positive side alone.
pub(super) const NAN: u8 = INFINITE + 1;

const NUMBER_MIN: u8 = ZERO - INFINITE;
const NUMBER_MAX: u8 = ZERO + NAN;

/// The kind of a value, as far as order goes; in ascending order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// There is no value.
    Absent,
    /// `null`
    Null,
    /// `undefined`
    Undefined,
    /// A boolean.
    Bool,
    /// An integer or a float.
    Number,
    /// A text string.
    Text,
    /// A tag 0 with a date and time of RFC 3339 in it, or a tag 1 with a number in it.
    Date,
    /// A byte string.
    Bytes,
    /// An array, a map, another tag or a simple value.
    Other,
}

impl Kind {
    /// The kind of the value that a key begins with; `None` if the bytes are no key.
    #[must_use]
    pub fn of(key: &[u8]) -> Option<Self> {
        Some(match *key.first()? {
            ABSENT => Self::Absent,
            NULL => Self::Null,
            UNDEFINED => Self::Undefined,
            FALSE | TRUE => Self::Bool,
            NUMBER_MIN..=NUMBER_MAX => Self::Number,
            TEXT => Self::Text,
            DATE => Self::Date,
            BYTES => Self::Bytes,
            OTHER => Self::Other,
            _ => return None,
        })
    }

    /// The first bytes of keys of this kind. All keys of the kind lie between the two ends taken as
    /// keys of one byte: the first included, the second not.
    #[must_use]
    pub fn first_bytes(self) -> Range<u8> {
        let (min, max) = match self {
            Self::Absent => (ABSENT, ABSENT),
            Self::Null => (NULL, NULL),
            Self::Undefined => (UNDEFINED, UNDEFINED),
            Self::Bool => (FALSE, TRUE),
            Self::Number => (NUMBER_MIN, NUMBER_MAX),
            Self::Text => (TEXT, TEXT),
            Self::Date => (DATE, DATE),
            Self::Bytes => (BYTES, BYTES),
            Self::Other => (OTHER, OTHER),
        };
        min..max + 1
    }
}
