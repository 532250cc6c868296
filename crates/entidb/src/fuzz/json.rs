//! JSON, in one piece and in several.

use std::io::{BufReader, Read};

use entidb_codec::json::{ArrayReader, Line, Reader, from_cbor, split_id, to_cbor};
use entidb_codec::validate;

/// A value may be this long in these tests, in bytes.
const LIMIT_BYTES: usize = 1 << 16;

/// Gives a few bytes at a time.
struct Dribble<'a>(&'a [u8], usize);

impl Read for Dribble<'_> {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        let len = self.1.min(buf.len());
        self.0.read(&mut buf[..len])
    }
}

/// What is read is canonical, comes back from its own JSON, and is the same however the bytes come in.
pub(super) fn json(data: &[u8]) {
    if let Ok(cbor) = to_cbor(data) {
        validate(&cbor).expect("a reader writes canonical bytes");
        let text = from_cbor(&cbor).expect("canonical");
        assert_eq!(to_cbor(text.as_bytes()).expect("of our making"), cbor);
        let mut payload = cbor;
        if split_id(&mut payload).is_ok() {
            validate(&payload).expect("canonical without its id");
        }
    }
    let whole = (lines(data), elements(data));
    for len in [1, 7] {
        let pieces = || BufReader::with_capacity(len, Dribble(data, len));
        assert_eq!(lines(pieces()), whole.0);
        assert_eq!(elements(pieces()), whole.1);
    }
}

/// Each line's value, or what was said of it.
fn lines(mut input: impl std::io::BufRead) -> Vec<Result<Vec<u8>, String>> {
    let mut reader = Reader::new(LIMIT_BYTES);
    let mut lines = Vec::new();
    loop {
        let mut out = Vec::new();
        match reader.read_line(&mut input, &mut out) {
            Ok(Line::End) => return lines,
            Ok(Line::Blank) => assert!(out.is_empty()),
            Ok(Line::Value) => {
                validate(&out).expect("a reader writes canonical bytes");
                assert!(out.len() <= LIMIT_BYTES * 4 / 3 + 64, "{}", out.len());
                lines.push(Ok(out));
            }
            Err(error) => {
                assert!(out.is_empty());
                lines.push(Err(error.to_string()));
            }
        }
    }
}

/// Each element of an array, and what ended it.
fn elements(mut input: impl std::io::BufRead) -> Vec<Result<Vec<u8>, String>> {
    let mut reader = ArrayReader::new(LIMIT_BYTES);
    let mut elements = Vec::new();
    loop {
        let mut out = Vec::new();
        match reader.next_element(&mut input, &mut out) {
            Ok(None) => return elements,
            Ok(Some(())) => {
                validate(&out).expect("a reader writes canonical bytes");
                elements.push(Ok(out));
            }
            Err(error) => elements.push(Err(error.to_string())),
        }
    }
}

pub(super) fn json_seeds() -> Vec<Vec<u8>> {
    let texts = [
        r#"{"_id":"x","name":"Kuk\u00ebs","at":[42.07694,-0,1e300,0.1],"none":null}"#,
        "[1, 22, -333, 123456789012345678901234567890, 3.14159265358979323846264338327950288]",
        "{\"a\":{\"a\":[{}]}}\n\ntrue\n[\"\\ud83d\\ude00\"]\n",
        r#"[{"$cbor":"gfb3"},{"_id":1,"$cbor":"9g"},1.50e-7]"#,
        "\u{feff}{}",
    ];
    texts.map(|text| text.as_bytes().to_vec()).to_vec()
}
