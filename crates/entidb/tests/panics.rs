//! A backend that panics in the middle of a commit: whoever waits for it hears of that, and nobody hangs.

#![allow(
    clippy::unwrap_used,
    reason = "a test's helpers fail as its functions do"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use entidb::storage::{
    Directory, DirectoryLock, MemoryDirectory, OpenMode, StorageBackend, StorageReader,
    StorageResult,
};
use entidb::{Database, EntityId, ErrorKind, Options, Value};

/// Nothing here takes longer, or it hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// Streams in memory; while it is armed, a flush, or asking for room, panics.
#[derive(Clone, Default)]
struct Trap {
    directory: MemoryDirectory,
    armed: Arc<Armed>,
}

#[derive(Default)]
struct Armed {
    flush: AtomicBool,
    reserve: AtomicBool,
}

/// Panics once, and not before others have had time to wait for it.
fn spring(armed: &AtomicBool) {
    if armed.swap(false, Ordering::SeqCst) {
        std::thread::sleep(Duration::from_millis(100));
        panic!("the trap springs");
    }
}

impl Directory for Trap {
    fn open(&self, name: &str, mode: OpenMode) -> StorageResult<Box<dyn StorageBackend>> {
        let backend = self.directory.open(name, mode)?;
        Ok(Box::new(Trapped(backend, Arc::clone(&self.armed))))
    }

    fn open_reader(&self, name: &str) -> StorageResult<Arc<dyn StorageReader>> {
        self.directory.open_reader(name)
    }

    fn list(&self) -> StorageResult<Vec<String>> {
        self.directory.list()
    }

    fn remove(&self, name: &str) -> StorageResult<()> {
        self.directory.remove(name)
    }

    fn replace(&self, name: &str, data: &[u8]) -> StorageResult<()> {
        self.directory.replace(name, data)
    }

    fn lock(&self, name: &str) -> StorageResult<DirectoryLock> {
        self.directory.lock(name)
    }

    fn sync(&self) -> StorageResult<()> {
        self.directory.sync()
    }
}

struct Trapped(Box<dyn StorageBackend>, Arc<Armed>);

impl StorageBackend for Trapped {
    fn read_at(&self, offset: u64, len: usize) -> StorageResult<Vec<u8>> {
        self.0.read_at(offset, len)
    }

    fn append(&mut self, data: &[u8]) -> StorageResult<u64> {
        self.0.append(data)
    }

    fn flush(&mut self) -> StorageResult<()> {
        spring(&self.1.flush);
        self.0.flush()
    }

    fn size(&self) -> StorageResult<u64> {
        self.0.size()
    }

    fn sync(&mut self) -> StorageResult<()> {
        self.0.sync()
    }

    fn truncate(&mut self, new_size: u64) -> StorageResult<()> {
        self.0.truncate(new_size)
    }

    fn reserve(&mut self, additional: u64) -> StorageResult<()> {
        spring(&self.1.reserve);
        self.0.reserve(additional)
    }

    fn reader(&self) -> Option<Arc<dyn StorageReader>> {
        self.0.reader()
    }

    fn close(&mut self) -> StorageResult<()> {
        self.0.close()
    }
}

fn put(db: &Database, n: u64, len: usize) -> entidb::Result<()> {
    let value = Value::from("x".repeat(len).as_str());
    db.write(|tx| tx.put("a", EntityId::from_key(n), &value))
}

/// One commit springs the trap, which `arm` sets, while others come and wait.
fn one_panics(arm: fn(&Armed) -> &AtomicBool, len: usize) {
    let trap = Trap::default();
    let db = Options::new().open_in(trap.clone()).unwrap();
    put(&db, 0, 10).unwrap();
    arm(&trap.armed).store(true, Ordering::SeqCst);
    let springs = std::thread::spawn({
        let db = db.clone();
        move || put(&db, 1, len)
    });
    while arm(&trap.armed).load(Ordering::SeqCst) {
        std::thread::yield_now();
    }
    let waits: Vec<_> = (2..5)
        .map(|n| {
            let db = db.clone();
            std::thread::spawn(move || put(&db, n, len))
        })
        .collect();
    assert!(springs.join().is_err(), "it panicked");
    for thread in waits {
        let kind = thread.join().unwrap().unwrap_err().kind();
        assert!(
            matches!(kind, ErrorKind::Unknown | ErrorKind::Poisoned),
            "{kind:?}"
        );
    }
    assert_eq!(put(&db, 9, 10).unwrap_err().kind(), ErrorKind::Poisoned);
    let _ = db.sync();
    assert_eq!(db.close().unwrap_err().kind(), ErrorKind::Poisoned);

    let db = Options::new().open_in(trap).unwrap();
    let found = db.snapshot().get("a", EntityId::from_key(0)).unwrap();
    assert!(found.is_some(), "what was acknowledged is lost");
    put(&db, 9, 10).unwrap();
}

fn without_hanging(test: impl FnOnce() + Send + 'static) {
    let (done, ended) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        test();
        let _ = done.send(());
    });
    match ended.recv_timeout(PATIENCE) {
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("it hangs"),
        _ => thread.join().unwrap(),
    }
}

#[test]
fn a_leader_that_panics_leaves_nobody_waiting() {
    without_hanging(|| one_panics(|armed| &armed.flush, 10));
}

#[test]
fn one_who_panics_while_he_makes_room_leaves_nobody_waiting() {
    without_hanging(|| one_panics(|armed| &armed.reserve, 2 << 20));
}
