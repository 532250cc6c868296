//! A follower: every commit behind a position, in order, once each.

use std::collections::HashMap;
use std::time::Duration;

use super::bell::Woken;
use super::commit::{Commit, time};
use super::cursor::{Cursor, Head};
use super::decode;
use super::keep::gap;
use super::source::{LogRef, Logs, Source};
use crate::error::{Error, Result};
use crate::ids::{CollectionId, Lsn};
use crate::manifest::is_hidden;
use crate::sync::{Arc, Instant};
#[cfg(feature = "stream")]
use std::task::Poll;

/// Every durable commit behind a position, in LSN order, each exactly once: [`Database::changes`](crate::Database::changes).
///
/// As an iterator it blocks until the next commit is durable, and ends when the database is closed, or after an error;
/// [`try_next`](Self::try_next) does not wait, and [`next_timeout`](Self::next_timeout) for a while. Nothing waits in memory for a
/// follower: it reads from the logs, one commit at a time, and what it has not read yet is kept for it, up to
/// [`Retention::consumer_bytes`](crate::Retention::consumer_bytes). Beyond that, or where it begins behind what is kept, it gets
/// [`ErrorKind::Gap`](crate::ErrorKind::Gap).
pub struct Changes {
    source: Source,
    /// In the log that has the next commit, and for which generation of logs; `None` where that has to be looked for.
    cursor: Option<(u64, Cursor)>,
    /// The last commit that was read.
    position: Lsn,
    /// As far as it is known that commits are durable.
    durable: Lsn,
    names: HashMap<CollectionId, Option<Arc<str>>>,
    /// Whether an iterator has come to an error, behind which it does not go on.
    failed: bool,
}

impl Changes {
    pub(super) fn new(source: Source, position: Lsn) -> Self {
        Self {
            source,
            cursor: None,
            position,
            durable: Lsn::ZERO,
            names: HashMap::new(),
            failed: false,
        }
    }

    /// Refuses if the next commit is not kept any more.
    pub(super) fn check(&mut self) -> Result<()> {
        self.logs().map(drop)
    }

    /// Where this follower is: everything up to here was given, or has changed nothing that a follower sees. Another one that
    /// begins here goes on without a gap or a repeat.
    #[must_use]
    pub fn position(&self) -> Lsn {
        self.position
    }

    /// The next commit, if there is one that is durable.
    ///
    /// # Errors
    /// [`ErrorKind::Gap`](crate::ErrorKind::Gap) if it is not kept any more: [`Error::floor`] says how far nothing is.
    /// [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) or [`ErrorKind::Io`](crate::ErrorKind::Io) if it cannot be read. The
    /// position is as it was.
    pub fn try_next(&mut self) -> Result<Option<Commit>> {
        loop {
            if self.position >= self.durable {
                self.durable = self.source.durable()?;
                if self.position >= self.durable {
                    return Ok(None);
                }
            }
            let commit = self.read_next()?;
            if !commit.changes.is_empty() {
                return Ok(Some(commit));
            }
        }
    }

    /// The next commit, waiting up to `timeout` until it is durable. `None` if none has come, or the database was closed.
    ///
    /// # Errors
    /// As for [`try_next`](Self::try_next).
    pub fn next_timeout(&mut self, timeout: Duration) -> Result<Option<Commit>> {
        self.next_until(Instant::now().checked_add(timeout))
    }

    pub(super) fn next_until(&mut self, end: Option<Instant>) -> Result<Option<Commit>> {
        loop {
            if let Some(commit) = self.try_next()? {
                return Ok(Some(commit));
            }
            match self.source.wait(self.position, end) {
                Woken::More => {}
                // What came before that may have become durable since.
                Woken::Closed => return self.try_next(),
                Woken::TimedOut => return Ok(None),
            }
        }
    }

    /// The next commit, which is durable.
    fn read_next(&mut self) -> Result<Commit> {
        let mut finds = 0;
        loop {
            let mut cursor = match self.take_cursor() {
                Some(cursor) => cursor,
                None => {
                    finds += 1;
                    self.find()?
                }
            };
            match cursor.head(self.durable)? {
                Some(head) if head.lsn <= self.position => {
                    cursor.pass(&head);
                    self.keep_cursor(Some(cursor));
                }
                Some(head) if head.previous <= self.position => {
                    let commit = self.read(&mut cursor, head)?;
                    self.keep_cursor(Some(cursor));
                    self.position = commit.lsn;
                    self.source.passed(commit.lsn);
                    return Ok(commit);
                }
                Some(_) => return Err(self.missing(&cursor)),
                None => {
                    let behind = self.behind(&cursor)?;
                    if behind.is_none() && finds >= FINDS_MAX {
                        return Err(self.missing(&cursor));
                    }
                    self.keep_cursor(behind);
                }
            }
        }
    }

