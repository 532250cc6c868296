//! Time to live: entities go at their time, by commits like any other.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test's helpers fail as its functions do"
)]

mod common;

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use common::{content, id, image, text};
use entidb::storage::MemoryDirectory;
use entidb::{ChangeKind, Database, ErrorKind, Lsn, Options, Retention, Value};

fn at(second: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(second)
}

fn open(disk: &MemoryDirectory) -> Database {
    open_with(disk, 64 << 20)
}

/// How many bytes a transaction holds in memory, from all that it writes to nothing.
const BOUNDS: [usize; 3] = [64 << 20, 400, 1];

fn open_with(disk: &MemoryDirectory, bound: usize) -> Database {
    let options = Options::new().seed(3).checkpoint_log_bytes(2000);
    let options = options.transaction_memory_bytes(bound);
    options.open_in(disk.clone()).unwrap()
}

fn put(db: &Database, n: u64, value: &Value, second: u64) {
    db.write(|tx| tx.put_expiring("a", id(n), value, at(second)))
        .unwrap();
}

fn ids(db: &Database) -> Vec<u64> {
    let there = |n: &u64| db.untyped("a").contains(id(*n)).unwrap();
    (0..100).filter(there).collect()
}

#[test]
fn an_entity_goes_at_its_time_and_not_before() {
    let db = open(&MemoryDirectory::new());
    for n in 0..5 {
        put(&db, n, &text(n), 100 + n);
    }
    db.untyped("a").put(id(9), &text(9)).unwrap();
    assert_eq!(db.expire_until(at(99)).unwrap(), 0);
    assert_eq!(ids(&db), [0, 1, 2, 3, 4, 9]);
    let before = db.snapshot();
    assert_eq!(db.expire_until(at(102)).unwrap(), 3);
    assert_eq!(ids(&db), [3, 4, 9]);
    assert_eq!(before.count("a").unwrap(), 6);
    assert_eq!(db.expire_until(at(102)).unwrap(), 0);
    assert_eq!(db.expire_until(at(1000)).unwrap(), 2);
    assert_eq!(ids(&db), [9]);
}

#[test]
fn another_version_has_a_time_of_its_own_or_none() {
    for bound in BOUNDS {
        check_other_versions(bound);
    }
}

fn check_other_versions(bound: usize) {
    let disk = MemoryDirectory::new();
    let mut db = open_with(&disk, bound);
    for n in 0..7 {
        put(&db, n, &text(n), 100);
    }
    let a = db.untyped("a");
    a.put(id(0), &text(10)).unwrap();
    put(&db, 1, &text(11), 200);
    a.delete(id(2)).unwrap();
    a.delete(id(3)).unwrap();
    a.put(id(3), &text(13)).unwrap();
    db.write(|tx| {
        tx.put_expiring("a", id(4), &text(14), at(100))?;
        tx.put("a", id(4), &text(15))?;
        tx.put_expiring("a", id(5), &text(14), at(50))?;
        tx.put_expiring("a", id(5), &text(15), at(300))?;
        tx.put_expiring("a", id(7), &text(14), at(50))?;
        tx.remove("a", id(7))?;
        tx.put_expiring("a", id(8), &text(14), at(50))?;
        tx.delete_range("a", id(8)..=id(8))
    })
    .unwrap();
    drop(a);
    db.compact().unwrap();
    db.close().unwrap();
    db = open(&disk);
    // Only the seventh is as it was.
    assert_eq!(db.expire_until(at(100)).unwrap(), 1);
    assert_eq!(ids(&db), [0, 1, 3, 4, 5]);
    assert_eq!(db.expire_until(at(200)).unwrap(), 1);
    assert_eq!(db.expire_until(at(300)).unwrap(), 1);
    assert_eq!(ids(&db), [0, 3, 4]);
    assert!(db.verify().unwrap().is_sound());
}

#[test]
fn a_collection_can_have_a_time_to_live_of_its_own() {
    for bound in BOUNDS {
        check_time_of_a_collection(bound);
    }
}

