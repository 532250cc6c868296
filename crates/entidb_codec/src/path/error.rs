//! What can be wrong with the text of a path.

use thiserror::Error;

/// The text is not a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{fault} (at byte {offset} of the path)")]
pub struct PathError {
    /// Where in the text.
    pub offset: usize,
    /// What is wrong, and what to write instead.
    pub fault: PathFault,
}

/// Each way in which a text fails to be a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum PathFault {
    /// The text is empty.
    #[error("a path names at least one key: `name`, `address.city`, `tags[]`")]
    Empty,
    /// There is no key behind a point.
    #[error("a key is missing: write one behind the point, an empty one as `\"\"`")]
    NoKey,
    /// A character that a key has only in quotes.
    #[error("the character {0:?} needs quotes: write the key as a JSON string, such as `\"a.b\"`")]
    NeedsQuotes(char),
    /// A quoted key that does not end, or is no JSON string.
    #[error(
        "the quoted key is no JSON string: close it with `\"`, and write `\\\"` for a quote inside"
    )]
    BadQuotes,
    /// `[` without `]` behind it.
    #[error("`[` is followed by `]`: `tags[]` means each element, and elements have no numbers")]
    NoIndex,
    /// A key right behind `[]` or behind a quoted key.
    #[error("a point is missing in front of this key: `lines[].sku`")]
    NoPoint,
    /// More steps than a payload has levels.
    #[error(
        "a path has at most {} steps, the levels of a payload",
        crate::NESTING_MAX
    )]
    TooLong,
}
