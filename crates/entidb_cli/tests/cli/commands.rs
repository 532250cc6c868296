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
fn delete_deletes_a_range_from_its_first_id_to_below_its_last() {
    let place = Place::new();
    let id = |n: u32| format!("00000000-0000-7000-8000-0000000000{n:02}");
    let lines: String = (10..20)
        .map(|n| format!("{{\"_id\":\"{}\"}}\n", id(n)))
        .collect();
    place
        .run_with(&["import", "db", "c", "-"], lines.as_bytes())
        .ok();
    let left = || {
        let out = place.run(&["scan", "db", "c", "--ids"]).ok().out;
        let left = out.lines().map(|id| id[34..].parse::<u32>());
        left.map(Result::unwrap).collect::<Vec<_>>()
    };
    let delete = |args: &[&str]| place.run(&[&["delete", "db", "c"], args].concat());
    delete(&["--from", &id(13), "--to", &id(16)])
        .ok()
        .prints("");
    assert_eq!(left(), [10, 11, 12, 16, 17, 18, 19]);
    delete(&["--from", &id(13), "--to", &id(16)]).says(1, "nothing was deleted");
    delete(&["--to", &id(11)]).ok();
    delete(&["--from", &id(19)]).ok();
    assert_eq!(left(), [11, 12, 16, 17, 18]);
    delete(&["--from", &id(12), "--to", &id(12)]).says(2, "the range is empty");
    delete(&["--from", &id(16), "--to", &id(12)]).says(2, "is not below");
    delete(&[&id(12), "--from", &id(12)]).says(2, "cannot be used with");
    place
        .run(&["delete", "db", "nope", "--from", &id(1)])
        .says(1, "there is no collection nope; db has: c");
    assert_eq!(left(), [11, 12, 16, 17, 18]);
    place.run(&["verify", "db"]).ok();
}

#[test]
fn drop_takes_a_collection_away_and_no_other() {
    let place = Place::new();
    for collection in ["a", "b"] {
        place
            .run_with(&["put", "db", collection, "key:1"], b"{}")
            .ok();
    }
    place.run(&["drop", "db", "a"]).ok().prints("");
    place
        .run(&["drop", "db", "a"])
        .says(1, "there is no collection a; db has: b");
    place.run(&["get", "db", "b", "key:1"]).ok();
    place.run_with(&["put", "db", "a", "key:2"], b"{}").ok();
    place
        .run(&["scan", "db", "a", "--ids"])
        .ok()
        .prints(&format!("{}\n", id_of("2")));
    place.run(&["verify", "db"]).ok();
}

#[test]
fn compact_gives_room_back_and_changes_nothing_that_can_be_read() {
    let place = Place::new();
    let import = [
        "import",
        "db",
        "c",
        &data("cities.ndjson"),
        "--id",
        "geonameid",
    ];
    place.run(&import).ok();
    let stat = |name: &str| {
        let out = place.run(&["stats", "db", "--json"]).ok().out;
        let (_, rest) = out.split_once(&format!("\"{name}\":")).unwrap();
        let digits = rest.split(|c: char| !c.is_ascii_digit()).next();
        digits.unwrap().parse::<u64>().unwrap()
    };
    let whole = stat("log_bytes");
    place
        .run(&[
            "delete",
            "db",
            "c",
            "--from",
            "80000000-0000-0000-0000-000000000000",
        ])
        .ok();
    let before = place.run(&["export", "db", "c"]).ok().out;
    place
        .run(&["compact", "db"])
        .says(0, "db: ")
        .says(0, " before, ")
        .prints("");
    let half = stat("log_bytes");
    assert!(half < whole * 6 / 10, "{half} of {whole}");
    assert_eq!(stat("compressed_bytes"), 0);
    place.run(&["compact", "db", "--lz4"]).ok();
    assert!(stat("log_bytes") < half);
    assert!(stat("compressed_bytes") < stat("raw_bytes"));
    assert!(place.run(&["stats", "db"]).ok().out.contains("compressed"));
    #[cfg(feature = "zstd")]
    {
        let by_lz4 = stat("compressed_bytes");
        place.run(&["compact", "db", "--zstd"]).ok();
        assert!(stat("compressed_bytes") < by_lz4);
        place
            .run(&["compact", "db", "--zstd", "--lz4"])
            .says(2, "cannot be used with");
    }
    #[cfg(not(feature = "zstd"))]
    place.run(&["compact", "db", "--zstd"]).says(2, "--zstd");
    place.run(&["compact", "db"]).ok();
    assert_eq!(place.run(&["export", "db", "c"]).ok().out, before);
    place.run(&["verify", "db"]).ok();
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
        &["compact", "db"],
        &["drop", "db", "c"],
        &["delete", "db", "c", "key:a"],
        &["delete", "db", "c", "--from", "key:a"],
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
        &["drop", "db", "c"],
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
        &["delete", "db", "c", "--from", "x"],
        &["compact", "db", "--zstd"],
        &["drop", "db"],
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
        "drop",
        "stats",
        "verify",
        "export",
        "compact",
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
    assert!(stats.contains("\"dead_bytes_estimate\":"), "{stats}");
    assert_eq!(stats.lines().count(), 1, "{stats}");
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
