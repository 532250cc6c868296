//! What the commits of a database share while they wait for the log: sealed batches in LSN order, who waits for what, and what
//! may be shown.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::error::{Error, ErrorKind};
use crate::format::batch::{self, Synced};
use crate::ids::{CollectionId, Lsn, StreamId};
use crate::log::{Item, Sealed, Sealer};
use crate::memtable::Memtable;
use crate::stream::Stream;
use crate::sync::{Arc, Instant};
use crate::writer::{Frozen, IdleLog};

/// The queue, under its lock.
pub(crate) struct Queue {
    /// The next LSN to give out.
    pub(super) next_lsn: Lsn,
    /// LSNs from this one on are not reserved.
    pub(super) lsn_ceiling: Lsn,
    /// The last commit that is in the log or waits for it.
    pub(super) last_lsn: Lsn,
    /// What is on the disk for certain.
    pub(super) durable: Lsn,
    /// Makes the next batch of the log that is appended to; `None` if there is no such log.
    pub(super) sealer: Option<Sealer>,
    /// How far there is room in that log for certain, in bytes.
    pub(super) reserved_end: u64,
    /// The last batch that was written only to say that the one before it is durable.
    pub(super) marked: Lsn,
    /// What later batches may say is synced.
    pub(super) synced: Option<Synced>,
    /// Sealed batches that were not handed to the log yet.
    pub(super) pending: Vec<Pending>,
    pub(super) pending_bytes: u64,
    /// Commits that wait for their sync, in LSN order, each with the commit before it.
    pub(super) waits: VecDeque<(Lsn, Lsn)>,
    /// Commits that waited and were refused: their answers, until they are fetched.
    pub(super) refused: BTreeMap<Lsn, Refusal>,
    /// Whether somebody writes to the log at this moment.
    pub(super) leading: bool,
    /// When the oldest commit that nobody waits for became visible without being durable.
    pub(super) eventual_since: Option<Instant>,
    /// Why nothing more is written, once a sync has failed.
    pub(super) poison: Option<Refusal>,
    pub(crate) closed: bool,
    /// Up to here, what was deleted may have been forgotten by a merge, so that whether it was deleted since a snapshot from
    /// before cannot be told.
    pub(crate) forgotten: Lsn,
    /// Collections that are being dropped, committed perhaps and not taken out of the catalog yet; or migrated. Nobody else
    /// commits to them.
    pub(super) dropping: Vec<CollectionId>,
    /// Whether a large commit takes its place at this moment: nothing is sealed until it has.
    pub(super) held: bool,
    /// Whether the background is to make the log that comes next.
    pub(super) wants_log: bool,
    /// The memtable that commits go to.
    pub(crate) memtable: Arc<Memtable>,
    /// Logs before the active one whose keys are in the same memtable.
    pub(crate) idle: Vec<IdleLog>,
    /// Memtables that no commit goes to any more and that wait for a checkpoint, the oldest first.
    pub(crate) frozen: VecDeque<Frozen>,
    /// The log that comes next, listed by the manifest and still empty.
    pub(super) next_log: Option<NextLog>,
    /// Whether runs have come that the background has not looked at.
    pub(crate) wants_compaction: bool,
    /// Why the last merge failed, if it did.
    pub(crate) compaction_trouble: Option<Refusal>,
    /// Why the last build of an index in the background failed, if one did.
    pub(crate) index_trouble: Option<Refusal>,
    /// Why the last piece of background work failed, if it did.
    pub(crate) trouble: Option<Refusal>,
    /// How often the background has begun a piece of work, and how many of these have ended.
    work_begun: u64,
    work_ended: u64,
    /// Whether somebody waits for the background to try again.
    pub(crate) wants_again: bool,
}

/// A sealed batch that was not handed to the log yet.
pub(super) struct Pending {
    pub(super) batch: Sealed,
    /// Whether its commit waits until it is durable.
    pub(super) waits: bool,
}

/// A log that is listed and not yet appended to.
pub(crate) struct NextLog {
    pub(crate) stream: Arc<Stream>,
    pub(crate) sealer: Sealer,
    /// How far it has room for certain, in bytes.
    pub(crate) reserved_end: u64,
}

/// An error that more than one caller gets.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    pub(crate) kind: ErrorKind,
    pub(crate) message: String,
}

impl Refusal {
    pub(crate) fn of(error: &Error) -> Self {
        Self {
            kind: error.kind(),
            message: error.to_string(),
        }
    }

    /// What all hear once somebody has panicked in the middle of writing.
    pub(crate) fn panicked() -> Self {
        Self {
            kind: ErrorKind::Poisoned,
            message: "an earlier write panicked".to_owned(),
        }
    }

    pub(crate) fn error(&self) -> Error {
        Error::new(self.kind, self.message.clone())
    }
}

impl Queue {
    pub(crate) fn new(memtable: Arc<Memtable>, last_lsn: Lsn, next_lsn: Lsn) -> Self {
        Self {
            next_lsn,
            lsn_ceiling: Lsn::ZERO,
            last_lsn,
            durable: last_lsn,
            sealer: None,
            reserved_end: 0,
            marked: last_lsn,
            synced: None,
            pending: Vec::new(),
            pending_bytes: 0,
            waits: VecDeque::new(),
            refused: BTreeMap::new(),
            leading: false,
            eventual_since: None,
            poison: None,
            closed: false,
            forgotten: Lsn::ZERO,
            dropping: Vec::new(),
            held: false,
            wants_log: false,
            memtable,
            idle: Vec::new(),
            frozen: VecDeque::new(),
            next_log: None,
            wants_compaction: false,
            compaction_trouble: None,
            index_trouble: None,
            trouble: None,
            work_begun: 0,
            work_ended: 0,
            wants_again: false,
        }
    }

