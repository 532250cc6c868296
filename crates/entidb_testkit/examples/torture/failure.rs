//! What went wrong, and the exit code that says so.

use std::fmt;
use std::io;

use entidb::storage::StorageError;
use entidb::{Error, ErrorKind};

pub(crate) type Result<T, E = Failure> = std::result::Result<T, E>;

/// What a failure means to whoever watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An acknowledged commit is lost, or something is there that should not be.
    Wrong,
    /// The store reports damage.
    Corrupt,
    /// A sync failed.
    Unknown,
    /// The disk is full.
    Full,
    /// Anything else: an I/O error.
    Io,
}

/// An error with its kind.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) kind: Kind,
    message: String,
}

impl Failure {
    pub(crate) fn new(kind: Kind, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { kind, message }
    }

    pub(crate) fn wrong(message: impl Into<String>) -> Self {
        Self::new(Kind::Wrong, message)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let kind = match error.kind() {
            ErrorKind::Corrupt => Kind::Corrupt,
            ErrorKind::Unknown | ErrorKind::Poisoned => Kind::Unknown,
            ErrorKind::Full => Kind::Full,
            _ => Kind::Io,
        };
        Self {
            kind,
            message: error.to_string(),
        }
    }
}

impl From<StorageError> for Failure {
    fn from(error: StorageError) -> Self {
        let kind = match &error {
            error if error.is_full() => Kind::Full,
            StorageError::Corrupted(_) | StorageError::Encryption(_) => Kind::Corrupt,
            StorageError::Poisoned => Kind::Unknown,
            _ => Kind::Io,
        };
        Self {
            kind,
            message: error.to_string(),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        StorageError::from(error).into()
    }
}
