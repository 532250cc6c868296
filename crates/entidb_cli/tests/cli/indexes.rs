//! Indexes: made, found by, kept, dropped; and what is said where there is none.

use crate::common::{Place, id_of};

/// Some people, by natural keys.
const PEOPLE: &str = r#"{"_id":"ann","email":"ann@example.com","age":41,"address":{"city":"Bern"},"tags":["red","blue"],"last":"Smith","first":"Ann"}
{"_id":"bob","email":"bob@example.com","age":18.0,"address":{"city":"Basel"},"tags":["red"],"last":"Smith","first":"Bob"}
{"_id":"cid","email":"cid@example.com","age":7,"address":{"city":"Bern"},"last":"Cole","first":"Cid","zip":"00501"}
{"_id":"dee","a.b":{"c d":1},"bio":"A red apple, and RED wine"}
"#;

fn people(options: &[&str]) -> Place {
    let place = Place::new();
    let args = [&["import", "db", "people", "-"], options].concat();
    place.run_with(&args, PEOPLE.as_bytes()).ok();
    place
}

/// The ids of these keys, one a line.
fn ids(keys: &[&str]) -> String {
    keys.iter().map(|key| id_of(key) + "\n").collect()
}

#[test]
fn what_an_import_indexes_is_found() {
    let place = people(&[
        "--unique",
        "email",
        "--index",
        "age",
        "--index",
        "address.city",
        "--index",
        "tags[]",
    ]);
    let line = place.run(&["get", "db", "people", "key:bob"]).ok().out;
    place
        .run(&["find", "db", "people", "email", "bob@example.com"])
        .ok()
        .prints(&line);
    for (asked, keys) in [
        (&["age", "18"][..], &["bob"][..]),
        (&["age", "41.0"], &["ann"]),
        (&["age", "--from", "8"], &["bob", "ann"]),
        (&["age", "--from", "7", "--to", "41"], &["cid", "bob"]),
        (&["age", "--to", "41", "--reverse"], &["bob", "cid"]),
        (&["age", "--from", "7", "--limit", "1"], &["cid"]),
        (&["address.city", "--prefix", "Ba"], &["bob"]),
        (&["tags[]", "blue"], &["ann"]),
    ] {
        let args = [&["find", "db", "people", "--ids"][..], asked].concat();
        place.run(&args).ok().prints(&ids(keys));
    }
    let bern = place.run(&["find", "db", "people", "address.city", "Bern", "--ids"]);
    let mut found: Vec<String> = bern.ok().out.lines().map(str::to_owned).collect();
    let mut expected = vec![id_of("ann"), id_of("cid")];
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
    place
        .run(&["find", "db", "people", "age", "99"])
        .says(1, "nothing in people has that at age");
}

#[test]
fn an_index_is_kept_by_every_later_write_and_gone_once_it_is_dropped() {
    let place = people(&[]);
    let find = [
        "find", "db", "people", "last", "Smith", "first", "Bob", "--ids",
    ];
    place
        .run(&find)
        .says(2, "`entidb index create db people last first`")
        .prints("");
    place
        .run(&["index", "create", "db", "people", "last", "first"])
        .ok();
    place
        .run(&["index", "create", "db", "people", "last", "first"])
        .ok();
    place.run(&find).ok().prints(&ids(&["bob"]));
    place
        .run(&["find", "db", "people", "last", "Cole", "--ids"])
        .ok()
        .prints(&ids(&["cid"]));
    place
        .run_with(
            &["put", "db", "people", "key:bob"],
            br#"{"last":"Smith","first":"Rob"}"#,
        )
        .ok();
    place.run(&find).says(1, "nothing in people");
    place.run(&["delete", "db", "people", "key:ann"]).ok();
    place
        .run(&["find", "db", "people", "last", "Smith", "--ids"])
        .ok()
        .prints(&ids(&["bob"]));
    place
        .run(&["index", "list", "db", "people"])
        .ok()
        .prints("index       kind    state\nlast,first  values  ready\n");
    place.run(&["verify", "db"]).ok();
    place
        .run(&["index", "drop", "db", "people", "last", "first"])
        .ok();
    place.run(&find).says(2, "has no index");
    place
        .run(&["index", "drop", "db", "people", "last"])
        .says(1, "there is no such index on people; it has none");
    place
        .run(&["index", "list", "db", "people", "--json"])
        .ok()
        .prints("[]\n");
}

