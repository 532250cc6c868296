//! YCSB A to F, buffered, by two threads: load, A, B, C, F, D, then load anew and E, as its authors recommend.

use super::Bench;
use super::load::load;
use super::mixed::{self, Mix, State};
use crate::engine::Engine;

const A: Mix = Mix {
    update: 50,
    insert: 0,
    range: 0,
    modify: 0,
    latest: false,
};
const B: Mix = Mix { update: 5, ..A };
const C: Mix = Mix { update: 0, ..A };
const D: Mix = Mix {
    insert: 5,
    latest: true,
    ..C
};
const E: Mix = Mix {
    insert: 5,
    range: 95,
    ..C
};
const F: Mix = Mix { modify: 50, ..C };

pub fn run(bench: &Bench) {
    bench.warm();
    let count = bench.data.count / 4;
    let (engine, mut state) = loaded(bench);
    for (row, mix) in [
        ("ycsb-a", A),
        ("ycsb-b", B),
        ("ycsb-c", C),
        ("ycsb-f", F),
        ("ycsb-d", D),
    ] {
        if bench.wants(row) {
            mixed::run(bench, &*engine, row, mix, count, &mut state);
        }
    }
    engine.close();
    if bench.wants("ycsb-e") {
        bench.clear();
        let (engine, mut state) = loaded(bench);
        mixed::run(bench, &*engine, "ycsb-e", E, count / 10, &mut state);
        engine.close();
    }
}

fn loaded(bench: &Bench) -> (Box<dyn Engine>, State) {
    let engine = bench.open(bench.setup());
    let time = load(&*engine, bench.data, 0..bench.data.count);
    if bench.wants("ycsb-load") {
        bench.rate("ycsb-load", bench.data.count, time);
    }
    bench.expect_all("ycsb-load", &*engine, (0..bench.data.count).map(|i| (i, 0)));
    (engine, State::new(bench))
}
