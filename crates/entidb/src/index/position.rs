//! Where a walk through an index stands.

use std::fmt;
use std::str::FromStr;

/// Where a walk through an index stands, so that another takes it up behind there: [`Find::after`](super::Find::after). It holds
/// whatever is written or deleted in between. Printed in hexadecimal, and read back from that.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Position(pub(super) Vec<u8>);

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Position({self})")
    }
}

/// A text is no position in an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParsePositionError;

impl fmt::Display for ParsePositionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a position in an index: take one that a walk has given")
    }
}

impl std::error::Error for ParsePositionError {}

impl FromStr for Position {
    type Err = ParsePositionError;

    fn from_str(text: &str) -> Result<Self, ParsePositionError> {
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        if !rest.is_empty() || pairs.is_empty() {
            return Err(ParsePositionError);
        }
        let digit = |byte: u8| {
            char::from(byte)
                .to_digit(16)
                .and_then(|d| u8::try_from(d).ok())
        };
        let byte = |[high, low]: &[u8; 2]| Some(digit(*high)? << 4 | digit(*low)?);
        let bytes = pairs.iter().map(byte).collect::<Option<Vec<u8>>>();
        bytes.map(Self).ok_or(ParsePositionError)
    }
}
