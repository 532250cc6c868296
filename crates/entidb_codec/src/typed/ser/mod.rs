//! Rust types to canonical CBOR.

mod fields;
mod filter;
mod map;
pub(super) mod order;
mod seq;
mod serializer;
mod special;

use serde::Serialize;

use super::SerializeError;
use super::scratch::Scratch;
use crate::{EncodeError, NESTING_MAX, head};

pub(super) use filter::{Filter, Whole, Without};
use serializer::Ser;

/// Appends the encoding of `value` to `out`, but for what `filter` leaves out at the top.
#[inline]
pub(super) fn write<T: Serialize + ?Sized, F: Filter>(
    value: &T,
    filter: F,
    out: &mut Vec<u8>,
    scratch: &mut Scratch,
) -> Result<(), SerializeError> {
    let mut writer = Writer {
        out,
        scratch,
        depth: 0,
        tagging: false,
    };
    value.serialize(Ser::new(&mut writer, filter))
}

/// What is shared by all levels of a value that is being written.
struct Writer<'a> {
    out: &'a mut Vec<u8>,
    scratch: &'a mut Scratch,
    /// How many arrays, maps and tags are open.
    depth: usize,
    /// The next tuple is a tag's number and its content.
    tagging: bool,
}

impl Writer<'_> {
    #[inline]
    fn enter(&mut self) -> Result<(), SerializeError> {
        if self.depth == NESTING_MAX {
            return Err(EncodeError::TooDeep.into());
        }
        self.depth += 1;
        Ok(())
    }

    #[inline]
    fn leave(&mut self) {
        self.depth -= 1;
    }

    #[inline]
    fn text(&mut self, text: &str) {
        head::write(self.out, head::TEXT, text.len() as u64);
        self.out.extend_from_slice(text.as_bytes());
    }

    /// Text that is known at compile time.
    #[inline(always)]
    fn name(&mut self, name: &'static str) {
        match u8::try_from(name.len()) {
            Ok(len) if len < head::INFO_1 => self.out.push(head::TEXT << 5 | len),
            _ => head::write(self.out, head::TEXT, name.len() as u64),
        }
        self.out.extend_from_slice(name.as_bytes());
    }

    /// Begins an array or map; where its length is not known, there is room for a head of one byte.
    #[inline]
    fn begin(&mut self, major: u8, len: Option<usize>) -> Result<Begun, SerializeError> {
        self.enter()?;
        let at = self.out.len();
        let announced = len.unwrap_or(0);
        head::write(self.out, major, announced as u64);
        Ok(Begun { at, announced })
    }

    /// Ends an array or map that has `count` items or entries.
    #[inline]
    fn end(&mut self, begun: Begun, major: u8, count: usize) {
        if count != begun.announced {
            self.mend(begun, major, count);
        }
        self.leave();
    }

    /// Writes another head in the place of the one that was announced.
    #[cold]
    fn mend(&mut self, begun: Begun, major: u8, count: usize) {
        let (_, old_len) = head::build(major, begun.announced as u64);
        let (head, len) = head::build(major, count as u64);
        self.out
            .splice(begun.at..begun.at + old_len, head.into_iter().take(len));
    }
}

/// An array or map whose head is written.
#[derive(Debug, Clone, Copy)]
struct Begun {
    at: usize,
    announced: usize,
}
