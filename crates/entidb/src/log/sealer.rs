//! Making a batch of a transaction: its place in the log is known before a byte of it is written.

use bytes::Bytes;

use super::Item;
use crate::error::{Error, Result};
use crate::format::batch::{self, Synced};
use crate::format::checksum::{Binding, crc32c};
use crate::format::{header, record};
use crate::ids::{Lsn, StreamId};

/// One transaction, ready to be sealed: records whose checksums are not bound to a place yet, and what its header will say.
pub(crate) struct Draft {
    pub(crate) lsn: Lsn,
    pub(crate) previous: Lsn,
    pub(crate) time_us: u64,
    pub(crate) body: Vec<u8>,
}

/// A batch as it will stand in the log.
pub(crate) struct Sealed {
    pub(crate) header: batch::Header,
    pub(crate) head: [u8; batch::HEADER_LEN],
    pub(crate) body: Bytes,
    /// How many of its records are tombstones.
    pub(crate) tombstones: u64,
}

impl Sealed {
    /// Its length in bytes.
    pub(crate) fn len(&self) -> u64 {
        (self.head.len() + self.body.len()) as u64
    }

    /// Offset of its first record in the log, in bytes.
    pub(crate) fn body_at(&self) -> u64 {
        self.header.offset + batch::HEADER_LEN as u64
    }
}

/// Where in a log the next batch goes, and what its header says of the one before.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sealer {
    pub(crate) stream: StreamId,
    salt: u64,
    at: u64,
    chain: u32,
}

impl Sealer {
    pub(crate) fn new(stream: StreamId, salt: u64, at: u64, chain: u32) -> Self {
        Self {
            stream,
            salt,
            at,
            chain,
        }
    }

    /// Where the next batch goes, in bytes.
    pub(crate) fn at(&self) -> u64 {
        self.at
    }

    /// Bytes of batches before it.
    pub(crate) fn batch_bytes(&self) -> u64 {
        self.at - header::LEN as u64
    }

    /// The batch of `draft`, whose records are `items`, behind all that came before.
    pub(crate) fn seal(&mut self, draft: Draft, items: &[Item], synced: Synced) -> Result<Sealed> {
        self.seal_flagged(draft, items, synced, 0)
    }

    /// As [`seal`](Self::seal), with flags.
    pub(crate) fn seal_flagged(
        &mut self,
        draft: Draft,
        items: &[Item],
        synced: Synced,
        flags: u64,
    ) -> Result<Sealed> {
        let mut body = draft.body;
        let body_at = self.at + batch::HEADER_LEN as u64;
        for item in items {
            let (at, len) = item.place();
            let at = at as usize;
            let binding = Binding {
                salt: self.salt,
                offset: body_at + at as u64,
                lsn: draft.lsn,
            };
            match body.get_mut(at..at + len as usize) {
                Some(bytes) => record::bind(bytes, binding),
                None => debug_assert!(false, "a draft holds only records of our own making"),
            }
        }
        let large = |_| Error::invalid("the transaction is too large");
        let header = batch::Header {
            body_len: u32::try_from(body.len()).map_err(large)?,
            body_crc: crc32c(&body),
            count: u32::try_from(items.len()).map_err(large)?,
            lsn: draft.lsn,
            previous: draft.previous,
            time_us: draft.time_us,
            log: self.stream,
            offset: self.at,
            salt: self.salt,
            synced,
            chain: self.chain,
            flags,
        };
        let head = header.encode();
        self.at = body_at + body.len() as u64;
        self.chain = batch::Header::crc(&head);
        let tombstones = items.iter().filter(|item| item.is_tombstone()).count() as u64;
        Ok(Sealed {
            header,
            head,
            body: body.into(),
            tombstones,
        })
    }
}
