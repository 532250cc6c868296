//! One array of objects, or objects one after the other.

use std::io::{self, BufRead, Read};

use entidb_codec::json::{ArrayReader, Error, Kind, Reader};

use super::input::WithoutMark;
use super::source::{ENTITY_LEN_MAX, Fault, Source};

/// The elements of an array, or values one after the other.
pub(crate) struct Json<R> {
    input: Lined<R>,
    form: Form,
    element: u64,
}

enum Form {
    Array {
        reader: ArrayReader,
        /// Where it begins.
        offset: u64,
    },
    Values(Reader),
}

impl<R: BufRead> Json<R> {
    /// An array, if that is what comes.
    pub(crate) fn new(input: R) -> Result<Self, Fault> {
        let mut json = Self::with(input);
        let first = json
            .input
            .peek()
            .map_err(|error| Fault::Read(error.to_string()))?;
        if first == Some(b'[') {
            json.form = Form::Array {
                reader: ArrayReader::new(ENTITY_LEN_MAX),
                offset: json.input.taken,
            };
        }
        Ok(json)
    }

    fn with(input: R) -> Self {
        Self {
            input: Lined {
                inner: input,
                taken: 0,
                lines: 0,
            },
            form: Form::Values(Reader::new(ENTITY_LEN_MAX)),
            element: 0,
        }
    }
}

impl<R: BufRead> Json<WithoutMark<R>> {
    /// Values one after the other.
    pub(crate) fn values(input: R) -> Self {
        Self::with(WithoutMark::new(input))
    }
}

impl<R: BufRead> Json<R> {
    /// Reads the next element; false at the end.
    pub(crate) fn read(&mut self, out: &mut Vec<u8>) -> Result<bool, Fault> {
        self.element += 1;
        let (read, base) = match &mut self.form {
            Form::Array { reader, offset } => (reader.next_element(&mut self.input, out), *offset),
            Form::Values(reader) => {
                let base = self.input.taken;
                (reader.read_value(&mut self.input, out), base)
            }
        };
        match read {
            Ok(element) => Ok(element.is_some()),
            Err(error) if error.kind == Kind::Io => Err(Fault::read(&error)),
            Err(error) => Err(self.fault(&error, base)),
        }
    }

    fn fault(&mut self, error: &Error, base: u64) -> Fault {
        let line = self.input.line_at(base + error.offset);
        Fault::fatal(
            format!("element {}, line {line}", self.element),
            error.kind.to_string(),
        )
    }

    /// Where the last element ended.
    pub(crate) fn place(&self) -> String {
        format!("element {}, line {}", self.element, self.input.lines + 1)
    }
}

impl<R: BufRead + Send> Source for Json<R> {
    fn next(&mut self, out: &mut Vec<u8>) -> Result<bool, Fault> {
        self.read(out)
    }

    fn place(&self) -> String {
        self.place()
    }
}

/// Counts the lines of what is taken.
struct Lined<R> {
    inner: R,
    taken: u64,
    lines: u64,
}

impl<R: BufRead> Lined<R> {
    /// The line of an offset that is in the buffer, or has just been taken.
    fn line_at(&mut self, offset: u64) -> u64 {
        let ahead = usize::try_from(offset.saturating_sub(self.taken)).unwrap_or(usize::MAX);
        let buffer = self.inner.fill_buf().unwrap_or_default();
        self.lines + 1 + line_feeds(&buffer[..ahead.min(buffer.len())])
    }

    /// The next byte that is no white space.
    fn peek(&mut self) -> io::Result<Option<u8>> {
        loop {
            let byte = match self.fill_buf() {
                Ok(buffer) => buffer.first().copied(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            match byte {
                Some(b' ' | b'\t' | b'\r' | b'\n') => self.consume(1),
                other => return Ok(other),
            }
        }
    }
}

impl<R: BufRead> BufRead for Lined<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.inner.fill_buf()
    }

    fn consume(&mut self, len: usize) {
        // What is consumed is in the buffer, so this reads nothing.
        if let Ok(buffer) = self.inner.fill_buf() {
            self.lines += line_feeds(&buffer[..len.min(buffer.len())]);
        }
        self.taken += len as u64;
        self.inner.consume(len);
    }
}

impl<R: BufRead> Read for Lined<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        super::input::read_buffered(self, buffer)
    }
}

fn line_feeds(bytes: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', bytes).count() as u64
}
