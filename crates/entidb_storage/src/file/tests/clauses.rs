//! Clauses 3, 4, 7, 8, 9 and 10 where calls are counted or fail.

use std::collections::BTreeMap;
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustix::io::Errno;

use super::super::faults::{Fault, Faults, Rule};
use super::super::seam::Call;
use super::{FileBackend, bytes, folder, open};
use crate::{StorageBackend, StorageError};

const LARGE: usize = 300_000;

fn counts<const N: usize>(calls: [(Call, usize); N]) -> BTreeMap<Call, usize> {
    calls.into()
}

fn all(backend: &FileBackend) -> Vec<u8> {
    let size = backend.size().unwrap();
    backend.read_at(0, usize::try_from(size).unwrap()).unwrap()
}

fn assert_poisoned(backend: &mut FileBackend) {
    assert!(matches!(backend.append(b"x"), Err(StorageError::Poisoned)));
    assert!(matches!(backend.append(b""), Err(StorageError::Poisoned)));
    assert!(matches!(backend.flush(), Err(StorageError::Poisoned)));
    assert!(matches!(backend.sync(), Err(StorageError::Poisoned)));
    assert!(matches!(backend.truncate(0), Err(StorageError::Poisoned)));
    assert!(matches!(backend.reserve(1), Err(StorageError::Poisoned)));
}

#[test]
fn clause_03_a_small_append_is_no_system_call() {
    let (dir, faults) = (folder(), Faults::default());
    let mut backend = open(&faults, &dir.path().join("s")).unwrap();
    faults.take_calls();
    for i in 0..100 {
        assert_eq!(backend.append(&[7; 64]).unwrap(), i * 64);
    }
    assert_eq!(backend.read_at(64, 64).unwrap(), [7; 64]);
    assert_eq!(faults.take_calls(), []);
}

#[test]
fn clause_03_a_large_append_that_fails_half_way_is_cut_off_again() {
    let (dir, faults) = (folder(), Faults::default());
    let path = dir.path().join("s");
    let mut backend = open(&faults, &path).unwrap();
    backend.append(b"kept").unwrap();
    backend.flush().unwrap();
    faults.set_room(Some(LARGE / 2));
    let error = backend.append(&bytes(1, LARGE)).unwrap_err();
    assert!(error.is_full(), "{error}");
    assert_eq!(all(&backend), b"kept");
    assert_eq!(std::fs::metadata(&path).unwrap().len(), 4);
    faults.set_room(None);
    faults.take_calls();
    backend.flush().unwrap();
    assert_eq!(
        faults.take_changes().get(&Call::DataSync),
        Some(&1),
        "what was taken back is taken back for good"
    );
    assert_eq!(backend.append(b" on").unwrap(), 4);
    backend.close().unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"kept on");
}

#[test]
fn clause_03_an_append_that_cannot_be_taken_back_poisons() {
    let (dir, faults) = (folder(), Faults::default());
    let path = dir.path().join("s");
    let mut backend = open(&faults, &path).unwrap();
    backend.append(b"kept").unwrap();
    backend.flush().unwrap();
    faults.set_room(Some(LARGE / 2));
    faults.fail_all(Call::SetLen, Errno::NOSPC);
    let error = backend.append(&bytes(1, LARGE)).unwrap_err();
    assert!(
        matches!(error, StorageError::Io(_)) && !error.is_full(),
        "{error}"
    );
    assert_eq!(all(&backend), b"kept");
    assert_poisoned(&mut backend);
}

#[test]
fn clause_04_a_flush_is_one_write_and_one_data_sync() {
    let (dir, faults) = (folder(), Faults::default());
    let mut backend = open(&faults, &dir.path().join("s")).unwrap();
    backend.flush().unwrap();
    faults.take_calls();
    for i in 0..50 {
        backend.append(&bytes(i, 100)).unwrap();
    }
    backend.flush().unwrap();
    let flush = counts([(Call::Write, 1), (Call::DataSync, 1)]);
    assert_eq!(faults.take_changes(), flush);
    backend.flush().unwrap();
    assert_eq!(faults.take_calls(), [], "nothing was appended since");
    backend.append(&bytes(1, LARGE)).unwrap();
    backend.flush().unwrap();
    assert_eq!(faults.take_changes(), flush);
    backend.append(b"a").unwrap();
    backend.sync().unwrap();
    assert_eq!(
        faults.take_changes(),
        counts([(Call::Write, 1), (Call::Sync, 1)])
    );
    backend.sync().unwrap();
    assert_eq!(faults.take_calls(), []);
    backend.append(b"a").unwrap();
    backend.flush().unwrap();
    faults.take_calls();
    backend.sync().unwrap();
    assert_eq!(
        faults.take_changes(),
        counts([(Call::Sync, 1)]),
        "the metadata"
    );
}

