//! Room comes back: by itself, when asked for, and not before the last snapshot has let go.

#![allow(
    clippy::unwrap_used,
    reason = "a test's helpers fail as its functions do"
)]

mod common;

use std::time::{Duration, Instant};

use common::{Content, content, id, image};
use entidb::storage::{Directory, MemoryDirectory};
use entidb::{Database, EntityId, Options, Payload, Result, Value};

const LOG_BYTES: u64 = 64 << 10;
/// What even a small database has besides its entities: pages that are not full, the manifest.
const FIXED_BYTES: u64 = 16 << 10;

fn options() -> Options {
    Options::new().seed(3).checkpoint_log_bytes(LOG_BYTES)
}

fn payload(n: u64, round: u64) -> Payload {
    let text = format!("{n} {round} {}", "x".repeat(150 + (n * 37 % 400) as usize));
    Payload::encode(&Value::from(text.as_str())).unwrap()
}

fn put(db: &Database, ids: impl Iterator<Item = u64>, round: u64) -> Result<()> {
    let ids: Vec<u64> = ids.collect();
    for part in ids.chunks(20) {
        db.write(|tx| {
            let mut put = |n: &u64| tx.put_payload("a", id(*n), &payload(*n, round));
            part.iter().try_for_each(&mut put)
        })?;
    }
    Ok(())
}

/// Bytes of all streams but the lock. Some may go while they are counted.
fn disk_bytes(disk: &MemoryDirectory) -> u64 {
    let names = disk.list().unwrap().into_iter();
    let streams = names.filter(|name| name != "lock");
    let sizes = streams.filter_map(|name| match disk.open_reader(&name) {
        Ok(reader) => Some(reader.size().unwrap()),
        Err(error) => {
            assert!(!disk.list().unwrap().contains(&name), "{error}");
            None
        }
    });
    sizes.sum()
}

/// Bytes of ids and payloads.
fn user_bytes(db: &Database) -> u64 {
    let content = content(db).unwrap();
    content.values().map(|bytes| 16 + bytes.len() as u64).sum()
}

fn assert_sound_and_the_same_when_opened_again(db: Database, disk: MemoryDirectory) {
    let report = db.verify().unwrap();
    assert!(report.is_sound(), "{report:?}");
    let before = content(&db).unwrap();
    db.close().unwrap();
    let again = options().open_in(disk).unwrap();
    assert_eq!(content(&again).unwrap(), before);
}

#[test]
fn updates_and_deletes_give_their_room_back_by_themselves() {
    let disk = MemoryDirectory::new();
    let db = options().open_in(disk.clone()).unwrap();
    put(&db, 0..2000, 0).unwrap();
    for round in 1..8 {
        put(&db, (0..2000).filter(|n| (n * 7 + round) % 3 == 0), round).unwrap();
    }
    db.write(|tx| {
        let mut gone = (0..2000).filter(|n| n % 2 == 0);
        gone.try_for_each(|n| tx.remove("a", id(n)))
    })
    .unwrap();
    put(&db, (0..2000).filter(|n| n % 2 == 1).take(300), 9).unwrap();
    let live = user_bytes(&db);
    let bytes = disk_bytes(&disk);
    // One and a half times what lives, the log that no checkpoint was made of yet, and what a page of keys takes.
    assert!(
        bytes <= live * 3 / 2 + 2 * LOG_BYTES,
        "{bytes} bytes for {live}"
    );
    assert!(db.stats().unwrap().compaction_count > 0);
    assert!(db.verify().unwrap().is_sound());
    db.compact().unwrap();
    let bytes = disk_bytes(&disk);
    assert!(
        bytes * 10 <= live * 11 + FIXED_BYTES * 10,
        "{bytes} bytes for {live}"
    );
    assert_eq!(user_bytes(&db), live);
    assert_sound_and_the_same_when_opened_again(db, disk);
}

#[test]
fn a_dropped_collection_and_a_deleted_range_give_their_room_back() {
    let disk = MemoryDirectory::new();
    let db = options().open_in(disk.clone()).unwrap();
    put(&db, 0..1000, 0).unwrap();
    db.write(|tx| (0..500).try_for_each(|n| tx.put_payload("b", id(n), &payload(n, 1))))
        .unwrap();
    db.checkpoint().unwrap();
    let full = disk_bytes(&disk);
    assert!(db.drop_collection("a").unwrap());
    assert!(!db.drop_collection("a").unwrap());
    let middle = EntityId::from_bytes([0x80; 16]);
    db.write(|tx| tx.delete_range("b", ..middle)).unwrap();
    let left = content(&db).unwrap();
    assert!(left.keys().all(|(name, id)| name == "b" && *id >= middle));
    db.compact().unwrap();
    assert_eq!(content(&db).unwrap(), left);
    let live = user_bytes(&db);
    let bytes = disk_bytes(&disk);
    assert!(
        bytes * 10 <= live * 11 + FIXED_BYTES * 10,
        "{bytes} bytes for {live}, of {full}"
    );
    // The name is free, and nothing of the old one comes back.
    put(&db, 0..3, 5).unwrap();
    assert_eq!(db.snapshot().scan("a").count(), 3);
    assert_sound_and_the_same_when_opened_again(db, disk);
}

