//! What a verification found.

use std::fmt;

use crate::error::{Error, ErrorKind};

/// How many problems are kept one by one.
const PROBLEM_COUNT_MAX: usize = 1000;

/// What [`Database::verify`](crate::Database::verify) and [`verify_path`](crate::verify_path) found.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Report {
    /// All damage, in the order in which it was met. Empty if the database is sound.
    pub problems: Vec<Problem>,
    /// How many more places are damaged, beyond the first 1,000.
    pub omitted_count: u64,
    /// What is no damage and yet worth knowing: a torn tail after a crash, a stream that is left over.
    pub notes: Vec<String>,
    /// How many streams were read.
    pub stream_count: u64,
    /// How many bytes they have.
    pub byte_count: u64,
    /// How many entity versions and tombstones were read and checked.
    pub record_count: u64,
    /// How many entities there are; 0 if the damage does not let them be counted.
    pub entity_count: u64,
    /// How many index entries there are, and were compared with their entities.
    pub entry_count: u64,
}

/// One damage.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// The stream it is in.
    pub stream: String,
    /// Where in the stream, in bytes.
    pub offset: u64,
    /// Whether bytes are damaged, written by a newer version, or could not be read.
    pub kind: ErrorKind,
    /// What was expected, and what was found.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Report {
    /// Whether no damage was found.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.problems.is_empty()
    }

    /// Adds what `error` says, in `stream` if it does not say where; the same place only once.
    pub(super) fn add(&mut self, stream: &str, error: &Error) {
        let problem = Problem {
            stream: error.stream().unwrap_or(stream).to_owned(),
            offset: error.offset().unwrap_or(0),
            kind: error.kind(),
            message: error.to_string(),
        };
        let known = self
            .problems
            .iter()
            .any(|p| p.stream == problem.stream && p.offset == problem.offset);
        if known {
            return;
        }
        if self.problems.len() < PROBLEM_COUNT_MAX {
            self.problems.push(problem);
        } else {
            self.omitted_count += 1;
        }
    }

    /// Where the problems are.
    pub(super) fn places(&self) -> Vec<(String, u64)> {
        let places = self.problems.iter();
        places.map(|p| (p.stream.clone(), p.offset)).collect()
    }

    pub(super) fn note(&mut self, note: String) {
        self.notes.push(note);
    }

    /// Counts a stream that was read.
    pub(super) fn read(&mut self, len: u64) {
        self.stream_count += 1;
        self.byte_count += len;
    }
}
