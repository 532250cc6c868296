//! The way to a byte, for messages.

use std::fmt::Write;

use super::Path;
use crate::cursor::{Cursor, Token};

/// The path to the innermost item that begins at or before `offset` and reaches beyond it, with
/// the numbers of elements: `lines[2].sku`. Of bytes that are damaged before there, as far as it
/// goes. An offset in a key is in the map.
pub(crate) fn to_offset(cbor: &[u8], offset: usize) -> String {
    let mut path = String::new();
    let mut cursor = Cursor::new(cbor);
    // Each round goes into an item that begins further on.
    while cursor.offset() < offset {
        let found = match cursor.token() {
            Ok(Token::Array(count)) => element(&mut cursor, count, offset, &mut path),
            Ok(Token::Map(count)) => entry(&mut cursor, count, offset, &mut path),
            Ok(Token::Tag(_)) => Some(()),
            _ => None,
        };
        if found.is_none() {
            break;
        }
    }
    path
}

/// Stops in front of the element with the offset.
fn element(cursor: &mut Cursor<'_>, count: usize, offset: usize, path: &mut String) -> Option<()> {
    for index in 0..count {
        let mut behind = cursor.clone();
        if behind.skip().is_none() || behind.offset() > offset {
            // Writing to a string does not fail.
            let _ = write!(path, "[{index}]");
            return Some(());
        }
        *cursor = behind;
    }
    None
}

/// Stops in front of the value with the offset.
fn entry(cursor: &mut Cursor<'_>, count: usize, offset: usize, path: &mut String) -> Option<()> {
    for _ in 0..count {
        let mut key = Cursor::new(cursor.skip()?);
        if cursor.offset() > offset {
            return None;
        }
        let mut behind = cursor.clone();
        if behind.skip().is_none() || behind.offset() > offset {
            match key.token() {
                Ok(Token::Text(name)) => {
                    let point = if path.is_empty() { "" } else { "." };
                    let _ = write!(path, "{point}{}", Path::key(name));
                }
                // No path goes through other keys, so this is for the eye.
                _ => {
                    let key = crate::json::from_cbor(key.all()).unwrap_or_default();
                    let _ = write!(path, "{{{key}}}");
                }
            }
            return Some(());
        }
        *cursor = behind;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Value;

    #[test]
    fn each_offset_has_the_path_of_its_item() {
        let line = |sku| Value::from([("sku", Value::from(sku)), ("n", Value::from(300))]);
        let value = Value::from([
            ("lines", Value::Array(vec![line("a"), line("b")])),
            ("a.b", Value::Tag(1, Box::new(Value::from([("x", 1)])))),
        ]);
        let mut value = value.into_map().unwrap();
        value.push((Value::from(7), Value::Null));
        let bytes = crate::encode(&Value::Map(value)).unwrap();
        let paths: Vec<String> = (0..bytes.len()).map(|at| to_offset(&bytes, at)).collect();
        let mut distinct = paths.clone();
        distinct.dedup();
        let expected = [
            "",
            "{7}",
            "",
            "\"a.b\"",
            "\"a.b\".x",
            "",
            "lines",
            "lines[0]",
            "lines[0].n",
            "lines[0]",
            "lines[0].sku",
            "lines[1]",
            "lines[1].n",
            "lines[1]",
            "lines[1].sku",
        ];
        assert_eq!(distinct, expected);
        for len in 0..bytes.len() {
            for (at, path) in paths.iter().enumerate() {
                assert!(path.starts_with(&to_offset(&bytes[..len], at.min(len))) || at >= len);
            }
        }
    }
}
