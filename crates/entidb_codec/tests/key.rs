//! Index keys are ordered as the values are: against an oracle that knows values and no keys.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(dead_code, reason = "not every test file uses all of the strategies")]

mod common;
mod oracle_order;

use std::cmp::Ordering;

use entidb_codec::key::{self, Case, KeyError, KeyValue, Kind};
use entidb_codec::{Fault, Integer, Value, encode};
use num_bigint::BigInt;
use oracle_order::{Rank, rank};
use proptest::prelude::*;

fn key_of(value: &Value) -> Vec<u8> {
    let mut key = Vec::new();
    key::push(&mut key, &encode(value).unwrap(), Case::Sensitive).unwrap();
    let mut of_value = Vec::new();
    key::push_value(&mut of_value, value, Case::Sensitive).unwrap();
    assert_eq!(key, of_value, "{value:?}");
    key
}

/// Numbers that lie close together, so that pairs of them tell exact from rounded.
fn numbers() -> impl Strategy<Value = Value> {
    let near_powers =
        (0_u32..1030, -2_i32..=2, any::<bool>()).prop_map(|(bits, more, negative)| {
            let near = (BigInt::from(1) << bits) + more;
            Value::from(if negative { -near } else { near })
        });
    let floats_near_powers =
        (-1074_i32..1024, -2_i64..=2, any::<bool>()).prop_map(|(exponent, more, negative)| {
            let float = f64::powi(2.0, exponent);
            let near = f64::from_bits(float.to_bits().saturating_add_signed(more));
            Value::Float(if negative { -near } else { near })
        });
    prop_oneof![
        near_powers,
        floats_near_powers,
        any::<i64>().prop_map(Value::from),
        any::<i64>().prop_map(|integer| Value::Float(integer as f64)),
        (-300_i32..300).prop_map(Value::from),
        (-3000_i32..3000).prop_map(|n| Value::Float(f64::from(n) / 8.0)),
        any::<u64>().prop_map(|bits| Value::Float(f64::from_bits(bits))),
        any::<i128>().prop_map(Value::from),
        (any::<u8>(), 0_u32..1200, any::<bool>()).prop_map(|(head, zeros, negative)| {
            let integer = BigInt::from(head) << zeros;
            Value::from(if negative { -integer } else { integer })
        }),
        prop::sample::select(vec![
            0.0,
            -0.0,
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
            f64::MAX
        ])
        .prop_map(Value::Float),
    ]
}

/// Texts and byte strings with the bytes that are escaped, and with common beginnings.
fn strings() -> impl Strategy<Value = Value> {
    prop_oneof![
        "[\\x00\\x01\\x02a]{0,6}".prop_map(Value::from),
        "[a-z\\x00é😀\u{e000}]{0,5}".prop_map(Value::from),
        prop::collection::vec(prop_oneof![0_u8..4, 253_u8..], 0..6).prop_map(Value::from),
    ]
}

fn dates() -> impl Strategy<Value = Value> {
    let number = prop_oneof![
        numbers(),
        (-4_000_000_i32..4_000_000).prop_map(|n| Value::Float(f64::from(n) / 1024.0)),
        (-3_i64..3, 0_i64..3).prop_map(|(s, n)| Value::Float(s as f64 + n as f64 * 1e-9)),
    ];
    let text = (
        prop_oneof![0_u32..10_000, 1968_u32..1972],
        (1_u32..=12, 1_u32..=28, 0_u32..24, 0_u32..60, 0_u32..=60),
        prop_oneof!["", "\\.[0-9]{1,12}"],
        prop_oneof!["Z", "[+-](0[0-9]|1[0-9]|2[0-3]):[0-5][0-9]"],
    )
        .prop_map(|(year, (month, day, hour, minute, second), fraction, zone)| {
            Value::from(format!(
                "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}{zone}"
            ))
        });
    prop_oneof![
        number.prop_map(|number| Value::Tag(1, Box::new(number))),
        text.prop_map(|text| Value::Tag(0, Box::new(text))),
        strings().prop_map(|no_date| Value::Tag(0, Box::new(no_date))),
    ]
}

