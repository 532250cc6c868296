//! Indexes after every crash, and after every failure, in short histories: builds that are cut off anywhere among them.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::print_stdout,
    reason = "a test's helpers fail as its functions do, and say what they have looked at"
)]

use std::collections::{BTreeMap, BTreeSet};

use entidb::{Database, EntityId, ErrorKind, IndexSpec, Options, Value};
use entidb_testkit::{CrashTest, Fault, Op, Policy, Report, Rule, SimDisk, Verdict};

/// Entities: a number that few have alone, and a text.
type Content = BTreeMap<EntityId, (i64, String)>;
type Failed = Box<dyn std::error::Error + Send + Sync>;

#[derive(Debug, Clone)]
enum Step {
    Put(Vec<(u64, i64, &'static str)>),
    Delete(u64),
    /// Everything from the one to the other, and then the third again.
    Range(u64, u64, u64),
    Create(Vec<&'static str>),
    DropIndex(&'static str),
    Drop,
    Checkpoint,
    Compact,
    Reopen,
}

/// What there is after a step.
#[derive(Debug, Clone, Default, PartialEq)]
struct State {
    content: Content,
    ready: BTreeSet<String>,
}

const NAME: &str = "people";

fn id(n: u64) -> EntityId {
    EntityId::from_key(n)
}

fn between(a: u64, b: u64) -> std::ops::RangeInclusive<EntityId> {
    id(a).min(id(b))..=id(a).max(id(b))
}

fn value(id: EntityId, number: i64, text: &str) -> Value {
    Value::from([
        ("n", Value::from(number)),
        ("s", Value::from(text)),
        ("u", Value::from(id.to_string())),
    ])
}

fn spec(name: &str) -> IndexSpec {
    match name {
        "u" => IndexSpec::on("u").unique(),
        "s,n" => IndexSpec::on_all(["s", "n"]),
        "text:s" => IndexSpec::on("s").full_text(),
        path => IndexSpec::on(path),
    }
}

impl Step {
    fn apply(&self, state: &mut State) {
        match self {
            Self::Put(entities) => {
                for (n, number, text) in entities {
                    state.content.insert(id(*n), (*number, (*text).to_owned()));
                }
            }
            Self::Delete(n) => drop(state.content.remove(&id(*n))),
            Self::Range(from, to, again) => {
                let range = between(*from, *to);
                state.content.retain(|id, _| !range.contains(id));
                state.content.insert(id(*again), (7, "again".to_owned()));
            }
            Self::Create(names) => state.ready.extend(names.iter().map(|n| (*n).to_owned())),
            Self::DropIndex(name) => drop(state.ready.remove(*name)),
            Self::Drop => *state = State::default(),
            Self::Checkpoint | Self::Compact | Self::Reopen => {}
        }
    }

    fn run(&self, db: &Database) -> entidb::Result<()> {
        match self {
            Self::Put(entities) => db.write(|tx| {
                for (n, number, text) in entities {
                    tx.put(NAME, id(*n), &value(id(*n), *number, text))?;
                }
                Ok(())
            }),
            Self::Delete(n) => db.write(|tx| tx.remove(NAME, id(*n))),
            Self::Range(from, to, again) => db.write(|tx| {
                tx.delete_range(NAME, between(*from, *to))?;
                tx.put(NAME, id(*again), &value(id(*again), 7, "again"))
            }),
            Self::Create(names) => {
                let specs: Vec<_> = names.iter().map(|name| spec(name)).collect();
                db.create_indexes(NAME, &specs).map(drop)
            }
            Self::DropIndex(name) => db.drop_index(NAME, name).map(drop),
            // Where the catalog could not be replaced, it is there, empty, and is dropped again.
            Self::Drop => loop {
                let there = db.drop_collection(NAME)?;
                if !there || db.snapshot().indexes(NAME).is_empty() {
                    break Ok(());
                }
            },
            Self::Checkpoint => db.checkpoint(),
            Self::Compact => db.compact(),
            Self::Reopen => Ok(()),
        }
    }
}

struct History {
    steps: Vec<Step>,
    checkpoint_log_bytes: u64,
    /// How many bytes a transaction holds in memory.
    memory_bytes: usize,
    seed: u64,
}

impl History {
    fn options(&self, life: u64) -> Options {
        // With small logs, builds take small steps.
        Options::new()
            .seed(self.seed ^ life << 32)
            .checkpoint_log_bytes(self.checkpoint_log_bytes)
            .transaction_memory_bytes(self.memory_bytes)
            .reserve_bytes(4 << 10)
    }

    fn states(&self) -> Vec<State> {
        let mut states = vec![State::default()];
        for step in &self.steps {
            let mut next = states.last().unwrap().clone();
            step.apply(&mut next);
            states.push(next);
        }
        states
    }

    fn run(&self, disk: &SimDisk) -> Result<(), Failed> {
        let mut db = self.options(0).open_in(disk.clone())?;
        for (step, life) in self.steps.iter().zip(1..) {
            if matches!(step, Step::Reopen) {
                db.close()?;
                db = self.options(life).open_in(disk.clone())?;
            }
            step.run(&db)?;
            disk.acknowledge_to(life);
        }
        db.close()?;
        Ok(())
    }

    /// What may be found after so many steps were told to be done: the next one may be, too, or a part of it that counts alone.
    fn check_state(&self, done: u64, found: &State) -> Verdict {
        let states = self.states();
        let possible = states.iter().skip(done as usize).take(2);
        let contents = possible.clone().any(|state| state.content == found.content);
        let ready = possible.clone().any(|state| state.ready == found.ready);
        if contents && ready {
            return Ok(());
        }
        Err(format!("after {done} steps: {found:?}").into())
    }

    fn check(&self, disk: &SimDisk, done: u64) -> Verdict {
        match self.options(90).read_only(true).open_in(disk.clone()) {
            Ok(db) => self.check_state(done, &exact(&db)?)?,
            Err(error) if error.kind() == ErrorKind::NotFound && done == 0 => {}
            Err(error) => return Err(format!("a reader cannot open it: {error:?}").into()),
        }
        let db = self.options(91).open_in(disk.clone())?;
        let found = exact(&db)?;
        self.check_state(done, &found)?;
        sound(&db)?;
        for (disk, life) in [(disk.restart(), 92), (disk.crash(Policy::Nothing), 93)] {
            let again = self.options(life).open_in(disk.clone())?;
            if exact(&again)? != found {
                return Err("recovered a second time, it holds something else".into());
            }
            if life == 93 {
                self.go_on(&again, done)?;
                let shown = exact(&again)?;
                let cut = self.options(94).open_in(disk.crash(Policy::Nothing))?;
                if exact(&cut)? != shown {
                    return Err("what was done after the crash is gone".into());
                }
                sound(&cut)?;
            }
        }
        Ok(())
    }

    /// Does the step again that was under way, and something more.
    fn go_on(&self, db: &Database, done: u64) -> Verdict {
        let mut expected = exact(db)?;
        let next = self.steps.get(done as usize).cloned();
        let more = Step::Put(vec![(1, 3, "more"), (50, 3, "more")]);
        for step in next.into_iter().chain([more]) {
            step.run(db)?;
            step.apply(&mut expected);
        }
        // A build that was cut off is none of the steps' any more.
        if exact(db)? != expected {
            return Err(format!("expected {expected:?}, got {:?}", exact(db)?).into());
        }
        Ok(())
    }

    fn test(&self) -> CrashTest<'_> {
        CrashTest::new(self.seed)
            .workload(|disk| self.run(disk))
            .recover(|disk| {
                let db = self
                    .options(80 + disk.acknowledged())
                    .open_in(disk.clone())?;
                self.check_state(disk.acknowledged(), &exact(&db)?)
            })
            .check(|disk, done| self.check(disk, done))
    }
}

/// What is there; fails if an index that is ready says anything else than the entities.
fn exact(db: &Database) -> Result<State, Failed> {
    let snapshot = db.snapshot();
    let mut content = Content::new();
    for entity in snapshot.scan(NAME) {
        let (id, payload) = entity?;
        let value = payload.value()?;
        let field = |name: &str| {
            let entries = value.as_map().unwrap().iter();
            let mut found = entries.filter(|(key, _)| key.as_str() == Some(name));
            found.next().unwrap().1.clone()
        };
        let text = field("s").as_str().unwrap().to_owned();
        content.insert(id, (field("n").as_i64().unwrap(), text));
    }
    let mut ready = BTreeSet::new();
    for index in snapshot.indexes(NAME).into_iter().filter(|i| i.ready) {
        let find = || snapshot.by(NAME, &index.name);
        let mut expected: Vec<_> = content.iter().collect();
        let same = match index.name.as_str() {
            "n" => {
                expected.sort_by_key(|(id, (n, _))| (*n, **id));
                all(find()?)? == ids(&expected)
            }
            "s,n" => {
                expected.sort_by_key(|(id, (n, s))| (s.clone(), *n, **id));
                all(find()?)? == ids(&expected)
            }
            "u" => {
                let mut by_text = ids(&expected);
                by_text.sort_by_key(EntityId::to_string);
                let each = by_text.iter().map(|id| {
                    let text = Value::from(id.to_string());
                    Ok(find()?.equal(&text).first()?.map(|(found, _)| found) == Some(*id))
                });
                all(find()?)? == by_text
                    && each.collect::<Result<Vec<_>, Failed>>()?.iter().all(|b| *b)
            }
            _ => {
                let word = |word: &str| -> Vec<EntityId> {
                    let has = content
                        .iter()
                        .filter(|(_, (_, s))| s.split(' ').any(|w| w == word));
                    has.map(|(id, _)| *id).collect()
                };
                let found = find()?
                    .word_prefix("")
                    .ids()
                    .collect::<Result<Vec<_>, _>>()?;
                let again = find()?
                    .all_of(["again"])
                    .ids()
                    .collect::<Result<Vec<_>, _>>()?;
                found == ids(&expected) && again == word("again")
            }
        };
        if !same {
            return Err(format!("the index {} is not what {content:?} gives", index.name).into());
        }
        ready.insert(index.name);
    }
    Ok(State { content, ready })
}

fn ids(entities: &[(&EntityId, &(i64, String))]) -> Vec<EntityId> {
    entities.iter().map(|(id, _)| **id).collect()
}

fn all(find: entidb::Find<'_>) -> Result<Vec<EntityId>, Failed> {
    Ok(find.ids().collect::<Result<_, _>>()?)
}

fn sound(db: &Database) -> Verdict {
    let report = db.verify()?;
    match report.is_sound() {
        true => Ok(()),
        false => Err(format!("verify found damage: {:?}", report.problems).into()),
    }
}

fn histories() -> Vec<(&'static str, History)> {
    let people = || {
        let texts = ["first", "second one", "third", "second one", "again"];
        let people = (0..5).zip(texts);
        Step::Put(people.map(|(n, text)| (n, n as i64 % 2, text)).collect())
    };
    let kept = vec![
        Step::Create(vec!["n", "u"]),
        people(),
        Step::Checkpoint,
        Step::Put(vec![(1, 9, "other"), (2, 0, "third"), (6, 1, "new")]),
        Step::Delete(0),
        Step::Checkpoint,
        Step::Range(1, 3, 2),
    ];
    let built = vec![
        people(),
        Step::Create(vec!["n", "text:s"]),
        Step::Put(vec![(3, 5, "changed")]),
        Step::Reopen,
        Step::Create(vec!["s,n"]),
    ];
    let merged = vec![
        Step::Create(vec!["n"]),
        people(),
        Step::Checkpoint,
        Step::Range(0, 4, 1),
        Step::Checkpoint,
        Step::Compact,
        Step::DropIndex("n"),
        Step::Create(vec!["n"]),
        Step::Compact,
    ];
    let dropped = vec![
        people(),
        Step::Create(vec!["s,n", "u"]),
        Step::Drop,
        Step::Put(vec![(2, 2, "again")]),
        Step::Create(vec!["u"]),
        Step::DropIndex("u"),
        Step::Reopen,
        Step::Create(vec!["u"]),
    ];
    let history = |seed, steps, checkpoint_log_bytes| History {
        steps,
        checkpoint_log_bytes,
        memory_bytes: 64 << 20,
        seed,
    };
    // Where all but the builds' commits are larger than memory.
    let spilled = |seed, steps, memory_bytes| History {
        memory_bytes,
        ..history(seed, steps, 1 << 20)
    };
    vec![
        ("kept", history(1, kept.clone(), 1 << 20)),
        ("kept, spilled", spilled(7, kept.clone(), 1)),
        ("kept, spilled in part", spilled(8, kept, 300)),
        ("built, spilled", spilled(9, built.clone(), 1)),
        ("dropped, spilled", spilled(10, dropped.clone(), 1)),
        ("built", history(2, built.clone(), 1 << 20)),
        ("built in small steps", history(3, built, 300)),
        ("merged", history(4, merged, 1 << 20)),
        ("dropped", history(5, dropped.clone(), 1 << 20)),
        ("dropped, small steps", history(6, dropped, 500)),
    ]
}

fn states(share: u64) -> u64 {
    let all = std::env::var("ENTIDB_CRASH_STATES").ok();
    all.and_then(|all| all.parse().ok()).unwrap_or(30_000) * share / 100
}

#[test]
fn every_crash_leaves_each_index_as_its_entities_are() {
    for (name, history) in histories() {
        let disk = SimDisk::new(history.seed).with_sector_len(512);
        let test = history.test().disk(disk).states_per_point(60);
        match test.states_max(states(8)).run() {
            Ok(report) => println!("{name}: {report}"),
            Err(failure) => panic!("{name}: {failure}"),
        }
    }
}

#[test]
fn so_does_every_crash_inside_a_recovery() {
    let mut all: Option<Report> = None;
    for (name, history) in histories() {
        let test = history.test().depth(2).states_per_point(20);
        match test.states_max(states(4)).run() {
            Ok(report) => match &mut all {
                Some(all) => all.add(&report),
                None => all = Some(report),
            },
            Err(failure) => panic!("{name}: {failure}"),
        }
    }
    println!("{}", all.unwrap());
}

/// Runs the history on a disk where an operation fails: after each error the database is opened again, and what was not done is
/// done again.
fn run_stubbornly(history: &History, disk: &SimDisk) -> Result<(), Failed> {
    let states = history.states();
    let mut life = 100;
    let mut db: Option<Database> = None;
    for (step, done) in history.steps.iter().zip(0..) {
        let mut attempts = 0;
        loop {
            attempts += 1;
            if attempts > 6 {
                return Err(format!("step {done} fails again and again").into());
            }
            if db.is_none() || matches!(step, Step::Reopen) && attempts == 1 {
                drop(db.take());
                life += 1;
                db = history.options(life).open_in(disk.opened_again()).ok();
            }
            let Some(open) = &db else {
                continue;
            };
            // What was shown before is never lost, whatever fails.
            let Ok(found) = exact(open) else {
                db = None;
                continue;
            };
            history.check_state(done, &found)?;
            if attempts > 1
                && found == states[done as usize + 1]
                && !matches!(step, Step::Create(_))
            {
                break;
            }
            match step.run(open) {
                Ok(()) => break,
                Err(_) => db = None,
            }
        }
    }
    disk.heal();
    let db = match db {
        Some(db) => db,
        None => history.options(99).open_in(disk.opened_again())?,
    };
    let last = states.last().unwrap();
    for _ in 0..2 {
        let found = exact(&db)?;
        if found != *last {
            return Err(format!("in the end, {found:?}").into());
        }
        sound(&db)?;
        db.compact()?;
    }
    db.close()?;
    for policy in [Policy::Nothing, Policy::Everything] {
        let db = history.options(98).open_in(disk.crash(policy))?;
        if exact(&db)? != *last {
            return Err(format!("after a power cut, {:?}", exact(&db)?).into());
        }
    }
    Ok(())
}

#[test]
fn whatever_operation_fails_the_indexes_stay_right_and_the_work_can_be_done() {
    let kinds = |op: Op| -> &'static [Fault] {
        match op {
            Op::Append => &[Fault::Io, Fault::Full, Fault::Short],
            Op::Write => &[Fault::Io, Fault::Full],
            Op::Flush | Op::Sync => &[Fault::Io, Fault::Full, Fault::Revert],
            Op::Read | Op::OpenReader | Op::List | Op::Open | Op::Lock => &[Fault::Io],
            _ => &[Fault::Io, Fault::Full],
        }
    };
    let mut met = 0;
    for (name, history) in histories() {
        let dry = SimDisk::new(5).with_sector_len(512);
        run_stubbornly(&history, &dry).unwrap();
        for (op, count) in dry.op_counts() {
            let step = if op == Op::Read { 11 } else { 2 };
            for nth in (history.seed % step..count).step_by(step as usize) {
                for fault in kinds(op) {
                    let disk = SimDisk::new(5).with_sector_len(512);
                    let rule = Rule::once(op, nth, *fault);
                    disk.fail(rule);
                    if let Err(error) = run_stubbornly(&history, &disk) {
                        panic!("{name}, {rule:?}: {error}\n  {}", disk.trace().join("\n  "));
                    }
                    met += u64::from(disk.faults_met() > 0);
                }
            }
        }
    }
    println!("{met} failures met");
    assert!(met > 500, "{met}");
}
