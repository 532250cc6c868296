//! The workload of redb's own benchmark: random keys, values of 150 random bytes; a bulk load in one commit, durable single
//! writes and batches, reads and ranges by one and more threads, removal of half in one commit, compaction. Our ids have 16
//! bytes where its keys have 24.

use std::time::Instant;

use super::load::BATCH;
use super::{Bench, read, timed};
use crate::engine::{Access, Engine, Lacks, Put, Setup};
use crate::measure::disk;

const INDIVIDUAL: usize = 1_000;
const BATCHES: usize = 10;

pub fn run(bench: &Bench) {
    bench.warm();
    let engine = bench.open(Setup {
        durable: true,
        ..bench.setup()
    });
    writes(bench, &*engine);
    let count = bench.data.count;
    read::get(bench, &*engine, 1, count, "redb-read-1");
    read::get(bench, &*engine, 4, count, "redb-read-4");
    read::get(bench, &*engine, 8, count, "redb-read-8");
    read::get(bench, &*engine, 16, count, "redb-read-16");
    read_ranges(bench, &*engine);
    remove_and_compact(bench, engine);
}

/// All entities that are there after [`writes`].
fn all(bench: &Bench) -> usize {
    bench.data.count + INDIVIDUAL + BATCHES * BATCH
}

fn writes(bench: &Bench, engine: &dyn Engine) {
    let data = bench.data;
    let put = |from: usize, to: usize| {
        let puts: Vec<Put> = (from..to).map(|index| data.put(index, 0)).collect();
        timed(engine, Access::Live, |session| session.put(&puts))
    };
    bench.rate("redb-bulk", data.count, put(0, data.count));
    let time = timed(engine, Access::Live, |session| {
        for nth in 0..INDIVIDUAL {
            session.put(&[data.put(data.count + nth, 0)]);
        }
    });
    bench.rate("redb-individual", INDIVIDUAL, time);
    let begin = data.count + INDIVIDUAL;
    let time = (0..BATCHES)
        .map(|nth| put(begin + nth * BATCH, begin + (nth + 1) * BATCH))
        .sum();
    bench.rate("redb-batch", BATCHES * BATCH, time);
    bench.expect_all("redb-bulk", engine, (0..all(bench)).map(|index| (index, 0)));
}

/// Ranges of 10. Entities that came after the bulk load lie between, so that only the order of what is read and the end of
/// the run are checked.
fn read_ranges(bench: &Bench, engine: &dyn Engine) {
    let data = bench.data;
    let count = data.count / 4;
    let mut random = crate::random::Random::new(6);
    let mut reading = crate::reading::Reading::default();
    let mut lacks = false;
    let time = timed(engine, Access::Frozen, |session| {
        for _ in 0..count {
            reading.restart();
            let from = data.id(random.below(data.count));
            if let Err(Lacks) = session.range(&from, 10, &mut reading) {
                lacks = true;
                break;
            }
        }
    });
    if lacks {
        return bench.note("redb-range", "no walk over a range");
    }
    let rate = count as f64 / time.as_secs_f64();
    if bench.wants("redb-range") {
        let told = crate::event::Told::Value(rate, Some(reading.answer()));
        bench.tell("redb-range", told);
    }
}

fn remove_and_compact(bench: &Bench, mut engine: Box<dyn Engine>) {
    let data = bench.data;
    let ids: Vec<_> = (0..all(bench)).step_by(2).map(|i| data.id(i)).collect();
    let time = timed(&*engine, Access::Live, |session| session.delete(&ids));
    bench.rate("redb-remove", ids.len(), time);
    let live_len = |kept: std::iter::StepBy<std::ops::Range<usize>>| {
        kept.map(|index| data.user_len(index)).sum::<u64>()
    };
    let kept = (1..all(bench)).step_by(2);
    let live_len = live_len(kept.clone());
    bench.value("redb-size", disk(&bench.dir) as f64 / live_len as f64);
    let begin = Instant::now();
    let compacted = engine.compact();
    let time = begin.elapsed();
    bench.expect_all("redb-remove", &*engine, kept.map(|index| (index, 0)));
    engine.close();
    match compacted {
        Ok(()) => {
            bench.milliseconds("redb-compact", time);
            let factor = disk(&bench.dir) as f64 / live_len as f64;
            bench.value("redb-size-compacted", factor);
        }
        Err(Lacks) => {
            bench.note("redb-compact", "not yet: no `compact`");
            bench.note("redb-size-compacted", "not yet: no `compact`");
        }
    }
}
