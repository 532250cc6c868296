//! The engine after every crash in short histories, and after crashes in its recoveries.
//!
//! `ENTIDB_CRASH_STATES=1000000 cargo test -p entidb_testkit --release --test crash -- --nocapture` looks at that many
//! states at the least; without it there are about 55,000.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::print_stdout,
    reason = "a test's helpers fail as its functions do, and say what they have looked at"
)]

mod common;

use std::time::Instant;

use common::{History, Step, delete, one, pass, put, range, remove, sum};
use entidb_testkit::{Report, SimDisk};

/// How many states the test `share` of a hundredth of all looks at.
fn states(share: u64) -> u64 {
    let all = std::env::var("ENTIDB_CRASH_STATES").ok();
    all.and_then(|all| all.parse().ok()).unwrap_or(30_000) * share / 100
}

fn say(name: &str, report: &Report, start: Instant) {
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "{name}: {report}; {:.0} states a second",
        report.explored as f64 / seconds
    );
}

/// Short histories that have found almost everything in other stores.
fn fixed() -> Vec<(&'static str, History)> {
    let long = "x".repeat(1500);
    let first = vec![one(put("a", 1, "first"))];
    let several = vec![
        one(put("a", 1, "first")),
        Step::Commit(vec![
            put("a", 2, "two"),
            put("b", 1, "three"),
            delete("a", 1),
        ]),
        one(put("a", 1, long.as_str())),
    ];
    let deletes = vec![
        one(put("a", 1, "first")),
        Step::Checkpoint,
        one(delete("a", 1)),
        Step::Checkpoint,
        one(put("a", 1, "again")),
    ];
    let reopens = vec![
        one(put("a", 1, "first")),
        Step::Reopen,
        one(put("a", 2, "second")),
        Step::Reopen,
        Step::Reopen,
        one(put("b", 2, "third")),
    ];
    let everything = vec![
        one(put("a", 1, "first")),
        Step::Commit(vec![
            put("a", 2, "two"),
            put("b", 1, "three"),
            delete("a", 1),
        ]),
        Step::Checkpoint,
        one(put("a", 3, "fourth")),
        Step::Reopen,
        Step::Checkpoint,
        one(delete("b", 1)),
    ];
    let eventual = vec![
        Step::Eventual(vec![put("a", 1, "first")]),
        Step::Eventual(vec![put("a", 2, "second"), put("b", 1, "too")]),
        one(put("a", 3, "third")),
        Step::Eventual(vec![delete("a", 1)]),
        Step::Wait,
        Step::Eventual(vec![put("a", 1, "again")]),
        Step::Checkpoint,
        Step::Eventual(vec![put("a", 4, "last")]),
    ];
    let ranges = vec![
        Step::Commit((0..4).map(|n| put("a", n, "first")).collect()),
        Step::Checkpoint,
        Step::Commit(vec![range("a", 0, 2), put("a", 1, "again"), remove("a", 9)]),
        Step::Drop("a"),
        one(put("a", 2, "another")),
        Step::Checkpoint,
        Step::Drop("a"),
        Step::Reopen,
        one(put("a", 5, "once more")),
    ];
    let mut logs = History::new(
        8,
        (0..6)
            .flat_map(|n| {
                let long = "x".repeat(150);
                let eventual =
                    Step::Eventual(vec![put("a", n % 3, "soon"), remove("a", 3 - n % 3)]);
                [eventual, one(put("b", n % 2, long))]
            })
            .collect(),
    );
    logs.checkpoint_log_bytes = 300;
    vec![
        ("eventual commits", History::new(6, eventual)),
        ("ranges and drops", History::new(7, ranges)),
        ("many logs", logs),
        ("one commit", History::new(1, first)),
        ("several commits", History::new(2, several)),
        ("deletes and checkpoints", History::new(3, deletes)),
        ("reopens", History::new(4, reopens)),
        ("everything", History::new(5, everything)),
    ]
}