#[test]
fn a_snapshot_stays_exact_through_compaction_and_is_seen_in_the_stats() {
    let disk = MemoryDirectory::new();
    let db = options().open_in(disk.clone()).unwrap();
    put(&db, 0..500, 0).unwrap();
    db.checkpoint().unwrap();
    put(&db, 0..50, 1).unwrap();
    let snapshot = db.snapshot();
    let expected: Content = content(&db).unwrap();
    put(&db, 0..500, 2).unwrap();
    db.compact().unwrap();
    put(&db, 0..500, 3).unwrap();
    db.compact().unwrap();
    assert!(db.stats().unwrap().obsolete_bytes > 0);
    let seen: Content = snapshot
        .scan("a")
        .map(|entity| entity.unwrap())
        .map(|(id, payload)| (("a".to_owned(), id), payload.as_bytes().to_vec()))
        .collect();
    assert_eq!(seen, expected);
    let held = disk.list().unwrap().len();
    drop(snapshot);
    db.compact().unwrap();
    assert_eq!(db.stats().unwrap().obsolete_bytes, 0);
    assert!(disk.list().unwrap().len() < held);
}

#[test]
fn the_background_compacts_while_commits_go_on() {
    let disk = MemoryDirectory::new();
    let db = Options::new()
        .checkpoint_log_bytes(LOG_BYTES)
        .open_in(disk.clone())
        .unwrap();
    for round in 0..12 {
        put(&db, 0..400, round).unwrap();
    }
    let live = user_bytes(&db);
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        let stats = db.stats().unwrap();
        assert_eq!(stats.background_failure, None);
        if stats.compaction_count > 0 && disk_bytes(&disk) <= live * 3 / 2 + 3 * LOG_BYTES {
            break;
        }
        assert!(Instant::now() < until, "{stats:?}, {live} live");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(db.verify().unwrap().is_sound());
    assert_eq!(user_bytes(&db), live);
    db.close().unwrap();
}

#[test]
fn a_program_that_deletes_half_and_closes_at_once_has_its_room_back() {
    let disk = MemoryDirectory::new();
    let db = options().open_in(disk.clone()).unwrap();
    put(&db, 0..4000, 0).unwrap();
    db.close().unwrap();

    let half = |disk: &MemoryDirectory, options: Options| {
        // So long a log that no checkpoint, with its merges, comes before closing.
        let options = options.checkpoint_log_bytes(16 * LOG_BYTES);
        let db = options.open_in(disk.clone()).unwrap();
        db.write(|tx| {
            let mut gone = (0..4000).filter(|n| n % 2 == 0);
            gone.try_for_each(|n| tx.remove("a", id(n)))
        })
        .unwrap();
        // As closing does itself with a log that has more in it.
        db.checkpoint().unwrap();
        let live = user_bytes(&db);
        db.close().unwrap();
        (live, disk_bytes(disk))
    };
    let impatient = copy(&disk);
    let (live, bytes) = half(&impatient, options().close_patience(Duration::ZERO));
    assert!(
        bytes > live * 18 / 10,
        "{bytes} bytes for {live}: nothing was there to give back"
    );
    let (live, bytes) = half(&disk, options());
    assert!(
        bytes <= live * 3 / 2 + FIXED_BYTES,
        "{bytes} bytes for {live}"
    );
    let again = options().open_in(disk).unwrap();
    assert_eq!(content(&again).unwrap().len(), 2000);
    assert!(again.verify().unwrap().is_sound());
}

/// Another directory with the same streams.
fn copy(disk: &MemoryDirectory) -> MemoryDirectory {
    let copied = MemoryDirectory::new();
    for (name, bytes) in image(disk) {
        let stream = copied.open(&name, entidb::storage::OpenMode::CreateNew);
        let mut stream = stream.unwrap();
        stream.append(&bytes).unwrap();
        stream.sync().unwrap();
    }
    copied
}
