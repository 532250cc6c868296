//! Loading and deleting in batches.

use std::time::{Duration, Instant};

use crate::data::Data;
use crate::engine::{Access, Engine, Put};

pub const BATCH: usize = 1000;

/// Loads the entities in `range` in batches of 1,000, with one sync at the end.
pub fn load(engine: &dyn Engine, data: &Data, range: std::ops::Range<usize>) -> Duration {
    let begin = Instant::now();
    let mut puts: Vec<Put> = Vec::with_capacity(BATCH);
    engine.session(Access::Live, &mut |session| {
        for first in range.clone().step_by(BATCH) {
            let last = (first + BATCH).min(range.end);
            puts.clear();
            puts.extend((first..last).map(|index| data.put(index, 0)));
            session.put(&puts);
        }
    });
    engine.sync();
    begin.elapsed()
}

/// Deletes every second of the loaded entities in batches of 1,000, with one sync at the end.
pub fn delete_half(engine: &dyn Engine, data: &Data) -> Duration {
    let begin = Instant::now();
    let mut ids = Vec::with_capacity(BATCH);
    engine.session(Access::Live, &mut |session| {
        for first in (1..data.count).step_by(2 * BATCH) {
            let last = (first + 2 * BATCH).min(data.count);
            ids.clear();
            ids.extend((first..last).step_by(2).map(|index| data.id(index)));
            session.delete(&ids);
        }
    });
    engine.sync();
    begin.elapsed()
}
