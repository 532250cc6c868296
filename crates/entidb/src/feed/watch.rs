//! Watching a part of what changes.

use std::ops::{Bound, RangeBounds};
use std::time::Duration;

use entidb_codec::Value;

use super::changes::Changes;
use super::commit::{Change, ChangeKind, Commit};
use super::keep::Notes;
use crate::db::Database;
use crate::error::Result;
use crate::ids::{EntityId, Lsn};
use crate::index::Within;
use crate::payload::Payload;
use crate::sync::Instant;

/// Between which values.
type Values = (Bound<Value>, Bound<Value>);

/// What is watched: [`Database::watch`].
///
/// ```
/// use entidb::{EntityId, Watch};
/// let ann = EntityId::from_key("ann@example.com");
/// let watches = [Watch::all(), Watch::collection("people"), Watch::entity("people", ann)];
/// ```
#[derive(Debug, Clone)]
pub struct Watch {
    collection: Option<String>,
    id: Option<EntityId>,
    /// An index, and between which of its values.
    index: Option<(String, Values)>,
    after: Option<Lsn>,
}

impl Watch {
    /// Every change.
    #[must_use]
    pub fn all() -> Self {
        Self {
            collection: None,
            id: None,
            index: None,
            after: None,
        }
    }

    /// The changes of a collection, which need not be there yet.
    #[must_use]
    pub fn collection(name: impl Into<String>) -> Self {
        Self {
            collection: Some(name.into()),
            ..Self::all()
        }
    }

    /// The changes of one entity, which need not be there yet.
    #[must_use]
    pub fn entity(collection: impl Into<String>, id: EntityId) -> Self {
        Self {
            id: Some(id),
            ..Self::collection(collection)
        }
    }

    /// The changes of entities that an index finds between these values, before or after the change: those that come into the range,
    /// go out of it, or change within it. Of an index on several paths, the first one counts.
    ///
    /// Whether an entity was in the range, only what it was before tells: while somebody watches an index, each commit notes that.
    /// Of a commit from before, or in another process, that did not ([`Retention::old`](crate::Retention::old)), each update and delete
    /// comes.
    ///
    /// ```
    /// use entidb::{Value, Watch};
    /// let grown_up = Watch::index("people", "age", Value::from(18)..);
    /// ```
    #[must_use]
    pub fn index(
        collection: impl Into<String>,
        index: impl Into<String>,
        values: impl RangeBounds<Value>,
    ) -> Self {
        let values = (values.start_bound().cloned(), values.end_bound().cloned());
        Self {
            index: Some((index.into(), values)),
            ..Self::collection(collection)
        }
    }

    /// From behind this commit on, as for [`Database::changes`]. Default: what is committed from now on.
    #[must_use]
    pub fn after(mut self, lsn: Lsn) -> Self {
        self.after = Some(lsn);
        self
    }

    fn has(&self, change: &Change) -> bool {
        let collection = self.collection.as_deref();
        let id = |id| match change.kind {
            ChangeKind::DeleteRange { first, last } => first <= id && id <= last,
            ChangeKind::Drop => true,
            _ => change.id == id,
        };
        collection.is_none_or(|name| *name == *change.collection) && self.id.is_none_or(id)
    }
}

/// The commits that change what is watched, in order, once each, with these changes alone: [`Database::watch`]. In all else it is as
/// [`Changes`].
#[derive(Debug)]
pub struct Watcher {
    changes: Changes,
    watch: Watch,
    within: Option<Within>,
}

impl Watcher {
    /// As [`Changes::position`].
    #[must_use]
    pub fn position(&self) -> Lsn {
        self.changes.position()
    }

    /// The next commit that changes what is watched, if one is durable.
    ///
    /// # Errors
    /// As for [`Changes::try_next`].
    pub fn try_next(&mut self) -> Result<Option<Commit>> {
        while let Some(mut commit) = self.changes.try_next()? {
            if self.select(&mut commit) {
                return Ok(Some(commit));
            }
        }
        Ok(None)
    }

    /// The next commit that changes what is watched, waiting up to `timeout` until there is one.
    ///
    /// # Errors
    /// As for [`Changes::try_next`].
    pub fn next_timeout(&mut self, timeout: Duration) -> Result<Option<Commit>> {
        let end = Instant::now().checked_add(timeout);
        while let Some(mut commit) = self.changes.next_until(end)? {
            if self.select(&mut commit) {
                return Ok(Some(commit));
            }
        }
        Ok(None)
    }

    /// Leaves of a commit what is watched. Says whether there is anything.
    pub(super) fn select(&mut self, commit: &mut Commit) -> bool {
        let (watch, within) = (&self.watch, &mut self.within);
        commit.changes.retain(|change| {
            let within = within.as_mut();
            watch.has(change) && within.is_none_or(|within| is_within(within, change))
        });
        !commit.changes.is_empty()
    }

    #[cfg(feature = "stream")]
    pub(super) fn changes_mut(&mut self) -> &mut Changes {
        &mut self.changes
    }
}

/// Whether the entity is in the range, or was, or may have been.
fn is_within(within: &mut Within, change: &Change) -> bool {
    let mut has = |payload: &Option<Payload>| {
        let payload = payload.as_ref();
        payload.is_some_and(|payload| within.has(payload.as_bytes()))
    };
    let is_known = change.old.is_some() || change.kind == ChangeKind::Insert;
    !is_known || has(&change.new) || has(&change.old)
}

impl Iterator for Watcher {
    type Item = Result<Commit>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.changes.next()? {
                Ok(mut commit) => {
                    if self.select(&mut commit) {
                        return Some(Ok(commit));
                    }
                }
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

impl Database {
    /// Watches a part of what changes, from now on. It needs no [`retention`](crate::Options::retention): what a watcher has not
    /// read is kept while it is open, up to [`Retention::consumer_bytes`](crate::Retention::consumer_bytes).
    ///
    /// ```
    /// # use entidb::{Database, EntityId, Value, Watch};
    /// # fn main() -> entidb::Result<()> {
    /// # let db = Database::open_in(entidb::storage::MemoryDirectory::new())?;
    /// let mut watcher = db.watch(Watch::collection("people"))?;
    /// let writer = std::thread::spawn(move || -> entidb::Result<()> {
    ///     db.untyped("things").put(EntityId::new(), &Value::from("a chair"))?;
    ///     db.untyped("people").put(EntityId::new(), &Value::from("Ann"))
    /// });
    /// let commit = watcher.next().expect("blocks until there is one, or the database is closed")?;
    /// assert_eq!(&*commit.changes[0].collection, "people");
    /// # writer.join().unwrap()?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As for [`changes`](Self::changes); of an index, as for [`Snapshot::by`](crate::Snapshot::by).
    pub fn watch(&self, watch: Watch) -> Result<Watcher> {
        let within = match (&watch.collection, &watch.index) {
            (Some(collection), Some((index, values))) => {
                let find = self.snapshot().by(collection, index)?;
                Some(find.range(values.clone()).within()?)
            }
            _ => None,
        };
        let wants = match within {
            Some(_) => Notes::Old,
            None => Notes::Was,
        };
        let changes = self.follow_from(watch.after, wants)?;
        Ok(Watcher {
            changes,
            watch,
            within,
        })
    }
}
