//! `entidb import`: what comes in, under which id, and what a bad line does.

use std::io::Write as _;
use std::process::Stdio;

use crate::common::{Place, count, data, id_of};

#[test]
fn ids_come_from_the_id_the_field_or_are_made() {
    let place = Place::new();
    let uuid = "01890a5d-ac96-774b-bcce-b302099a8057";
    place.write(
        "a.ndjson",
        format!(
            "{{\"_id\":\"{uuid}\",\"n\":1}}\r\n\n  \n{{\"n\":2}}\n{{\"n\":-36893488147419103232}}\n{{\"n\":\"{uuid}8\"}}\n{{\"_id\":7,\"n\":null}}"
        ),
    );
    place
        .run(&["import", "db", "c", "a.ndjson", "--id", "n"])
        .says(0, "5 entities into c:")
        .says(0, "all are durable")
        .prints("");
    for (id, payload) in [
        (uuid.to_owned(), "\"n\":1"),
        (id_of("2"), "\"n\":2"),
        (
            id_of("-36893488147419103232"),
            "\"n\":-36893488147419103232",
        ),
        (id_of(&format!("{uuid}8")), &format!("\"n\":\"{uuid}8\"")),
        (id_of("7"), "\"n\":null"),
    ] {
        place
            .run(&["get", "db", "c", &id])
            .ok()
            .prints(&format!("{{\"_id\":\"{id}\",{payload}}}\n"));
    }
    place
        .run_with(&["import", "db", "d", "-"], b"{\"n\":1}\n{\"n\":1}")
        .says(0, "2 entities into d:");
    assert_eq!(count(&place, "d"), 2);
}

#[test]
fn an_id_that_is_there_already_is_replaced_and_counted() {
    let place = Place::new();
    let args = ["import", "db", "c", "-", "--id", "n"];
    place
        .run_with(&args, b"{\"n\":1,\"v\":1}\n{\"n\":2}\n{\"n\":1,\"v\":2}\n")
        .says(0, "3 entities into c (1 replaced)");
    place
        .run_with(&args, b"{\"n\":1,\"v\":3}\n{\"n\":3}\n")
        .says(0, "2 entities into c (1 replaced)");
    assert_eq!(count(&place, "c"), 3);
    assert!(
        place
            .run(&["get", "db", "c", "key:1"])
            .out
            .contains("\"v\":3")
    );
}

#[test]
fn a_bad_line_ends_it_and_only_its_batch_is_lost() {
    let place = Place::new();
    let lines = "{\"n\":1}\n{\"n\":2}\n{\"n\":3}\n{\"n\":4,}\n{\"n\":5}\n";
    let args = ["import", "db", "c", "-", "--id", "n", "--batch", "2"];
    place
        .run_with(&args, lines.as_bytes())
        .says(1, "line 4, byte 8: ")
        .says(
            1,
            "nothing of its batch was kept; 2 entities are in and durable",
        );
    assert_eq!(count(&place, "c"), 2);
    let skipping = [&args[..], &["--skip-bad"]].concat();
    place
        .run_with(&skipping, lines.as_bytes())
        .says(0, "left out line 4, byte 8")
        .says(0, "4 entities into c (2 replaced, 1 bad line left out)");
    assert_eq!(count(&place, "c"), 4);
    place
        .run_with(&["import", "new", "c", "-"], b"{")
        .says(1, "line 1, byte 2")
        .says(1, "nothing was kept");
}

#[test]
fn every_kind_of_bad_line_is_refused_with_its_number() {
    let place = Place::new();
    let nested = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    for line in [
        &nested,
        &format!("{{\"n\":1,\"a\":{nested}}}"),
        "[1]",
        "1",
        "null",
        "{\"n\":1} {\"n\":2}",
        "{\"n\":1,\"n\":2}",
        "{\"n\":1e999}",
        "{\"n\":\"\\ud800\"}",
        "{\"n\":\"",
        "{\"n\":\"\u{1}\"}",
        "\u{feff}{\"n\":1}",
        "{\"n\":\"\"}",
        "{\"n\":1.0}",
        "{\"n\":true}",
        "{\"n\":null}",
        "{\"n\":[1]}",
        "{\"n\":{}}",
        "{\"m\":1}",
        "{\"_id\":null,\"n\":1}",
        "{\"_id\":\"\",\"n\":1}",
        "{\"_id\":\"a\",\"$cbor\":\"!\"}",
        "{\"$cbor\":\"AQ\"}",
    ] {
        let input = format!("{{\"n\":0}}\n\n{line}\n{{\"n\":9}}\n");
        place
            .run_with(&["import", "db", "c", "-", "--id", "n"], input.as_bytes())
            .says(1, "standard input, line 3");
        place
            .run_with(
                &["import", "db", "s", "-", "--id", "n", "--skip-bad"],
                input.as_bytes(),
            )
            .says(0, "1 bad line left out");
    }
    assert_eq!(count(&place, "s"), 2);
    place
        .run(&["scan", "db", "c"])
        .says(1, "there is no collection c");
    let input = b"{\"n\":0}\n{\"n\":\"\xff\"}\n";
    place
        .run_with(&["import", "db", "c", "-"], input)
        .says(1, "line 2");
}

