//! All examples of RFC 8949 appendix A: those in deterministic encoding are taken and come back
//! byte for byte, the others are refused by the name of their fault. Then what the appendix does
//! not have: one example at least for each fault.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use entidb_codec::{DecodeError, Fault, Integer, Value, decode, encode, validate};

fn hex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

fn integer(digits: &str) -> Value {
    Value::Integer(Integer::from_decimal(digits).unwrap())
}

fn array<const N: usize>(items: [Value; N]) -> Value {
    Value::Array(items.into())
}

fn int(integer: i64) -> Value {
    Value::from(integer)
}

fn text(text: &str) -> Value {
    Value::from(text)
}

fn tag(number: u64, content: Value) -> Value {
    Value::Tag(number, Box::new(content))
}

fn deterministic() -> Vec<(&'static str, Value)> {
    vec![
        ("00", int(0)),
        ("01", int(1)),
        ("0a", int(10)),
        ("17", int(23)),
        ("1818", int(24)),
        ("1819", int(25)),
        ("1864", int(100)),
        ("1903e8", int(1000)),
        ("1a000f4240", int(1_000_000)),
        ("1b000000e8d4a51000", int(1_000_000_000_000)),
        ("1bffffffffffffffff", integer("18446744073709551615")),
        ("c249010000000000000000", integer("18446744073709551616")),
        ("3bffffffffffffffff", integer("-18446744073709551616")),
        ("c349010000000000000000", integer("-18446744073709551617")),
        ("20", int(-1)),
        ("29", int(-10)),
        ("3863", int(-100)),
        ("3903e7", int(-1000)),
        ("f90000", Value::Float(0.0)),
        ("f98000", Value::Float(-0.0)),
        ("f93c00", Value::Float(1.0)),
        ("fb3ff199999999999a", Value::Float(1.1)),
        ("f93e00", Value::Float(1.5)),
        ("f97bff", Value::Float(65504.0)),
        ("fa47c35000", Value::Float(100_000.0)),
        ("fa7f7fffff", Value::Float(3.402_823_466_385_288_6e38)),
        ("fb7e37e43c8800759c", Value::Float(1.0e300)),
        ("f90001", Value::Float(5.960_464_477_539_063e-8)),
        ("f90400", Value::Float(0.000_061_035_156_25)),
        ("f9c400", Value::Float(-4.0)),
        ("fbc010666666666666", Value::Float(-4.1)),
        ("f97c00", Value::Float(f64::INFINITY)),
        ("f97e00", Value::Float(f64::NAN)),
        ("f9fc00", Value::Float(f64::NEG_INFINITY)),
        ("f4", Value::Bool(false)),
        ("f5", Value::Bool(true)),
        ("f6", Value::Null),
        ("f7", Value::Undefined),
        ("f0", Value::Simple(16)),
        ("f8ff", Value::Simple(255)),
        (
            "c074323031332d30332d32315432303a30343a30305a",
            tag(0, text("2013-03-21T20:04:00Z")),
        ),
        ("c11a514b67b0", tag(1, int(1_363_896_240))),
        (
            "c1fb41d452d9ec200000",
            tag(1, Value::Float(1_363_896_240.5)),
        ),
        ("d74401020304", tag(23, Value::Bytes(vec![1, 2, 3, 4]))),
        ("d818456449455446", tag(24, Value::Bytes(b"dIETF".to_vec()))),
        (
            "d82076687474703a2f2f7777772e6578616d706c652e636f6d",
            tag(32, text("http://www.example.com")),
        ),
        ("40", Value::Bytes(vec![])),
        ("4401020304", Value::Bytes(vec![1, 2, 3, 4])),
        ("60", text("")),
        ("6161", text("a")),
        ("6449455446", text("IETF")),
        ("62225c", text("\"\\")),
        ("62c3bc", text("\u{fc}")),
        ("63e6b0b4", text("\u{6c34}")),
        ("64f0908591", text("\u{10151}")),
        ("80", array([])),
        ("83010203", array([int(1), int(2), int(3)])),
        (
            "8301820203820405",
            array([int(1), array([int(2), int(3)]), array([int(4), int(5)])]),
        ),
        (
            "98190102030405060708090a0b0c0d0e0f101112131415161718181819",
            (1..=25).map(int).collect(),
        ),
        ("a0", Value::Map(vec![])),
        ("a201020304", [(1, 2), (3, 4)].into_iter().collect()),
        (
            "a26161016162820203",
            Value::from([("a", int(1)), ("b", array([int(2), int(3)]))]),
        ),
        (
            "826161a161626163",
            array([text("a"), Value::from([("b", "c")])]),
        ),
        (
            "a56161614161626142616361436164614461656145",
            Value::from([("a", "A"), ("b", "B"), ("c", "C"), ("d", "D"), ("e", "E")]),
        ),
    ]
}

