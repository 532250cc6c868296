//! JSON there and back again: what holds for every value, however the input is cut.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(dead_code, reason = "not every test file uses all of the strategies")]

mod common;

use std::io::{self, BufRead, BufReader, Read};

use entidb_codec::json::{self, ArrayReader, Kind, Line, Reader};
use entidb_codec::{Value, encode, object};
use proptest::prelude::*;

/// A stream that shows at most `piece` bytes at a time, and is interrupted now and then.
struct Pieces<'a> {
    rest: &'a [u8],
    piece: usize,
    calls: usize,
}

impl<'a> Pieces<'a> {
    fn new(rest: &'a [u8], piece: usize) -> Self {
        Self {
            rest,
            piece,
            calls: 0,
        }
    }
}

impl Read for Pieces<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let piece = self.fill_buf()?;
        let len = piece.len().min(into.len());
        into[..len].copy_from_slice(&piece[..len]);
        self.consume(len);
        Ok(len)
    }
}

impl BufRead for Pieces<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.calls += 1;
        Ok(&self.rest[..self.piece.min(self.rest.len())])
    }

    fn consume(&mut self, len: usize) {
        assert!(len <= self.piece);
        self.rest = &self.rest[len..];
    }
}

fn read(json: &[u8], piece: usize, limit: usize) -> Result<Vec<u8>, (Kind, u64)> {
    let mut out = Vec::new();
    match Reader::new(limit).read_value(&mut Pieces::new(json, piece), &mut out) {
        Ok(Some(())) => Ok(out),
        Ok(None) => Err((Kind::UnexpectedEnd, json.len() as u64)),
        Err(error) => {
            assert!(out.is_empty());
            Err((error.kind, error.offset))
        }
    }
}