#[test]
fn clause_04_a_flush_into_reserved_space_is_still_one_write_and_one_data_sync() {
    let (dir, faults) = (folder(), Faults::default());
    let path = dir.path().join("s");
    let mut backend = open(&faults, &path).unwrap();
    backend.flush().unwrap();
    backend.reserve(1000).unwrap();
    assert_eq!(backend.size().unwrap(), 0);
    assert_eq!(std::fs::metadata(&path).unwrap().len(), 4 << 20);
    faults.take_calls();
    for i in 0..5 {
        backend.reserve(100).unwrap();
        backend.append(&bytes(i, 100)).unwrap();
        backend.flush().unwrap();
        assert_eq!(
            faults.take_changes(),
            counts([(Call::Write, 1), (Call::DataSync, 1)])
        );
    }
    backend.close().unwrap();
    assert_eq!(
        faults.take_changes(),
        counts([(Call::SetLen, 1), (Call::DataSync, 1)])
    );
    assert_eq!(std::fs::metadata(&path).unwrap().len(), 500);
}

#[test]
fn clause_07_a_failed_sync_is_sticky_whatever_its_errno() {
    for call in [Call::DataSync, Call::DirectorySync, Call::OpenDirectory] {
        for errno in [
            Errno::IO,
            Errno::NOSPC,
            Errno::INTR,
            Errno::DQUOT,
            Errno::INVAL,
        ] {
            if (call, errno) == (Call::OpenDirectory, Errno::INTR) {
                continue; // Not yet a sync: it is tried again.
            }
            let (dir, faults) = (folder(), Faults::default());
            let mut backend = open(&faults, &dir.path().join("s")).unwrap();
            let reader = backend.reader().unwrap();
            backend.append(b"before").unwrap();
            faults.fail_once(call, errno);
            let error = backend.flush().unwrap_err();
            assert!(
                matches!(error, StorageError::Io(_)),
                "{call:?} {errno:?}: {error}"
            );
            assert!(
                !error.is_full(),
                "a full disk would leave the backend usable: {error}"
            );
            faults.take_calls();
            assert_poisoned(&mut backend);
            assert_eq!(all(&backend), b"before");
            assert_eq!(reader.read_at(0, 6).unwrap(), b"before");
            if errno != Errno::IO {
                assert!(matches!(backend.close(), Err(StorageError::Poisoned)));
                assert!(matches!(backend.size(), Err(StorageError::Closed)));
            }
            drop(backend);
            assert_eq!(
                reader.read_at(0, 6).unwrap(),
                b"before",
                "outlives the poisoned"
            );
            assert_eq!(
                faults.take_changes(),
                counts([]),
                "a poisoned handle touches nothing"
            );
            drop(open(&faults, &dir.path().join("s")).unwrap());
        }
    }
}

#[test]
fn clause_07_a_failed_sync_inside_truncate_is_sticky() {
    for errno in [Errno::IO, Errno::NOSPC, Errno::INTR] {
        let (dir, faults) = (folder(), Faults::default());
        let mut backend = open(&faults, &dir.path().join("s")).unwrap();
        backend.append(b"before").unwrap();
        backend.flush().unwrap();
        faults.fail_once(Call::Sync, errno);
        let error = backend.truncate(3).unwrap_err();
        assert!(
            matches!(error, StorageError::Io(_)) && !error.is_full(),
            "{error}"
        );
        assert_poisoned(&mut backend);
        assert_eq!(all(&backend), b"bef");
    }
}

