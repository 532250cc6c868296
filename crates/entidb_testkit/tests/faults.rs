//! The engine when operations fail: every kind, every one of them, once and for ever, with a restart and a power cut after it.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::print_stdout,
    reason = "a test's helpers fail as its functions do, and say what they have looked at"
)]

mod common;

use common::{
    Content, Failed, History, Step, apply, commit, content, delete, one, put, range, sound,
};
use entidb::{Database, ErrorKind, Lsn};
use entidb_testkit::{Fault, Op, Policy, Rule, SimDisk};

/// What a history with failures may have left.
struct Outcome {
    /// After every commit that was answered with success, and of those answered with `Unknown` none or all.
    possible: Vec<Content>,
    /// Kept, so that nothing is closed.
    db: Option<Database>,
    /// Every answer but success.
    errors: Vec<ErrorKind>,
    /// What somebody who follows was given.
    seen: Vec<Lsn>,
}

impl Outcome {
    fn holds(&self, db: &Database) -> Result<(), Failed> {
        let found = content(db)?;
        if !self.possible.contains(&found) {
            let wanted: Vec<_> = self
                .possible
                .iter()
                .map(|p| p.keys().collect::<Vec<_>>())
                .collect();
            let got = found.keys().collect::<Vec<_>>();
            return Err(format!(
                "{got:?} is there, and not one of {wanted:?}, after {:?}",
                self.errors
            )
            .into());
        }
        sound(db)
    }

    /// What was given to a follower is there, and goes on without a gap or a repeat to what is there now.
    fn was_not_ahead(&self, db: &Database) -> Result<(), Failed> {
        let commits: Result<Vec<_>, _> = common::commits(db);
        let lsns: Vec<_> = commits?.iter().map(|commit| commit.lsn).collect();
        if !lsns.starts_with(&self.seen) {
            return Err(format!("{:?} was given, and {lsns:?} is there", self.seen).into());
        }
        match common::replayed(db)? == content(db)? {
            true => Ok(()),
            false => Err("following its changes comes to something else".into()),
        }
    }
}

/// Runs the history whatever fails. Fails itself if an answer is not one of the three.
fn run(history: &History, disk: &SimDisk) -> Result<Outcome, Failed> {
    let mut outcome = Outcome {
        possible: vec![Content::new()],
        db: None,
        errors: Vec::new(),
        seen: Vec::new(),
    };
    let mut unknown = false;
    for (life, step) in (0..).zip(&history.steps) {
        if outcome.db.is_none() {
            match history.later_options(life).open_in(disk.opened_again()) {
                Ok(db) => outcome.db = Some(db),
                Err(error) => {
                    outcome.errors.push(error.kind());
                    continue;
                }
            }
            if unknown {
                // Opening has decided.
                let found = content(outcome.db.as_ref().unwrap());
                match found {
                    Ok(found) if outcome.possible.contains(&found) => {
                        outcome.possible = vec![found]
                    }
                    Ok(_) => return Err("what is there is nothing that could be".into()),
                    Err(_) => {}
                }
                unknown = false;
            }
        }
        let db = outcome.db.as_ref().unwrap();
        let result = match step {
            step if step.commits() => {
                // One that does not wait is made durable at once, so that its fate is known.
                let result = match step {
                    Step::Eventual(_) => step.run(db).and_then(|_| db.sync().map(drop)),
                    step => step.run(db).map(drop),
                };
                let kind = result.as_ref().err().map(entidb::Error::kind);
                if unknown && kind != Some(ErrorKind::Poisoned) {
                    return Err(format!("{kind:?} after a commit whose fate is unknown").into());
                }
                let mut with = outcome.possible.clone();
                with.iter_mut().for_each(|possible| step.apply(possible));
                match kind {
                    None => outcome.possible = with,
                    Some(ErrorKind::Unknown) => {
                        outcome.possible.extend(with);
                        unknown = true;
                    }
                    Some(_) => {}
                }
                result
            }
            Step::Reopen => outcome.db.take().unwrap().close(),
            step => step.run(db).map(drop),
        };
        outcome
            .errors
            .extend(result.err().map(|error| error.kind()));
        if let Some(db) = outcome.db.as_ref().filter(|_| history.followed) {
            let last = outcome.seen.last().copied().unwrap_or(Lsn::ZERO);
            // As far as it can be read.
            if let Ok(mut changes) = db.changes(last) {
                while let Ok(Some(commit)) = changes.try_next() {
                    outcome.seen.push(commit.lsn);
                }
            }
        }
        // What was committed is read, whatever has failed.
        if let Some(db) = &outcome.db
            && let Ok(found) = content(db)
            && !outcome.possible.contains(&found)
        {
            return Err("the running database shows something that was not committed".into());
        }
    }
    Ok(outcome)
}

