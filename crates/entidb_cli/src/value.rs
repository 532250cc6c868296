//! Values, as people give them on the command line.

use entidb::Value;
use entidb_codec::json;

/// A JSON scalar where it is one, else text; `text` says that it is text in any case.
pub(crate) fn of(given: &str, text: bool) -> Value {
    match text {
        true => Value::from(given),
        false => scalar(given).unwrap_or_else(|| Value::from(given)),
    }
}

fn scalar(given: &str) -> Option<Value> {
    let cbor = json::to_cbor(given.as_bytes()).ok()?;
    let value = entidb_codec::decode(&cbor).ok()?;
    (value.as_array().is_none() && value.as_map().is_none()).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_json_scalar_is_what_it_says_and_all_else_is_text() {
        for (given, value) in [
            ("1", Value::from(1)),
            ("-1.5", Value::Float(-1.5)),
            ("true", Value::Bool(true)),
            ("null", Value::Null),
            ("\"1\"", Value::from("1")),
            ("Ann", Value::from("Ann")),
            ("00501", Value::from("00501")),
            ("", Value::from("")),
            ("[1]", Value::from("[1]")),
            ("{}", Value::from("{}")),
            ("2026-11-25", Value::from("2026-11-25")),
        ] {
            assert_eq!(of(given, false), value, "{given}");
            assert_eq!(of(given, true), Value::from(given));
        }
    }
}
