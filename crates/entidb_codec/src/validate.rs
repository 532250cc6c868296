//! Whether bytes are canonical, without building a value.

use crate::DecodeError;
use crate::cursor::{Cursor, Keys, Token, enter};

/// Checks that `bytes` are exactly one canonical CBOR item.
///
/// Takes and refuses exactly what [`decode`](crate::decode()) does, and allocates nothing.
///
/// # Errors
///
/// The first fault and where it is.
pub fn validate(bytes: &[u8]) -> Result<(), DecodeError> {
    let mut cursor = Cursor::new(bytes);
    item(&mut cursor, 0)?;
    cursor.end()
}

/// Walks over one item that lies inside `depth` arrays, maps and tags. Recursion ends at
/// `NESTING_MAX`.
pub(crate) fn item(cursor: &mut Cursor<'_>, depth: usize) -> Result<(), DecodeError> {
    let offset = cursor.offset();
    match cursor.token()? {
        Token::Array(count) => {
            let depth = enter(depth, offset)?;
            for _ in 0..count {
                item(cursor, depth)?;
            }
        }
        Token::Map(count) => {
            let depth = enter(depth, offset)?;
            let mut keys = Keys::default();
            for _ in 0..count {
                let start = cursor.offset();
                item(cursor, depth)?;
                keys.push(cursor, start)?;
                item(cursor, depth)?;
            }
        }
        Token::Tag(_) => item(cursor, enter(depth, offset)?)?,
        _ => {}
    }
    Ok(())
}