#[test]
fn what_is_no_database_is_left_alone() {
    let place = Place::new();
    place.write("file", "something");
    std::fs::create_dir(place.path("folder")).unwrap();
    place.write("folder/precious.txt", "something");
    for db in ["file", "folder"] {
        place
            .run_with(&["put", db, "c"], b"{}")
            .says(3, "is not a database");
        place
            .run_with(&["import", db, "c", "-"], b"{}")
            .says(3, "is not a database");
        for args in [
            &["get", db, "c", "key:a"][..],
            &["collections", db],
            &["checkpoint", db],
            &["verify", db],
        ] {
            place.run(args).says(3, "not a d").prints("");
        }
    }
    assert_eq!(place.read("file"), "something");
    assert_eq!(std::fs::read_dir(place.path("folder")).unwrap().count(), 1);
}

#[test]
fn acknowledged_ids_come_in_the_order_of_the_lines() {
    let place = Place::new();
    let args = [
        "import",
        "db",
        "c",
        &data("countries.ndjson"),
        "--id",
        "iso",
        "--ack",
        "--batch",
        "7",
    ];
    let out = place.run(&args).says(0, "252 entities").out;
    let countries = std::fs::read_to_string(data("countries.ndjson")).unwrap();
    let expected: String = countries
        .lines()
        .map(|line| {
            let at = line.find("\"iso\":\"").unwrap() + 7;
            format!("{}\n", id_of(&line[at..at + 2]))
        })
        .collect();
    assert_eq!(out, expected);
}

#[test]
fn an_atomic_import_is_there_whole_or_not_at_all() {
    let place = Place::new();
    let args = ["import", "db", "c", "-", "--id", "n", "--atomic"];
    place
        .run_with(&args, b"{\"n\":1}\n{\"n\":2}\n{\"n\":1,\"v\":2}\n")
        .says(0, "3 entities into c (1 replaced)");
    place
        .run_with(&args, b"{\"n\":3}\n{\"n\":4}\n{\"n\":")
        .says(1, "line 3")
        .says(1, "nothing was kept");
    assert_eq!(count(&place, "c"), 2);
    for other in ["--ack", "--batch=7"] {
        let both = [&args[..], &[other]].concat();
        place.run(&both).says(2, "cannot be used with");
    }
}

#[test]
fn an_atomic_import_larger_than_its_memory_leaves_nothing_when_it_is_killed() {
    let place = Place::new();
    let args = ["import", "db", "c", "-", "--id", "n", "--atomic"];
    let body = "x".repeat(64 << 10);
    let line = |n: u32| format!("{{\"n\":{n},\"body\":\"{body}\"}}\n");
    let streams = || {
        let names = std::fs::read_dir(place.path("db")).into_iter().flatten();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.ends_with(".seg")).count()
    };
    let mut command = place.command(&args);
    command.stdin(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    // Until it has written more than it may hold in memory.
    let mut fed = 0;
    while streams() == 0 {
        input.write_all(line(fed).as_bytes()).unwrap();
        fed += 1;
        assert!(fed < 4_000, "nothing is spilled");
    }
    child.kill().unwrap();
    child.wait().unwrap();
    place.run(&["verify", "db"]).ok();
    let collections = place.run(&["collections", "db", "--json"]).ok().out;
    assert!(!collections.contains(":1"), "{collections}");
    let all: String = (0..fed + 50).map(line).collect();
    place
        .run_with(&args, all.as_bytes())
        .says(0, &format!("{} entities into c:", fed + 50));
    assert_eq!(count(&place, "c"), fed as usize + 50);
    place.run(&["verify", "db"]).ok();
}