/// Histories of transactions that do not fit in memory.
fn large() -> Vec<(&'static str, History)> {
    let long = "x".repeat(1500);
    // One of several pieces, behind commits that are in the log, and a smaller one behind it.
    let mut large = History::new(
        9,
        vec![
            one(put("a", 1, "first")),
            Step::Eventual(vec![put("a", 9, "soon")]),
            Step::Commit(
                (0..12)
                    .map(|n| put("a", n % 8, "x".repeat(900 + n as usize)))
                    .collect(),
            ),
            one(put("a", 1, "small again")),
            Step::Commit(vec![
                range("a", 0, 5),
                put("b", 1, long.as_str()),
                put("b", 2, long),
            ]),
        ],
    );
    large.transaction_memory_bytes = 4 << 10;
    let mut larges = History::new(
        10,
        vec![
            Step::Commit(vec![
                put("a", 1, "first"),
                put("b", 1, "first"),
                remove("a", 2),
            ]),
            Step::Eventual(vec![
                put("a", 2, "second"),
                range("a", 0, 1),
                put("c", 2, "too"),
            ]),
            Step::Checkpoint,
            Step::Drop("a"),
            Step::Commit(vec![put("a", 3, "third"), delete("b", 1)]),
            Step::Reopen,
            Step::Commit(vec![put("a", 4, "fourth"), put("a", 3, "again")]),
        ],
    );
    larges.transaction_memory_bytes = 1;
    vec![("a large commit", large), ("large commits alone", larges)]
}

#[test]
fn every_crash_in_short_histories_keeps_what_was_acknowledged() {
    for sector_len in [512, 128] {
        for (name, history) in fixed() {
            let start = Instant::now();
            let disk = SimDisk::new(history.seed).with_sector_len(sector_len);
            let report = pass(history.test().disk(disk).states_max(states(10)));
            say(name, &report, start);
        }
    }
}

#[test]
fn every_crash_inside_a_recovery_keeps_what_was_shown() {
    for (name, history) in fixed() {
        let start = Instant::now();
        let test = history.test().depth(3).states_per_point(200);
        let report = pass(test.states_max(states(4)));
        say(name, &report, start);
    }
}

#[test]
fn every_crash_around_large_commits_keeps_what_was_acknowledged() {
    let followed = large().into_iter();
    let followed = followed.map(|(name, history)| (name, history.followed()));
    for (name, history) in large().into_iter().chain(followed) {
        for (sector_len, depth) in [(512, 1), (128, 1), (512, 3)] {
            let start = Instant::now();
            let disk = SimDisk::new(history.seed).with_sector_len(sector_len);
            // Few at each moment, so that there are many moments.
            let test = history.test().disk(disk).depth(depth).states_per_point(30);
            let report = pass(test.states_max(states(10)));
            say(name, &report, start);
        }
    }
}

#[test]
fn a_follower_is_never_ahead_of_what_survives_a_crash() {
    for (name, history) in fixed() {
        let start = Instant::now();
        let test = history.followed();
        let test = test.test().depth(2).states_per_point(300);
        let report = pass(test.states_max(states(6)));
        say(name, &report, start);
    }
    let mut all = None::<Report>;
    let start = Instant::now();
    for seed in 500.. {
        if all.as_ref().map_or(0, |all| all.explored) >= states(40) {
            break;
        }
        let history = History::random(seed, 4 + seed as usize % 6).followed();
        let disk = SimDisk::new(seed).with_sector_len([512, 64][seed as usize % 2]);
        let test = history.test().disk(disk).states_per_point(60);
        sum(&mut all, pass(test.states_max(1_500)));
    }
    say("random histories", &all.unwrap(), start);
}

fn random_histories(seeds: impl Iterator<Item = u64>) {
    let mut all = None::<Report>;
    let start = Instant::now();
    for seed in seeds {
        let done = all.as_ref().map_or(0, |all| all.explored);
        if done >= states(50) {
            break;
        }
        let history = History::random(seed, 3 + seed as usize % 6);
        let sector_len = [512, 64, 4096][seed as usize % 3];
        let disk = SimDisk::new(seed).with_sector_len(sector_len);
        let test = history.test().disk(disk).depth(2);
        let report = pass(test.states_per_point(60).states_max(1_500));
        sum(&mut all, report);
    }
    say("random histories", &all.unwrap(), start);
}

#[test]
fn random_histories_survive_every_crash() {
    random_histories((0..).step_by(2));
}

#[test]
fn more_random_histories_survive_every_crash() {
    random_histories((1..).step_by(2));
}
