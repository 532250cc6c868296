//! Canonical CBOR as Rust's own types, through serde.

use std::collections::BTreeMap;

use entidb_codec::{Value, decode, from_slice, from_value, to_value, to_vec, validate};

/// What is read as this type is canonical, and written to what reads the same.
macro_rules! same {
    ($type:ty, $data:ident) => {
        if let Ok(read) = from_slice::<$type>($data) {
            validate($data).expect("as strict as the decoder");
            let written = to_vec(&read).expect("what was read has an encoding");
            validate(&written).expect("canonical");
            assert_eq!(from_slice::<$type>(&written).expect("of our making"), read);
            let value = to_value(&read).expect("what was read has an encoding");
            assert_eq!(from_value::<$type>(&value).expect("of our making"), read);
        }
    };
}

/// What is read as a type is written to canonical bytes, which read the same.
pub(super) fn types(data: &[u8]) {
    let value = from_slice::<Value>(data);
    assert_eq!(value.is_ok(), validate(data).is_ok());
    if let Ok(value) = value {
        assert_eq!(decode(data).as_ref(), Ok(&value));
        assert_eq!(to_vec(&value).expect("it has an encoding"), data);
        assert_eq!(to_value(&value).expect("it has an encoding"), value);
    }
    same!(Vec<(String, Option<i64>)>, data);
    same!(BTreeMap<String, u64>, data);
    same!((u8, i128, bool, char), data);
    same!(Vec<Vec<u32>>, data);
    same!(Result<String, [u16; 2]>, data);
    same!(Option<u128>, data);
    same!(String, data);
    if let Ok(text) = from_slice::<&str>(data) {
        assert!(data.ends_with(text.as_bytes()));
    }
}

pub(super) fn types_seeds() -> Vec<Vec<u8>> {
    let seeds = [
        to_vec(&vec![("a".to_owned(), Some(-5)), ("b".to_owned(), None)]),
        to_vec(&BTreeMap::from([
            ("x".to_owned(), 1_u64),
            ("y".to_owned(), 70_000),
        ])),
        to_vec(&(7_u8, -(1_i128 << 90), true, 'é')),
        to_vec(&Ok::<_, [u16; 2]>("fine".to_owned())),
        to_vec(&Err::<String, _>([1_u16, 2])),
        to_vec(&vec![vec![1_u32], Vec::new()]),
        to_vec(&u128::MAX),
    ];
    seeds.into_iter().flatten().collect()
}
