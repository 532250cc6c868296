//! The engine after every crash in histories that begin with what crashes have left, and in those in which operations fail.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::print_stdout,
    reason = "a test's helpers fail as its functions do, and say what they have looked at"
)]

mod common;

use common::{Content, History, Step, apply, commit, delete, one, pass, put, sum};
use entidb_testkit::{Fault, Op, Policy, Report, Rule, SimDisk};

/// How many states each failing operation, and a fifth of what each disk, is looked at in.
fn states() -> u64 {
    let all = std::env::var("ENTIDB_CRASH_STATES").ok();
    let all = all.and_then(|all| all.parse().ok()).unwrap_or(30_000_u64);
    (all / 200).max(1)
}

fn steps() -> Vec<Step> {
    vec![
        one(put("a", 1, "first")),
        Step::Commit(vec![
            put("a", 2, "two"),
            put("b", 1, "three"),
            delete("a", 1),
        ]),
        Step::Checkpoint,
        one(put("a", 3, "x".repeat(700))),
        Step::Reopen,
        one(delete("b", 1)),
        one(put("c", 1, "last")),
    ]
}

/// A disk that has seen `lives` sessions, none of which was closed.
fn left_by(lives: u64, seed: u64) -> (SimDisk, Content) {
    let history = History::new(seed, Vec::new());
    let mut disk = SimDisk::new(seed);
    let mut content = Content::new();
    for life in 0..lives {
        let db = history
            .later_options(1_000 + life)
            .open_in(disk.clone())
            .unwrap();
        for n in 0..1 + life % 3 {
            let writes = [
                put("old", 10 * life + n, "from before"),
                delete("old", life),
            ];
            commit(&db, &writes).unwrap();
            writes.iter().for_each(|write| apply(&mut content, write));
        }
        if life % 4 == 2 {
            db.checkpoint().unwrap();
        }
        disk = match life % 3 {
            0 => disk.restart(),
            1 => disk.crash(Policy::Random(life)),
            _ => disk.crash(Policy::Everything),
        };
    }
    (disk, content)
}

#[test]
fn histories_on_what_crashes_have_left_survive_every_crash() {
    let mut all = None::<Report>;
    for lives in [1, 2, 3, 4, 7, 11] {
        let (disk, base) = left_by(lives, lives);
        let mut history = History::new(lives, steps());
        history.base = base;
        let test = history.test().disk(disk).depth(2);
        let report = pass(test.states_per_point(60).states_max(states() * 5));
        sum(&mut all, report);
    }
    println!("on what crashes have left: {}", all.unwrap());
}

/// Runs the history with each of its operations failing once.
fn fail_each(lives: u64) {
    let mut history = History::new(21, steps());
    history.checkpoint_log_bytes = 1_500;
    history.base = left_by(lives, 21).1;
    let dry = left_by(lives, 21).0;
    history.run_stubbornly(&dry).unwrap();
    let (mut all, mut met) = (None::<Report>, 0);
    for (op, count) in dry.op_counts() {
        let faults: &[Fault] = match op {
            Op::Flush | Op::Sync => &[Fault::Io, Fault::Revert],
            Op::Append => &[Fault::Short, Fault::ShortStuck],
            Op::Write => &[Fault::Short],
            Op::Read | Op::OpenReader | Op::List | Op::Lock | Op::Open => &[],
            _ => &[Fault::Io],
        };
        for (nth, fault) in (0..count).flat_map(|nth| faults.iter().map(move |fault| (nth, *fault)))
        {
            let disk = left_by(lives, 21).0;
            disk.fail(Rule::once(op, nth, fault));
            let test = history.test().disk(disk.clone()).depth(2);
            let test = test.workload(|disk| history.run_stubbornly(disk));
            match test.states_per_point(24).states_max(states()).run() {
                Ok(report) => sum(&mut all, report),
                Err(failure) => panic!("{op:?} number {nth} with {fault:?}: {failure}"),
            }
            met += disk.faults_met();
        }
    }
    println!("where {met} operations fail: {}", all.unwrap());
    assert!(met > 50);
}

#[test]
fn histories_in_which_operations_fail_survive_every_crash() {
    fail_each(0);
}

#[test]
fn recoveries_in_which_operations_fail_survive_every_crash() {
    fail_each(4);
}
