//! Commit: the only place where an LSN is given out and success is told.
//!
//! Promises one of three answers: committed; not committed; unknown, after which nothing more is written. What is visible is
//! always a prefix of LSN order. Relies on the log to make batches durable or to cut them off, and on the manifest's editor to
//! have reserved what is given out. Must never know what a payload means.
//!
//! A commit is two steps. Under the queue's lock it is checked, gets its LSN and its place in the log, and goes into the
//! memtable, where nobody sees it yet. Then one of those who wait leads: it hands all sealed batches to the log and syncs once
//! (`group.rs`), while the next ones are sealed.

mod conflict;
mod group;
mod hold;
mod log;
mod mark;
mod names;
mod queue;

use std::sync::atomic::{AtomicU64, Ordering};

pub(crate) use conflict::{Later, check_versions, conflict, wrote_within};
pub(crate) use hold::Hold;
pub(crate) use queue::{NextLog, Queue, Refusal};

use crate::environment::Environment;
use crate::error::{Error, ErrorKind, Result};
use crate::feed::{self, Feed};
use crate::format::batch::Synced;
use crate::format::header;
use crate::ids::{CollectionId, Lsn, StreamId};
use crate::index::Derived;
use crate::log::{Draft, Item, Log};
use crate::manifest::Editor;
use crate::memtable::Batch;
use crate::options::Options;
use crate::reserve::Reserve;
use crate::snapshot::Snapshot;
use crate::sync::{Arc, Condvar, Instant, Mutex, MutexGuard, PoisonError};
use crate::transaction::Finished;
use crate::view::Published;
use crate::write_options::{Durability, Receipt};
use queue::Pending;

/// So many bytes of commits that nobody waits for are handed to the log at once.
const HAND_OVER_BYTES: u64 = 512 << 10;
/// So many bytes may wait to be handed over, before commits wait for that.
const PENDING_BYTES_MAX: u64 = 16 << 20;
/// A commit above this waits for its sync, since its records are not kept in memory where they could be shown from before.
const EVENTUAL_LEN_MAX: usize = 4 << 20;

/// Takes commits.
pub(crate) struct Committer {
    queue: Mutex<Queue>,
    /// Woken when a group is done, a checkpoint is made, or a log is there.
    changed: Condvar,
    /// Woken when there is something to hand over.
    pub(crate) flusher: Condvar,
    /// Woken when there is something to do in the background.
    pub(crate) worker: Condvar,
    /// Woken when there may be something to merge.
    pub(crate) compactor: Condvar,
    logs: Mutex<Logs>,
    /// Woken when a log that was turned away from is synced.
    retired: Condvar,
    /// Held while a log is opened.
    opening: Mutex<()>,
    /// Held while the catalog is shown.
    showing: Mutex<()>,
    pub(crate) published: Arc<Published>,
    pub(crate) directory: Arc<dyn entidb_storage::Directory>,
    pub(crate) editor: Arc<Editor>,
    pub(crate) environment: Arc<Environment>,
    pub(crate) options: Options,
    pub(crate) reserve: Reserve,
    pub(crate) feed: Arc<Feed>,
    pub(crate) counters: Counters,
}

/// The logs that are open for appending, under their lock. Whoever leads has it.
pub(crate) struct Logs {
    pub(crate) active: Option<Log>,
    /// Listed by the manifest and still empty: commits may be sealed for it already.
    pub(crate) next: Option<Log>,
    /// Logs that were turned away from and not taken by a checkpoint yet, in order.
    pub(crate) retired: Vec<Log>,
    /// Whether a checkpoint is syncing one of these.
    pub(crate) syncing: bool,
    /// Whether such a sync has failed.
    pub(crate) failed: bool,
    /// The last commit that was handed over.
    pub(crate) last_lsn: Lsn,
    /// How far there is room in which log for certain, in bytes.
    reserved: Option<(StreamId, u64)>,
}

impl Logs {
    fn none(last_lsn: Lsn) -> Self {
        Self {
            active: None,
            next: None,
            retired: Vec::new(),
            syncing: false,
            failed: false,
            last_lsn,
            reserved: None,
        }
    }
}

