//! Index keys, and paths into a payload.

use entidb_codec::key::{self, Case, KeyValue, Kind};
use entidb_codec::{Path, Value, decode, json, validate};

use super::input::Input;

/// What a key is decoded to has that key; keys of items that are not equal end before they agree.
pub(super) fn key(data: &[u8]) {
    if let Ok((value, len)) = key::decode(data) {
        assert_eq!(key::item_len(data), Ok(len));
        assert!(Kind::of(data).is_some());
        let mut again = Vec::new();
        match value {
            KeyValue::Absent => key::push_absent(&mut again),
            KeyValue::Value(value) => {
                key::push_value(&mut again, &value, Case::Sensitive).expect("a value");
            }
        }
        assert_eq!(again, data[..len]);
    }
    let _ = key::item_len(data);
    let mut input = Input::new(data);
    let len = input.index(data.len().max(1));
    let (first, second) = (input.take(len), input.rest());
    for case in [Case::Sensitive, Case::Insensitive] {
        let keys = [first, second].map(|item| of(item, case));
        if let [Some(first), Some(second)] = &keys {
            assert!(first == second || !first.starts_with(second));
            assert!(first == second || !second.starts_with(first));
        }
    }
}

/// The key of one item, if it is one.
fn of(item: &[u8], case: Case) -> Option<Vec<u8>> {
    let mut key = vec![7];
    let pushed = key::push(&mut key, item, case);
    if pushed.is_err() {
        assert_eq!(key, [7], "nothing is left of what failed");
        assert!(validate(item).is_err(), "{pushed:?}");
        return None;
    }
    key.remove(0);
    assert_eq!(key::item_len(&key), Ok(key.len()));
    assert!(!matches!(key.first(), None | Some(0 | 0xff)));
    let Ok(value) = decode(item) else {
        panic!("a key of what is no item");
    };
    let mut again = Vec::new();
    key::push_value(&mut again, &value, case).expect("it has an encoding");
    assert_eq!(again, key);
    let (back, len) = key::decode(&key).expect("of our making");
    assert_eq!(len, key.len());
    if let (KeyValue::Value(back), Value::Text(text)) = (back, &value) {
        let (start, end) = key::prefix_bounds(text, case);
        assert!(start <= key && key < end);
        assert!(case == Case::Insensitive || back == value);
    }
    Some(key)
}

pub(super) fn key_seeds() -> Vec<Vec<u8>> {
    let items = [
        Value::Null,
        Value::from(-70_000),
        Value::from(1.25e300),
        Value::from("Straße"),
        Value::from(vec![0_u8, 255, 1]),
        Value::Tag(0, Box::new(Value::from("2020-02-29T12:00:00.5+01:00"))),
        Value::Tag(1, Box::new(Value::from(-1.5))),
        Value::Array(vec![Value::from(1), Value::Bool(false)]),
    ];
    let mut seeds = Vec::new();
    for item in &items {
        let mut key = Vec::new();
        key::push_value(&mut key, item, Case::Sensitive).expect("a value");
        seeds.push(key);
        let item = entidb_codec::encode(item).expect("a value");
        let len = u8::try_from(item.len()).expect("short");
        seeds.push([&[len][..], &item, &item].concat());
    }
    seeds
}

/// The input is a path, a line feed, and the JSON of a payload or the payload itself.
pub(super) fn path(data: &[u8]) {
    let end = data
        .iter()
        .position(|byte| *byte == b'\n')
        .unwrap_or(data.len());
    let Ok(text) = std::str::from_utf8(&data[..end]) else {
        return;
    };
    let named = Path::key(text);
    assert_eq!(Path::parse(&named.to_string()).as_ref(), Ok(&named));
    let payload = data.get(end + 1..).unwrap_or_default();
    let Ok(path) = Path::parse(text) else {
        return;
    };
    let spelt = path.to_string();
    assert_eq!(Path::parse(&spelt).as_ref(), Ok(&path));
    let hostile = path.find(payload).count();
    assert!(hostile <= payload.len());
    let payload = json::to_cbor(payload).unwrap_or_else(|_| payload.to_vec());
    if validate(&payload).is_ok() {
        let items = path.find(&payload).map(validate);
        assert!(items.clone().all(|valid| valid.is_ok()));
        assert!(path.has_each() || items.count() <= 1);
    }
}

pub(super) fn path_seeds() -> Vec<Vec<u8>> {
    let payload = r#"{"address":{"city":"Tirana"},"tags":["a","b",["c"]],"lines":[{"sku":1},{"sku":2}],"a.b":{"c":0}}"#;
    [
        "address.city",
        "tags[]",
        "tags[][]",
        "lines[].sku",
        "\"a.b\".c",
        "[].x",
    ]
    .map(|path| format!("{path}\n{payload}").into_bytes())
    .to_vec()
}
