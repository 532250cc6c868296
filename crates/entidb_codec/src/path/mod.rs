//! Paths into a payload: `email`, `address.city`, `tags[]`, `lines[].sku`.

mod error;
mod find;
mod offset;
mod parse;

use std::fmt;
use std::str::FromStr;

use crate::{head, json};

pub use error::{PathError, PathFault};
pub use find::Find;
pub(crate) use offset::to_offset;

/// The way from a payload to items inside it.
///
/// A path names keys, with a point between them; `[]` behind a key stands for each element of the
/// array that is there. Keys that are no plain words are written as JSON strings: `"a.b".c`.
/// There is one spelling of each path, which [`Display`](fmt::Display) gives, and paths are equal
/// when their spellings are.
///
/// Plain are all keys without the characters `. [ ] " \ ,`, spaces, and control characters.
///
/// ```
/// use entidb_codec::{Path, Value, encode};
///
/// let order = encode(&Value::from([
///     ("customer", Value::from("Ann")),
///     ("lines", [("sku", "A1"), ("sku", "B2")].into_iter().map(|line| Value::from([line])).collect()),
/// ]))?;
/// let skus = Path::parse("lines[].sku")?;
/// assert!(skus.find(&order).eq([b"\x62A1", b"\x62B2"]));
/// assert_eq!(Path::parse("address.city")?.find(&order).count(), 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Path {
    steps: Vec<Step>,
}

/// One step of a path.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Step {
    Field(Field),
    /// To each element of an array.
    Each,
}

/// A key, beside its encoding: so the order of keys in a map is that of bytes.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Field {
    name: Box<str>,
    encoded: Box<[u8]>,
}

impl Field {
    fn new(name: &str) -> Self {
        let mut encoded = Vec::with_capacity(name.len() + 9);
        head::write(&mut encoded, head::TEXT, name.len() as u64);
        encoded.extend_from_slice(name.as_bytes());
        Self {
            name: name.into(),
            encoded: encoded.into(),
        }
    }
}

impl Path {
    /// Reads a path.
    ///
    /// # Errors
    ///
    /// [`PathError`] with the place and what to write instead.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        parse::parse(text)
    }

    /// The path of one key, taken as it is: `Path::key("a.b")` is `"a.b"` in quotes.
    #[must_use]
    pub fn key(name: &str) -> Self {
        Self {
            steps: vec![Step::Field(Field::new(name))],
        }
    }

    /// Whether it may lead to more than one item, since it has a `[]`.
    #[must_use]
    pub fn has_each(&self) -> bool {
        self.steps.contains(&Step::Each)
    }

    /// The first key, if the path begins with one.
    #[must_use]
    pub fn first_key(&self) -> Option<&str> {
        match self.steps.first()? {
            Step::Field(field) => Some(&field.name),
            Step::Each => None,
        }
    }

    /// As [`first_key`](Self::first_key), as it is encoded: by these bytes the entries of a map are in order.
    #[must_use]
    pub fn encoded_first_key(&self) -> Option<&[u8]> {
        match self.steps.first()? {
            Step::Field(field) => Some(&field.encoded),
            Step::Each => None,
        }
    }

    /// Whether the path is one key and no more.
    #[must_use]
    pub fn is_key(&self) -> bool {
        matches!(self.steps.as_slice(), [Step::Field(_)])
    }

    /// The encoded items that the path leads to, in the order in which they lie in the payload.
    ///
    /// There are none where a key is missing, where a map or an array is expected and something
    /// else is there, and where an array is empty. Tags are not looked through.
    ///
    /// The bytes are known to be canonical: they were validated when they came in. On other bytes
    /// the answer may be wrong, but it is an answer: nothing here panics, hangs or allocates for a
    /// length that is not there.
    #[must_use]
    pub fn find<'p, 'a>(&'p self, cbor: &'a [u8]) -> Find<'p, 'a> {
        Find::new(&self.steps, cbor)
    }
}

impl FromStr for Path {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        Self::parse(text)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, step) in self.steps.iter().enumerate() {
            match step {
                Step::Each => f.write_str("[]")?,
                Step::Field(field) => {
                    if index > 0 {
                        f.write_str(".")?;
                    }
                    write_key(&field.name, f)?;
                }
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Writes a key as a path has it: as it is if it is a plain word, else as a JSON string.
fn write_key(name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if !name.is_empty() && name.chars().all(is_plain) {
        return f.write_str(name);
    }
    f.write_str(&json::quoted(name))
}

/// Whether a key may have this character without quotes. Part of the format, since paths are
/// stored as they are spelt: so it must not depend on a version of Unicode.
fn is_plain(char: char) -> bool {
    !matches!(char, '\0'..=' ' | '\u{7f}'..='\u{9f}' | '.' | '[' | ']' | '"' | '\\' | ',')
}
