//! Consumers: followers with a name, whose position is stored, and moves in the transactions of their own work.

use super::changes::Changes;
use super::keep::Notes;
use super::position::{CONSUMERS, Position};
use crate::db::Database;
use crate::error::{Error, ErrorKind, Result};
use crate::format::key::Key;
use crate::ids::Lsn;
use crate::limits::COLLECTION_NAME_LEN_MAX;
use crate::payload::Payload;
use crate::snapshot::Snapshot;
use crate::transaction::Transaction;

/// A follower with a name: [`Database::consumer`]. Its position is stored in the database, outlives the session, and moves with
/// [`Transaction::advance`] in the same transaction as the work that it has done: so each commit is worked off exactly once,
/// whatever crashes.
///
/// What it has not worked off is kept for it, up to [`Retention::consumer_bytes`](crate::Retention::consumer_bytes).
#[derive(Debug, Clone)]
pub struct Consumer {
    db: Database,
    name: String,
}

/// A consumer as it is stored: [`Database::consumers`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConsumerInfo {
    /// Its name.
    pub name: String,
    /// Everything up to here it has done with.
    pub position: Lsn,
}

impl Consumer {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Everything up to here it has done with.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if it was dropped; else as for [`Snapshot::get`].
    pub fn position(&self) -> Result<Lsn> {
        let stored = stored(&self.db.snapshot(), &self.name)?;
        stored
            .map(|position| position.lsn)
            .ok_or_else(|| dropped(&self.name))
    }

    /// What it has to work off: every commit behind its position.
    ///
    /// # Errors
    /// [`ErrorKind::Gap`] if it has fallen behind what is kept for it: take a snapshot, work that off, and
    /// [advance](Transaction::advance) to its [`lsn`](Snapshot::lsn). Else as for [`position`](Self::position).
    pub fn changes(&self) -> Result<Changes> {
        self.db.changes(self.position()?)
    }
}

impl Transaction {
    /// Moves a consumer's position, in this transaction: everything up to `to` is worked off if it is kept.
    ///
    /// ```
    /// # use entidb::{Database, EntityId, Value};
    /// # fn main() -> entidb::Result<()> {
    /// # let db = Database::open_in(entidb::storage::MemoryDirectory::new())?;
    /// let mails = db.consumer("mails")?;
    /// # db.untyped("orders").put(EntityId::from_key(1), &Value::from("apples"))?;
    /// let mut changes = mails.changes()?;
    /// while let Some(commit) = changes.try_next()? {
    ///     db.write(|tx| {
    ///         for change in &commit.changes {
    ///             tx.put("mails", change.id, &Value::from(change.collection.as_ref()))?;
    ///         }
    ///         tx.advance(&mails, commit.lsn)
    ///     })?;
    ///     # if mails.position()? == commit.lsn { break; }
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] if it is there, or further, already: another has done this work, so that this transaction must not be
    /// kept; or if there is no commit `to` yet. [`ErrorKind::NotFound`] if it was dropped. Else as for [`get`](Self::get).
    pub fn advance(&mut self, consumer: &Consumer, to: Lsn) -> Result<()> {
        let name = &consumer.name;
        let collection = self.make_any_collection(CONSUMERS)?;
        let key = Key::new(collection, Position::id(name));
        let stored = self.get_any(key)?.ok_or_else(|| dropped(name))?;
        let at = Position::decode(&stored)?.lsn;
        if to <= at {
            return Err(Error::invalid(format!(
                "the consumer {name:?} is at {at} already: another has worked off commit {to}"
            )));
        }
        if to > consumer.db.lsn() {
            return Err(Error::invalid(format!(
                "commit {to} has not been made, so that no consumer can be done with it"
            )));
        }
        let moved = Position {
            name: name.clone(),
            lsn: to,
        };
        self.put_any(key, &moved.encode()?)
    }
}

impl Database {
    /// The consumer `name`. One that is not there is made, at the last commit: it gets what comes behind that. From then on, commits
    /// are kept for it, in all sessions, until it is [dropped](Self::drop_consumer).
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] if the name does not have 1 to 255 bytes; where it has to be made, as for [`write`](Self::write).
    pub fn consumer(&self, name: &str) -> Result<Consumer> {
        self.make_consumer(name, None)
    }

    /// As [`consumer`](Self::consumer), but one that has to be made begins behind `after`: [`Lsn::ZERO`] for all there is.
    ///
    /// # Errors
    /// Besides, [`ErrorKind::Gap`] if that is not kept any more.
    pub fn consumer_from(&self, name: &str, after: Lsn) -> Result<Consumer> {
        self.make_consumer(name, Some(after))
    }

    fn make_consumer(&self, name: &str, after: Option<Lsn>) -> Result<Consumer> {
        if name.is_empty() || name.len() > COLLECTION_NAME_LEN_MAX {
            return Err(Error::invalid(format!(
                "a consumer's name has 1 to {COLLECTION_NAME_LEN_MAX} bytes, this one {}",
                name.len()
            )));
        }
        let consumer = Consumer {
            db: self.clone(),
            name: name.to_owned(),
        };
        if stored(&self.snapshot(), name)?.is_some() {
            return Ok(consumer);
        }
        let writer = self.writer()?;
        let _one = writer.feed.keep.consumers();
        // Until the consumer itself is there, this keeps what it will want.
        let follower = writer.follow(after, Notes::Was)?;
        writer.keep_listed()?;
        let position = Position {
            name: name.to_owned(),
            lsn: follower.position(),
        };
        let payload = position.encode()?;
        self.write(|tx| {
            let collection = tx.make_any_collection(CONSUMERS)?;
            let key = Key::new(collection, Position::id(name));
            match tx.get_any(key)? {
                Some(_) => Ok(()),
                None => tx.put_any(key, &payload),
            }
        })?;
        Ok(consumer)
    }

    /// Drops a consumer, so that nothing is kept for it any more. Says whether there was one.
    ///
    /// # Errors
    /// As for [`write`](Self::write).
    pub fn drop_consumer(&self, name: &str) -> Result<bool> {
        let writer = self.writer()?;
        let _one = writer.feed.keep.consumers();
        let was_there = self.write(|tx| {
            let collection = tx.make_any_collection(CONSUMERS)?;
            let key = Key::new(collection, Position::id(name));
            let was_there = tx.get_any(key)?.is_some();
            if was_there {
                tx.remove_any(key)?;
            }
            Ok(was_there)
        })?;
        writer.feed.keep.set_untidy(true);
        writer.unlist_if_idle()?;
        Ok(was_there)
    }

    /// All consumers, and where they are.
    ///
    /// # Errors
    /// As for [`Snapshot::get`].
    pub fn consumers(&self) -> Result<Vec<ConsumerInfo>> {
        let stored = Position::all(&self.snapshot())?;
        let info = |position: Position| ConsumerInfo {
            name: position.name,
            position: position.lsn,
        };
        Ok(stored.into_iter().map(info).collect())
    }
}

fn stored(snapshot: &Snapshot, name: &str) -> Result<Option<Position>> {
    let Some(collection) = snapshot.view().catalog.find_any(CONSUMERS) else {
        return Ok(None);
    };
    let payload: Option<Payload> = snapshot.get_in(collection, Position::id(name))?;
    payload
        .map(|payload| Position::decode(&payload))
        .transpose()
}

fn dropped(name: &str) -> Error {
    Error::new(
        ErrorKind::NotFound,
        format!("there is no consumer {name:?} any more: it was dropped"),
    )
}