#[test]
fn clause_07_a_flush_that_cannot_write_keeps_the_bytes_and_can_be_retried() {
    let (dir, faults) = (folder(), Faults::default());
    let path = dir.path().join("s");
    let mut backend = open(&faults, &path).unwrap();
    let reader = backend.reader().unwrap();
    let data = bytes(3, 10_000);
    backend.append(&data).unwrap();
    faults.set_room(Some(4000));
    for _ in 0..3 {
        let error = backend.flush().unwrap_err();
        assert!(error.is_full(), "{error}");
        faults.fail_all(Call::Allocate, Errno::NOSPC);
        assert!(backend.reserve(1).unwrap_err().is_full());
        faults.heal();
        assert_eq!(all(&backend), data);
        assert_eq!(reader.read_at(3990, 20).unwrap(), data[3990..4010]);
    }
    faults.set_room(None);
    backend.flush().unwrap();
    drop(backend);
    assert_eq!(std::fs::read(&path).unwrap(), data);
}

#[test]
fn clause_07_a_tail_that_cannot_be_written_can_be_cut() {
    for cut in [0, 3000, 4000, 5000] {
        let (dir, faults) = (folder(), Faults::default());
        let path = dir.path().join("s");
        let mut backend = open(&faults, &path).unwrap();
        let data = bytes(3, 10_000);
        backend.append(&data).unwrap();
        faults.set_room(Some(4000));
        backend.flush().unwrap_err();
        backend.truncate(cut).unwrap();
        assert_eq!(backend.size().unwrap(), cut);
        faults.set_room(None);
        let kept = usize::try_from(cut).unwrap();
        assert_eq!(all(&backend), data[..kept]);
        backend.append(b"more").unwrap();
        backend.flush().unwrap();
        drop(backend);
        assert_eq!(
            std::fs::read(&path).unwrap(),
            [&data[..kept], b"more"].concat()
        );
    }
}

/// Lets the next call of this kind do something to the file before it fails.
fn fail_after(faults: &Faults, call: Call, errno: Errno, deed: impl Fn() + Send + Sync + 'static) {
    faults.hook(move |called| {
        if called == call {
            deed();
        }
    });
    faults.fail_once(call, errno);
}

#[test]
fn clause_08_what_a_failed_write_left_in_the_file_is_cut_too() {
    let (dir, faults) = (folder(), Faults::default());
    let path = dir.path().join("s");
    let mut backend = open(&faults, &path).unwrap();
    backend.flush().unwrap();
    let data = bytes(1, 10_000);
    backend.append(&data).unwrap();
    let (left, target) = (data[..5000].to_vec(), path.clone());
    fail_after(&faults, Call::Write, Errno::IO, move || {
        std::fs::write(&target, &left).unwrap();
    });
    backend.flush().unwrap_err();
    faults.hook(|_| {});
    faults.take_calls();
    backend.truncate(100).unwrap();
    assert_eq!(
        faults.take_changes(),
        counts([(Call::SetLen, 1), (Call::Sync, 1)])
    );
    assert_eq!(std::fs::metadata(&path).unwrap().len(), 100);
    assert_eq!(all(&backend), data[..100]);
    backend.flush().unwrap();
    assert_eq!(
        faults.take_changes(),
        counts([(Call::Write, 1), (Call::DataSync, 1)])
    );
}

#[test]
fn clause_08_a_failed_cut_changes_nothing() {
    let (dir, faults) = (folder(), Faults::default());
    let mut backend = open(&faults, &dir.path().join("s")).unwrap();
    backend.append(b"before").unwrap();
    backend.flush().unwrap();
    backend.append(b" and after").unwrap();
    faults.fail_all(Call::SetLen, Errno::IO);
    assert!(matches!(backend.truncate(3), Err(StorageError::Io(_))));
    assert_eq!(all(&backend), b"before and after");
    faults.heal();
    backend.truncate(3).unwrap();
    assert_eq!(all(&backend), b"bef");
}

#[test]
fn clause_08_only_what_was_in_the_file_is_cut_from_it() {
    let (dir, faults) = (folder(), Faults::default());
    let path = dir.path().join("s");
    let mut backend = open(&faults, &path).unwrap();
    backend.append(b"written").unwrap();
    backend.flush().unwrap();
    backend.reserve(1).unwrap();
    backend.append(b" buffered").unwrap();
    faults.take_calls();
    backend.truncate(9).unwrap();
    backend.truncate(9).unwrap();
    assert_eq!(faults.take_calls(), []);
    backend.truncate(7).unwrap();
    assert_eq!(faults.take_calls(), []);
    backend.truncate(6).unwrap();
    assert_eq!(
        faults.take_changes(),
        counts([(Call::SetLen, 1), (Call::Sync, 1)])
    );
    assert_eq!(
        std::fs::read(&path).unwrap(),
        b"writte",
        "without the reserve"
    );
    backend.append(b" and buffered").unwrap();
    backend.truncate(6).unwrap();
    assert_eq!(faults.take_changes(), counts([]));
    backend.reserve(1).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().len(), 4 << 20);
}

