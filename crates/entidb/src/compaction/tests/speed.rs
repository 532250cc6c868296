//! How fast merges are: run it with `cargo test --release -p entidb --lib merge_speed -- --ignored --nocapture`.

use std::sync::Arc;
use std::time::Instant;

use entidb_storage::{Directory, FileDirectory};

use super::history::{Store, Write, key};
use crate::compaction::{Job, Rewrite, plan_all};
use crate::mix::mix64;
use crate::options::Compression;

#[test]
#[ignore = "a measurement"]
fn merge_speed() {
    const RUN_COUNT: u64 = 6;
    const KEY_COUNT: u64 = 150_000;
    for compression in [Compression::None, Compression::Lz4] {
        let folder = tempfile::tempdir().expect("a folder");
        let directory: Arc<dyn Directory> =
            Arc::new(FileDirectory::open(folder.path()).expect("opened"));
        let mut store = Store::in_directory(directory);
        for run in 0..RUN_COUNT {
            let put = |n| Write::Put {
                key: key(1, mix64(1 + run * KEY_COUNT + n)),
                len: 150 + (mix64(n) % 500) as usize,
            };
            let writes: Vec<_> = (0..KEY_COUNT).map(put).collect();
            let transactions: Vec<Vec<_>> = writes.chunks(1000).map(<[_]>::to_vec).collect();
            store.checkpoint(&transactions);
        }
        let count = (RUN_COUNT * KEY_COUNT) as f64;
        let keys_only = Job {
            runs: 0..store.manifest.runs.len(),
            rewrite: Rewrite::Nothing,
        };
        let started = Instant::now();
        store.run(&keys_only).expect("merged");
        let seconds = started.elapsed().as_secs_f64();
        eprintln!("keys only: {:.2} M entries/s", count / seconds / 1e6);
        let bytes = store.segment_bytes() as f64;
        store.compression = compression;
        let job = plan_all(&store.infos()).expect("runs");
        let started = Instant::now();
        store.run(&job).expect("merged");
        let seconds = started.elapsed().as_secs_f64();
        eprintln!(
            "{compression:?}: {:.0} MB/s, {:.2} M records/s, {:.2} of the bytes",
            bytes / seconds / 1e6,
            count / seconds / 1e6,
            store.segment_bytes() as f64 / bytes
        );
    }
}
