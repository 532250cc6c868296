//! From a source to durable commits.
//!
//! One thread reads, parses and cuts batches; this one commits them, each as one transaction. A batch is committed whole or
//! not at all, in the order of the input. Memory is bounded in bytes, whatever the entities are like: the parser begins a
//! batch only when what is not yet committed is below [`IN_FLIGHT_BYTES_MAX`].
//!
//! Where each batch is acknowledged, it is durable before that. Where nobody is told before the end, commits do not wait, and
//! all are synced at the end, however it comes: what is told to be durable is.
//!
//! Or all batches are one transaction, which is committed when the input has come to its end.

use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

use entidb::{Database, Durability, EntityId, Lsn, Payload, Transaction, WriteOptions};

use super::entity::Entity;
use super::progress::Watch;
use super::source::{Fault, Source};
use super::stop::{Reason, Stop};
use super::whole::Whole;

/// A batch with so many bytes is committed, however few entities it has.
const BATCH_BYTES: usize = 8 << 20;

/// While more than this waits to be committed, no further batch is begun.
const IN_FLIGHT_BYTES_MAX: usize = 8 << 20;

/// So many commits that nobody has waited for are synced at once: a bound on what a failed sync leaves uncertain.
const UNSYNCED_COUNT_MAX: usize = 1024;

/// What an entity takes beside its payload, about, in bytes.
const OVERHEAD_LEN: usize = 100;

/// How many bad lines are told one by one.
const BAD_TOLD_MAX: u64 = 5;

/// What to import into, and how.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) collection: String,
    pub(crate) id_field: Option<String>,
    pub(crate) batch_count: usize,
    pub(crate) skip_bad: bool,
    /// Whether all of it is one transaction.
    pub(crate) atomic: bool,
}

/// What came in, and is durable.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally {
    pub(crate) entities: u64,
    /// How many more were committed, and are perhaps not durable, since a sync has failed.
    pub(crate) uncertain: u64,
    /// How many of them took the place of one with the same id.
    pub(crate) replaced: u64,
    pub(crate) skipped: u64,
    /// Bytes of input.
    pub(crate) bytes: u64,
    pub(crate) time: Duration,
}

enum Message {
    Batch(Batch),
    /// A bad line was left out: where, and why.
    Bad(String, String),
    /// The last message: how many bad lines were left out, or what ended it.
    End(Result<u64, Fault>),
}

#[derive(Default)]
pub(super) struct Batch {
    pub(super) entities: Vec<Item>,
    bytes: usize,
}

pub(super) struct Item {
    id: EntityId,
    /// Made just now, so that there is none like it.
    new: bool,
    payload: Payload,
}

/// Imports all that `source` has.
pub(crate) fn import(
    db: &Database,
    plan: Plan,
    source: Box<dyn Source>,
    watch: &mut Watch,
) -> Result<Tally, Stop> {
    let start = Instant::now();
    let mut tally = Tally::default();
    let mut unsynced = Vec::new();
    let ended = run(db, plan, source, watch, &mut tally, &mut unsynced);
    let synced = sync(db, &mut tally, &mut unsynced);
    let ended = ended.and(synced);
    tally.bytes = watch.read_bytes();
    tally.time = start.elapsed();
    match ended {
        Ok(()) => Ok(tally),
        Err(reason) => Err(Stop { tally, reason }),
    }
}

fn run(
    db: &Database,
    plan: Plan,
    source: Box<dyn Source>,
    watch: &mut Watch,
    tally: &mut Tally,
    unsynced: &mut Vec<Committed>,
) -> Result<(), Reason> {
    let durability = match watch.acknowledges() {
        true => Durability::Sync,
        false => Durability::Eventual,
    };
    let (messages, received) = mpsc::channel();
    let (committed, done) = mpsc::channel();
    let collection = plan.collection.clone();
    let mut whole = plan.atomic.then(|| Whole::begin(db));
    let parser = Parser {
        plan,
        source,
        messages,
        done,
        in_flight_bytes: 0,
        skipped: 0,
    };
    // Not joined: if a commit fails, it may be waiting for input that never comes.
    thread::Builder::new()
        .name("parser".to_owned())
        .spawn(|| parser.run())
        .map_err(|_| Reason::Thread)?;
    for message in received {
        match message {
            Message::Batch(batch) => {
                if let Some(whole) = &mut whole {
                    whole.add(&collection, &batch).map_err(Reason::Engine)?;
                } else {
                    let (committed_batch, durable) =
                        commit(db, &collection, &batch, durability).map_err(Reason::Engine)?;
                    if durable {
                        sync(db, tally, unsynced)?;
                        tally.add(&committed_batch);
                    } else {
                        unsynced.push(committed_batch);
                    }
                }
                let ids = batch.entities.iter().map(|item| item.id);
                watch.committed(ids).map_err(Reason::Ack)?;
                if unsynced.len() >= UNSYNCED_COUNT_MAX {
                    sync(db, tally, unsynced)?;
                }
                let bytes = batch.bytes;
                drop(batch);
                // The parser has gone if it has read everything.
                let _ = committed.send(bytes);
            }
            Message::Bad(place, why) => watch.bad(&place, &why),
            Message::End(end) => {
                tally.skipped = end.map_err(Reason::Fault)?;
                let committed = whole.map(|whole| whole.commit(db, tally));
                return committed.unwrap_or(Ok(())).map_err(Reason::Engine);
            }
        }
    }
    Err(Reason::Thread)
}

