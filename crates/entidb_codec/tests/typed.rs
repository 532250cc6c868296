//! Rust types to canonical CBOR and back.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(dead_code, reason = "not every test file uses all of the strategies")]

mod common;

use std::collections::{BTreeMap, HashMap};

use entidb_codec::{
    EncodeError, Fault, Integer, NESTING_MAX, Tagged, Value, decode, encode, from_slice,
    from_slice_with, from_value, json, object, serialize_to, to_value, to_vec, to_vec_without,
    validate,
};
use proptest::prelude::*;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize, Serializer};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Everything {
    id: u64,
    name: String,
    small: (i8, i16, i32, i64, u8, u16, u32),
    huge: (i128, u128),
    real: (f32, f64),
    letter: char,
    flag: bool,
    nothing: (),
    unit: Unit,
    wrapped: Wrapped,
    pair: Pair,
    maybe: Option<Box<Everything>>,
    shapes: Vec<Shape>,
    #[serde(with = "serde_bytes")]
    bytes: Vec<u8>,
    numbers: Vec<u8>,
    by_number: BTreeMap<i32, String>,
    by_name: HashMap<String, i64>,
    by_pair: BTreeMap<(u8, String), Option<bool>>,
    by_shape: BTreeMap<Kind, u8>,
    any: Value,
    #[serde(rename = "a longer name, with blanks and more than twenty-three bytes")]
    renamed: Tagged<1, i64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    skipped: Option<u8>,
    integer: Integer,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Unit;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Wrapped(String);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Pair(i64, Wrapped);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum Kind {
    Big,
    Tiny,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Shape {
    Point,
    Circle(f64),
    Line(i32, i32),
    Rectangle { width: u32, height: u32 },
    Nested(Box<Shape>),
    Group(Vec<Shape>),
    Wrapped(Option<Kind>),
}

fn shapes() -> impl Strategy<Value = Shape> {
    let leaf = prop_oneof![
        Just(Shape::Point),
        (-1e9..1e9_f64).prop_map(Shape::Circle),
        any::<(i32, i32)>().prop_map(|(a, b)| Shape::Line(a, b)),
        any::<(u32, u32)>().prop_map(|(width, height)| Shape::Rectangle { width, height }),
        prop::sample::select(vec![None, Some(Kind::Big), Some(Kind::Tiny)])
            .prop_map(Shape::Wrapped),
    ];
    leaf.prop_recursive(4, 12, 4, |inner| {
        prop_oneof![
            inner
                .clone()
                .prop_map(|shape| Shape::Nested(Box::new(shape))),
            prop::collection::vec(inner, 0..4).prop_map(Shape::Group),
        ]
    })
}

fn flat() -> impl Strategy<Value = Everything> {
    let scalars = (
        any::<u64>(),
        any::<String>(),
        any::<(i8, i16, i32, i64, u8, u16, u32)>(),
        any::<(i128, u128)>(),
        (
            -1e9..1e9_f32,
            prop_oneof![-1e9..1e9_f64, Just(f64::INFINITY), Just(-0.0)],
        ),
        any::<char>(),
        any::<bool>(),
        (any::<String>(), any::<i64>(), any::<String>()),
    );
    let collections = (
        prop::collection::vec(shapes(), 0..4),
        prop::collection::vec(any::<u8>(), 0..40),
        prop::collection::btree_map(any::<i32>(), any::<String>(), 0..6),
        prop::collection::hash_map(any::<String>(), any::<i64>(), 0..40),
        prop::collection::btree_map(any::<(u8, String)>(), any::<Option<bool>>(), 0..4),
        prop::collection::btree_map(
            prop::sample::select(vec![Kind::Big, Kind::Tiny]),
            any::<u8>(),
            0..3,
        ),
    );
    let rest = (
        common::values(),
        any::<i64>(),
        any::<Option<u8>>(),
        "-?[1-9][0-9]{0,60}",
    );
    (scalars, collections, rest).prop_map(|(scalars, collections, rest)| {
        let (id, name, small, huge, real, letter, flag, (wrapped, left, right)) = scalars;
        let (shapes, bytes, by_number, by_name, by_pair, by_shape) = collections;
        let (any, seconds, skipped, integer) = rest;
        Everything {
            id,
            name,
            small,
            huge,
            real,
            letter,
            flag,
            nothing: (),
            unit: Unit,
            wrapped: Wrapped(wrapped),
            pair: Pair(left, Wrapped(right)),
            maybe: None,
            shapes,
            numbers: bytes.clone(),
            bytes,
            by_number,
            by_name,
            by_pair,
            by_shape,
            any,
            renamed: Tagged(seconds),
            skipped,
            integer: Integer::from_decimal(&integer).unwrap(),
        }
    })
}

fn everything() -> impl Strategy<Value = Everything> {
    (flat(), prop::option::of(flat())).prop_map(|(mut outer, inner)| {
        outer.maybe = inner.map(Box::new);
        outer
    })
}

/// The bytes, after looking at them from all sides.
#[track_caller]
fn check<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(value: &T) -> Vec<u8> {
    let bytes = to_vec(value).unwrap();
    validate(&bytes).unwrap();
    assert_eq!(&from_slice::<T>(&bytes).unwrap(), value);
    let decoded = to_value(value).unwrap();
    assert_eq!(encode(&decoded).unwrap(), bytes);
    assert_eq!(&from_value::<T>(&decoded).unwrap(), value);
    let mut appended = b"before".to_vec();
    serialize_to(value, &mut appended).unwrap();
    assert_eq!(&appended[6..], bytes);
    bytes
}

#[track_caller]
fn hex<T: Serialize + ?Sized>(value: &T) -> String {
    let bytes = to_vec(value).unwrap();
    validate(&bytes).unwrap();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn every_type_comes_back_and_its_bytes_are_canonical(value in everything()) {
        check(&value);
    }

    #[test]
    fn what_a_type_takes_is_canonical(value in flat(), flips in any::<[u32; 32]>()) {
        let bytes = to_vec(&value).unwrap();
        for flip in flips {
            let mut bytes = bytes.clone();
            let bit = flip as usize % (bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            if from_slice::<Everything>(&bytes).is_ok() {
                prop_assert_eq!(validate(&bytes), Ok(()));
            }
        }
        for len in 0..bytes.len() {
            prop_assert!(from_slice::<Everything>(&bytes[..len]).is_err());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn values_through_serde_are_the_values(value in common::values()) {
        let bytes = encode(&value).unwrap();
        prop_assert_eq!(&check(&value), &bytes);
        prop_assert_eq!(check(&vec![value.clone()])[1..].to_vec(), bytes);
    }

    #[test]
    fn serde_judges_bytes_as_the_decoder_does(value in common::values(), flip in any::<u32>()) {
        let mut bytes = encode(&value).unwrap();
        let bit = flip as usize % (bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        agree(&bytes);
    }

    #[test]
    fn values_go_through_json_of_others(
        map in prop::collection::btree_map("[a-z]{0,8}", json_values(), 0..6)
    ) {
        let value: Value = map.into_iter().collect();
        let text = serde_json::to_string(&value).unwrap();
        prop_assert_eq!(&serde_json::from_str::<Value>(&text).unwrap(), &value);
        prop_assert_eq!(&json::to_value(text.as_bytes()).unwrap(), &value);
    }

    #[test]
    fn a_field_is_left_out_and_filled_in(value in everything(), field in fields()) {
        let mut bytes = to_vec(&value).unwrap();
        let without = to_vec_without(&value, field).unwrap();
        let item = object::take(&mut bytes, field);
        prop_assert_eq!(&without, &bytes);
        match item {
            Some(item) => {
                let back: Everything = from_slice_with(&without, field, &item).unwrap();
                prop_assert_eq!(back, value.clone());
                let as_value: Value = from_slice_with(&without, field, &item).unwrap();
                prop_assert_eq!(as_value, to_value(&value).unwrap());
            }
            None => prop_assert_eq!(from_slice::<Everything>(&without).unwrap(), value),
        }
    }
}

fn fields() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "id",
        "name",
        "shapes",
        "by_number",
        "a longer name, with blanks and more than twenty-three bytes",
        "skipped",
        "not there",
        "",
    ])
}

/// Values that JSON can say with a number, a text, an array or an object.
fn json_values() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1_000_000_i32..1_000_000).prop_map(|n| Value::from(f64::from(n) + 0.25)),
        "\\PC{0,12}".prop_map(Value::from),
        prop::collection::vec(any::<i32>().prop_map(Value::from), 0..5).prop_map(Value::Array),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        agree(&bytes);
        let _ = from_slice_with::<Value>(&bytes, "a", &bytes);
    }
}