#[test]
fn clause_09_every_handle_syncs_the_directory_once() {
    let (dir, faults) = (folder(), Faults::default());
    let path = dir.path().join("s");
    for sync in [FileBackend::flush, FileBackend::sync] {
        // The second round finds the file made by a predecessor, who may not have synced anything.
        let mut backend = open(&faults, &path).unwrap();
        faults.take_calls();
        sync(&mut backend).unwrap();
        let changes = faults.take_changes();
        assert_eq!(changes.get(&Call::DirectorySync), Some(&1), "{changes:?}");
        assert_eq!(
            changes.get(&Call::DataSync).or(changes.get(&Call::Sync)),
            Some(&1),
            "what the predecessor left: {changes:?}"
        );
        backend.append(b"x").unwrap();
        sync(&mut backend).unwrap();
        assert_eq!(faults.take_changes().get(&Call::DirectorySync), None);
    }
}

#[test]
fn clause_09_folders_that_were_made_are_synced_in_theirs() {
    let (dir, faults) = (folder(), Faults::default());
    let path = dir.path().join("a/b/c/s");
    let mut backend = FileBackend::open_with_create_dirs_as(faults.system(), &path).unwrap();
    assert_eq!(faults.take_changes().get(&Call::MakeDirectory), Some(&3));
    backend.flush().unwrap();
    let synced = faults.take_changes()[&Call::DirectorySync];
    assert!(synced >= 4, "{synced}: c, b, a and the folder itself");
    drop(backend);
    // A predecessor made them, and may have died before it synced them.
    let mut backend = FileBackend::open_with_create_dirs_as(faults.system(), &path).unwrap();
    faults.take_calls();
    backend.flush().unwrap();
    assert_eq!(faults.take_changes()[&Call::DirectorySync], synced);
}

#[test]
fn clause_09_folders_of_others_that_we_may_not_open_are_not_ours_to_sync() {
    let (dir, faults) = (folder(), Faults::default());
    let path = dir.path().join("s");
    for (skip, ours) in [(0, true), (1, false)] {
        let mut backend = FileBackend::open_with_create_dirs_as(faults.system(), &path).unwrap();
        faults.fail(Rule {
            call: Some(Call::OpenDirectory),
            skip,
            times: 1,
            fault: Fault::Error(Errno::ACCESS),
        });
        assert_eq!(backend.flush().is_err(), ours, "folder {skip}");
        faults.heal();
    }
}

#[test]
fn clause_10_interrupts_and_short_transfers_are_handled_inside() {
    for fault in [Fault::Error(Errno::INTR), Fault::Short(1)] {
        let (dir, faults) = (folder(), Faults::default());
        let path = dir.path().join("s");
        let data = bytes(1, 5000);
        for call in [
            Call::Open,
            Call::Lock,
            Call::Stat,
            Call::Write,
            Call::Read,
            Call::SetLen,
            Call::Allocate,
        ] {
            let rule = |skip| Rule {
                call: Some(call),
                skip,
                times: 5,
                fault,
            };
            faults.fail(rule(0));
            let mut backend = open(&faults, &path).unwrap();
            faults.fail(rule(0));
            let start = backend.append(&data).unwrap();
            backend.reserve(10).unwrap();
            backend.flush().unwrap();
            faults.fail(rule(1));
            assert_eq!(backend.read_at(start, data.len()).unwrap(), data);
            let mut buf = vec![0; data.len()];
            faults.fail(rule(1));
            backend.read_into(start, &mut buf).unwrap();
            assert_eq!(buf, data);
            faults.fail(rule(0));
            backend.truncate(start + 7).unwrap();
            backend.close().unwrap();
        }
    }
}

#[test]
fn clause_10_what_is_interrupted_for_ever_is_an_error_and_no_hang() {
    let (dir, faults) = (folder(), Faults::default());
    let mut backend = open(&faults, &dir.path().join("s")).unwrap();
    backend.append(b"data").unwrap();
    faults.fail_all(Call::Write, Errno::INTR);
    assert!(matches!(backend.flush(), Err(StorageError::Io(_))));
    faults.heal();
    backend.flush().unwrap();
    faults.fail_all(Call::Read, Errno::INTR);
    assert!(matches!(backend.read_at(0, 4), Err(StorageError::Io(_))));
    faults.heal();
    assert_eq!(all(&backend), b"data");
}

