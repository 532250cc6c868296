//! Schedules: small programs of a few threads, each run under many orders of their steps, and what must hold in every one.
//!
//! Promises: the order of steps is the seed's and nothing else's, so that a failure can be run again. Relies on everything that
//! threads share being from `crate::sync`. One test is one program; CONTRIBUTING.md says how to run and to replay them.

mod background;
mod committing;
mod conflicts;
mod disk;
mod ends;
mod failures;
mod following;
mod indexes;
mod logs;
mod notes;
mod snapshots;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};

use shuttle::scheduler::{
    PctScheduler, RandomScheduler, ReplayScheduler, Scheduler,
    UncontrolledNondeterminismCheckScheduler,
};
use shuttle::{Config, FailurePersistence, MaxSteps, Runner};

/// How many schedules all tests have together, unless `ENTIDB_SCHEDULES` says otherwise.
const SCHEDULE_COUNT: u64 = 20_000;
/// About how many tests there are to share them.
const TEST_COUNT: usize = 40;
/// More steps than any program takes: who takes them goes round in circles.
const STEPS_MAX: usize = 100_000;
/// The default of shuttle is too small for opening a database.
const STACK_BYTES: usize = 512 << 10;

/// Runs a program under a share of all schedules: half of them random walks, half with few changes of turn at random places
/// (PCT), which finds other things.
fn explore(program: fn()) {
    let count = number("ENTIDB_SCHEDULES").unwrap_or(SCHEDULE_COUNT);
    let count = usize::try_from(count).unwrap();
    explore_some(program, count / TEST_COUNT);
}

fn explore_some(program: fn(), count: usize) {
    if let Ok(file) = std::env::var("ENTIDB_SCHEDULE_FILE") {
        let text = std::fs::read_to_string(file).unwrap();
        let schedule = text.replace(|c: char| !c.is_ascii_hexdigit(), "");
        run(ReplayScheduler::new_from_encoded(&schedule), program);
        return;
    }
    let seed = number("ENTIDB_SCHEDULES_SEED").unwrap_or_else(|| {
        let seed = uuid::Uuid::new_v4().as_u64_pair().0;
        println!("seed {seed}");
        seed
    });
    run(
        RandomScheduler::new_from_seed(seed, count.div_ceil(2)),
        program,
    );
    for depth in 2..=4 {
        let pct = PctScheduler::new_from_seed(seed, depth, count.div_ceil(6));
        run(pct, program);
    }
}

fn run(scheduler: impl Scheduler + 'static, program: fn()) {
    let mut config = Config::new();
    config.stack_size = STACK_BYTES;
    config.max_steps = MaxSteps::FailAfter(STEPS_MAX);
    config.silence_warnings = true;
    // The first one is for all: shuttle sets it once.
    config.failure_persistence = FailurePersistence::Print;
    config
        .ungraceful_shutdown_config
        .immediately_return_on_panic = true;
    Runner::new(scheduler, config).run(move || {
        crate::sync::reset_clock();
        program();
    });
}

/// Whether some of many schedules make the program fail: for a program, or a disk, that is wrong.
fn fails(program: fn(), count: usize) -> bool {
    let explored = || explore_some(program, count);
    catch_unwind(AssertUnwindSafe(explored)).is_err()
}

/// Runs each of a few schedules twice, and fails if the program takes other steps the second time: then none could be replayed.
fn run_twice(program: fn()) {
    let scheduler = UncontrolledNondeterminismCheckScheduler::new(RandomScheduler::new(20));
    run(scheduler, program);
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}
