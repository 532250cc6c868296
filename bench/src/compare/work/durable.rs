//! One put a commit, durable when it returns; and the floor under it.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::time::Instant;

use super::{Bench, parallel};
use crate::engine::{Access, Setup};
use crate::event::{Event, FLOOR, Told};

const COUNT: usize = 4_000;
const THREADS: usize = 16;

pub fn run(bench: &Bench) {
    bench.warm();
    let setup = Setup {
        durable: true,
        ..bench.setup()
    };
    let engine = bench.open(setup);
    // The first commits make files and tables.
    let warm_up = 50;
    let put = |thread: usize, count: usize, first: usize, threads: usize| {
        move |session: &mut dyn crate::engine::Session| {
            for nth in 0..count {
                let index = first + nth * threads + thread;
                session.put(&[bench.data.put(index, 0)]);
            }
        }
    };
    engine.session(Access::Live, &mut |session| put(0, warm_up, 0, 1)(session));
    let (_, time) = parallel(&*engine, Access::Live, 1, |_, session| {
        put(0, COUNT, warm_up, 1)(session);
    });
    bench.rate("put-1", COUNT, time);
    let mut end = warm_up + COUNT;
    if bench.wants("put-16") {
        let each = COUNT / THREADS;
        let (_, time) = parallel(&*engine, Access::Live, THREADS, |thread, session| {
            put(thread, each, end, THREADS)(session);
        });
        bench.rate("put-16", each * THREADS, time);
        end += each * THREADS;
    }
    bench.expect_all("put-1", &*engine, (0..end).map(|index| (index, 0)));
    engine.close();
}

/// `pwrite` and `fdatasync` into space that was written before, by one thread.
pub fn floor(bench: &Bench) {
    std::fs::create_dir_all(&bench.dir).unwrap();
    let file = File::create(bench.dir.join("floor")).unwrap();
    let room = vec![0; COUNT * 700];
    file.write_all_at(&room, 0).unwrap();
    file.sync_all().unwrap();
    let begin = Instant::now();
    let mut offset = 0;
    for index in 0..COUNT {
        let value = bench.data.value(index, 0);
        file.write_all_at(value, offset).unwrap();
        file.sync_data().unwrap();
        offset += value.len() as u64;
    }
    let rate = COUNT as f64 / begin.elapsed().as_secs_f64();
    let event = Event {
        engine: FLOOR.to_owned(),
        row: crate::rows::FLOOR.to_owned(),
        order: bench.order,
        count: bench.data.count,
        told: Told::Value(rate, None),
    };
    println!("{}", event.to_line());
}