#[test]
fn a_scan_finds_what_an_index_would() {
    let place = people(&[]);
    for (asked, keys) in [
        (&["age", "18"][..], &["bob"][..]),
        (&["email", "--prefix", "cid@"], &["cid"]),
        (&["\"a.b\".\"c d\"", "1"], &["dee"]),
        (&["zip", "00501"], &["cid"]),
        (&["tags[]", "blue"], &["ann"]),
        (&["last", "Smith", "first", "Ann"], &["ann"]),
    ] {
        let scan = [&["find", "db", "people", "--ids", "--scan"][..], asked].concat();
        place.run(&scan).ok().prints(&ids(keys));
    }
    place
        .run(&["find", "db", "people", "age", "18", "--text", "--scan"])
        .says(1, "nothing in people");
}

#[test]
fn a_unique_index_refuses_a_second_one_and_tells_which_is_there() {
    let place = people(&["--unique", "email"]);
    place
        .run_with(
            &["put", "db", "people", "key:eve"],
            br#"{"email":"ann@example.com"}"#,
        )
        .says(1, &id_of("ann"));
    place
        .run(&["get", "db", "people", "key:eve"])
        .says(1, "there is no");
    place
        .run(&["index", "create", "db", "people", "last", "--unique"])
        .says(1, "last");
    place
        .run(&["index", "list", "db", "people"])
        .ok()
        .prints("index  kind            state\nemail  unique, values  ready\n");
}

#[test]
fn wrong_paths_and_questions_are_refused_with_what_to_do() {
    let place = people(&["--index", "age"]);
    for (args, words) in [
        (
            &["find", "db", "people", "age"][..],
            "there is no VALUE for age",
        ),
        (&["find", "db", "people", "a..b", "1"], "a..b"),
        (
            &["find", "db", "people", "age", "1", "--from", "2"],
            "a last PATH that has no VALUE",
        ),
        (
            &[
                "find", "db", "people", "age", "--from", "1", "--prefix", "2",
            ],
            "cannot be used with",
        ),
        (&["index", "create", "db", "people", "a[", "--unique"], "a["),
        (
            &["index", "create", "db", "people", "age", "--unique"],
            "people has an index on age already, but of another kind (values): drop it first, with `entidb index drop db people age`",
        ),
        (&["find", "db", "people", "", "1"], "the PATH \"\""),
        (
            &["find", "db", "people", "_id", "ann"],
            "`entidb get` finds an entity by its id",
        ),
    ] {
        place.run(args).says(2, words).prints("");
    }
    place
        .run(&["find", "db", "nope", "age", "1"])
        .says(1, "there is no collection nope; db has: people");
    place
        .run(&["index", "list", "nowhere", "people"])
        .says(3, "nowhere");
    place
        .run(&["index", "create", "nowhere", "people", "age"])
        .says(3, "there is no database at nowhere");
    assert!(!place.path("nowhere").exists());
    place
        .run(&["index", "create", "db", "peopel", "age"])
        .says(0, "there was no collection peopel");
    place
        .run_with(
            &["import", "db", "people", "-", "--unique", "age"],
            PEOPLE.as_bytes(),
        )
        .says(2, "people has an index on age already");
    std::fs::create_dir(place.path("else")).unwrap();
    place.write("else/notes.txt", "no database");
    place
        .run(&["find", "else", "people", "age", "1"])
        .says(3, "else: this is not a database: it holds notes.txt");
}

