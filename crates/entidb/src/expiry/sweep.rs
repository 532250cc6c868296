//! Deleting what is due.

use super::carry::entity_of;
use super::due::{Due, EXPIRY};
use crate::back_off::back_off;
use crate::db::Database;
use crate::error::{ErrorKind, Result};
use crate::format::key::Key;
use crate::ids::{CollectionId, EntityId};
use crate::payload::Payload;
use crate::transaction::Transaction;
use crate::write_options::{Durability, Isolation};
use crate::writer::Writer;

/// So many times are worked off in one commit.
const CHUNK_COUNT: usize = 512;

/// A time as it is stored.
type Stored = (EntityId, Payload);

/// What a sweep comes to.
pub(super) struct Swept {
    /// How many entities it has deleted.
    pub(super) count: u64,
    /// When the next one is due, in microseconds since 1970.
    pub(super) next_us: Option<u64>,
}

impl Writer {
    /// Deletes every entity that was due at `now_us` or before, in commits of their own.
    pub(super) fn sweep(&self, now_us: u64, durability: Durability) -> Result<Swept> {
        let mut count = 0;
        let (mut chunk, mut attempt) = (CHUNK_COUNT, 1);
        loop {
            let transaction = Transaction::new(self.snapshot(), Isolation::Snapshot);
            let Some(times) = transaction.snapshot().view().catalog.find_any(EXPIRY) else {
                return Ok(Swept {
                    count,
                    next_us: None,
                });
            };
            let (due, next_us) = due(&transaction, times, now_us, chunk)?;
            if due.is_empty() {
                return Ok(Swept { count, next_us });
            }
            match self.work_off(transaction, times, &due, durability) {
                Ok(deleted) => {
                    count += deleted;
                    chunk = CHUNK_COUNT;
                    attempt = 1;
                }
                // One of them was put again meanwhile: the next snapshot knows that. Fewer at a time come through.
                Err(error) if error.kind() == ErrorKind::Conflict => {
                    chunk = (chunk / 2).max(1);
                    attempt += 1;
                    back_off(attempt);
                }
                Err(error) => return Err(error),
            }
            self.maintain();
        }
    }

    fn work_off(
        &self,
        mut transaction: Transaction,
        times: CollectionId,
        due: &[Stored],
        durability: Durability,
    ) -> Result<u64> {
        let mut count = 0;
        for (id, payload) in due {
            let stored = Key::new(times, *id);
            let due = Due::decode(*id, payload)?;
            if let Some(entity) = entity_of(transaction.snapshot(), &due)? {
                transaction.expire_any(entity)?;
                count += 1;
            }
            transaction.remove_any(stored)?;
        }
        self.committer.commit(transaction.finish(), durability)?;
        Ok(count)
    }
}

/// The first that are due, and the time of the first that is not.
fn due(
    transaction: &Transaction,
    times: CollectionId,
    now_us: u64,
    count: usize,
) -> Result<(Vec<Stored>, Option<u64>)> {
    let mut due = Vec::new();
    for stored in transaction.snapshot().range_in(Some(times), ..) {
        let (id, payload) = stored?;
        if id > Due::last_id(now_us) {
            return Ok((due, Some(Due::time_of(id))));
        }
        due.push((id, payload));
        if due.len() == count {
            break;
        }
    }
    Ok((due, None))
}

/// Deletes what is due, whenever something is. What the thread does.
pub(crate) fn run(writer: &Writer) {
    let now_us = || writer.environment.now_us();
    while writer.timer.wait(now_us) {
        let swept = writer.sweep(now_us(), Durability::Eventual);
        writer
            .timer
            .set_trouble(swept.as_ref().err().map(ToString::to_string));
        match swept {
            Ok(swept) => {
                if let Some(next_us) = swept.next_us {
                    writer.timer.note(next_us);
                }
            }
            Err(error) if matches!(error.kind(), ErrorKind::ReadOnly | ErrorKind::Poisoned) => {
                return;
            }
            // Once more in a second.
            Err(_) => writer.timer.note(now_us().saturating_add(1_000_000)),
        }
    }
}

impl Database {
    /// Sees to it that somebody expires what is due at `due_us`.
    pub(crate) fn expire_at(&self, writer: &Writer, due_us: Option<u64>) {
        if let Some(due_us) = due_us {
            writer.timer.note(due_us);
            self.start_expiring();
        }
    }
}
