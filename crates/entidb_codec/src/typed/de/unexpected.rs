//! Errors for items of another type than was asked for.

use serde::de::{Error, Expected, Unexpected};

use super::{DeserializeError, Reader};
use crate::Integer;
use crate::cursor::Token;

impl Reader<'_> {
    /// The item at `offset` is canonical as far as it can be told, but not what was asked for.
    #[cold]
    pub(super) fn unexpected(
        &mut self,
        offset: usize,
        expected: &dyn Expected,
    ) -> DeserializeError {
        self.cursor.rewind(offset);
        let token = match self.cursor.token() {
            Ok(token) => token,
            Err(error) => return error.into(),
        };
        let text;
        let found = match token {
            Token::Unsigned(integer) => Unexpected::Unsigned(integer),
            Token::Negative(argument) => match i64::try_from(argument) {
                Ok(argument) => Unexpected::Signed(!argument),
                Err(_) => {
                    text = format!("integer `{}`", Integer::from_negative_argument(argument));
                    Unexpected::Other(&text)
                }
            },
            Token::Bignum { magnitude, .. } => {
                text = format!("an integer of {} bytes", magnitude.len());
                Unexpected::Other(&text)
            }
            Token::Bytes(bytes) => Unexpected::Bytes(bytes),
            Token::Text(text) => Unexpected::Str(text),
            Token::Array(_) => Unexpected::Seq,
            Token::Map(_) => Unexpected::Map,
            Token::Tag(number) => {
                text = format!("tag {number}, which is read as `Tagged` or `Value` alone");
                Unexpected::Other(&text)
            }
            Token::Bool(bool) => Unexpected::Bool(bool),
            Token::Null => Unexpected::Unit,
            Token::Undefined => Unexpected::Other("undefined"),
            Token::Simple(number) => {
                text = format!("simple value {number}");
                Unexpected::Other(&text)
            }
            Token::Float(float) => Unexpected::Float(float),
        };
        DeserializeError::invalid_type(found, expected).at(offset)
    }
}
