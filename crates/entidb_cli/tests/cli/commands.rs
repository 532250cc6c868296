//! Every command: what it does, and how it says that it could not.

use crate::common::{Place, data, id_of};

const UUID: &str = "01890a5d-ac96-774b-bcce-b302099a8057";
const OTHER: &str = "01890a5d-ac96-774b-bcce-b302099a8058";

#[test]
fn what_is_put_is_got_until_it_is_deleted() {
    let place = Place::new();
    place
        .run_with(
            &["put", "db", "c", "key:ann"],
            b" {\"b\":1.50,\n \"a\":[] } \n",
        )
        .ok()
        .prints(&format!("{}\n", id_of("ann")));
    let line = format!("{{\"_id\":\"{}\",\"a\":[],\"b\":1.5}}\n", id_of("ann"));
    place.run(&["get", "db", "c", "key:ann"]).ok().prints(&line);
    place
        .run(&["get", "db", "c", &id_of("ann")])
        .ok()
        .prints(&line);
    place.run(&["delete", "db", "c", "key:ann"]).ok().prints("");
    place
        .run(&["get", "db", "c", "key:ann"])
        .says(1, "there is no key:ann in c")
        .prints("");
}

#[test]
fn put_takes_the_id_from_the_line_the_object_or_makes_one() {
    let place = Place::new();
    let with_id = format!("{{\"_id\":\"{UUID}\",\"a\":1}}");
    place
        .run_with(&["put", "db", "c"], with_id.as_bytes())
        .ok()
        .prints(&format!("{UUID}\n"));
    place
        .run_with(&["put", "db", "c", UUID], with_id.as_bytes())
        .ok();
    place
        .run(&["get", "db", "c", UUID])
        .prints(&format!("{{\"_id\":\"{UUID}\",\"a\":1}}\n"));
    place
        .run_with(&["put", "db", "c", OTHER], with_id.as_bytes())
        .says(2, "leave one of them out");
    let made = place.run_with(&["put", "db", "c"], b"{}").ok().out;
    assert_eq!(
        made.trim_end()
            .parse::<entidb::EntityId>()
            .map(|_| made.len()),
        Ok(37)
    );
}

#[test]
fn put_refuses_what_is_no_object_and_makes_no_database_of_it() {
    let place = Place::new();
    for (input, words) in [
        (&b""[..], "there is no object"),
        (b"  \n", "there is no object"),
        (b"[{}]", "an entity is a JSON object"),
        (b"7", "an entity is a JSON object"),
        (b"{} {}", "more than one object"),
        (b"{} x", "element 2, line 1"),
        (b"{\"a\":1,\n\"a\":2}", "line 2"),
        (b"{\"_id\":1.5}", "_id is no id"),
        (b"{\"_id\":\"\"}", "_id is empty"),
        (b"{\"a\":", "element 1, line 1"),
    ] {
        place.run_with(&["put", "db", "c"], input).says(1, words);
    }
    assert!(!place.path("db").exists());
    place
        .run_with(&["put", "db", "c", "ann"], b"{}")
        .says(2, "key:VALUE");
    place
        .run_with(&["put", "db", "", "key:a"], b"{}")
        .says(2, "1 to 255 bytes");
    assert!(!place.path("db").exists());
}

#[test]
fn delete_deletes_what_is_there_and_names_what_is_not() {
    let place = Place::new();
    for key in ["key:1", "key:2", "key:3"] {
        place.run_with(&["put", "db", "c", key], b"{}").ok();
    }
    place
        .run(&["delete", "db", "c", "key:1", "key:9", "key:2", "key:1"])
        .says(1, "not in c: key:9; 2 entities deleted");
    place
        .run(&["scan", "db", "c", "--ids"])
        .ok()
        .prints(&format!("{}\n", id_of("3")));
    place.run(&["delete", "db", "c", "key:3", "key:3"]).ok();
    place
        .run(&["delete", "db", "nope", "key:3"])
        .says(1, "there is no collection nope; db has: c");
    place.run(&["delete", "db", "c"]).says(2, "required");
}