/// What this handle has done since it was opened.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) commits: AtomicU64,
    pub(crate) syncs: AtomicU64,
    pub(crate) checkpoints: AtomicU64,
    pub(crate) conflicts: AtomicU64,
    pub(crate) compactions: AtomicU64,
    /// The longest time that a commit was held up by anything but its own sync, in microseconds.
    pub(crate) stall_us_max: AtomicU64,
}

impl Counters {
    pub(crate) fn sync(&self) {
        self.syncs.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn compaction(&self) {
        self.compactions.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn checkpoint(&self) {
        self.checkpoints.fetch_add(1, Ordering::Relaxed);
    }
}

impl Committer {
    pub(crate) fn new(
        directory: Arc<dyn entidb_storage::Directory>,
        editor: Arc<Editor>,
        environment: Arc<Environment>,
        options: Options,
        published: Arc<Published>,
        feed: Arc<Feed>,
        queue: Queue,
    ) -> Self {
        let logs = Logs::none(queue.last_lsn());
        let reserve = Reserve::new(Arc::clone(&directory), options.reserve_bytes);
        Self {
            reserve,
            queue: Mutex::new(queue),
            changed: Condvar::new(),
            flusher: Condvar::new(),
            worker: Condvar::new(),
            compactor: Condvar::new(),
            logs: Mutex::new(logs),
            retired: Condvar::new(),
            opening: Mutex::new(()),
            showing: Mutex::new(()),
            published,
            directory,
            editor,
            environment,
            options,
            feed,
            counters: Counters::default(),
        }
    }

    /// The queue. If somebody has panicked while holding it, nothing more is written.
    pub(crate) fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(|panicked| {
            let mut queue = panicked.into_inner();
            queue.poison_once(Refusal::panicked());
            queue
        })
    }

    pub(crate) fn logs(&self) -> MutexGuard<'_, Logs> {
        self.logs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn wait_changed<'a>(&self, queue: MutexGuard<'a, Queue>) -> MutexGuard<'a, Queue> {
        self.changed
            .wait(queue)
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until a checkpoint has synced the log that it took.
    fn wait_retired<'a>(&self, logs: MutexGuard<'a, Logs>) -> MutexGuard<'a, Logs> {
        self.retired
            .wait(logs)
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn notify(&self) {
        self.changed.notify_all();
        self.flusher.notify_all();
        self.worker.notify_all();
        self.compactor.notify_all();
    }

    /// Has the background look for what is to be merged.
    pub(crate) fn want_compaction(&self) {
        self.queue().wants_compaction = true;
        self.notify();
    }

    /// Tells those who wait for the background that it has ended a piece of work.
    pub(crate) fn end_work(&self) -> MutexGuard<'_, Queue> {
        let mut queue = self.queue();
        queue.end_work();
        self.changed.notify_all();
        queue
    }

    /// Notes why the log that comes next could not be made, for those who wait for it. It is still wanted.
    pub(crate) fn note_no_log(&self, error: &Error) {
        let mut queue = self.queue();
        queue.trouble = Some(Refusal::of(error));
        queue.wants_log = true;
        self.changed.notify_all();
    }

    /// Waits until everything pending was handed to its log, and every log but the current one was turned away from.
    pub(crate) fn settle<'a>(
        &'a self,
        mut queue: MutexGuard<'a, Queue>,
    ) -> Result<MutexGuard<'a, Queue>> {
        loop {
            while queue.leading {
                queue = self.wait_changed(queue);
            }
            if let Some(message) = queue.poison_message() {
                return Err(Error::new(ErrorKind::Poisoned, message));
            }
            let logs = self.logs();
            let active = logs.active.as_ref().map(|log| log.stream().id);
            drop(logs);
            if queue.pending.is_empty() && active == queue.sealer.map(|sealer| sealer.stream) {
                return Ok(queue);
            }
            // Where it is refused, its commits are gone, and the next turn has the log to turn away from alone.
            queue = self.lead(queue, false);
        }
    }

    /// Notes that everything up to `lsn` is durable, and shows what waited for that.
    pub(crate) fn note_durable(&self, queue: &mut Queue, lsn: Lsn) {
        queue.note_durable(lsn);
        self.show_durable(queue);
        self.changed.notify_all();
    }

    /// Shows what may be shown, and tells followers what is durable of it.
    fn show_durable(&self, queue: &Queue) {
        self.published.show(queue.visible());
        // Shown first: who hears of a commit finds it in a snapshot.
        self.feed.bell.ring(queue.durable);
    }

    /// Takes a log that was turned away from, to sync and close it. Whoever makes something durable meanwhile waits until
    /// [`give_back_retired`](Self::give_back_retired).
    pub(crate) fn take_retired(&self, id: StreamId) -> Option<Log> {
        let mut logs = self.logs();
        let place = logs.retired.iter().position(|log| log.stream().id == id)?;
        logs.syncing = true;
        Some(logs.retired.remove(place))
    }

    /// Says that the log which was taken is synced, or that this failed.
    pub(crate) fn give_back_retired(&self, failed: bool) {
        let mut logs = self.logs();
        logs.syncing = false;
        logs.failed |= failed;
        self.retired.notify_all();
    }

    /// Takes the log that is appended to, and the one that comes next.
    pub(crate) fn take_logs(&self) -> (Option<Log>, Option<Log>) {
        let mut logs = self.logs();
        (logs.active.take(), logs.next.take())
    }

    /// Lets go of all logs.
    pub(crate) fn close_logs(&self) {
        let mut queue = self.queue();
        queue.sealer = None;
        queue.next_log = None;
        let last_lsn = self.logs().last_lsn;
        *self.logs() = Logs::none(last_lsn);
    }

    /// Commits a transaction: makes it durable, if it is to be, then visible.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`], [`ErrorKind::Full`], [`ErrorKind::Io`] or [`ErrorKind::Poisoned`]: it is not there and never
    /// will be. [`ErrorKind::Unknown`]: only opening again tells.
    pub(crate) fn commit(&self, finished: Finished, durability: Durability) -> Result<Receipt> {
        if finished.writes.is_empty() && finished.derived.is_none() {
            // It is what it read: one moment.
            let lsn = finished.snapshot.lsn();
            let durable = self.queue().durable() >= lsn;
            return Ok(Receipt { lsn, durable });
        }
        let Finished {
            snapshot,
            mut writes,
            mut derived,
            made,
            reads,
            drops,
            spilled,
            versions,
        } = finished;
        debug_assert!(spilled.is_none(), "what was spilled is not in the log");
        let since = snapshot.lsn();
        self.make_collections(&mut writes, made)?;
        let mut records = writes.finish();
        let (queue, waits) = loop {
            let notes = self.feed.keep.notes();
            records = feed::note(records, notes, &snapshot)?;
            let entries = match derived.take() {
                Some(built) => built,
                None => self.derive(&snapshot, &records)?,
            };
            let own = (records.0.len(), records.1.len());
            records.0.extend_from_slice(&entries.records);
            records.1.extend_from_slice(&entries.items);
            let waits = durability == Durability::Sync || records.0.len() > EVENTUAL_LEN_MAX;
            let queue = self.enter(&records, drops)?;
            let (view, _) = self.published.get();
            if !entries.is_under(&view.catalog) && entries.built {
                return Err(conflict::conflict("an index that it builds was dropped"));
            }
            // Notes become more under the queue's lock alone, and indexes come and go: if they did while it waited, all is told
            // anew.
            if self.feed.keep.notes() <= notes && entries.is_under(&view.catalog) {
                conflict::check_versions(&view, &versions)
                    .and_then(|()| {
                        let (items, reads) = (&records.1, reads.as_ref());
                        self.check_conflicts(&queue, &view, since, items, &entries, reads)
                    })
                    .inspect_err(|_| {
                        self.counters.conflicts.fetch_add(1, Ordering::Relaxed);
                    })?;
                break (queue, waits);
            }
            drop(queue);
            records.0.truncate(own.0);
            records.1.truncate(own.1);
            derived = entries.built.then_some(entries);
        };
        // It holds streams and memtables that others wait to let go of.
        drop(snapshot);
        let ((body, items), mut queue) = (records, queue);
        let lsn = queue.next_lsn;
        let draft = Draft {
            lsn,
            previous: queue.last_lsn,
            time_us: self.environment.now_us(),
            body,
        };
        let synced = queue.synced;
        let Some(sealer) = queue.sealer.as_mut() else {
            return Err(Error::invalid("there is no log"));
        };
        let batch = sealer.seal(
            draft,
            &items,
            synced.unwrap_or(Synced {
                log: sealer.stream,
                offset: header::LEN as u64,
            }),
        )?;
        // Given out, whatever becomes of it: a reader beside us may see it before we know.
        queue.next_lsn = Lsn(lsn.0 + 1);
        let in_memory = Batch {
            lsn,
            stream: batch.header.log,
            body_at: batch.body_at(),
            body: batch.body.clone(),
        };
        queue.memtable.insert(in_memory, items);
        self.want_next_log(&mut queue);
        queue.pending_bytes += batch.len();
        queue.pending.push(Pending { batch, waits });
        let previous = std::mem::replace(&mut queue.last_lsn, lsn);
        if waits {
            queue.waits.push_back((lsn, previous));
            drop(self.wait(queue, lsn)?);
        } else {
            if queue.eventual_since.is_none() {
                queue.eventual_since = Some(Instant::now());
                self.flusher.notify_one();
            }
            self.published.show(queue.visible());
            self.hand_over(queue);
        }
        self.counters.commits.fetch_add(1, Ordering::Relaxed);
        Ok(Receipt {
            lsn,
            durable: waits,
        })
    }

    /// Derives the index entries of a transaction's records, under the catalog as it is now.
    fn derive(&self, snapshot: &Snapshot, (body, items): &(Vec<u8>, Vec<Item>)) -> Result<Derived> {
        // Without indexes, that costs a look at the catalog.
        let catalog = self.published.read(|view, _| {
            let catalog = &view.catalog;
            match catalog.indexes.is_empty() {
                true => Err(catalog.version),
                false => Ok(Arc::clone(catalog)),
            }
        });
        match catalog {
            Ok(catalog) => Derived::of(&catalog, snapshot, body, items),
            Err(version) => Ok(Derived::none(version)),
        }
    }

    /// Waits until these records can be sealed.
    fn enter(
        &self,
        (body, items): &(Vec<u8>, Vec<Item>),
        drops: Option<CollectionId>,
    ) -> Result<MutexGuard<'_, Queue>> {
        let frees = items.iter().all(Item::frees);
        let mut queue = self.ready(body.len(), frees)?;
        // Behind a drop, a record of the collection would be lost with its name.
        while drops.is_none() && queue.is_dropping_any(items) {
            drop(self.wait_changed(queue));
            queue = self.ready(body.len(), frees)?;
        }
        Ok(queue)
    }

    /// Has the log that comes next made while there is time.
    fn want_next_log(&self, queue: &mut Queue) {
        if self.options.background
            && queue.next_log.is_none()
            && !queue.wants_log
            && self.is_grown(queue, 2)
        {
            queue.wants_log = true;
            self.worker.notify_one();
        }
    }

    /// Sees to it that commits which nobody waits for come to the log by and by.
    fn hand_over(&self, queue: MutexGuard<'_, Queue>) {
        if queue.pending_bytes < HAND_OVER_BYTES {
            return;
        }
        if self.options.background {
            self.flusher.notify_one();
        } else if !queue.leading {
            drop(self.lead(queue, true));
        }
    }

    /// Waits until everything up to `lsn` is durable.
    pub(crate) fn wait_durable(&self, lsn: Lsn) -> Result<()> {
        let queue = self.queue();
        if lsn > queue.last_lsn {
            return Err(Error::invalid(format!(
                "commit {lsn} has not been made: the last one is {}",
                queue.last_lsn
            )));
        }
        self.wait_for(queue, lsn).map(drop)
    }

    /// Makes everything durable that was committed. Returns the last durable commit.
    pub(crate) fn sync(&self) -> Result<Lsn> {
        let queue = self.queue();
        let lsn = queue.last_lsn;
        let queue = self.wait_for(queue, lsn)?;
        // That one may have been refused meanwhile.
        Ok(queue.durable)
    }

    /// Waits until a commit of `len` bytes can be sealed: there is a log with room for it, and the memtables are not above
    /// their bound. One that only deletes (`frees`) may take the room that is kept for a full disk.
    fn ready(&self, len: usize, frees: bool) -> Result<MutexGuard<'_, Queue>> {
        let mut held_up: Option<Instant> = None;
        let mut asked: Option<u64> = None;
        let mut queue = self.queue();
        loop {
            self.check_manifest(&mut queue, None);
            queue.check()?;
            if queue.held {
                held_up.get_or_insert_with(Instant::now);
                queue = self.wait_changed(queue);
            } else if self.is_due(&queue) && queue.next_log.is_some() {
                self.rotate(&mut queue);
                self.notify();
            } else if self.is_over_budget(&queue) {
                if let Some(error) = queue.trouble.as_ref().map(Refusal::error) {
                    // What stood in the background's way may be gone: it is asked to look again.
                    let work = *asked.get_or_insert_with(|| queue.ask_for_work());
                    if queue.has_ended(work) {
                        return Err(error);
                    }
                    self.worker.notify_one();
                }
                held_up.get_or_insert_with(Instant::now);
                queue = self.wait_changed(queue);
            } else if queue.sealer.is_none() {
                drop(queue);
                held_up.get_or_insert_with(Instant::now);
                match self.open_log() {
                    Err(error)
                        if error.kind() == ErrorKind::Full && frees && self.reserve.give_up() =>
                    {
                        self.open_log()?;
                    }
                    opened => opened?,
                }
                queue = self.queue();
            } else if queue.next_lsn >= queue.lsn_ceiling {
                let next = queue.next_lsn;
                drop(queue);
                let ceiling = self.editor.reserve_lsns(next)?;
                queue = self.queue();
                queue.lsn_ceiling = ceiling;
            } else if queue.lacks_room(len) {
                queue = if queue.leading {
                    self.wait_changed(queue)
                } else {
                    self.make_room(queue, len, frees)?
                };
            } else if queue.pending_bytes > PENDING_BYTES_MAX {
                held_up.get_or_insert_with(Instant::now);
                queue = if queue.leading {
                    self.wait_changed(queue)
                } else {
                    self.lead(queue, false)
                };
            } else {
                if let Some(since) = held_up {
                    let us = u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX);
                    self.counters.stall_us_max.fetch_max(us, Ordering::Relaxed);
                }
                return Ok(queue);
            }
        }
    }

    /// If nobody knows which manifest a crash would leave, nothing more is written. `why` is what has failed, if that is known.
    pub(crate) fn check_manifest(&self, queue: &mut Queue, why: Option<&Refusal>) {
        if self.editor.is_unknown() {
            queue.poison_once(why.cloned().unwrap_or_else(|| Refusal {
                kind: ErrorKind::Poisoned,
                message: "replacing the manifest failed".to_owned(),
            }));
        }
    }

    /// Whether the log, or the keys in memory, have grown to their bound.
    pub(crate) fn is_due(&self, queue: &Queue) -> bool {
        !queue.memtable.is_empty()
            && (self.is_grown(queue, 1) || queue.idle.len() > IDLE_LOG_COUNT_MAX)
    }

    /// Whether the log, or the keys in memory, have grown to this part of their bound.
    fn is_grown(&self, queue: &Queue, part: u64) -> bool {
        queue.log_bytes() * part >= self.options.checkpoint_log_bytes
            || queue.memtable.memory_bytes() as u64 * part >= self.options.memtable_bytes / 2
    }

    /// Whether commits have to wait for a checkpoint, or for the log that comes next.
    fn is_over_budget(&self, queue: &Queue) -> bool {
        self.options.background
            && (!queue.frozen.is_empty()
                && queue.memory_bytes() as u64 >= self.options.memtable_bytes
                || queue.wants_log && queue.log_bytes() >= 2 * self.options.checkpoint_log_bytes)
    }
}

/// How many logs may wait for a checkpoint. Each crash adds one.
const IDLE_LOG_COUNT_MAX: usize = 8;
