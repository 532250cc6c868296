//! Which logs there are for a follower to read, and how far they are durable: in the process of the writer, or beside it.

use std::sync::Arc;

use super::bell::Woken;
use super::beside::Beside;
use super::live::Live;
use crate::error::Result;
use crate::ids::{CollectionId, Lsn, StreamId};
use crate::stream::Stream;
use crate::sync::Instant;

/// A log, or a segment that was one.
#[derive(Clone)]
pub(crate) struct LogRef {
    pub(crate) stream: Arc<Stream>,
    /// Where it ends, in bytes, if that is before the end of the stream.
    pub(crate) end: Option<u64>,
}

impl LogRef {
    pub(crate) fn id(&self) -> StreamId {
        self.stream.id
    }
}

/// The logs that a follower may have to read, at one moment.
pub(crate) struct Logs {
    /// Up to here, commits are not kept any more.
    pub(crate) floor: Lsn,
    /// In LSN order.
    pub(crate) list: Vec<LogRef>,
}

/// Where a follower reads.
pub(crate) enum Source {
    /// In the process of the writer.
    Live(Live),
    /// Beside a writer, in another process, or without one.
    Beside(Box<Beside>),
}

impl Source {
    /// The last commit that is durable for certain.
    pub(crate) fn durable(&mut self) -> Result<Lsn> {
        match self {
            Self::Live(live) => Ok(live.durable()),
            Self::Beside(beside) => beside.durable(),
        }
    }

    /// The logs with commits above `after`.
    pub(crate) fn logs(&mut self, after: Lsn) -> Result<Logs> {
        match self {
            Self::Live(live) => live.logs(after),
            Self::Beside(beside) => beside.logs(after),
        }
    }

    /// The name of a collection, also of one that was dropped.
    pub(crate) fn name(&mut self, id: CollectionId) -> Option<Arc<str>> {
        match self {
            Self::Live(live) => live.name(id),
            Self::Beside(beside) => beside.name(id),
        }
    }

    /// Rises when a log may be another than it was.
    pub(crate) fn generation(&self) -> u64 {
        match self {
            Self::Live(_) => 0,
            Self::Beside(beside) => beside.edit(),
        }
    }

    /// Notes that everything up to `lsn` was read.
    pub(crate) fn passed(&mut self, lsn: Lsn) {
        match self {
            Self::Live(live) => live.hold.move_to(lsn),
            Self::Beside(_) => {}
        }
    }

    /// Waits until more than `seen` is durable, until `end` at the longest.
    pub(crate) fn wait(&mut self, seen: Lsn, end: Option<Instant>) -> Woken {
        match self {
            Self::Live(live) => live.wait(seen, end),
            Self::Beside(beside) => beside.wait(end),
        }
    }
}
