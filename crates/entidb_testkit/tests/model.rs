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

use common::{Content, Write, apply, commit, content, delete, id, put};
use entidb::{Database, EntityId, Options, Snapshot};
use entidb_testkit::{Policy, SimDisk};
use proptest::collection::vec;
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Step {
    Commit(Vec<Write>),
    /// A transaction whose closure fails.
    Abandon(Vec<Write>),
    Checkpoint,
    Snapshot,
    Reopen,
    Kill,
    PowerCut(u64),
    Range(u64, u64),
}

const COLLECTIONS: [&str; 3] = ["a", "b", "c"];

fn write() -> impl Strategy<Value = Write> {
    let len = prop_oneof![4 => 0..40_usize, 1 => 400..700_usize];
    let value = prop_oneof![2 => len.prop_map(Some), 1 => Just(None)];
    (0..3_usize, 0..8_u64, value, any::<u8>()).prop_map(|(collection, id, value, byte)| match value
    {
        Some(len) => put(
            COLLECTIONS[collection],
            id,
            format!("{byte}{}", "y".repeat(len)),
        ),
        None => delete(COLLECTIONS[collection], id),
    })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => vec(write(), 1..2).prop_map(Step::Commit),
        4 => vec(write(), 2..6).prop_map(Step::Commit),
        1 => vec(write(), 1..4).prop_map(Step::Abandon),
        1 => Just(Step::Checkpoint),
        2 => Just(Step::Snapshot),
        1 => Just(Step::Reopen),
        1 => Just(Step::Kill),
        1 => any::<u64>().prop_map(Step::PowerCut),
        2 => (0..8_u64, 0..8_u64).prop_map(|(from, to)| Step::Range(from, to)),
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

fn run(seed: u64, threshold: u64, steps: &[Step]) {
    let open = |disk: &SimDisk, life: u64| -> Database {
        Options::new()
            .seed(seed ^ life << 32)
            .checkpoint_log_bytes(threshold)
            .open_in(disk.clone())
            .unwrap()
    };
    let mut disk = SimDisk::new(seed).with_sector_len(256);
    let mut db = open(&disk, 0);
    let mut model = Content::new();
    let mut snapshots: Vec<(Snapshot, Content)> = Vec::new();
    for (step, life) in steps.iter().zip(1..) {
        match step {
            Step::Commit(writes) => {
                commit(&db, writes).unwrap();
                writes.iter().for_each(|write| apply(&mut model, write));
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
            Step::Checkpoint => db.checkpoint().unwrap(),
            Step::Snapshot => snapshots.push((db.snapshot(), model.clone())),
            Step::Reopen => {
                db.close().unwrap();
                db = open(&disk, life);
            }
            Step::Kill => {
                disk = disk.restart();
                db = open(&disk, life);
            }
            Step::PowerCut(seed) => {
                disk = disk.crash(Policy::Random(*seed));
                db = open(&disk, life);
            }
            Step::Range(from, to) => compare(&db.snapshot(), &model, *from, *to),
        }
    }
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
        steps in vec(step(), 1..30),
    ) {
        run(seed, threshold, &steps);
    }
}
