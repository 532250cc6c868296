//! The planner against a simulated store: loads, updates and deletes, of ids in order and of random ones.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::history::key;
use crate::compaction::plan::{dead_bytes, index_dead_bytes, live_bytes};
use crate::compaction::{IndexInfo, Job, Policy, Rewrite, RunInfo, plan};
use crate::mix::mix64;
use crate::options::Compression;

const RECORD_LEN: u64 = 420;

/// Runs as sets of keys, the oldest first. Bytes live in segments, of which each run has some; a merge adds them up.
#[derive(Default)]
struct Simulated {
    runs: Vec<SimulatedRun>,
    keys_written: u64,
    bytes_written: u64,
    jobs: u64,
}

struct SimulatedRun {
    /// Whether the key is alive.
    keys: BTreeMap<u64, bool>,
    segment_bytes: u64,
}

impl Simulated {
    fn infos(&self) -> Vec<RunInfo> {
        let mut infos = Vec::new();
        for (index, run) in self.runs.iter().enumerate() {
            let (older, _) = self.runs.split_at(index);
            let is_older = |n: &&u64| older.iter().any(|run| run.keys.contains_key(*n));
            let overwritten = run.keys.keys().filter(is_older).count() as u64;
            let tombstones = run.keys.values().filter(|alive| !**alive).count() as u64;
            let entries = run.keys.len() as u64;
            let (first, last) = (run.keys.first_key_value(), run.keys.last_key_value());
            infos.push(RunInfo {
                entries,
                tombstones,
                first_key: key(1, *first.expect("keys").0),
                last_key: key(1, *last.expect("keys").0),
                ranges: false,
                forgetful: false,
                segment_bytes: run.segment_bytes,
                live_bytes: (entries - tombstones) * RECORD_LEN + tombstones * 28,
                overwritten_bytes: overwritten * RECORD_LEN,
                void_bytes: tombstones * 28,
                plain_bytes: run.segment_bytes,
                index: IndexInfo::default(),
            });
        }
        infos
    }

    fn load(&mut self, keys: BTreeMap<u64, bool>) {
        let bytes = |alive: &bool| if *alive { RECORD_LEN } else { 28 };
        let segment_bytes = keys.values().map(bytes).sum();
        self.keys_written += keys.len() as u64;
        self.bytes_written += segment_bytes;
        self.runs.push(SimulatedRun {
            keys,
            segment_bytes,
        });
    }

    fn carry_out(&mut self, job: &Job) {
        assert!(job.runs.start < job.runs.end && job.runs.end <= self.runs.len());
        let oldest = job.runs.start == 0;
        let inputs: Vec<_> = self.runs.drain(job.runs.clone()).collect();
        let mut keys = BTreeMap::new();
        for input in &inputs {
            keys.extend(input.keys.iter().map(|(n, alive)| (*n, *alive)));
        }
        if oldest {
            keys.retain(|_, alive| *alive);
        }
        let mut segment_bytes = inputs.iter().map(|run| run.segment_bytes).sum();
        let live = keys.len() as u64 * RECORD_LEN;
        if job.rewrite == Rewrite::Dead && segment_bytes > live * 11 / 10 {
            // All segments are equally empty here, the worst case: then all that lives is copied.
            self.bytes_written += live;
            segment_bytes = live;
        }
        self.keys_written += keys.len() as u64;
        self.jobs += 1;
        if !keys.is_empty() {
            let at = job.runs.start;
            self.runs.insert(
                at,
                SimulatedRun {
                    keys,
                    segment_bytes,
                },
            );
        }
    }

    /// Carries out what is planned until nothing is.
    fn settle(&mut self, policy: &Policy) {
        for _ in 0..1000 {
            match plan(&self.infos(), policy) {
                Some(job) => self.carry_out(&job),
                None => return,
            }
        }
        panic!("the planner comes to no end");
    }

    fn live_keys(&self) -> usize {
        let mut keys: BTreeMap<&u64, &bool> = BTreeMap::new();
        for run in &self.runs {
            keys.extend(run.keys.iter());
        }
        keys.values().filter(|alive| ***alive).count()
    }
}

/// For runs of a few hundred keys, in the proportions of runs of a hundred thousand.
fn small_policy() -> Policy {
    Policy {
        entries_min: 16,
        dead_bytes_min: 8 * RECORD_LEN,
        ..Policy::default()
    }
}

#[test]
fn a_load_of_random_ids_ends_at_few_runs_and_writes_keys_less_than_four_times() {
    let mut store = Simulated::default();
    let mut most = 0;
    for run in 0..125_u64 {
        store.load((0..100).map(|n| (mix64(1 + run * 100 + n), true)).collect());
        store.settle(&small_policy());
        most = most.max(store.runs.len());
    }
    let loaded = 125 * 100;
    assert!((8..=12).contains(&store.runs.len()), "{}", store.runs.len());
    assert!(most <= 15, "{most}");
    assert!(store.keys_written < loaded * 4, "{}", store.keys_written);
    // Entities are written once.
    assert_eq!(store.bytes_written, loaded * RECORD_LEN);
}

#[test]
fn a_load_of_ids_in_order_is_merged_only_to_bound_the_number_of_runs() {
    let mut store = Simulated::default();
    let policy = Policy {
        entries_min: 4,
        ..small_policy()
    };
    for run in 0..500_u64 {
        store.load((0..20).map(|n| (run * 20 + n, true)).collect());
        store.settle(&policy);
        assert!(store.runs.len() <= 32);
        assert_eq!(store.jobs == 0, run < 32);
    }
    let loaded = 500 * 20;
    assert!(store.keys_written < loaded * 3, "{}", store.keys_written);
    assert_eq!(store.bytes_written, loaded * RECORD_LEN);
}

