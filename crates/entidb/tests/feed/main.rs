//! The change feed: every durable commit, in order, exactly once, or an explicit gap.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test's helpers fail as its functions do"
)]

#[path = "../common/mod.rs"]
mod common;

mod beside;
mod consumers;
mod large;
mod live;

use common::{Content, content, id, image, text};
use entidb::storage::MemoryDirectory;
use entidb::{
    Change, ChangeKind, Changes, Commit, Database, Durability, EntityId, ErrorKind, IndexSpec, Lsn,
    Options, Retention, Value, Watch, Watcher, WriteOptions,
};

/// Everything is kept, of small logs.
fn options() -> Options {
    Options::new()
        .seed(11)
        .checkpoint_log_bytes(2000)
        .retention(Retention::bytes(u64::MAX))
}

fn open(disk: &MemoryDirectory) -> Database {
    options().open_in(disk.clone()).unwrap()
}

fn put(db: &Database, collection: &str, n: u64, value: u64) {
    db.untyped(collection).put(id(n), &text(value)).unwrap();
}

fn apply(content: &mut Content, commit: &Commit) {
    for change in &commit.changes {
        let key = (change.collection.to_string(), change.id);
        let before = match change.kind {
            ChangeKind::Insert | ChangeKind::Update => {
                let new = change.new.as_ref().unwrap().as_bytes().to_vec();
                content.insert(key, new).is_some()
            }
            ChangeKind::Delete => content.remove(&key).is_some(),
            ChangeKind::DeleteRange { first, last } => {
                content.retain(|(name, id), _| *name != key.0 || !(first..=last).contains(id));
                continue;
            }
            ChangeKind::Drop => {
                content.retain(|(name, _), _| *name != key.0);
                continue;
            }
            other => panic!("{other:?}"),
        };
        assert_eq!(before, change.kind != ChangeKind::Insert, "{change:?}");
    }
}

/// Everything that is there to be read.
fn drain(changes: &mut Changes) -> Vec<Commit> {
    std::iter::from_fn(|| changes.try_next().unwrap()).collect()
}

/// Follows from the beginning, and comes to what a scan gives.
fn assert_replays(db: &Database) -> Vec<Commit> {
    let commits = drain(&mut db.changes(Lsn::ZERO).unwrap());
    let mut replayed = Content::new();
    let mut last = Lsn::ZERO;
    for commit in &commits {
        assert!(commit.lsn > last && !commit.changes.is_empty());
        last = commit.lsn;
        apply(&mut replayed, commit);
    }
    assert_eq!(replayed, content(db).unwrap());
    commits
}

fn kinds(commit: &Commit) -> Vec<ChangeKind> {
    commit.changes.iter().map(|change| change.kind).collect()
}

#[test]
fn each_kind_of_change_is_told_from_the_others() {
    let db = open(&MemoryDirectory::new());
    put(&db, "a", 1, 1);
    put(&db, "a", 1, 2);
    assert!(db.untyped("a").delete(id(1)).unwrap());
    db.write(|tx| tx.remove("a", id(1))).unwrap();
    put(&db, "a", 1, 1);
    put(&db, "a", 2, 1);
    db.write(|tx| {
        tx.put("a", id(3), &text(0))?;
        tx.delete_range("a", ..)?;
        tx.put("a", id(2), &text(9))?;
        tx.put("b", id(2), &text(9))
    })
    .unwrap();
    assert!(db.drop_collection("a").unwrap());
    let commits = assert_replays(&db);
    let kinds: Vec<_> = commits.iter().map(kinds).collect();
    use ChangeKind::{Delete, DeleteRange, Drop, Insert, Update};
    let all = DeleteRange {
        first: EntityId::MIN,
        last: EntityId::MAX,
    };
    let expected = [
        vec![Insert],
        vec![Update],
        vec![Delete],
        vec![Insert],
        vec![Insert],
        vec![all, Insert, Insert],
        vec![Drop],
    ];
    assert_eq!(kinds, expected);
    assert_eq!(&*commits[6].changes[0].collection, "a");
    let lsns: Vec<_> = commits.iter().map(|commit| commit.lsn.get()).collect();
    // Removing what was not there changes nothing.
    assert_eq!(lsns, [1, 2, 3, 5, 6, 7, 8]);
}