    pub(crate) fn last_lsn(&self) -> Lsn {
        self.last_lsn
    }

    pub(crate) fn durable(&self) -> Lsn {
        self.durable
    }

    /// Whether there is not certainly room for a commit of `len` bytes in the log.
    pub(super) fn lacks_room(&self, len: usize) -> bool {
        self.wanted(len)
            .is_some_and(|(_, end)| end > self.reserved_end)
    }

    /// The log, and where a commit of `len` bytes would end in it.
    pub(super) fn wanted(&self, len: usize) -> Option<(StreamId, u64)> {
        let sealer = self.sealer?;
        let len = (batch::HEADER_LEN + len) as u64;
        Some((sealer.stream, sealer.at() + len))
    }

    /// Whether nobody else may commit to the collection `id`.
    pub(super) fn is_dropping(&self, id: CollectionId) -> bool {
        self.dropping.contains(&id)
    }

    /// Whether a collection that one of these writes to is being dropped.
    pub(super) fn is_dropping_any(&self, items: &[Item]) -> bool {
        if self.dropping.is_empty() {
            return false;
        }
        let mut collections = items.iter().filter_map(Item::collection);
        collections.any(|id| self.is_dropping(id))
    }

    /// Notes why nothing more is written, if nobody has.
    pub(crate) fn poison_once(&mut self, why: Refusal) {
        self.poison.get_or_insert(why);
    }

    pub(crate) fn next_lsn(&self) -> Lsn {
        self.next_lsn
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Whether there is a log that commits go to.
    pub(crate) fn is_appended_to(&self) -> bool {
        self.sealer.is_some()
    }

    /// Whether anything is in the memtable that commits go to, or was in its logs.
    pub(crate) fn has_keys(&self) -> bool {
        !self.memtable.is_empty() || !self.idle.is_empty()
    }

    /// How long the oldest commit that nobody waits for has been without being durable.
    pub(crate) fn eventual_for(&self) -> Option<Duration> {
        self.eventual_since.map(|since| since.elapsed())
    }

    /// Whether what is pending should be handed over.
    pub(crate) fn has_much_pending(&self) -> bool {
        self.pending_bytes >= super::HAND_OVER_BYTES
    }

    /// Whether nobody leads, and there is sense in it.
    pub(crate) fn may_lead(&self) -> bool {
        !self.leading && self.poison.is_none()
    }

    /// Whether there is something to do in the background.
    pub(crate) fn has_work(&self) -> bool {
        self.poison.is_none() && (self.wants_log || !self.frozen.is_empty())
    }

    /// The background begins a piece of work. Says whether the log that comes next is wanted. It stays wanted until it is
    /// there, since commits beside it have to be held up before they fill the memory.
    pub(crate) fn begin_work(&mut self) -> bool {
        self.work_begun += 1;
        self.wants_again = false;
        self.wants_log
    }

    /// What was begun has ended, and whether it failed stands in `trouble`.
    pub(crate) fn end_work(&mut self) {
        self.work_ended = self.work_begun;
    }

    /// Asks the background to try again. Says which piece of work that will be.
    pub(super) fn ask_for_work(&mut self) -> u64 {
        self.wants_again = true;
        self.wants_log |= self.next_log.is_none();
        self.work_begun + 1
    }

    /// Whether this piece of work has ended.
    pub(super) fn has_ended(&self, work: u64) -> bool {
        self.work_ended >= work
    }

    pub(crate) fn poison_message(&self) -> Option<&str> {
        self.poison.as_ref().map(|poison| poison.message.as_str())
    }

    /// The last commit that may be shown: no commit that waits for its sync, and none behind one.
    pub(super) fn visible(&self) -> Lsn {
        self.waits
            .front()
            .map_or(self.last_lsn, |(_, previous)| *previous)
    }

    /// Notes that everything up to `lsn` is durable.
    pub(super) fn note_durable(&mut self, lsn: Lsn) {
        self.durable = self.durable.max(lsn);
        while self.waits.front().is_some_and(|(wait, _)| *wait <= lsn) {
            self.waits.pop_front();
        }
        if self.durable >= self.last_lsn {
            self.eventual_since = None;
        }
    }

    /// Bytes of the logs whose keys are in the memtable that commits go to.
    pub(crate) fn log_bytes(&self) -> u64 {
        let idle: u64 = self.idle.iter().map(|log| log.end).sum();
        idle + self.sealer.map_or(0, |sealer| sealer.batch_bytes())
    }

    /// Bytes that all memtables take.
    pub(crate) fn memory_bytes(&self) -> usize {
        let frozen = self
            .frozen
            .iter()
            .map(|frozen| frozen.memtable.memory_bytes());
        self.memtable.memory_bytes() + frozen.sum::<usize>()
    }

    /// Refuses if a sync has failed, after which nobody knows whether the commit `lsn` was kept.
    pub(super) fn check_known(&self, lsn: Lsn) -> Result<(), Error> {
        match &self.poison {
            Some(poison) => Err(Error::new(
                ErrorKind::Unknown,
                format!(
                    "whether commit {lsn} was kept is unknown: open the database again and look ({})",
                    poison.message
                ),
            )),
            None => Ok(()),
        }
    }

    /// Refuses if a sync has failed, or the database was closed.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.closed {
            return Err(Error::closed());
        }
        match &self.poison {
            Some(poison) => Err(Error::new(
                ErrorKind::Poisoned,
                format!(
                    "an earlier sync failed, so nothing more is written: open the database again ({})",
                    poison.message
                ),
            )),
            None => Ok(()),
        }
    }
}
