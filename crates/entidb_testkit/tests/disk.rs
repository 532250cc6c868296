//! The simulated disk keeps the storage contract, and a crash leaves what the model says and nothing else.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::print_stdout,
    reason = "a test's helpers fail as its functions do, and say what they have looked at"
)]

use std::collections::BTreeSet;
use std::io::ErrorKind;

use entidb_testkit::storage::{Directory, OpenMode, StorageBackend, StorageError, StorageResult};
use entidb_testkit::{Fault, Op, Policy, Rule, SimDisk};

fn make(disk: &SimDisk, name: &str) -> Box<dyn StorageBackend> {
    disk.open(name, OpenMode::CreateNew).unwrap()
}

fn read(disk: &SimDisk, name: &str) -> Option<Vec<u8>> {
    let reader = disk.open_reader(name).ok()?;
    let len = usize::try_from(reader.size().unwrap()).unwrap();
    Some(reader.read_at(0, len).unwrap())
}

fn kind<T>(result: StorageResult<T>) -> Option<ErrorKind> {
    match result {
        Err(StorageError::Io(error)) => Some(error.kind()),
        _ => None,
    }
}

fn poisoned<T>(result: StorageResult<T>) -> bool {
    matches!(result, Err(StorageError::Poisoned))
}

/// What all crashes now leave of the stream.
fn contents(disk: &SimDisk, name: &str) -> BTreeSet<Option<Vec<u8>>> {
    let mut states = disk.crash_states(100_000);
    let contents = states
        .by_ref()
        .map(|state| read(&state.disk(), name))
        .collect();
    assert!(states.is_exhaustive());
    contents
}

#[test]
fn reads_and_appends_are_exact() {
    let disk = SimDisk::new(1);
    let mut log = make(&disk, "log");
    assert_eq!(log.append(b"first").unwrap(), 0);
    assert_eq!(log.append_vectored(&[b", ", b"second"]).unwrap(), 5);
    assert_eq!(log.append(b"").unwrap(), 13);
    assert_eq!(log.read_at(3, 4).unwrap(), b"st, ");
    assert_eq!(log.reader().unwrap().read_at(13, 0).unwrap(), b"");
    for (offset, len) in [(13, 1), (14, 0), (u64::MAX, 1), (0, usize::MAX)] {
        let past = log.read_at(offset, len);
        assert!(matches!(
            past,
            Err(StorageError::ReadPastEnd { size: 13, .. })
        ));
    }
    assert_eq!(kind(log.truncate(14)), Some(ErrorKind::InvalidInput));
    log.truncate(5).unwrap();
    assert_eq!(
        (log.size().unwrap(), read(&disk, "log")),
        (5, Some(b"first".to_vec()))
    );
    log.close().unwrap();
    assert!(matches!(log.append(b"x"), Err(StorageError::Closed)));
    assert!(matches!(log.read_at(0, 1), Err(StorageError::Closed)));
}

#[test]
fn a_stream_has_one_appender_and_a_lock_one_holder() {
    let disk = SimDisk::new(1);
    let mut log = make(&disk, "log");
    let second = disk.open("log", OpenMode::Existing);
    assert!(matches!(second, Err(StorageError::Locked { .. })));
    assert_eq!(
        kind(disk.open("log", OpenMode::CreateNew)),
        Some(ErrorKind::AlreadyExists)
    );
    assert_eq!(
        kind(disk.open("none", OpenMode::Existing)),
        Some(ErrorKind::NotFound)
    );
    log.close().unwrap();
    drop(disk.open("log", OpenMode::Existing).unwrap());
    let lock = disk.lock("lock").unwrap();
    assert!(matches!(
        disk.lock("lock"),
        Err(StorageError::Locked { .. })
    ));
    drop(lock);
    drop(disk.lock("lock").unwrap());
    assert_eq!(disk.list().unwrap(), ["lock", "log"]);
    for name in ["", "..", "A", "a/b", "ä"] {
        assert_eq!(
            kind(disk.open(name, OpenMode::CreateNew)),
            Some(ErrorKind::InvalidInput)
        );
    }
}

#[test]
fn unsynced_bytes_are_new_or_zeros_or_junk_at_every_length() {
    let disk = SimDisk::new(1).with_sector_len(1);
    let mut log = make(&disk, "log");
    log.append(b"ab").unwrap();
    log.flush().unwrap();
    assert_eq!(
        contents(&disk, "log"),
        BTreeSet::from([Some(b"ab".to_vec())])
    );
    log.append(b"cd").unwrap();
    let found = contents(&disk, "log");
    // Nothing, one byte in three ways, two in nine.
    assert_eq!(found.len(), 1 + 3 + 9);
    assert!(found.iter().flatten().all(|bytes| bytes.starts_with(b"ab")));
    for bytes in [
        &b"ab"[..],
        b"abc",
        b"ab\0",
        b"abcd",
        b"ab\0d",
        b"abc\0",
        b"ab\0\0",
    ] {
        assert!(found.contains(&Some(bytes.to_vec())));
    }
    log.flush().unwrap();
    assert_eq!(
        contents(&disk, "log"),
        BTreeSet::from([Some(b"abcd".to_vec())])
    );
}

