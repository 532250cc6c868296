//! Paths: one spelling each, and what they find is what a walk over values finds.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(dead_code, reason = "not every test file uses all of the strategies")]

mod common;

use entidb_codec::path::{PathError, PathFault};
use entidb_codec::{NESTING_MAX, Path, Value, encode};
use proptest::prelude::*;

#[test]
fn each_spelling_is_read_and_written_in_one_way() {
    let same = [
        "email",
        "address.city",
        "tags[]",
        "lines[].sku",
        "grid[][].x",
        "[].name",
        "naïve.日本",
        "a-b_c$d@e/f:g",
        r#""a.b".c"#,
        r#"a."b c"[]"#,
        r#""""#,
        r#""say \"hi\"""#,
        r#""back\\slash""#,
        r#""a,b""#,
    ];
    for text in same {
        assert_eq!(Path::parse(text).unwrap().to_string(), text);
    }
    let other = [
        (r#""plain"."too"[]"#, "plain.too[]"),
        (r#""\u0061.b""#, r#""a.b""#),
        (r#""\ud83d\ude00""#, "😀"),
        ("\"a\u{7f}\"", "\"a\u{7f}\""),
    ];
    for (text, canonical) in other {
        let path = Path::parse(text).unwrap();
        assert_eq!(path.to_string(), canonical);
        assert_eq!(Path::parse(canonical).unwrap(), path);
    }
}

#[test]
fn what_is_no_path_is_refused_with_the_place() {
    let cases = [
        ("", 0, PathFault::Empty),
        (".", 0, PathFault::NoKey),
        ("a.", 2, PathFault::NoKey),
        ("a..b", 2, PathFault::NoKey),
        (".a", 0, PathFault::NoKey),
        ("a.[]", 2, PathFault::NoKey),
        ("a b", 1, PathFault::NeedsQuotes(' ')),
        ("a]", 1, PathFault::NeedsQuotes(']')),
        ("a,b", 1, PathFault::NeedsQuotes(',')),
        ("a\"b\"", 1, PathFault::NeedsQuotes('"')),
        ("a\u{85}", 1, PathFault::NeedsQuotes('\u{85}')),
        ("é\\", 2, PathFault::NeedsQuotes('\\')),
        ("a[", 2, PathFault::NoIndex),
        ("a[0]", 2, PathFault::NoIndex),
        ("a[]b", 3, PathFault::NoPoint),
        ("\"a\"b", 3, PathFault::NoPoint),
        ("\"a\"\"b\"", 3, PathFault::NoPoint),
        ("\"a", 0, PathFault::BadQuotes),
        ("x.\"a\\\"", 2, PathFault::BadQuotes),
        ("\"\\x\"", 0, PathFault::BadQuotes),
        ("\"\\ud800\"", 0, PathFault::BadQuotes),
        ("\"", 0, PathFault::BadQuotes),
    ];
    for (text, offset, fault) in cases {
        assert_eq!(
            Path::parse(text),
            Err(PathError { offset, fault }),
            "{text:?}"
        );
    }
    let longest = vec!["a"; NESTING_MAX].join(".");
    assert!(Path::parse(&longest).is_ok());
    assert_eq!(
        Path::parse(&format!("{longest}.a")).unwrap_err().fault,
        PathFault::TooLong
    );
    assert!(Path::parse(&"[]".repeat(1_000_000)).is_err());
}

#[test]
fn a_path_stops_where_something_else_is_there() {
    let payload = Value::from([
        ("name", Value::from("Ann")),
        ("tags", ["x", "y"].into_iter().map(Value::from).collect()),
        ("none", Value::Array(Vec::new())),
        ("tagged", Value::Tag(1, Box::new(Value::from([("a", 1)])))),
    ]);
    let payload = encode(&payload).unwrap();
    let count = |path: &str| Path::parse(path).unwrap().find(&payload).count();
    assert_eq!(count("name"), 1);
    assert_eq!(count("tags"), 1);
    assert_eq!(count("tags[]"), 2);
    for path in [
        "name[]", "name.x", "tags.x", "tags[].x", "tags[][]", "none[]", "[]", "nam", "tagged.a",
    ] {
        assert_eq!(count(path), 0, "{path}");
    }
}

#[test]
fn a_path_tells_what_it_is() {
    let path = Path::parse("a.b[].c").unwrap();
    assert!(path.has_each());
    assert_eq!(path.first_key(), Some("a"));
    assert_eq!(Path::parse("[].c").unwrap().first_key(), None);
    assert!(!Path::key("a[]").has_each());
    assert_eq!(Path::key("a[]").to_string(), r#""a[]""#);
}

/// A step as the test knows it.
#[derive(Debug, Clone)]
enum Step {
    Key(String),
    Each,
}

/// The text of a path with every key in quotes.
fn spell(steps: &[Step]) -> String {
    let mut text = String::new();
    for step in steps {
        match step {
            Step::Each => text.push_str("[]"),
            Step::Key(key) => {
                if !text.is_empty() {
                    text.push('.');
                }
                text.push_str(&entidb_codec::json::from_value(&Value::from(key.as_str())).unwrap());
            }
        }
    }
    text
}

/// What a path finds, found in values.
fn walk<'a>(value: &'a Value, steps: &[Step]) -> Vec<&'a Value> {
    let Some((step, rest)) = steps.split_first() else {
        return vec![value];
    };
    let inside: Vec<&Value> = match step {
        Step::Key(key) => value.get(key).into_iter().collect(),
        Step::Each => value.as_array().unwrap_or_default().iter().collect(),
    };
    inside
        .into_iter()
        .flat_map(|value| walk(value, rest))
        .collect()
}

/// Values whose keys are few, so that paths meet them.
fn documents() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        2 => any::<i16>().prop_map(Value::from),
        1 => "[a-c.é]{0,30}".prop_map(Value::from),
        1 => Just(Value::from(u128::MAX)),
        1 => Just(Value::Tag(0, Box::new(Value::from("x")))),
    ];
    leaf.prop_recursive(5, 64, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::Array),
            prop::collection::btree_map(keys(), inner, 0..5)
                .prop_map(|map| map.into_iter().collect()),
        ]
    })
}