#[test]
fn updates_and_deletes_leave_the_disk_below_one_and_a_half_of_what_lives() {
    // Uniform updates of everything, then deletes of half of it.
    let mut store = Simulated::default();
    let mut state = 0;
    let mut next = || {
        state += 1;
        mix64(state) % 5000
    };
    store.load((0..5000).map(|n| (n, true)).collect());
    let mut updates = 0;
    for _ in 0..200 {
        let update: BTreeMap<_, _> = (0..200).map(|_| (next(), true)).collect();
        updates += update.len() as u64;
        store.load(update);
        store.settle(&small_policy());
        let live = store.live_keys() as u64 * RECORD_LEN;
        let bytes: u64 = store.runs.iter().map(|run| run.segment_bytes).sum();
        assert!(bytes * 2 <= live * 3, "{bytes} for {live}");
    }
    let amplification = store.bytes_written / (updates * RECORD_LEN);
    assert!(amplification <= 5, "{amplification}");
    for start in (0..2500).step_by(250) {
        store.load((start..start + 250).map(|n| (n, false)).collect());
        store.settle(&small_policy());
    }
    let live = store.live_keys() as u64 * RECORD_LEN;
    let bytes: u64 = store.runs.iter().map(|run| run.segment_bytes).sum();
    assert!(bytes * 2 <= live * 3, "{bytes} for {live}");
}

#[test]
fn with_compression_runs_that_nothing_merges_are_compressed_one_by_one() {
    let mut store = Simulated::default();
    for run in 0..3_u64 {
        store.load((0..100).map(|n| (run * 100 + n, true)).collect());
    }
    let policy = Policy {
        compression: Compression::Lz4,
        ..small_policy()
    };
    let mut infos = store.infos();
    let done: Vec<_> = std::iter::from_fn(|| {
        let job = plan(&infos, &policy)?;
        assert_eq!(job.rewrite, Rewrite::Plain);
        infos[job.runs.start].plain_bytes = 0;
        Some(job.runs)
    })
    .collect();
    assert_eq!(done, [0..1, 1..2, 2..3]);
}

fn info() -> impl Strategy<Value = RunInfo> {
    let size = prop_oneof![
        0..10_u64,
        0..100_000_u64,
        any::<u64>().prop_map(|n| n >> 12)
    ];
    let sizes = (size.clone(), size.clone(), size.clone(), size.clone(), size);
    let keys = any::<(u64, u64)>();
    (sizes, keys, keys, any::<bool>()).prop_map(|(sizes, keys, index, ranges)| RunInfo {
        entries: sizes.0,
        tombstones: sizes.0 / 3,
        first_key: key(1, keys.0.min(keys.1)),
        last_key: key(1, keys.0.max(keys.1)),
        ranges,
        forgetful: false,
        segment_bytes: sizes.1,
        live_bytes: sizes.2,
        overwritten_bytes: sizes.3,
        void_bytes: sizes.3,
        plain_bytes: 0,
        index: IndexInfo {
            entries: sizes.4,
            bytes: sizes.4.saturating_mul(30),
            void_bytes: sizes.4.saturating_mul(30) / (1 + index.0 % 7),
            keys: (sizes.4 > 0).then(|| {
                let (first, last) = (index.0.min(index.1), index.0.max(index.1));
                (first.to_be_bytes().to_vec(), last.to_be_bytes().to_vec())
            }),
        },
    })
}

proptest! {
    #[test]
    fn any_runs_are_planned_to_an_end(infos in proptest::collection::vec(info(), 0..80)) {
        let policy = Policy::default();
        let mut infos = infos;
        let mut jobs = 0;
        while let Some(job) = plan(&infos, &policy) {
            prop_assert!(job.runs.start < job.runs.end && job.runs.end <= infos.len());
            jobs += 1;
            prop_assert!(jobs <= 100);
            // What a merge of these makes, as far as the planner sees it: exact again where all went in.
            let inputs: Vec<_> = infos.drain(job.runs.clone()).collect();
            let live = live_bytes(&inputs);
            let dead = job.rewrite == Rewrite::Dead;
            infos.insert(job.runs.start, RunInfo {
                entries: inputs.iter().map(|run| run.entries).sum(),
                tombstones: 0,
                first_key: inputs.iter().map(|run| run.first_key).min().expect("inputs"),
                last_key: inputs.iter().map(|run| run.last_key).max().expect("inputs"),
                ranges: false,
                forgetful: job.runs.start == 0,
                segment_bytes: if dead { live } else { live + dead_bytes(&inputs) },
                live_bytes: live,
                overwritten_bytes: 0,
                void_bytes: 0,
                plain_bytes: 0,
                index: IndexInfo {
                    entries: inputs.iter().map(|run| run.index.entries).sum(),
                    bytes: inputs.iter().map(|run| run.index.bytes).sum::<u64>() - index_dead_bytes(&inputs),
                    void_bytes: 0,
                    keys: inputs.iter().filter_map(|run| run.index.keys.clone()).reduce(|a, b| {
                        (a.0.min(b.0), a.1.max(b.1))
                    }),
                },
            });
        }
        prop_assert!(infos.len() <= policy.run_count_max);
        let index: u64 = infos.iter().map(|info| info.index.bytes).sum();
        let dead = dead_bytes(&infos) + index_dead_bytes(&infos);
        let live = live_bytes(&infos) + index - index_dead_bytes(&infos);
        prop_assert!(dead <= policy.dead_bytes_min.max(live / 3 + 1));
        let starts: BTreeSet<_> = infos.iter().map(|info| info.first_key).collect();
        prop_assert!(starts.len() <= infos.len());
    }
}
