//! One item at a time from bytes that claim to be canonical.
//!
//! Everything that can be told from one head and its own bytes is checked here; nesting and the
//! order of keys belong to those who walk ([`validate`](crate::validate()),
//! [`decode`](crate::decode()), the JSON writer), with [`enter`] and [`Keys`].

use std::cmp::Ordering;

use crate::head::{self, INFO_1, INFO_2, INFO_4, INFO_8};
use crate::{DecodeError, Fault, NESTING_MAX, float};

const INFO_INDEFINITE: u8 = 31;

/// A head, together with the content of what is not an array, a map or a tag.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Token<'a> {
    Unsigned(u64),
    /// The argument: the integer is -1 less it.
    Negative(u64),
    Bignum {
        negative: bool,
        magnitude: &'a [u8],
    },
    Bytes(&'a [u8]),
    Text(&'a str),
    /// This many items follow.
    Array(usize),
    /// This many pairs of items follow.
    Map(usize),
    /// One item follows. Never a bignum.
    Tag(u64),
    Bool(bool),
    Null,
    Undefined,
    Simple(u8),
    Float(f64),
}

#[derive(Debug, Clone)]
pub(crate) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// What an initial byte and the argument behind it say.
struct Head {
    major: u8,
    info: u8,
    argument: u64,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// How far it has come.
    pub(crate) fn offset(&self) -> usize {
        self.at
    }

    /// What is still to be read.
    #[inline]
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// All bytes, read or not.
    pub(crate) fn all(&self) -> &'a [u8] {
        self.bytes
    }

    /// The bytes from an earlier offset to here.
    pub(crate) fn since(&self, start: usize) -> &'a [u8] {
        self.bytes.get(start..self.at).unwrap_or_default()
    }

    /// Passes bytes that have been looked at.
    #[inline]
    pub(crate) fn pass(&mut self, len: usize) -> &'a [u8] {
        let start = self.at;
        self.at += len;
        self.since(start)
    }

    /// Goes back to an offset where it has been.
    pub(crate) fn rewind(&mut self, offset: usize) {
        self.at = offset;
    }

    /// Passes the next byte if it is this one.
    #[inline]
    pub(crate) fn eat(&mut self, byte: u8) -> bool {
        let found = self.bytes.get(self.at) == Some(&byte);
        self.at += usize::from(found);
        found
    }

    /// The argument of the next head, if it is of this major type; else it stays where it is. For
    /// those who know what they look for: shorter than looking at a token.
    #[inline(always)]
    pub(crate) fn argument(&mut self, major: u8) -> Result<Option<u64>, DecodeError> {
        match self.bytes.get(self.at) {
            Some(initial) if initial >> 5 == major => {
                let info = initial & 0x1f;
                if info < INFO_1 {
                    self.at += 1;
                    return Ok(Some(u64::from(info)));
                }
                match self.long_argument(info) {
                    Some(argument) => Ok(Some(argument)),
                    // Which fault it is, is told by the way that all heads go.
                    None => self.head(self.at).map(|head| Some(head.argument)),
                }
            }
            _ => Ok(None),
        }
    }

    /// An argument of 1 to 8 bytes that is in its shortest form; else it stays where it is.
    #[inline]
    fn long_argument(&mut self, info: u8) -> Option<u64> {
        let rest = self.bytes.get(self.at + 1..)?;
        let (argument, len, least) = match info {
            INFO_1 => (u64::from(*rest.first()?), 1, u64::from(INFO_1)),
            INFO_2 => (
                u64::from(u16::from_be_bytes(*rest.first_chunk()?)),
                2,
                1 << 8,
            ),
            INFO_4 => (
                u64::from(u32::from_be_bytes(*rest.first_chunk()?)),
                4,
                1 << 16,
            ),
            INFO_8 => (u64::from_be_bytes(*rest.first_chunk()?), 8, 1 << 32),
            _ => return None,
        };
        if argument < least {
            return None;
        }
        self.at += 1 + len;
        Some(argument)
    }

    /// The next item, if it is text; else it stays where it is.
    #[inline]
    pub(crate) fn text(&mut self) -> Result<Option<&'a str>, DecodeError> {
        let offset = self.at;
        let Some(len) = self.argument(head::TEXT)? else {
            return Ok(None);
        };
        let text = self.string(offset, len)?;
        let text = str::from_utf8(text).map_err(|_| fault(offset, Fault::BadUtf8))?;
        Ok(Some(text))
    }

    /// How many items the next one has, if it is an array; else it stays where it is.
    #[inline]
    pub(crate) fn array(&mut self) -> Result<Option<usize>, DecodeError> {
        let offset = self.at;
        match self.argument(head::ARRAY)? {
            Some(count) => self.count(offset, count, 1).map(Some),
            None => Ok(None),
        }
    }

    /// How many entries the next item has, if it is a map; else it stays where it is.
    #[inline]
    pub(crate) fn map(&mut self) -> Result<Option<usize>, DecodeError> {
        let offset = self.at;
        match self.argument(head::MAP)? {
            Some(count) => self.count(offset, count, 2).map(Some),
            None => Ok(None),
        }
    }

    /// The next item, if it is a float; else it stays where it is.
    #[inline]
    pub(crate) fn float(&mut self) -> Result<Option<f64>, DecodeError> {
        const FIRST: u8 = head::SIMPLE << 5 | INFO_2;
        const LAST: u8 = head::SIMPLE << 5 | INFO_8;
        let offset = self.at;
        match self.bytes.get(offset) {
            Some(FIRST..=LAST) => {
                let Head { info, argument, .. } = self.head(offset)?;
                match simple(offset, info, argument)? {
                    Token::Float(float) => Ok(Some(float)),
                    _ => Err(fault(offset, Fault::ReservedInfo)),
                }
            }
            _ => Ok(None),
        }
    }

    /// That there is nothing left.
    pub(crate) fn end(&self) -> Result<(), DecodeError> {
        if self.at == self.bytes.len() {
            Ok(())
        } else {
            Err(fault(self.at, Fault::TrailingBytes))
        }
    }

    /// The next head, and its content where that is no item of its own.
    #[inline]
    pub(crate) fn token(&mut self) -> Result<Token<'a>, DecodeError> {
        let offset = self.at;
        let Head {
            major,
            info,
            argument,
        } = self.head(offset)?;
        Ok(match major {
            head::UNSIGNED => Token::Unsigned(argument),
            head::NEGATIVE => Token::Negative(argument),
            head::BYTES => Token::Bytes(self.string(offset, argument)?),
            head::TEXT => {
                let text = self.string(offset, argument)?;
                Token::Text(str::from_utf8(text).map_err(|_| fault(offset, Fault::BadUtf8))?)
            }
            head::ARRAY => Token::Array(self.count(offset, argument, 1)?),
            head::MAP => Token::Map(self.count(offset, argument, 2)?),
            head::TAG => match argument {
                head::TAG_BIGNUM => self.bignum(offset, false)?,
                head::TAG_BIGNUM_NEGATIVE => self.bignum(offset, true)?,
                number => Token::Tag(number),
            },
            _ => simple(offset, info, argument)?,
        })
    }

    /// In a map of which `left` entries are still to come, goes on to the one with this encoded key
    /// and gives its value. `None` if there is none.
    ///
    /// For bytes that were validated, as [`skip`](Self::skip).
    #[inline]
    pub(crate) fn find_entry(&mut self, left: usize, wanted: &[u8]) -> Option<&'a [u8]> {
        let (first, mask) = beginning(wanted);
        for _ in 0..left {
            let rest = self.rest();
            // No encoded key is the beginning of another: so what is behind the key does not matter.
            let order = match rest.first_chunk() {
                Some(bytes) => (u64::from_be_bytes(*bytes) & mask).cmp(&first),
                None => Ordering::Equal,
            };
            match order.then_with(|| rest.get(..wanted.len()).unwrap_or(rest).cmp(wanted)) {
                Ordering::Less => {
                    self.skip()?;
                    self.skip()?;
                }
                Ordering::Equal => {
                    self.skip()?;
                    return self.skip();
                }
                Ordering::Greater => return None,
            }
        }
        None
    }

    /// Passes over one item and gives its bytes; `None` if the input ends inside it or a head is
    /// none.
    ///
    /// Looks at heads and nothing else: for bytes that were validated when they came in. Nesting
    /// is counted, not entered, so depth costs nothing.
    #[inline]
    pub(crate) fn skip(&mut self) -> Option<&'a [u8]> {
        match self.skip_short() {
            Some(item) => Some(item),
            None => self.skip_any(),
        }
    }

    /// As [`skip`](Self::skip), if the item is an integer or a short string, as most are; else it stays where it is.
    #[inline]
    fn skip_short(&mut self) -> Option<&'a [u8]> {
        let start = self.at;
        let initial = *self.bytes.get(start)?;
        let (major, info) = (initial >> 5, initial & 0x1f);
        let content = match (major, info) {
            (head::UNSIGNED | head::NEGATIVE, ..INFO_1) => 0,
            (head::BYTES | head::TEXT, ..INFO_1) => usize::from(info),
            (head::UNSIGNED | head::NEGATIVE, _) => {
                self.long_argument(info)?;
                return Some(self.since(start));
            }
            _ => return None,
        };
        let end = start + 1 + content;
        let item = self.bytes.get(start..end)?;
        self.at = end;
        Some(item)
    }

    fn skip_any(&mut self) -> Option<&'a [u8]> {
        let start = self.at;
        let mut open = 1_usize;
        while open > 0 {
            open -= 1;
            let offset = self.at;
            let Head {
                major, argument, ..
            } = self.head(offset).ok()?;
            let inside = match major {
                head::BYTES | head::TEXT => {
                    self.string(offset, argument).ok()?;
                    0
                }
                head::ARRAY => usize::try_from(argument).ok()?,
                head::MAP => usize::try_from(argument).ok()?.checked_mul(2)?,
                head::TAG => 1,
                _ => 0,
            };
            open = open.checked_add(inside)?;
        }
        Some(self.since(start))
    }

    #[inline]
    fn head(&mut self, offset: usize) -> Result<Head, DecodeError> {
        let Some((&initial, rest)) = self.rest().split_first() else {
            return Err(fault(offset, Fault::Truncated));
        };
        self.at += 1;
        let (major, info) = (initial >> 5, initial & 0x1f);
        if info < INFO_1 {
            return Ok(Head {
                major,
                info,
                argument: u64::from(info),
            });
        }
        // Below `least` a shorter form exists. Floats and simple values have rules of their own.
        let (argument, width, least) = match info {
            INFO_1 => (
                rest.first_chunk().map(|&[byte]| u64::from(byte)),
                1,
                u64::from(INFO_1),
            ),
            INFO_2 => (
                rest.first_chunk()
                    .map(|&be| u64::from(u16::from_be_bytes(be))),
                2,
                1 << 8,
            ),
            INFO_4 => (
                rest.first_chunk()
                    .map(|&be| u64::from(u32::from_be_bytes(be))),
                4,
                1 << 16,
            ),
            INFO_8 => (
                rest.first_chunk().map(|&be| u64::from_be_bytes(be)),
                8,
                1 << 32,
            ),
            INFO_INDEFINITE if matches!(major, head::BYTES..=head::MAP) => {
                return Err(fault(offset, Fault::IndefiniteLength));
            }
            INFO_INDEFINITE if major == head::SIMPLE => {
                return Err(fault(offset, Fault::StopCode));
            }
            _ => return Err(fault(offset, Fault::ReservedInfo)),
        };
        let argument = argument.ok_or(fault(offset, Fault::Truncated))?;
        self.at += width;
        if argument < least && major != head::SIMPLE {
            return Err(fault(offset, Fault::NonShortestHead));
        }
        Ok(Head {
            major,
            info,
            argument,
        })
    }

    #[inline]
    fn string(&mut self, offset: usize, len: u64) -> Result<&'a [u8], DecodeError> {
        let string = usize::try_from(len)
            .ok()
            .and_then(|len| self.rest().get(..len));
        let string = string.ok_or(fault(offset, Fault::LengthBeyondInput))?;
        self.at += string.len();
        Ok(string)
    }

    /// A count of items, each of which takes at least `least` bytes: so whoever makes room for
    /// this many makes no more than a small multiple of the input.
    #[inline]
    fn count(&self, offset: usize, count: u64, least: usize) -> Result<usize, DecodeError> {
        usize::try_from(count)
            .ok()
            .filter(|&count| count <= self.rest().len() / least)
            .ok_or(fault(offset, Fault::LengthBeyondInput))
    }

    /// The content of a bignum tag that begins at `offset`.
    fn bignum(&mut self, offset: usize, negative: bool) -> Result<Token<'a>, DecodeError> {
        let content = self.at;
        let Head {
            major, argument, ..
        } = self.head(content)?;
        if major != head::BYTES {
            return Err(fault(offset, Fault::BignumContent));
        }
        let magnitude = self.string(content, argument)?;
        // RFC 8949 section 3.4.3: no leading zeros, and nothing that major type 0 or 1 can say.
        if magnitude.len() <= size_of::<u64>() || magnitude.first() == Some(&0) {
            return Err(fault(offset, Fault::NonShortestBignum));
        }
        Ok(Token::Bignum {
            negative,
            magnitude,
        })
    }
}

