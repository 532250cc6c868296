//! How fast merges are: run it with `cargo test --release -p entidb --lib merge_speed -- --ignored --nocapture`.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Instant;

use entidb_storage::{Directory, FileDirectory};

use entidb_codec::Value;

use super::history::{Store, Write, key};
use crate::compaction::{Job, Rewrite, plan_all};
use crate::format::key::Key;
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
        store.payload = record;
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
        let started = (Instant::now(), cpu_seconds());
        store.run(&keys_only).expect("merged");
        let seconds = started.0.elapsed().as_secs_f64();
        let busy = cpu_seconds() - started.1;
        eprintln!(
            "keys only: {:.2} M entries/s, {:.2} M a CPU second",
            count / seconds / 1e6,
            count / busy / 1e6
        );
        let bytes = store.segment_bytes() as f64;
        store.compression = compression;
        let job = plan_all(&store.infos()).expect("runs");
        let started = (Instant::now(), cpu_seconds());
        store.run(&job).expect("merged");
        let seconds = started.0.elapsed().as_secs_f64();
        let busy = cpu_seconds() - started.1;
        eprintln!(
            "{compression:?}: {:.0} MB/s, {:.0} MB a CPU second, {:.2} of the bytes",
            bytes / seconds / 1e6,
            bytes / busy / 1e6,
            store.segment_bytes() as f64 / bytes
        );
    }
}

/// Seconds that this thread has had a processor: what other processes take from us is not ours.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = stat.split(' ').next().and_then(|n| n.parse::<f64>().ok());
    nanoseconds.unwrap_or(0.0) / 1e9
}

/// An entity as applications have them: fields with names, numbers, and words out of a few thousand.
fn record(key: &Key, _: u64, len: usize) -> Vec<u8> {
    let mut state = u64::from_be_bytes(key.id().as_bytes()[..8].try_into().expect("8 bytes"));
    let mut next = |bound: u64| {
        state = mix64(state.wrapping_add(1));
        state % bound
    };
    let word = |n: u64| {
        let syllables = [
            "ka", "ren", "to", "mil", "os", "ver", "an", "di", "lu", "sche", "ne", "por", "fi",
        ];
        let mut word = String::new();
        let mut rest = mix64(n + 1);
        for _ in 0..1 + rest % 4 {
            rest /= 13;
            word.push_str(syllables[(rest % 13) as usize]);
        }
        word
    };
    let name = word(next(500));
    let number = next(100_000);
    let mut note = String::new();
    while note.len() + 130 < len {
        let _ = write!(note, "{} ", word(next(4000)));
    }
    let fields = [
        ("name", Value::from(name.as_str())),
        ("email", Value::from(format!("{name}.{number}@example.org"))),
        ("age", Value::from(next(90))),
        ("created", Value::from(1_700_000_000_000 + next(1 << 34))),
        ("active", Value::from(next(2) == 1)),
        ("city", Value::from(word(next(300)))),
        ("score", Value::from(next(1 << 40))),
        ("note", Value::from(note)),
    ];
    let fields = fields
        .into_iter()
        .map(|(name, value)| (Value::from(name), value));
    entidb_codec::encode(&Value::Map(fields.collect())).expect("a map")
}
