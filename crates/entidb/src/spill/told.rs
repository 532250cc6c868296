//! The log that tells followers of a large commit.

use super::ground::Ground;
use super::held::Held;
use crate::error::Result;
use crate::format::name::StreamKind;
use crate::ids::Lsn;
use crate::log::{Failure, Log, unfooted};
use crate::manifest::SealedEntry;
use crate::stream::Stream;
use crate::sync::Arc;

/// Durable, and of no effect until the manifest lists it.
pub(crate) struct Told {
    entry: SealedEntry,
    stream: Stream,
    pub(super) held: Arc<Held>,
}

impl Told {
    /// Makes the log durable, and closes it.
    pub(crate) fn end(mut log: Log, held: Arc<Held>) -> Result<Self> {
        held.note_sync();
        // ORDER: it is durable, with its name, before the manifest lists it; one line earlier a crash leaves a stream that no manifest
        // names.
        log.flush(false).map_err(|failure| match failure {
            Failure::Refused(error) | Failure::Unknown(error) => error,
        })?;
        let stream = log.stream().clone();
        let entry = unfooted(&stream, log.end(), &log.tally())?;
        log.close()?;
        Ok(Self {
            entry,
            stream,
            held,
        })
    }

    /// As the manifest lists it for the commit `lsn`.
    pub(super) fn entry(&self, lsn: Lsn) -> SealedEntry {
        SealedEntry {
            first_lsn: lsn,
            last_lsn: lsn,
            ..self.entry
        }
    }

    /// As followers read it.
    pub(super) fn stream(&self, lsn: Lsn) -> Arc<Stream> {
        Arc::new(Stream {
            one_commit: Some(lsn),
            ..self.stream.clone()
        })
    }
}

impl Ground {
    /// A log that is yet to be listed.
    pub(crate) fn make_log(self: &Arc<Self>) -> Result<(Log, Arc<Held>)> {
        let _open = self.enter()?;
        let held = self.stream(StreamKind::Log)?;
        let salt = self.environment.salt();
        self.note_sync();
        let log = Log::create(&*self.directory, held.id(), self.database, salt)?;
        Ok((log, held))
    }

    pub(crate) fn now_us(&self) -> u64 {
        self.environment.now_us()
    }
}
