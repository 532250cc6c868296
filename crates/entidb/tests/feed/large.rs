//! Followers of commits that do not fit in memory.

use std::time::Duration;

use super::*;

fn old() -> Retention {
    Retention {
        old: true,
        ..Retention::bytes(u64::MAX)
    }
}

/// The streams that are logs.
fn logs(disk: &MemoryDirectory) -> usize {
    let names = image(disk).into_keys();
    names.filter(|name| name.ends_with(".log")).count()
}

fn much(tx: &mut entidb::Transaction) -> entidb::Result<()> {
    for n in 0..200 {
        tx.put("a", id(n), &text(n + 1))?;
        tx.put("b", id(n % 50), &text(n))?;
    }
    tx.delete_range("a", id(20)..=id(20))?;
    tx.delete_range("b", ..)?;
    tx.put("a", id(20), &text(0))?;
    tx.put("b", id(7), &text(0))?;
    for n in (0..300).step_by(10) {
        tx.remove("a", id(n))?;
    }
    Ok(())
}

/// The changes of each commit, in an order of their own.
fn told(commits: &[Commit]) -> Vec<Vec<Change>> {
    let sorted = commits.iter().map(|commit| {
        let mut changes = commit.changes.clone();
        changes.sort_by(|a, b| {
            let of = |change: &Change| {
                let range = matches!(change.kind, ChangeKind::DeleteRange { .. });
                (!range, change.collection.to_string(), change.id)
            };
            of(a).cmp(&of(b))
        });
        changes
    });
    sorted.collect()
}

#[test]
fn a_large_commit_is_told_as_a_small_one_is() {
    let mut all = Vec::new();
    for retention in [Retention::bytes(u64::MAX), old()] {
        for bound in [64 << 20, 1_000, 1] {
            let disk = MemoryDirectory::new();
            let options = || {
                let options = options().retention(retention);
                options.transaction_memory_bytes(bound)
            };
            let db = options().open_in(disk.clone()).unwrap();
            db.write(|tx| {
                (0..250)
                    .step_by(2)
                    .try_for_each(|n| tx.put("a", id(n), &text(n)))
            })
            .unwrap();
            db.write(much).unwrap();
            db.write(|tx| tx.remove("a", id(7777))).unwrap();
            db.write(|tx| tx.put("a", id(1), &text(1))).unwrap();
            let commits = assert_replays(&db);
            assert_eq!(commits.len(), 3);
            db.compact().unwrap();
            assert_eq!(assert_replays(&db), commits, "behind a merge");
            assert!(db.verify().unwrap().is_sound());
            db.close().unwrap();
            let db = options().open_in(disk.clone()).unwrap();
            assert_eq!(assert_replays(&db), commits, "in the next session");
            let beside = Options::new().read_only(true).open_in(disk).unwrap();
            assert_eq!(assert_replays(&beside), commits, "beside it");
            let behind = commits[1].lsn;
            assert_eq!(drain(&mut db.changes(behind).unwrap()), commits[2..]);
            all.push(told(&commits));
        }
    }
    let (was, old) = all.split_at(3);
    for told in [was, old] {
        assert!(told[0][1].len() > 200);
        assert_eq!(told[0], told[1]);
        assert_eq!(told[0], told[2]);
    }
    assert_ne!(was, old);
}

#[test]
fn who_comes_while_a_large_transaction_runs_is_told_of_it_and_who_goes_leaves_nothing() {
    let disk = MemoryDirectory::new();
    let options = Options::new().transaction_memory_bytes(1_000);
    let db = options.open_in(disk.clone()).unwrap();
    db.write(much).unwrap();
    assert_eq!(logs(&disk), 0, "nobody follows");
    let mut tx = db.begin();
    much(&mut tx).unwrap();
    let mut all = db.watch(Watch::all()).unwrap();
    let mut of_one = db.watch(Watch::entity("a", id(1))).unwrap();
    let lsn = db.commit(tx, Durability::Sync).unwrap().lsn;
    let commit = all.try_next().unwrap().unwrap();
    assert_eq!(commit.lsn, lsn);
    assert!(commit.changes.len() > 150);
    let one = of_one.try_next().unwrap().unwrap();
    assert_eq!((one.lsn, one.changes.len()), (lsn, 1));
    assert_eq!(logs(&disk), 1);
    // A follower who wants to know more comes at the last moment.
    let mut tx = db.begin();
    much(&mut tx).unwrap();
    drop((all, of_one));
    db.commit(tx, Durability::Sync).unwrap();
    db.compact().unwrap();
    assert_eq!(logs(&disk), 0, "nobody follows any more");
}

#[test]
fn who_waits_is_woken_by_a_large_commit() {
    let options = options().transaction_memory_bytes(1_000);
    let db = options.open_in(MemoryDirectory::new()).unwrap();
    let mut changes = db.changes(Lsn::ZERO).unwrap();
    let follower = std::thread::spawn(move || {
        let commit = changes.next_timeout(Duration::from_secs(60)).unwrap();
        commit.unwrap().changes.len()
    });
    std::thread::sleep(Duration::from_millis(20));
    db.write(much).unwrap();
    assert!(follower.join().unwrap() > 150);
}

#[test]
fn what_a_large_commit_has_told_is_given_up_behind_the_floor() {
    let disk = MemoryDirectory::new();
    let options = options().transaction_memory_bytes(1_000);
    let options = options.retention(Retention::bytes(6_000));
    let db = options.open_in(disk.clone()).unwrap();
    db.write(much).unwrap();
    for n in 0..600 {
        put(&db, "a", n % 3, n);
    }
    db.compact().unwrap();
    let gap = db
        .changes(Lsn::ZERO)
        .and_then(|mut changes| changes.try_next());
    let gap = gap.unwrap_err();
    assert_eq!(gap.kind(), ErrorKind::Gap);
    assert!(logs(&disk) < 8, "{}", logs(&disk));
    let commits = drain(&mut db.changes(gap.floor().unwrap()).unwrap());
    assert!(!commits.is_empty());
    assert!(db.verify().unwrap().is_sound());
}

#[test]
fn a_large_commit_that_changes_nothing_a_follower_sees_is_passed() {
    let options = options().transaction_memory_bytes(1);
    let db = options.open_in(MemoryDirectory::new()).unwrap();
    put(&db, "a", 1, 1);
    db.write(|tx| (10..40).try_for_each(|n| tx.remove("a", id(n))))
        .unwrap();
    put(&db, "a", 2, 2);
    let mut changes = db.changes(Lsn::ZERO).unwrap();
    assert_eq!(drain(&mut changes).len(), 2);
    assert_eq!(changes.position(), db.lsn());
}

#[test]
fn what_a_refused_large_transaction_would_have_told_is_gone() {
    let disk = MemoryDirectory::new();
    let options = options().transaction_memory_bytes(1_000);
    let db = options.open_in(disk.clone()).unwrap();
    db.create_indexes("a", &[IndexSpec::on("mail").unique()])
        .unwrap();
    let before = logs(&disk);
    let mut tx = db.begin();
    much(&mut tx).unwrap();
    put(&db, "a", 1, 5);
    let refused = db.commit(tx, Durability::Sync).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Conflict);
    assert!(
        logs(&disk) <= before + 1,
        "but for the log of the small commit"
    );
    assert_eq!(assert_replays(&db).len(), 1);
}
