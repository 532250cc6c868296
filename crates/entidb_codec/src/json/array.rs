//! The elements of one large JSON array.

use std::io::BufRead;

use super::reader::peek;
use super::{Error, Kind, Reader};

/// Reads the elements of the one array that a stream holds, without ever holding the array.
///
/// Limits of size and nesting are those of each element.
#[derive(Debug)]
pub struct ArrayReader {
    reader: Reader,
    /// How much of the stream has been taken.
    offset: u64,
    place: Place,
}

#[derive(Debug, Clone, Copy)]
enum Place {
    Start,
    Next,
    End,
}

impl ArrayReader {
    /// A reader that refuses elements whose encoding is longer than `limit_bytes`, or than 4 GiB.
    #[must_use]
    pub fn new(limit_bytes: usize) -> Self {
        Self {
            reader: Reader::new(limit_bytes),
            offset: 0,
            place: Place::Start,
        }
    }

    /// Reads the next element. `None` at the end of the array, behind which there must be nothing
    /// but white space.
    ///
    /// Offsets in errors count from the start of the array.
    ///
    /// # Errors
    ///
    /// The stream is no array, or the element is bad, too large, or could not be read. Then `out`
    /// is as it was, and there is no way on: further calls give `None`.
    pub fn next_element<R: BufRead + ?Sized>(
        &mut self,
        input: &mut R,
        out: &mut Vec<u8>,
    ) -> Result<Option<()>, Error> {
        // An error leaves it at the end.
        match std::mem::replace(&mut self.place, Place::End) {
            Place::Start => {
                match self.peek(input)? {
                    Some(b'[') => self.skip(input),
                    Some(0xef) if self.offset == 0 => {
                        return Err(self.error(Kind::ByteOrderMark));
                    }
                    Some(_) => return Err(self.error(Kind::NotAnArray)),
                    None => return Err(self.error(Kind::UnexpectedEnd)),
                }
                if self.peek(input)? == Some(b']') {
                    return self.end(input);
                }
            }
            Place::Next => match self.peek(input)? {
                Some(b',') => self.skip(input),
                Some(b']') => return self.end(input),
                Some(byte) => return Err(self.error(Kind::UnexpectedByte(byte))),
                None => return Err(self.error(Kind::UnexpectedEnd)),
            },
            Place::End => return Ok(None),
        }
        let element = self.reader.read_value(input, out).map_err(|mut error| {
            error.offset += self.offset;
            error
        })?;
        if element.is_none() {
            return Err(self.error(Kind::UnexpectedEnd));
        }
        self.offset += self.reader.offset();
        self.place = Place::Next;
        Ok(element)
    }

    fn end<R: BufRead + ?Sized>(&mut self, input: &mut R) -> Result<Option<()>, Error> {
        self.skip(input);
        match self.peek(input)? {
            None => Ok(None),
            Some(_) => Err(self.error(Kind::TrailingBytes)),
        }
    }

    fn peek<R: BufRead + ?Sized>(&mut self, input: &mut R) -> Result<Option<u8>, Error> {
        peek(input, &mut self.offset, false)
    }

    /// Takes the byte that was peeked at.
    fn skip<R: BufRead + ?Sized>(&mut self, input: &mut R) {
        input.consume(1);
        self.offset += 1;
    }

    fn error(&self, kind: Kind) -> Error {
        Error::new(kind, self.offset)
    }
}
