//! A directory as a map of bytes, and small databases to make such of.

use std::collections::BTreeMap;

use entidb_storage::{Directory, MemoryDirectory, OpenMode};

use crate::format::name;
use crate::{Compression, Database, EntityId, IndexSpec, Options, Result, Value};

/// The content of every stream but the lock.
pub(super) type Image = BTreeMap<String, Vec<u8>>;

/// What a database holds: collection and id to payload bytes.
pub(super) type Content = BTreeMap<(String, EntityId), Vec<u8>>;

/// What is said once in a small database, where no index has it.
pub(super) const THING: &str = "a thing of its own";

pub(super) fn put(directory: &MemoryDirectory, name: &str, bytes: &[u8]) {
    let mut stream = directory.open(name, OpenMode::CreateNew).expect("new");
    stream.append(bytes).expect("room");
    stream.sync().expect("memory");
}

pub(super) fn of(directory: &MemoryDirectory) -> Image {
    let names = directory.list().expect("memory").into_iter();
    let streams = names.filter(|name| name != name::LOCK);
    let read = |name: String| {
        let reader = directory.open_reader(&name).expect("listed");
        let len = usize::try_from(reader.size().expect("memory")).expect("small");
        let bytes = reader.read_at(0, len).expect("memory");
        (name, bytes)
    };
    streams.map(read).collect()
}

pub(super) fn directory(image: &Image) -> MemoryDirectory {
    let directory = MemoryDirectory::new();
    image
        .iter()
        .for_each(|(name, bytes)| put(&directory, name, bytes));
    directory
}

/// Everything in the database, read forwards, backwards and by id, or the first error.
pub(super) fn content(db: &Database) -> Result<Content> {
    let snapshot = db.snapshot();
    let mut content = Content::new();
    for name in snapshot.collections() {
        let mut backwards = snapshot.scan(name).reverse().collect::<Vec<_>>();
        for entity in snapshot.scan(name) {
            let (id, payload) = entity?;
            if let Some(last) = backwards.pop() {
                assert_eq!(last?.0, id, "both ways");
            }
            let got = snapshot.get(name, id)?;
            assert!(got.is_some_and(|got| got.as_bytes() == payload.as_bytes()));
            content.insert((name.to_owned(), id), payload.as_bytes().to_vec());
        }
        assert_eq!(backwards.len(), 0, "both ways");
        for index in snapshot.indexes(name) {
            for entity in snapshot.by(name, &index.name)? {
                let (id, payload) = entity?;
                let known = content.get(&(name.to_owned(), id));
                assert!(known.is_some_and(|known| payload.as_bytes() == *known));
            }
        }
    }
    Ok(content)
}

pub(super) fn id(n: u64) -> EntityId {
    EntityId::from_key(n)
}

pub(super) fn text(n: u64) -> Value {
    let name = format!("entity number {n}");
    Value::from([("name", Value::from(name.as_str()))])
}

/// A small database with one of everything: two collections, one of them with an index; replaced and deleted entities, a range tombstone, a sealed log with
/// its run, a rewritten segment, and a log. It was closed, or not.
pub(super) fn small(closed: bool) -> (Image, Content) {
    let directory = MemoryDirectory::new();
    let options = Options::new()
        .seed(7)
        .compression(Compression::Lz4)
        .auto_compaction(false)
        .reserve_bytes(0);
    let db = options.open_in(directory.clone()).expect("new");
    let spec = IndexSpec::on("name");
    db.create_index("people", &spec).expect("room");
    for n in 0..12 {
        db.untyped("people").put(id(n), &text(n)).expect("room");
    }
    db.untyped("things")
        .put(id(1), &Value::from(-7))
        .expect("room");
    db.checkpoint().expect("room");
    for n in 0..8 {
        db.untyped("people").delete(id(n)).expect("room");
    }
    db.compact().expect("room");
    db.untyped("people").put(id(2), &text(22)).expect("room");
    db.checkpoint().expect("room");
    db.write(|tx| {
        tx.put("people", id(20), &text(20))?;
        tx.delete_range("things", EntityId::MIN..=id(1))
    })
    .expect("room");
    db.untyped("things")
        .put(id(3), &Value::from(THING))
        .expect("room");
    let model = content(&db).expect("sound");
    let open = of(&directory);
    db.close().expect("room");
    match closed {
        true => (of(&directory), model),
        false => (open, model),
    }
}
