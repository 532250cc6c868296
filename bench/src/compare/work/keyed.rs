//! Entities with one secondary key, which is kept and found by.

use super::load::load;
use super::{Bench, timed};
use crate::engine::{Access, Setup};
use crate::measure::Own;
use crate::random::Random;
use crate::reading::Reading;

pub fn run(bench: &Bench) {
    if !bench.kind.has_keys() {
        bench.note("load-keyed", "none");
        return bench.note("find", "none");
    }
    bench.warm();
    let data = bench.data;
    let engine = bench.open(Setup {
        keyed: true,
        ..bench.setup()
    });
    let time = load(&*engine, data, 0..data.count);
    bench.rate("load-keyed", data.count, time);
    bench.expect_all("load-keyed", &*engine, (0..data.count).map(|i| (i, 0)));
    let count = data.count / 2;
    let mut random = Random::new(5);
    let asked = Own::new((0..count).map(|_| random.below(data.count)).collect());
    let keys = asked.list.iter().map(|index: &usize| data.key(*index));
    let keys = Own::new(keys.collect::<Vec<_>>());
    // Once to fill the caches.
    let mut reading = Reading::default();
    timed(&*engine, Access::Frozen, |session| {
        for key in &keys.list {
            session.find(key, &mut reading);
        }
    });
    reading = Reading::default();
    let time = timed(&*engine, Access::Frozen, |session| {
        for key in &keys.list {
            session.find(key, &mut reading);
        }
    });
    let expected = data.expect(asked.list.iter().map(|index| (*index, 0)));
    bench.checked("find", count, time, &reading, &expected);
    engine.close();
}