#[test]
fn scan_goes_in_id_order_from_where_and_as_far_as_it_is_told() {
    let place = Place::new();
    place
        .run(&[
            "import",
            "db",
            "countries",
            &data("countries.ndjson"),
            "--id",
            "iso",
        ])
        .ok();
    let scan = |args: &[&str]| {
        let all = [&["scan", "db", "countries"], args].concat();
        let out = place.run(&all).ok().out;
        out.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let ids = scan(&["--ids"]);
    assert_eq!(ids.len(), 252);
    assert!(ids.is_sorted());
    let mut descending = scan(&["--ids", "--reverse"]);
    assert_eq!(
        scan(&["--reverse", "--ids", "--limit", "2"]),
        descending[..2]
    );
    assert_eq!(
        scan(&["--reverse", "--ids", "--after", &descending[9]]),
        descending[10..]
    );
    descending.reverse();
    assert_eq!(ids, descending);
    assert_eq!(
        scan(&["--ids", "--after", &ids[99], "--limit", "3"]),
        ids[100..103]
    );
    assert_eq!(scan(&["--after", &ids[251]]), Vec::<String>::new());
    assert_eq!(scan(&["--limit", "0"]), Vec::<String>::new());
    let whole = scan(&[]);
    assert!(
        whole
            .iter()
            .zip(&ids)
            .all(|(line, id)| line.starts_with(&format!("{{\"_id\":\"{id}\",")))
    );
    let at = ids.iter().position(|id| *id == id_of("CH")).unwrap();
    assert_eq!(scan(&["--ids", "--after", "key:CH"]), ids[at + 1..]);
}

#[test]
fn reading_what_is_missing_is_told_apart_from_absent() {
    let place = Place::new();
    for args in [
        &["get", "db", "c", "key:a"][..],
        &["scan", "db", "c"],
        &["export", "db", "c"],
        &["collections", "db"],
        &["stats", "db"],
        &["verify", "db"],
        &["checkpoint", "db"],
        &["delete", "db", "c", "key:a"],
    ] {
        place.run(args).says(3, "there is no database").prints("");
        assert!(!place.path("db").exists(), "{args:?}");
    }
    place.run_with(&["put", "db", "there", "key:a"], b"{}").ok();
    for args in [
        &["get", "db", "c", "key:a"][..],
        &["scan", "db", "c"],
        &["export", "db", "c"],
        &["delete", "db", "c", "key:a"],
    ] {
        place
            .run(args)
            .says(1, "there is no collection c; db has: there")
            .prints("");
    }
}

#[test]
fn wrong_use_ends_with_2() {
    let place = Place::new();
    place.write("a.txt", "{}");
    for args in [
        &["bad"][..],
        &["get", "db", "c"],
        &["get", "db", "c", "ann"],
        &["get", "db", "c", "key:"],
        &["get", "db", "c", "01890a5dac96774bbcceb302099a8057"],
        &["scan", "db", "c", "--limit", "-1"],
        &["scan", "db", "c", "--after", "x"],
        &["import", "db", "c", "a.txt"],
        &["import", "db", "c", "a.txt", "--format", "xml"],
        &["import", "db", "c", "a.txt", "--batch", "0"],
        &[
            "import",
            "db",
            &"x".repeat(256),
            "a.txt",
            "--format",
            "json",
        ],
    ] {
        place.run(args).says(2, "");
    }
    assert!(!place.path("db").exists());
    place.run(&[]).says(2, "Usage: entidb");
    place
        .run(&["import", "db", "c", "a.txt"])
        .says(2, "--format");
}

#[test]
fn help_and_version_are_answers() {
    let place = Place::new();
    assert!(place.run(&["--help"]).ok().out.contains("entidb demo"));
    assert!(place.run(&["--version"]).ok().out.starts_with("entidb "));
    for command in [
        "import",
        "get",
        "put",
        "delete",
        "scan",
        "collections",
        "stats",
        "verify",
        "export",
        "checkpoint",
        "demo",
    ] {
        let help = place.run(&[command, "--help"]).ok().out;
        assert!(
            help.contains(&format!("  entidb {command}")) || help.contains("| entidb"),
            "{help}"
        );
    }
}

#[test]
fn tables_are_for_people_and_json_for_programs() {
    let place = Place::new();
    place
        .run(&["import", "db", "countries", &data("countries.ndjson")])
        .ok();
    place.run_with(&["put", "db", "more"], b"{}").ok();
    place
        .run(&["collections", "db"])
        .ok()
        .prints("collection  entities\ncountries        252\nmore               1\n");
    place.run(&["collections", "db", "--json"]).ok().prints(
        "{\"collections\":[{\"name\":\"countries\",\"entities\":252},{\"name\":\"more\",\"entities\":1}]}\n",
    );
    assert!(place.run(&["stats", "db"]).ok().out.contains("collections"));
    let stats = place.run(&["stats", "db", "--json"]).ok().out;
    assert!(stats.contains("\"collection_count\":2"), "{stats}");
    assert!(place.run(&["verify", "db"]).ok().out.contains("problems"));
    let verify = place.run(&["verify", "db", "--json"]).ok().out;
    assert!(
        verify.contains("\"sound\":true") && verify.contains("\"entity_count\":253"),
        "{verify}"
    );
}

#[test]
fn a_checkpoint_changes_nothing_that_can_be_read() {
    let place = Place::new();
    place
        .run(&[
            "import",
            "db",
            "c",
            &data("countries.ndjson"),
            "--id",
            "iso",
        ])
        .ok();
    let before = place.run(&["export", "db", "c"]).ok().out;
    place.run(&["checkpoint", "db"]).ok().prints("");
    place.run(&["checkpoint", "db"]).ok();
    assert_eq!(place.run(&["export", "db", "c"]).ok().out, before);
    assert!(
        place
            .run(&["stats", "db", "--json"])
            .ok()
            .out
            .contains("\"run_count\":1")
    );
    place.run(&["delete", "db", "c", "key:CH"]).ok();
    place.run(&["get", "db", "c", "key:CH"]).says(1, "");
    place.run(&["verify", "db"]).ok();
}