/// What has to hold afterwards: for the same process, for the next one on a warm page cache, and after a power cut.
fn afterwards(history: &History, disk: &SimDisk, mut outcome: Outcome) -> Result<(), Failed> {
    disk.heal();
    let mut disks = vec![("a kill", disk.restart())];
    for policy in [
        Policy::Nothing,
        Policy::Everything,
        Policy::Junk,
        Policy::Random(3),
    ] {
        disks.push(("a power cut", disk.crash(policy)));
    }
    drop(outcome.db.take());
    disks.push(("nothing but closing", disk.clone()));
    disks.push(("closing and a power cut", disk.crash(Policy::Nothing)));
    for (what, disk) in disks {
        let judge = |result: Result<(), Failed>| {
            result.map_err(|error| Failed::from(format!("after {what}: {error}")))
        };
        let db = history.later_options(50).open_in(disk.opened_again());
        let db = db.map_err(|error| Failed::from(format!("after {what}: {error:?}")))?;
        judge(outcome.holds(&db))?;
        if history.followed {
            judge(outcome.was_not_ahead(&db))?;
        }
        let mut shown = content(&db)?;
        // What was shown stays, also where the page cache was warm.
        for policy in [Policy::Nothing, Policy::Zeros, Policy::Random(9)] {
            let cut = disk.crash(policy);
            let again = history.later_options(51).open_in(cut);
            let again = again
                .map_err(|error| Failed::from(format!("{what}, shown, and cut: {error:?}")))?;
            if content(&again)? != shown {
                return Err(format!("after {what}, what was shown is gone with the power").into());
            }
        }
        let writes = [put("a", 9, "afterwards"), delete("a", 1)];
        commit(&db, &writes).map_err(|error| Failed::from(format!("after {what}, {error:?}")))?;
        writes.iter().for_each(|write| apply(&mut shown, write));
        let cut = disk.crash(Policy::Nothing);
        db.close()?;
        for disk in [cut, disk.clone()] {
            let db = history.later_options(52).open_in(disk)?;
            if content(&db)? != shown {
                return Err(format!("after {what}, a later commit is not there").into());
            }
        }
    }
    Ok(())
}

fn history() -> History {
    let long = "x".repeat(900);
    let mut history = History::new(
        11,
        vec![
            one(put("a", 1, "first")),
            Step::Commit(vec![put("a", 2, long), put("b", 1, "b"), put("c", 1, "c")]),
            one(delete("a", 1)),
            Step::Checkpoint,
            one(put("a", 1, "again")),
            Step::Reopen,
            one(put("b", 2, "second session")),
            Step::Commit(vec![delete("b", 1), put("d", 4, "d")]),
            Step::Reopen,
            one(put("e", 1, "third session")),
        ],
    );
    history.checkpoint_log_bytes = 2_000;
    history
}

/// Transactions that do not fit in memory, between others.
fn large() -> History {
    let mut history = History::new(
        13,
        vec![
            one(put("a", 1, "first")),
            Step::Commit((0..6).map(|n| put("a", n % 4, "x".repeat(400))).collect()),
            one(delete("a", 1)),
            Step::Eventual(vec![
                put("a", 1, "again"),
                range("a", 2, 3),
                put("b", 1, "too"),
            ]),
            Step::Checkpoint,
            Step::Commit(vec![
                put("c", 1, "y".repeat(300)),
                put("c", 2, "z".repeat(600)),
            ]),
            Step::Drop("c"),
            Step::Reopen,
            Step::Commit(vec![
                put("c", 1, "y".repeat(600)),
                put("c", 1, "z".repeat(300)),
            ]),
        ],
    );
    history.checkpoint_log_bytes = 2_000;
    history.transaction_memory_bytes = 700;
    history
}

fn kinds(op: Op) -> &'static [Fault] {
    match op {
        Op::Append => &[Fault::Io, Fault::Full, Fault::Short, Fault::ShortStuck],
        Op::Write => &[Fault::Io, Fault::Full, Fault::Short],
        Op::Flush | Op::Sync => &[Fault::Io, Fault::Full, Fault::Revert],
        Op::Read | Op::OpenReader | Op::List | Op::Open | Op::Lock => &[Fault::Io],
        _ => &[Fault::Io, Fault::Full],
    }
}

/// One failure of the operation with this number, and everything afterwards.
fn inject(history: &History, disk: &SimDisk, rule: Rule) -> Result<bool, String> {
    disk.fail(rule);
    let result = run(history, disk).and_then(|outcome| afterwards(history, disk, outcome));
    let trace = disk.trace().join("\n  ");
    result.map_err(|error| format!("{rule:?}: {error}\n  {trace}"))?;
    Ok(disk.faults_met() > 0)
}

