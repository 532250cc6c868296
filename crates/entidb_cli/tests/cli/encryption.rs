//! Encrypted databases: the key on the command line, and what is said of a wrong one.

use std::collections::BTreeMap;
use std::fs;

use crate::common::{Ended, Place, data};

const HEX: &str = "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF";
const OTHER_HEX: &str = "ff112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
/// What is in the database, and must not be in its files.
const SECRET: &str = "Ann of the hidden valley";
const KEY: [&str; 2] = ["--key-file", "key"];
const OTHER: [&str; 2] = ["--key-file", "other"];
const PASSPHRASE: [&str; 2] = ["--passphrase-file", "pass"];

/// A place with keys, an encrypted database `db` and a plain one, `plain`.
fn place() -> Place {
    let place = Place::new();
    place
        .write("key", HEX)
        .write("other", OTHER_HEX)
        .write("object", "{}")
        .write("pass", "correct horse\n")
        .write(
            "in.ndjson",
            format!("{{\"_id\":\"ann\",\"name\":\"{SECRET}\"}}\n"),
        );
    let import = |db| ["import", db, "people", "in.ndjson"];
    with(&place, &import("db"), &KEY).says(0, "1 entity into people");
    place.run(&import("plain")).ok();
    place
}

fn with(place: &Place, args: &[&str], key: &[&str]) -> Ended {
    place.run_with(&[args, key].concat(), b"{}")
}

fn with_variable(place: &Place, args: &[&str], value: &str) -> Ended {
    let mut command = place.command(args);
    command
        .env("ENTIDB_KEY", value)
        .stdin(fs::File::open(place.path("object")).unwrap());
    Ended::from(command.output().unwrap())
}

/// Every command that reads a database, and then those that write.
fn commands(db: &str) -> [Vec<&str>; 10] {
    [
        vec!["get", db, "people", "key:ann"],
        vec!["scan", db, "people"],
        vec!["collections", db],
        vec!["stats", db],
        vec!["verify", db],
        vec!["export", db, "people"],
        vec!["checkpoint", db],
        vec!["delete", db, "people", "key:ann"],
        vec!["put", db, "people", "key:bob"],
        vec!["import", db, "people", "in.ndjson"],
    ]
}

/// The files of a folder, and what they hold.
fn files(place: &Place, folder: &str) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(place.path(folder)).unwrap();
    let read = |entry: fs::DirEntry| {
        let name = entry.file_name().into_string().unwrap();
        (name, fs::read(entry.path()).unwrap())
    };
    entries.map(|entry| read(entry.unwrap())).collect()
}

fn shows(bytes: &[u8], text: &str) -> bool {
    bytes
        .windows(text.len())
        .any(|part| part == text.as_bytes())
}

#[test]
fn every_command_takes_the_key_and_does_what_it_does_without_one() {
    let place = place();
    for (encrypted, plain) in commands("db").iter().zip(commands("plain")) {
        let expected = place.run_with(&plain, b"{\"name\":\"Bob\"}").ok();
        let args = [&encrypted[..], &KEY].concat();
        let ended = place.run_with(&args, b"{\"name\":\"Bob\"}").ok();
        if plain[0] == "stats" || plain[0] == "verify" {
            // The sizes differ, the lines do not.
            assert_eq!(ended.out.lines().count(), expected.out.lines().count());
        } else {
            assert_eq!(ended.out, expected.out, "{plain:?}");
        }
    }
    // It may stand before the command as well.
    let get = ["get", "db", "people", "key:bob"];
    place.run(&[&KEY[..], &get].concat()).ok();
}

#[test]
fn the_export_of_an_encrypted_database_equals_that_of_a_plain_one() {
    let place = place();
    let cities = data("cities.ndjson");
    let import = |db| ["import", db, "cities", &cities, "--id", "geonameid"].map(str::to_owned);
    for (db, key) in [("db", &KEY[..]), ("plain", &[])] {
        let args = import(db);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        with(&place, &args, key).ok();
        with(&place, &["checkpoint", db], key).ok();
        let verified = with(&place, &["verify", db, "--json"], key).ok().out;
        assert!(verified.contains("\"sound\":true"), "{verified}");
        assert!(verified.contains("\"entity_count\":6205"), "{verified}");
    }
    let plain = place.run(&["export", "plain", "cities"]).ok().out;
    assert_eq!(plain.lines().count(), 6204);
    let encrypted = with(&place, &["export", "db", "cities"], &KEY).ok().out;
    assert!(encrypted == plain);
}