/// The appendix's examples that are not in deterministic encoding.
const OTHERS: &[(&str, usize, Fault)] = &[
    ("fa7f800000", 0, Fault::NonShortestFloat),
    ("fa7fc00000", 0, Fault::NonShortestFloat),
    ("faff800000", 0, Fault::NonShortestFloat),
    ("fb7ff0000000000000", 0, Fault::NonShortestFloat),
    ("fb7ff8000000000000", 0, Fault::NonShortestFloat),
    ("fbfff0000000000000", 0, Fault::NonShortestFloat),
    ("5f42010243030405ff", 0, Fault::IndefiniteLength),
    ("7f657374726561646d696e67ff", 0, Fault::IndefiniteLength),
    ("9fff", 0, Fault::IndefiniteLength),
    ("9f018202039f0405ffff", 0, Fault::IndefiniteLength),
    ("9f01820203820405ff", 0, Fault::IndefiniteLength),
    ("83018202039f0405ff", 5, Fault::IndefiniteLength),
    ("83019f0203ff820405", 2, Fault::IndefiniteLength),
    (
        "9f0102030405060708090a0b0c0d0e0f101112131415161718181819ff",
        0,
        Fault::IndefiniteLength,
    ),
    ("bf61610161629f0203ffff", 0, Fault::IndefiniteLength),
    ("826161bf61626163ff", 3, Fault::IndefiniteLength),
    ("bf6346756ef563416d7421ff", 0, Fault::IndefiniteLength),
];

