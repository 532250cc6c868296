//! Clause 12: no hidden thread. Alone in its program, so that the threads are all its own.

use entidb_storage::{FileBackend, InMemoryBackend, StorageBackend};

#[test]
fn clause_12_no_thread_is_started() {
    let threads = || {
        std::fs::read_dir("/proc/self/task")
            .map(Iterator::count)
            .ok()
    };
    if threads().is_none() {
        println!("not run: threads cannot be counted here");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let before = threads();
    let mut backends: [Box<dyn StorageBackend>; 2] = [
        Box::new(FileBackend::open(&dir.path().join("stream")).unwrap()),
        Box::new(InMemoryBackend::new()),
    ];
    for backend in &mut backends {
        let _reader = backend.reader();
        backend.append(&[1; 300_000]).unwrap();
        backend.reserve(1).unwrap();
        backend.flush().unwrap();
        backend.sync().unwrap();
        backend.truncate(1).unwrap();
        assert_eq!(threads(), before);
        backend.close().unwrap();
    }
}