fn check_time_of_a_collection(bound: usize) {
    let disk = MemoryDirectory::new();
    let plain = || {
        let options = Options::new().background(false);
        options.transaction_memory_bytes(bound)
    };
    let db = plain().open_in(disk.clone()).unwrap();
    db.untyped("a").put(id(0), &text(0)).unwrap();
    let hour = Duration::from_secs(3600);
    db.set_time_to_live("a", Some(hour)).unwrap();
    db.set_time_to_live("later", Some(hour)).unwrap();
    db.close().unwrap();
    let db = plain().open_in(disk.clone()).unwrap();
    assert_eq!(db.time_to_live("a"), Some(hour));
    assert_eq!(db.time_to_live("b"), None);
    let now = SystemTime::now();
    db.write(|tx| {
        tx.put("a", id(1), &text(1))?;
        tx.put_expiring("a", id(2), &text(2), now + 3 * hour)?;
        tx.put("later", id(1), &text(1))
    })
    .unwrap();
    db.set_time_to_live("a", None).unwrap();
    db.untyped("a").put(id(3), &text(3)).unwrap();
    assert_eq!(db.expire().unwrap(), 0);
    assert_eq!(db.expire_until(now + hour * 9 / 10).unwrap(), 0);
    assert_eq!(db.expire_until(now + 2 * hour).unwrap(), 2);
    assert_eq!(ids(&db), [0, 2, 3]);
    assert_eq!(db.expire_until(now + 4 * hour).unwrap(), 1);
    assert!(db.drop_collection("later").unwrap());
    assert_eq!(db.time_to_live("later"), None);
    let refused = db.set_time_to_live("~expiry", None).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Invalid);
}

#[test]
fn followers_see_what_expires_and_what_it_was() {
    let retention = Retention {
        old: true,
        ..Retention::bytes(u64::MAX)
    };
    let options = Options::new().seed(3).retention(retention);
    let db = options.open_in(MemoryDirectory::new()).unwrap();
    put(&db, 1, &text(1), 100);
    db.untyped("a").put(id(2), &text(2)).unwrap();
    db.expire_until(at(100)).unwrap();
    db.untyped("a").delete(id(2)).unwrap();
    let mut changes = db.changes(Lsn::ZERO).unwrap();
    let commits: Vec<_> = std::iter::from_fn(|| changes.try_next().unwrap()).collect();
    let kinds: Vec<_> = commits
        .iter()
        .map(|commit| commit.changes[0].kind)
        .collect();
    use ChangeKind::{Delete, Expire, Insert};
    assert_eq!(kinds, [Insert, Insert, Expire, Delete]);
    assert!(commits.iter().all(|commit| commit.changes.len() == 1));
    let old = commits[2].changes[0].old.as_ref().unwrap();
    assert_eq!(old.value().unwrap(), text(1));
    // Of somebody who followed without retention, the same but for what was before.
    let db = Options::new()
        .seed(3)
        .open_in(MemoryDirectory::new())
        .unwrap();
    let mut watcher = db.watch(entidb::Watch::all()).unwrap();
    put(&db, 1, &text(1), 100);
    db.expire_until(at(100)).unwrap();
    assert_eq!(watcher.try_next().unwrap().unwrap().changes[0].kind, Insert);
    assert_eq!(watcher.try_next().unwrap().unwrap().changes[0].kind, Expire);
}

#[test]
fn the_background_expires_what_is_due_also_from_the_last_session() {
    let disk = MemoryDirectory::new();
    let db = Options::new().open_in(disk.clone()).unwrap();
    let soon = |ms| SystemTime::now() + Duration::from_millis(ms);
    db.write(|tx| {
        tx.put_expiring("a", id(0), &text(0), soon(30))?;
        tx.put_expiring("a", id(1), &text(1), soon(60_000))?;
        tx.put_expiring("a", id(2), &text(2), soon(300))
    })
    .unwrap();
    let gone = |db: &Database, n: u64| {
        let start = Instant::now();
        while db.untyped("a").contains(id(n)).unwrap() {
            assert!(start.elapsed() < Duration::from_secs(60));
            std::thread::sleep(Duration::from_millis(2));
        }
    };
    gone(&db, 0);
    db.close().unwrap();
    std::thread::sleep(Duration::from_millis(300));
    let db = Options::new().open_in(disk).unwrap();
    gone(&db, 2);
    // One that is due earlier than what the thread waits for.
    db.write(|tx| tx.put_expiring("a", id(3), &text(3), soon(20)))
        .unwrap();
    gone(&db, 3);
    assert_eq!(ids(&db), [1]);
}