/// Beyond the appendix: each fault, in each of its shapes.
const FAULTS: &[(&str, usize, Fault)] = &[
    ("", 0, Fault::Truncated),
    ("19", 0, Fault::Truncated),
    ("1903", 0, Fault::Truncated),
    ("820119", 2, Fault::Truncated),
    ("a1616101a0", 4, Fault::TrailingBytes),
    ("c1", 1, Fault::Truncated),
    ("c2", 1, Fault::Truncated),
    ("62c3", 0, Fault::LengthBeyondInput),
    ("820141", 2, Fault::LengthBeyondInput),
    ("8301", 0, Fault::LengthBeyondInput),
    ("a200f600", 0, Fault::LengthBeyondInput),
    ("5bffffffffffffffff00", 0, Fault::LengthBeyondInput),
    ("9bffffffffffffffff00", 0, Fault::LengthBeyondInput),
    ("bbffffffffffffffff00", 0, Fault::LengthBeyondInput),
    ("c25a00ffffff", 1, Fault::LengthBeyondInput),
    ("0000", 1, Fault::TrailingBytes),
    ("1c", 0, Fault::ReservedInfo),
    ("5d", 0, Fault::ReservedInfo),
    ("9e", 0, Fault::ReservedInfo),
    ("fc", 0, Fault::ReservedInfo),
    ("1f", 0, Fault::ReservedInfo),
    ("3f", 0, Fault::ReservedInfo),
    ("df00", 0, Fault::ReservedInfo),
    ("81ff", 1, Fault::StopCode),
    ("1817", 0, Fault::NonShortestHead),
    ("1900ff", 0, Fault::NonShortestHead),
    ("1a0000ffff", 0, Fault::NonShortestHead),
    ("1b00000000ffffffff", 0, Fault::NonShortestHead),
    ("3817", 0, Fault::NonShortestHead),
    ("580100", 0, Fault::NonShortestHead),
    ("780161", 0, Fault::NonShortestHead),
    ("980100", 0, Fault::NonShortestHead),
    ("b8010000", 0, Fault::NonShortestHead),
    ("d80100", 0, Fault::NonShortestHead),
    ("d8024101", 0, Fault::NonShortestHead),
    ("fa3f800000", 0, Fault::NonShortestFloat),
    ("fa33800000", 0, Fault::NonShortestFloat),
    ("fb3ff0000000000000", 0, Fault::NonShortestFloat),
    ("fb3fb99999a0000000", 0, Fault::NonShortestFloat),
    ("f97e01", 0, Fault::NanPayload),
    ("f9fe00", 0, Fault::NanPayload),
    ("f97d00", 0, Fault::NanPayload),
    ("fa7fc00001", 0, Fault::NanPayload),
    ("faffc00000", 0, Fault::NanPayload),
    ("fb7ff8000000000001", 0, Fault::NanPayload),
    ("fbfff8000000000000", 0, Fault::NanPayload),
    ("c240", 0, Fault::NonShortestBignum),
    ("c24101", 0, Fault::NonShortestBignum),
    ("c348ffffffffffffffff", 0, Fault::NonShortestBignum),
    ("c2490001ffffffffffffff", 0, Fault::NonShortestBignum),
    ("c24a00010000000000000000", 0, Fault::NonShortestBignum),
    ("c200", 0, Fault::BignumContent),
    ("c36161", 0, Fault::BignumContent),
    ("c2c24101", 0, Fault::BignumContent),
    ("61ff", 0, Fault::BadUtf8),
    ("62c328", 0, Fault::BadUtf8),
    ("63eda080", 0, Fault::BadUtf8),
    ("62c080", 0, Fault::BadUtf8),
    ("f800", 0, Fault::ReservedSimple),
    ("f818", 0, Fault::ReservedSimple),
    ("f81f", 0, Fault::ReservedSimple),
    ("a200000000", 3, Fault::DuplicateKey),
    ("a2616101616102", 4, Fault::DuplicateKey),
    ("a201000000", 3, Fault::UnsortedKeys),
    ("a2616201616102", 4, Fault::UnsortedKeys),
    ("a262616101616202", 5, Fault::UnsortedKeys),
    ("a2f6002000", 3, Fault::UnsortedKeys),
];

#[test]
fn the_deterministic_examples_round_trip() {
    for (bytes, value) in deterministic() {
        let encoded = hex(bytes);
        assert_eq!(decode(&encoded).unwrap(), value, "{bytes}");
        assert_eq!(encode(&value).unwrap(), encoded, "{bytes}");
        validate(&encoded).unwrap();
    }
}

#[test]
fn the_other_examples_are_refused_by_the_name_of_their_fault() {
    assert_eq!(
        deterministic().len() + OTHERS.len(),
        81,
        "the appendix has 81 examples"
    );
    refused(OTHERS);
}

#[test]
fn each_fault_has_its_name_and_place() {
    refused(FAULTS);
}

fn refused(cases: &[(&str, usize, Fault)]) {
    for &(bytes, offset, fault) in cases {
        let encoded = hex(bytes);
        let expected = DecodeError { offset, fault };
        assert_eq!(decode(&encoded).unwrap_err(), expected, "{bytes}");
        assert_eq!(validate(&encoded).unwrap_err(), expected, "{bytes}");
    }
}

#[test]
fn the_canonical_nan_comes_from_every_nan() {
    for bits in [
        0x7ff8_0000_0000_0000,
        0xfff8_0000_0000_0001,
        0x7ff0_0000_0000_0001,
    ] {
        assert_eq!(
            encode(&Value::Float(f64::from_bits(bits))).unwrap(),
            [0xf9, 0x7e, 0x00]
        );
    }
}
