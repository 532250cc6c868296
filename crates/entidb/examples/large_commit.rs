//! One transaction that is larger than the memory it may take, with a small writer beside it: how fast it goes, and how long
//! the small one is held up.
//!
//! ```text
//! cargo run --release -p entidb --example large_commit [ENTITIES] [MIB OF MEMORY] [FOLDER]
//! ```
#![allow(
    clippy::print_stdout,
    reason = "what was measured is what this program is for"
)]

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use entidb::{Database, Durability, EntityId, Options, Payload, Result, Value};

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let mut number = |default: u64| {
        let arg = args.next();
        arg.and_then(|arg| arg.parse().ok()).unwrap_or(default)
    };
    let (count, mib) = (number(2_000_000), number(64));
    let folder = args.next().map_or_else(
        || std::env::temp_dir().join(format!("entidb-large-{}", std::process::id())),
        PathBuf::from,
    );
    let memory = usize::try_from(mib << 20).unwrap_or(usize::MAX);
    let options = Options::new().transaction_memory_bytes(memory);
    let db = options.open(&folder)?;
    let (done, quiet) = (AtomicBool::new(false), AtomicBool::new(true));
    std::thread::scope(|scope| {
        let small = scope.spawn(|| small_commits(&db, &done, &quiet));
        std::thread::sleep(Duration::from_secs(2));
        quiet.store(false, Ordering::Relaxed);
        let outcome = large(&db, count);
        done.store(true, Ordering::Relaxed);
        if let Ok(told) = small.join() {
            told?.tell();
        }
        outcome
    })?;
    let stats = db.stats()?;
    println!(
        "the longest that a commit waited for anything but its sync: {} us",
        stats.stall_us_max
    );
    if let Some(peak) = peak_memory() {
        println!("memory of this process at its highest: {peak}");
    }
    db.close()?;
    let _ = std::fs::remove_dir_all(folder);
    Ok(())
}

/// One transaction of so many entities, with ids in no order.
fn large(db: &Database, count: u64) -> Result<()> {
    let start = Instant::now();
    let body =
        "a hundred bytes or so, as an entity of a table might have them: names, numbers, dates";
    let mut tx = db.begin();
    for n in 0..count {
        let payload = Payload::encode(&Value::from(format!("{n} {body}").as_str()))?;
        tx.put_payload("large", EntityId::from_key(n), &payload)?;
    }
    let written = start.elapsed();
    db.commit(tx, Durability::Sync)?;
    println!(
        "{count} entities: {:.2} s to write, {:.2} s to commit",
        written.as_secs_f64(),
        (start.elapsed() - written).as_secs_f64()
    );
    Ok(())
}

/// What one writer saw of the other.
struct Told {
    /// Alone, and beside the large one.
    alone: Vec<Duration>,
    beside: Vec<Duration>,
}

impl Told {
    fn tell(mut self) {
        for (what, times) in [("alone", &mut self.alone), ("beside it", &mut self.beside)] {
            times.sort_unstable();
            let part = |percent: usize| times.get(times.len() * percent / 100);
            let shown = [part(50), part(99), times.last()]
                .map(|time| time.map_or(0.0, |time| time.as_secs_f64() * 1_000.0));
            println!(
                "small durable commits {what}: {}, median {:.2} ms, 99 % {:.2} ms, longest {:.2} ms",
                times.len(),
                shown[0],
                shown[1],
                shown[2]
            );
        }
    }
}

fn small_commits(db: &Database, done: &AtomicBool, quiet: &AtomicBool) -> Result<Told> {
    let mut told = Told {
        alone: Vec::new(),
        beside: Vec::new(),
    };
    let mut n = 0;
    while !done.load(Ordering::Relaxed) {
        let start = Instant::now();
        db.untyped("small")
            .put(EntityId::from_key(n % 1_000), &Value::from(n))?;
        match quiet.load(Ordering::Relaxed) {
            true => told.alone.push(start.elapsed()),
            false => told.beside.push(start.elapsed()),
        }
        n += 1;
    }
    Ok(told)
}

/// As Linux tells it.
fn peak_memory() -> Option<String> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    Some(line.trim_start_matches("VmHWM:").trim().to_owned())
}