#[test]
fn a_new_name_is_there_for_certain_after_its_first_flush_by_any_handle() {
    let disk = SimDisk::new(1);
    let mut log = make(&disk, "log");
    log.append(b"a").unwrap();
    assert!(contents(&disk, "log").contains(&None));
    // The first process dies; the second one's flush makes the name durable.
    let disk = disk.restart();
    assert_eq!(read(&disk, "log").unwrap(), b"a");
    let mut log = disk.open("log", OpenMode::Existing).unwrap();
    assert!(contents(&disk, "log").contains(&None));
    log.flush().unwrap();
    assert_eq!(
        contents(&disk, "log"),
        BTreeSet::from([Some(b"a".to_vec())])
    );
}

#[test]
fn a_removal_may_come_undone_until_the_directory_is_synced() {
    let disk = SimDisk::new(1);
    let mut log = make(&disk, "log");
    log.append(b"a").unwrap();
    log.flush().unwrap();
    let reader = disk.open_reader("log").unwrap();
    disk.remove("log").unwrap();
    assert_eq!(reader.read_at(0, 1).unwrap(), b"a");
    assert_eq!(
        contents(&disk, "log"),
        BTreeSet::from([None, Some(b"a".to_vec())])
    );
    disk.sync().unwrap();
    assert_eq!(contents(&disk, "log"), BTreeSet::from([None]));
}

#[test]
fn a_replacement_is_the_old_or_the_new_and_after_a_failed_sync_either_for_ever() {
    let disk = SimDisk::new(1);
    disk.replace("manifest", b"old").unwrap();
    disk.fail(Rule::once(Op::DirectorySync, 0, Fault::Io));
    assert!(disk.replace("manifest", b"new").is_err());
    assert!(poisoned(disk.replace("manifest", b"newer")));
    assert!(poisoned(disk.sync()));
    let either = BTreeSet::from([Some(b"new".to_vec()), Some(b"old".to_vec())]);
    assert_eq!(contents(&disk, "manifest"), either);
    let disk = disk.restart();
    disk.sync().unwrap();
    assert_eq!(
        contents(&disk, "manifest"),
        either,
        "a second sync has lied"
    );
    disk.replace("manifest", b"newer").unwrap();
    assert_eq!(
        contents(&disk, "manifest"),
        BTreeSet::from([Some(b"newer".to_vec())])
    );
    disk.fail(Rule::once(Op::Replace, 0, Fault::Full));
    assert!(disk.replace("manifest", b"newest").unwrap_err().is_full());
    assert_eq!(contents(&disk, "manifest").len(), 1);
}

#[test]
fn after_a_failed_sync_the_bytes_read_well_and_are_lost_by_a_power_cut() {
    let disk = SimDisk::new(1);
    let mut log = make(&disk, "log");
    log.append(b"kept").unwrap();
    log.flush().unwrap();
    log.append(b" lost").unwrap();
    disk.fail(Rule::once(Op::Flush, 0, Fault::Io));
    assert!(log.flush().is_err());
    assert!(poisoned(log.flush()) && poisoned(log.append(b"x")) && poisoned(log.sync()));
    assert!(poisoned(log.truncate(0)));
    assert_eq!(log.read_at(0, 9).unwrap(), b"kept lost");
    let warm = disk.restart();
    let mut log = warm.open("log", OpenMode::Existing).unwrap();
    assert_eq!(log.read_at(0, 9).unwrap(), b"kept lost");
    log.sync().unwrap();
    let cold = warm.crash(Policy::Nothing);
    assert_eq!(
        read(&cold, "log").unwrap(),
        b"kept",
        "a second sync has lied"
    );
    // What is appended now is durable, and what was lost stays a hole.
    log.append(b" more").unwrap();
    log.sync().unwrap();
    let cold = warm.crash(Policy::Nothing);
    assert_eq!(read(&cold, "log").unwrap(), b"kept\0\0\0\0\0 more");
    drop(log);
    let mut again = warm.open("log", OpenMode::Existing).unwrap();
    again.append(b"!").unwrap();
    warm.fail(Rule::once(Op::Sync, 0, Fault::Revert));
    assert!(again.sync().is_err());
    assert_eq!(
        again.read_at(14, 1).unwrap(),
        b"\0",
        "the page has gone back"
    );
}

