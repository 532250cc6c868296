//! Random histories of the engine against a map, with snapshots taken along the way, restarts, kills and power cuts.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::print_stdout,
    reason = "a test's helpers fail as its functions do, and say what they have looked at"
)]

mod common;

use std::collections::BTreeMap;
use std::ops::Bound;

use common::{
    Content, Write, apply, commit_with, content, content_of, delete, follow, id, put, range, remove,
};
use entidb::{Database, Durability, EntityId, ErrorKind, Lsn, Options, Retention, Snapshot};
use entidb_testkit::{Policy, SimDisk};
use proptest::collection::vec;
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Step {
    Commit(Vec<Write>),
    /// A transaction whose closure fails.
    Abandon(Vec<Write>),
    /// One that does not wait until it is durable.
    Eventual(Vec<Write>),
    Sync,
    Drop(usize),
    /// A snapshot from before is looked at again.
    Held(usize),
    Compact,
    Checkpoint,
    Snapshot,
    Reopen,
    Kill,
    PowerCut(u64),
    Range(u64, u64),
    /// Somebody who follows catches up.
    Follow,
}

const COLLECTIONS: [&str; 3] = ["a", "b", "c"];

fn write() -> impl Strategy<Value = Write> {
    let len = prop_oneof![4 => 0..40_usize, 1 => 400..700_usize];
    let value = prop_oneof![2 => len.prop_map(Some), 1 => Just(None)];
    let parts = (0..3_usize, 0..8_u64, value, any::<u8>());
    parts.prop_map(|(collection, id, value, byte)| {
        let collection = COLLECTIONS[collection];
        match (value, byte % 6) {
            (Some(len), _) => put(collection, id, format!("{byte}{}", "y".repeat(len))),
            (None, 0) => range(collection, id, u64::from(byte) % 8),
            (None, 1 | 2) => remove(collection, id),
            (None, _) => delete(collection, id),
        }
    })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => vec(write(), 1..2).prop_map(Step::Commit),
        4 => vec(write(), 2..6).prop_map(Step::Commit),
        1 => vec(write(), 1..4).prop_map(Step::Abandon),
        5 => vec(write(), 1..4).prop_map(Step::Eventual),
        1 => Just(Step::Sync),
        1 => (0..3_usize).prop_map(Step::Drop),
        2 => (0..9_usize).prop_map(Step::Held),
        1 => Just(Step::Compact),
        2 => Just(Step::Checkpoint),
        2 => Just(Step::Snapshot),
        1 => Just(Step::Reopen),
        1 => Just(Step::Kill),
        1 => any::<u64>().prop_map(Step::PowerCut),
        2 => (0..8_u64, 0..8_u64).prop_map(|(from, to)| Step::Range(from, to)),
        3 => Just(Step::Follow),
    ]
}

fn compare(snapshot: &Snapshot, model: &Content, from: u64, to: u64) {
    let (from, to) = (id(from), id(to));
    for collection in COLLECTIONS {
        let all: BTreeMap<EntityId, &Vec<u8>> = model
            .iter()
            .filter(|((name, _), _)| name == collection)
            .map(|((_, id), bytes)| (*id, bytes))
            .collect();
        for n in 0..9 {
            let got = snapshot.get(collection, id(n)).unwrap();
            assert_eq!(
                got.as_ref().map(|p| p.as_bytes()),
                all.get(&id(n)).map(|b| b.as_slice())
            );
            assert_eq!(
                snapshot.contains(collection, id(n)).unwrap(),
                all.contains_key(&id(n))
            );
        }
        let bounds = [
            (Bound::Unbounded, Bound::Unbounded),
            (Bound::Included(from), Bound::Excluded(to)),
            (Bound::Excluded(from), Bound::Included(to)),
            (Bound::Included(from), Bound::Unbounded),
            (Bound::Unbounded, Bound::Excluded(to)),
        ];
        for range in bounds {
            let expected: Vec<_> = all
                .iter()
                .filter(|(id, _)| std::ops::RangeBounds::contains(&range, *id))
                .map(|(id, bytes)| (*id, (*bytes).clone()))
                .collect();
            let entities = |scan: entidb::Scan| -> Vec<_> {
                scan.map(|entity| entity.map(|(id, p)| (id, p.as_bytes().to_vec())).unwrap())
                    .collect()
            };
            assert_eq!(entities(snapshot.range(collection, range)), expected);
            let ids: Vec<_> = snapshot
                .range(collection, range)
                .ids()
                .map(Result::unwrap)
                .collect();
            assert!(ids.iter().eq(expected.iter().map(|(id, _)| id)));
            let mut backwards = entities(snapshot.range(collection, range).reverse());
            backwards.reverse();
            assert_eq!(backwards, expected);
        }
    }
}

