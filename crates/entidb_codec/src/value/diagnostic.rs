//! Values for people: the diagnostic notation of RFC 8949 section 8.

use std::fmt;

use super::Value;

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Undefined => f.write_str("undefined"),
            Self::Bool(bool) => write!(f, "{bool}"),
            Self::Integer(integer) => write!(f, "{integer}"),
            Self::Float(float) if float.is_nan() => f.write_str("NaN"),
            Self::Float(float) if float.is_infinite() => f.write_str(if *float < 0.0 {
                "-Infinity"
            } else {
                "Infinity"
            }),
            Self::Float(float) => write!(f, "{float:?}"),
            Self::Bytes(bytes) => {
                f.write_str("h'")?;
                bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
                f.write_str("'")
            }
            Self::Text(text) => write!(f, "{text:?}"),
            Self::Array(items) => f.debug_list().entries(items).finish(),
            Self::Map(entries) => f
                .debug_map()
                .entries(entries.iter().map(|(key, value)| (key, value)))
                .finish(),
            Self::Tag(number, content) => {
                write!(f, "{number}(")?;
                content.fmt(f)?;
                f.write_str(")")
            }
            Self::Simple(number) => write!(f, "simple({number})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_prints_diagnostic_notation() {
        let value = Value::Array(vec![
            Value::from([("a", Value::from(1)), ("b", Value::from(1.0))]),
            Value::from(&b"\x01\xff"[..]),
            Value::Tag(0, Box::new(Value::from("x\"y"))),
            Value::Simple(32),
            Value::Float(f64::NEG_INFINITY),
            Value::Undefined,
        ]);
        assert_eq!(
            format!("{value:?}"),
            r#"[{"a": 1, "b": 1.0}, h'01ff', 0("x\"y"), simple(32), -Infinity, undefined]"#
        );
    }
}
