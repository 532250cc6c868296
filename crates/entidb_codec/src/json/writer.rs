//! Canonical CBOR to JSON, straight from the bytes.

use std::io::Write;

use crate::cursor::{Cursor, Keys, Token, enter};
use crate::{DecodeError, head, validate};

use super::{decimal, embedded, scan};

const HEX: [u8; 16] = *b"0123456789abcdef";

/// Writes items; strict in what it takes, as [`validate`](crate::validate()) is.
pub(super) struct Writer<'a, 'o> {
    pub(super) cursor: Cursor<'a>,
    pub(super) out: &'o mut Vec<u8>,
}

/// How the entries of a map came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entries {
    /// As the members of an object.
    Plain,
    /// Not at all, though something may have been written: JSON cannot say this map.
    Unsayable,
}

impl Writer<'_, '_> {
    /// Writes the next item, which lies inside `depth` levels. Recursion ends at `NESTING_MAX`.
    pub(super) fn item(&mut self, depth: usize) -> Result<(), DecodeError> {
        let start = self.cursor.offset();
        let token = self.cursor.token()?;
        match token {
            Token::Text(text) => string(text, self.out),
            Token::Unsigned(integer) => self.digits(integer),
            Token::Negative(_) | Token::Bignum { .. } => match decimal::integer(token) {
                Some(digits) => self.out.extend_from_slice(digits.as_bytes()),
                None => self.embed(start),
            },
            Token::Float(float) if float.is_finite() => self.float(float),
            Token::Array(count) => {
                let depth = enter(depth, start)?;
                self.out.push(b'[');
                for index in 0..count {
                    if index > 0 {
                        self.out.push(b',');
                    }
                    self.item(depth)?;
                }
                self.out.push(b']');
            }
            Token::Map(count) => {
                let depth = enter(depth, start)?;
                let mark = self.out.len();
                self.out.push(b'{');
                match self.entries(count, depth, true, None)? {
                    Entries::Plain => self.out.push(b'}'),
                    Entries::Unsayable => {
                        self.out.truncate(mark);
                        self.embed(start);
                    }
                }
            }
            Token::Tag(number) => {
                let mut content = self.cursor.clone();
                validate::item(&mut self.cursor, enter(depth, start)?)?;
                let item = self.cursor.since(start);
                let literal = (number == head::TAG_DECIMAL)
                    .then(|| decimal::fraction(&mut content, item))
                    .flatten();
                match literal {
                    Some(literal) => self.out.extend_from_slice(literal.as_bytes()),
                    None => self.embed(start),
                }
            }
            Token::Bool(true) => self.out.extend_from_slice(b"true"),
            Token::Bool(false) => self.out.extend_from_slice(b"false"),
            Token::Null => self.out.extend_from_slice(b"null"),
            Token::Bytes(_) | Token::Undefined | Token::Simple(_) | Token::Float(_) => {
                self.embed(start);
            }
        }
        Ok(())
    }

    /// Writes the entries of a map, `first` if nothing stands before them. The map is unsayable if
    /// `$cbor` is its only key, if a key is no text, or if it has the encoded key `reserved`.
    pub(super) fn entries(
        &mut self,
        count: usize,
        depth: usize,
        first: bool,
        reserved: Option<&[u8]>,
    ) -> Result<Entries, DecodeError> {
        let mut keys = Keys::default();
        let mut sayable = true;
        for index in 0..count {
            let start = self.cursor.offset();
            sayable &= self
                .cursor
                .rest()
                .first()
                .is_some_and(|head| head >> 5 == head::TEXT);
            if !sayable {
                validate::item(&mut self.cursor, depth)?;
                keys.push(&self.cursor, start)?;
                validate::item(&mut self.cursor, depth)?;
                continue;
            }
            if index > 0 || !first {
                self.out.push(b',');
            }
            self.item(depth)?;
            keys.push(&self.cursor, start)?;
            let key = self.cursor.since(start);
            sayable = reserved != Some(key) && !(count == 1 && embedded::is_key(key));
            self.out.push(b':');
            self.item(depth)?;
        }
        Ok(if sayable {
            Entries::Plain
        } else {
            Entries::Unsayable
        })
    }

    /// Writes what has been read since `start` as what JSON cannot say.
    fn embed(&mut self, start: usize) {
        self.out.extend_from_slice(b"{\"$cbor\":\"");
        embedded::write(self.cursor.since(start), self.out);
        self.out.extend_from_slice(b"\"}");
    }

    /// Rust's `Debug` prints the shortest digits that read back, always with a point or an exponent.
    fn float(&mut self, float: f64) {
        // Writing to memory does not fail.
        let _ = write!(self.out, "{float:?}");
    }

    fn digits(&mut self, mut integer: u64) {
        let mut digits = [0; 20];
        let mut len = 0;
        for place in digits.iter_mut().rev() {
            *place = b'0' + u8::try_from(integer % 10).unwrap_or_default();
            integer /= 10;
            len += 1;
            if integer == 0 {
                break;
            }
        }
        self.out
            .extend_from_slice(digits.get(digits.len() - len..).unwrap_or_default());
    }
}

/// Writes text as a JSON string: what is not ASCII as it stands, control characters escaped.
pub(super) fn string(text: &str, out: &mut Vec<u8>) {
    let mut rest = text.as_bytes();
    out.push(b'"');
    loop {
        let (plain, behind) = rest.split_at(scan::plain(rest).len);
        out.extend_from_slice(plain);
        let Some((&special, behind)) = behind.split_first() else {
            break;
        };
        rest = behind;
        let short = match special {
            b'"' | b'\\' => special,
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            0x08 => b'b',
            0x0c => b'f',
            _ => {
                out.extend_from_slice(b"\\u00");
                out.push(HEX[usize::from(special >> 4)]);
                out.push(HEX[usize::from(special & 15)]);
                continue;
            }
        };
        out.extend_from_slice(&[b'\\', short]);
    }
    out.push(b'"');
}