/// Serde takes what the decoder takes, and each type takes only that.
fn agree(bytes: &[u8]) {
    let judged = validate(bytes);
    let ignored = from_slice::<IgnoredAny>(bytes).map(drop);
    assert_eq!(
        ignored.map_err(|error| error.decode_error().unwrap()),
        judged
    );
    let value = from_slice::<Value>(bytes);
    assert_eq!(
        value
            .as_ref()
            .map_err(|error| error.decode_error().unwrap()),
        decode(bytes).as_ref().map_err(|error| *error)
    );
    taken::<Everything>(bytes);
    taken::<Shape>(bytes);
    taken::<Vec<Shape>>(bytes);
    taken::<Option<String>>(bytes);
    taken::<HashMap<String, Value>>(bytes);
    taken::<BTreeMap<i64, (u8, i128)>>(bytes);
    taken::<serde_json::Value>(bytes);
    taken::<Untagged>(bytes);
    taken::<Tagged<0, String>>(bytes);
    taken::<(f32, f64)>(bytes);
    taken::<()>(bytes);
    taken::<serde_bytes::ByteBuf>(bytes);
}

fn taken<T: DeserializeOwned>(bytes: &[u8]) {
    if from_slice::<T>(bytes).is_ok() {
        assert_eq!(validate(bytes), Ok(()), "{bytes:02x?}");
    }
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Untagged {
    Number(i64),
    List(Vec<Untagged>),
    Named { name: String },
    Other(BTreeMap<String, Untagged>),
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "content")]
enum Adjacent {
    Unit,
    Pair(u8, u8),
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
enum Internal {
    Unit,
    Named { zz: u8, a: String },
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Flat {
    zebra: u8,
    #[serde(flatten)]
    rest: BTreeMap<String, i64>,
    b: u8,
}

#[test]
fn each_shape_has_its_form() {
    assert_eq!(hex(&Unit), "f6");
    assert_eq!(hex(&Wrapped("a".to_owned())), "6161");
    assert_eq!(hex(&Shape::Point), "65506f696e74");
    assert_eq!(hex(&Shape::Circle(1.5)), "a166436972636c65f93e00");
    assert_eq!(hex(&Shape::Line(1, -1)), "a1644c696e65820120");
    assert_eq!(
        hex(&Shape::Rectangle {
            width: 1,
            height: 2
        }),
        "a16952656374616e676c65a2657769647468016668656967687402"
    );
    assert_eq!(hex(&Some(3_u8)), "03");
    assert_eq!(hex(&None::<u8>), "f6");
    assert_eq!(hex(&u128::MAX), "c250ffffffffffffffffffffffffffffffff");
    assert_eq!(hex(&i128::from(u64::MAX)), "1bffffffffffffffff");
    assert_eq!(hex(&i64::MIN), "3b7fffffffffffffff");
    assert_eq!(
        hex(&(1.0_f32, 1.1_f32, 1.1_f64)),
        "83f93c00fa3f8ccccdfb3ff199999999999a"
    );
    assert_eq!(hex(&f32::NAN), "f97e00");
    assert_eq!(hex(&serde_bytes::Bytes::new(&[1, 2])), "420102");
    assert_eq!(hex(&[1_u8, 2]), "820102");
    assert_eq!(hex(&'é'), "62c3a9");
    assert_eq!(hex("text"), "6474657874");
    assert_eq!(hex(&Tagged::<0, _>("x")), "c06178");
    assert_eq!(
        hex(&BTreeMap::from([(10, 'a'), (-1, 'b'), (100, 'c')])),
        "a30a616118646163206162"
    );
    check(&Adjacent::Unit);
    check(&Adjacent::Pair(1, 2));
    check(&Internal::Unit);
    check(&Internal::Named {
        zz: 1,
        a: String::new(),
    });
    check(&Untagged::List(vec![
        Untagged::Named {
            name: "a".to_owned(),
        },
        Untagged::Number(-1),
    ]));
    check(&Flat {
        zebra: 1,
        b: 2,
        rest: BTreeMap::from([("a".to_owned(), 1), ("zzzzzz".to_owned(), -1)]),
    });
}

/// A map written as a type's own `Serialize` likes.
struct Entries(Vec<(Value, Value)>, Option<usize>);

impl Serialize for Entries {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap;
        let mut map = serializer.serialize_map(self.1)?;
        for (key, value) in &self.0 {
            map.serialize_key(key)?;
            map.serialize_value(value)?;
        }
        map.end()
    }
}

proptest! {
    #[test]
    fn maps_of_any_keys_in_any_order_and_of_unknown_length_are_canonical(
        map in common::objects(common::values()).prop_map(|map| map.into_map().unwrap()).prop_shuffle(),
        announced in prop::option::of(0_usize..40),
    ) {
        let expected = encode(&Value::Map(map.clone())).unwrap();
        let nested = Value::Array(vec![Value::Map(map.clone()), Value::Null]);
        prop_assert_eq!(to_vec(&Entries(map.clone(), announced)).unwrap(), expected);
        let outer = Entries(vec![(nested.clone(), nested.clone())], announced);
        prop_assert_eq!(to_vec(&outer).unwrap(), encode(&Value::Map(outer.0)).unwrap());
        if let Some((key, _)) = map.first() {
            let without = to_vec_without(&Entries(map.clone(), announced), key.as_str().unwrap()).unwrap();
            prop_assert_eq!(without, encode(&Value::Map(map[1..].to_vec())).unwrap());
        }
    }
}

#[test]
fn a_key_twice_is_refused_both_ways() {
    let twice = Entries(
        vec![(Value::from(1), Value::Null), (Value::from(1), Value::Null)],
        None,
    );
    let error = to_vec(&vec![twice]).unwrap_err();
    assert_eq!(error.encode_error(), Some(EncodeError::DuplicateKey));

    #[derive(Serialize)]
    struct Twice {
        a: u8,
        #[serde(rename = "a")]
        b: u8,
    }
    let mut out = b"before".to_vec();
    for _ in 0..2 {
        let error = serialize_to(&Twice { a: 1, b: 2 }, &mut out).unwrap_err();
        assert_eq!(error.encode_error(), Some(EncodeError::DuplicateKey));
        assert_eq!(out, b"before");
    }

    let error = from_slice::<BTreeMap<u8, u8>>(&[0xa2, 1, 1, 1, 2]).unwrap_err();
    assert_eq!(error.decode_error().unwrap().fault, Fault::DuplicateKey);
    let error = from_slice::<BTreeMap<u8, u8>>(&[0xa2, 2, 1, 1, 2]).unwrap_err();
    assert_eq!(error.decode_error().unwrap().fault, Fault::UnsortedKeys);
    let error = from_slice_with::<Value>(b"\xa1\x61a\x01", "a", b"\x01").unwrap_err();
    assert_eq!(error.decode_error().unwrap().fault, Fault::DuplicateKey);
}

#[test]
fn orders_of_many_structs_of_one_size_do_not_mix() {
    macro_rules! structs {
        ($($name:ident { $($field:ident)* })*) => {{
            $(
                #[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
                struct $name { $($field: u8),* }
            )*
            for _ in 0..3 {
                $(check(&$name::default());)*
            }
        }};
    }
    structs! {
        A { c b a } B { a b c } C { ccc bb a } D { a bb ccc } E { bb a ccc } F { c a b } G { aa b a }
        Many { z y x w v u t s r q p o n m l k j i h g f e d c b a aa bb cc dd ee ff gg hh ii jj kk }
        One { a } None {}
    }
}

#[test]
fn a_struct_of_twenty_four_fields_loses_a_byte_of_its_head_with_a_field() {
    let fields = |count: usize| -> BTreeMap<String, usize> {
        (0..count)
            .map(|index| (format!("f{index:02}"), index))
            .collect()
    };
    for count in [1, 23, 24, 25, 255, 256, 257] {
        let without = to_vec_without(&fields(count), &format!("f{:02}", count - 1)).unwrap();
        assert_eq!(without, to_vec(&fields(count - 1)).unwrap());
    }
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Tree {
    Leaf,
    Node(Vec<Tree>),
    Boxed(Box<Option<Tree>>),
}

#[test]
fn nesting_is_taken_to_the_limit_and_not_beyond() {
    // Each level is a map and an array.
    let tree = |levels: usize| (0..levels).fold(Tree::Leaf, |tree, _| Tree::Node(vec![tree]));
    check(&tree(NESTING_MAX / 2));
    let error = to_vec(&tree(NESTING_MAX / 2 + 1)).unwrap_err();
    assert_eq!(error.encode_error(), Some(EncodeError::TooDeep));
    let boxed =
        |levels: usize| (0..levels).fold(Tree::Leaf, |tree, _| Tree::Boxed(Box::new(Some(tree))));
    let bytes = check(&boxed(NESTING_MAX));
    assert!(to_vec(&boxed(NESTING_MAX + 1)).is_err());
    let deeper = [&b"\xa1\x65Boxed"[..], &bytes].concat();
    let error = from_slice::<Tree>(&deeper).unwrap_err();
    assert_eq!(error.decode_error().unwrap().fault, Fault::TooDeep);

    let tags = (0..NESTING_MAX).fold(Value::Null, |value, _| Value::Tag(7, Box::new(value)));
    check(&tags);
    assert!(to_vec(&Value::Tag(7, Box::new(tags.clone()))).is_err());
    assert!(to_vec(&Tagged::<7, _>(tags)).is_err());
}

#[test]
fn a_hundred_thousand_levels_are_an_error_and_no_stack_overflow() {
    let deep = b"\xa1\x64Node\x81".repeat(100_000);
    for error in [
        from_slice::<Tree>(&deep).map(drop),
        from_slice::<Value>(&deep).map(drop),
        from_slice::<IgnoredAny>(&deep).map(drop),
        from_slice::<Untagged>(&deep).map(drop),
        from_slice::<serde_json::Value>(&deep).map(drop),
        from_slice_with::<Value>(&deep, "a", &deep).map(drop),
    ] {
        assert_eq!(
            error.unwrap_err().decode_error().unwrap().fault,
            Fault::TooDeep
        );
    }
}

#[test]
fn errors_name_the_place() {
    #[derive(Debug, Serialize, Deserialize)]
    struct Order {
        customer: Customer,
        lines: Vec<Line>,
    }
    #[derive(Debug, Serialize, Deserialize)]
    struct Customer {
        #[serde(rename = "e.mail")]
        email: String,
    }
    #[derive(Debug, Serialize, Deserialize)]
    struct Line {
        sku: String,
        count: u8,
    }
    let error = |json: &str| {
        from_slice::<Order>(&json::to_cbor(json.as_bytes()).unwrap())
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        error(r#"{"customer":{"e.mail":"a"},"lines":[{"sku":"a","count":1},{"sku":7,"count":1}]}"#),
        "lines[1].sku: invalid type: integer `7`, expected a string (at byte 27)"
    );
    assert_eq!(
        error(r#"{"customer":{"e.mail":"a"},"lines":[{"sku":"a","count":256}]}"#),
        "lines[0].count: invalid value: integer `256`, expected u8 (at byte 21)"
    );
    assert_eq!(
        error(r#"{"customer":{"e.mail":null},"lines":[]}"#),
        "customer.\"e.mail\": invalid type: unit value, expected a string (at byte 25)"
    );
    assert_eq!(
        error(r#"{"customer":{},"lines":[]}"#),
        "customer: missing field `e.mail` (at byte 17)"
    );
    assert_eq!(
        error("7"),
        "invalid type: integer `7`, expected struct Order (at byte 0)"
    );
    let with = from_slice_with::<Order>(b"\xa0", "lines", b"\x81\x61a").unwrap_err();
    assert_eq!(with.path(), "lines[0]");
    let tag = from_slice::<Vec<String>>(b"\x81\xc0\x61a").unwrap_err();
    assert_eq!(
        tag.to_string(),
        "[0]: invalid type: tag 0, which is read as `Tagged` or `Value` alone, expected a string (at byte 1)"
    );
    let torn = from_slice::<Vec<String>>(b"\x82\x61a").unwrap_err();
    assert_eq!(torn.decode_error().unwrap().fault, Fault::Truncated);
}

#[test]
fn only_what_is_the_same_is_read_as_another_type() {
    assert_eq!(
        from_slice::<f64>(b"\x05").unwrap().to_bits(),
        5.0_f64.to_bits()
    );
    assert_eq!(
        from_slice::<f64>(b"\x24").unwrap().to_bits(),
        (-5.0_f64).to_bits()
    );
    assert!(from_slice::<f64>(&encode(&Value::from((1_u64 << 53) + 1)).unwrap()).is_err());
    assert!(from_slice::<u8>(&encode(&Value::from(5.0)).unwrap()).is_err());
    assert!(from_slice::<u64>(&encode(&Value::from(-1)).unwrap()).is_err());
    assert!(from_slice::<i64>(&encode(&Value::from(u64::MAX)).unwrap()).is_err());
    assert!(from_slice::<u128>(&encode(&Value::from(-1)).unwrap()).is_err());
    assert!(from_slice::<String>(b"\x41a").is_err());
    assert!(from_slice::<Vec<u8>>(b"\x41a").is_err());
    assert!(from_slice::<serde_bytes::ByteBuf>(b"\x81\x01").is_err());
    assert!(from_slice::<(u8, u8)>(b"\x83\x01\x01\x01").is_err());
    assert!(from_slice::<(u8, u8)>(b"\x81\x01").is_err());
    assert!(
        from_slice::<Option<u8>>(b"\xf7").is_err(),
        "undefined is not null"
    );
    assert!(from_slice::<Unit>(b"\xf7").is_err());
    assert!(from_slice::<Kind>(b"\xa1\x63Big\xf6").is_err());
    assert!(from_slice::<Shape>(b"\x66Circle").is_err());
    assert!(from_slice::<Shape>(b"\xa0").is_err());
    assert!(from_slice::<Tagged<1, u8>>(b"\xc2\x49\x01\0\0\0\0\0\0\0\0").is_err());
    assert!(from_slice::<Tagged<1, u8>>(b"\x01").is_err());
    assert!(from_slice::<Tagged<1, u8>>(b"\xc0\x01").is_err());
    let error = to_vec(&Tagged::<2, _>(serde_bytes::Bytes::new(&[1; 9]))).unwrap_err();
    assert_eq!(error.encode_error(), Some(EncodeError::BignumTag(2)));
}

#[test]
fn text_and_bytes_are_borrowed() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Borrowed<'a> {
        name: &'a str,
        #[serde(with = "serde_bytes")]
        bytes: &'a [u8],
    }
    let value = Borrowed {
        name: "Ann",
        bytes: &[1, 2],
    };
    let bytes = to_vec(&value).unwrap();
    let back: Borrowed<'_> = from_slice(&bytes).unwrap();
    assert_eq!(back, value);
    assert!(bytes.as_ptr_range().contains(&back.name.as_ptr()));
    let back: Borrowed<'_> =
        from_slice_with(&to_vec_without(&value, "name").unwrap(), "name", b"\x63Ann")
            .map(|b: Borrowed<'_>| Borrowed {
                name: "Ann",
                bytes: if b.bytes == [1, 2] { &[1, 2] } else { &[] },
            })
            .unwrap();
    assert_eq!(back, value);
}

/// Encodes something else while it is being encoded.
struct Within(u8);

impl Serialize for Within {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let inner = match self.0 {
            0 => Vec::new(),
            n => to_vec(&BTreeMap::from([("b", Some(Within(n - 1))), ("a", None)])).unwrap(),
        };
        serializer.serialize_bytes(&inner)
    }
}

struct Panics;

impl Serialize for Panics {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        panic!("on purpose");
    }
}

#[test]
fn an_encoding_within_an_encoding_and_one_that_panicked_disturb_nothing() {
    assert_eq!(
        hex(&BTreeMap::from([("z", Within(1)), ("y", Within(0))])),
        "a2617940617a47a26161f6616240"
    );
    let panicked = std::panic::catch_unwind(|| to_vec(&BTreeMap::from([("a", Panics)])));
    assert!(panicked.is_err());
    check(&Shape::Rectangle {
        width: 1,
        height: 2,
    });
}

#[test]
fn claimed_lengths_make_no_room() {
    // Each array claims all that follows.
    let mut bytes = vec![0x9a, 0x00, 0x0f, 0x00, 0x00];
    bytes.extend(vec![0_u8; 0x000f_0000]);
    assert!(from_slice::<Vec<[u64; 16]>>(&bytes).is_err());
    assert_eq!(from_slice::<Vec<u64>>(&bytes).unwrap().len(), 0x000f_0000);
}

/// Names of all lengths, some with others in between that it does not have, and aliases.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Sparse {
    b: Option<u8>,
    bb: Option<u8>,
    #[serde(alias = "d", alias = "zz")]
    c: Option<u8>,
    fifteen_letters: Option<u8>,
    sixteen_letters_: Option<u8>,
    twenty_three_letters___: Option<u8>,
    twenty_four_letters_____: Option<u8>,
    #[serde(rename = "é")]
    accented: Option<u8>,
    inner: Option<Box<Sparse>>,
}

