//! Index keys are on disks: their bytes are those that docs/format.md shows.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fmt::Write;

use entidb_codec::key::{self, Case};
use entidb_codec::{Integer, Value};

const DOC: &str = include_str!("../../../docs/format.md");
const NAME: &str = "index keys";

fn samples() -> Vec<Value> {
    let integer = |text: &str| Value::from(Integer::from_decimal(text).unwrap());
    let date = |tag, content| Value::Tag(tag, Box::new(content));
    vec![
        Value::Null,
        Value::Undefined,
        Value::from(false),
        Value::from(true),
        Value::Float(f64::NEG_INFINITY),
        integer("-18446744073709551617"),
        Value::from(-9_007_199_254_740_993_i64),
        Value::from(-30.5),
        Value::from(-30),
        Value::from(0),
        Value::from(0.1),
        Value::from(30),
        Value::from(30.0),
        Value::from(30.5),
        Value::from(9_007_199_254_740_991_i64),
        Value::from(9_007_199_254_740_993_i64),
        integer("18446744073709551616"),
        Value::from(1e300),
        Value::Float(f64::INFINITY),
        Value::Float(f64::NAN),
        Value::from(""),
        Value::from("Ann"),
        Value::from("a\0\u{1}\u{2}"),
        date(1, Value::from(-0.25)),
        date(1, Value::from(1_709_200_800)),
        date(0, Value::from("2024-02-29T12:00:00.5+02:00")),
        Value::Bytes(vec![0x00, 0x01, 0xff]),
        Value::Array(vec![Value::from(1), Value::from("a")]),
        Value::Simple(32),
    ]
}

/// The block as it belongs into docs/format.md.
fn block() -> String {
    let mut absent = Vec::new();
    key::push_absent(&mut absent);
    let mut rows = vec![("(absent)".to_owned(), absent)];
    for value in samples() {
        let mut key = Vec::new();
        key::push_value(&mut key, &value, Case::Sensitive).unwrap();
        rows.push((format!("{value:?}"), key));
    }
    let mut folded = Vec::new();
    key::push_value(&mut folded, &Value::from("ΣAß"), Case::Insensitive).unwrap();
    rows.push((r#""ΣAß" without case"#.to_owned(), folded));
    let mut block = String::new();
    for (value, key) in rows {
        let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
        writeln!(block, "{value:<32} {hex}").unwrap();
    }
    block
}

#[test]
fn keys_are_as_drawn() {
    let block = block();
    if std::env::var_os("ENTIDB_PRINT_FORMAT").is_some() {
        eprintln!("```hex {NAME}\n{block}```");
        return;
    }
    let (_, rest) = DOC.split_once(&format!("```hex {NAME}\n")).unwrap();
    let (drawn, _) = rest.split_once("```").unwrap();
    assert_eq!(drawn, block);
}