fn keys() -> impl Strategy<Value = String> {
    prop_oneof![
        5 => prop::sample::select(vec!["a", "b", "ab", "", "a.b", "é"]).prop_map(str::to_owned),
        1 => any::<String>(),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(
        prop_oneof![3 => keys().prop_map(Step::Key), 2 => Just(Step::Each)],
        1..5,
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_path_finds_what_a_walk_over_the_values_finds(document in documents(), steps in steps()) {
        let path = Path::parse(&spell(&steps)).unwrap();
        let bytes = encode(&document).unwrap();
        let found: Vec<&[u8]> = path.find(&bytes).collect();
        let expected: Vec<Vec<u8>> = walk(&document, &steps)
            .into_iter()
            .map(|value| encode(value).unwrap())
            .collect();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn every_path_has_one_spelling(steps in steps()) {
        let path = Path::parse(&spell(&steps)).unwrap();
        let text = path.to_string();
        let again = Path::parse(&text).unwrap();
        prop_assert_eq!(&again, &path);
        prop_assert_eq!(again.to_string(), text);
    }

    #[test]
    fn any_text_is_a_path_or_an_error(text in "[a-c.\\[\\]\"\\\\, é]{0,12}") {
        if let Ok(path) = Path::parse(&text) {
            prop_assert_eq!(Path::parse(&path.to_string()), Ok(path));
        }
    }

    #[test]
    fn hostile_bytes_never_panic_or_hang(
        bytes in prop::collection::vec(any::<u8>(), 0..64),
        steps in steps(),
    ) {
        let path = Path::parse(&spell(&steps)).unwrap();
        prop_assert!(path.find(&bytes).count() <= bytes.len());
    }
}

#[test]
fn depth_and_claimed_counts_cost_nothing() {
    let path = Path::parse(&"[]".repeat(NESTING_MAX)).unwrap();
    let deep = vec![0x81; 1_000_000];
    assert_eq!(path.find(&deep).count(), 0);
    let mut nested = vec![0x81; NESTING_MAX];
    nested.push(0x00);
    assert_eq!(path.find(&nested).collect::<Vec<_>>(), [[0x00]]);
    let claims = [0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
    assert_eq!(Path::parse("[]").unwrap().find(&claims).count(), 0);
    assert_eq!(Path::parse("a").unwrap().find(&claims).count(), 0);
}
