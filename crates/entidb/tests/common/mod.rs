//! Images of a directory, and a small database to make them of.
#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "each test file uses a part of it, and a failure is a failed test"
)]

use std::collections::BTreeMap;

use entidb::storage::{Directory, MemoryDirectory, OpenMode};
use entidb::{Database, EntityId, Options, Payload, Result, Value};

/// The content of every stream but the lock.
pub(crate) type Image = BTreeMap<String, Vec<u8>>;

/// What a database holds: collection and id to payload bytes.
pub(crate) type Content = BTreeMap<(String, EntityId), Vec<u8>>;

pub(crate) fn image(directory: &dyn Directory) -> Image {
    let names = directory.list().unwrap();
    let streams = names.into_iter().filter(|name| name != "lock");
    streams
        .map(|name| {
            let reader = directory.open_reader(&name).unwrap();
            let len = usize::try_from(reader.size().unwrap()).unwrap();
            let bytes = reader.read_at(0, len).unwrap();
            (name, bytes)
        })
        .collect()
}

pub(crate) fn directory(image: &Image) -> MemoryDirectory {
    let directory = MemoryDirectory::new();
    for (name, bytes) in image {
        let mut backend = directory.open(name, OpenMode::CreateNew).unwrap();
        backend.append(bytes).unwrap();
        backend.sync().unwrap();
    }
    directory
}

/// Options that give the same bytes each time.
pub(crate) fn options() -> Options {
    Options::new().seed(7)
}

pub(crate) fn id(n: u64) -> EntityId {
    EntityId::from_key(n)
}

pub(crate) fn text(n: u64) -> Value {
    Value::from(format!("entity number {n}").as_str())
}

/// Everything in the database, or the first error.
pub(crate) fn content(db: &Database) -> Result<Content> {
    let snapshot = db.snapshot();
    let mut content = Content::new();
    for name in snapshot.collections() {
        for entity in snapshot.scan(name) {
            let (id, payload) = entity?;
            content.insert((name.to_owned(), id), payload.as_bytes().to_vec());
        }
    }
    // A get finds what a scan finds.
    for ((name, id), bytes) in &content {
        let got = snapshot.get(name, *id)?.map(|p| p.as_bytes().to_vec());
        assert_eq!(got.as_ref(), Some(bytes));
    }
    Ok(content)
}

/// A small database with everything in it: two collections, replaced and deleted entities, a run, a segment and a log.
pub(crate) fn small(directory: &MemoryDirectory) -> Content {
    let db = options().open_in(directory.clone()).unwrap();
    let mut model = Content::new();
    let mut put = |name: &str, n: u64, value: Value| {
        let payload = Payload::encode(&value).unwrap();
        model.insert((name.to_owned(), id(n)), payload.as_bytes().to_vec());
        db.untyped(name).put(id(n), &value).unwrap();
    };
    for n in 0..6 {
        put("people", n, text(n));
    }
    put("things", 1, Value::from(-7));
    db.checkpoint().unwrap();
    put("people", 2, Value::from("replaced after the checkpoint"));
    put("people", 9, text(9));
    for n in [3, 4] {
        model.remove(&("people".to_owned(), id(n)));
        assert!(db.untyped("people").delete(id(n)).unwrap());
    }
    db.close().unwrap();
    model
}