#[test]
fn whoever_puts_again_while_it_expires_keeps_what_was_put() {
    let db = Options::new().open_in(MemoryDirectory::new()).unwrap();
    let mut kept = 0;
    for round in 0..300_u64 {
        let soon = SystemTime::now() + Duration::from_micros(200 + round % 7 * 100);
        db.write(|tx| tx.put_expiring("a", id(1), &text(round), soon))
            .unwrap();
        std::thread::sleep(Duration::from_micros(round % 5 * 150));
        db.untyped("a").put(id(1), &text(1000 + round)).unwrap();
        std::thread::sleep(Duration::from_micros(round % 3 * 300));
        assert_eq!(
            db.untyped("a").get(id(1)).unwrap(),
            Some(text(1000 + round))
        );
        kept += 1;
    }
    assert_eq!(kept, 300);
}

#[test]
fn a_collection_that_two_make_at_once_keeps_its_times() {
    for bound in BOUNDS {
        check_made_at_once(bound);
    }
}

fn check_made_at_once(bound: usize) {
    // The second transaction's collection gets another number than it was begun with.
    let db = open_with(&MemoryDirectory::new(), bound);
    let (mut one, mut two) = (db.begin(), db.begin());
    one.put("b", id(1), &text(1)).unwrap();
    two.put_expiring("a", id(1), &text(1), at(100)).unwrap();
    db.commit(one, entidb::Durability::Sync).unwrap();
    db.commit(two, entidb::Durability::Sync).unwrap();
    assert_eq!(db.expire_until(at(100)).unwrap(), 1);
    assert_eq!(content(&db).unwrap().len(), 1);
    // One that was dropped and made again has nothing of the old one's times.
    put(&db, 1, &text(1), 200);
    assert!(db.drop_collection("a").unwrap());
    db.untyped("a").put(id(1), &text(2)).unwrap();
    assert_eq!(db.expire_until(at(200)).unwrap(), 0);
    assert_eq!(ids(&db), [1]);
}

#[test]
fn many_expire_in_pieces_and_leave_no_room_taken() {
    let disk = MemoryDirectory::new();
    let db = open(&disk);
    for part in 0..20 {
        db.write(|tx| {
            (0..100).try_for_each(|n| {
                let n = part * 100 + n;
                tx.put_expiring("a", id(n), &text(n), at(100 + n % 10))
            })
        })
        .unwrap();
    }
    assert_eq!(db.expire_until(at(104)).unwrap(), 1000);
    assert_eq!(db.untyped("a").count().unwrap(), 1000);
    assert_eq!(db.expire_until(at(200)).unwrap(), 1000);
    db.compact().unwrap();
    let bytes: usize = image(&disk).values().map(Vec::len).sum();
    assert!(bytes < 4096, "{bytes}");
}

#[test]
fn times_that_do_not_fit_in_memory_are_kept_each_for_its_version() {
    let disk = MemoryDirectory::new();
    let db = open_with(&disk, 2_000);
    let hour = Duration::from_secs(3600);
    db.set_time_to_live("short", Some(hour)).unwrap();
    let now = SystemTime::now();
    db.write(|tx| {
        for n in 0..400 {
            tx.put_expiring("a", id(n), &text(n), at(100 + n))?;
            tx.put("short", id(n), &text(n))?;
        }
        for n in 0..100 {
            tx.put("a", id(n), &text(n + 1))?;
            tx.put_expiring("a", id(n + 100), &text(n), at(1000))?;
            tx.delete("a", id(n + 200))?;
            tx.put_expiring("short", id(n), &text(n), now + 5 * hour)?;
        }
        tx.put_expiring(
            "a",
            id(0),
            &text(0),
            SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 36),
        )
    })
    .unwrap();
    assert_eq!(db.untyped("a").count().unwrap(), 300);
    assert_eq!(db.expire_until(at(450)).unwrap(), 51);
    assert_eq!(db.expire_until(at(999)).unwrap(), 49);
    assert_eq!(db.untyped("a").count().unwrap(), 200);
    assert_eq!(db.expire_until(at(1000)).unwrap(), 100);
    assert_eq!(db.untyped("a").count().unwrap(), 100);
    assert_eq!(db.untyped("short").count().unwrap(), 400);
    assert_eq!(db.expire_until(now + 2 * hour).unwrap(), 300);
    assert_eq!(db.expire_until(now + 6 * hour).unwrap(), 100);
    assert_eq!(db.untyped("a").count().unwrap(), 100);
    assert!(db.verify().unwrap().is_sound());
}