/// JSON that is a little wrong or not at all: tokens in any order.
fn nearly_json() -> impl Strategy<Value = Vec<u8>> {
    let token = prop_oneof![
        prop::sample::select(vec![
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            " ",
            "\n",
            "true",
            "false",
            "null",
            "nul",
            "\"a\"",
            "\"$cbor\"",
            "\"QA\"",
            "\"",
            "\\",
            "\\u",
            "\"\\ud83d\\ude00\"",
            "\"\\ud83d",
            "0",
            "-",
            "-0",
            "12",
            "1.5",
            "e5",
            "E-400",
            "123456789012345678901.5",
            "\u{e9}",
            "\u{1}",
            "{\"a\":1}",
            "{\"b\":[],\"a\":{}}",
            "{\"a\":1,\"a\":2}",
            "{\"$cbor\":\"QA\"}",
        ])
        .prop_map(|token| token.as_bytes().to_vec()),
        prop::collection::vec(any::<u8>(), 1..3),
    ];
    prop::collection::vec(token, 0..24).prop_map(|tokens| tokens.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn every_value_comes_back_through_json(value in common::values()) {
        let cbor = encode(&value).unwrap();
        let text = json::from_cbor(&cbor).unwrap();
        prop_assert!(!text.contains('\n'));
        prop_assert_eq!(json::to_cbor(text.as_bytes()).unwrap(), &cbor[..], "{}", text);
        prop_assert_eq!(json::from_value(&value).unwrap(), &text[..]);
        prop_assert_eq!(json::to_value(text.as_bytes()).unwrap(), value);
    }

    #[test]
    fn every_entity_comes_back_with_its_id(value in common::values(), id in any::<String>()) {
        let payload = encode(&value).unwrap();
        let mut text = Vec::new();
        json::write_entity(&id, &payload, &mut text).unwrap();
        let mut cbor = json::to_cbor(&text).unwrap();
        let split = json::split_id(&mut cbor).unwrap().unwrap();
        prop_assert_eq!(&object::key_text(&split).unwrap(), &id);
        prop_assert_eq!(cbor, payload, "{}", String::from_utf8_lossy(&text));
    }

    #[test]
    fn objects_come_back_as_entities_too(value in common::objects(common::values())) {
        let payload = encode(&value).unwrap();
        let mut text = Vec::new();
        json::write_entity("id", &payload, &mut text).unwrap();
        let mut cbor = json::to_cbor(&text).unwrap();
        json::split_id(&mut cbor).unwrap().unwrap();
        prop_assert_eq!(cbor, payload);
    }

    #[test]
    fn however_the_input_is_cut_the_result_is_the_same(value in common::values(), piece in 1_usize..17) {
        let text = json::from_value(&value).unwrap();
        let mut whole = text.clone().into_bytes();
        whole.push(b'\n');
        prop_assert_eq!(read(&whole, piece, usize::MAX).unwrap(), encode(&value).unwrap());
    }

    #[test]
    fn however_bad_input_is_cut_the_error_is_the_same(text in nearly_json(), piece in 1_usize..17) {
        let whole = read(&text, usize::MAX, usize::MAX);
        prop_assert_eq!(&read(&text, piece, usize::MAX), &whole);
        if let Ok(cbor) = whole {
            entidb_codec::validate(&cbor).unwrap();
            let printed = json::from_cbor(&cbor).unwrap();
            prop_assert_eq!(json::to_cbor(printed.as_bytes()).unwrap(), cbor);
        }
    }

    #[test]
    fn lines_are_read_one_by_one_and_bad_ones_skipped(
        lines in prop::collection::vec(
            prop_oneof![
                common::values().prop_map(|value| json::from_value(&value).unwrap().into_bytes()),
                nearly_json().prop_map(|json| json.into_iter().filter(|&b| b != b'\n').collect()),
                Just(b"  ".to_vec()),
            ],
            0..8,
        ),
        piece in 1_usize..17,
    ) {
        let mut text = lines.join(&b'\n');
        text.push(b'\n');
        let mut input = Pieces::new(&text, piece);
        let mut reader = Reader::new(usize::MAX);
        let mut out = Vec::new();
        for line in &lines {
            let start = out.len();
            let expected = json::to_cbor(line);
            match reader.read_line(&mut input, &mut out) {
                Ok(Line::Value) => prop_assert_eq!(&out[start..], &expected.unwrap()[..]),
                Ok(Line::Blank) => prop_assert!(line.trim_ascii().is_empty()),
                Ok(Line::End) => prop_assert!(false, "the end came too soon"),
                Err(error) => prop_assert_eq!(error.kind, expected.unwrap_err().kind),
            }
        }
        if lines.is_empty() {
            prop_assert_eq!(reader.read_line(&mut input, &mut out).unwrap(), Line::Blank);
        }
        prop_assert_eq!(reader.read_line(&mut input, &mut out).unwrap(), Line::End);
        prop_assert_eq!(reader.read_line(&mut input, &mut out).unwrap(), Line::End);
    }

    #[test]
    fn arrays_are_read_element_by_element(
        values in prop::collection::vec(common::values(), 0..6),
        piece in 1_usize..17,
        space in prop::sample::select(vec!["", " ", "\n \t"]),
    ) {
        let items: Vec<_> = values.iter().map(|value| json::from_value(value).unwrap()).collect();
        let text = format!("{space}[{space}{}{space}]{space}", items.join(&format!("{space},{space}")));
        let mut input = Pieces::new(text.as_bytes(), piece);
        let mut reader = ArrayReader::new(usize::MAX);
        for value in &values {
            let mut out = Vec::new();
            prop_assert_eq!(reader.next_element(&mut input, &mut out).unwrap(), Some(()));
            prop_assert_eq!(out, encode(value).unwrap());
        }
        let mut out = Vec::new();
        prop_assert_eq!(reader.next_element(&mut input, &mut out).unwrap(), None);
        prop_assert_eq!(reader.next_element(&mut input, &mut out).unwrap(), None);
    }
}

#[test]
fn a_line_without_a_line_feed_is_a_line() {
    let mut input = &b"{\"a\":1}\r\n\n 17"[..];
    let mut reader = Reader::new(100);
    let mut out = Vec::new();
    let mut lines = Vec::new();
    loop {
        let line = reader.read_line(&mut input, &mut out).unwrap();
        lines.push(line);
        if line == Line::End {
            break;
        }
    }
    assert_eq!(lines, [Line::Value, Line::Blank, Line::Value, Line::End]);
    assert_eq!(out, b"\xa1\x61a\x01\x11");
}

#[test]
fn a_line_that_is_not_one_value_is_an_error_of_that_line_alone() {
    let mut input = &b"{\"a\":\n1} 2\n[1] 2\n\"\n3\n4"[..];
    let mut reader = Reader::new(100);
    let mut out = Vec::new();
    let kinds: Vec<_> = (0..6)
        .map(|_| {
            reader
                .read_line(&mut input, &mut out)
                .map_err(|error| error.kind)
        })
        .collect();
    assert_eq!(
        kinds,
        [
            Err(Kind::UnexpectedEnd),
            Err(Kind::TrailingBytes),
            Err(Kind::TrailingBytes),
            Err(Kind::UnexpectedEnd),
            Ok(Line::Value),
            Ok(Line::Value),
        ]
    );
    assert_eq!(out, [3, 4]);
}

#[test]
fn bad_arrays_are_named_and_placed() {
    let cases: &[(&str, Kind, u64)] = &[
        ("", Kind::UnexpectedEnd, 0),
        ("{}", Kind::NotAnArray, 0),
        (" 1", Kind::NotAnArray, 1),
        ("\u{feff}[]", Kind::ByteOrderMark, 0),
        ("[", Kind::UnexpectedEnd, 1),
        ("[1", Kind::UnexpectedEnd, 2),
        ("[1,", Kind::UnexpectedEnd, 3),
        ("[1,]", Kind::UnexpectedByte(b']'), 3),
        ("[1, x]", Kind::UnexpectedByte(b'x'), 4),
        ("[1 1]", Kind::UnexpectedByte(b'1'), 3),
        ("[,]", Kind::UnexpectedByte(b','), 1),
        ("[1] 2", Kind::TrailingBytes, 4),
        (
            "[{\"a\":1,\"a\":2}]",
            Kind::DuplicateKey {
                key: "a".to_owned(),
            },
            8,
        ),
    ];
    for (text, kind, offset) in cases {
        let mut input = text.as_bytes();
        let mut reader = ArrayReader::new(100);
        let mut out = Vec::new();
        let error = loop {
            match reader.next_element(&mut input, &mut out) {
                Ok(Some(())) => {}
                Ok(None) => panic!("{text} was taken"),
                Err(error) => break error,
            }
        };
        assert_eq!((&error.kind, error.offset), (kind, *offset), "{text}");
        assert_eq!(reader.next_element(&mut input, &mut out).unwrap(), None);
    }
}

/// Repeats a piece for a long time; counts what is taken of it.
struct Endless {
    start: &'static [u8],
    piece: Vec<u8>,
    piece_len: usize,
    taken: u64,
}

impl Endless {
    fn new(start: &'static [u8], piece: &[u8]) -> Self {
        Self {
            start,
            piece: piece.repeat(10_000),
            piece_len: piece.len(),
            taken: 0,
        }
    }
}

impl Read for Endless {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let from = if self.start.is_empty() {
            &self.piece[..]
        } else {
            self.start
        };
        // Whole pieces only.
        let len = from.len().min(into.len());
        let len = if self.start.is_empty() {
            len - len % self.piece_len
        } else {
            len
        };
        into[..len].copy_from_slice(&from[..len]);
        self.start = self.start.get(len..).unwrap_or_default();
        self.taken += len as u64;
        Ok(len)
    }
}

