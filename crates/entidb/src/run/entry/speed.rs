//! How fast index entries are written, found and walked: run it with
//! `cargo test --release -p entidb --lib entry_speed -- --ignored --nocapture`.

use std::ops::Bound;
use std::sync::Arc;

use entidb_storage::MemoryDirectory;

use super::{EntryCursor, Walk};
use crate::cache::Cache;
use crate::format::entry::split;
use crate::ids::{Lsn, StreamId};
use crate::mix::mix64;
use crate::run::{Builder, Run};

const COUNT: u64 = 1_000_000;
const FIND_COUNT: u64 = 500_000;

fn id(n: u64) -> [u8; 16] {
    let (high, low) = (u128::from(mix64(n)) << 64, u128::from(mix64(!n)));
    (high | low).to_be_bytes()
}

fn mail(n: u64) -> Vec<u8> {
    let name = mix64(n) % 100_000_000;
    format!("\0\x03X{name:08}.{n}@example.org\0").into_bytes()
}

fn number(n: u64) -> Vec<u8> {
    [&[0, 3, 0x47][..], &mix64(n).to_be_bytes()].concat()
}

fn age(n: u64) -> Vec<u8> {
    vec![0, 3, 0x41, (mix64(n) % 90) as u8]
}

/// The time that this thread has had a processor: what other processes take from us is not ours.
struct Clock(f64);

impl Clock {
    fn now() -> f64 {
        let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
        let nanoseconds = stat.split(' ').next().and_then(|n| n.parse().ok());
        nanoseconds.unwrap_or(0.0)
    }

    fn start() -> Self {
        Self(Self::now())
    }

    fn nanoseconds(&self) -> f64 {
        Self::now() - self.0
    }
}

/// How many ids a value has, of those that the first leaf shows; as a read does it.
#[inline(never)]
fn find(run: &Arc<Run>, cache: &Arc<Cache>, value: &[u8]) -> u64 {
    if !run.may_have_value(cache, value).expect("sound") {
        return 0;
    }
    let mut end = Vec::with_capacity(value.len() + 16);
    end.extend_from_slice(value);
    end.extend_from_slice(&[0xff; 16]);
    let bounds = (Bound::Included(value.to_vec()), Bound::Included(end));
    let mut cursor = EntryCursor::new(Arc::clone(run), Some(Arc::clone(cache)), bounds, false);
    let mut count = 0;
    while count < 2 && cursor.peek().expect("sound").is_some() {
        cursor.pass();
        count += 1;
    }
    count
}

fn measure(name: &str, count: u64, value: fn(u64) -> Vec<u8>) {
    let mut keys: Vec<Vec<u8>> = (0..count)
        .map(|n| [value(n).as_slice(), &id(n)].concat())
        .collect();
    keys.sort_unstable();
    // Side by side, as a merge or a memtable has them.
    let bytes: Vec<u8> = keys.concat();
    let mut rest = bytes.as_slice();
    let lens: Vec<usize> = keys.iter().map(Vec::len).collect();
    let directory = MemoryDirectory::new();
    let mut builder = Builder::create(&directory, StreamId(1), [1; 16], 7, 0).expect("new");
    builder.expect_entries(count);
    let started = Clock::start();
    for (n, len) in lens.iter().enumerate() {
        let key;
        (key, rest) = rest.split_at(*len);
        builder
            .push_entry(key, Lsn(1 + mix64(n as u64) % 1000), false)
            .expect("pushed");
    }
    let entry = builder.finish(Lsn(0), Lsn(2000)).expect("sealed");
    let build = started.nanoseconds() / count as f64;
    let run = Arc::new(Run::open(&directory, entry, [1; 16]).expect("it opens"));
    let cache = Arc::new(Cache::new(1 << 30));
    let scan = |descending| {
        let bounds = (Bound::Unbounded, Bound::Unbounded);
        let mut cursor = EntryCursor::new(
            Arc::clone(&run),
            Some(Arc::clone(&cache)),
            bounds,
            descending,
        );
        let started = Clock::start();
        let mut steps = 0;
        while cursor.peek().expect("sound").is_some() {
            cursor.pass();
            steps += 1;
        }
        assert_eq!(steps, count);
        started.nanoseconds() / count as f64
    };
    let (first, forth, back) = (scan(false), scan(false), scan(true));
    let started = Clock::start();
    let mut walk = Walk::new(Arc::clone(&run)).expect("sound");
    while walk.entry().is_some() {
        walk.step().expect("sound");
    }
    let walked = started.nanoseconds() / count as f64;
    let wanted: Vec<Vec<u8>> = (0..FIND_COUNT).map(|n| value(mix64(n) % count)).collect();
    let started = Clock::start();
    let mut found = 0;
    for value in &wanted {
        found += find(&run, &cache, value);
    }
    let find = started.nanoseconds() / FIND_COUNT as f64;
    assert!(found >= FIND_COUNT);
    let started = Clock::start();
    let mut found = 0;
    for value in &wanted {
        assert!(run.may_have_value(&cache, value).expect("sound"));
        run.each_with_value(&cache, value, |_, _, _| {
            found += 1;
            false
        })
        .expect("sound");
    }
    let each = started.nanoseconds() / FIND_COUNT as f64;
    assert_eq!(found, FIND_COUNT);
    let absent: Vec<Vec<u8>> = (0..FIND_COUNT).map(|n| value(count + n)).collect();
    let started = Clock::start();
    let passed = absent
        .iter()
        .filter(|value| run.may_have_value(&cache, value).expect("sound"))
        .count();
    let skip = started.nanoseconds() / FIND_COUNT as f64;
    let index = run.footer.index.as_ref().expect("entries");
    let key_len = keys.iter().map(Vec::len).sum::<usize>() as f64 / count as f64;
    assert!(keys.iter().all(|key| split(key).is_some()));
    eprintln!(
        "{name}: {:.1} bytes an entry on disk, {:.1} in memory, of keys of {key_len:.1}; {} pages, {} leaves\n  build {build:.0} ns, first scan {first:.0}, scan {forth:.0}, back {back:.0}, walk {walked:.0}, find {find:.0}, each {each:.0}, skip {skip:.0} ({passed} pass)",
        (entry.len) as f64 / count as f64,
        cache.len_bytes() as f64 / count as f64,
        index.pages,
        index.leaves,
    );
}

#[test]
#[ignore = "a measurement"]
fn entry_speed() {
    if std::env::var_os("FEW").is_none() {
        measure("mail", COUNT, mail);
        measure("number", COUNT, number);
        measure("age", COUNT, age);
    }
    // In the nearest memory.
    measure("few mails", 3000, mail);
}