/// What a crash has left of the states since the last that is durable for certain; it is the only one from here on.
fn left(db: &Database, states: &mut Vec<Content>) {
    let found = content(db).unwrap();
    assert!(
        states.contains(&found),
        "not a prefix of what was committed"
    );
    *states = vec![found];
}

/// How somebody follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Following {
    /// Nobody does.
    Not,
    /// Everything is kept, and what was before.
    All,
    /// A little is kept, so that there are gaps.
    Little,
    /// As a consumer, whose position is stored.
    Consumer,
}

/// Somebody who follows, and what it has come to.
struct Follower {
    following: Following,
    position: Lsn,
    replayed: Content,
    gaps: u64,
}

impl Follower {
    /// Begins on an empty database.
    fn new(db: &Database, following: Following) -> Self {
        if following == Following::Consumer {
            db.consumer("c").unwrap();
        }
        Self {
            following,
            position: db.lsn(),
            replayed: Content::new(),
            gaps: 0,
        }
    }

    /// Catches up. Returns whether it has made everything durable.
    fn catch_up(&mut self, db: &Database) -> bool {
        let mut changes = match db.changes(self.position) {
            Ok(changes) => changes,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Gap);
                assert_eq!(self.following, Following::Little);
                assert!(error.floor().unwrap() > self.position);
                let (snapshot, changes) = db.snapshot_and_changes().unwrap();
                assert_eq!(snapshot.lsn(), changes.position());
                self.replayed = content_of(&snapshot).unwrap();
                self.position = snapshot.lsn();
                self.gaps += 1;
                return true;
            }
        };
        while let Some(commit) = changes.try_next().unwrap() {
            assert!(commit.lsn > self.position);
            self.position = commit.lsn;
            for change in &commit.changes {
                follow(&mut self.replayed, change).unwrap();
            }
        }
        let moved = changes.position() > self.position;
        self.position = changes.position();
        if self.following != Following::Consumer {
            return false;
        }
        let consumer = db.consumer("c").unwrap();
        if moved || consumer.position().unwrap() < self.position {
            db.write(|tx| tx.advance(&consumer, self.position)).unwrap();
            return true;
        }
        false
    }
}

/// How a database is opened.
#[derive(Debug, Clone, Copy)]
struct Setting {
    threshold: u64,
    /// How many bytes a transaction holds in memory.
    bound: usize,
    background: bool,
    following: Following,
}