#[test]
fn a_write_that_fails_stays_in_the_buffer_and_can_be_retried_or_cut() {
    for cut in [false, true] {
        let disk = SimDisk::new(1).without_reserve();
        let mut log = make(&disk, "log");
        log.append(b"kept").unwrap();
        log.flush().unwrap();
        disk.set_capacity(Some(6));
        log.append(b"more").unwrap();
        for _ in 0..2 {
            assert!(log.flush().unwrap_err().is_full());
        }
        assert_eq!((log.size().unwrap(), disk.used()), (8, 6));
        assert_eq!(log.read_at(0, 8).unwrap(), b"keptmore");
        if cut {
            log.truncate(4).unwrap();
            assert_eq!(
                contents(&disk, "log"),
                BTreeSet::from([Some(b"kept".to_vec())])
            );
            log.append(b"on").unwrap();
        }
        disk.set_capacity(None);
        log.flush().unwrap();
        let expected: &[u8] = if cut { b"kepton" } else { b"keptmore" };
        assert_eq!(
            contents(&disk, "log"),
            BTreeSet::from([Some(expected.to_vec())])
        );
    }
}

#[test]
fn a_short_append_leaves_nothing_to_be_read() {
    for fault in [Fault::Short, Fault::ShortStuck] {
        let disk = SimDisk::new(1);
        let mut log = make(&disk, "log");
        log.append(b"a").unwrap();
        log.flush().unwrap();
        disk.fail(Rule::once(Op::Append, 0, fault));
        assert!(log.append(b"bcde").is_err());
        assert_eq!(log.size().unwrap(), 1);
        assert!(contents(&disk, "log").contains(&Some(b"abc".to_vec())));
        assert_eq!(poisoned(log.append(b"x")), fault == Fault::ShortStuck);
        if fault == Fault::Short {
            log.flush().unwrap();
            assert_eq!(
                contents(&disk, "log"),
                BTreeSet::from([Some(b"ax".to_vec())])
            );
        }
    }
}

#[test]
fn space_set_aside_may_show_as_zeros_until_it_is_given_back() {
    let disk = SimDisk::new(1).with_sector_len(1024);
    let mut log = make(&disk, "log");
    log.append(b"a").unwrap();
    log.reserve(100).unwrap();
    log.flush().unwrap();
    let found = contents(&disk, "log");
    let mut zeros = vec![0; 1024];
    zeros[0] = b'a';
    assert_eq!(
        found,
        BTreeSet::from([Some(b"a".to_vec()), Some(zeros.clone())])
    );
    assert_eq!(read(&disk.restart(), "log"), Some(zeros));
    log.close().unwrap();
    assert_eq!(contents(&disk, "log").len(), 1);
    disk.set_capacity(Some(10));
    let mut log = disk.open("log", OpenMode::Existing).unwrap();
    assert!(log.reserve(10).unwrap_err().is_full());
    log.reserve(9).unwrap();
}

#[test]
fn the_death_of_a_process_loses_what_it_had_not_handed_over() {
    let disk = SimDisk::new(1);
    let mut log = make(&disk, "log");
    log.append(b"a").unwrap();
    log.flush().unwrap();
    log.append(b"b").unwrap();
    log.append(b"c").unwrap();
    let left: BTreeSet<_> = disk
        .kill_states()
        .iter()
        .map(|disk| read(disk, "log"))
        .collect();
    let expected = [&b"a"[..], b"ab", b"abc"].map(|bytes| Some(bytes.to_vec()));
    assert_eq!(left, BTreeSet::from(expected));
}

#[test]
fn a_seed_gives_the_same_states_again_and_a_sample_has_the_extremes() {
    let states = |seed: u64| {
        let disk = SimDisk::new(seed).with_sector_len(16);
        let mut log = make(&disk, "log");
        log.append(&[7; 400]).unwrap();
        let mut states = disk.crash_states(200);
        let found: Vec<_> = states
            .by_ref()
            .map(|s| (s.content_hash(), s.to_string()))
            .collect();
        assert!(!states.is_exhaustive());
        assert_eq!(states.explored(), found.len() as u64);
        let contents: Vec<_> = disk
            .crash_states(200)
            .map(|s| read(&s.disk(), "log"))
            .collect();
        for extreme in [
            None,
            Some(Vec::new()),
            Some(vec![0; 400]),
            Some(vec![7; 400]),
            Some(vec![7; 16]),
        ] {
            assert!(contents.contains(&extreme));
        }
        found
    };
    assert_eq!(states(1), states(1));
    assert_ne!(states(1), states(2));
}