    /// Reads a commit, of which `head` is the first batch, and passes it.
    fn read(&mut self, cursor: &mut Cursor, head: Head) -> Result<Commit> {
        let stream = Arc::clone(&cursor.log().stream);
        let mut commit = Commit {
            lsn: head.lsn,
            time: time(head.header.time_us),
            changes: Vec::new(),
        };
        let mut next = Some(head);
        while let Some(head) = next {
            let body = cursor.body(&head)?;
            let name = |id| self.name(id, &stream.name);
            let mut changes = decode::changes(&stream, &head.header, &body, name)?;
            commit.changes.append(&mut changes);
            cursor.pass(&head);
            // A large commit has a log of its own, and is all that is in it.
            next = match stream.one_commit {
                Some(_) => cursor.head(self.durable)?,
                None => None,
            };
        }
        if stream.one_commit.is_some() {
            cursor.check_whole()?;
        }
        Ok(commit)
    }

    /// The cursor, unless the logs may be others than those that it was made for.
    fn take_cursor(&mut self) -> Option<Cursor> {
        let (generation, cursor) = self.cursor.take()?;
        (generation == self.source.generation()).then_some(cursor)
    }

    fn keep_cursor(&mut self, cursor: Option<Cursor>) {
        self.cursor = cursor.map(|cursor| (self.source.generation(), cursor));
    }

    /// At the beginning of the log that has the next commit, or of one before it.
    fn find(&mut self) -> Result<Cursor> {
        let first = self.logs()?.into_iter().next();
        let first = first.map(|log| Cursor::new(log, None));
        first.ok_or_else(|| Error::corrupt("manifest", 0, "a log with the next commit", "none"))
    }

    /// At the beginning of the log that follows the one that `cursor` has come to the end of; `None` if it has to be looked for.
    fn behind(&mut self, cursor: &Cursor) -> Result<Option<Cursor>> {
        let list = self.logs()?;
        let at = list.iter().position(|log| log.id() == cursor.log().id());
        let next = at.and_then(|at| list.into_iter().nth(at + 1));
        Ok(next.map(|log| Cursor::new(log, None)))
    }

    fn logs(&mut self) -> Result<Vec<LogRef>> {
        let Logs { floor, list } = self.source.logs(self.position)?;
        match self.position < floor {
            true => Err(gap(floor)),
            false => Ok(list),
        }
    }

    /// Why the next commit is in no log: it is not kept any more, or the logs are damaged.
    fn missing(&mut self, cursor: &Cursor) -> Error {
        match self.logs() {
            Ok(_) => {
                let behind = format!("the commit behind {}", self.position);
                Error::corrupt(&cursor.log().stream.name, cursor.at(), behind, "none")
            }
            Err(error) => error,
        }
    }

    /// Goes on behind `position`, up to which everything is known already.
    pub(super) fn skip_to(&mut self, position: Lsn) {
        self.position = self.position.max(position);
        self.source.passed(self.position);
    }

    /// One step of a stream.
    #[cfg(feature = "stream")]
    pub(super) fn poll(
        &mut self,
        step: impl FnOnce(&mut Self) -> Result<Poll<Option<Commit>>>,
    ) -> Poll<Option<Result<Commit>>> {
        if self.failed {
            return Poll::Ready(None);
        }
        match step(self) {
            Ok(poll) => poll.map(|commit| commit.map(Ok)),
            Err(error) => {
                self.failed = true;
                Poll::Ready(Some(Err(error)))
            }
        }
    }

    /// Has a stream's waker woken when there is more, unless there is already.
    #[cfg(feature = "stream")]
    pub(super) fn register(&self, waker: &std::task::Waker) -> Result<Option<Woken>> {
        match &self.source {
            Source::Live(live) => Ok(live.register(self.position, waker)),
            Source::Beside(_) => Err(Error::invalid(
                "a database that was opened for reading has nobody to wake a stream: use next_timeout",
            )),
        }
    }

    fn name(&mut self, id: CollectionId, stream: &str) -> Result<Option<Arc<str>>> {
        if let Some(name) = self.names.get(&id) {
            return Ok(name.clone());
        }
        let name = self.source.name(id);
        let name = name.ok_or_else(|| decode::unknown_collection(stream, id))?;
        let name = (!is_hidden(&name)).then_some(name);
        self.names.insert(id, name.clone());
        Ok(name)
    }
}

/// So often the logs are gone through for a commit that is known to be durable, before it counts as missing.
const FINDS_MAX: usize = 3;

impl Iterator for Changes {
    type Item = Result<Commit>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let next = self.next_until(None);
        self.failed = next.is_err();
        next.transpose()
    }
}

impl std::fmt::Debug for Changes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Changes behind {}", self.position)
    }
}
