//! Real data goes in, comes out and goes in again to the same bytes: a sample that the repository
//! carries, and the shared files where they are.
//!
//! The sample's packages are from the metadata of the Debian archive, its cities from GeoNames
//! (geonames.org, CC BY 4.0).

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufRead, BufReader};
use std::path::Path;

use entidb_codec::json::{self, ArrayReader, Line, Reader};
use entidb_codec::{decode, encode, object, validate};

const LIMIT: usize = 64 << 20;

/// What holds for the payload of every entity.
fn check(cbor: &[u8]) {
    validate(cbor).unwrap();
    assert_eq!(encode(&decode(cbor).unwrap()).unwrap(), cbor);
    let text = json::from_cbor(cbor).unwrap();
    assert_eq!(json::to_cbor(text.as_bytes()).unwrap(), cbor);

    let mut payload = cbor.to_vec();
    let id = json::split_id(&mut payload).unwrap();
    let id = id.map_or("new".into(), |id| {
        object::key_text(&id).unwrap().into_owned()
    });
    let mut entity = Vec::new();
    json::write_entity(&id, &payload, &mut entity).unwrap();
    let mut again = json::to_cbor(&entity).unwrap();
    let id_again = json::split_id(&mut again).unwrap().unwrap();
    assert_eq!(object::key_text(&id_again).unwrap(), id);
    assert_eq!(again, payload);
}

fn check_lines(mut input: impl BufRead) -> usize {
    let mut reader = Reader::new(LIMIT);
    let mut cbor = Vec::new();
    let mut count = 0;
    while reader.read_line(&mut input, &mut cbor).unwrap() == Line::Value {
        check(&cbor);
        cbor.clear();
        count += 1;
    }
    count
}

/// A shared file, or a word about why not.
#[expect(clippy::print_stdout, reason = "says why a test did not run")]
fn shared(name: &str) -> Option<BufReader<std::fs::File>> {
    let path = Path::new("/work/shared/data").join(name);
    match std::fs::File::open(&path) {
        Ok(file) => Some(BufReader::new(file)),
        Err(error) => {
            println!("not run: {}: {error}", path.display());
            None
        }
    }
}

#[test]
fn the_sample_comes_back() {
    assert_eq!(check_lines(&include_bytes!("sample.ndjson")[..]), 6);
}

#[test]
fn the_packages_come_back() {
    if let Some(input) = shared("packages.ndjson") {
        assert!(check_lines(input) >= 60_000);
    }
}

#[test]
fn the_cities_come_back() {
    if let Some(input) = shared("cities.ndjson") {
        assert!(check_lines(input) >= 30_000);
    }
}

#[test]
fn the_countries_come_back() {
    let Some(mut input) = shared("countries.json") else {
        return;
    };
    let mut reader = ArrayReader::new(LIMIT);
    let mut cbor = Vec::new();
    let mut count = 0;
    while reader
        .next_element(&mut input, &mut cbor)
        .unwrap()
        .is_some()
    {
        check(&cbor);
        cbor.clear();
        count += 1;
    }
    assert_eq!(count, 252);
}