const SPARSE: [&str; 14] = [
    "b",
    "bb",
    "c",
    "d",
    "zz",
    "fifteen_letters",
    "sixteen_letters_",
    "twenty_three_letters___",
    "twenty_four_letters_____",
    "é",
    "a",
    "unknown",
    "twenty_five_letters______",
    "cc",
];

fn sparse() -> impl Strategy<Value = BTreeMap<&'static str, Value>> {
    let byte = any::<u8>().prop_map(Value::from);
    let level = move || {
        prop::collection::btree_map(prop::sample::select(SPARSE.to_vec()), byte.clone(), 0..12)
    };
    (level(), prop::option::of(level())).prop_map(|(mut outer, inner)| {
        if let Some(inner) = inner {
            outer.insert("inner", inner.into_iter().collect());
        }
        outer
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn fields_that_are_missing_unknown_or_aliased_are_read_as_others_read_them(map in sparse()) {
        let value: Value = map.into_iter().collect();
        let expected = serde_json::from_str::<Sparse>(&json::from_value(&value).unwrap());
        let bytes = encode(&value).unwrap();
        match (from_slice::<Sparse>(&bytes), expected) {
            (Ok(read), Ok(expected)) => prop_assert_eq!(read, expected),
            (Err(read), Err(_)) => prop_assert!(read.decode_error().is_none()),
            (read, expected) => panic!("{read:?} but {expected:?}"),
        }
    }
}

#[test]
fn a_name_that_a_type_has_twice_lets_no_key_pass_that_is() {
    /// Takes any entries of what it says is a struct with these fields.
    #[derive(Debug)]
    struct Loose(Vec<(String, u8)>);

    impl<'de> Deserialize<'de> for Loose {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct Entries;
            impl<'de> serde::de::Visitor<'de> for Entries {
                type Value = Loose;
                fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.write_str("entries")
                }
                fn visit_map<A: serde::de::MapAccess<'de>>(
                    self,
                    mut map: A,
                ) -> Result<Loose, A::Error> {
                    let mut entries = Vec::new();
                    while let Some(entry) = map.next_entry()? {
                        entries.push(entry);
                    }
                    Ok(Loose(entries))
                }
            }
            deserializer.deserialize_struct("Loose", &["b", "a", "b", "a"], Entries)
        }
    }

    assert_eq!(
        from_slice::<Loose>(b"\xa2\x61a\x01\x61b\x02")
            .unwrap()
            .0
            .len(),
        2
    );
    for (bytes, fault) in [
        (b"\xa2\x61a\x01\x61a\x02", Fault::DuplicateKey),
        (b"\xa2\x61b\x01\x61b\x02", Fault::DuplicateKey),
        (b"\xa2\x61b\x01\x61a\x02", Fault::UnsortedKeys),
        (b"\xa2\x61c\x01\x61a\x02", Fault::UnsortedKeys),
    ] {
        // Behind more bytes too, where a key is compared as a block.
        let longer = [&b"\x82"[..], bytes, b"\x78\x20", &[b'x'; 32]].concat();
        for error in [
            from_slice::<Loose>(bytes).map(drop).unwrap_err(),
            from_slice::<(Loose, String)>(&longer)
                .map(drop)
                .unwrap_err(),
        ] {
            assert_eq!(error.decode_error().unwrap().fault, fault);
        }
    }
}
