//! What the operating system tells of this process: memory, bytes written, bytes on disk.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Bytes that lists of this program take, which are no engine's.
static OWN: AtomicU64 = AtomicU64::new(0);

/// Counts `T` as this program's own memory while it lives.
pub struct Own<T> {
    pub list: Vec<T>,
    len: u64,
}

impl<T> Own<T> {
    pub fn new(list: Vec<T>) -> Self {
        let len = (list.capacity() * size_of::<T>()) as u64;
        OWN.fetch_add(len, Ordering::Relaxed);
        Self { list, len }
    }
}

impl<T> Drop for Own<T> {
    fn drop(&mut self) {
        OWN.fetch_sub(self.len, Ordering::Relaxed);
    }
}

/// A number of bytes or kilobytes behind `name` in a file of /proc.
fn proc(file: &str, name: &str) -> Option<u64> {
    let text = std::fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    line[name.len()..].split_whitespace().next()?.parse().ok()
}

/// Anonymous resident memory, without this program's own lists.
pub fn anonymous() -> u64 {
    let rss = proc("/proc/self/status", "RssAnon:").unwrap_or_default() << 10;
    rss.saturating_sub(OWN.load(Ordering::Relaxed))
}

/// Bytes that this process had written to disk; what it handed to the kernel, if that is not told.
pub fn written() -> u64 {
    match proc("/proc/self/io", "write_bytes:") {
        Some(bytes) if bytes > 0 => bytes,
        _ => proc("/proc/self/io", "wchar:").unwrap_or_default(),
    }
}

/// Allocated bytes of all files below `dir`.
pub fn disk(dir: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(dir) else {
        return 0;
    };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(meta) if meta.is_dir() => disk(&entry.path()),
            Ok(meta) => meta.blocks() * 512,
            Err(_) => 0,
        })
        .sum()
}

/// Samples the peak of anonymous memory above what there was when it began.
pub struct Peak {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<u64>,
}

impl Peak {
    pub fn watch() -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let before = anonymous();
        let thread = std::thread::spawn(move || {
            let mut peak = 0;
            while !stopped.load(Ordering::Relaxed) {
                peak = peak.max(anonymous().saturating_sub(before));
                std::thread::sleep(Duration::from_millis(10));
            }
            peak
        });
        Self { stop, thread }
    }

    pub fn finish(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}
