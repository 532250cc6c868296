//! Canonical CBOR.

use entidb_codec::{Value, decode, encode, json, object, validate};

/// What is validated is decoded, is the encoding of what it was decoded to, and survives being JSON.
pub(super) fn cbor(data: &[u8]) {
    let value = decode(data);
    assert_eq!(validate(data).is_ok(), value.is_ok());
    let Ok(value) = value else {
        assert!(json::from_cbor(data).is_err());
        return;
    };
    assert_eq!(encode(&value).as_deref(), Ok(data));
    let text = json::from_cbor(data).expect("canonical");
    assert_eq!(json::to_cbor(text.as_bytes()).expect("of our making"), data);
    entity(data);
    take(data, &value);
}

/// As an entity with an id, and back.
fn entity(data: &[u8]) {
    let mut line = Vec::new();
    json::write_entity("an id", data, &mut line).expect("canonical");
    let mut cbor = json::to_cbor(&line).expect("of our making");
    let id = json::split_id(&mut cbor).expect("of our making");
    assert_eq!(id, encode(&Value::from("an id")).ok());
    assert_eq!(cbor, data);
}

/// Entries, one by one.
fn take(data: &[u8], value: &Value) {
    let entries: Vec<_> = object::entries(data).collect();
    assert_eq!(object::is_object(data), value.as_map().is_some());
    for (key, item) in &entries {
        validate(key).expect("a part of what is canonical");
        validate(item).expect("a part of what is canonical");
        let name = object::key_text(key);
        // An integer can name an entity too, and is no text key.
        let Some(name) = name.filter(|_| key[0] >> 5 == 3) else {
            continue;
        };
        assert_eq!(object::get(data, &name), Some(*item));
        let mut rest = data.to_vec();
        assert_eq!(object::take(&mut rest, &name).as_deref(), Some(*item));
        validate(&rest).expect("canonical without the entry");
        assert_eq!(object::entries(&rest).count() + 1, entries.len());
    }
    let mut rest = data.to_vec();
    let absent = object::get(data, "\0absent").is_none();
    assert_eq!(object::take(&mut rest, "\0absent").is_none(), absent);
}

pub(super) fn cbor_seeds() -> Vec<Vec<u8>> {
    let values = [
        Value::Null,
        Value::from(-1_000_000),
        Value::from(1.5),
        Value::from(vec![1_u8, 2, 3]),
        Value::from([("a", Value::from(1)), ("b", Value::from("text"))]),
        Value::Tag(
            4,
            Box::new(Value::Array(vec![Value::from(-3), Value::from(314_159)])),
        ),
        Value::Array(vec![
            Value::Array(vec![Value::Undefined]),
            Value::Bool(true),
        ]),
    ];
    let mut seeds: Vec<_> = values.iter().flat_map(encode).collect();
    // A bignum, and an array that is too deep.
    seeds.push([&[0xc2, 0x49, 1][..], &[0; 8]].concat());
    seeds.push(vec![0x81; 200]);
    seeds
}
