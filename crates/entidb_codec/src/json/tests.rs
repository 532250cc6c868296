//! Inputs one by one; what holds for all of them is in `tests/json.rs`.

use super::*;
use crate::{Fault, NESTING_MAX};

fn round(json: &str) -> String {
    from_cbor(&to_cbor(json.as_bytes()).unwrap()).unwrap()
}

fn bad(json: &str) -> (Kind, u64) {
    let error = to_cbor(json.as_bytes()).unwrap_err();
    (error.kind, error.offset)
}

fn tag(number: u64, content: Value) -> Value {
    Value::Tag(number, Box::new(content))
}

fn decimal(exponent: i64, mantissa: i128) -> Value {
    tag(
        4,
        Value::Array(vec![Value::from(exponent), Value::from(mantissa)]),
    )
}

#[test]
fn what_is_written_as_we_write_it_comes_back_letter_for_letter() {
    let integer = "9".repeat(200);
    for json in [
        "null",
        "true",
        "false",
        "0",
        "-1",
        "18446744073709551616",
        &integer,
        "0.0",
        "-0.0",
        "145.0",
        "-145.0",
        "0.1",
        "1e300",
        "1e16",
        "1e-7",
        "5e-324",
        "1.7976931348623157e308",
        "0.1000000000000000055511151231257827",
        "123456789012345678901.0",
        "123456789012345678901e5",
        "1e-400",
        "\"\"",
        r#""\"\\\n\r\t\b\f\u0000\u001f\u007f""#.replace("\\u007f", "\u{7f}").as_str(),
        "\"Эскальдес 語 😀\"",
        "[]",
        "{}",
        "[[],{},[{}]]",
        r#"{"a":1,"b":[2.5,"x"],"aa":null}"#,
        r#"{"$cbor":"QA"}"#,
        r#"{"$cbor":"oWUkY2JvcgE"}"#,
        r#"{"a":1,"$cbor":1}"#,
    ] {
        assert_eq!(round(json), json);
    }
}

#[test]
fn numbers_become_what_keeps_their_digits() {
    let one_and_more = 1_000_000_000_000_000_055_511_151_231_257_827;
    let cases = [
        ("0", Value::from(0)),
        ("-0", Value::Float(-0.0)),
        ("-0.0", Value::Float(-0.0)),
        ("-0e99", Value::Float(-0.0)),
        ("0e-999999999999999999999", Value::Float(0.0)),
        ("145", Value::from(145)),
        ("145.0", Value::Float(145.0)),
        ("1.10", Value::Float(1.1)),
        ("1E2", Value::Float(100.0)),
        ("1e+2", Value::Float(100.0)),
        ("-12.5e-1", Value::Float(-1.25)),
        ("9007199254740993", Value::from(9_007_199_254_740_993_i64)),
        ("9007199254740992.0", Value::Float(9_007_199_254_740_992.0)),
        ("9007199254740993.0", decimal(0, 9_007_199_254_740_993)),
        (
            "0.1000000000000000055511151231257827",
            decimal(-34, one_and_more),
        ),
        (
            "1000000000000000055511151231257827e-34",
            decimal(-34, one_and_more),
        ),
        (
            "0.30000000000000004",
            Value::Float(0.300_000_000_000_000_04),
        ),
        ("0.30000000000000003", decimal(-17, 30_000_000_000_000_003)),
        (
            "12345678901234567890.0",
            decimal(1, 1_234_567_890_123_456_789),
        ),
        (
            "123456789012345680000.0",
            Value::Float(123_456_789_012_345_680_000.0),
        ),
        (
            "1.7976931348623158e308",
            decimal(292, 17_976_931_348_623_158),
        ),
        ("5e-324", Value::Float(5e-324)),
        ("4.9e-324", decimal(-325, 49)),
        ("1e-400", decimal(-400, 1)),
        ("-10e-401", decimal(-400, -1)),
        ("0.00100e-1000", decimal(-1003, 1)),
        ("1e-1000000", decimal(-1_000_000, 1)),
        ("100e-1000002", decimal(-1_000_000, 1)),
    ];
    for (json, value) in cases {
        assert_eq!(to_value(json.as_bytes()).unwrap(), value, "{json}");
        let printed = round(json);
        assert_eq!(
            to_value(printed.as_bytes()).unwrap(),
            value,
            "{json} as {printed}"
        );
    }
}

