//! The way to a byte, for messages.

use std::fmt::Write;
use std::ops::Range;

use super::Path;
use crate::NESTING_MAX;
use crate::cursor::{Cursor, Token};

/// The path to the innermost item that begins at or before `offset` and reaches beyond it, with
/// the numbers of elements: `lines[2].sku`. Of bytes that are damaged before there, as far as it
/// goes. An offset in a key is in the map.
///
/// One walk over the bytes up to there, whatever they are.
pub(crate) fn to_offset(cbor: &[u8], offset: usize) -> String {
    let mut cursor = Cursor::new(cbor);
    let mut levels: Vec<Level> = Vec::new();
    while cursor.offset() < offset && levels.len() <= NESTING_MAX {
        let start = cursor.offset();
        let opened = match cursor.token() {
            Ok(Token::Array(count)) => Some(Level::new(Kind::Array, count)),
            Ok(Token::Map(count)) => Some(Level::new(Kind::Map, count.saturating_mul(2))),
            Ok(Token::Tag(_)) => Some(Level::new(Kind::Tag, 1)),
            Ok(_) => None,
            Err(_) => break,
        };
        if cursor.offset() > offset {
            break;
        }
        match opened {
            Some(level) if level.count > 0 => levels.push(level),
            _ => close(&mut levels, start..cursor.offset()),
        }
    }
    print(&levels, cbor)
}

/// An array, a map or a tag that is open.
struct Level {
    kind: Kind,
    /// How many items it has, keys and values alike, and how many of them are passed.
    count: usize,
    passed: usize,
    /// Where its last key lies.
    key: Range<usize>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Array,
    Map,
    Tag,
}

impl Level {
    fn new(kind: Kind, count: usize) -> Self {
        Self {
            kind,
            count,
            passed: 0,
            key: 0..0,
        }
    }
}

/// Notes that an item is passed, and with it those that end with it.
fn close(levels: &mut Vec<Level>, item: Range<usize>) {
    while let Some(level) = levels.last_mut() {
        if level.kind == Kind::Map && level.passed.is_multiple_of(2) {
            // Only the ends of a key that is no scalar are wrong, and it is not printed then.
            level.key = item.clone();
        }
        level.passed += 1;
        if level.passed < level.count {
            return;
        }
        levels.pop();
    }
}

fn print(levels: &[Level], cbor: &[u8]) -> String {
    let mut path = String::new();
    for level in levels {
        // Writing to a string does not fail.
        let _ = match level.kind {
            Kind::Tag => Ok(()),
            Kind::Array => write!(path, "[{}]", level.passed),
            // In a key.
            Kind::Map if level.passed.is_multiple_of(2) => break,
            Kind::Map => {
                let key = cbor.get(level.key.clone()).unwrap_or_default();
                match Cursor::new(key).token() {
                    Ok(Token::Text(name)) => {
                        let point = if path.is_empty() { "" } else { "." };
                        write!(path, "{point}{}", Path::key(name))
                    }
                    // No path goes through other keys, so this is for the eye.
                    _ => write!(
                        path,
                        "{{{}}}",
                        crate::json::from_cbor(key).unwrap_or_default()
                    ),
                }
            }
        };
    }
    path
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
