//! Strings, numbers and words, whole or cut by the end of a piece.

use std::mem;

use crate::{NESTING_MAX, head};

use super::super::escape::Escape;
use super::super::{Kind, number, scan};
use super::{Fault, Machine, State};

impl Machine {
    /// A string whose quote is at `at`: how far it was taken, and whether the value is complete.
    #[inline]
    pub(super) fn text(
        &mut self,
        piece: &[u8],
        at: usize,
        is_key: bool,
        out: &mut Vec<u8>,
    ) -> Result<(usize, bool), Fault> {
        let begin = at + 1;
        let rest = piece.get(begin..).unwrap_or_default();
        let run = scan::plain(rest);
        let (text, behind) = rest.split_at(run.len);
        let offset = self.offset + at as u64;
        if behind.first() == Some(&b'"') {
            let done = self.write_text(text, run.ascii, is_key, offset, out)?;
            return Ok((begin + run.len + 1, done));
        }
        self.token.clear();
        self.token_offset = offset;
        self.escape = Escape::None;
        self.state = State::Text { is_key };
        self.extend_text(text, out)?;
        Ok((begin + run.len, false))
    }

    /// More of a string that is collected in `token`; the place behind its end, if that is here.
    pub(super) fn text_rest(
        &mut self,
        piece: &[u8],
        at: &mut usize,
        out: &[u8],
    ) -> Result<Option<usize>, Fault> {
        loop {
            if self.escape != Escape::None {
                let Some(&byte) = piece.get(*at) else {
                    return Ok(None);
                };
                if self.ends_line(byte) {
                    return Err(self.fault(Kind::UnexpectedEnd, *at));
                }
                if let Some(char) = self
                    .escape
                    .step(byte)
                    .map_err(|kind| self.fault(kind, *at))?
                {
                    self.extend_text(char.encode_utf8(&mut [0; 4]).as_bytes(), out)?;
                }
                *at += 1;
                continue;
            }
            let rest = piece.get(*at..).unwrap_or_default();
            let run = scan::plain(rest);
            let (text, behind) = rest.split_at(run.len);
            self.extend_text(text, out)?;
            *at += run.len;
            match behind.first() {
                None => return Ok(None),
                Some(b'"') => return Ok(Some(*at + 1)),
                Some(b'\\') => {
                    self.escape = Escape::Backslash;
                    *at += 1;
                }
                Some(&byte) if self.ends_line(byte) => {
                    return Err(self.fault(Kind::UnexpectedEnd, *at));
                }
                Some(_) => return Err(self.fault(Kind::ControlCharacter, *at)),
            }
        }
    }

    fn extend_text(&mut self, text: &[u8], out: &[u8]) -> Result<(), Fault> {
        self.check_room(text.len() + self.token.len(), self.token_offset, out)?;
        self.token.extend_from_slice(text);
        Ok(())
    }

    pub(super) fn close_text(&mut self, is_key: bool, out: &mut Vec<u8>) -> Result<bool, Fault> {
        let token = mem::take(&mut self.token);
        let done = self.write_text(&token, false, is_key, self.token_offset, out);
        self.token = token;
        done
    }

    /// Appends a whole string.
    #[inline]
    fn write_text(
        &mut self,
        text: &[u8],
        is_ascii: bool,
        is_key: bool,
        offset: u64,
        out: &mut Vec<u8>,
    ) -> Result<bool, Fault> {
        if !is_ascii && str::from_utf8(text).is_err() {
            return Err(Fault {
                kind: Kind::BadUtf8,
                offset,
            });
        }
        self.check_room(text.len(), offset, out)?;
        let start = out.len();
        head::write(out, head::TEXT, text.len() as u64);
        out.extend_from_slice(text);
        if is_key {
            self.key_done(start, offset, out)?;
            return Ok(false);
        }
        self.value_done(offset, out)
    }

    #[inline]
    pub(super) fn number(
        &mut self,
        piece: &[u8],
        at: usize,
        out: &mut Vec<u8>,
    ) -> Result<(usize, bool), Fault> {
        let rest = piece.get(at..).unwrap_or_default();
        let (literal, behind) = rest.split_at(number_len(rest));
        let offset = self.offset + at as u64;
        if !behind.is_empty() && literal.len() <= number::LITERAL_LEN_MAX {
            let done = self.write_number(literal, offset, out)?;
            return Ok((at + literal.len(), done));
        }
        self.token.clear();
        self.token_offset = offset;
        self.state = State::Number;
        self.extend_number(literal)?;
        Ok((at + literal.len(), false))
    }

    pub(super) fn extend_number(&mut self, literal: &[u8]) -> Result<(), Fault> {
        if self.token.len() + literal.len() > number::LITERAL_LEN_MAX {
            return Err(Fault {
                kind: Kind::TooManyDigits,
                offset: self.token_offset,
            });
        }
        self.token.extend_from_slice(literal);
        Ok(())
    }

    pub(super) fn close_number(&mut self, out: &mut Vec<u8>) -> Result<bool, Fault> {
        let token = mem::take(&mut self.token);
        let done = self.write_number(&token, self.token_offset, out);
        self.token = token;
        done
    }

    #[inline]
    fn write_number(
        &mut self,
        literal: &[u8],
        offset: u64,
        out: &mut Vec<u8>,
    ) -> Result<bool, Fault> {
        let levels = NESTING_MAX.saturating_sub(self.stack.len());
        number::transcode(literal, levels, out).map_err(|kind| Fault { kind, offset })?;
        self.value_done(offset, out)
    }

    pub(super) fn word(&mut self, word: &'static [u8], at: usize) {
        self.token_offset = self.offset + at as u64;
        self.state = State::Word { word, matched: 0 };
    }

    pub(super) fn word_done(&mut self, word: &[u8], out: &mut Vec<u8>) -> Result<bool, Fault> {
        out.push(match word {
            b"true" => head::TRUE,
            b"false" => head::FALSE,
            _ => head::NULL,
        });
        self.value_done(self.token_offset, out)
    }
}

#[inline]
pub(super) fn number_len(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .take_while(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'-' | b'+' | b'e' | b'E'))
        .count()
}