#[test]
fn no_file_of_an_encrypted_database_shows_an_entity() {
    let place = place();
    with(&place, &["checkpoint", "db"], &KEY).ok();
    let names = files(&place, "db");
    assert!(names.contains_key("keyring"), "{:?}", names.keys());
    for (name, bytes) in names {
        for text in [SECRET, "hidden valley", "people", "name"] {
            assert!(!shows(&bytes, text), "{text} in {name}");
        }
    }
    // The same look finds it where it is.
    let plain = files(&place, "plain");
    assert!(plain.values().any(|bytes| shows(bytes, SECRET)));
}

#[test]
fn a_wrong_key_is_one_sentence_and_changes_nothing() {
    let place = place();
    let before = files(&place, "db");
    for args in commands("db") {
        let ended = with(&place, &args, &OTHER)
            .says(3, "db does not open with the key in other: ")
            .says(3, "wrong key")
            .prints("");
        assert_eq!(ended.err.lines().count(), 1, "{ended:?}");
        with(&place, &args, &PASSPHRASE).says(3, "opens with a key, not a passphrase");
    }
    assert!(files(&place, "db") == before);
}

#[test]
fn without_its_key_an_encrypted_database_names_the_flags_and_is_left_alone() {
    let place = place();
    let before = files(&place, "db");
    for args in commands("db") {
        let ended = with(&place, &args, &[])
            .says(3, "db is encrypted")
            .says(3, "--key-file")
            .says(3, "ENTIDB_KEY")
            .says(3, "--passphrase-file")
            .prints("");
        assert_eq!(ended.err.lines().count(), 1, "{ended:?}");
    }
    assert!(files(&place, "db") == before);
}

#[test]
fn a_key_for_a_plain_database_is_one_sentence_and_changes_nothing() {
    let place = place();
    let before = files(&place, "plain");
    for args in commands("plain") {
        for (ended, origin) in [
            (with(&place, &args, &KEY), "the key in key"),
            (with(&place, &args, &PASSPHRASE), "the passphrase in pass"),
            (with_variable(&place, &args, HEX), "the key in ENTIDB_KEY"),
        ] {
            let words = format!("plain is not encrypted: open it without {origin}");
            let ended = ended.says(3, &words).prints("");
            assert_eq!(ended.err.lines().count(), 1, "{ended:?}");
        }
    }
    assert!(files(&place, "plain") == before);
}

#[test]
fn a_passphrase_makes_a_database_and_opens_it() {
    let place = place();
    let input = b"{\"name\":\"Ann\"}";
    let put = ["put", "new", "c", "key:ann", "--passphrase-file", "pass"];
    place.run_with(&put, input).ok();
    // One newline at the end is none of it, and any other is.
    place
        .write("bare", "correct horse")
        .write("two", "correct horse\n\n");
    let get = ["get", "new", "c", "key:ann"];
    let line = with(&place, &get, &PASSPHRASE).ok().out;
    assert!(line.contains("\"name\":\"Ann\""), "{line}");
    with(&place, &get, &["--passphrase-file", "bare"])
        .ok()
        .prints(&line);
    with(&place, &get, &["--passphrase-file", "two"])
        .says(3, "new does not open with the passphrase in two: ")
        .says(3, "wrong passphrase");
    with(&place, &get, &KEY).says(3, "opens with a passphrase, not a key");
    with(&place, &["verify", "new"], &PASSPHRASE).ok();
}

#[test]
fn a_key_in_the_environment_is_as_good_and_a_flag_goes_before_it() {
    let place = place();
    let get = ["get", "db", "people", "key:ann"];
    let line = with(&place, &get, &KEY).ok().out;
    with_variable(&place, &get, HEX).ok().prints(&line);
    with_variable(&place, &get, OTHER_HEX).says(3, "the key in ENTIDB_KEY");
    let flagged = [&get[..], &KEY].concat();
    for value in [OTHER_HEX, "no key"] {
        with_variable(&place, &flagged, value).ok().prints(&line);
    }
    with_variable(&place, &["import", "new", "people", "in.ndjson"], HEX).ok();
    let new = ["get", "new", "people", "key:ann"];
    with(&place, &new, &KEY).ok().prints(&line);
    place.run(&new).says(3, "new is encrypted");
}
