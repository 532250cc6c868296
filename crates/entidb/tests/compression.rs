//! Segments that are compressed, and compressed in another way.
#![cfg(feature = "zstd")]
#![expect(clippy::unwrap_used, reason = "a failure is a failed test")]

mod common;

use common::{Content, Image, content, directory, id, image};
use entidb::storage::MemoryDirectory;
use entidb::{Compression, Database, Options, Value};

fn open(disk: &MemoryDirectory, compression: Compression) -> Database {
    let options = Options::new().seed(7).compression(compression);
    options.open_in(disk.clone()).unwrap()
}

/// Entities that compress well, in a segment.
fn compressed(compression: Compression) -> (MemoryDirectory, Content) {
    let disk = MemoryDirectory::new();
    let db = open(&disk, compression);
    db.write(|tx| {
        for n in 0..80 {
            let text = format!("entity number {n}: {}", "the same words again ".repeat(9));
            tx.put("things", id(n), &Value::from(text.as_str()))?;
        }
        Ok(())
    })
    .unwrap();
    db.compact().unwrap();
    let model = content(&db).unwrap();
    db.close().unwrap();
    (disk, model)
}

/// Bytes of the segments that a merge has written.
fn segments(image: &Image) -> usize {
    let segments = image.iter().filter(|(name, _)| name.ends_with(".seg"));
    segments.map(|(_, bytes)| bytes.len()).sum()
}

#[test]
fn what_is_compressed_in_another_way_is_copied_when_that_is_asked_for_and_not_before() {
    let (disk, model) = compressed(Compression::Lz4);
    let by_lz4 = segments(&image(&disk));
    assert!(by_lz4 > 0);
    let db = open(&disk, Compression::Zstd);
    db.untyped("others").put(id(1), &Value::from(1)).unwrap();
    db.checkpoint().unwrap();
    assert_eq!(segments(&image(&disk)), by_lz4, "not by itself");
    db.compact().unwrap();
    let by_zstd = db.stats().unwrap().compressed_bytes;
    assert!(by_zstd < by_lz4 as u64, "{by_zstd} and {by_lz4}");
    assert!(db.verify().unwrap().is_sound());
    let before = segments(&image(&disk));
    db.compact().unwrap();
    assert_eq!(segments(&image(&disk)), before, "once");
    assert!(db.untyped("others").delete(id(1)).unwrap());
    db.close().unwrap();
    // And back, and what a reader finds is the same all along.
    let db = open(&disk, Compression::Lz4);
    assert_eq!(content(&db).unwrap(), model);
    db.compact().unwrap();
    assert_eq!(content(&db).unwrap(), model);
    db.close().unwrap();
}

#[test]
fn every_flipped_byte_of_a_segment_of_zstandard_is_found() {
    let (disk, model) = compressed(Compression::Zstd);
    let sound = image(&disk);
    let (name, bytes) = sound
        .iter()
        .find(|(name, _)| name.ends_with(".seg"))
        .unwrap();
    for at in 0..bytes.len() {
        let mut damaged = sound.clone();
        damaged.get_mut(name).unwrap()[at] ^= 1 << (at % 8);
        let db = Options::new().read_only(true).open_in(directory(&damaged));
        let Ok(db) = db else {
            continue;
        };
        if let Ok(read) = content(&db) {
            assert_eq!(read, model, "byte {at}");
        }
        assert!(!db.verify().unwrap().is_sound(), "byte {at}");
    }
}
