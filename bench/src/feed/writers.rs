//! Threads that commit, and note when each commit was acknowledged.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use entidb::{Database, Durability, EntityId, Payload, Value, WriteOptions};

pub const THREADS: usize = 16;
pub const COLLECTION: &str = "entities";

/// An entity of 100 bytes of text.
pub fn payload() -> Payload {
    Payload::encode(&Value::from([(
        "text",
        Value::from("x".repeat(100).as_str()),
    )]))
    .unwrap()
}

/// The id of what a thread puts as its `n`th.
pub fn id(thread: usize, n: usize) -> EntityId {
    EntityId::from_bytes(((thread as u128) << 64 | n as u128).to_be_bytes())
}

/// The thread and the number that an id tells.
pub fn place(id: EntityId) -> (usize, usize) {
    let id = u128::from_be_bytes(*id.as_bytes());
    ((id >> 64) as usize, (id as u64) as usize)
}

/// What the threads have done.
pub struct Written {
    /// When each of a thread's commits was acknowledged, behind the beginning.
    pub acknowledged: Vec<Vec<Duration>>,
    pub time: Duration,
}

impl Written {
    pub fn count(&self) -> usize {
        self.acknowledged.iter().map(Vec::len).sum()
    }

    pub fn rate(&self) -> f64 {
        self.count() as f64 / self.time.as_secs_f64()
    }
}

/// Has 16 threads commit one entity each, again and again for `time`. `count` rises with every commit.
pub fn write(
    db: &Database,
    durability: Durability,
    begin: Instant,
    time: Duration,
    count: &AtomicU64,
) -> Written {
    let options = WriteOptions::new().durability(durability);
    let payload = payload();
    let one = |thread: usize| {
        let mut acknowledged = Vec::new();
        while begin.elapsed() < time {
            let id = id(thread, acknowledged.len());
            let put = db.write_with(&options, |tx| tx.put_payload(COLLECTION, id, &payload));
            put.unwrap();
            acknowledged.push(begin.elapsed());
            count.fetch_add(1, Ordering::Relaxed);
        }
        acknowledged
    };
    let acknowledged = std::thread::scope(|scope| {
        let threads = (0..THREADS).map(|thread| scope.spawn(move || one(thread)));
        let threads: Vec<_> = threads.collect();
        let done = threads.into_iter().map(|thread| thread.join().unwrap());
        done.collect()
    });
    Written {
        acknowledged,
        time: begin.elapsed(),
    }
}
