//! Every clause of `StorageBackend`, over every backend of this crate.
//!
//! Clauses 7, 9 and what of the others needs a failing system are in `src/file/tests/`, clause 11 across processes in
//! `processes.rs`, a full disk in `full_disk.rs`.

use std::path::PathBuf;

use crate::backend_clauses::{self, Subject};
use entidb_storage::{
    Capabilities, Durability, FileBackend, InMemoryBackend, StorageBackend, StorageError,
    StorageResult,
};

struct Memory;

impl Subject for Memory {
    fn fresh(&mut self) -> StorageResult<Box<dyn StorageBackend>> {
        Ok(Box::new(InMemoryBackend::new()))
    }

    fn again(&mut self) -> Option<StorageResult<Box<dyn StorageBackend>>> {
        None
    }

    fn medium(&mut self) -> Option<Vec<u8>> {
        None
    }
}

/// The same, from a directory in memory: here a stream outlives its handle.
#[derive(Default)]
struct MemoryStream(entidb_storage::MemoryDirectory, usize);

impl Subject for MemoryStream {
    fn fresh(&mut self) -> StorageResult<Box<dyn StorageBackend>> {
        use entidb_storage::{Directory, OpenMode};
        self.1 += 1;
        self.0.open(&self.1.to_string(), OpenMode::CreateNew)
    }

    fn again(&mut self) -> Option<StorageResult<Box<dyn StorageBackend>>> {
        use entidb_storage::{Directory, OpenMode};
        Some(self.0.open(&self.1.to_string(), OpenMode::Existing))
    }

    fn medium(&mut self) -> Option<Vec<u8>> {
        None
    }
}

struct File {
    dir: tempfile::TempDir,
    count: usize,
}

impl File {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            dir: tempfile::tempdir()?,
            count: 0,
        })
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join(self.count.to_string())
    }
}

impl Subject for File {
    fn fresh(&mut self) -> StorageResult<Box<dyn StorageBackend>> {
        self.count += 1;
        Ok(Box::new(FileBackend::open(&self.path())?))
    }

    fn again(&mut self) -> Option<StorageResult<Box<dyn StorageBackend>>> {
        Some(FileBackend::open(&self.path()).map(|backend| Box::new(backend) as _))
    }

    fn medium(&mut self) -> Option<Vec<u8>> {
        std::fs::read(self.path()).ok()
    }
}

macro_rules! every_backend {
    ($($clause:ident)+) => {
        mod memory {
            $(#[test]
            fn $clause() {
                super::backend_clauses::$clause(&mut super::Memory).unwrap();
            })+
        }

        mod memory_stream {
            $(#[test]
            fn $clause() {
                super::backend_clauses::$clause(&mut super::MemoryStream::default()).unwrap();
            })+
        }

        mod file {
            $(#[test]
            fn $clause() {
                super::backend_clauses::$clause(&mut super::File::new().unwrap()).unwrap();
            })+
        }
    };
}

every_backend! {
    clause_01_reads_are_exact_or_an_error
    clause_01_past_the_end_is_decided_before_anything_is_allocated
    clause_02_a_read_sees_every_append_before_it
    clause_03_append_returns_the_size_before_it
    clause_04_flushed_bytes_survive_the_process
    clause_05_synced_bytes_survive_the_process
    clause_06_below_the_flush_all_is_intact_whatever_came_after
    clause_08_a_cut_is_exact_and_for_good
    clause_08_a_cut_is_durable_when_it_returns
    clause_08_cutting_above_the_size_is_invalid_and_changes_nothing
    clause_12_the_same_history_gives_the_same_bytes
    a_reader_outlives_its_backend
    a_reader_sees_a_cut
    reserved_room_is_never_seen
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
