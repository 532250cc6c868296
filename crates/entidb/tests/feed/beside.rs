//! Followers in another process: over a database that was opened for reading.

use std::time::Duration;

use super::*;

fn read(disk: &MemoryDirectory) -> Database {
    let options = Options::new().read_only(true);
    options.open_in(disk.clone()).unwrap()
}

#[test]
fn a_reader_follows_a_writer_through_checkpoints_sessions_and_recoveries() {
    let mut disk = MemoryDirectory::new();
    let mut db = open(&disk);
    put(&db, "a", 0, 0);
    let mut changes = read(&disk).changes(Lsn::ZERO).unwrap();
    let (mut replayed, mut position) = (Content::new(), Lsn::ZERO);
    for round in 0..40 {
        for n in 0..4 {
            put(&db, "a", (round * 5 + n) % 11, round);
        }
        match round % 8 {
            1 => db.checkpoint().unwrap(),
            3 => db.compact().unwrap(),
            5 => {
                db.close().unwrap();
                db = open(&disk);
            }
            7 => {
                disk = common::directory(&image(&disk));
                db = open(&disk);
                changes = read(&disk).changes(position).unwrap();
            }
            _ => {}
        }
        for commit in drain(&mut changes) {
            assert!(commit.lsn > position && commit.lsn <= db.lsn());
            position = commit.lsn;
            apply(&mut replayed, &commit);
        }
    }
    db.close().unwrap();
    for commit in drain(&mut changes) {
        apply(&mut replayed, &commit);
    }
    assert_eq!(replayed, content(&read(&disk)).unwrap());
    assert!(
        changes
            .next_timeout(Duration::from_millis(1))
            .unwrap()
            .is_none()
    );
}

#[test]
fn a_reader_is_given_only_what_is_known_to_be_durable() {
    let disk = MemoryDirectory::new();
    let options = options().checkpoint_log_bytes(1 << 20);
    let db = options.eventual_delay(Duration::from_secs(60));
    let db = db.open_in(disk.clone()).unwrap();
    put(&db, "a", 1, 1);
    put(&db, "a", 2, 2);
    let mut changes = read(&disk).changes(Lsn::ZERO).unwrap();
    // The second names the first as synced; of the second itself nobody says so yet.
    assert_eq!(drain(&mut changes).len(), 1);
    let (snapshot, mut behind) = read(&disk).snapshot_and_changes().unwrap();
    assert_eq!(snapshot.count("a").unwrap(), 1);
    put(&db, "a", 3, 3);
    assert_eq!(drain(&mut changes).len(), 1);
    assert_eq!(drain(&mut behind).len(), 1);
    db.close().unwrap();
    assert_eq!(drain(&mut changes).len(), 1);
    assert_eq!(drain(&mut behind).len(), 1);
}

#[test]
fn a_reader_is_given_the_last_commit_of_a_writer_that_has_gone_quiet() {
    let folder = tempfile::tempdir().unwrap();
    let db = options().background(true).open(folder.path()).unwrap();
    let reader = Options::new().read_only(true).open(folder.path()).unwrap();
    let mut watcher = reader.watch(Watch::collection("a")).unwrap();
    for n in 0..3 {
        put(&db, "a", n, n);
        let commit = watcher.next_timeout(Duration::from_secs(60)).unwrap();
        assert_eq!(commit.unwrap().changes[0].id, id(n));
    }
    let marked = db.lsn();
    std::thread::sleep(Duration::from_millis(700));
    // It says so once, and then nothing more.
    assert!(db.lsn() <= Lsn::new(marked.get() + 1));
    let last = db.lsn();
    std::thread::sleep(Duration::from_millis(600));
    assert_eq!(db.lsn(), last);
    assert_eq!(assert_replays(&db).len(), 3);
    db.checkpoint().unwrap();
    put(&db, "a", 9, 9);
    std::thread::sleep(Duration::from_millis(700));
    let report = db.verify().unwrap();
    assert!(report.is_sound(), "{:?}", report.problems);
    db.close().unwrap();
    let db = options().open(folder.path()).unwrap();
    assert_eq!(assert_replays(&db).len(), 4);
}

#[test]
fn a_reader_of_a_database_that_keeps_nothing_hears_so() {
    let disk = MemoryDirectory::new();
    let db = Options::new().open_in(disk.clone()).unwrap();
    put(&db, "a", 1, 1);
    let reader = read(&disk);
    for error in [
        reader.changes(Lsn::ZERO).unwrap_err(),
        reader.watch(Watch::all()).unwrap_err(),
        reader.snapshot_and_changes().unwrap_err(),
    ] {
        assert_eq!((error.kind(), error.floor()), (ErrorKind::Gap, None));
        assert!(error.to_string().contains("retention"), "{error}");
    }
    assert_eq!(
        reader.consumer("c").unwrap_err().kind(),
        ErrorKind::ReadOnly
    );
}

#[test]
fn a_reader_follows_logs_that_sessions_beside_it_give_room_back_from() {
    const ROUNDS: u64 = 60;
    let folder = tempfile::tempdir().unwrap();
    let open = || options().open(folder.path()).unwrap();
    put(&open(), "a", 0, 0);
    let reader = Options::new().read_only(true).open(folder.path()).unwrap();
    let mut changes = reader.changes(Lsn::ZERO).unwrap();
    std::thread::scope(|scope| {
        // Each session reserves room for its log, and at its end cuts what it did not need.
        scope.spawn(|| {
            for round in 1..=ROUNDS {
                let db = open();
                put(&db, "a", round, round);
                db.close().unwrap();
            }
        });
        let mut count = 0;
        while count <= ROUNDS {
            let commit = changes.next_timeout(Duration::from_secs(60)).unwrap();
            count += commit.unwrap().changes.len() as u64;
        }
    });
}
