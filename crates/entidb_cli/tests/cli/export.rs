//! `entidb export`, and that an import of an export gives an equal database.

use std::path::Path;

use crate::common::{Place, data};

/// The real data that is handed around beside the repository.
const SHARED: &str = "/work/shared/data";

/// Imports a file, exports it, imports the export, exports again: the same.
#[track_caller]
fn comes_back(place: &Place, file: &str, id: &str) {
    let collection = Path::new(file).file_stem().unwrap().to_str().unwrap();
    place
        .run(&["import", "first", collection, file, "--id", id])
        .ok();
    let out = format!("{collection}.ndjson");
    place
        .run(&["export", "first", collection, &out, "--force"])
        .ok();
    place.run(&["import", "second", collection, &out]).ok();
    let again = place.run(&["export", "second", collection]).ok().out;
    assert!(again == place.read(&out), "{collection}");
    let collections = |db| place.run(&["collections", db]).ok().out;
    assert_eq!(collections("first"), collections("second"));
}

#[test]
fn the_data_that_the_program_carries_comes_back_equal() {
    let place = Place::new();
    comes_back(&place, &data("countries.ndjson"), "iso");
    comes_back(&place, &data("cities.ndjson"), "geonameid");
}

#[test]
fn the_shared_data_comes_back_equal() {
    for (file, id) in [
        ("countries.json", "iso"),
        ("cities.ndjson", "geonameid"),
        ("packages.ndjson", "name"),
    ] {
        let file = Path::new(SHARED).join(file);
        if file.exists() {
            comes_back(&Place::new(), file.to_str().unwrap(), id);
        } else {
            println!("not run: {} is not here", file.display());
        }
    }
}

#[test]
fn what_json_cannot_say_comes_back_equal() {
    let place = Place::new();
    let db = entidb::Database::open(place.path("first")).unwrap();
    let put = |key: &str, cbor: &[u8]| {
        let payload = entidb::Payload::from_canonical(cbor.to_vec()).unwrap();
        let id = entidb::EntityId::from_key(key);
        db.write(|tx| tx.put_payload("c", id, &payload)).unwrap();
    };
    put("integer", b"\x07");
    put("bytes", b"\xa1\x61b\x42\x00\xff");
    put("keys", b"\xa1\x01\x02");
    put("cbor", b"\xa1\x65$cbor\x63AQI");
    put("id", b"\xa1\x63_id\x01");
    put("nan", b"\xa1\x61f\xf9\x7e\x00");
    put("empty", b"\xa0");
    db.close().unwrap();
    place.run(&["export", "first", "c", "c.ndjson"]).ok();
    place
        .run(&["import", "second", "c", "c.ndjson"])
        .says(0, "7 entities into c:");
    let all = |name| {
        let db = entidb::Database::open(place.path(name)).unwrap();
        let scan = db.snapshot().scan("c");
        scan.map(|entity| entity.unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(all("first"), all("second"));
}

#[test]
fn an_export_replaces_no_file_without_force_and_leaves_no_half_of_one() {
    let place = Place::new();
    place
        .run_with(&["put", "db", "c", "key:a"], b"{\"a\":1}")
        .ok();
    place.write("out.ndjson", "mine");
    place
        .run(&["export", "db", "c", "out.ndjson"])
        .says(2, "--force");
    assert_eq!(place.read("out.ndjson"), "mine");
    place
        .run(&["export", "db", "c", "out.ndjson", "--force"])
        .says(0, "1 entity in out.ndjson");
    let line = place.run(&["get", "db", "c", "key:a"]).out;
    assert_eq!(place.read("out.ndjson"), line);
    place
        .run(&["export", "db", "c", "new.ndjson"])
        .ok()
        .prints("");
    assert_eq!(place.read("new.ndjson"), line);
    place.run(&["export", "db", "c", "-"]).ok().prints(&line);
    place
        .run(&["export", "db", "c", "nowhere/out"])
        .says(3, "could not write nowhere/out");
    place
        .run(&["export", "db", "c", "."])
        .says(2, "is a folder");
    place
        .run(&["export", "db", "c", "db", "--force"])
        .says(2, "is a folder");
    let names: Vec<_> = std::fs::read_dir(place.path(""))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(names.len(), 3, "{names:?}");
}

#[cfg(unix)]
#[test]
fn an_export_follows_a_link_and_replaces_what_it_leads_to() {
    let place = Place::new();
    place
        .run_with(&["put", "db", "c", "key:a"], b"{\"a\":1}")
        .ok();
    place.write("target", "mine");
    std::os::unix::fs::symlink("target", place.path("link")).unwrap();
    place.run(&["export", "db", "c", "link", "--force"]).ok();
    assert!(place.path("link").is_symlink());
    assert!(place.read("target").contains("\"a\":1"));
    // A device is written to as it is, and stays one.
    place
        .run(&["export", "db", "c", "/dev/null", "--force"])
        .ok();
    assert!(!Path::new("/dev/null").metadata().unwrap().is_file());
}
