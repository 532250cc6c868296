//! The transcoder itself: pushed one piece of JSON after the other, it appends canonical CBOR.
//!
//! An array or map gets one byte for its head when it opens, which is put right when it closes and
//! its count is known; a map whose keys did not come in canonical order is sorted then. So the
//! output is the only place where a value is held, whatever its size.

mod nest;
mod token;

use crate::entries::{Entry, Sorter};

use super::Kind;
use super::escape::Escape;

/// Buffers larger than this are given back after each value.
const KEPT_LEN_MAX: usize = 1 << 20;

/// What is wrong, and where, counted from the start of the value.
pub(super) struct Fault {
    pub(super) kind: Kind,
    pub(super) offset: u64,
}

/// What has to come next.
#[derive(Debug, Clone, Copy)]
enum State {
    Value,
    /// A value, or the end of an array that has none yet.
    FirstItem,
    Key,
    /// A key, or the end of a map that has none yet.
    FirstKey,
    Colon,
    /// A comma, or the end of the array or map.
    Comma,
    /// The rest of a string, or of a number, or of a word.
    Text {
        is_key: bool,
    },
    Number,
    Word {
        word: &'static [u8],
        matched: usize,
    },
}

/// An open array or map.
#[derive(Debug)]
struct Frame {
    is_map: bool,
    /// Whether the keys came in canonical order so far.
    sorted: bool,
    /// Where its head is, from `base`.
    head: usize,
    count: u64,
    /// Where its entries begin in `Machine::entries`.
    entries: usize,
}

#[derive(Debug)]
pub(super) struct Machine {
    limit: usize,
    /// How long the output may become on the way: more than `limit` once there is an embedded
    /// item, whose base64 is longer than the item.
    room: usize,
    /// A line feed ends the value rather than being white space.
    lines: bool,
    state: State,
    stack: Vec<Frame>,
    /// Of all open maps, innermost last.
    entries: Vec<Entry>,
    sorter: Sorter,
    /// The start of a string or number that the end of a piece has cut, or that has escapes.
    token: Vec<u8>,
    token_offset: u64,
    escape: Escape,
    /// Where in the output the value begins.
    base: usize,
    /// How much has been taken before the piece at hand.
    offset: u64,
}

