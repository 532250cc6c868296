//! Followers beside commits.

use std::time::{Duration, Instant};

use super::*;

const LONG: Duration = Duration::from_secs(60);

fn plain() -> Database {
    let options = Options::new().checkpoint_log_bytes(20_000);
    options.open_in(MemoryDirectory::new()).unwrap()
}

#[test]
fn a_watcher_without_retention_gets_what_is_committed_from_then_on() {
    let db = plain();
    put(&db, "a", 1, 1);
    let mut all = db.watch(Watch::all()).unwrap();
    let mut of_b = db.watch(Watch::collection("b")).unwrap();
    let mut of_two = db.watch(Watch::entity("a", id(2))).unwrap();
    assert!(all.try_next().unwrap().is_none());
    put(&db, "a", 1, 2);
    put(&db, "b", 1, 2);
    db.write(|tx| {
        tx.put("b", id(2), &text(1))?;
        tx.put("a", id(1), &text(1))?;
        tx.put("a", id(2), &text(1))
    })
    .unwrap();
    db.write(|tx| tx.delete_range("a", ..)).unwrap();
    db.checkpoint().unwrap();
    db.compact().unwrap();
    assert!(db.drop_collection("b").unwrap());
    let counts = |watcher: &mut Watcher| {
        let commits = std::iter::from_fn(|| watcher.try_next().unwrap());
        commits
            .map(|commit| commit.changes.len())
            .collect::<Vec<_>>()
    };
    assert_eq!(counts(&mut all), [1, 1, 3, 1, 1]);
    assert_eq!(counts(&mut of_b), [1, 1, 1]);
    assert_eq!(counts(&mut of_two), [1, 1]);
    assert_eq!(all.position(), db.lsn());
}

#[test]
fn who_waits_is_woken_by_a_commit_and_by_closing() {
    let db = plain();
    let mut watcher = db.watch(Watch::all()).unwrap();
    let start = Instant::now();
    let nothing = watcher.next_timeout(Duration::from_millis(30)).unwrap();
    assert!(nothing.is_none() && start.elapsed() >= Duration::from_millis(30));
    let follower = std::thread::spawn(move || {
        let commits = watcher.by_ref().map(Result::unwrap);
        commits.map(|commit| commit.lsn).collect::<Vec<_>>()
    });
    for n in 0..20 {
        put(&db, "a", n, n);
        std::thread::sleep(Duration::from_millis(n % 3));
    }
    let last = db.lsn();
    db.close().unwrap();
    let seen = follower.join().unwrap();
    assert_eq!((seen.len(), seen.last()), (20, Some(&last)));
}

#[test]
fn an_eventual_commit_comes_only_once_it_is_durable() {
    let options = Options::new().seed(3).eventual_delay(LONG);
    let db = options.open_in(MemoryDirectory::new()).unwrap();
    let soon = WriteOptions::new().durability(Durability::Eventual);
    let mut watcher = db.watch(Watch::all()).unwrap();
    let write = |n| {
        db.write_with(&soon, |tx| tx.put("a", id(n), &text(n)))
            .unwrap()
    };
    let (_, receipt) = write(1);
    let (_, last) = write(2);
    assert!(!receipt.durable);
    assert_eq!(db.untyped("a").count().unwrap(), 2);
    assert!(watcher.try_next().unwrap().is_none());
    db.wait_durable(receipt.lsn).unwrap();
    let commits: Vec<_> = std::iter::from_fn(|| watcher.try_next().unwrap()).collect();
    let lsns: Vec<_> = commits.iter().map(|commit| commit.lsn).collect();
    assert_eq!(lsns, [receipt.lsn, last.lsn]);
}

#[test]
fn followers_beside_many_writers_get_every_commit_once_and_in_order() {
    for (bound, count) in [(64 << 20, 300), (1, 60)] {
        check_followers_beside_writers(bound, count);
    }
}