#[test]
fn many_digits_are_neither_lost_nor_slow() {
    // Not `assert_eq!`, which would print them.
    let most = format!("-{}", "7".repeat(INTEGER_DIGITS_MAX));
    assert!(round(&most) == most);
    let behind = format!("0.{}", "7".repeat(99_999));
    assert!(round(&behind) == behind);
    let small = format!("1.{}e-300", "3".repeat(99_999));
    assert!(round(&small) == small);
    let zeros = format!("0.{}1", "0".repeat(INTEGER_DIGITS_MAX - 2));
    assert_eq!(round(&zeros), "1e-999999");
    // One digit more is refused.
    for more in [1, 2_000_000].map(|more| "7".repeat(INTEGER_DIGITS_MAX + more)) {
        assert_eq!(bad(&more), (Kind::TooManyDigits, 0));
        assert_eq!(bad(&format!("0.{}", &more[1..])), (Kind::TooManyDigits, 0));
    }
}

#[test]
fn the_limit_of_digits_is_kept_to_the_digit() {
    let ten_to_the_most = num_bigint::BigInt::from(10).pow(1_000_000);
    let largest = Value::from(&ten_to_the_most - 1);
    assert!(from_value(&largest).unwrap() == "9".repeat(INTEGER_DIGITS_MAX));
    for larger in [
        -&ten_to_the_most,
        &ten_to_the_most << 10_000,
        ten_to_the_most,
    ] {
        let json = from_value(&Value::from(larger.clone())).unwrap();
        assert!(json.starts_with(r#"{"$cbor":""#));
        assert!(to_value(json.as_bytes()).unwrap() == Value::from(larger));
    }
}

#[test]
fn numbers_that_cannot_be_kept_are_refused() {
    for json in [
        "1e309",
        "-1e309",
        "1e99999999999999999999",
        "1.8e308",
        "1000e306",
    ] {
        assert_eq!(bad(json).0, Kind::NumberOverflow, "{json}");
    }
    for json in ["1e-1000001", "1e-99999999999999999999", "0.5e-1000000"] {
        assert_eq!(bad(json).0, Kind::ExponentTooSmall, "{json}");
    }
    for json in [
        "-", "01", "-01", "1.", "1.e5", "1e", "1e+", "1.5.5", "1e5e5", "1-1", "1+1", "0-",
    ] {
        assert_eq!(bad(&format!("[{json}]")), (Kind::BadNumber, 1), "{json}");
    }
    for json in ["+1", ".5", "Infinity", "NaN", "0x10", "1_000"] {
        assert!(
            matches!(bad(json).0, Kind::UnexpectedByte(_) | Kind::TrailingBytes),
            "{json}"
        );
    }
}

#[test]
fn what_json_cannot_say_is_embedded_where_it_stands() {
    let cases = [
        (Value::Bytes(vec![1, 2, 255]), r#"{"$cbor":"QwEC_w"}"#),
        (Value::Undefined, r#"{"$cbor":"9w"}"#),
        (Value::Simple(32), r#"{"$cbor":"-CA"}"#),
        (Value::Float(f64::NAN), r#"{"$cbor":"-X4A"}"#),
        (Value::Float(f64::NEG_INFINITY), r#"{"$cbor":"-fwA"}"#),
        (tag(1, Value::from(5)), r#"{"$cbor":"wQU"}"#),
        (Value::from([("$cbor", "x")]), r#"{"$cbor":"oWUkY2JvcmF4"}"#),
        ([(1, 2)].into_iter().collect(), r#"{"$cbor":"oQEC"}"#),
        // Decimal fractions that no literal is read as: zeros at the end, a float's own digits,
        // out of range, not two integers.
        (decimal(0, 10), r#"{"$cbor":"xIIACg"}"#),
        (decimal(-1, 15), r#"{"$cbor":"xIIgDw"}"#),
        (decimal(0, 0), r#"{"$cbor":"xIIAAA"}"#),
        (decimal(400, 1), r#"{"$cbor":"xIIZAZAB"}"#),
        (tag(4, Value::from(1)), r#"{"$cbor":"xAE"}"#),
    ];
    for (value, json) in cases {
        assert_eq!(from_value(&value).unwrap(), json, "{value:?}");
        assert_eq!(to_value(json.as_bytes()).unwrap(), value);
        let around = Value::from([("a", Value::Array(vec![value]))]);
        assert_eq!(from_value(&around).unwrap(), format!(r#"{{"a":[{json}]}}"#));
    }
    // A key that is no text may come last, when much has been written.
    let map: Value = [
        (Value::from("a"), Value::from("b")),
        (Value::Null, Value::Null),
    ]
    .into_iter()
    .collect();
    assert_eq!(
        from_value(&Value::Array(vec![map])).unwrap(),
        r#"[{"$cbor":"omFhYWL29g"}]"#
    );
}

#[test]
fn an_only_cbor_key_has_to_hold_canonical_cbor() {
    assert_eq!(to_value(br#"{"$cbor":"AQ"}"#).unwrap(), Value::from(1));
    assert_eq!(
        to_value(br#"{"\u0024cbor":"\u0041Q"}"#).unwrap(),
        Value::from(1)
    );
    for json in [
        r#"{"$cbor":1}"#,
        r#"{"$cbor":null}"#,
        r#"{"$cbor":{"$cbor":"AQ"}}"#,
    ] {
        assert_eq!(bad(json).0, Kind::EmbeddedNotText, "{json}");
    }
    for json in [
        r#"{"$cbor":"AQ=="}"#,
        r#"{"$cbor":"AR"}"#,
        r#"{"$cbor":"+A"}"#,
        r#"{"$cbor":"A"}"#,
    ] {
        assert_eq!(bad(json).0, Kind::EmbeddedNotBase64, "{json}");
    }
    for (json, fault) in [
        (r#"{"$cbor":""}"#, Fault::Truncated),
        (r#"{"$cbor":"AQE"}"#, Fault::TrailingBytes),
        (r#"{"$cbor":"GAE"}"#, Fault::NonShortestHead),
        (r#"{"$cbor":"n_8"}"#, Fault::IndefiniteLength),
    ] {
        let (kind, _) = bad(json);
        assert!(
            matches!(&kind, Kind::EmbeddedNotCanonical(error) if error.fault == fault),
            "{json}: {kind}"
        );
    }
}

#[test]
fn bad_input_is_named_and_placed() {
    let duplicate = |key: &str| Kind::DuplicateKey {
        key: key.to_owned(),
    };
    let cases = [
        ("", Kind::UnexpectedEnd, 0),
        ("  \n", Kind::UnexpectedEnd, 3),
        ("[1", Kind::UnexpectedEnd, 2),
        ("{\"a\"", Kind::UnexpectedEnd, 4),
        ("\"a", Kind::UnexpectedEnd, 2),
        ("\"\\u12", Kind::UnexpectedEnd, 5),
        ("tru", Kind::UnexpectedEnd, 3),
        ("[tru]", Kind::BadWord, 1),
        ("nul1", Kind::BadWord, 0),
        ("True", Kind::UnexpectedByte(b'T'), 0),
        ("[1,]", Kind::UnexpectedByte(b']'), 3),
        ("[,1]", Kind::UnexpectedByte(b','), 1),
        ("[1 2]", Kind::UnexpectedByte(b'2'), 3),
        ("[1}", Kind::UnexpectedByte(b'}'), 2),
        ("{\"a\":1]", Kind::UnexpectedByte(b']'), 6),
        ("{\"a\":1,}", Kind::UnexpectedByte(b'}'), 7),
        ("{\"a\",1}", Kind::UnexpectedByte(b','), 4),
        ("{a:1}", Kind::UnexpectedByte(b'a'), 1),
        ("{1:1}", Kind::UnexpectedByte(b'1'), 1),
        ("]", Kind::UnexpectedByte(b']'), 0),
        ("'a'", Kind::UnexpectedByte(b'\''), 0),
        ("1 2", Kind::TrailingBytes, 2),
        ("{}{}", Kind::TrailingBytes, 2),
        ("truefalse", Kind::TrailingBytes, 4),
        ("[1]// x", Kind::TrailingBytes, 3),
        ("\u{feff}1", Kind::ByteOrderMark, 0),
        ("[\u{feff}1]", Kind::UnexpectedByte(0xef), 1),
        ("[\"\n\"]", Kind::ControlCharacter, 2),
        ("\"a\\n\u{1f}\"", Kind::ControlCharacter, 4),
        (r#""\x""#, Kind::BadEscape, 2),
        (r#""\u12g4""#, Kind::BadEscape, 5),
        (r#""\u+123""#, Kind::BadEscape, 3),
        (r#""\ud800""#, Kind::LoneSurrogate, 7),
        (r#""\ud800\n""#, Kind::LoneSurrogate, 8),
        (r#""\ud800\ud800""#, Kind::LoneSurrogate, 12),
        (r#""\udc00""#, Kind::LoneSurrogate, 6),
        (r#"{"a":1,"b":2,"a":3}"#, duplicate("a"), 18),
        (r#"{"b":1,"a":2,"b":3}"#, duplicate("b"), 18),
        (r#"{"a":1,"\u0061":2}"#, duplicate("a"), 7),
    ];
    for (json, kind, offset) in cases {
        assert_eq!(bad(json), (kind, offset), "{json}");
    }
    for json in [
        &b"\"\xff\""[..],
        b"\"\xc3\"",
        b"\"\\n\xed\xa0\x80\"",
        b"\"\xc0\x80 and more\"",
    ] {
        let error = to_cbor(json).unwrap_err();
        assert_eq!((error.kind, error.offset), (Kind::BadUtf8, 0), "{json:x?}");
    }
    assert_eq!(
        to_cbor(b"{\"key\":1,\"key\":1}").unwrap_err().to_string(),
        "a second \"key\" in the same object at byte 9"
    );
}

#[test]
fn escapes_become_the_characters_they_mean() {
    let text = to_value(br#""\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00\uD83D\uDE00""#).unwrap();
    assert_eq!(
        text.as_str(),
        Some("\"\\/\u{8}\u{c}\n\r\t\u{e9}\u{1f600}\u{1f600}")
    );
}

#[test]
fn maps_of_every_size_and_order_are_sorted() {
    for count in [0, 1, 2, 23, 24, 25, 31, 32, 33, 34, 255, 256, 300] {
        let entries: Vec<_> = (0..count)
            .map(|i| (format!("k{}", (i * 7919) % 307), i))
            .collect();
        let members: Vec<_> = entries
            .iter()
            .map(|(k, i)| format!("\"{k}\":{i}"))
            .collect();
        let value: Value = entries.into_iter().collect();
        let mut reader = Reader::new(usize::MAX);
        // Forth, back, and forth again: the order remembered is another one each time.
        let forth = format!("{{{}}}", members.join(","));
        let back = format!(
            "{{{}}}",
            members.iter().rev().cloned().collect::<Vec<_>>().join(",")
        );
        for json in [&forth, &back, &forth, &forth] {
            let mut cbor = Vec::new();
            reader.read_value(&mut json.as_bytes(), &mut cbor).unwrap();
            assert_eq!(cbor, encode(&value).unwrap(), "{count}");
        }
    }
}

#[test]
fn nesting_is_taken_to_the_limit_in_all_and_not_beyond() {
    let arrays =
        |count: usize, inner: &str| format!("{}{inner}{}", "[".repeat(count), "]".repeat(count));
    let objects = |count: usize, inner: &str| {
        format!("{}{inner}{}", "{\"a\":".repeat(count), "}".repeat(count))
    };
    let bytes = r#"{"$cbor":"QA"}"#;
    for inner in ["1", "\"\"", "1e5", bytes] {
        let json = arrays(NESTING_MAX, inner);
        round(&json);
        round(&objects(NESTING_MAX, inner));
        assert_eq!(bad(&arrays(NESTING_MAX + 1, inner)).0, Kind::TooDeep);
        assert_eq!(bad(&objects(NESTING_MAX + 1, inner)).0, Kind::TooDeep);
    }
    assert_eq!(
        round(&arrays(NESTING_MAX, bytes)),
        arrays(NESTING_MAX, bytes)
    );
    for inner in [
        "[]",
        "{}",
        "{\"a\":1}",
        "{\"$cbor\":\"QA\",\"b\":1}",
        "1e-400",
    ] {
        assert_eq!(bad(&arrays(NESTING_MAX, inner)).0, Kind::TooDeep, "{inner}");
    }
    round(&arrays(NESTING_MAX - 2, "1e-400"));
    assert_eq!(bad(&arrays(NESTING_MAX - 1, "1e-400")).0, Kind::TooDeep);
    let embedded = r#"{"$cbor":"gYA"}"#;
    round(&arrays(NESTING_MAX - 2, embedded));
    assert!(matches!(
        bad(&arrays(NESTING_MAX - 1, embedded)).0,
        Kind::EmbeddedNotCanonical(DecodeError {
            fault: Fault::TooDeep,
            ..
        })
    ));
    assert_eq!(bad(&"[".repeat(100_000)), (Kind::TooDeep, 128));
    assert_eq!(bad(&"{\"a\":".repeat(100_000)).0, Kind::TooDeep);
}

#[test]
fn the_limit_is_kept_to_the_byte() {
    for json in [
        r#"["aaaaaaaaaa","bb\n",12345]"#,
        "\"aaaaaaaaaaaaaaaa\"",
        "[[[[1,2,3,4,5]]]]",
    ] {
        let cbor = to_cbor(json.as_bytes()).unwrap();
        for limit in 0..cbor.len() + 2 {
            let mut out = b"before".to_vec();
            let result = Reader::new(limit).read_value(&mut json.as_bytes(), &mut out);
            if limit >= cbor.len() {
                assert!(result.is_ok());
                assert_eq!(&out[6..], &cbor[..]);
            } else {
                assert_eq!(result.unwrap_err().kind, Kind::TooLarge { limit });
                assert_eq!(out, b"before");
            }
        }
    }
}

#[test]
fn what_is_embedded_may_be_as_long_as_what_is_not() {
    let limit = 3000;
    // A head of three bytes.
    let longest = encode(&Value::Bytes(vec![7; limit - 3])).unwrap();
    assert_eq!(longest.len(), limit);
    let mut json = from_cbor(&longest).unwrap();
    let mut out = Vec::new();
    Reader::new(limit)
        .read_value(&mut json.as_bytes(), &mut out)
        .unwrap();
    assert_eq!(out, longest);

    json.clear();
    let mut entity = Vec::new();
    write_entity(
        "018f3c5e-0000-7000-8000-000000000000",
        &longest,
        &mut entity,
    )
    .unwrap();
    out.clear();
    Reader::new(limit)
        .read_value(&mut &entity[..], &mut out)
        .unwrap();
    split_id(&mut out).unwrap().unwrap();
    assert_eq!(out, longest);

    // But not longer, and nothing else may be.
    for json in [
        from_value(&Value::Bytes(vec![7; limit - 2])).unwrap(),
        format!(r#"{{"$cbor":"QA","b":"{}"}}"#, "b".repeat(limit)),
        format!(r#"{{"$cbor":"{}"}}"#, "A".repeat(2 * limit)),
        format!(r#"[{{"$cbor":"QA"}},"{}"]"#, "b".repeat(limit)),
    ] {
        let error = Reader::new(limit)
            .read_value(&mut json.as_bytes(), &mut out)
            .unwrap_err();
        assert_eq!(error.kind, Kind::TooLarge { limit });
    }
}

#[test]
fn entities_are_parted_into_id_and_payload() {
    let split = |json: &str| {
        let mut cbor = to_cbor(json.as_bytes()).unwrap();
        let id = split_id(&mut cbor).map(|id| id.map(|id| from_cbor(&id).unwrap()));
        (
            id.map_err(|error| error.kind),
            from_cbor(&cbor).unwrap_or_default(),
        )
    };
    let id = |id: &str| Ok(Some(id.to_owned()));
    assert_eq!(
        split(r#"{"a":1,"_id":"x"}"#),
        (id("\"x\""), r#"{"a":1}"#.to_owned())
    );
    assert_eq!(split(r#"{"_id":7}"#), (id("7"), "{}".to_owned()));
    assert_eq!(split(r#"{"a":1}"#), (Ok(None), r#"{"a":1}"#.to_owned()));
    assert_eq!(split("[1]"), (Ok(None), "[1]".to_owned()));
    assert_eq!(
        split(r#"{"_id":"x","$cbor":"gQE"}"#),
        (id("\"x\""), "[1]".to_owned())
    );
    assert_eq!(
        split(r#"{"_id":"x","$cbor":"text","a":1}"#),
        (id("\"x\""), r#"{"a":1,"$cbor":"text"}"#.to_owned())
    );
    assert_eq!(
        split(r#"{"_id":"x","$cbor":1}"#).0,
        Err(Kind::EmbeddedNotText)
    );
    assert_eq!(
        split(r#"{"_id":"x","$cbor":"="}"#).0,
        Err(Kind::EmbeddedNotBase64)
    );
    // Only the top level parts.
    let nested = r#"{"a":{"$cbor":"text","_id":"y"}}"#;
    assert_eq!(
        split(nested),
        (Ok(None), r#"{"a":{"_id":"y","$cbor":"text"}}"#.to_owned())
    );
}

#[test]
fn entities_are_written_id_first_and_whole_where_they_must() {
    let written = |payload: &Value| {
        let mut out = b"before ".to_vec();
        write_entity("an \"id\"", &encode(payload).unwrap(), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    };
    let plain = Value::from([("a", Value::from(1)), ("$cbor", Value::Bytes(vec![]))]);
    assert_eq!(
        written(&plain),
        r#"before {"_id":"an \"id\"","a":1,"$cbor":{"$cbor":"QA"}}"#
    );
    assert_eq!(
        written(&Value::Map(vec![])),
        r#"before {"_id":"an \"id\""}"#
    );
    for (payload, base64) in [
        (Value::Null, "9g"),
        (Value::from([("_id", 1)]), "oWNfaWQB"),
        (Value::from([("a", 1), ("_id", 1)]), "omFhAWNfaWQB"),
        (Value::from([("$cbor", "x")]), "oWUkY2JvcmF4"),
        ([(Value::Null, 1)].into_iter().collect(), "ofYB"),
    ] {
        let expected = format!(r#"before {{"_id":"an \"id\"","$cbor":"{base64}"}}"#);
        assert_eq!(written(&payload), expected);
    }
    let mut out = b"before".to_vec();
    for bad in [
        &b""[..],
        b"\x18\x01",
        b"\xa1\x61a",
        b"\xa1\x61a\x01\x01",
        b"\xa2\x61b\x01\x61a\x01",
    ] {
        assert!(write_entity("id", bad, &mut out).is_err());
        assert!(write(bad, &mut out).is_err());
        assert_eq!(out, b"before");
    }
}