#[test]
fn the_last_of_several_paths_may_have_a_range_or_a_beginning() {
    let place = people(&[]);
    let asked: [(&[&str], &[&str]); 4] = [
        (&["last", "Smith", "age", "--from", "18"], &["bob", "ann"]),
        (&["last", "Smith", "age", "--to", "41"], &["bob"]),
        (&["last", "Smith", "first", "--prefix", "A"], &["ann"]),
        (&["last", "--prefix", "Co"], &["cid"]),
    ];
    for (asked, keys) in asked {
        let scan = [&["find", "db", "people", "--ids", "--scan"], asked].concat();
        let mut found: Vec<String> = place
            .run(&scan)
            .ok()
            .out
            .lines()
            .map(str::to_owned)
            .collect();
        let mut expected: Vec<String> = keys.iter().map(|key| id_of(key)).collect();
        found.sort();
        expected.sort();
        assert_eq!(found, expected, "{asked:?}");
    }
    for paths in [["last", "age"], ["last", "first"]] {
        let create = [&["index", "create", "db", "people"][..], &paths].concat();
        place.run(&create).ok();
    }
    for (asked, keys) in asked {
        let args = [&["find", "db", "people", "--ids"], asked].concat();
        place.run(&args).ok().prints(&ids(keys));
    }
}

#[test]
fn who_asks_for_a_number_that_is_stored_as_a_text_is_told() {
    let place = Place::new();
    let import = ["import", "db", "people", "-", "--index", "zip"];
    place
        .run_with(&import, br#"{"_id":"ann","zip":"12345"}"#)
        .ok();
    let find = ["find", "db", "people", "zip", "12345", "--ids"];
    place
        .run(&find)
        .says(1, "12345 was not read as a text: --text does that");
    let find = [&find[..], &["--text"]].concat();
    place.run(&find).ok().prints(&ids(&["ann"]));
}

#[test]
fn stats_tell_the_indexes_and_their_entries() {
    let place = people(&["--index", "age", "--index", "tags[]"]);
    let stats = place.run(&["stats", "db"]).ok().out;
    let value = |what: &str| {
        let line = stats.lines().find(|line| line.starts_with(what)).unwrap();
        line.split_whitespace().last().unwrap().to_owned()
    };
    assert_eq!(value("indexes"), "2");
    assert_eq!(value("  their entries, about"), "6");
    let json = place.run(&["stats", "db", "--json"]).ok().out;
    assert!(json.contains("\"index_count\":2"), "{json}");
    assert!(json.contains("\"index_entry_count\":6"), "{json}");
    assert!(json.contains("\"feed_floor\":null"), "{json}");
    // What is in an index that is there is not dead.
    place.run(&["compact", "db"]).ok();
    let json = place.run(&["stats", "db", "--json"]).ok().out;
    assert!(json.contains("\"dead_bytes_estimate\":0"), "{json}");
}

#[test]
fn texts_are_found_by_their_words() {
    let place = people(&[]);
    place
        .run(&["find", "db", "people", "bio", "--words", "apple"])
        .says(2, "`entidb index create db people bio --full-text`");
    place
        .run(&["index", "create", "db", "people", "bio", "--full-text"])
        .ok();
    for (asked, found) in [
        (&["--words", "Apple red"][..], true),
        (&["--words", "apple green"], false),
        (&["--any", "apple green"], true),
        (&["--word-prefix", "win"], true),
        (&["--word-prefix", "ine"], false),
    ] {
        let args = [&["find", "db", "people", "bio", "--ids"][..], asked].concat();
        match found {
            true => drop(place.run(&args).ok().prints(&ids(&["dee"]))),
            false => drop(
                place
                    .run(&args)
                    .says(1, "nothing in people has that at bio"),
            ),
        }
    }
    place
        .run(&["index", "drop", "db", "people", "bio"])
        .says(1, "it has: text:bio");
    place
        .run(&["index", "drop", "db", "people", "bio", "--full-text"])
        .ok();
}
