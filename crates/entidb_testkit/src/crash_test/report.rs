//! What a crash test has looked at.

use std::fmt;

/// What the simulated disk does not do, so that no one takes a passed test for more than it is.
pub const NOT_MODELLED: &[&str] = &[
    "damage of bytes that a sync had made durable: see `Damage`",
    "bytes that a finished truncate cut off coming back (clause 8 forbids it): see `Mutant::CutNotSynced`",
    "more than three values of a lost sector: new, zeros, and junk (random, or another place's bytes)",
    "tearing at every byte: pieces are torn at their ends, near them, in the middle, and anywhere by chance",
    "threads: operations come one after the other, as the workload calls them",
    "a name made durable by the sync of another one's folder: a disk that does so leaves fewer states",
    "times, permissions, and any other metadata but names and lengths",
];

/// How much a [`CrashTest`](crate::CrashTest) has looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// Moments at which a crash was tried.
    pub points: u64,
    /// Different states that were checked; the same bytes after more acknowledgements are another state.
    pub explored: u64,
    /// Of these, after the death of the process alone.
    pub kills: u64,
    /// Of these, after a crash inside a recovery.
    pub inside_recovery: u64,
    /// States that were not checked because they were equal to one that was.
    pub pruned: u64,
    /// Whether every state that the model has was checked, and not a sample.
    pub exhaustive: bool,
}

impl Report {
    pub(super) fn new() -> Self {
        Self {
            points: 0,
            explored: 0,
            kills: 0,
            inside_recovery: 0,
            pruned: 0,
            exhaustive: true,
        }
    }

    /// Adds what another test has looked at.
    pub fn add(&mut self, other: &Self) {
        self.points += other.points;
        self.explored += other.explored;
        self.kills += other.kills;
        self.inside_recovery += other.inside_recovery;
        self.pruned += other.pruned;
        self.exhaustive &= other.exhaustive;
    }

    /// What no state of the test has in it: [`NOT_MODELLED`].
    #[must_use]
    pub fn not_modelled(&self) -> &'static [&'static str] {
        NOT_MODELLED
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} states explored at {} moments ({} of them kills, {} inside a recovery), {} pruned as equal, {}",
            self.explored,
            self.points,
            self.kills,
            self.inside_recovery,
            self.pruned,
            if self.exhaustive {
                "exhaustive"
            } else {
                "sampled"
            }
        )
    }
}
