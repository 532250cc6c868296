//! What can go wrong with a database, and what to do about it.

use std::fmt;

use entidb_codec::Value;
use entidb_storage::StorageError;

use crate::ids::{EntityId, Lsn};

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
    /// A newer program wrote this, or one with a feature that this one is built without: open it with that one. Nothing was changed.
    Unsupported,
    /// Bytes that were durable are damaged: restore them from a backup. Nothing was changed.
    Corrupt,
    /// Another holder writes to this database: wait for it, or open for reading.
    Locked,
    /// Another commit got in the way of this transaction: run it again. Nothing of it was kept. [`Database::write`](crate::Database::write)
    /// does so by itself, a bounded number of times.
    Conflict,
    /// An entity was to be inserted whose id is there already; or an entity would have a value that a unique index lets only one
    /// have, and another has it: [`Error::duplicate`] says which. Nothing of the transaction was kept.
    Duplicate,
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
    /// What is stored has not the form of the type that it is to be read as: change the type, or
    /// [migrate](crate::Database::migrate) what is stored.
    Decode,
    /// The program's own: what a closure has given up with, made by [`Error::other`].
    Other,
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
    entity: Option<Named>,
    duplicate: Option<Duplicate>,
    floor: Option<Lsn>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// The place of a damage.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    stream: String,
    offset: u64,
}

/// What an error is about.
struct Named {
    collection: String,
    id: Option<EntityId>,
}

/// What a unique index did not let in: [`Error::duplicate`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Duplicate {
    /// The collection.
    pub collection: String,
    /// The index's name.
    pub index: String,
    /// The value, or the values of an index on several paths, as the index has them: of a long text its beginning, or nothing;
    /// undefined for what is absent.
    pub value: Vec<Value>,
    /// The entity that was to have it.
    pub id: EntityId,
    /// The entity that has it.
    pub holder: EntityId,
}

impl Error {
    /// An error of the program's own, with which a closure gives up: of [`Database::write`](crate::Database::write), of an
    /// update, or of a migration. What it was made of is its [source](std::error::Error::source).
    ///
    /// ```
    /// # use entidb::{Database, Error, ErrorKind};
    /// # let db = Database::open_in(entidb::storage::MemoryDirectory::new())?;
    /// let sold_out = db.write(|_| Err::<(), _>(Error::other("sold out"))).unwrap_err();
    /// assert_eq!(sold_out.kind(), ErrorKind::Other);
    /// assert_eq!(sold_out.to_string(), "sold out");
    /// # Ok::<(), Error>(())
    /// ```
    pub fn other(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::new(ErrorKind::Other, "").because(error)
    }

    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Detail {
            kind,
            message: message.into(),
            place: None,
            entity: None,
            duplicate: None,
            floor: None,
            source: None,
        }))
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, message)
    }

    pub(crate) fn duplicate_of(duplicate: Duplicate) -> Self {
        let Duplicate {
            collection,
            index,
            value,
            id,
            holder,
        } = &duplicate;
        let value = brief(value);
        let message = format!(
            "{collection:?}: entity {id} cannot have {value}, which entity {holder} has: the index {index:?} is unique"
        );
        let mut error = Self::new(ErrorKind::Duplicate, message);
        error.0.duplicate = Some(duplicate);
        error
    }

    /// What everything answers that would write once the database is closed.
    pub(crate) fn closed() -> Self {
        Self::new(ErrorKind::ReadOnly, "the database is closed: open it again")
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

    /// Says of which collection and which entity it is.
    pub(crate) fn of(mut self, collection: &str, id: Option<EntityId>) -> Self {
        self.0.entity = Some(Named {
            collection: collection.to_owned(),
            id,
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

    /// The collection that it is about, if it is about one.
    #[must_use]
    pub fn collection(&self) -> Option<&str> {
        let named = self.0.entity.as_ref();
        named.map(|named| named.collection.as_str())
    }

    /// The entity that it is about, if it is about one.
    #[must_use]
    pub fn id(&self) -> Option<EntityId> {
        self.0.entity.as_ref()?.id
    }

    /// What a unique index did not let in, if that is what happened.
    #[must_use]
    pub fn duplicate(&self) -> Option<&Duplicate> {
        self.0.duplicate.as_ref()
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

/// Values for people, the beginning of long ones.
fn brief(values: &[Value]) -> String {
    const CHAR_COUNT_MAX: usize = 80;
    let values = values.iter().map(|value| match value {
        Value::Text(text) => format!("{text:?}"),
        value => format!("{value:?}"),
    });
    let text = values.collect::<Vec<_>>().join(", ");
    match text.char_indices().nth(CHAR_COUNT_MAX) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None if text.is_empty() => "a value".to_owned(),
        None => text,
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.0.place {
            write!(f, "{} at offset {}: ", place.stream, place.offset)?;
        }
        f.write_str(&self.0.message)?;
        if let Some(source) = &self.0.source {
            let colon = if self.0.message.is_empty() { "" } else { ": " };
            write!(f, "{colon}{source}")?;
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