#[test]
fn clause_10_each_kind_of_full_leaves_the_backend_usable() {
    for errno in [Errno::NOSPC, Errno::DQUOT, Errno::FBIG] {
        let (dir, faults) = (folder(), Faults::default());
        let mut backend = open(&faults, &dir.path().join("s")).unwrap();
        backend.append(b"data").unwrap();
        faults.fail_all(Call::Write, errno);
        let error = backend.flush().unwrap_err();
        assert!(error.is_full(), "{error}");
        assert!(
            error.to_string().contains("/s: "),
            "names the file: {error}"
        );
        let StorageError::Io(io) = &error else {
            panic!("{error}")
        };
        let source = std::error::Error::source(io.get_ref().unwrap()).unwrap();
        let source = source.downcast_ref::<std::io::Error>().unwrap();
        assert_eq!(source.raw_os_error(), Some(errno.raw_os_error()));
        assert!(backend.append(&bytes(1, LARGE)).unwrap_err().is_full());
        assert!(backend.close().unwrap_err().is_full(), "stays open");
        assert_eq!(all(&backend), b"data");
        faults.heal();
        backend.close().unwrap();
        assert!(matches!(backend.close(), Err(StorageError::Closed)));
    }
}

#[test]
fn reserve_tries_what_was_asked_for_where_a_whole_step_has_no_room() {
    let (dir, faults) = (folder(), Faults::default());
    let path = dir.path().join("s");
    let mut backend = open(&faults, &path).unwrap();
    backend.append(b"data").unwrap();
    faults.fail_once(Call::Allocate, Errno::NOSPC);
    backend.reserve(1000).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().len(), 1004);
    faults.fail_all(Call::Allocate, Errno::NOSPC);
    assert!(backend.reserve(10_000).unwrap_err().is_full());
    assert_eq!(std::fs::metadata(&path).unwrap().len(), 1004);
    backend.reserve(1000).unwrap();
    assert_eq!(all(&backend), b"data");
    backend.flush().unwrap();
    drop(backend);
    assert_eq!(std::fs::read(&path).unwrap(), b"data");
}

#[test]
fn reserve_gives_back_what_it_got_before_it_failed() {
    let (dir, faults) = (folder(), Faults::default());
    let path = dir.path().join("s");
    for can_cut in [true, false] {
        let mut backend = open(&faults, &path).unwrap();
        backend.append(b"data").unwrap();
        backend.flush().unwrap();
        let size = backend.size().unwrap();
        let target = path.clone();
        let faulty = faults.clone();
        faults.fail_all(Call::Allocate, Errno::NOSPC);
        faults.hook(move |call| {
            if call == Call::Allocate {
                let file = std::fs::OpenOptions::new()
                    .write(true)
                    .open(&target)
                    .unwrap();
                file.set_len(1 << 20).unwrap();
            } else if call == Call::SetLen && !can_cut {
                faulty.fail_once(Call::SetLen, Errno::IO);
            }
        });
        assert!(backend.reserve(10).unwrap_err().is_full());
        faults.hook(|_| {});
        faults.fail_all(Call::Allocate, Errno::NOSPC);
        assert!(backend.reserve(10).unwrap_err().is_full(), "still no room");
        faults.heal();
        if can_cut {
            assert_eq!(std::fs::metadata(&path).unwrap().len(), size);
        }
        backend.close().unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().len(), size);
    }
}

#[test]
fn reserve_does_nothing_where_the_file_system_cannot() {
    for errno in [Errno::OPNOTSUPP, Errno::NOSYS] {
        let (dir, faults) = (folder(), Faults::default());
        let mut backend = open(&faults, &dir.path().join("s")).unwrap();
        faults.fail_all(Call::Allocate, errno);
        backend.reserve(1000).unwrap();
        faults.take_calls();
        backend.reserve(1000).unwrap();
        assert_eq!(faults.take_calls(), [], "it is not asked again");
    }
}

