//! Equality of values: that of their encodings.

use super::Value;

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) | (Self::Undefined, Self::Undefined) => true,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Integer(a), Self::Integer(b)) => a == b,
            (Self::Float(a), Self::Float(b)) => {
                a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan())
            }
            (Self::Bytes(a), Self::Bytes(b)) => a == b,
            (Self::Text(a), Self::Text(b)) => a == b,
            (Self::Array(a), Self::Array(b)) => a == b,
            (Self::Map(a), Self::Map(b)) => maps_equal(a, b),
            (Self::Tag(a, in_a), Self::Tag(b, in_b)) => a == b && in_a == in_b,
            (Self::Simple(a), Self::Simple(b)) => a == b,
            _ => false,
        }
    }
}

impl Eq for Value {}

fn maps_equal(a: &[(Value, Value)], b: &[(Value, Value)]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    if a == b {
        return true;
    }
    // Values that have no encoding are equal only as they are written.
    match (sorted(a), sorted(b)) {
        (Some(a), Some(b)) => a == b,
        _ => false,
    }
}

/// The entries by encoded key.
fn sorted(entries: &[(Value, Value)]) -> Option<Vec<(Vec<u8>, &Value)>> {
    let mut sorted = entries
        .iter()
        .map(|(key, value)| crate::encode(key).ok().map(|key| (key, value)))
        .collect::<Option<Vec<_>>>()?;
    sorted.sort_by(|(a, _), (b, _)| a.cmp(b));
    Some(sorted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_equal_when_their_encodings_are() {
        let entry = |key: &str, value: i32| (Value::from(key), Value::from(value));
        let forth = Value::Map(vec![entry("a", 1), entry("bb", 2), entry("c", 3)]);
        let back = Value::Map(vec![entry("c", 3), entry("bb", 2), entry("a", 1)]);
        let other = Value::Map(vec![entry("c", 3), entry("bb", 2), entry("a", 2)]);
        assert_eq!(forth, back);
        assert_ne!(forth, other);
        assert_eq!(Value::Float(f64::NAN), Value::Float(-f64::NAN));
        assert_ne!(Value::Float(0.0), Value::Float(-0.0));
        assert_ne!(Value::Float(1.0), Value::from(1));
        assert_ne!(Value::Null, Value::Undefined);
    }
}
