//! Reads and writes by two threads at once, as YCSB mixes them.
//!
//! A thread updates only entities whose number has its parity, so that it knows what it has to read of those, and everybody
//! knows what there is at the end. Of the other thread's it may read either value.

use std::time::Duration;

use super::{Bench, parallel};
use crate::data::VERSIONS;
use crate::engine::{Access, Engine, Lacks, Session};
use crate::event::Told;
use crate::measure::Own;
use crate::random::{Random, Zipfian};
use crate::reading::Reading;

pub const THREADS: usize = 2;
const THETA: f64 = 0.99;

/// Which operations, in percent; what is left are reads.
#[derive(Debug, Clone, Copy, Default)]
pub struct Mix {
    pub update: usize,
    pub insert: usize,
    pub range: usize,
    /// Read, then write back.
    pub modify: usize,
    /// Reads prefer what this thread inserted last.
    pub latest: bool,
}

#[derive(Debug, Clone, Copy)]
enum Op {
    /// The version that is to be read; none if the other thread may be changing it.
    Read {
        index: u32,
        version: Option<u8>,
    },
    Update {
        index: u32,
        version: u8,
    },
    Insert {
        index: u32,
    },
    Range {
        index: u32,
        len: u8,
    },
    Modify {
        index: u32,
        version: u8,
    },
}

/// What the database holds between the mixes that run on it.
pub struct State {
    versions: Vec<u8>,
    /// How many were inserted behind those that were loaded, by each thread.
    inserted: [usize; THREADS],
}

impl State {
    pub fn new(bench: &Bench) -> Self {
        Self {
            versions: vec![0; bench.data.total()],
            inserted: [0; THREADS],
        }
    }

    /// All entities that are there, each with its version.
    pub fn live(&self, count: usize) -> impl Iterator<Item = (usize, usize)> {
        let inserted = (0..THREADS)
            .flat_map(move |thread| (0..self.inserted[thread]).map(move |nth| (thread, nth)))
            .map(move |(thread, nth)| inserted_index(count, thread, nth));
        (0..count)
            .chain(inserted)
            .map(|index| (index, usize::from(self.versions[index])))
    }

    pub fn version(&self, index: usize) -> usize {
        usize::from(self.versions[index])
    }
}

/// The number of the `nth` entity that `thread` inserts.
fn inserted_index(count: usize, thread: usize, nth: usize) -> usize {
    count + nth * THREADS + thread
}

/// The operations of one thread, drawn before the clock runs.
fn draw(bench: &Bench, mix: Mix, state: &mut State, thread: usize, count: usize) -> Vec<Op> {
    let entities = bench.data.count;
    let zipfian = Zipfian::new(entities, THETA);
    let mut random = Random::new(0x6d69_7800 + thread as u64);
    let own = |index: usize| {
        let index = index - index % THREADS + thread;
        if index < entities { index } else { thread }
    };
    (0..count)
        .map(|_| {
            let dice = random.below(100);
            let inserts = mix.update + mix.insert;
            let ranges = inserts + mix.range;
            if dice < mix.update || (ranges..ranges + mix.modify).contains(&dice) {
                let index = own(zipfian.scattered(&mut random));
                let version = (state.versions[index] + 1) % VERSIONS as u8;
                state.versions[index] = version;
                let index = index as u32;
                return match dice < mix.update {
                    true => Op::Update { index, version },
                    false => Op::Modify { index, version },
                };
            }
            if dice < inserts {
                let index = inserted_index(entities, thread, state.inserted[thread]);
                assert!(index < bench.data.total(), "entities to insert are left");
                state.inserted[thread] += 1;
                return Op::Insert {
                    index: index as u32,
                };
            }
            if dice < ranges {
                return Op::Range {
                    index: zipfian.scattered(&mut random) as u32,
                    len: 1 + random.below(100) as u8,
                };
            }
            let index = if mix.latest {
                let back = zipfian.rank(&mut random);
                match state.inserted[thread].checked_sub(back + 1) {
                    Some(nth) => inserted_index(entities, thread, nth),
                    None => entities - 1 - (back - state.inserted[thread]),
                }
            } else {
                zipfian.scattered(&mut random)
            };
            let known = index >= entities || index % THREADS == thread;
            Op::Read {
                index: index as u32,
                version: known.then_some(state.versions[index]),
            }
        })
        .collect()
}