/// An item of major type 7, by additional information and argument.
fn simple<'a>(offset: usize, info: u8, argument: u64) -> Result<Token<'a>, DecodeError> {
    let float = match info {
        20 => return Ok(Token::Bool(false)),
        21 => return Ok(Token::Bool(true)),
        22 => return Ok(Token::Null),
        23 => return Ok(Token::Undefined),
        ..=INFO_1 => {
            return match u8::try_from(argument) {
                Ok(number) if info < INFO_1 || number >= 32 => Ok(Token::Simple(number)),
                _ => Err(fault(offset, Fault::ReservedSimple)),
            };
        }
        INFO_2 => half(offset, argument)?,
        INFO_4 => single(offset, argument)?,
        _ => double(offset, argument)?,
    };
    Ok(Token::Float(float))
}

fn half(offset: usize, argument: u64) -> Result<f64, DecodeError> {
    match u16::try_from(argument) {
        Ok(float::NAN_F16) => Ok(f64::NAN),
        Ok(bits) if bits & 0x7fff <= 0x7c00 => Ok(float::from_half(bits)),
        _ => Err(fault(offset, Fault::NanPayload)),
    }
}

fn single(offset: usize, argument: u64) -> Result<f64, DecodeError> {
    // The canonical NaN, spelt out longer.
    const NAN: u32 = 0x7fc0_0000;
    let Ok(bits) = u32::try_from(argument) else {
        return Err(fault(offset, Fault::NonShortestFloat));
    };
    let float = f64::from(f32::from_bits(bits));
    if float.is_nan() && bits != NAN {
        return Err(fault(offset, Fault::NanPayload));
    }
    match float::shortest(float) {
        float::Shortest::F32(_) => Ok(float),
        _ => Err(fault(offset, Fault::NonShortestFloat)),
    }
}

