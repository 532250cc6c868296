//! A process that is killed while it writes, and the one that opens what it left.

use std::io::Write;
use std::time::Duration;

use super::Bench;
use super::load::{BATCH, load};
use crate::engine::{Access, Put, Session, Setup};
use crate::event::Told;
use crate::reading::Reading;

/// Writes until it is killed; says on standard output how many entities are durable. Durable puts are acknowledged one by
/// one; of buffered batches, the first half by a sync.
pub fn write(bench: &Bench, durable: bool) {
    let data = bench.data;
    bench.warm();
    let setup = Setup {
        durable,
        ..bench.setup()
    };
    let engine = bench.open(setup);
    let mut out = std::io::stdout();
    let mut acknowledge = |count: usize| {
        writeln!(out, "{count}")
            .and_then(|()| out.flush())
            .expect("the parent listens");
    };
    if durable {
        engine.session(Access::Live, &mut |session| {
            for index in 0..data.count {
                session.put(&[data.put(index, 0)]);
                acknowledge(index + 1);
            }
        });
    } else {
        let half = data.count / 2;
        load(&*engine, data, 0..half);
        acknowledge(half);
        engine.session(Access::Live, &mut |session| {
            for first in (half..data.count).step_by(BATCH) {
                let last = (first + BATCH).min(data.count);
                let puts: Vec<Put> = (first..last).map(|index| data.put(index, 0)).collect();
                session.put(&puts);
            }
            // All is written, and nothing more is said: the end comes from outside.
            std::thread::sleep(Duration::from_secs(60));
        });
    }
}

/// Opens what the killed process left; every acknowledged entity has to be there, and nothing that was not written.
pub fn check(bench: &Bench, durable: bool, acknowledged: usize) {
    let data = bench.data;
    let row = match durable {
        true => "open-killed-durable",
        false => "open-killed-buffered",
    };
    let setup = Setup {
        durable,
        ..bench.setup()
    };
    bench.kind.prepare(data);
    let (engine, time) = bench.open_timed(setup);
    let (mut lost, mut foreign, mut found) = (0, 0, 0);
    engine.session(Access::Frozen, &mut |session: &mut dyn Session| {
        for index in 0..data.count {
            let mut reading = Reading::default();
            if session.get(&data.id(index), &mut reading) {
                found += 1;
                foreign += u64::from(reading.sum != data.touch(index, 0));
            } else {
                lost += u64::from(index < acknowledged);
            }
        }
        let mut all = Reading::default();
        session.scan(&mut all).expect("every engine scans");
        foreign += all.unordered + all.count.abs_diff(found);
    });
    if lost + foreign > 0 {
        let told = format!("{lost} acknowledged ones lost, {foreign} wrong");
        bench.tell(row, Told::Wrong(told));
    }
    bench.milliseconds(row, time);
    engine.close();
}
