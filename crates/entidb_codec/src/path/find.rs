//! The items at the end of a path.

use super::{Field, Step};
use crate::cursor::{Cursor, Token};

/// The encoded items that a path leads to: see [`Path::find`](super::Path::find).
#[derive(Debug, Clone)]
pub struct Find<'p, 'a> {
    /// The item to look into next, and the steps that are left from there.
    next: Option<(&'a [u8], &'p [Step])>,
    /// Arrays whose elements are not all seen, the innermost last. No more of them than the path
    /// has steps, and none as long as it has no `[]`.
    arrays: Vec<Array<'p, 'a>>,
}

#[derive(Debug, Clone)]
struct Array<'p, 'a> {
    cursor: Cursor<'a>,
    left: usize,
    /// What is to be done with each element.
    steps: &'p [Step],
}

impl<'p, 'a> Find<'p, 'a> {
    pub(super) fn new(steps: &'p [Step], cbor: &'a [u8]) -> Self {
        Self {
            next: Some((cbor, steps)),
            arrays: Vec::new(),
        }
    }

    /// Goes from an item to the end of the steps, or to the next array that has to be walked.
    fn follow(&mut self, mut item: &'a [u8], mut steps: &'p [Step]) -> Option<&'a [u8]> {
        loop {
            match steps.split_first() {
                None => return Some(item),
                Some((Step::Field(field), rest)) => {
                    item = field.of(item)?;
                    steps = rest;
                }
                Some((Step::Each, steps)) => {
                    let mut cursor = Cursor::new(item);
                    let Ok(Token::Array(left)) = cursor.token() else {
                        return None;
                    };
                    self.arrays.push(Array {
                        cursor,
                        left,
                        steps,
                    });
                    return None;
                }
            }
        }
    }

    /// The next element of the innermost array that has one.
    fn element(&mut self) -> Option<(&'a [u8], &'p [Step])> {
        loop {
            let array = self.arrays.last_mut()?;
            let element = array
                .left
                .checked_sub(1)
                .and_then(|left| array.cursor.skip().map(|item| (item, left)));
            if let Some((item, left)) = element {
                array.left = left;
                return Some((item, array.steps));
            }
            self.arrays.pop();
        }
    }
}

impl<'a> Iterator for Find<'_, 'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        loop {
            let (item, steps) = match self.next.take() {
                Some(start) => start,
                None => self.element()?,
            };
            let found = self.follow(item, steps);
            if found.is_some() {
                return found;
            }
        }
    }
}

impl std::iter::FusedIterator for Find<'_, '_> {}

impl Field {
    /// What a map has under this key.
    fn of<'a>(&self, map: &'a [u8]) -> Option<&'a [u8]> {
        let mut cursor = Cursor::new(map);
        let Ok(Token::Map(count)) = cursor.token() else {
            return None;
        };
        cursor.find_entry(count, &self.encoded)
    }
}

impl std::fmt::Debug for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Field(field) => std::fmt::Debug::fmt(&field.name, f),
            Self::Each => f.write_str("[]"),
        }
    }
}
