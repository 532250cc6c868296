//! Keys that are none, and places where a key makes nothing.

use std::fs;

use crate::common::{Ended, Place};

const HEX: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
const KEY: [&str; 2] = ["--key-file", "key"];

fn put(place: &Place, db: &str, flags: &[&str]) -> Ended {
    place.run_with(&[&["put", db, "c", "key:a"], flags].concat(), b"{}")
}

fn names(place: &Place, folder: &str) -> Vec<String> {
    let entries = fs::read_dir(place.path(folder)).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_key_file_holds_bytes_or_hex_digits_and_they_are_the_same_key() {
    let place = Place::new();
    let raw: Vec<u8> = (0..2).flat_map(|_| (0..=255).step_by(17)).collect();
    place
        .write("key", HEX)
        .write("raw", raw)
        .write("line", format!("{HEX}\n"))
        .write("upper", format!("{}\r\n", HEX.to_uppercase()));
    put(&place, "db", &KEY).ok();
    for file in ["raw", "line", "upper"] {
        place
            .run(&["get", "db", "c", "key:a", "--key-file", file])
            .ok();
    }
}

#[test]
fn what_is_no_key_is_wrong_use_and_makes_nothing() {
    let place = Place::new();
    for (bytes, words) in [
        (String::new(), "is no key file"),
        ("x".repeat(31), "32 bytes, or 64 hex digits"),
        ("x".repeat(33), "is no key file"),
        ("x".repeat(64), "is no key file"),
        (format!("{HEX} "), "is no key file"),
        (format!("{HEX}\n\n"), "is no key file"),
        ("0".repeat(100_000), "is no key file"),
    ] {
        place.write("bad", &bytes);
        let ended = put(&place, "db", &["--key-file", "bad"]).says(2, words);
        assert_eq!(ended.err.lines().count(), 1, "{ended:?}");
        assert!(!ended.err.contains(HEX), "{ended:?}");
    }
    for (bytes, words) in [
        ("", "bad holds no passphrase"),
        ("\n", "bad holds no passphrase"),
        (&"x".repeat(100_000), "bad is too long for a passphrase"),
    ] {
        place.write("bad", bytes);
        put(&place, "db", &["--passphrase-file", "bad"]).says(2, words);
    }
    for flag in ["--key-file", "--passphrase-file"] {
        put(&place, "db", &[flag, "nowhere"]).says(2, "could not read nowhere: ");
        put(&place, "db", &[flag, "."]).says(2, "could not read .: ");
        put(&place, "db", &[flag]).says(2, flag);
    }
    for value in ["", "abc", &HEX[1..], &format!("{HEX}\n")] {
        let mut command = place.command(&["collections", "db"]);
        let ended = Ended::from(command.env("ENTIDB_KEY", value).output().unwrap());
        ended.says(2, "ENTIDB_KEY is no key");
    }
    assert!(!place.path("db").exists());
}

#[test]
fn a_key_and_a_passphrase_at_once_are_wrong_use_wherever_they_stand() {
    let place = Place::new();
    place.write("key", HEX).write("pass", "word");
    let get = ["get", "db", "c", "key:a"];
    let pass = ["--passphrase-file", "pass"];
    for args in [
        [&get[..], &KEY, &pass].concat(),
        [&KEY[..], &get, &pass].concat(),
        [&KEY[..], &pass, &get].concat(),
        [&["demo"][..], &KEY, &pass].concat(),
    ] {
        place.run(&args).says(2, "not both");
    }
}

#[test]
fn a_key_makes_nothing_in_a_folder_that_holds_other_things() {
    let place = Place::new();
    place.write("key", HEX).write("file", "mine");
    for (folder, name) in [("a", "My notes"), ("b", "notes.txt"), ("c", "000001.log")] {
        fs::create_dir(place.path(folder)).unwrap();
        place.write(&format!("{folder}/{name}"), "mine");
        for flags in [&[][..], &KEY] {
            put(&place, folder, flags).says(3, name);
            for command in ["stats", "verify", "checkpoint"] {
                let ended = place.run(&[&[command, folder], flags].concat());
                assert_ne!(ended.code, Some(0), "{ended:?}");
                assert!(!ended.err.contains("panicked"), "{ended:?}");
            }
        }
        assert_eq!(names(&place, folder), [name]);
    }
    put(&place, "file", &KEY).says(3, "a database is a folder");
    assert_eq!(place.read("file"), "mine");
    // And what only reads makes nothing anywhere.
    fs::create_dir(place.path("empty")).unwrap();
    for db in ["empty", "absent"] {
        for command in ["stats", "verify", "checkpoint", "collections"] {
            place
                .run(&[command, db, "--key-file", "key"])
                .says(3, "there is no database");
        }
    }
    assert!(names(&place, "empty").is_empty());
    assert!(!place.path("absent").exists());
    put(&place, "empty", &KEY).ok();
    put(&place, "absent/deep", &KEY).ok();
}

#[test]
fn a_reader_with_the_key_writes_nothing_beside_a_writer() {
    let place = Place::new();
    place.write("key", HEX);
    put(&place, "db", &KEY).ok();
    let key = place.read("key");
    let bytes: Vec<u8> = (0..32)
        .map(|i| u8::from_str_radix(&key[2 * i..2 * i + 2], 16).unwrap())
        .collect();
    let key = entidb::storage::EncryptionKey::from_bytes(&bytes).unwrap();
    let folder = entidb::storage::FileDirectory::open(&place.path("db")).unwrap();
    let folder = entidb::storage::EncryptedDirectory::open(folder, &key).unwrap();
    let db = entidb::Database::open_in(folder).unwrap();
    let before = names(&place, "db");
    for command in ["stats", "verify", "collections"] {
        place.run(&[command, "db", "--key-file", "key"]).ok();
    }
    put(&place, "db", &KEY).says(3, "open for writing in process");
    assert_eq!(names(&place, "db"), before);
    db.close().unwrap();
}

#[test]
fn of_two_that_make_one_encrypted_database_at_once_neither_loses_anything() {
    for _ in 0..10 {
        let place = Place::new();
        place.write("key", HEX);
        let ended = std::thread::scope(|scope| {
            let run = |id| {
                let args = ["put", "db", "c", id, "--key-file", "key"];
                place.run_with(&args, b"{}")
            };
            let other = scope.spawn(move || run("key:a"));
            [("key:b", run("key:b")), ("key:a", other.join().unwrap())]
        });
        let done: Vec<_> = ended.iter().filter(|(_, e)| e.code == Some(0)).collect();
        assert!(!done.is_empty(), "{ended:?}");
        for (id, _) in done {
            place.run(&["get", "db", "c", id, "--key-file", "key"]).ok();
        }
    }
}

#[test]
fn damage_of_the_keyring_is_found_and_named() {
    let place = Place::new();
    place.write("key", HEX);
    put(&place, "db", &KEY).ok();
    let mut bytes = fs::read(place.path("db/keyring")).unwrap();
    bytes[60] ^= 1;
    place.write("db/keyring", bytes);
    for (damage, words) in [
        ("flip", "the keyring is damaged"),
        ("gone", "the keyring is missing"),
    ] {
        if damage == "gone" {
            fs::remove_file(place.path("db/keyring")).unwrap();
        }
        place
            .run(&["verify", "db", "--key-file", "key"])
            .says(1, words);
        place
            .run(&["stats", "db", "--key-file", "key"])
            .says(3, words);
        put(&place, "db", &KEY).says(3, words);
    }
}

#[test]
fn the_demo_takes_no_key_and_works_with_one_in_the_environment() {
    let place = Place::new();
    place.write("key", HEX);
    place
        .run(&["demo", "--key-file", "key"])
        .says(2, "is not encrypted: leave out --key-file");
    assert!(!place.path("entidb-demo").exists());
    let mut command = place.command(&["demo"]);
    let ended = Ended::from(command.env("ENTIDB_KEY", HEX).output().unwrap()).ok();
    assert!(ended.out.contains("unset ENTIDB_KEY"), "{ended:?}");
    place.run(&["verify", "entidb-demo"]).ok();
}

#[test]
fn the_help_of_the_program_and_of_every_command_names_the_flags() {
    let place = Place::new();
    for args in [&["--help"][..], &["import", "--help"], &["get", "-h"]] {
        let out = place.run(args).ok().out;
        for words in ["--key-file <FILE>", "--passphrase-file <FILE>"] {
            assert!(out.contains(words), "{out}");
        }
    }
    assert!(place.run(&["--help"]).out.contains("ENTIDB_KEY"));
}
