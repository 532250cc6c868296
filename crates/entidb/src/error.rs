//! What can go wrong with a database, and what to do about it.

use std::fmt;

use entidb_storage::StorageError;

use crate::ids::Lsn;

/// The result of every database operation.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What the caller does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// There is no database at that place: check the path, or open it with [`Options::create`](crate::Options::create).
    NotFound,
    /// What is there is something else: name a new or an empty folder.
    NotADatabase,
    /// A newer program wrote this: open it with that one. Nothing was changed.
    Unsupported,
    /// Bytes that were durable are damaged: restore them from a backup. Nothing was changed.
    Corrupt,
    /// Another holder writes to this database: wait for it, or open for reading.
    Locked,
    /// Another commit got in the way of this transaction: run it again. Nothing of it was kept. [`Database::write`](crate::Database::write)
    /// does so by itself, a bounded number of times.
    Conflict,
    /// There is no room: free some and try again. Nothing of the transaction was kept, and the database goes on.
    Full,
    /// The sync of a commit failed, so that it is **unknown** whether the commit was kept: open the database again and
    /// look. Reads go on; writes are refused.
    Unknown,
    /// An earlier sync failed: open the database again. Reads go on; this write did not happen.
    Poisoned,
    /// The database was opened for reading, or closed.
    ReadOnly,
    /// Commits that a follower has not seen are not kept any more: take a snapshot, and go on behind it; [`Error::floor`] says how far
    /// nothing is kept. [`Database::snapshot_and_changes`](crate::Database::snapshot_and_changes) does both.
    Gap,
    /// A value is outside the limits of [`limits`](crate::limits), or a call came at the wrong place. Nothing was done.
    Invalid,
    /// The medium failed. The message says at what; nothing of the transaction was kept.
    Io,
}

/// An error with its kind, where it was found, and what caused it.
///
/// Match on [`kind`](Error::kind); the message is for people and may change.
pub struct Error(Box<Detail>);

struct Detail {
    kind: ErrorKind,
    message: String,
    place: Option<Place>,
    floor: Option<Lsn>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// The place of a damage.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    stream: String,
    offset: u64,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Detail {
            kind,
            message: message.into(),
            place: None,
            floor: None,
            source: None,
        }))
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, message)
    }

    /// Damage in `stream` at `offset`: what was expected there and what was found.
    pub(crate) fn corrupt(
        stream: &str,
        offset: u64,
        expected: impl fmt::Display,
        got: impl fmt::Display,
    ) -> Self {
        Self::new(
            ErrorKind::Corrupt,
            format!("damaged: expected {expected}, got {got}; restore it from a backup"),
        )
        .at(stream, offset)
    }

    /// The storage error `error`, met while `doing` something with `stream`.
    pub(crate) fn storage(error: StorageError, doing: &str, stream: &str) -> Self {
        let kind = match &error {
            e if e.is_full() => ErrorKind::Full,
            StorageError::Locked { .. } => ErrorKind::Locked,
            StorageError::Poisoned => ErrorKind::Poisoned,
            StorageError::Closed => ErrorKind::ReadOnly,
            StorageError::ReadPastEnd { .. }
            | StorageError::Corrupted(_)
            | StorageError::Encryption(_) => ErrorKind::Corrupt,
            _ => ErrorKind::Io,
        };
        let mut message = format!("could not {doing} {stream}");
        if matches!(&error, StorageError::Io(io) if io.kind() == std::io::ErrorKind::PermissionDenied)
        {
            message.push_str(" for want of permission; check its owner and mode");
        }
        let too_large =
            matches!(&error, StorageError::Io(io) if io.kind() == std::io::ErrorKind::FileTooLarge);
        if too_large {
            message.push_str(
                " because of a limit on the size of files; raise it (ulimit -f), or set checkpoint_log_bytes below it",
            );
        } else if kind == ErrorKind::Full {
            message.push_str(" for want of room; free some and try again");
        }
        Self::new(kind, message).because(error)
    }

    pub(crate) fn at(mut self, stream: &str, offset: u64) -> Self {
        self.0.place = Some(Place {
            stream: stream.to_owned(),
            offset,
        });
        self
    }

    pub(crate) fn because(
        mut self,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        self.0.source = Some(source.into());
        self
    }

    pub(crate) fn with_kind(mut self, kind: ErrorKind) -> Self {
        self.0.kind = kind;
        self
    }

    pub(crate) fn with_floor(mut self, floor: Lsn) -> Self {
        self.0.floor = Some(floor);
        self
    }

    /// What the caller does next.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The stream in which damage was found, if that is what happened.
    #[must_use]
    pub fn stream(&self) -> Option<&str> {
        self.0.place.as_ref().map(|place| place.stream.as_str())
    }

    /// Of a [`Gap`](ErrorKind::Gap): the last commit that is not kept any more. `None` if nothing is kept at all.
    #[must_use]
    pub fn floor(&self) -> Option<Lsn> {
        self.0.floor
    }

    /// The position of the damage in its stream, in bytes.
    #[must_use]
    pub fn offset(&self) -> Option<u64> {
        self.0.place.as_ref().map(|place| place.offset)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.0.place {
            write!(f, "{} at offset {}: ", place.stream, place.offset)?;
        }
        f.write_str(&self.0.message)?;
        if let Some(source) = &self.0.source {
            write!(f, ": {source}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {self}", self.0.kind)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_ref().map(|source| source.as_ref() as _)
    }
}
