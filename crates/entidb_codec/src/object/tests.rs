use super::*;
use crate::{Value, decode, encode};

fn object(count: usize) -> Value {
    (0..count)
        .map(|i| (format!("key{i}"), Value::from(i as u64)))
        .collect()
}

#[test]
fn an_object_is_a_map() {
    assert!(is_object(&encode(&object(0)).unwrap()));
    assert!(is_object(&encode(&object(300)).unwrap()));
    assert!(!is_object(&encode(&Value::Array(vec![])).unwrap()));
    assert!(!is_object(&[]));
}

#[test]
fn get_finds_what_is_there_and_nothing_else() {
    let value = object(300);
    let cbor = encode(&value).unwrap();
    for (key, expected) in value.as_map().unwrap() {
        let found = get(&cbor, key.as_str().unwrap()).unwrap();
        assert_eq!(&decode(found).unwrap(), expected);
    }
    for key in [
        "",
        "key",
        "key300",
        "zzzz",
        "kez1",
        &"k".repeat(30),
        &"k".repeat(300),
    ] {
        assert_eq!(get(&cbor, key), None, "{key}");
    }
}

#[test]
fn take_leaves_a_canonical_map_whatever_the_heads_width() {
    for count in [1, 2, 23, 24, 25, 255, 256, 257, 300] {
        for taken in [0, count / 2, count - 1] {
            let mut cbor = encode(&object(count)).unwrap();
            let key = format!("key{taken}");
            let item = take(&mut cbor, &key).unwrap();
            assert_eq!(decode(&item).unwrap(), Value::from(taken as u64));
            let mut rest = object(count).into_map().unwrap();
            rest.remove(taken);
            assert_eq!(cbor, encode(&Value::Map(rest)).unwrap(), "{count} {taken}");
            assert_eq!(take(&mut cbor, &key), None);
        }
    }
}

#[test]
fn keys_of_other_types_are_passed_over() {
    let long = "x".repeat(70);
    let value = Value::Map(vec![
        (Value::from(1), Value::from("one")),
        (
            Value::from("a"),
            Value::Array(vec![Value::from([("b", 1)]), Value::Null]),
        ),
        (
            Value::from(long.as_str()),
            Value::Tag(9, Box::new(Value::from(2))),
        ),
        (Value::Null, Value::from("null")),
    ]);
    let mut cbor = encode(&value).unwrap();
    assert_eq!(get(&cbor, &long), Some(&[0xc9, 2][..]));
    assert_eq!(entries(&cbor).count(), 4);
    assert!(take(&mut cbor, "a").is_some());
    assert_eq!(decode(&cbor).unwrap().as_map().unwrap().len(), 3);
}

#[test]
fn text_and_integers_are_key_texts() {
    let text = |value: Value| key_text(&encode(&value).unwrap()).map(Cow::into_owned);
    assert_eq!(text(Value::from("x")).as_deref(), Some("x"));
    assert_eq!(text(Value::from("")).as_deref(), Some(""));
    assert_eq!(text(Value::from(17)).as_deref(), Some("17"));
    assert_eq!(
        text(Value::from(i64::MIN)).as_deref(),
        Some("-9223372036854775808")
    );
    assert_eq!(
        text(Value::from(u128::MAX)).as_deref(),
        Some("340282366920938463463374607431768211455")
    );
    for other in [Value::Null, Value::Bool(true), Value::Float(1.0), object(1)] {
        assert_eq!(text(other), None);
    }
    assert_eq!(key_text(&[]), None);
    assert_eq!(key_text(&[1, 1]), None);
}

#[test]
fn garbage_is_answered_and_not_panicked_at() {
    let cbor = encode(&object(30)).unwrap();
    for len in 0..cbor.len() {
        let mut prefix = cbor[..len].to_vec();
        let _ = get(&prefix, "key29");
        let _ = take(&mut prefix, "key29");
    }
    for head in 0..=255 {
        let mut garbage = vec![head, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xa1];
        assert_eq!(entries(&garbage).count(), 0);
        assert_eq!(take(&mut garbage, ""), None);
        let _ = key_text(&garbage);
    }
    // A hundred thousand arrays in an entry.
    let mut deep = b"\xa1\x61a".to_vec();
    deep.extend(std::iter::repeat_n(0x81, 100_000));
    assert_eq!(get(&deep, "a"), None);
    deep.push(0);
    assert_eq!(get(&deep, "a").map(<[u8]>::len), Some(100_001));
}
