//! The main rows: load, read, update, delete, and what that takes of disk and memory.

use super::load::{delete_half, load};
use super::mixed::{self, Mix, State};
use super::{Bench, read};
use crate::data::Order;
use crate::engine::{Engine, Lacks};
use crate::measure::{Peak, disk, written};

const OPENS: usize = 5;
const NOT_YET: &str = "not yet: no `compact`";

pub fn run(bench: &Bench) {
    bench.warm();
    let mut state = State::new(bench);
    let peak = Peak::watch();
    load_and_measure(bench);
    let mut engine = open_clean(bench);
    // The first walk fills the caches.
    bench.expect_all("load", &*engine, (0..bench.data.count).map(|i| (i, 0)));
    reads(bench, &*engine);
    if bench.order == Order::Random {
        engine = compacted(bench, engine);
    }
    if bench.wants("zipfian") {
        let mix = Mix {
            update: 50,
            ..Mix::default()
        };
        let count = bench.data.count / 2;
        mixed::run(bench, &*engine, "zipfian", mix, count, &mut state);
    }
    delete(bench, engine, &state);
    bench.value("memory", peak.finish() as f64 / f64::from(1 << 20));
}

fn load_and_measure(bench: &Bench) {
    let data = bench.data;
    let user_len: u64 = (0..data.count).map(|index| data.user_len(index)).sum();
    let before = written();
    let engine = bench.open(bench.setup());
    let time = load(&*engine, data, 0..data.count);
    bench.rate("load", data.count, time);
    engine.close();
    let factor = |len: u64| len as f64 / user_len as f64;
    bench.value("write-amplification", factor(written() - before));
    bench.value("disk-load", factor(disk(&bench.dir)));
}

fn open_clean(bench: &Bench) -> Box<dyn Engine> {
    let mut times = Vec::new();
    loop {
        let (engine, time) = bench.open_timed(bench.setup());
        times.push(time);
        if times.len() == OPENS {
            times.sort();
            bench.milliseconds("open-clean", times[OPENS / 2]);
            return engine;
        }
        engine.close();
    }
}

fn reads(bench: &Bench, engine: &dyn Engine) {
    let count = bench.data.count;
    if bench.wants("get-1") {
        read::get(bench, engine, 1, count, "get-1");
    }
    if bench.wants("get-2") {
        read::get(bench, engine, 2, count, "get-2");
    }
    if bench.wants("absent") {
        read::absent(bench, engine);
    }
    if bench.wants("scan") {
        read::scan(bench, engine, "scan");
    }
    if bench.wants("ranges") {
        read::ranges(bench, engine, count / 50, 100, "ranges");
    }
}

/// Random ids: scan and ranges again, after the engine was asked to put its entities in order.
fn compacted(bench: &Bench, mut engine: Box<dyn Engine>) -> Box<dyn Engine> {
    let rows = ["scan-compacted", "ranges-compacted"];
    if !rows.iter().any(|row| bench.wants(row)) {
        return engine;
    }
    if let Err(Lacks) = engine.compact() {
        rows.iter().for_each(|row| bench.note(row, NOT_YET));
        return engine;
    }
    // As after the load: what is fresh is read once before it is measured.
    bench.expect_all(rows[0], &*engine, (0..bench.data.count).map(|i| (i, 0)));
    read::scan(bench, &*engine, rows[0]);
    read::ranges(bench, &*engine, bench.data.count / 50, 100, rows[1]);
    engine
}

fn delete(bench: &Bench, engine: Box<dyn Engine>, state: &State) {
    let rows = ["delete", "disk-deleted", "disk-compacted"];
    if !rows.iter().any(|row| bench.wants(row)) {
        return engine.close();
    }
    let data = bench.data;
    let time = delete_half(&*engine, data);
    bench.rate("delete", data.count / 2, time);
    engine.close();
    let live = || {
        let kept = (0..data.count).step_by(2);
        kept.map(|index| (index, state.version(index)))
    };
    let live_len: usize = live()
        .map(|(index, version)| 16 + data.value(index, version).len())
        .sum();
    let factor = |len: u64| len as f64 / live_len as f64;
    bench.value("disk-deleted", factor(disk(&bench.dir)));
    let mut engine = bench.open(bench.setup());
    let compacted = engine.compact();
    bench.expect_all("delete", &*engine, live());
    engine.close();
    match compacted {
        Ok(()) => bench.value("disk-compacted", factor(disk(&bench.dir))),
        Err(Lacks) => bench.note("disk-compacted", NOT_YET),
    }
}
