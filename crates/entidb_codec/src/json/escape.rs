//! Escapes in strings, one byte at a time, so that the end of a buffer may cut them anywhere.

use super::Kind;

/// How far an escape has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Escape {
    /// There is none.
    #[default]
    None,
    /// Behind the backslash.
    Backslash,
    /// Behind `\u`: the value of the digits so far, how many are missing, and the first half of the
    /// surrogate pair if this is the second.
    Hex {
        code: u32,
        missing: u8,
        high: Option<u32>,
    },
    /// Behind the first half of a surrogate pair, which has to be followed by `\u`.
    High(u32),
    /// Behind the first half of a surrogate pair and a backslash.
    HighBackslash(u32),
}

impl Escape {
    /// Takes the next byte; the character, when it is complete.
    pub(super) fn step(&mut self, byte: u8) -> Result<Option<char>, Kind> {
        *self = match *self {
            Self::None => return Err(Kind::BadEscape),
            Self::Backslash => {
                let char = match byte {
                    b'"' | b'\\' | b'/' => char::from(byte),
                    b'b' => '\u{8}',
                    b'f' => '\u{c}',
                    b'n' => '\n',
                    b'r' => '\r',
                    b't' => '\t',
                    b'u' => {
                        *self = Self::Hex {
                            code: 0,
                            missing: 4,
                            high: None,
                        };
                        return Ok(None);
                    }
                    _ => return Err(Kind::BadEscape),
                };
                return self.done(char);
            }
            Self::Hex {
                code,
                missing,
                high,
            } => {
                let digit = char::from(byte).to_digit(16).ok_or(Kind::BadEscape)?;
                let code = code * 16 + digit;
                match (missing, high, code) {
                    (2.., ..) => Self::Hex {
                        code,
                        missing: missing - 1,
                        high,
                    },
                    (_, None, 0xd800..=0xdbff) => Self::High(code),
                    (_, Some(high), 0xdc00..=0xdfff) => {
                        let code = 0x1_0000 + ((high - 0xd800) << 10) + (code - 0xdc00);
                        return self.done(char::from_u32(code).ok_or(Kind::LoneSurrogate)?);
                    }
                    (_, Some(_), _) => return Err(Kind::LoneSurrogate),
                    (_, None, _) => {
                        return self.done(char::from_u32(code).ok_or(Kind::LoneSurrogate)?);
                    }
                }
            }
            Self::High(high) if byte == b'\\' => Self::HighBackslash(high),
            Self::HighBackslash(high) if byte == b'u' => Self::Hex {
                code: 0,
                missing: 4,
                high: Some(high),
            },
            Self::High(_) | Self::HighBackslash(_) => return Err(Kind::LoneSurrogate),
        };
        Ok(None)
    }

    fn done(&mut self, char: char) -> Result<Option<char>, Kind> {
        *self = Self::None;
        Ok(Some(char))
    }
}
