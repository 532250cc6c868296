//! Commit: the only place where an LSN is given out and success is told.
//!
//! Promises one of three answers: committed; not committed; unknown, after which nothing more is written. Relies on the log to
//! make a batch durable or to cut it off, and on the writer to have reserved what is given out. Must never know what a payload
//! means.

use std::sync::Arc;

use crate::error::{Error, ErrorKind, Result};
use crate::format::key::Key;
use crate::format::record::{self, Kind};
use crate::ids::{Lsn, StreamId};
use crate::log::{Draft, Failure};
use crate::manifest::Catalog;
use crate::memtable::Location;
use crate::transaction::WriteSet;
use crate::writer::Writer;

/// How many logs may wait for a checkpoint. Each crash adds one.
const IDLE_LOG_COUNT_MAX: usize = 8;
/// How many versions the memtable may have: about 60 MB.
const MEMTABLE_COUNT_MAX: usize = 400_000;

impl Writer {
    /// Makes the transaction durable, then visible.
    pub(crate) fn commit(&mut self, writes: WriteSet) -> Result<Lsn> {
        self.check()?;
        if writes.body.is_empty() {
            return Ok(self.last_lsn);
        }
        self.begin_session()?;
        if let Some(catalog) = writes.catalog {
            self.create_collections(catalog)?;
        }
        self.ensure_log()?;
        let lsn = self.reserve_lsn()?;
        let mut draft = Draft {
            lsn,
            previous: self.last_lsn,
            time_us: self.environment.now_us(),
            body: writes.body,
        };
        // Given out, whatever becomes of it: a reader beside us may see it before we know.
        self.next_lsn = Lsn(lsn.0 + 1);
        let log = self.ensure_log()?;
        let stream = log.stream().id;
        let answer = log.commit(&mut draft);
        self.counters.syncs += 1;
        match answer {
            Ok(body_at) => {
                self.last_lsn = lsn;
                self.counters.commits += 1;
                self.memtable()
                    .insert(locations(&draft.body, stream, body_at, lsn));
                self.published.show(lsn);
                self.checkpoint_if_due();
                Ok(lsn)
            }
            Err(Failure::Refused(error)) => Err(error),
            Err(Failure::Unknown(error)) => {
                self.poisoned = true;
                Err(Error::new(
                    ErrorKind::Unknown,
                    format!(
                        "whether commit {lsn} was kept is unknown: open the database again and look"
                    ),
                )
                .because(error))
            }
        }
    }

    /// Makes new collections durable, before a batch names them. If the commit then fails, they stay, empty.
    fn create_collections(&mut self, catalog: Catalog) -> Result<()> {
        // ORDER: a batch whose collection the manifest does not know would be damage; one line earlier a crash leaves
        // neither.
        self.edit(|manifest| manifest.catalog = catalog)?;
        let catalog = Arc::new(self.manifest.catalog.clone());
        self.published.change(|view| view.catalog = catalog);
        Ok(())
    }

    /// Makes a checkpoint if the logs, or the keys in memory, have grown to their bound. The commit that came before is
    /// durable whatever becomes of it: a checkpoint that failed is shown in the stats, and tried again when the logs have
    /// grown by another quarter of their bound.
    fn checkpoint_if_due(&mut self) {
        let bytes = self.uncovered_bytes();
        let due = bytes >= self.options.checkpoint_log_bytes
            || self.memtable().len() >= MEMTABLE_COUNT_MAX
            || self.idle.len() > IDLE_LOG_COUNT_MAX;
        if !due || bytes < self.checkpoint_again_bytes {
            return;
        }
        // Its failure is kept for the stats.
        let _ = self.checkpoint();
    }
}

/// Where each record of a batch lies, whose records begin at `body_at` in `stream`.
pub(crate) fn locations(
    body: &[u8],
    stream: StreamId,
    body_at: u64,
    lsn: Lsn,
) -> impl Iterator<Item = (Key, Location)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = body.get(at..).filter(|rest| !rest.is_empty())?;
        let header = record::Header::decode(rest).ok()?;
        let len = u32::try_from(header.record_len()).ok()?;
        let location = Location {
            lsn,
            stream,
            offset: body_at + at as u64,
            len,
            tombstone: header.kind == Kind::Tombstone,
        };
        at += usize::try_from(len).ok()?;
        Some((Key::new(header.collection, header.id), location))
    })
}
