//! `FileDirectory` where a system call fails: `replace` is all or nothing, and a failed sync is sticky.

use rustix::io::Errno;

use super::super::directory::FileDirectory;
use super::super::faults::{Fault, Faults, Rule};
use super::super::seam::Call;
use super::{bytes, folder};
use crate::{Directory, OpenMode, StorageError, StorageResult};

fn content(directory: &FileDirectory, name: &str) -> Vec<u8> {
    let reader = directory.open_reader(name).unwrap();
    let len = usize::try_from(reader.size().unwrap()).unwrap();
    reader.read_at(0, len).unwrap()
}

#[test]
fn d1_a_new_stream_and_its_name_are_synced_at_its_first_flush() {
    let (dir, faults) = (folder(), Faults::default());
    let directory = FileDirectory::open_as(faults.system(), dir.path()).unwrap();
    let mut stream = directory.open("log", OpenMode::CreateNew).unwrap();
    stream.append(b"x").unwrap();
    faults.take_calls();
    stream.flush().unwrap();
    let calls: Vec<Call> = faults
        .take_calls()
        .into_iter()
        .map(|(call, _)| call)
        .collect();
    assert_eq!(
        calls,
        [
            Call::Write,
            Call::DataSync,
            Call::OpenDirectory,
            Call::DirectorySync
        ]
    );
}

#[test]
fn d2_replace_syncs_the_bytes_before_the_name_and_the_name_before_it_returns() {
    let (dir, faults) = (folder(), Faults::default());
    let directory = FileDirectory::open_as(faults.system(), dir.path()).unwrap();
    faults.take_calls();
    directory.replace("manifest", b"content").unwrap();
    let calls = faults.take_calls().into_iter().map(|(call, _)| call);
    let changes: Vec<Call> = calls
        .filter(|call| !matches!(call, Call::Stat | Call::OpenDirectory))
        .collect();
    assert_eq!(
        changes,
        [
            Call::Open,
            Call::SetLen,
            Call::Write,
            Call::Sync,
            Call::Rename,
            Call::DirectorySync
        ]
    );
}

#[test]
fn d2_whatever_fails_the_old_content_is_there_or_the_new_one() {
    let (old, new) = (bytes(1, 1000), bytes(2, 2000));
    let errors = [Errno::IO, Errno::NOSPC, Errno::INTR].map(Fault::Error);
    for fault in errors.into_iter().chain([Fault::Short(7)]) {
        for times in [1, usize::MAX] {
            for skip in 0..12 {
                let (dir, faults) = (folder(), Faults::default());
                let directory = FileDirectory::open_as(faults.system(), dir.path()).unwrap();
                directory.replace("manifest", &old).unwrap();
                faults.take_calls();
                let rule = Rule {
                    call: None,
                    skip,
                    times,
                    fault,
                };
                faults.fail(rule);
                let result = directory.replace("manifest", &new);
                faults.heal();
                let calls = faults.take_calls();
                judge(&directory, &result, &calls, (&old, &new), rule);
                let found = std::fs::read_dir(dir.path()).unwrap().count();
                let removed = calls
                    .iter()
                    .any(|(call, failed)| *call == Call::Remove && *failed);
                assert!(found == 1 || removed, "{rule:?} leaves the temporary");
                assert_eq!(directory.list().unwrap(), ["manifest"]);
                assert_eq!(directory.foreign().unwrap(), None);
            }
        }
    }
}

fn judge(
    directory: &FileDirectory,
    result: &StorageResult<()>,
    calls: &[(Call, bool)],
    (old, new): (&[u8], &[u8]),
    rule: Rule,
) {
    let found = content(directory, "manifest");
    let sync_failed = calls
        .iter()
        .any(|(call, failed)| *failed && matches!(call, Call::DirectorySync | Call::OpenDirectory));
    match result {
        Ok(()) => assert!(found == new, "{rule:?}"),
        Err(error) => {
            assert!(found == old || found == new, "{rule:?}");
            assert!(!error.is_full() || found == old, "{rule:?} {error}");
            assert!(found == old || sync_failed, "{rule:?} {error}");
            let next = directory.replace("manifest", b"next");
            assert_eq!(
                matches!(next, Err(StorageError::Poisoned)),
                sync_failed,
                "{rule:?} {error}"
            );
        }
    }
}

#[test]
fn a_failed_sync_poisons_the_directory_for_replace_and_sync() {
    for errno in [Errno::IO, Errno::NOSPC, Errno::INTR] {
        let (dir, faults) = (folder(), Faults::default());
        let directory = FileDirectory::open_as(faults.system(), dir.path()).unwrap();
        directory.replace("a", b"old").unwrap();
        faults.fail_once(Call::DirectorySync, errno);
        let error = directory.sync().unwrap_err();
        assert!(
            matches!(error, StorageError::Io(_)) && !error.is_full(),
            "{error}"
        );
        assert!(matches!(directory.sync(), Err(StorageError::Poisoned)));
        assert!(matches!(
            directory.replace("a", b"new"),
            Err(StorageError::Poisoned)
        ));
        assert_eq!(content(&directory, "a"), b"old");
        directory.open("b", OpenMode::CreateNew).unwrap();
        directory.remove("b").unwrap();
        assert_eq!(directory.list().unwrap(), ["a"]);
    }
}

#[test]
fn creating_a_directory_syncs_every_folder_it_made() {
    let (dir, faults) = (folder(), Faults::default());
    let path = dir.path().join("a/b");
    FileDirectory::create_as(faults.system(), &path).unwrap();
    let changes = faults.take_changes();
    assert_eq!(changes[&Call::MakeDirectory], 2);
    assert!(changes[&Call::DirectorySync] >= 2, "{changes:?}");
    faults.fail_all(Call::DirectorySync, Errno::IO);
    let error = FileDirectory::create_as(faults.system(), &path).unwrap_err();
    assert!(matches!(error, StorageError::Io(_)), "{error}");
}

#[test]
fn a_lock_is_held_where_there_is_no_room_to_say_who_holds_it() {
    let (dir, faults) = (folder(), Faults::default());
    std::fs::write(dir.path().join("lock"), "4711\n").unwrap();
    let directory = FileDirectory::open_as(faults.system(), dir.path()).unwrap();
    faults.fail_all(Call::Write, Errno::NOSPC);
    let _held = directory.lock("lock").unwrap();
    let error = directory.lock("lock").unwrap_err();
    assert!(!error.to_string().contains("4711"), "{error}");
}
