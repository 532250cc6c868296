//! What a follower gets: one commit, and what it has changed.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::ids::{EntityId, Lsn};
use crate::payload::Payload;

/// One durable commit: what [`Changes`](crate::Changes) gives. It is whole: of one that did not fit in its transaction's memory
/// ([`Options::transaction_memory_bytes`](crate::Options::transaction_memory_bytes)), a follower needs the memory.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Commit {
    /// Its position. Positions rise, with gaps.
    pub lsn: Lsn,
    /// When it was made, by the clock of the process that made it.
    pub time: SystemTime,
    /// What it has changed: first the ranges that it deleted, then entities, each of which is there once. Never empty.
    pub changes: Vec<Change>,
}

/// One change of a [`Commit`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Change {
    /// The collection's name, which it may not have any more.
    pub collection: Arc<str>,
    /// The entity; of a range the first one; of a dropped collection the lowest id there can be.
    pub id: EntityId,
    /// What happened.
    pub kind: ChangeKind,
    /// What the entity is now, if it is there.
    pub new: Option<Payload>,
    /// What it was before, if [`Retention::old`](crate::Retention::old) asked for that when the commit was made.
    pub old: Option<Payload>,
}

/// What happened to an entity, or to several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ChangeKind {
    /// There was none, and now there is.
    Insert,
    /// There was one already, perhaps an equal one.
    Update,
    /// It was there, and is not any more.
    Delete,
    /// It was there, and its time had come: [`Transaction::put_expiring`](crate::Transaction::put_expiring).
    Expire,
    /// Every entity from `first` to `last`, both included, is gone: [`Transaction::delete_range`](crate::Transaction::delete_range).
    /// They do not come one by one.
    DeleteRange {
        /// The lowest id.
        first: EntityId,
        /// The highest id.
        last: EntityId,
    },
    /// The collection was dropped with all that was in it: [`Database::drop_collection`](crate::Database::drop_collection).
    Drop,
}

/// The time that a batch names.
pub(super) fn time(us: u64) -> SystemTime {
    let time = UNIX_EPOCH.checked_add(Duration::from_micros(us));
    time.unwrap_or(UNIX_EPOCH)
}