/// Each of four writers makes `count` commits, which hold so many bytes in memory.
fn check_followers_beside_writers(bound: usize, count: u64) {
    let options = Options::new().checkpoint_log_bytes(20_000);
    let options = options.transaction_memory_bytes(bound);
    let db = options.open_in(MemoryDirectory::new()).unwrap();
    let (snapshot, changes) = db.snapshot_and_changes().unwrap();
    let mut replayed = Content::new();
    assert_eq!(snapshot.collections().count(), 0);
    let follower = std::thread::spawn(move || {
        let mut last = Lsn::ZERO;
        let mut commits = 0;
        for commit in changes {
            let commit = commit.unwrap();
            assert!(commit.lsn > last);
            last = commit.lsn;
            apply(&mut replayed, &commit);
            commits += 1;
        }
        (replayed, commits)
    });
    let late = std::sync::Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for thread in 0..4_u64 {
            let (db, late) = (&db, &late);
            scope.spawn(move || {
                for n in 0..count {
                    let options = match n % 3 {
                        0 => WriteOptions::new(),
                        _ => WriteOptions::new().durability(Durability::Eventual),
                    };
                    db.write_with(&options, |tx| {
                        tx.put("a", id(thread * 100 + n % 17), &text(n))?;
                        tx.put("b", id(n), &text(thread))
                    })
                    .unwrap();
                    if n % 50 == 25 {
                        late.lock()
                            .unwrap()
                            .push(db.snapshot_and_changes().unwrap());
                    }
                }
            });
        }
    });
    let content = content(&db).unwrap();
    for (snapshot, mut changes) in late.into_inner().unwrap() {
        let mut replayed = Content::new();
        for name in snapshot.collections() {
            for entity in snapshot.scan(name) {
                let (id, payload) = entity.unwrap();
                replayed.insert((name.to_owned(), id), payload.as_bytes().to_vec());
            }
        }
        db.sync().unwrap();
        for commit in drain(&mut changes) {
            apply(&mut replayed, &commit);
        }
        assert_eq!(replayed, content);
    }
    db.close().unwrap();
    let (replayed, commits) = follower.join().unwrap();
    assert_eq!(replayed, content);
    assert_eq!(commits, 4 * count);
}

#[test]
fn a_follower_that_is_open_keeps_what_it_has_not_read_and_no_more() {
    let disk = MemoryDirectory::new();
    let options = Options::new().seed(3).checkpoint_log_bytes(500);
    let db = options.open_in(disk.clone()).unwrap();
    let logs = || {
        let streams = image(&disk).into_iter();
        streams.filter(|(name, _)| name.ends_with(".log")).count()
    };
    let mut changes = db.changes(db.lsn()).unwrap();
    for n in 0..50 {
        put(&db, "a", n % 2, n);
    }
    db.compact().unwrap();
    assert!(logs() > 8);
    assert_eq!(drain(&mut changes).len(), 50);
    db.compact().unwrap();
    assert!(logs() < 5);
    drop(changes);
    put(&db, "a", 1, 1);
    let gap = db.changes(Lsn::ZERO).unwrap_err();
    assert_eq!(gap.kind(), ErrorKind::Gap);
    let future = db.changes(Lsn::new(1000)).unwrap_err();
    assert_eq!(future.kind(), ErrorKind::Invalid);
}

#[test]
fn a_watcher_of_an_index_range_sees_what_comes_in_goes_out_and_changes_within() {
    let db = plain();
    let people = db.untyped("people");
    let age = |n: u64, age: u64| {
        let person = Value::from([("age", Value::from(age))]);
        people.put(id(n), &person).unwrap();
    };
    let missing = db.watch(Watch::index("people", "age", ..)).unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::NotFound);
    db.create_index("people", &IndexSpec::on("age")).unwrap();
    age(1, 10);
    age(2, 30);
    let range = Value::from(18)..Value::from(40);
    let watch = Watch::index("people", "age", range);
    let mut watcher = db.watch(watch.clone()).unwrap();
    let before = db.lsn();
    let mut next = || watcher.try_next().unwrap();
    age(3, 17);
    age(3, 40);
    assert!(next().is_none());
    age(1, 20);
    assert!(next().is_some(), "one comes in");
    age(1, 21);
    assert!(next().is_some(), "one changes within");
    age(2, 50);
    let out = next().expect("one goes out");
    assert_eq!(out.changes[0].kind, ChangeKind::Update);
    age(2, 60);
    people.delete(id(2)).unwrap();
    people.put(id(4), &Value::from("no age")).unwrap();
    assert!(next().is_none());
    people.delete(id(1)).unwrap();
    assert_eq!(next().unwrap().changes[0].kind, ChangeKind::Delete);
    age(5, 18);
    assert_eq!(next().unwrap().changes[0].kind, ChangeKind::Insert);
    db.drop_index("people", "age").unwrap();
    age(5, 19);
    db.write(|tx| tx.delete_range("people", ..)).unwrap();
    assert!(next().is_some() && next().is_some() && next().is_none());
    assert_eq!(watcher.position(), db.lsn());
    // Another who watches all has been told what was before in the meantime, and is not any more.
    let mut all = db.changes(before).unwrap();
    assert!(drain(&mut all)[0].changes[0].old.is_none());
    drop(watcher);
    age(5, 19);
    age(5, 20);
    assert!(drain(&mut all).pop().unwrap().changes[0].old.is_none());
}