fn run(seed: u64, setting: Setting, steps: &[Step]) {
    let Setting {
        threshold,
        bound,
        background,
        following,
    } = setting;
    let retention = match following {
        Following::Not | Following::Consumer => Retention::none(),
        Following::Little => Retention::bytes(threshold * 2),
        Following::All => Retention {
            old: true,
            ..Retention::bytes(u64::MAX)
        },
    };
    let open = |disk: &SimDisk, life: u64| -> Database {
        Options::new()
            .retention(retention)
            .seed(seed ^ life << 32)
            .checkpoint_log_bytes(threshold)
            .transaction_memory_bytes(bound)
            .reserve_bytes(4 << 10)
            .background(background)
            .open_in(disk.clone())
            .unwrap()
    };
    let mut disk = SimDisk::new(seed).with_sector_len(256);
    let mut db = open(&disk, 0);
    let mut follower = Follower::new(&db, following);
    // What is durable for certain, and each state since.
    let mut states = vec![Content::new()];
    let mut snapshots: Vec<(Snapshot, Content)> = Vec::new();
    for (step, life) in steps.iter().zip(1..) {
        let mut model = states.last().unwrap().clone();
        match step {
            Step::Commit(writes) | Step::Eventual(writes) => {
                let durability = match step {
                    Step::Eventual(_) => Durability::Eventual,
                    _ => Durability::Sync,
                };
                let durable = commit_with(&db, writes, durability).unwrap();
                writes.iter().for_each(|write| apply(&mut model, write));
                states.push(model);
                if durable {
                    states.drain(..states.len() - 1);
                }
            }
            Step::Abandon(writes) => {
                let abandoned = db.write(|tx| {
                    for write in writes {
                        let value = entidb::Value::from("never seen");
                        tx.put(write.collection, id(write.id), &value)?;
                    }
                    tx.put("", id(0), &entidb::Value::from(0))
                });
                assert!(abandoned.is_err());
            }
            Step::Drop(collection) => {
                let name = COLLECTIONS[*collection];
                model.retain(|(other, _), _| other != name);
                if db.drop_collection(name).unwrap() {
                    states = vec![model];
                } else {
                    assert_eq!(states.last(), Some(&model));
                }
            }
            Step::Sync => {
                assert_eq!(db.sync().unwrap(), db.lsn());
                states = vec![model];
            }
            Step::Compact => {
                db.compact().unwrap();
                states = vec![model];
            }
            Step::Checkpoint => {
                db.checkpoint().unwrap();
                states = vec![model];
            }
            Step::Snapshot => snapshots.push((db.snapshot(), model)),
            Step::Held(n) => {
                if let Some((snapshot, then)) = snapshots.get(*n) {
                    compare(snapshot, then, 1, 6);
                }
            }
            Step::Reopen => {
                db.close().unwrap();
                db = open(&disk, life);
                states = vec![model];
            }
            Step::Kill => {
                disk = disk.restart();
                db = open(&disk, life);
                left(&db, &mut states);
            }
            Step::PowerCut(seed) => {
                disk = disk.crash(Policy::Random(*seed));
                db = open(&disk, life);
                left(&db, &mut states);
            }
            Step::Range(from, to) => compare(&db.snapshot(), &model, *from, *to),
            Step::Follow if following == Following::Not => {}
            Step::Follow => {
                let durable = follower.catch_up(&db);
                // It was given a prefix of what was committed, all that is durable for certain included.
                assert!(states.contains(&follower.replayed));
                if durable {
                    states = vec![model];
                }
            }
        }
        if matches!(step, Step::Kill | Step::PowerCut(_)) && following != Following::Not {
            // What it was given before has survived: else it would come to something else.
            follower.catch_up(&db);
            assert_eq!(Some(&follower.replayed), states.last());
        }
    }
    if following != Following::Not {
        db.sync().unwrap();
        follower.catch_up(&db);
        assert_eq!(Some(&follower.replayed), states.last());
    }
    let model = states.pop().unwrap();
    assert_eq!(content(&db).unwrap(), model);
    compare(&db.snapshot(), &model, 2, 6);
    for (snapshot, then) in &snapshots {
        compare(snapshot, then, 3, 5);
    }
    let report = db.verify().unwrap();
    assert!(report.is_sound(), "{:?}", report.problems);
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: std::env::var("ENTIDB_MODEL_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(2_000),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_random_history_gives_what_a_map_gives(
        seed in any::<u64>(),
        threshold in prop_oneof![Just(300_u64), Just(1_200), Just(1 << 20)],
        bound in prop_oneof![3 => Just(64_usize << 20), 1 => Just(1_usize), 1 => Just(1_000_usize)],
        background in prop_oneof![3 => Just(false), 1 => Just(true)],
        following in prop_oneof![
            2 => Just(Following::Not),
            1 => Just(Following::All),
            1 => Just(Following::Little),
            1 => Just(Following::Consumer),
        ],
        steps in vec(step(), 1..40),
    ) {
        let setting = Setting {
            threshold,
            bound,
            background,
            following,
        };
        run(seed, setting, &steps);
    }
}
