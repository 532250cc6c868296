//! JSON values from a stream.

use std::io::{BufRead, ErrorKind};

use super::machine::{Fault, Machine};
use super::{Error, Kind};

/// Reads JSON values from a stream and appends each as canonical CBOR.
///
/// A value is handled in the pieces that the stream's buffer holds, so memory is bounded by a
/// small multiple of the limit, whatever comes in. Buffers are kept from one value to the next:
/// use one reader for many values. After an error it is ready for the next value; where the stream
/// stands then is said at each function.
#[derive(Debug)]
pub struct Reader {
    machine: Machine,
}

/// What a line of NDJSON was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line {
    /// A value, which has been appended.
    Value,
    /// Nothing but white space.
    Blank,
    /// There is no line any more.
    End,
}

impl Reader {
    /// A reader that refuses values whose encoding is longer than `limit_bytes`, or than 4 GiB.
    ///
    /// An `_id` that will be taken out counts too, so give it room. Only `{"_id":…,"$cbor":…}`
    /// may be longer by the third that base64 adds: [`split_id`](super::split_id) makes it short.
    #[must_use]
    pub fn new(limit_bytes: usize) -> Self {
        Self {
            machine: Machine::new(limit_bytes),
        }
    }

    /// Reads one value, with white space before it, and stops right behind it.
    ///
    /// `None` if there is nothing but white space.
    ///
    /// # Errors
    ///
    /// The value is bad, too large, or could not be read. Then `out` is as it was, and the stream
    /// stands somewhere inside the value.
    pub fn read_value<R: BufRead + ?Sized>(
        &mut self,
        input: &mut R,
        out: &mut Vec<u8>,
    ) -> Result<Option<()>, Error> {
        self.read(input, out, false)
    }

    /// Reads one line of NDJSON: a value and white space, up to and with the line feed.
    ///
    /// # Errors
    ///
    /// The line is not one value, the value is too large, or it could not be read. Then `out` is as
    /// it was, and, unless the error is [`Kind::Io`], the stream stands at the next line: the
    /// rest of a bad line is skipped without being held.
    pub fn read_line<R: BufRead + ?Sized>(
        &mut self,
        input: &mut R,
        out: &mut Vec<u8>,
    ) -> Result<Line, Error> {
        let len = out.len();
        let line = self.line(input, out);
        if let Err(error) = &line {
            out.truncate(len);
            if error.kind != Kind::Io {
                self.skip_line(input)?;
            }
        }
        line
    }

    /// How many bytes the last call took.
    pub(super) fn offset(&self) -> u64 {
        self.machine.offset()
    }

    fn line<R: BufRead + ?Sized>(
        &mut self,
        input: &mut R,
        out: &mut Vec<u8>,
    ) -> Result<Line, Error> {
        let value = self.read(input, out, true)?;
        let mut offset = self.machine.offset();
        match (value, peek(input, &mut offset, true)?) {
            (None, None) => return Ok(Line::End),
            (Some(()), None) => {}
            (_, Some(b'\n')) => input.consume(1),
            (_, Some(_)) => return Err(Error::new(Kind::TrailingBytes, offset)),
        }
        Ok(if value.is_some() {
            Line::Value
        } else {
            Line::Blank
        })
    }

    fn skip_line<R: BufRead + ?Sized>(&mut self, input: &mut R) -> Result<(), Error> {
        loop {
            let piece = fill(input, self.machine.offset())?;
            let (len, done) = match memchr::memchr(b'\n', piece) {
                Some(at) => (at + 1, true),
                None => (piece.len(), piece.is_empty()),
            };
            input.consume(len);
            if done {
                return Ok(());
            }
        }
    }

    fn read<R: BufRead + ?Sized>(
        &mut self,
        input: &mut R,
        out: &mut Vec<u8>,
        lines: bool,
    ) -> Result<Option<()>, Error> {
        let len = out.len();
        self.machine.start(out, lines);
        let result = self.pump(input, out);
        if !matches!(result, Ok(Some(()))) {
            out.truncate(len);
        }
        result
    }

    fn pump<R: BufRead + ?Sized>(
        &mut self,
        input: &mut R,
        out: &mut Vec<u8>,
    ) -> Result<Option<()>, Error> {
        loop {
            let piece = fill(input, self.machine.offset())?;
            if piece.is_empty() {
                if self.machine.is_before_value() {
                    return Ok(None);
                }
                self.machine.finish(out)?;
                return Ok(Some(()));
            }
            let (len, done) = self.machine.feed(piece, out)?;
            // A blank line is left to the caller, who knows what it means.
            let stuck = len < piece.len() && self.machine.is_before_value();
            input.consume(len);
            if done {
                return Ok(Some(()));
            }
            if stuck {
                return Ok(None);
            }
        }
    }
}

/// The next piece of the stream; empty at its end.
fn fill<R: BufRead + ?Sized>(input: &mut R, offset: u64) -> Result<&[u8], Error> {
    loop {
        match input.fill_buf() {
            Ok(_) => break,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(Error::io(error, offset)),
        }
    }
    // A second call, because the borrow checker cannot let the first one's answer out of the loop;
    // the buffer is full by now.
    input.fill_buf().map_err(|error| Error::io(error, offset))
}

/// The next byte that is no white space, left in the stream. `offset` counts what is passed over.
pub(super) fn peek<R: BufRead + ?Sized>(
    input: &mut R,
    offset: &mut u64,
    lines: bool,
) -> Result<Option<u8>, Error> {
    loop {
        let piece = fill(input, *offset)?;
        let is_space =
            |byte: &&u8| matches!(byte, b' ' | b'\t' | b'\r') || (!lines && **byte == b'\n');
        let len = piece.iter().take_while(is_space).count();
        let next = piece.get(len).copied();
        let at_end = piece.is_empty();
        input.consume(len);
        *offset += len as u64;
        if at_end || next.is_some() {
            return Ok(next);
        }
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        Self::new(fault.kind, fault.offset)
    }
}
