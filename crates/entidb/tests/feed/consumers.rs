//! Followers with a name.

use super::*;

#[test]
fn a_consumer_works_each_commit_off_once_and_goes_on_in_the_next_session() {
    let disk = MemoryDirectory::new();
    let plain = || Options::new().seed(5).checkpoint_log_bytes(1000);
    let mut db = plain().open_in(disk.clone()).unwrap();
    put(&db, "orders", 0, 0);
    db.consumer("mails").unwrap();
    let mut mailed = Vec::new();
    for n in 1..30 {
        put(&db, "orders", n, n);
        if n % 3 == 0 {
            let consumer = db.consumer("mails").unwrap();
            let mut changes = consumer.changes().unwrap();
            while let Some(commit) = changes.try_next().unwrap() {
                // Its own mails come, too.
                if &*commit.changes[0].collection == "orders" {
                    mailed.push(commit.changes[0].id);
                }
                db.write(|tx| {
                    if &*commit.changes[0].collection == "orders" {
                        tx.put("mails", commit.changes[0].id, &text(n))?;
                    }
                    tx.advance(&consumer, commit.lsn)
                })
                .unwrap();
            }
            assert!(consumer.position().unwrap() <= db.lsn());
        }
        if n % 5 == 0 {
            db.compact().unwrap();
            drop(db);
            db = plain().open_in(disk.clone()).unwrap();
        }
    }
    let expected: Vec<_> = (1..28).map(id).collect();
    assert_eq!(mailed, expected);
    let names: Vec<_> = db.consumers().unwrap();
    assert_eq!(names.len(), 1);
    assert_eq!(names[0].name, "mails");
}

#[test]
fn two_workers_of_one_consumer_work_no_commit_off_twice() {
    let db = open(&MemoryDirectory::new());
    let consumer = db.consumer("c").unwrap();
    put(&db, "a", 1, 1);
    let first = consumer.changes().unwrap().try_next().unwrap().unwrap();
    let second = consumer.changes().unwrap().try_next().unwrap().unwrap();
    assert_eq!(first, second);
    let work = |commit: &Commit| {
        db.write(|tx| {
            tx.put("done", EntityId::new(), &text(1))?;
            tx.advance(&consumer, commit.lsn)
        })
    };
    work(&first).unwrap();
    let refused = work(&second).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Invalid);
    assert_eq!(db.untyped("done").count().unwrap(), 1);
    // Nor while both run at once.
    put(&db, "a", 1, 2);
    let lsn = db.lsn();
    let (mut one, mut two) = (db.begin(), db.begin());
    one.advance(&consumer, lsn).unwrap();
    two.advance(&consumer, lsn).unwrap();
    db.commit(one, Durability::Sync).unwrap();
    let refused = db.commit(two, Durability::Sync).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Conflict);
    let ahead = db.write(|tx| tx.advance(&consumer, Lsn::new(db.lsn().get() + 9)));
    assert_eq!(ahead.unwrap_err().kind(), ErrorKind::Invalid);
}

#[test]
fn logs_are_kept_for_the_slowest_consumer_and_go_when_it_is_done_or_dropped() {
    let disk = MemoryDirectory::new();
    let db = Options::new().seed(5).checkpoint_log_bytes(500);
    let db = db.open_in(disk.clone()).unwrap();
    let logs = || {
        let streams = image(&disk).into_iter();
        streams.filter(|(name, _)| name.ends_with(".log")).count()
    };
    let work = |rounds: std::ops::Range<u64>| {
        for n in rounds {
            put(&db, "a", n % 2, n);
        }
        db.compact().unwrap();
    };
    let (slow, fast) = (db.consumer("slow").unwrap(), db.consumer("fast").unwrap());
    work(0..50);
    let before = logs();
    assert!(before > 8, "{before}");
    db.write(|tx| tx.advance(&fast, db.lsn())).unwrap();
    work(50..52);
    assert!(logs() >= before);
    assert_eq!(drain(&mut slow.changes().unwrap()).len(), 52);
    db.write(|tx| tx.advance(&slow, db.lsn())).unwrap();
    work(52..54);
    assert!(logs() < 5, "{}", logs());
    work(54..100);
    assert!(logs() > 8);
    assert!(db.drop_consumer("slow").unwrap());
    assert!(db.drop_consumer("fast").unwrap());
    assert!(!db.drop_consumer("fast").unwrap());
    work(100..102);
    assert!(logs() < 5, "{}", logs());
    assert_eq!(slow.position().unwrap_err().kind(), ErrorKind::NotFound);
    let lost = db.write(|tx| tx.advance(&slow, db.lsn()));
    assert_eq!(lost.unwrap_err().kind(), ErrorKind::NotFound);
    assert!(db.verify().unwrap().is_sound());
}

#[test]
fn a_consumer_that_falls_too_far_behind_meets_a_gap_and_can_go_on_behind_a_snapshot() {
    let retention = Retention {
        consumer_bytes: 2000,
        ..Retention::none()
    };
    let db = Options::new().seed(5).checkpoint_log_bytes(500);
    let db = db.retention(retention).open_in(MemoryDirectory::new());
    let db = db.unwrap();
    let consumer = db.consumer("c").unwrap();
    let mut slow = consumer.changes().unwrap();
    for n in 0..50 {
        put(&db, "a", n, n);
    }
    db.compact().unwrap();
    let at_once = consumer.changes().unwrap_err();
    let later = slow.try_next().unwrap_err();
    for gap in [&at_once, &later] {
        assert_eq!(gap.kind(), ErrorKind::Gap);
        assert!(gap.floor().unwrap() > consumer.position().unwrap());
        let how = gap.to_string();
        assert!(how.contains("snapshot"), "{how}");
    }
    assert!(slow.next().unwrap().is_err());
    assert!(slow.next().is_none());
    let (snapshot, mut changes) = db.snapshot_and_changes().unwrap();
    db.write(|tx| tx.advance(&consumer, snapshot.lsn()))
        .unwrap();
    put(&db, "a", 0, 99);
    assert_eq!(drain(&mut changes).len(), 1);
    assert_eq!(drain(&mut consumer.changes().unwrap()).len(), 1);
}

#[test]
fn the_engines_own_collections_are_nobodys_business() {
    let db = open(&MemoryDirectory::new());
    let consumer = db.consumer_from("c", Lsn::ZERO).unwrap();
    put(&db, "a", 1, 1);
    db.write(|tx| tx.advance(&consumer, db.lsn())).unwrap();
    assert_eq!(drain(&mut db.changes(Lsn::ZERO).unwrap()).len(), 1);
    let snapshot = db.snapshot();
    assert_eq!(snapshot.collections().collect::<Vec<_>>(), ["a"]);
    assert_eq!(snapshot.count("~consumers").unwrap(), 0);
    assert_eq!(db.stats().unwrap().collection_count, 1);
    assert_eq!(db.verify().unwrap().entity_count, 1);
    let refused = db.untyped("~mine").put(id(1), &text(1)).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Invalid);
    assert!(!db.drop_collection("~consumers").unwrap());
    db.write(|tx| tx.delete_range("~consumers", ..)).unwrap();
    assert_eq!(db.consumers().unwrap().len(), 1);
    // One that begins behind what is kept is refused, and leaves nothing.
    let other = Options::new().open_in(MemoryDirectory::new()).unwrap();
    put(&other, "a", 1, 1);
    let gap = other.consumer_from("c", Lsn::ZERO).unwrap_err();
    assert_eq!(gap.kind(), ErrorKind::Gap);
    assert!(other.consumers().unwrap().is_empty());
    let refused = other.consumer("").unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Invalid);
}