fn double(offset: usize, bits: u64) -> Result<f64, DecodeError> {
    const NAN: u64 = 0x7ff8_0000_0000_0000;
    let float = f64::from_bits(bits);
    if float.is_nan() && bits != NAN {
        return Err(fault(offset, Fault::NanPayload));
    }
    match float::shortest(float) {
        float::Shortest::F64(_) => Ok(float),
        _ => Err(fault(offset, Fault::NonShortestFloat)),
    }
}

/// The first eight bytes as a number, with zeros behind fewer, and which of its bits they are.
fn beginning(bytes: &[u8]) -> (u64, u64) {
    let mut first = [0; 8];
    let mut mask = [0; 8];
    for ((first, mask), byte) in first.iter_mut().zip(&mut mask).zip(bytes) {
        (*first, *mask) = (*byte, u8::MAX);
    }
    (u64::from_be_bytes(first), u64::from_be_bytes(mask))
}

/// The depth inside an array, map or tag that begins at `offset`.
#[inline]
pub(crate) fn enter(depth: usize, offset: usize) -> Result<usize, DecodeError> {
    if depth < NESTING_MAX {
        Ok(depth + 1)
    } else {
        Err(fault(offset, Fault::TooDeep))
    }
}

pub(crate) fn fault(offset: usize, fault: Fault) -> DecodeError {
    DecodeError { offset, fault }
}

/// Watches over the order of the keys of one map.
#[derive(Debug, Default)]
pub(crate) struct Keys<'a> {
    last: Option<&'a [u8]>,
}

impl<'a> Keys<'a> {
    /// Takes the key that began at `start` and has just been read.
    #[inline]
    pub(crate) fn push(&mut self, cursor: &Cursor<'a>, start: usize) -> Result<(), DecodeError> {
        let key = cursor.since(start);
        match self.last.replace(key) {
            Some(last) if last == key => Err(fault(start, Fault::DuplicateKey)),
            Some(last) if last > key => Err(fault(start, Fault::UnsortedKeys)),
            _ => Ok(()),
        }
    }
}
