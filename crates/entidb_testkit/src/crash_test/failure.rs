//! What a crash test has found.

use std::fmt;

/// A state for which the check does not hold.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Failure {
    /// The test's seed: the same test with it finds the same state.
    pub seed: u64,
    /// How many units of work were acknowledged before the crash.
    pub acknowledged: u64,
    /// How many states were explored up to this one.
    pub explored: u64,
    /// What does not hold.
    pub cause: String,
    /// The crashes, and what they left.
    pub path: String,
    /// The operations of the workload.
    pub trace: Vec<String>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.cause)?;
        writeln!(
            f,
            "seed {}, state {}, {} acknowledged: {}",
            self.seed, self.explored, self.acknowledged, self.path
        )?;
        writeln!(f, "operations of the workload:")?;
        for (index, line) in self.trace.iter().enumerate() {
            writeln!(f, "  {:3} {line}", index + 1)?;
        }
        Ok(())
    }
}

impl std::error::Error for Failure {}
