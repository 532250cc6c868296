//! Bytes and values are one to one: what holds for every value, and for all bytes.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(dead_code, reason = "not every test file uses all of the strategies")]

mod common;

use entidb_codec::{
    DecodeError, EncodeError, Fault, NESTING_MAX, Value, decode, encode, encode_to, object,
    validate,
};
use proptest::prelude::*;

/// `validate` and `decode` agree, and what they take is what `encode` would have written.
fn check(bytes: &[u8]) -> Result<Value, DecodeError> {
    let decoded = decode(bytes);
    match (&decoded, validate(bytes)) {
        (Ok(value), Ok(())) => assert_eq!(encode(value).unwrap(), bytes),
        (Err(decoded), Err(validated)) => assert_eq!(*decoded, validated),
        (decoded, validated) => panic!("{decoded:?} but {validated:?} for {bytes:02x?}"),
    }
    decoded
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn every_value_comes_back_and_its_bytes_are_the_only_ones(value in common::values()) {
        let bytes = encode(&value).unwrap();
        prop_assert_eq!(&check(&bytes).unwrap(), &value);
        let mut appended = b"before".to_vec();
        encode_to(&value, &mut appended).unwrap();
        prop_assert_eq!(&appended[6..], &bytes[..]);
    }

    #[test]
    fn every_prefix_is_an_error(value in common::values()) {
        let bytes = encode(&value).unwrap();
        for len in 0..bytes.len() {
            let fault = check(&bytes[..len]).unwrap_err().fault;
            prop_assert!(matches!(fault, Fault::Truncated | Fault::LengthBeyondInput));
        }
    }

    #[test]
    fn every_bit_flip_is_an_error_or_another_value(value in common::values()) {
        let mut bytes = encode(&value).unwrap();
        for bit in 0..bytes.len() * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            if let Ok(flipped) = check(&bytes) {
                prop_assert_ne!(&flipped, &value);
            }
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
    }

    #[test]
    fn anything_behind_a_value_is_an_error(value in common::values(), byte in any::<u8>()) {
        let mut bytes = encode(&value).unwrap();
        let len = bytes.len();
        bytes.push(byte);
        prop_assert_eq!(
            check(&bytes).unwrap_err(),
            DecodeError { offset: len, fault: Fault::TrailingBytes }
        );
    }

    #[test]
    fn the_order_in_which_a_map_is_built_does_not_count(
        (map, shuffled) in common::objects(common::values())
            .prop_map(|map| map.into_map().unwrap())
            .prop_flat_map(|map| (Just(map.clone()), Just(map).prop_shuffle()))
    ) {
        let (map, shuffled) = (Value::Map(map), Value::Map(shuffled));
        prop_assert_eq!(encode(&map).unwrap(), encode(&shuffled).unwrap());
        prop_assert_eq!(map, shuffled);
    }

    #[test]
    fn object_helpers_agree_with_the_value(map in common::objects(common::values())) {
        let bytes = encode(&map).unwrap();
        let entries = map.as_map().unwrap();
        prop_assert_eq!(object::entries(&bytes).count(), entries.len());
        for (index, (key, value)) in entries.iter().enumerate() {
            let name = key.as_str().unwrap();
            let item = encode(value).unwrap();
            prop_assert_eq!(object::get(&bytes, name), Some(&item[..]));
            let mut rest = bytes.clone();
            prop_assert_eq!(object::take(&mut rest, name), Some(item));
            let mut others = entries.to_vec();
            others.remove(index);
            prop_assert_eq!(rest, encode(&Value::Map(others)).unwrap());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let _ = check(&bytes);
        let _ = entidb_codec::json::from_cbor(&bytes);
        let _ = object::get(&bytes, "a");
        let _ = object::take(&mut bytes.clone(), "a");
        let _ = object::key_text(&bytes);
        let _ = entidb_codec::json::split_id(&mut bytes.clone());
        let _ = entidb_codec::json::write_entity("id", &bytes, &mut Vec::new());
    }

    #[test]
    fn heads_that_claim_much_never_panic(
        heads in prop::collection::vec((0_u8..8, prop_oneof![0_u8..6, 20_u8..32]), 0..40),
        tail in prop::collection::vec(any::<u8>(), 0..16),
    ) {
        let mut bytes: Vec<u8> = heads.iter().map(|(major, info)| major << 5 | info).collect();
        bytes.extend(tail);
        let _ = check(&bytes);
    }
}

#[test]
fn nesting_is_taken_to_the_limit_and_not_beyond() {
    type Wrap = fn(Value) -> Value;
    let wraps: [Wrap; 4] = [
        |inner| Value::Array(vec![inner]),
        |inner| Value::Map(vec![(Value::Null, inner)]),
        |inner| Value::Map(vec![(inner, Value::Null)]),
        |inner| Value::Tag(1, Box::new(inner)),
    ];
    for wrap in wraps {
        let mut value = Value::from(u128::MAX);
        for _ in 0..NESTING_MAX {
            value = wrap(value);
        }
        let mut bytes = encode(&value).unwrap();
        assert_eq!(check(&bytes).unwrap(), value);

        let prefix = encode(&wrap(Value::Null)).unwrap();
        let prefix = &prefix[..prefix.iter().position(|&byte| byte == 0xf6).unwrap()];
        bytes.splice(..0, prefix.iter().copied());
        assert_eq!(check(&bytes).unwrap_err().fault, Fault::TooDeep);
        assert_eq!(encode(&wrap(value)), Err(EncodeError::TooDeep));
    }
}

#[test]
fn a_hundred_thousand_levels_are_an_error_and_no_stack_overflow() {
    for head in [0x81, 0xa1, 0xc1] {
        let bytes = vec![head; 100_000];
        let expected = DecodeError {
            offset: NESTING_MAX,
            fault: Fault::TooDeep,
        };
        assert_eq!(check(&bytes).unwrap_err(), expected);
        assert_eq!(entidb_codec::json::from_cbor(&bytes).unwrap_err(), expected);
    }
}

#[test]
fn lengths_beyond_the_input_are_errors_before_anything_is_allocated() {
    for major in 2..=5_u8 {
        for (info, width) in [(24_u8, 1), (25, 2), (26, 4), (27, 8)] {
            let mut bytes = vec![major << 5 | info];
            bytes.extend(std::iter::repeat_n(0xff, width));
            bytes.extend([0; 16]);
            assert_eq!(check(&bytes).unwrap_err().fault, Fault::LengthBeyondInput);
        }
    }
}

#[test]
fn values_without_an_encoding_are_refused_and_leave_the_output_alone() {
    let twice = Value::Map(vec![
        (Value::from("a"), Value::Null),
        (Value::from("b"), Value::Null),
        (Value::from("a"), Value::from(1)),
    ]);
    let many: Value = (0..100).map(|i| (i % 99, Value::Null)).collect();
    let cases = [
        (twice, EncodeError::DuplicateKey),
        (many, EncodeError::DuplicateKey),
        (Value::Simple(20), EncodeError::ReservedSimple(20)),
        (Value::Simple(31), EncodeError::ReservedSimple(31)),
        (
            Value::Tag(2, Box::new(Value::Bytes(vec![1; 9]))),
            EncodeError::BignumTag(2),
        ),
        (
            Value::Tag(3, Box::new(Value::Null)),
            EncodeError::BignumTag(3),
        ),
    ];
    for (value, error) in cases {
        let mut out = b"before".to_vec();
        assert_eq!(encode_to(&Value::Array(vec![value]), &mut out), Err(error));
        assert_eq!(out, b"before");
    }
}
