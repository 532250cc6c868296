//! A row of names, then rows of texts.

use std::collections::BTreeSet;
use std::io::{self, BufRead};

use csv_core::{ReadRecordResult, Reader};
use entidb::Value;
use entidb_codec::json::ID_KEY;

use super::source::{ENTITY_LEN_MAX, Fault, Source};

/// How many columns there can be.
const COLUMN_COUNT_MAX: usize = 65_536;

/// What the buffers begin with: bytes, and ends of fields.
const BUFFER_LEN: usize = 4096;

/// Rows as objects of texts; an empty text is absent.
pub(super) struct Csv<R> {
    rows: Rows<R>,
    names: Vec<String>,
}

impl<R: BufRead> Csv<R> {
    /// Reads the header row.
    pub(super) fn new(input: R, id_field: Option<&str>) -> Result<Self, Fault> {
        let mut rows = Rows::new(input);
        let wrong = |rows: &Rows<R>, why: String| {
            Fault::fatal(rows.place(), format!("in the header row, {why}"))
        };
        if !rows.read()? {
            return Err(Fault::fatal("line 1", "there is no header row"));
        }
        let mut names = Vec::new();
        let mut seen = BTreeSet::new();
        for field in rows.fields() {
            let name = field
                .map_err(|why| wrong(&rows, why.to_owned()))?
                .to_owned();
            if name.is_empty() {
                return Err(wrong(
                    &rows,
                    format!("column {} has no name", names.len() + 1),
                ));
            }
            if !seen.insert(name.clone()) {
                return Err(wrong(&rows, format!("{name} is there twice")));
            }
            names.push(name);
        }
        if let Some(field) = id_field
            && !seen.contains(field)
            && !seen.contains(ID_KEY)
        {
            let why = format!(
                "there is neither {ID_KEY} nor {field}, but {}",
                names.join(", ")
            );
            return Err(wrong(&rows, why));
        }
        Ok(Self { rows, names })
    }

    fn entity(&self) -> Result<Vec<u8>, String> {
        let (found, expected) = (self.rows.field_count, self.names.len());
        if found != expected {
            return Err(format!(
                "{found} fields, where the header row has {expected}"
            ));
        }
        let mut entries = Vec::with_capacity(expected);
        for (name, field) in self.names.iter().zip(self.rows.fields()) {
            let text = field?;
            if !text.is_empty() {
                entries.push((Value::from(name.as_str()), Value::from(text)));
            }
        }
        entidb_codec::encode(&Value::Map(entries)).map_err(|error| error.to_string())
    }
}

impl<R: BufRead + Send> Source for Csv<R> {
    fn next(&mut self, out: &mut Vec<u8>) -> Result<bool, Fault> {
        if !self.rows.read()? {
            return Ok(false);
        }
        let cbor = self
            .entity()
            .map_err(|why| Fault::bad(self.rows.place(), why))?;
        out.extend_from_slice(&cbor);
        Ok(true)
    }

    fn place(&self) -> String {
        self.rows.place()
    }
}

/// Where parsing a row came to a stop.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Filled {
    /// At its end.
    Row,
    /// The buffer of the text is full.
    Text,
    /// That of the fields' ends is.
    Ends,
}

/// Rows (RFC 4180), read in the pieces that the input's buffer holds.
struct Rows<R> {
    input: R,
    parser: Reader,
    /// The fields of a row, one behind the other, and where each ends.
    text: Vec<u8>,
    ends: Vec<usize>,
    text_len: usize,
    field_count: usize,
    in_large_row: bool,
    /// The line that the row begins in, and the one that the input stands in.
    row_line: u64,
    line: u64,
}

impl<R: BufRead> Rows<R> {
    fn new(input: R) -> Self {
        Self {
            input,
            parser: Reader::new(),
            text: vec![0; BUFFER_LEN],
            ends: vec![0; BUFFER_LEN],
            text_len: 0,
            field_count: 0,
            in_large_row: false,
            row_line: 1,
            line: 1,
        }
    }

    fn place(&self) -> String {
        format!("line {}", self.row_line)
    }

    /// The fields of the row that was read.
    fn fields(&self) -> impl Iterator<Item = Result<&str, &'static str>> {
        let ends = self.ends.iter().take(self.field_count);
        ends.scan(0, |start, &end| {
            let field = self.text.get(*start..end).unwrap_or_default();
            *start = end;
            Some(str::from_utf8(field).map_err(|_| "a text that is not UTF-8"))
        })
    }

    /// Reads the next row; false at the end.
    fn read(&mut self) -> Result<bool, Fault> {
        if self.in_large_row {
            // Its rest is passed over, without being held: only now, when somebody wants the next one.
            while self.fill(0, 0)?.is_some_and(|end| end != Filled::Row) {}
            self.in_large_row = false;
        }
        self.skip_blank()?;
        self.row_line = self.line;
        let (mut text_len, mut count) = (0, 0);
        loop {
            match self.fill(text_len, count)? {
                None => return Ok(false),
                Some(Filled::Row) => return Ok(true),
                Some(Filled::Text) if self.text.len() >= ENTITY_LEN_MAX => {
                    return Err(self.large(format!("more than {ENTITY_LEN_MAX} bytes")));
                }
                Some(Filled::Text) => {
                    self.text
                        .resize((self.text.len() * 2).min(ENTITY_LEN_MAX), 0);
                }
                Some(Filled::Ends) if self.ends.len() >= COLUMN_COUNT_MAX => {
                    return Err(self.large(format!("more than {COLUMN_COUNT_MAX} fields")));
                }
                Some(Filled::Ends) => self.ends.resize(self.ends.len() * 2, 0),
            }
            (text_len, count) = (self.text_len, self.field_count);
        }
    }

    fn large(&mut self, what: String) -> Fault {
        self.in_large_row = true;
        Fault::bad(self.place(), format!("the row takes {what}"))
    }

    /// Parses on until the row ends or a buffer is full; `None` at the end of the input. The row has `text_len` bytes and
    /// `count` fields so far.
    fn fill(&mut self, mut text_len: usize, mut count: usize) -> Result<Option<Filled>, Fault> {
        loop {
            let input = match self.input.fill_buf() {
                Ok(input) => input,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(Fault::Read(error.to_string())),
            };
            let (text, ends) = (&mut self.text[text_len..], &mut self.ends[count..]);
            let (result, taken, text_added, ends_added) =
                self.parser.read_record(input, text, ends);
            self.line += memchr::memchr_iter(b'\n', &input[..taken]).count() as u64;
            self.input.consume(taken);
            text_len += text_added;
            count += ends_added;
            (self.text_len, self.field_count) = (text_len, count);
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull => return Ok(Some(Filled::Text)),
                ReadRecordResult::OutputEndsFull => return Ok(Some(Filled::Ends)),
                ReadRecordResult::Record => return Ok(Some(Filled::Row)),
                ReadRecordResult::End => return Ok(None),
            }
        }
    }

    /// Blank lines count, so that the next row's line is known, and are nothing else.
    fn skip_blank(&mut self) -> Result<(), Fault> {
        loop {
            match self.input.fill_buf() {
                Ok([b'\n', ..]) => self.line += 1,
                Ok([b'\r', ..]) => {}
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(Fault::Read(error.to_string())),
            }
            self.input.consume(1);
        }
    }
}
