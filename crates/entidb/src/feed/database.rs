//! What a database offers to those who follow its changes.

use super::beside::Beside;
use super::changes::Changes;
use super::keep::Notes;
use super::live::Live;
use super::source::Source;
use crate::db::Database;
use crate::error::{Error, ErrorKind, Result};
use crate::ids::Lsn;
use crate::load;
use crate::snapshot::Snapshot;
use crate::sync::Arc;
use crate::writer::Writer;

impl Database {
    /// Every durable commit behind `after`, in order, each exactly once, and then each one as it becomes durable:
    /// [`Lsn::ZERO`] for all from the first on, or the [position](Changes::position) at which another follower stopped, also in an
    /// earlier session. What has to be kept for that, [`Options::retention`](crate::Options::retention) or a consumer says;
    /// a follower that is open keeps what it has not read besides.
    ///
    /// On a database that was opened for reading, it follows a writer in another process, by looking twenty times a second: see
    /// [`Changes::next_timeout`].
    ///
    /// ```
    /// # use entidb::{ChangeKind, Database, EntityId, Options, Retention, Value};
    /// # fn main() -> entidb::Result<()> {
    /// let options = Options::new().retention(Retention::bytes(64 << 20));
    /// # let db = options.open_in(entidb::storage::MemoryDirectory::new())?;
    /// let mut changes = db.changes(db.lsn())?;
    /// db.untyped("people").put(EntityId::from_key("ann"), &Value::from("Ann"))?;
    /// let commit = changes.try_next()?.expect("durable when put returns");
    /// assert_eq!(commit.changes[0].kind, ChangeKind::Insert);
    /// assert!(changes.try_next()?.is_none());
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Gap`](crate::ErrorKind::Gap) if commits behind `after` are not kept any more;
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) if there has been no commit `after` yet; and where it was opened for
    /// reading, as for [`Changes::try_next`].
    pub fn changes(&self, after: Lsn) -> Result<Changes> {
        self.follow_from(Some(after), Notes::Was)
    }

    /// As [`changes`](Self::changes), or without a position, what is committed from now on.
    pub(super) fn follow_from(&self, after: Option<Lsn>, wants: Notes) -> Result<Changes> {
        if let Some(writer) = self.writer_if_any() {
            return writer.follow(after, wants);
        }
        let directory = self.directory();
        let manifest = load::manifest(&**directory)?.ok_or_else(gone)?;
        let ceiling = manifest.lsn_ceiling;
        let mut beside = Beside::new(Arc::clone(directory), manifest);
        let position = match after {
            Some(after) if after >= ceiling => return Err(no_such(after)),
            Some(after) => after,
            None => beside.durable()?,
        };
        let mut changes = Changes::new(Source::Beside(Box::new(beside)), position);
        changes.check()?;
        Ok(changes)
    }

    /// The database as it is now, all of it durable, and every commit that comes behind: together they are everything, without a gap or
    /// a repeat. Needs no retention: what the follower has not read is kept while it is open.
    ///
    /// On a database that was opened for reading, the snapshot is a new one, of what is durable by now; commits have to be kept, by
    /// [`Options::retention`](crate::Options::retention) or for a consumer.
    ///
    /// ```
    /// # use entidb::{Database, EntityId, Value};
    /// use std::collections::HashMap;
    /// # fn main() -> entidb::Result<()> {
    /// # let db = Database::open_in(entidb::storage::MemoryDirectory::new())?;
    /// # db.untyped("prices").put(EntityId::from_key("apple"), &Value::from(3))?;
    /// let (snapshot, mut changes) = db.snapshot_and_changes()?;
    /// let mut cache: HashMap<EntityId, _> = snapshot.scan("prices").collect::<entidb::Result<_>>()?;
    /// while let Some(commit) = changes.try_next()? {        // now and then
    ///     for change in commit.changes.into_iter().filter(|change| &*change.collection == "prices") {
    ///         match change.new {
    ///             Some(new) => cache.insert(change.id, new),
    ///             None => cache.remove(&change.id),
    ///         };
    ///     }
    /// }
    /// # assert_eq!(cache.len(), 1);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Unknown`](crate::ErrorKind::Unknown) if a sync fails that this waits for. Where it was opened for reading, as for
    /// [`Options::open`](crate::Options::open), and [`ErrorKind::Gap`](crate::ErrorKind::Gap) if nothing is kept.
    pub fn snapshot_and_changes(&self) -> Result<(Snapshot, Changes)> {
        match self.writer_if_any() {
            Some(writer) => writer.snapshot_and_changes(),
            None => self.snapshot_and_changes_beside(),
        }
    }

    fn snapshot_and_changes_beside(&self) -> Result<(Snapshot, Changes)> {
        let directory = self.directory();
        let cache_bytes = self.snapshot().view().cache.capacity_bytes();
        let mut attempt = 1;
        loop {
            let loaded = load::beside_a_writer(&**directory, cache_bytes)?.ok_or_else(gone)?;
            // By the manifest that was loaded: what a later one calls durable may be another history.
            let mut beside = Beside::new(Arc::clone(directory), loaded.manifest);
            let durable = match beside.durable_now() {
                Ok(durable) => durable.min(loaded.last_lsn),
                // Its streams may have gone meanwhile.
                Err(_) if attempt < ATTEMPTS => {
                    attempt += 1;
                    continue;
                }
                Err(error) => return Err(error),
            };
            let snapshot = Snapshot::new((Arc::new(loaded.view), durable));
            let mut changes = Changes::new(Source::Beside(Box::new(beside)), durable);
            changes.check()?;
            return Ok((snapshot, changes));
        }
    }
}

/// How often a database that changes meanwhile is loaded.
const ATTEMPTS: usize = 10;

fn gone() -> Error {
    Error::new(ErrorKind::NotFound, "the database is not there any more")
}

fn no_such(after: Lsn) -> Error {
    Error::invalid(format!(
        "commit {after} has not been made, so that nothing comes behind it"
    ))
}

impl Writer {
    fn snapshot_and_changes(&self) -> Result<(Snapshot, Changes)> {
        let mut changes = self.follow(None, Notes::Was)?;
        // A snapshot has everything that is durable, and perhaps more: then that has to be, too.
        self.committer.sync()?;
        let snapshot = Snapshot::new(self.published.get());
        self.committer.sync()?;
        changes.skip_to(snapshot.lsn());
        Ok((snapshot, changes))
    }

    /// A follower behind `after`, or behind the last commit, for whom commits note what it wants from here on.
    pub(crate) fn follow(&self, after: Option<Lsn>, wants: Notes) -> Result<Changes> {
        let keep = &self.feed.keep;
        let (mut state, queue) = loop {
            // What a large commit that is under way notes, it knows already.
            self.committer.wait_released();
            let state = keep.state();
            let queue = self.committer.queue();
            if !queue.is_held() {
                break (state, queue);
            }
        };
        let last = queue.last_lsn();
        // Under the queue's lock: every commit behind this one is noted.
        keep.begin(&mut state, last, wants);
        drop(queue);
        let position = after.unwrap_or(last);
        let held = match position > last {
            true => Err(no_such(position)),
            false => keep.hold(&mut state, position, wants),
        };
        keep.settle(&mut state);
        drop(state);
        let live = Live {
            feed: Arc::clone(&self.feed),
            published: Arc::clone(&self.published),
            editor: Arc::clone(&self.editor),
            hold: held?,
        };
        Ok(Changes::new(Source::Live(live), position))
    }
}
