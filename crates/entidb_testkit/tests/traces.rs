//! The operations that the engine makes, as text: a reordered or missing sync is a visible difference.
//!
//! `ENTIDB_UPDATE_TRACES=1 cargo test -p entidb_testkit --test traces` writes them anew.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::print_stdout,
    reason = "a test's helpers fail as its functions do, and say what they have looked at"
)]

mod common;

use std::path::Path;

use common::{commit, commit_with, content, delete, put, range};
use entidb::{Database, Options};
use entidb_testkit::{SimDisk, golden};

fn options(life: u64) -> Options {
    Options::new().seed(life)
}

fn open(disk: &SimDisk, life: u64) -> Database {
    options(life).open_in(disk.clone()).unwrap()
}

/// A text of named parts.
#[derive(Default)]
struct Text(String);

impl Text {
    fn part(&mut self, name: &str, disk: &SimDisk) {
        self.0 += &format!("# {name}\n");
        for line in disk.take_trace() {
            self.0 += &format!("{line}\n");
        }
    }

    fn compare(&self, name: &str) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata");
        if let Err(difference) = golden(&folder.join(name), &self.0) {
            panic!("{difference}");
        }
    }
}

#[test]
fn a_session_from_its_open_to_its_close() {
    let (disk, mut text) = (SimDisk::new(1), Text::default());
    let db = open(&disk, 1);
    text.part("open, a new database", &disk);
    commit(&db, &[put("people", 1, "first")]).unwrap();
    text.part("the first commit, in a new collection", &disk);
    commit(&db, &[put("people", 2, "second")]).unwrap();
    text.part("a commit", &disk);
    commit(&db, &[put("things", 1, "third"), delete("people", 1)]).unwrap();
    text.part("a commit that makes a second collection", &disk);
    db.checkpoint().unwrap();
    text.part("a checkpoint", &disk);
    commit(&db, &[put("people", 3, "fourth")]).unwrap();
    text.part("the first commit after a checkpoint", &disk);
    content(&db).unwrap();
    assert!(db.verify().unwrap().is_sound());
    text.part("reading and verifying", &disk);
    db.close().unwrap();
    text.part("close", &disk);
    let db = open(&disk, 2);
    text.part("open, after a clean close", &disk);
    commit(&db, &[put("people", 4, "fifth")]).unwrap();
    text.part("a commit", &disk);
    db.close().unwrap();
    text.part("close", &disk);
    text.compare("session.trace");
}

#[test]
fn a_recovery_after_a_kill() {
    let (disk, mut text) = (SimDisk::new(2), Text::default());
    let db = open(&disk, 1);
    for n in 0..3 {
        commit(&db, &[put("people", n, "before the kill")]).unwrap();
    }
    let killed = disk.restart();
    let _ = killed.take_trace();
    let db = open(&killed, 2);
    text.part("open, after a kill", &killed);
    commit(&db, &[put("people", 9, "after the kill")]).unwrap();
    text.part("a commit", &killed);
    db.checkpoint().unwrap();
    text.part("a checkpoint", &killed);
    db.close().unwrap();
    text.part("close", &killed);
    text.compare("recovery.trace");
}

#[test]
fn a_checkpoint_turns_away_from_the_log_before_it_seals_it() {
    let (disk, mut text) = (SimDisk::new(4), Text::default());
    // With the threads' way of turning to another log, and nothing for them to do.
    let options = options(1).background(true).auto_compaction(false);
    let options = options.eventual_delay(std::time::Duration::from_secs(3600));
    let db = options.open_in(disk.clone()).unwrap();
    commit(&db, &[put("people", 1, "first")]).unwrap();
    let _ = disk.take_trace();
    let soon = |n: u64, write| {
        commit_with(&db, &[write], entidb::Durability::Eventual).unwrap();
        assert_eq!(content(&db).unwrap().len() as u64, n);
    };
    soon(2, put("people", 2, "second"));
    soon(1, range("people", 1, 1));
    text.part("two commits that nobody waits for", &disk);
    db.checkpoint().unwrap();
    text.part("a checkpoint, with the log that comes next", &disk);
    soon(2, put("people", 3, "third"));
    db.sync().unwrap();
    text.part("another, and a sync", &disk);
    soon(3, put("people", 4, "fourth"));
    db.close().unwrap();
    text.part("another, and close", &disk);
    text.compare("rotation.trace");
}

#[test]
fn a_large_commit_is_one_edit_of_the_manifest() {
    let (disk, mut text) = (SimDisk::new(5), Text::default());
    let options = |life| options(life).transaction_memory_bytes(2_000);
    let db = options(1).open_in(disk.clone()).unwrap();
    commit(&db, &[put("people", 1, "first")]).unwrap();
    let _ = disk.take_trace();
    let mut tx = db.begin();
    let mut spill = |ids: std::ops::Range<u64>| {
        for n in ids {
            let value = entidb::Value::from("x".repeat(700).as_str());
            tx.put("people", common::id(n), &value).unwrap();
        }
    };
    spill(0..2);
    text.part("a transaction that fits in memory", &disk);
    spill(2..3);
    text.part("the write with which it does not", &disk);
    spill(3..7);
    text.part("more of them", &disk);
    db.commit(tx, entidb::Durability::Sync).unwrap();
    text.part("its commit, behind one that is in the log", &disk);
    commit(&db, &[put("people", 1, "second")]).unwrap();
    text.part("a small commit behind it", &disk);
    let mut tx = db.begin();
    for n in 10..14 {
        let value = entidb::Value::from("y".repeat(700).as_str());
        tx.put("people", common::id(n), &value).unwrap();
    }
    let _ = disk.take_trace();
    drop(tx);
    text.part("another that is dropped", &disk);
    db.close().unwrap();
    text.part("close", &disk);
    text.compare("large_commit.trace");
}

#[test]
fn a_reader_writes_nothing() {
    let disk = SimDisk::new(3);
    let db = open(&disk, 1);
    commit(&db, &[put("people", 1, "first")]).unwrap();
    let killed = disk.restart();
    db.close().unwrap();
    for disk in [disk, killed] {
        let _ = disk.take_trace();
        let reader = options(2).read_only(true).open_in(disk.clone()).unwrap();
        assert_eq!(content(&reader).unwrap().len(), 1);
        assert!(reader.verify().unwrap().is_sound());
        reader.close().unwrap();
        assert_eq!(disk.trace(), Vec::<String>::new());
    }
}