/// What one thread read, in the order of its operations.
struct Seen {
    touched: Own<u64>,
    unordered: u64,
    lacks: bool,
}

fn work(bench: &Bench, ops: &[Op], session: &mut dyn Session, mut seen: Seen) -> Seen {
    let data = bench.data;
    for op in ops {
        let mut reading = Reading::default();
        match *op {
            Op::Read { index, .. } => {
                session.get(&data.id(index as usize), &mut reading);
                seen.touched.list.push(reading.sum);
            }
            Op::Update { index, version } => {
                session.put(&[data.put(index as usize, usize::from(version))]);
            }
            Op::Insert { index } => session.put(&[data.put(index as usize, 0)]),
            Op::Range { index, len } => {
                let id = data.id(index as usize);
                if let Err(Lacks) = session.range(&id, usize::from(len), &mut reading) {
                    seen.lacks = true;
                    return seen;
                }
                seen.unordered += reading.unordered;
            }
            Op::Modify { index, version } => {
                session.get(&data.id(index as usize), &mut reading);
                seen.touched.list.push(reading.sum);
                session.put(&[data.put(index as usize, usize::from(version))]);
            }
        }
    }
    seen
}

/// How many reads gave what they must not.
fn wrong_reads(bench: &Bench, ops: &[Op], seen: &Seen) -> u64 {
    let data = bench.data;
    let mut touched = seen.touched.list.iter();
    let mut wrong = seen.unordered;
    for op in ops {
        let (index, version) = match *op {
            Op::Read { index, version } => (index, version),
            Op::Modify { index, version } => (index, Some((version + 1) % VERSIONS as u8)),
            _ => continue,
        };
        let touched = *touched.next().expect("one a read");
        let is = |version: usize| touched == data.touch(index as usize, version);
        let right = match version {
            Some(version) => is(usize::from(version)),
            None => (0..VERSIONS).any(is),
        };
        wrong += u64::from(!right);
    }
    wrong
}

/// Runs `count` operations in all on what `state` says is there, checks what was read, and tells the rate.
pub fn run(
    bench: &Bench,
    engine: &dyn Engine,
    row: &str,
    mix: Mix,
    count: usize,
    state: &mut State,
) -> Duration {
    let ops: Vec<_> = (0..THREADS)
        .map(|thread| Own::new(draw(bench, mix, state, thread, count / THREADS)))
        .collect();
    let (seen, time) = parallel(engine, Access::Live, THREADS, |thread, session| {
        let ops = &ops[thread].list;
        let seen = Seen {
            touched: Own::new(Vec::with_capacity(ops.len())),
            unordered: 0,
            lacks: false,
        };
        work(bench, ops, session, seen)
    });
    if seen.iter().any(|seen| seen.lacks) {
        bench.note(row, "no walk over a range");
        return time;
    }
    let checks = ops.iter().zip(&seen);
    let wrong: u64 = checks
        .map(|(ops, seen)| wrong_reads(bench, &ops.list, seen))
        .sum();
    if wrong > 0 {
        bench.tell(row, Told::Wrong(format!("{wrong} reads")));
    }
    // Between two threads only the end is the same for all engines: that is what is compared.
    let mut reading = Reading::default();
    engine.session(Access::Frozen, &mut |session| {
        session.scan(&mut reading).expect("every engine scans");
    });
    let expected = bench.data.expect(state.live(bench.data.count));
    bench.checked(row, count, time, &reading, &expected);
    time
}