/// A batch that was committed.
struct Committed {
    lsn: Lsn,
    entities: u64,
    replaced: u64,
}

impl Tally {
    fn add(&mut self, batch: &Committed) {
        self.entities += batch.entities;
        self.replaced += batch.replaced;
    }
}

/// Makes durable what was committed without waiting for it, and counts what is.
fn sync(db: &Database, tally: &mut Tally, unsynced: &mut Vec<Committed>) -> Result<(), Reason> {
    if unsynced.is_empty() {
        return Ok(());
    }
    let synced = db.sync();
    let durable = match &synced {
        Ok(lsn) => Some(*lsn),
        // What was synced before stays counted.
        Err(_) => db.stats().ok().map(|stats| stats.durable_lsn),
    };
    for batch in unsynced.drain(..) {
        match durable.is_some_and(|durable| batch.lsn <= durable) {
            true => tally.add(&batch),
            false => tally.uncertain += batch.entities,
        }
    }
    synced.map(drop).map_err(Reason::Engine)
}

/// Commits a batch. Says whether it is durable.
fn commit(
    db: &Database,
    collection: &str,
    batch: &Batch,
    durability: Durability,
) -> entidb::Result<(Committed, bool)> {
    let options = WriteOptions::new().durability(durability);
    let (replaced, receipt) = db.write_with(&options, |tx| put(tx, collection, batch))?;
    let committed = Committed {
        lsn: receipt.lsn,
        entities: batch.entities.len() as u64,
        replaced,
    };
    Ok((committed, receipt.durable))
}

/// Puts a batch. Says how many entities of it took the place of others.
pub(super) fn put(tx: &mut Transaction, collection: &str, batch: &Batch) -> entidb::Result<u64> {
    let mut replaced = 0;
    for item in &batch.entities {
        if !item.new && tx.contains(collection, item.id)? {
            replaced += 1;
        }
        tx.put_payload(collection, item.id, &item.payload)?;
    }
    Ok(replaced)
}

/// The thread that reads.
struct Parser {
    plan: Plan,
    source: Box<dyn Source>,
    messages: Sender<Message>,
    /// The bytes of each batch that is committed.
    done: Receiver<usize>,
    in_flight_bytes: usize,
    skipped: u64,
}

/// Why the parser ends before the input does.
enum Halt {
    Fault(Fault),
    /// The committing thread has given up, and has told why.
    Gone,
}

impl Parser {
    fn run(mut self) {
        let end = match self.parse() {
            Ok(()) => Ok(self.skipped),
            Err(Halt::Fault(fault)) => Err(fault),
            Err(Halt::Gone) => return,
        };
        // Nobody is left if that fails.
        let _ = self.messages.send(Message::End(end));
    }

    fn parse(&mut self) -> Result<(), Halt> {
        let mut cbor = Vec::new();
        loop {
            self.wait_for_room()?;
            let mut batch = Batch::default();
            let more = self.fill(&mut batch, &mut cbor)?;
            if !batch.entities.is_empty() {
                self.in_flight_bytes += batch.bytes;
                self.send(Message::Batch(batch))?;
            }
            if !more {
                return Ok(());
            }
        }
    }

    /// Fills a batch; false at the end of the input.
    fn fill(&mut self, batch: &mut Batch, cbor: &mut Vec<u8>) -> Result<bool, Halt> {
        while batch.entities.len() < self.plan.batch_count && batch.bytes < BATCH_BYTES {
            cbor.clear();
            match self.entity(cbor) {
                Ok(Some(entity)) => {
                    batch.bytes += entity.payload.as_bytes().len() + OVERHEAD_LEN;
                    batch.entities.push(Item {
                        id: entity.id.unwrap_or_else(EntityId::new),
                        new: entity.id.is_none(),
                        payload: entity.payload,
                    });
                }
                Ok(None) => return Ok(false),
                Err(Fault::Bad {
                    place,
                    why,
                    fatal: false,
                }) if self.plan.skip_bad => {
                    self.skipped += 1;
                    if self.skipped <= BAD_TOLD_MAX {
                        self.send(Message::Bad(place, why))?;
                    }
                }
                Err(fault) => return Err(Halt::Fault(fault)),
            }
        }
        Ok(true)
    }

    fn entity(&mut self, cbor: &mut Vec<u8>) -> Result<Option<Entity>, Fault> {
        if !self.source.next(cbor)? {
            return Ok(None);
        }
        match Entity::part(cbor, self.plan.id_field.as_deref()) {
            Ok(entity) => Ok(Some(entity)),
            Err(why) => Err(Fault::bad(self.source.place(), why)),
        }
    }

    fn wait_for_room(&mut self) -> Result<(), Halt> {
        for bytes in self.done.try_iter() {
            self.in_flight_bytes = self.in_flight_bytes.saturating_sub(bytes);
        }
        while self.in_flight_bytes > IN_FLIGHT_BYTES_MAX {
            let bytes = self.done.recv().map_err(|_| Halt::Gone)?;
            self.in_flight_bytes = self.in_flight_bytes.saturating_sub(bytes);
        }
        Ok(())
    }

    fn send(&self, message: Message) -> Result<(), Halt> {
        self.messages.send(message).map_err(|_| Halt::Gone)
    }
}
