//! Gets, scans and ranges of what nobody changes.

use std::time::Duration;

use super::{Bench, parallel, timed};
use crate::engine::{Access, Engine, Lacks};
use crate::measure::Own;
use crate::random::Random;
use crate::reading::Reading;

/// Gets of `count` random entities in all, by `threads` threads. The ids lie ready, in the order in which they are asked for.
pub fn get(bench: &Bench, engine: &dyn Engine, threads: usize, count: usize, row: &str) {
    let data = bench.data;
    let mut random = Random::new(threads as u64);
    let asked: Vec<_> = (0..count).map(|_| random.below(data.count)).collect();
    let asked = Own::new(asked);
    let ids = Own::new(asked.list.iter().map(|i| data.id(*i)).collect::<Vec<_>>());
    let chunks: Vec<_> = ids.list.chunks(count.div_ceil(threads)).collect();
    let (readings, time) = parallel(engine, Access::Frozen, threads, |thread, session| {
        let mut reading = Reading::default();
        for id in chunks[thread] {
            session.get(id, &mut reading);
        }
        reading
    });
    let mut reading = Reading::default();
    readings.iter().for_each(|each| reading.merge(each));
    let expected = data.expect(asked.list.iter().map(|index| (*index, 0)));
    bench.checked(row, count, time, &reading, &expected);
}

/// Gets of ids that lie between those that are there.
pub fn absent(bench: &Bench, engine: &dyn Engine) {
    let data = bench.data;
    let mut random = Random::new(3);
    let ids = (0..data.count).map(|_| data.absent(random.below(data.count)));
    let ids = Own::new(ids.collect::<Vec<_>>());
    let mut reading = Reading::default();
    let time = timed(engine, Access::Frozen, |session| {
        for id in &ids.list {
            session.get(id, &mut reading);
        }
    });
    bench.checked("absent", data.count, time, &reading, &Reading::default());
}

pub fn scan(bench: &Bench, engine: &dyn Engine, row: &str) {
    const TIMES: usize = 3;
    let mut reading = Reading::default();
    let time = timed(engine, Access::Frozen, |session| {
        for _ in 0..TIMES {
            reading = Reading::default();
            session.scan(&mut reading).expect("every engine scans");
        }
    });
    let expected = bench.data.expect((0..bench.data.count).map(|i| (i, 0)));
    bench.checked(row, bench.data.count * TIMES, time, &reading, &expected);
}

/// Ranges of `len` entities from random beginnings.
pub fn ranges(bench: &Bench, engine: &dyn Engine, count: usize, len: usize, row: &str) {
    let data = bench.data;
    let mut random = Random::new(4);
    let ranks = (0..count).map(|_| random.below(data.count - len));
    let ranks = Own::new(ranks.collect::<Vec<_>>());
    let mut reading = Reading::default();
    let mut lacks = None;
    let time: Duration = timed(engine, Access::Frozen, |session| {
        for rank in &ranks.list {
            reading.restart();
            if let Err(Lacks) = session.range(&data.id(data.ranked(*rank)), len, &mut reading) {
                lacks = Some(Lacks);
                break;
            }
        }
    });
    if lacks.is_some() {
        return bench.note(row, "no walk over a range");
    }
    let entities = ranks.list.iter().flat_map(|rank| *rank..*rank + len);
    let expected = data.expect(entities.map(|rank| (data.ranked(rank), 0)));
    bench.checked(row, count, time, &reading, &expected);
}
