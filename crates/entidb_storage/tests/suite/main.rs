//! What the crate promises, from outside.

#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test's helpers fail as its functions do, and say what was not run"
)]

mod backends;
mod directories;
mod directory_clauses;
mod full_disk;
mod model;
mod processes;
mod readers;
mod sample;

/// What was found: nothing, or what does not hold.
pub(crate) type Verdict = Result<(), Box<dyn std::error::Error>>;

/// Says what does not hold, if it does not.
macro_rules! ensure {
    ($condition:expr, $($what:tt)+) => {
        if !$condition {
            return Err(format!($($what)+).into());
        }
    };
}
pub(crate) use ensure;
