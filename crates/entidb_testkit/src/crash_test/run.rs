//! The walk over all crashes.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::path::{After, Path};
use super::{CrashTest, Failure, Report, Verdict};
use crate::crash::{CrashPoint, CrashStates, kill_states};
use crate::rng::{Rng, mix};

pub(super) struct Run<'t, 'a> {
    test: &'t CrashTest<'a>,
    /// What the workload did.
    pub(super) trace: Vec<String>,
    pub(super) report: Report,
    /// States that were checked, by their content and what was acknowledged.
    seen: HashSet<(u64, u64)>,
    /// Moments that were looked at, in the same way.
    seen_points: HashSet<(u64, u64)>,
    rng: Rng,
    /// States whose recovery is yet to be crashed into.
    later: Vec<Arc<Path>>,
}

impl<'t, 'a> Run<'t, 'a> {
    pub(super) fn new(test: &'t CrashTest<'a>) -> Self {
        Self {
            test,
            trace: Vec::new(),
            report: Report::new(),
            seen: HashSet::new(),
            seen_points: HashSet::new(),
            rng: Rng::new(mix(test.seed, 1)),
            later: Vec::new(),
        }
    }

    fn is_over(&self) -> bool {
        self.report.explored >= self.test.states_max
    }

    /// Every crash of the workload, and of the recoveries from these.
    pub(super) fn all(&mut self, points: &[CrashPoint]) -> Result<(), Box<Failure>> {
        self.points(points, None)?;
        // In an order of chance, so that a bound leaves out none in particular.
        while !self.later.is_empty() && !self.is_over() {
            let at = self.rng.below(self.later.len());
            let path = self.later.swap_remove(at);
            self.inside(&path)?;
        }
        self.report.exhaustive &= self.later.is_empty();
        Ok(())
    }

    /// Every crash at each of these moments.
    fn points(
        &mut self,
        points: &[CrashPoint],
        before: Option<&Arc<Path>>,
    ) -> Result<(), Box<Failure>> {
        let mut order: Vec<&CrashPoint> = points.iter().collect();
        for at in (1..order.len()).rev() {
            order.swap(at, self.rng.below(at + 1));
        }
        for point in order {
            if self.is_over() {
                self.report.exhaustive = false;
                break;
            }
            let moment = (point.state.content_hash(), point.state.acknowledged);
            if self.seen_points.insert(moment) {
                self.report.points += 1;
                self.point(point, before)?;
            }
        }
        Ok(())
    }

    fn point(
        &mut self,
        point: &CrashPoint,
        before: Option<&Arc<Path>>,
    ) -> Result<(), Box<Failure>> {
        let bound = if before.is_none() {
            self.test.bound
        } else {
            self.test.inner_bound
        };
        if self.test.kills {
            for state in kill_states(&point.state) {
                let hash = state.content_hash();
                self.state(After::Kill(state), hash, point, before)?;
            }
        }
        let mut states = CrashStates::new(&point.state, bound);
        while !self.is_over() {
            let Some(state) = states.next() else {
                break;
            };
            let hash = state.content_hash();
            self.state(After::PowerCut(state), hash, point, before)?;
        }
        self.report.pruned += states.pruned();
        self.report.exhaustive &= states.is_exhaustive() && !self.is_over();
        Ok(())
    }

    /// Checks one state, if it is new.
    fn state(
        &mut self,
        after: After,
        hash: u64,
        point: &CrashPoint,
        before: Option<&Arc<Path>>,
    ) -> Result<(), Box<Failure>> {
        let acknowledged = point.state.acknowledged;
        if !self.seen.insert((hash, acknowledged)) {
            self.report.pruned += 1;
            return Ok(());
        }
        self.report.explored += 1;
        self.report.kills += u64::from(matches!(after, After::Kill(_)));
        self.report.inside_recovery += u64::from(before.is_some());
        let path = Arc::new(Path {
            before: before.map(Arc::clone),
            operation: point.operation,
            after,
            acknowledged,
        });
        if let Err(cause) = caught(|| (self.test.check)(&path.disk(), acknowledged)) {
            return Err(self.failure(cause, Some(&path), acknowledged));
        }
        if self.test.recover.is_some() && path.depth() < self.test.depth {
            self.later.push(path);
        }
        Ok(())
    }

    /// Recovers, and crashes at every moment of that.
    fn inside(&mut self, path: &Arc<Path>) -> Result<(), Box<Failure>> {
        let Some(recover) = &self.test.recover else {
            return Ok(());
        };
        let disk = path.disk();
        disk.record_points();
        let result = caught(|| recover(&disk));
        let points = disk.take_points();
        if let Err(cause) = result {
            return Err(self.failure(cause, Some(path), path.acknowledged));
        }
        self.points(&points, Some(path))
    }

    pub(super) fn failure(
        &self,
        cause: String,
        path: Option<&Path>,
        acknowledged: u64,
    ) -> Box<Failure> {
        let path = path.map_or_else(
            || "in the workload, without a crash".to_owned(),
            Path::to_string,
        );
        Box::new(Failure {
            seed: self.test.seed,
            acknowledged,
            explored: self.report.explored,
            cause,
            path,
            trace: self.trace.clone(),
        })
    }
}

/// What does not hold, a panic being one way to say so.
pub(super) fn caught(work: impl FnOnce() -> Verdict) -> Result<(), String> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(result) => result.map_err(|error| error.to_string()),
        Err(panic) => Err(panic
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
            .unwrap_or_else(|| "it panicked".to_owned())),
    }
}
