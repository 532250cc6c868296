//! Walking through the batches of one log, as far as they are known to be durable.
//!
//! Promises: a batch is given only if it is the next one of its log, whole, and not above what the caller knows to be durable; what
//! lies behind that was never looked at when it is. Relies on durable batches never changing. Must never know what a record says.

use bytes::Bytes;

use super::source::LogRef;
use crate::error::Result;
use crate::format::Fault;
use crate::format::batch;
use crate::format::checksum::crc32c;
use crate::format::header::{self, Header};
use crate::ids::Lsn;
use crate::limits::BATCH_LEN_MAX;
use crate::log;

/// How much is read at once, in bytes.
const WINDOW_LEN: u64 = 256 << 10;

/// Where in a log a follower is.
#[derive(Clone)]
pub(crate) struct Cursor {
    log: LogRef,
    /// Where the next batch begins, in bytes.
    at: u64,
    /// What its header names as the checksum before it.
    chain: u32,
    /// … and as the LSN before it; `None` in the first batch of a log, if that is not known.
    previous: Option<Lsn>,
    window: Window,
}

/// Bytes of the log that were read at once.
#[derive(Clone)]
struct Window {
    at: u64,
    bytes: Bytes,
    /// What was durable before they were read: above it, they may have been anything.
    durable: Lsn,
}

/// The header of the next batch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Head {
    pub(crate) header: batch::Header,
    crc: u32,
    /// The commit that it is, or is a part of.
    pub(crate) lsn: Lsn,
    /// The one before.
    pub(crate) previous: Lsn,
}

impl Cursor {
    /// At the beginning of a log, whose first batch follows the commit `previous`, if that is known.
    pub(crate) fn new(log: LogRef, previous: Option<Lsn>) -> Self {
        Self {
            at: header::LEN as u64,
            chain: Header::crc(&log.stream.header),
            previous,
            window: Window::none(),
            log,
        }
    }

    pub(crate) fn log(&self) -> &LogRef {
        &self.log
    }

    /// Where the next batch begins, in bytes.
    pub(crate) fn at(&self) -> u64 {
        self.at
    }

    /// The last commit before the next batch, if it is known.
    pub(crate) fn previous(&self) -> Option<Lsn> {
        self.previous
    }

    /// Where the batch of `head` ends, in bytes.
    pub(crate) fn end_of(&self, head: &Head) -> u64 {
        self.at + batch::HEADER_LEN as u64 + u64::from(head.header.body_len)
    }

    /// The header of the next batch, if it is not above `durable`. `None`: none that is known to be durable is in this log.
    pub(crate) fn head(&mut self, durable: Lsn) -> Result<Option<Head>> {
        if let Some(head) = self.head_in_window()?
            && head.lsn <= self.window.durable
        {
            return Ok(Some(head));
        }
        self.read(durable)?;
        let head = self.head_in_window()?;
        Ok(head.filter(|head| head.lsn <= durable))
    }

    /// Passes the batch of `head`.
    pub(crate) fn pass(&mut self, head: &Head) {
        self.at = self.end_of(head);
        self.chain = head.crc;
        self.previous = Some(head.header.lsn);
    }

    /// Refuses if batches are missing in the log of a large commit, all of which is durable.
    pub(crate) fn check_whole(&self) -> Result<()> {
        let end = self.end()?;
        match self.log.end.is_none_or(|told| told == end) && self.at == end {
            true => Ok(()),
            false => {
                let batch = Fault::damaged(format!("batches up to {end}"), self.at.to_string());
                Err(batch.at(&self.log.stream.name, self.at))
            }
        }
    }

    /// Forgets what was read, of which not all was durable.
    pub(crate) fn forget(&mut self) {
        self.window = Window::none();
    }

    /// The records of the batch of `head`, the next one.
    pub(crate) fn body(&self, head: &Head) -> Result<Bytes> {
        let at = self.at + batch::HEADER_LEN as u64;
        let stream = &self.log.stream;
        let fail = |fault: Fault| fault.at(&stream.name, self.at);
        let len = usize::try_from(head.header.body_len).unwrap_or(usize::MAX);
        if len > BATCH_LEN_MAX {
            let most = format!("up to {BATCH_LEN_MAX} bytes of records");
            return Err(fail(Fault::damaged(most, len.to_string())));
        }
        let body = match self.window.slice(at, len) {
            Some(body) => body,
            None => stream.read(at, len)?,
        };
        let crc = crc32c(&body);
        match crc == head.header.body_crc {
            true => Ok(body),
            false => Err(fail(Fault::checksum(head.header.body_crc, crc))),
        }
    }

    /// Where the log ends: that of one which is cut lies before the end of its stream.
    fn end(&self) -> Result<u64> {
        let size = self.log.stream.size()?;
        Ok(self.log.end.map_or(size, |end| end.min(size)))
    }

    fn read(&mut self, durable: Lsn) -> Result<()> {
        self.window = Window::none();
        let mut end = self.end()?;
        loop {
            let len = end.saturating_sub(self.at).min(WINDOW_LEN);
            if len < batch::HEADER_LEN as u64 {
                return Ok(());
            }
            let len = usize::try_from(len).unwrap_or(usize::MAX);
            match self.log.stream.read(self.at, len) {
                Ok(bytes) => {
                    let at = self.at;
                    self.window = Window { at, bytes, durable };
                    return Ok(());
                }
                Err(error) => end = log::shrunk(&self.log.stream, end, error)?,
            }
        }
    }

    fn head_in_window(&self) -> Result<Option<Head>> {
        let Some(bytes) = self.window.slice(self.at, batch::HEADER_LEN) else {
            return Ok(None);
        };
        let Some(Ok(header)) = bytes.first_chunk().map(batch::Header::decode) else {
            return Ok(None);
        };
        let previous = self.previous.unwrap_or(header.previous);
        let follows = log::follows(&header, &self.log.stream, self.at, previous, self.chain)?;
        let crc = bytes.first_chunk().map_or(0, batch::Header::crc);
        // In the log of one commit, batches have numbers where others have LSNs.
        let one_commit = self.log.stream.one_commit;
        let (lsn, previous) = match one_commit {
            Some(lsn) => (lsn, Lsn::ZERO),
            None => (header.lsn, header.previous),
        };
        Ok(follows.ok().map(|()| Head {
            header,
            crc,
            lsn,
            previous,
        }))
    }
}

impl Window {
    fn none() -> Self {
        Self {
            at: 0,
            bytes: Bytes::new(),
            durable: Lsn::ZERO,
        }
    }

    fn slice(&self, at: u64, len: usize) -> Option<Bytes> {
        let from = usize::try_from(at.checked_sub(self.at)?).ok()?;
        let to = from.checked_add(len)?;
        (to <= self.bytes.len()).then(|| self.bytes.slice(from..to))
    }
}
