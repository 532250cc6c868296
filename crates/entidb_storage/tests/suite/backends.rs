//! What of the clauses only this crate's own backends promise.
//!
//! Every clause that a stranger's backend can be asked for is in the conformance suite, which `tests/conformance` runs
//! over all of ours. Clauses 7, 9 and what of the others needs a failing system are in `src/file/tests/`, clause 11 across processes in
//! `processes.rs`, a full disk in `full_disk.rs`.

use std::path::PathBuf;

use crate::sample::bytes;
use entidb_storage::{
    Capabilities, Durability, FileBackend, InMemoryBackend, StorageBackend, StorageError,
};

#[test]
fn clause_12_the_same_history_leaves_the_same_file() {
    let dir = tempfile::tempdir().unwrap();
    let run = |name: &str| {
        let path = dir.path().join(name);
        let mut backend = FileBackend::open(&path).unwrap();
        backend.append(&bytes(1, 700_000)).unwrap();
        backend.flush().unwrap();
        backend.truncate(300_000).unwrap();
        backend.append_vectored(&[b"the", b"end"]).unwrap();
        backend.close().unwrap();
        std::fs::read(&path).unwrap()
    };
    assert!(run("first") == run("second"));
}

#[test]
fn clause_06_what_was_cut_is_not_on_the_medium_any_more() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("stream");
    let mut backend = FileBackend::open(&path).unwrap();
    let mut model = Vec::new();
    for round in 0..20 {
        let part = bytes(round, 1000 * round + 1);
        backend.append(&part).unwrap();
        model.extend(part);
        backend.flush().unwrap();
        backend.reserve(10_000).unwrap();
        backend.append(&bytes(99, 5000)).unwrap();
        if round % 3 == 0 {
            backend.append(&bytes(98, 300_000)).unwrap();
        }
        backend.truncate(model.len() as u64).unwrap();
    }
    let left = std::fs::read(&path).unwrap();
    assert!(left.starts_with(&model));
    assert!(left[model.len()..].iter().all(|byte| *byte == 0));
}

#[test]
fn clause_10_what_is_no_file_is_a_clear_error_and_no_hang() {
    let dir = tempfile::tempdir().unwrap();
    let fifo = dir.path().join("fifo");
    rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, rustix::fs::Mode::RUSR).unwrap();
    let socket = dir.path().join("socket");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let missing = dir.path().join("missing/stream");
    std::fs::write(dir.path().join("file"), "").unwrap();
    let below_file = dir.path().join("file/stream");
    for (path, kind) in [
        (dir.path().to_owned(), std::io::ErrorKind::IsADirectory),
        (PathBuf::from("/dev/null"), std::io::ErrorKind::InvalidInput),
        (fifo, std::io::ErrorKind::InvalidInput),
        (socket, std::io::ErrorKind::InvalidInput),
        (missing, std::io::ErrorKind::NotFound),
        (below_file, std::io::ErrorKind::NotADirectory),
    ] {
        let error = FileBackend::open(&path).unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains(&*path.to_string_lossy()),
            "names the path: {text}"
        );
        let StorageError::Io(error) = error else {
            panic!("{text}")
        };
        assert_eq!(error.kind(), kind, "{text}");
    }
}

#[test]
fn clause_11_a_second_appender_is_refused_and_told_who_has_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("stream");
    let mut first = FileBackend::open(&path).unwrap();
    first.append(b"4711\n").unwrap();
    first.flush().unwrap();
    let error = FileBackend::open(&path).unwrap_err();
    let own = format!("this process ({})", std::process::id());
    assert!(
        matches!(&error, StorageError::Locked { holder } if *holder == own),
        "{error}"
    );
    // A reader does not hold the file, but the backend does until it is closed.
    let reader = first.reader().unwrap();
    first.close().unwrap();
    let second = FileBackend::open(&path).unwrap();
    assert!(matches!(
        FileBackend::open(&path),
        Err(StorageError::Locked { .. })
    ));
    drop(first);
    assert!(matches!(
        FileBackend::open(&path),
        Err(StorageError::Locked { .. })
    ));
    drop(second);
    assert!(FileBackend::open(&path).is_ok());
    assert_eq!(reader.read_at(0, 5).unwrap(), b"4711\n");
}

#[test]
fn opening_never_truncates_and_creates_folders_only_when_told() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a/b/stream");
    assert!(FileBackend::open(&path).unwrap_err().is_not_found());
    let mut backend = FileBackend::open_with_create_dirs(&path).unwrap();
    assert_eq!(backend.path(), path);
    backend.append(b"kept").unwrap();
    backend.flush().unwrap();
    drop(backend);
    for open in [FileBackend::open, FileBackend::open_with_create_dirs] {
        assert_eq!(open(&path).unwrap().read_at(0, 4).unwrap(), b"kept");
    }
    std::fs::write(dir.path().join("file"), "").unwrap();
    let error = FileBackend::open_with_create_dirs(&dir.path().join("file/x/stream")).unwrap_err();
    assert!(
        error.to_string().to_lowercase().contains("not a directory"),
        "{error}"
    );
}

#[test]
fn what_is_dropped_is_handed_to_the_operating_system() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("stream");
    let mut backend = FileBackend::open(&path).unwrap();
    backend.reserve(1).unwrap();
    backend.append(b"not flushed").unwrap();
    drop(backend);
    assert_eq!(std::fs::read(&path).unwrap(), b"not flushed");
}

#[test]
fn a_crash_with_room_reserved_leaves_zeros_and_nothing_old() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("stream");
    let mut backend = FileBackend::open(&path).unwrap();
    backend.append(&[0xaa; 100_000]).unwrap();
    backend.flush().unwrap();
    backend.truncate(10).unwrap();
    backend.reserve(100_000).unwrap();
    // What a process that dies here leaves.
    let left = std::fs::read(&path).unwrap();
    assert_eq!(left[..10], [0xaa; 10]);
    assert!(left[10..].iter().all(|byte| *byte == 0));
    let copy = dir.path().join("copy");
    std::fs::write(&copy, &left).unwrap();
    let mut again = FileBackend::open(&copy).unwrap();
    assert_eq!(again.size().unwrap(), left.len() as u64);
    again.truncate(10).unwrap();
    assert_eq!(again.append(b"on").unwrap(), 10);
}

#[test]
fn the_memory_backend_gives_its_bytes_out() {
    let mut backend = InMemoryBackend::with_data(b"given".to_vec());
    let reader = backend.reader().unwrap();
    assert_eq!(backend.append(b" more").unwrap(), 5);
    assert_eq!(backend.data(), b"given more");
    backend.clear();
    assert_eq!(backend.size().unwrap(), 0);
    assert!(matches!(
        reader.read_at(0, 1),
        Err(StorageError::ReadPastEnd { size: 0, .. })
    ));
    assert_eq!(InMemoryBackend::default().data(), b"");
    assert!(format!("{backend:?}").starts_with("InMemoryBackend"));
}

#[test]
fn capabilities_tell_memory_and_file_apart() {
    let dir = tempfile::tempdir().unwrap();
    let file = FileBackend::open(&dir.path().join("stream")).unwrap();
    assert_eq!(file.capabilities().durability, Durability::PowerLoss);
    assert_eq!(
        InMemoryBackend::new().capabilities(),
        Capabilities::default()
    );
    assert!(format!("{file:?}").contains("stream"));
}