impl Machine {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            room: limit,
            lines: false,
            state: State::Value,
            stack: Vec::new(),
            entries: Vec::new(),
            sorter: Sorter::default(),
            token: Vec::new(),
            token_offset: 0,
            escape: Escape::None,
            base: 0,
            offset: 0,
        }
    }

    /// Makes ready for a value that will be appended to `out`.
    pub(super) fn start(&mut self, out: &[u8], lines: bool) {
        self.lines = lines;
        self.room = self.limit;
        self.state = State::Value;
        self.stack.clear();
        self.entries.clear();
        self.token.clear();
        self.escape = Escape::None;
        self.base = out.len();
        self.offset = 0;
        self.sorter.shrink(KEPT_LEN_MAX);
        if self.token.capacity() > KEPT_LEN_MAX {
            self.token = Vec::new();
        }
        if self.entries.capacity() > KEPT_LEN_MAX / size_of::<Entry>() {
            self.entries = Vec::new();
        }
    }

    /// How many bytes have been taken since the start.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Whether no byte of a value has been seen.
    pub(super) fn is_before_value(&self) -> bool {
        self.stack.is_empty() && matches!(self.state, State::Value)
    }

    /// Takes the next piece; how much of it was taken, and whether the value is complete.
    pub(super) fn feed(&mut self, piece: &[u8], out: &mut Vec<u8>) -> Result<(usize, bool), Fault> {
        let mut at = 0;
        let mut done = false;
        while !done {
            match self.state {
                State::Text { is_key } => {
                    let Some(end) = self.text_rest(piece, &mut at, out)? else {
                        break;
                    };
                    at = end;
                    done = self.close_text(is_key, out)?;
                    continue;
                }
                State::Number => {
                    let rest = piece.get(at..).unwrap_or_default();
                    let len = token::number_len(rest);
                    self.extend_number(&rest[..len])?;
                    at += len;
                    if at == piece.len() {
                        break;
                    }
                    done = self.close_number(out)?;
                    continue;
                }
                State::Word { word, matched } => {
                    let Some(&byte) = piece.get(at) else {
                        break;
                    };
                    if word.get(matched) != Some(&byte) {
                        if self.ends_line(byte) {
                            return Err(self.fault(Kind::UnexpectedEnd, at));
                        }
                        return Err(Fault {
                            kind: Kind::BadWord,
                            offset: self.token_offset,
                        });
                    }
                    at += 1;
                    if matched + 1 < word.len() {
                        self.state = State::Word {
                            word,
                            matched: matched + 1,
                        };
                    } else {
                        done = self.word_done(word, out)?;
                    }
                    continue;
                }
                _ => {}
            }
            at = self.skip_space(piece, at);
            let Some(&byte) = piece.get(at) else {
                break;
            };
            match (self.state, byte) {
                (State::Comma, b',') => {
                    self.state = if self.in_map() {
                        State::Key
                    } else {
                        State::Value
                    };
                    at += 1;
                }
                (State::FirstKey | State::Key, b'"') => at = self.text(piece, at, true, out)?.0,
                (State::Colon, b':') => {
                    self.state = State::Value;
                    at += 1;
                }
                (State::Value | State::FirstItem, b'"') => {
                    (at, done) = self.text(piece, at, false, out)?;
                }
                (State::Value | State::FirstItem, b'-' | b'0'..=b'9') => {
                    (at, done) = self.number(piece, at, out)?;
                }
                (State::Value | State::FirstItem, b'{' | b'[') => {
                    self.open(byte == b'{', at, out)?;
                    at += 1;
                }
                (State::FirstKey | State::Comma, b'}') if self.in_map() => {
                    done = self.close_map(at, out)?;
                    at += 1;
                }
                (State::FirstItem | State::Comma, b']') if !self.in_map() => {
                    done = self.close_array(at, out)?;
                    at += 1;
                }
                (State::Value | State::FirstItem, b't') => self.word(b"true", at),
                (State::Value | State::FirstItem, b'f') => self.word(b"false", at),
                (State::Value | State::FirstItem, b'n') => self.word(b"null", at),
                // A blank line: the caller knows what that means.
                (State::Value, b'\n') if self.stack.is_empty() => break,
                _ => return Err(self.unexpected(byte, at)),
            }
        }
        self.offset += at as u64;
        Ok((at, done))
    }

    /// The input has ended: an error unless that completes the value.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), Fault> {
        // Only a number needs to see what is behind it.
        if matches!(self.state, State::Number) && self.close_number(out)? {
            return Ok(());
        }
        Err(Fault {
            kind: Kind::UnexpectedEnd,
            offset: self.offset,
        })
    }

    #[inline]
    fn skip_space(&self, piece: &[u8], mut at: usize) -> usize {
        while let Some(byte) = piece.get(at) {
            match byte {
                b' ' | b'\t' | b'\r' => at += 1,
                b'\n' if !self.lines => at += 1,
                _ => break,
            }
        }
        at
    }

    #[inline]
    fn in_map(&self) -> bool {
        self.stack.last().is_some_and(|frame| frame.is_map)
    }

    /// Whether this byte, wherever it stands, is the end of the line.
    fn ends_line(&self, byte: u8) -> bool {
        self.lines && byte == b'\n'
    }

    fn fault(&self, kind: Kind, at: usize) -> Fault {
        Fault {
            kind,
            offset: self.offset + at as u64,
        }
    }

    fn unexpected(&self, byte: u8, at: usize) -> Fault {
        let kind = match byte {
            _ if self.ends_line(byte) => Kind::UnexpectedEnd,
            0xef if self.is_before_value() => Kind::ByteOrderMark,
            _ => Kind::UnexpectedByte(byte),
        };
        self.fault(kind, at)
    }

    #[inline]
    fn check_room(&self, len: usize, offset: u64, out: &[u8]) -> Result<(), Fault> {
        if out.len() - self.base + len <= self.room {
            Ok(())
        } else {
            Err(self.too_large(offset))
        }
    }

    /// A place in the output, from the start of the value.
    #[inline]
    fn place(&self, at: usize, offset: u64) -> Result<u32, Fault> {
        u32::try_from(at - self.base).map_err(|_| self.too_large(offset))
    }

    fn too_large(&self, offset: u64) -> Fault {
        let limit = self.limit.min(u32::MAX as usize);
        Fault {
            kind: Kind::TooLarge { limit },
            offset,
        }
    }
}