#[test]
fn readers_go_on_while_a_write_or_a_sync_does_not_return() {
    for stuck in [Call::Write, Call::DataSync, Call::DirectorySync, Call::Sync] {
        let (dir, faults) = (folder(), Faults::default());
        let mut backend = open(&faults, &dir.path().join("s")).unwrap();
        backend.append(b"in the file").unwrap();
        backend.flush().unwrap();
        backend.append(b", in the buffer").unwrap();
        let reader = backend.reader().unwrap();
        let (entered, stuck_now) = mpsc::channel();
        let (release, released) = mpsc::channel::<()>();
        let (entered, released) = (Mutex::new(entered), Mutex::new(released));
        faults.hook(move |call| {
            if call == stuck {
                let _ = entered.lock().unwrap().send(());
                let _ = released.lock().unwrap().recv();
            }
        });
        let faults = Arc::new(faults);
        let appender = std::thread::spawn(move || match stuck {
            Call::DirectorySync => backend.truncate(26).and_then(|()| {
                // The directory is synced once a handle: a new one gets stuck there.
                drop(backend);
                let mut again = open(&faults, &dir.path().join("s"))?;
                again.flush()
            }),
            Call::Sync => backend.sync(),
            _ => backend.flush(),
        });
        // Only a defect waits this long: better an error than a hang.
        stuck_now.recv_timeout(Duration::from_secs(60)).unwrap();
        assert_eq!(reader.size().unwrap(), 26);
        assert_eq!(
            reader.read_at(0, 26).unwrap(),
            b"in the file, in the buffer"
        );
        drop(release);
        appender.join().unwrap().unwrap();
    }
}

/// Runs `deed` once, before the `nth` call of this kind.
fn before(faults: &Faults, call: Call, nth: usize, deed: impl FnOnce() + Send + 'static) {
    let deed = Mutex::new((0, Some(deed)));
    faults.hook(move |called| {
        let mut state = deed.lock().unwrap();
        if called == call {
            state.0 += 1;
            if state.0 == nth
                && let Some(deed) = state.1.take()
            {
                drop(state);
                deed();
            }
        }
    });
}

#[test]
fn a_read_that_a_cut_comes_between_does_not_mix_old_and_new() {
    let (dir, faults) = (folder(), Faults::default());
    let mut backend = open(&faults, &dir.path().join("s")).unwrap();
    backend.append(&[b'a'; 100]).unwrap();
    backend.flush().unwrap();
    let reader = backend.reader().unwrap();
    // The first 50 bytes are read before the cut, the rest after it.
    faults.fail(Rule {
        call: Some(Call::Read),
        skip: 0,
        times: 1,
        fault: Fault::Short(50),
    });
    before(&faults, Call::Read, 2, move || {
        backend.truncate(0).unwrap();
        backend.append(&[b'b'; 100]).unwrap();
        backend.flush().unwrap();
    });
    assert_eq!(reader.read_at(0, 100).unwrap(), [b'b'; 100]);
}

#[test]
fn a_read_during_a_cut_waits_for_it() {
    let (dir, faults) = (folder(), Faults::default());
    let path = dir.path().join("s");
    let mut backend = open(&faults, &path).unwrap();
    backend.append(&[b'a'; 100]).unwrap();
    backend.flush().unwrap();
    let reader = backend.reader().unwrap();
    let (found, answer) = mpsc::channel();
    before(&faults, Call::SetLen, 1, move || {
        // The kernel zeroes the end of the page before it changes the length.
        let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
        std::os::unix::fs::FileExt::write_all_at(&file, &[0; 50], 50).unwrap();
        std::thread::spawn(move || found.send(reader.read_at(0, 100)));
        // Time for a reader that does not wait to read zeros.
        std::thread::sleep(Duration::from_millis(50));
    });
    backend.truncate(50).unwrap();
    let answer = answer.recv().unwrap();
    assert!(
        matches!(answer, Err(StorageError::ReadPastEnd { size: 50, .. })),
        "{answer:?}"
    );
}

#[test]
fn clause_10_what_takes_the_files_place_while_it_is_opened_is_an_error() {
    let (dir, faults) = (folder(), Faults::default());
    let path = dir.path().join("s");
    std::fs::write(&path, "a file").unwrap();
    let target = path.clone();
    before(&faults, Call::Open, 1, move || {
        std::fs::remove_file(&target).unwrap();
        let mode = rustix::fs::Mode::RWXU;
        rustix::fs::mkfifoat(rustix::fs::CWD, &target, mode).unwrap();
    });
    let error = open(&faults, &path).unwrap_err();
    assert!(error.to_string().contains("a pipe"), "{error}");
}
