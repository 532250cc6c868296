//! One JSON object a line.

use std::io::{self, BufRead, Read};

use entidb_codec::json::{Kind, Reader};

use super::source::{ENTITY_LEN_MAX, Fault, Source};

/// How far into a line its being an export of `$cbor` shows, in bytes: `{"_id":"<36 characters>","$cbor"` are 54.
const EXPORT_HEAD_LEN: usize = 64;

/// The reader's buffers are given back after an entity of this length, in bytes.
const KEPT_LEN_MAX: usize = 1 << 20;

/// Lines, each an object or blank.
pub(crate) struct Ndjson<R> {
    input: OneLine<R>,
    reader: Reader,
    /// For lines that hold base64, which is a third longer than the payload that it says.
    export_reader: Reader,
    line: u64,
    /// The line was bad, and its rest is still to be passed over: only if somebody wants the next one.
    in_bad_line: bool,
}

impl<R: BufRead> Ndjson<R> {
    pub(crate) fn new(input: R) -> Self {
        Self {
            input: OneLine::new(input),
            reader: reader(),
            export_reader: export_reader(),
            line: 0,
            in_bad_line: false,
        }
    }

    /// Reads the next line; `None` at the end of the input, and false if the line is blank.
    fn read(&mut self, out: &mut Vec<u8>) -> Result<Option<bool>, Fault> {
        if self.in_bad_line {
            self.input.skip().map_err(|error| read_fault(&error))?;
            self.in_bad_line = false;
        }
        self.input.begin();
        self.line += 1;
        let reader = if self.input.inner.fill_buf().is_ok_and(may_be_export) {
            &mut self.export_reader
        } else {
            &mut self.reader
        };
        let value = reader.read_value(&mut self.input, out);
        if out.len() > KEPT_LEN_MAX {
            self.reader = self::reader();
            self.export_reader = export_reader();
        }
        let value = match value {
            Ok(value) => value.is_some(),
            Err(error) if error.kind == Kind::Io => return Err(Fault::read(&error)),
            Err(error) => return Err(self.bad(error.offset, error.kind.to_string())),
        };
        match self.input.peek().map_err(|error| read_fault(&error))? {
            Some(_) => {
                let why = "there is something behind the object".to_owned();
                Err(self.bad(self.input.taken, why))
            }
            None if value || self.input.ended => Ok(Some(value)),
            None => Ok(None),
        }
    }

    fn bad(&mut self, offset: u64, why: String) -> Fault {
        self.in_bad_line = true;
        Fault::bad(format!("line {}, byte {}", self.line, offset + 1), why)
    }
}

fn reader() -> Reader {
    Reader::new(ENTITY_LEN_MAX)
}

fn export_reader() -> Reader {
    Reader::new(ENTITY_LEN_MAX / 3 * 4)
}

fn read_fault(error: &io::Error) -> Fault {
    Fault::Read(error.to_string())
}

/// Whether a line that begins like this can be an export of `$cbor`; also if that is not to be seen yet.
fn may_be_export(head: &[u8]) -> bool {
    match head.get(..EXPORT_HEAD_LEN) {
        Some(head) => memchr::memmem::find(head, b"\"$cbor\"").is_some(),
        None => true,
    }
}

impl<R: BufRead + Send> Source for Ndjson<R> {
    fn next(&mut self, out: &mut Vec<u8>) -> Result<bool, Fault> {
        loop {
            match self.read(out)? {
                Some(true) => return Ok(true),
                Some(false) => {}
                None => return Ok(false),
            }
        }
    }

    fn place(&self) -> String {
        format!("line {}", self.line)
    }
}

/// An input that ends at each line feed, until the next line is begun.
struct OneLine<R> {
    inner: R,
    /// How much of the line is known to be in the buffer.
    ahead_len: usize,
    /// The line feed has been taken.
    ended: bool,
    /// How much of the line has been taken.
    taken: u64,
}

impl<R: BufRead> OneLine<R> {
    fn new(inner: R) -> Self {
        Self {
            inner,
            ahead_len: 0,
            ended: false,
            taken: 0,
        }
    }

    fn begin(&mut self) {
        self.ended = false;
        self.taken = 0;
    }

    /// The next byte of the line that is no white space.
    fn peek(&mut self) -> io::Result<Option<u8>> {
        loop {
            let piece = again(|| self.fill_buf().map(|piece| piece.first().copied()))?;
            match piece {
                Some(b' ' | b'\t' | b'\r') => self.consume(1),
                other => return Ok(other),
            }
        }
    }

    /// Passes over the rest of the line.
    fn skip(&mut self) -> io::Result<()> {
        loop {
            match again(|| self.fill_buf().map(<[u8]>::len))? {
                0 => return Ok(()),
                len => self.consume(len),
            }
        }
    }
}

/// Calls it again when a signal has interrupted it.
fn again<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

impl<R: BufRead> BufRead for OneLine<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.ended {
            return Ok(&[]);
        }
        if self.ahead_len == 0 {
            let buffer = self.inner.fill_buf()?;
            self.ahead_len = memchr::memchr(b'\n', buffer).unwrap_or(buffer.len());
            if buffer.first() == Some(&b'\n') {
                self.inner.consume(1);
                self.ended = true;
                return Ok(&[]);
            }
        }
        let buffer = self.inner.fill_buf()?;
        Ok(&buffer[..self.ahead_len.min(buffer.len())])
    }

    fn consume(&mut self, len: usize) {
        self.ahead_len = self.ahead_len.saturating_sub(len);
        self.taken += len as u64;
        self.inner.consume(len);
    }
}

impl<R: BufRead> Read for OneLine<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        super::input::read_buffered(self, buffer)
    }
}
