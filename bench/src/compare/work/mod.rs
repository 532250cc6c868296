//! The workloads; each child process runs one group of rows for one engine.

pub mod bounded;
pub mod core;
pub mod durable;
pub mod keyed;
pub mod kill;
pub mod load;
pub mod mixed;
pub mod read;
pub mod redb_suite;
pub mod ycsb;

use std::io::Write;
use std::path::PathBuf;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use crate::args::{Args, Job};
use crate::data::{Data, Order, Shape};
use crate::engine::{Access, Engine, Kind, Session, Setup};
use crate::event::{Event, Told};
use crate::reading::Reading;
use crate::rows::Group;

pub struct Bench {
    pub kind: Kind,
    pub order: Order,
    pub data: &'static Data,
    pub cache_len: u64,
    /// Where the databases lie; made new for this child.
    pub dir: PathBuf,
    args: Args,
}

/// Runs one job: what `compare child` is for.
pub fn run(args: Args, job: &Job) {
    // Nobody's work is left running when the parent is stopped.
    let _ = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL));
    let (kind, order) = (args.engines[0], args.orders[0]);
    let (shape, cache_len, asked) = match job {
        Job::Group(Group::Redb) => (Shape::Noise, args.cache_len, args.count),
        Job::Group(Group::Bounded) => (Shape::Record, args.bounded_cache_len, args.bounded_count()),
        _ => (Shape::Record, args.cache_len, args.count),
    };
    let count = kind.count(asked);
    let data = Data::load(&args.dir, shape, order, count, asked).expect("the data");
    let dir = args.dir.join(format!("db-{}", kind.name()));
    let bench = Bench {
        kind,
        order,
        data,
        cache_len,
        dir,
        args,
    };
    if !matches!(job, Job::KillCheck { .. }) {
        bench.clear();
    }
    match job {
        Job::Group(Group::Core) => core::run(&bench),
        Job::Group(Group::Durable) => durable::run(&bench),
        Job::Group(Group::Keyed) => keyed::run(&bench),
        Job::Group(Group::Bounded) => bounded::run(&bench),
        Job::Group(Group::Ycsb) => ycsb::run(&bench),
        Job::Group(Group::Redb) => redb_suite::run(&bench),
        Job::Group(Group::Kill) => unreachable!("the parent kills, so it runs the jobs one by one"),
        Job::KillWriter { durable } => kill::write(&bench, *durable),
        Job::KillCheck {
            durable,
            acknowledged,
        } => kill::check(&bench, *durable, *acknowledged),
        Job::Floor => durable::floor(&bench),
    }
    if !matches!(job, Job::KillWriter { .. }) {
        bench.clear();
    }
}

impl Bench {
    pub fn setup(&self) -> Setup {
        Setup {
            durable: false,
            keyed: false,
            bounded: false,
            cache_len: self.cache_len,
            data: self.data,
        }
    }

    pub fn open(&self, setup: Setup) -> Box<dyn Engine> {
        self.kind.open(&self.dir, setup)
    }

    /// Removes the database.
    pub fn clear(&self) {
        let _ = std::fs::remove_dir_all(&self.dir);
    }

    /// All values have been read once, so that their pages are there, and the engine's form of them is ready.
    pub fn warm(&self) {
        self.kind.prepare(self.data);
        let all = (0..self.data.total()).flat_map(|index| [(index, 0), (index, 1)]);
        std::hint::black_box(self.data.expect(all));
    }

    pub fn wants(&self, row: &str) -> bool {
        self.args.wants(row)
    }

    pub fn tell(&self, row: &str, told: Told) {
        let event = Event {
            engine: self.kind.name().to_owned(),
            row: row.to_owned(),
            order: self.order,
            count: self.data.count,
            told,
        };
        let mut out = std::io::stdout().lock();
        writeln!(out, "{}", event.to_line()).expect("the parent listens");
    }

    /// A figure that nothing was read for.
    pub fn value(&self, row: &str, value: f64) {
        if self.wants(row) {
            self.tell(row, Told::Value(value, None));
        }
    }

    pub fn rate(&self, row: &str, count: usize, time: Duration) {
        self.value(row, count as f64 / time.as_secs_f64());
    }

    pub fn milliseconds(&self, row: &str, time: Duration) {
        self.value(row, time.as_secs_f64() * 1e3);
    }

    pub fn note(&self, row: &str, note: &str) {
        if self.wants(row) {
            self.tell(row, Told::Note(note.to_owned()));
        }
    }

    /// A rate, with what was read for it beside what was to be read.
    pub fn checked(
        &self,
        row: &str,
        count: usize,
        time: Duration,
        read: &Reading,
        expected: &Reading,
    ) {
        self.expect(row, read, expected);
        if self.wants(row) {
            let rate = count as f64 / time.as_secs_f64();
            self.tell(row, Told::Value(rate, Some(read.answer())));
        }
    }

    pub fn expect(&self, row: &str, read: &Reading, expected: &Reading) {
        if read.answer() != expected.answer() {
            let told = format!("read {}, expected {}", read.answer(), expected.answer());
            self.tell(row, Told::Wrong(told));
        }
    }

    /// Reads everything back and compares it with the entities `live`, each in its version.
    pub fn expect_all(
        &self,
        row: &str,
        engine: &dyn Engine,
        live: impl Iterator<Item = (usize, usize)>,
    ) {
        let mut reading = Reading::default();
        engine.session(Access::Frozen, &mut |session| {
            session.scan(&mut reading).expect("every engine scans");
        });
        self.expect(row, &reading, &self.data.expect(live));
    }

    pub fn open_timed(&self, setup: Setup) -> (Box<dyn Engine>, Duration) {
        let id = self.data.id(0);
        let mut reading = Reading::default();
        let begin = Instant::now();
        let engine = self.open(setup);
        engine.session(Access::Frozen, &mut |session| {
            session.get(&id, &mut reading);
        });
        (engine, begin.elapsed())
    }
}

/// How long `work` takes with a session of this thread's own, which is made before.
pub fn timed(
    engine: &dyn Engine,
    access: Access,
    mut work: impl FnMut(&mut dyn Session),
) -> Duration {
    let mut time = Duration::ZERO;
    engine.session(access, &mut |session| {
        let begin = Instant::now();
        work(session);
        time = begin.elapsed();
    });
    time
}

/// Runs `work` in so many threads at once, from when all have their session until the last is done.
pub fn parallel<T: Send>(
    engine: &dyn Engine,
    access: Access,
    threads: usize,
    work: impl Fn(usize, &mut dyn Session) -> T + Sync,
) -> (Vec<T>, Duration) {
    let barrier = Barrier::new(threads);
    let run = |thread| {
        let mut result = None;
        engine.session(access, &mut |session| {
            barrier.wait();
            let begin = Instant::now();
            let value = work(thread, session);
            result = Some((value, begin, Instant::now()));
        });
        result.expect("a session works once")
    };
    let results: Vec<_> = std::thread::scope(|scope| {
        let run = &run;
        let threads: Vec<_> = (0..threads)
            .map(|thread| scope.spawn(move || run(thread)))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("a worker"))
            .collect()
    });
    let begin = results.iter().map(|(_, begin, _)| *begin).min().unwrap();
    let end = results.iter().map(|(.., end)| *end).max().unwrap();
    let values = results.into_iter().map(|(value, ..)| value).collect();
    (values, end - begin)
}
