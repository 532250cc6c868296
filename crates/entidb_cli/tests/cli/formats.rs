//! The formats of `entidb import`.

use crate::common::{Place, count, id_of};

#[test]
fn a_byte_order_mark_before_a_file_is_passed_over() {
    let place = Place::new();
    for (name, text) in [
        ("a.ndjson", "\u{feff}{\"n\":1}\n"),
        ("a.json", "\u{feff}[{\"n\":1}]"),
        ("a.csv", "\u{feff}n\n1\n"),
    ] {
        place.write(name, text);
        place
            .run(&["import", "db", "c", name, "--id", "n"])
            .says(0, "1 entity into c");
    }
    assert_eq!(count(&place, "c"), 1);
    place
        .run_with(&["put", "db", "c"], "\u{feff}{}".as_bytes())
        .ok();
}

#[test]
fn json_is_an_array_or_objects_one_after_the_other() {
    let place = Place::new();
    for (json, entities) in [
        (" [ {\"n\":1} ,\n{\"n\":2}\n]\n ", 2),
        ("[]", 0),
        ("{\"n\":1}", 1),
        ("{\n \"n\":1\n}\n{\n \"n\":2\n}{\"n\":3}", 3),
        ("", 0),
    ] {
        place.write("a.JSON", json);
        let noun = if entities == 1 { "entity" } else { "entities" };
        place
            .run(&["import", "db", "c", "a.JSON", "--id", "n"])
            .says(0, &format!("{entities} {noun} into c"));
    }
    for (json, words) in [
        ("[{\"n\":1},\n\n{\"n\":x}]", "element 2, line 3: "),
        (
            "[{\"n\":1},\n7\n]",
            "element 2, line 2: an entity is a JSON object",
        ),
        ("[{\"n\":1}\n{\"n\":2}]", "element 2, line 2"),
        ("[{\"n\":1}] []", "b.json, element 2, line 1: "),
        ("[{\"n\":1}", "element 2, line 1"),
        ("nonsense", "element 1, line 1"),
    ] {
        place.write("b.json", json);
        place.run(&["import", "db", "d", "b.json"]).says(1, words);
    }
    place.write("c.json", "[{\"n\":1},7,{\"n\":2}]");
    place
        .run(&["import", "db", "e", "c.json", "--skip-bad"])
        .says(0, "2 entities into e (1 bad line left out)");
    place.write("d.json", "[{\"n\":1},x,{\"n\":2}]");
    place
        .run(&["import", "db", "e", "d.json", "--skip-bad"])
        .says(1, "nothing can be read past this");
}

#[test]
fn csv_has_a_header_row_and_texts_and_empty_is_absent() {
    let place = Place::new();
    place.write(
        "a.csv",
        "iso,name,note\r\nCH,\"Schweiz, die\",\r\n\r\nAT,Österreich,\"two\nlines \"\"x\"\"\"\r\n",
    );
    place
        .run(&["import", "db", "c", "a.csv", "--id", "iso"])
        .says(0, "2 entities into c:");
    let line = format!(
        "{{\"_id\":\"{}\",\"iso\":\"CH\",\"name\":\"Schweiz, die\"}}\n",
        id_of("CH")
    );
    place.run(&["get", "db", "c", "key:CH"]).ok().prints(&line);
    let line = format!(
        "{{\"_id\":\"{}\",\"iso\":\"AT\",\"name\":\"Österreich\",\"note\":\"two\\nlines \\\"x\\\"\"}}\n",
        id_of("AT")
    );
    place.run(&["get", "db", "c", "key:AT"]).ok().prints(&line);
}

#[test]
fn csv_with_a_bad_row_or_header_is_refused_with_the_line() {
    let place = Place::new();
    for (csv, words) in [
        (
            &b"a,b\n1,2\n\"x\ny\",2\n\n1\n"[..],
            "line 6: 1 fields, where the header row has 2",
        ),
        (b"a,b\n1,2,3\n", "line 2: 3 fields"),
        (b"a,b\n1,\xff\n", "line 2: a text that is not UTF-8"),
        (b"a,a\n1,2\n", "line 1: in the header row, a is there twice"),
        (
            b"a,\n1,2\n",
            "line 1: in the header row, column 2 has no name",
        ),
        (b"", "there is no header row"),
    ] {
        place.write("a.csv", csv);
        place.run(&["import", "db", "c", "a.csv"]).says(1, words);
    }
    place.write("b.csv", "a,b\n1,2\n");
    place
        .run(&["import", "db", "c", "b.csv", "--id", "n"])
        .says(1, "neither _id nor n, but a, b");
    place.write("c.csv", "a,b\n1,2\n1\n,5\n3,4");
    place
        .run(&["import", "db", "c", "c.csv", "--id", "a", "--skip-bad"])
        .says(0, "2 entities into c (2 bad lines left out)")
        .says(0, "left out line 4: there is neither _id nor a");
}

#[test]
fn the_name_tells_the_format_and_a_file_that_is_not_there_makes_no_database() {
    let place = Place::new();
    place
        .run(&["import", "db", "c", "nope.csv"])
        .says(3, "could not read nope.csv");
    place
        .run(&["import", "db", "c", ".", "--format", "csv"])
        .says(3, "could not read .");
    assert!(!place.path("db").exists());
    place
        .write("a.jsonl", "{}")
        .write("b.NDJSON", "{}")
        .write("c.txt", "{}");
    place.run(&["import", "db", "c", "a.jsonl"]).ok();
    place.run(&["import", "db", "c", "b.NDJSON"]).ok();
    place
        .run(&["import", "db", "c", "c.txt", "--format", "ndjson"])
        .ok();
    assert_eq!(count(&place, "c"), 3);
}