#[test]
fn whatever_operation_fails_what_was_answered_holds() {
    let mut failures = Vec::new();
    let mut met = 0;
    let histories = [
        history(),
        large(),
        large().followed(),
        History::random(3, 8),
        History::random(17, 8),
        History::random(18, 8).followed(),
    ];
    for (history, reserves) in histories.iter().flat_map(|h| [(h, true), (h, false)]) {
        let fresh = || {
            let disk = SimDisk::new(5).with_sector_len(128);
            if reserves {
                disk
            } else {
                disk.without_reserve()
            }
        };
        let dry = fresh();
        run(history, &dry).unwrap();
        for (op, count) in dry.op_counts() {
            let step = if op == Op::Read { 7 } else { 1 };
            for nth in (0..count).step_by(step) {
                for fault in kinds(op) {
                    let once = Rule::once(op, nth, *fault);
                    for rule in [once, once.forever()] {
                        match inject(history, &fresh(), rule) {
                            Ok(hit) => met += u64::from(hit),
                            Err(failure) => failures.push(failure),
                        }
                    }
                }
            }
        }
    }
    println!("{met} failures met");
    assert!(
        failures.is_empty(),
        "{} failures, such as\n{}",
        failures.len(),
        failures[0]
    );
    assert!(met > 1_000);
}

#[test]
fn a_full_disk_refuses_a_commit_and_goes_on_once_there_is_room() {
    for (seed, reserves) in [(1, true), (2, false)] {
        for room in (0..4_000).step_by(13) {
            let disk = SimDisk::new(seed);
            let disk = if reserves {
                disk
            } else {
                disk.without_reserve()
            };
            let history = history();
            let db = history.options().open_in(disk.opened_again()).unwrap();
            let mut model = Content::new();
            disk.set_capacity(Some(disk.used() + room));
            let mut refused = 0;
            for n in 0..12 {
                let write = [put("a", n % 5, "x".repeat(100 + n as usize * 31))];
                match commit(&db, &write) {
                    Ok(()) => apply(&mut model, &write[0]),
                    Err(error) => {
                        assert_eq!(error.kind(), ErrorKind::Full, "room {room}: {error:?}");
                        refused += 1;
                    }
                }
                assert_eq!(content(&db).unwrap(), model);
            }
            assert!(refused > 0, "room {room}");
            let killed = disk.restart();
            disk.set_capacity(None);
            let write = [put("z", 1, "there is room again")];
            commit(&db, &write).unwrap_or_else(|error| panic!("room {room}: {error:?}"));
            db.checkpoint().unwrap();
            killed.set_capacity(None);
            let again = history.later_options(1).open_in(killed).unwrap();
            assert_eq!(content(&again).unwrap(), model, "room {room}, killed");
            apply(&mut model, &write[0]);
            assert_eq!(content(&db).unwrap(), model);
            db.close().unwrap();
            for policy in [Policy::Nothing, Policy::Everything] {
                let again = history
                    .later_options(2)
                    .open_in(disk.crash(policy))
                    .unwrap();
                assert_eq!(content(&again).unwrap(), model, "room {room}");
                sound(&again).unwrap();
            }
        }
    }
}

#[test]
fn a_read_that_flips_a_bit_is_found_and_never_believed() {
    let history = history();
    let dry = SimDisk::new(5);
    run(&history, &dry).unwrap();
    let ever: Vec<Vec<u8>> = history
        .models()
        .states
        .iter()
        .flat_map(|model| model.values().cloned())
        .collect();
    for nth in 0..dry.op_counts()[&Op::Read] {
        for seed in 0..4 {
            let disk = SimDisk::new(seed);
            disk.fail(Rule::once(Op::Read, nth, Fault::FlippedBit));
            let Ok(outcome) = run(&history, &disk) else {
                continue;
            };
            let found = outcome.db.as_ref().and_then(|db| content(db).ok());
            for value in found.unwrap_or_default().values() {
                assert!(
                    ever.contains(value),
                    "read {nth}, seed {seed}: a value that nobody put"
                );
            }
        }
    }
}

#[test]
fn an_lsn_that_a_reader_may_have_seen_is_never_given_out_again() {
    let history = history();
    let disk = SimDisk::new(1);
    let db = history.options().open_in(disk.clone()).unwrap();
    commit(&db, &[put("a", 1, "first")]).unwrap();
    disk.fail(Rule::once(Op::Flush, 0, Fault::Io));
    let error = commit(&db, &[put("a", 2, "lost")]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unknown);
    let reader = history.options().read_only(true);
    let seen = reader.open_in(disk.clone()).unwrap().lsn();
    let again = history.later_options(1);
    let again = again.open_in(disk.crash(Policy::Nothing)).unwrap();
    assert!(again.lsn() < seen, "the commit is lost");
    commit(&again, &[put("a", 3, "another")]).unwrap();
    assert!(again.lsn() > seen);
}