#[test]
fn what_was_before_comes_with_a_change_if_retention_asked_for_it() {
    let retention = Retention {
        old: true,
        ..Retention::bytes(u64::MAX)
    };
    let db = options().retention(retention);
    let db = db.open_in(MemoryDirectory::new()).unwrap();
    let payload = |n| entidb::Payload::encode(&text(n)).unwrap();
    let change =
        |kind, new: Option<u64>, old: Option<u64>| (kind, new.map(payload), old.map(payload));
    put(&db, "a", 1, 1);
    put(&db, "a", 1, 2);
    db.checkpoint().unwrap();
    db.write(|tx| {
        tx.put("a", id(2), &text(7))?;
        tx.put("a", id(1), &text(3))
    })
    .unwrap();
    db.write(|tx| {
        tx.remove("a", id(1))?;
        tx.remove("a", id(2))?;
        tx.remove("a", id(3))
    })
    .unwrap();
    db.write(|tx| {
        tx.delete_range("a", ..)?;
        tx.put("a", id(1), &text(4))
    })
    .unwrap();
    let commits = assert_replays(&db);
    let told = |commit: &Commit| -> Vec<_> {
        let changes = commit.changes.iter();
        let told = |change: &Change| (change.kind, change.new.clone(), change.old.clone());
        changes.map(told).collect()
    };
    use ChangeKind::{Delete, Insert, Update};
    assert_eq!(told(&commits[0]), [change(Insert, Some(1), None)]);
    assert_eq!(told(&commits[1]), [change(Update, Some(2), Some(1))]);
    let third = [
        change(Insert, Some(7), None),
        change(Update, Some(3), Some(2)),
    ];
    assert_eq!(told(&commits[2]), third);
    let fourth = [change(Delete, None, Some(3)), change(Delete, None, Some(7))];
    assert_eq!(told(&commits[3]), fourth);
    assert_eq!(told(&commits[4])[1], change(Insert, Some(4), None));
    let report = db.verify().unwrap();
    assert!(report.is_sound(), "{:?}", report.problems);
}

#[test]
fn a_follower_goes_on_where_another_has_stopped_whatever_happened_to_the_logs() {
    let mut disk = MemoryDirectory::new();
    let mut db = open(&disk);
    let (mut replayed, mut position) = (Content::new(), Lsn::ZERO);
    let mut seen = 0;
    for round in 0..60 {
        for n in 0..5 {
            put(&db, "a", (round * 7 + n) % 13, round);
        }
        match round % 7 {
            0 => db.checkpoint().unwrap(),
            1 => db.compact().unwrap(),
            2 => {
                db.close().unwrap();
                db = open(&disk);
            }
            3 => {
                db.write(|tx| tx.delete_range("a", id(1)..=id(4))).unwrap();
                seen += 1;
            }
            4 => {
                // Killed: the log is copied.
                disk = common::directory(&image(&disk));
                db = open(&disk);
            }
            _ => {}
        }
        seen += 5;
        if round % 3 > 0 {
            let mut changes = db.changes(position).unwrap();
            while let Some(commit) = changes.try_next().unwrap() {
                assert!(commit.lsn > position);
                apply(&mut replayed, &commit);
                seen -= 1;
                position = commit.lsn;
            }
            assert_eq!(changes.position(), db.lsn());
            assert_eq!(seen, 0);
            assert_eq!(replayed, content(&db).unwrap());
        }
    }
    assert_replays(&db);
    assert!(db.verify().unwrap().is_sound());
}

#[test]
fn merges_leave_what_followers_may_read_alone_and_give_it_up_behind_the_floor() {
    let disk = MemoryDirectory::new();
    let db = open(&disk);
    for round in 0..40 {
        put(&db, "a", round % 3, round);
        if round % 4 == 0 {
            db.checkpoint().unwrap();
        }
    }
    db.compact().unwrap();
    assert_eq!(assert_replays(&db).len(), 40);
    let logs = |disk| {
        let streams = image(disk).into_iter();
        let logs = streams.filter(|(name, _)| name.ends_with(".log"));
        logs.map(|(_, bytes)| bytes.len()).sum::<usize>()
    };
    let kept = logs(&disk);
    db.close().unwrap();
    // Without retention, all of it but three entities is superfluous.
    let db = options().retention(Retention::none());
    let db = db.open_in(disk.clone()).unwrap();
    db.compact().unwrap();
    assert!(logs(&disk) * 10 < kept, "{} of {kept}", logs(&disk));
    let gap = db.changes(Lsn::new(39)).unwrap_err();
    assert_eq!((gap.kind(), gap.floor()), (ErrorKind::Gap, Some(db.lsn())));
    assert_eq!(content(&db).unwrap().len(), 3);
    assert!(db.verify().unwrap().is_sound());
}
