//! Running a store against every crash.

mod failure;
mod path;
mod report;
mod run;

pub use failure::Failure;
pub use report::{NOT_MODELLED, Report};

use crate::disk::SimDisk;
use run::{Run, caught};

/// What a workload or a check answers: nothing, or what does not hold. A panic in it is an answer, too.
pub type Verdict = Result<(), Box<dyn std::error::Error + Send + Sync>>;

type Work<'a> = Box<dyn Fn(&SimDisk) -> Verdict + 'a>;
type Check<'a> = Box<dyn Fn(&SimDisk, u64) -> Verdict + 'a>;

/// Runs a store on a [`SimDisk`], lets the power fail and the process die before and inside every operation, and checks
/// every state that this may leave.
///
/// The store calls [`SimDisk::acknowledge`] when it tells somebody that a unit of work is durable; the check is given how
/// many of them there were at the moment of the crash, and a disk on which nothing is open.
#[must_use = "nothing is tested before it is run"]
pub struct CrashTest<'a> {
    disk: SimDisk,
    seed: u64,
    bound: usize,
    inner_bound: usize,
    states_max: u64,
    depth: u32,
    kills: bool,
    workload: Work<'a>,
    recover: Option<Work<'a>>,
    check: Check<'a>,
}

impl<'a> CrashTest<'a> {
    /// A test that does nothing yet, on an empty disk of this seed.
    pub fn new(seed: u64) -> Self {
        Self {
            disk: SimDisk::new(seed),
            seed,
            bound: 2_000,
            inner_bound: 24,
            states_max: u64::MAX,
            depth: 1,
            kills: true,
            workload: Box::new(|_| Ok(())),
            recover: None,
            check: Box::new(|_, _| Ok(())),
        }
    }

    /// The disk to begin with: one with other sectors, say, or a mutant, or one on which a store is already.
    pub fn disk(mut self, disk: SimDisk) -> Self {
        self.disk = disk;
        self
    }

    /// How many states of one moment are looked at, at the most, before they are sampled. Default: 2,000.
    pub fn states_per_point(mut self, bound: usize) -> Self {
        self.bound = bound;
        self
    }

    /// The same for moments inside a recovery. Default: 24.
    pub fn states_per_inner_point(mut self, bound: usize) -> Self {
        self.inner_bound = bound;
        self
    }

    /// How many states are looked at altogether, at the most: beyond that, moments and states are left out by chance.
    pub fn states_max(mut self, states: u64) -> Self {
        self.states_max = states;
        self
    }

    /// How many crashes there are in a row: 1, or more for crashes inside of [`recover`](Self::recover). Default: 1.
    pub fn depth(mut self, crashes: u32) -> Self {
        self.depth = crashes;
        self
    }

    /// Whether the death of the process alone is tried, too. Default: yes.
    pub fn kills(mut self, kills: bool) -> Self {
        self.kills = kills;
        self
    }

    /// What the store does. It acknowledges what it was told is durable; an error that it returns fails the test.
    pub fn workload(mut self, workload: impl Fn(&SimDisk) -> Verdict + 'a) -> Self {
        self.workload = Box::new(workload);
        self
    }

    /// How the store recovers, for crashes inside of it and after it. Where it shows more than was acknowledged, it says so
    /// by [`SimDisk::acknowledge_to`]: what was shown has to stay.
    pub fn recover(mut self, recover: impl Fn(&SimDisk) -> Verdict + 'a) -> Self {
        self.recover = Some(Box::new(recover));
        self
    }

    /// What has to hold on the disk after a crash, by how many units of work were acknowledged before it.
    pub fn check(mut self, check: impl Fn(&SimDisk, u64) -> Verdict + 'a) -> Self {
        self.check = Box::new(check);
        self
    }

    /// Runs the test.
    ///
    /// # Errors
    /// The first state for which the check fails, with everything that is needed to see it again.
    pub fn run(self) -> Result<Report, Box<Failure>> {
        let mut run = Run::new(&self);
        self.disk.record_points();
        let result = caught(|| (self.workload)(&self.disk));
        let points = self.disk.take_points();
        run.trace = self.disk.trace();
        if let Err(cause) = result {
            return Err(run.failure(cause, None, self.disk.acknowledged()));
        }
        run.all(&points)?;
        Ok(run.report)
    }
}
