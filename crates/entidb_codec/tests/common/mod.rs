//! Values for the property tests.

use entidb_codec::{Integer, Value, encode};
use proptest::prelude::*;

/// Any value that has an encoding, with those that JSON treats specially more often than chance
/// would have it.
pub(crate) fn values() -> impl Strategy<Value = Value> {
    leaves().prop_recursive(5, 48, 6, |inner| {
        prop_oneof![
            3 => prop::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
            4 => objects(inner.clone()),
            2 => maps(inner.clone()),
            1 => (tags(), inner).prop_map(|(tag, content)| Value::Tag(tag, Box::new(content))),
        ]
    })
}

/// A map with text keys.
pub(crate) fn objects(inner: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    let key = prop_oneof![
        4 => texts(),
        1 => Just("$cbor".to_owned()),
        1 => Just("_id".to_owned()),
    ]
    .prop_map(Value::from);
    prop::collection::vec((key, inner), 0..6).prop_map(without_duplicates)
}

fn maps(inner: impl Strategy<Value = Value> + Clone) -> impl Strategy<Value = Value> {
    prop::collection::vec((inner.clone(), inner), 0..6).prop_map(without_duplicates)
}

fn without_duplicates(entries: Vec<(Value, Value)>) -> Value {
    let mut seen = std::collections::HashSet::new();
    Value::Map(
        entries
            .into_iter()
            .filter(|(key, _)| seen.insert(encode(key).unwrap()))
            .collect(),
    )
}

fn tags() -> impl Strategy<Value = u64> {
    prop_oneof![Just(0_u64), Just(4), Just(5), Just(24), any::<u64>()]
        .prop_filter("bignums are integers", |tag| !matches!(tag, 2 | 3))
}

fn leaves() -> impl Strategy<Value = Value> {
    prop_oneof![
        1 => Just(Value::Null),
        1 => Just(Value::Undefined),
        1 => any::<bool>().prop_map(Value::Bool),
        4 => integers().prop_map(Value::Integer),
        4 => floats().prop_map(Value::Float),
        1 => prop::collection::vec(any::<u8>(), 0..40).prop_map(Value::Bytes),
        4 => texts().prop_map(Value::Text),
        1 => (0_u8..=255)
            .prop_filter("reserved", |number| !(20..32).contains(number))
            .prop_map(Value::Simple),
        2 => decimals(),
    ]
}

fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "[a-z]{0,12}",
        1 => "[ -~]{0,30}",
        1 => "[\\x00-\\x7f]{0,12}",
        2 => "\\PC{0,12}",
        1 => any::<String>(),
        1 => "[aé語😀\"\\\\\n]{0,60}",
        1 => "x{200,300}",
    ]
}

fn integers() -> impl Strategy<Value = Integer> {
    prop_oneof![
        (-30_i64..300).prop_map(Integer::from),
        any::<i64>().prop_map(Integer::from),
        any::<u64>().prop_map(Integer::from),
        any::<i128>().prop_map(Integer::from),
        "-?[1-9][0-9]{0,80}".prop_map(|digits| Integer::from_decimal(&digits).unwrap()),
        (0_u32..128, -2_i128..=2, any::<bool>()).prop_map(|(bits, more, negative)| {
            let near = (1_i128 << bits.min(126)) + more;
            Integer::from(if negative { -near } else { near })
        }),
    ]
}

fn floats() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<f64>(),
        any::<u64>().prop_map(f64::from_bits),
        any::<f32>().prop_map(f64::from),
        (-100_000_i32..100_000).prop_map(|n| f64::from(n) / 64.0),
        (-100_000_i32..100_000).prop_map(|n| f64::from(n) / 1000.0),
        prop_oneof![
            Just(0.0),
            Just(-0.0),
            Just(f64::NAN),
            Just(f64::INFINITY),
            Just(f64::NEG_INFINITY),
            Just(f64::MAX),
            Just(f64::MIN_POSITIVE),
            Just(5e-324),
        ],
    ]
}

/// Tag 4 with what may or may not be a decimal fraction that JSON would give.
fn decimals() -> impl Strategy<Value = Value> {
    let exponent = prop_oneof![(-40_i64..40), (-1_100_000_i64..1000), any::<i64>()];
    let mantissa = prop_oneof![
        integers(),
        "-?[1-9][0-9]{15,60}".prop_map(|d| Integer::from_decimal(&d).unwrap())
    ];
    (exponent, mantissa).prop_map(|(exponent, mantissa)| {
        Value::Tag(
            4,
            Box::new(Value::Array(vec![
                Value::from(exponent),
                Value::from(mantissa),
            ])),
        )
    })
}