fn values() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => numbers(),
        2 => strings(),
        2 => dates(),
        2 => common::values(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn numbers_are_ordered_by_exact_value(a in numbers(), b in numbers()) {
        prop_assert_eq!(key_of(&a).cmp(&key_of(&b)), rank(&a).cmp(&rank(&b)), "{:?} {:?}", a, b);
    }

    #[test]
    fn a_number_and_its_neighbours_are_told_apart(integer in any::<i128>(), shift in 0_u32..127) {
        let integer = integer >> shift;
        let float = integer as f64;
        let (down, up) = (float.next_down(), float.next_up());
        let values = [Value::from(integer), Value::from(integer + 1), Value::Float(float),
            Value::Float(down), Value::Float(up)];
        for a in &values {
            for b in &values {
                prop_assert_eq!(key_of(a).cmp(&key_of(b)), rank(a).cmp(&rank(b)), "{:?} {:?}", a, b);
            }
        }
    }

    #[test]
    fn dates_are_ordered_by_instant(a in dates(), b in dates()) {
        prop_assert_eq!(key_of(&a).cmp(&key_of(&b)), rank(&a).cmp(&rank(&b)), "{:?} {:?}", a, b);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn keys_of_all_values_are_ordered_as_stated_and_none_begins_another(
        values in prop::collection::vec(values(), 2..20)
    ) {
        let mut keys: Vec<(Vec<u8>, Rank)> =
            values.iter().map(|value| (key_of(value), rank(value))).collect();
        keys.push((absent(), Rank::Absent));
        for (a, a_rank) in &keys {
            prop_assert!(!matches!(a[0], 0x00 | 0xff));
            for (b, b_rank) in &keys {
                prop_assert_eq!(a.cmp(b), a_rank.cmp(b_rank), "{:?} {:?}", a_rank, b_rank);
                prop_assert!(a == b || !a.starts_with(b), "{:02x?} begins {:02x?}", b, a);
            }
        }
    }

    #[test]
    fn keys_one_behind_the_other_are_ordered_as_tuples(
        a in prop::collection::vec(values(), 0..4),
        b in prop::collection::vec(values(), 0..4),
        common in prop::collection::vec(values(), 0..3),
    ) {
        let tuple = |values: &[Value]| [&common[..], values].concat();
        let (a, b) = (tuple(&a), tuple(&b));
        let key = |values: &[Value]| values.iter().flat_map(key_of).collect::<Vec<u8>>();
        let ranks = |values: &[Value]| values.iter().map(rank).collect::<Vec<_>>();
        prop_assert_eq!(key(&a).cmp(&key(&b)), ranks(&a).cmp(&ranks(&b)));
    }

    #[test]
    fn a_key_gives_back_a_value_that_has_it(value in values(), behind in any::<[u8; 3]>()) {
        let key = key_of(&value);
        let (KeyValue::Value(back), len) = key::decode(&key).unwrap() else {
            panic!("{value:?} was there");
        };
        prop_assert_eq!(len, key.len());
        prop_assert_eq!(key_of(&back), key.clone());
        prop_assert_eq!(rank(&back), rank(&value));
        prop_assert_eq!(Kind::of(&key).unwrap(), rank(&value).kind());
        match &value {
            Value::Float(float) if float.is_finite() && float.fract() != 0.0 => {
                prop_assert_eq!(&back, &value);
            }
            Value::Float(float) if float.is_finite() => prop_assert!(back.as_integer().is_some()),
            Value::Tag(0 | 1, _) => {}
            _ => prop_assert_eq!(&back, &value),
        }
        let longer = [&key[..], &behind].concat();
        prop_assert_eq!(key::decode(&longer).unwrap(), (KeyValue::Value(back), len));
        prop_assert_eq!(key::item_len(&longer), Ok(len));
        for len in 0..key.len() {
            prop_assert!(key::decode(&key[..len]).is_err());
            prop_assert!(key::item_len(&key[..len]).is_err());
        }
    }

    #[test]
    fn all_keys_of_a_kind_lie_within_its_first_bytes(value in values()) {
        let key = key_of(&value);
        let bytes = Kind::of(&key).unwrap().first_bytes();
        prop_assert!(key.as_slice() >= &[bytes.start][..] && key.as_slice() < &[bytes.end][..]);
    }

    #[test]
    fn a_prefix_bounds_the_texts_that_begin_with_it(
        start in "[\\x00\\x01aAéÉ\u{10ffff}]{0,3}", text in "[\\x00\\x01aAbéÉ\u{10ffff}]{0,5}",
        together in any::<bool>(),
    ) {
        let text = if together { format!("{start}{text}") } else { text };
        for case in [Case::Sensitive, Case::Insensitive] {
            let lower = |text: &str| match case {
                Case::Sensitive => text.to_owned(),
                Case::Insensitive => text.to_lowercase(),
            };
            let (from, to) = key::prefix_bounds(&start, case);
            let mut key = Vec::new();
            key::push_value(&mut key, &Value::from(text.as_str()), case).unwrap();
            let within = from <= key && key < to;
            prop_assert_eq!(within, lower(&text).starts_with(&lower(&start)));
            prop_assert_eq!(key.starts_with(&from), within);
        }
    }

    #[test]
    fn without_case_texts_are_ordered_by_their_folded_letters(
        a in "[a-cA-CäÄςΣσ\\x00]{0,4}", b in "[a-cA-CäÄςΣσ\\x00]{0,4}",
    ) {
        let key = |text: &str| {
            let mut key = Vec::new();
            let item = encode(&Value::from(text)).unwrap();
            key::push(&mut key, &item, Case::Insensitive).unwrap();
            key
        };
        let folded = |text: &str| text.replace(['ς', 'Σ'], "σ").to_lowercase();
        prop_assert_eq!(key(&a).cmp(&key(&b)), folded(&a).cmp(&folded(&b)));
        prop_assert_eq!(
            key::decode(&key(&a)).unwrap().0,
            KeyValue::Value(Value::from(a.chars().map(|char| folded(&char.to_string())).collect::<String>()))
        );
    }

    #[test]
    fn what_is_no_canonical_item_gives_no_key(value in common::values(), behind in any::<u8>()) {
        let mut bytes = encode(&value).unwrap();
        let mut out = b"before".to_vec();
        for len in 0..bytes.len() {
            key::push(&mut out, &bytes[..len], Case::Sensitive).unwrap_err();
        }
        bytes.push(behind);
        key::push(&mut out, &bytes, Case::Sensitive).unwrap_err();
        prop_assert_eq!(out, b"before");
    }
}

/// Bytes that look like keys.
fn almost_keys() -> impl Strategy<Value = Vec<u8>> {
    let noise = prop::collection::vec(
        prop_oneof![3 => any::<u8>(), 1 => 0_u8..4, 1 => 0xfc_u8..],
        0..24,
    );
    let first = prop_oneof![
        0x36_u8..0x4d,
        Just(0x58),
        Just(0x60),
        Just(0x68),
        Just(0x70),
        any::<u8>()
    ];
    prop_oneof![
        (first, noise.clone()).prop_map(|(first, mut noise)| {
            noise.insert(0, first);
            noise
        }),
        (0x36_u8..0x4d, noise).prop_map(|(number, mut noise)| {
            noise.splice(..0, [0x60, number]);
            noise
        }),
        (values(), any::<u16>()).prop_map(|(value, flip)| {
            let mut key = key_of(&value);
            let bit = usize::from(flip) % (key.len() * 8);
            key[bit / 8] ^= 1 << (bit % 8);
            key
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(50_000))]

    #[test]
    fn only_what_would_have_been_written_is_read(bytes in almost_keys()) {
        let len = key::item_len(&bytes);
        if let Ok((value, taken)) = key::decode(&bytes) {
            prop_assert_eq!(len, Ok(taken));
            let again = match &value {
                KeyValue::Absent => absent(),
                KeyValue::Value(value) => key_of(value),
            };
            prop_assert_eq!(again, &bytes[..taken]);
        }
        let _ = key::push(&mut Vec::new(), &bytes, Case::Insensitive);
    }
}

fn absent() -> Vec<u8> {
    let mut key = Vec::new();
    key::push_absent(&mut key);
    key
}

#[test]
fn a_short_key_that_claims_a_long_number_allocates_nothing() {
    let key = [0x49, 0xff, 0xff, 0xff, 0xff, 0x80, 0x00];
    assert_eq!(key::decode(&key), Err(KeyError::Damaged { offset: 0 }));
    let mut long = Vec::new();
    let power = BigInt::from(1) << 80_000;
    key::push_value(&mut long, &Value::from(power), Case::Sensitive).unwrap();
    assert!(long.len() > 10_000);
    assert!(key::decode(&long).is_ok());
    assert!(key::is_long(long.len()) && !key::is_long(key::KEY_LEN_MAX));
}

#[test]
fn deep_and_broken_items_are_errors() {
    let deep = vec![0x81; 1_000_000];
    let error = key::push(&mut Vec::new(), &deep, Case::Sensitive).unwrap_err();
    assert!(matches!(error, KeyError::Item(error) if error.fault == Fault::TooDeep));
    let unsorted = [0xa2, 0x02, 0x00, 0x01, 0x00];
    let error = key::push(&mut Vec::new(), &unsorted, Case::Sensitive).unwrap_err();
    assert!(matches!(error, KeyError::Item(error) if error.fault == Fault::UnsortedKeys));
    let error = key::push_value(&mut Vec::new(), &Value::Simple(20), Case::Sensitive).unwrap_err();
    assert!(matches!(error, KeyError::Value(_)));
}

#[test]
fn small_values_have_small_keys() {
    let len = |value: Value| key_of(&value).len();
    assert_eq!(len(Value::from(0)), 1);
    assert_eq!(len(Value::from(127)), 2);
    assert_eq!(len(Value::from(-30_000)), 3);
    assert_eq!(len(Value::from(u64::MAX)), 9);
    assert_eq!(len(Value::from(0.1)), 10);
    assert_eq!(len(Value::from(1e300)), 14);
    assert_eq!(len(Value::from("abc")), 5);
    assert_eq!(len(Value::Tag(1, Box::new(Value::from(1_800_000_000)))), 10);
}

#[test]
fn one_order_from_absent_to_arrays() {
    let integer = |text: &str| Value::from(Integer::from_decimal(text).unwrap());
    let ascending = [
        Value::Null,
        Value::Undefined,
        Value::from(false),
        Value::from(true),
        Value::Float(f64::NEG_INFINITY),
        integer("-100000000000000000000000000000000000000000"),
        integer("-18446744073709551616"),
        Value::from(-1.5),
        Value::from(-1),
        Value::from(0),
        Value::from(5e-324),
        Value::from(0.1),
        Value::from(1),
        Value::from(1.5),
        Value::from(9_007_199_254_740_992.0),
        Value::from(9_007_199_254_740_993_i64),
        Value::from(u64::MAX),
        Value::from(18_446_744_073_709_551_616.0),
        integer("18446744073709551617"),
        Value::from(f64::MAX),
        Value::Float(f64::INFINITY),
        Value::Float(f64::NAN),
        Value::from(""),
        Value::from("Z"),
        Value::from("a"),
        Value::from("a\0"),
        Value::from("a\u{1}"),
        Value::from("aa"),
        Value::from("\u{ffff}"),
        Value::from("\u{10000}"),
        Value::Tag(0, Box::new(Value::from("1969-12-31T23:59:59Z"))),
        Value::Tag(1, Box::new(Value::from(0))),
        Value::Tag(0, Box::new(Value::from("1970-01-01T00:00:00.5Z"))),
        Value::Tag(1, Box::new(Value::from(1))),
        Value::Bytes(vec![]),
        Value::Bytes(vec![0]),
        Value::Bytes(vec![0, 0]),
        Value::Bytes(vec![1]),
        Value::Array(vec![]),
        Value::Array(vec![Value::Null]),
        Value::Map(vec![]),
        Value::Tag(0, Box::new(Value::from("yesterday"))),
        Value::Simple(255),
    ];
    let keys: Vec<Vec<u8>> = [absent()]
        .into_iter()
        .chain(ascending.iter().map(key_of))
        .collect();
    for (index, pair) in keys.windows(2).enumerate() {
        assert_eq!(
            pair[0].cmp(&pair[1]),
            Ordering::Less,
            "{:?}",
            ascending[index]
        );
    }
    assert_eq!(key_of(&Value::from(-0.0)), key_of(&Value::from(0)));
    assert_eq!(
        key_of(&Value::from(1e23)),
        key_of(&integer("99999999999999991611392"))
    );
    assert_eq!(
        key_of(&Value::Tag(
            0,
            Box::new(Value::from("2024-02-29T12:00:00+02:00"))
        )),
        key_of(&Value::Tag(1, Box::new(Value::from(1_709_200_800.0)))),
    );
}