#[test]
fn what_never_ends_is_refused_while_it_comes() {
    let limit = 1 << 20;
    for (start, piece, is_number) in [
        (&b"\""[..], &b"a"[..], false),
        (b"\"", b"\\n", false),
        (b"[", b"1,", false),
        (b"[", b"\"x\",", false),
        (b"{\"a\":[", b"{},", false),
        (b"{\"$cbor\":\"", b"A", false),
        (b"", b"1", true),
        (b"0.", b"0", true),
        (b"1e", b"0", true),
    ] {
        let mut input = BufReader::new(Endless::new(start, piece));
        let mut out = Vec::new();
        let error = Reader::new(limit)
            .read_value(&mut input, &mut out)
            .unwrap_err();
        let expected = if is_number {
            Kind::TooManyDigits
        } else {
            Kind::TooLarge { limit }
        };
        assert_eq!(error.kind, expected);
        assert!(
            input.get_ref().taken < 8 << 20,
            "{} taken",
            input.get_ref().taken
        );
        assert!(out.capacity() < 4 * limit);
    }
}

#[test]
fn an_error_of_the_stream_is_told_as_such() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("pulled out"))
        }
    }
    let mut input = BufReader::new((&b"[1,"[..]).chain(Broken));
    let mut out = vec![1];
    let error = Reader::new(100)
        .read_line(&mut input, &mut out)
        .unwrap_err();
    assert_eq!(error.kind, Kind::Io);
    assert_eq!(error.offset, 3);
    assert_eq!(
        std::error::Error::source(&error).unwrap().to_string(),
        "pulled out"
    );
    assert_eq!(out, [1]);
}

#[test]
fn an_interrupted_stream_is_read_on() {
    struct Interrupted<'a>(&'a [u8], bool);
    impl Read for Interrupted<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            self.1 = !self.1;
            if self.1 {
                return Err(io::ErrorKind::Interrupted.into());
            }
            self.0.read(&mut into[..1])
        }
    }
    let mut input = BufReader::new(Interrupted(b"[1,\"ab\"]", false));
    let mut out = Vec::new();
    Reader::new(100).read_value(&mut input, &mut out).unwrap();
    assert_eq!(out, b"\x82\x01\x62ab");
}

#[test]
fn values_follow_each_other_in_a_stream() {
    let mut input = &b" {}[1]\"a\" 1 2\ntrue"[..];
    let mut reader = Reader::new(100);
    let mut out = Vec::new();
    let mut count = 0;
    while reader.read_value(&mut input, &mut out).unwrap().is_some() {
        count += 1;
    }
    assert_eq!(count, 6);
    assert_eq!(out, b"\xa0\x81\x01\x61a\x01\x02\xf5");
    assert_eq!(
        json::to_value(b"[{}]").unwrap(),
        Value::Array(vec![Value::Map(vec![])])
    );
}
