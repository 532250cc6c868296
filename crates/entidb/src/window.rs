//! Reading the records of a walk: of each stream the part that the walk is in, so that the next record costs no look-up.
//!
//! Promises: the same records, with the same checks, as [`Stream::payload`] gives one by one. Relies on streams being
//! immutable up to their fixed length. Must never know which records the walk wants, nor why.

use std::sync::Arc;

use bytes::Bytes;

use crate::cache::Cache;
use crate::error::Result;
use crate::format::key::Key;
use crate::memtable::Location;
use crate::stream::{BLOCK_LEN, BLOCK_SIZE, Layout, Stream, block_at, join, location_len};
use crate::view::View;

/// The longest stretch that is read at once, in bytes: of a walk that goes through a stream in order.
const AHEAD_LEN_MAX: u64 = 256 << 10;

/// The windows of one walk.
#[derive(Default)]
pub(crate) struct Windows {
    windows: Vec<Window>,
    /// The one that was used last.
    current: usize,
}

/// A part of a stream.
struct Window {
    stream: Arc<Stream>,
    /// Where it begins in the stream: at a block's beginning.
    start: u64,
    bytes: Bytes,
    /// How much was read last time it had to be read, in bytes.
    read_len: u64,
}

impl Windows {
    /// The payload of the record at `location`, which must be the one of `key`.
    #[inline]
    pub(crate) fn payload(&mut self, view: &View, key: Key, location: &Location) -> Result<Bytes> {
        let is_in = |window: &Window| window.stream.id == location.stream;
        if !self.windows.get(self.current).is_some_and(is_in) {
            self.current = match self.windows.iter().position(is_in) {
                Some(index) => index,
                None => {
                    self.windows.push(Window {
                        stream: Arc::clone(view.stream(location)?),
                        start: 0,
                        bytes: Bytes::new(),
                        read_len: 0,
                    });
                    self.windows.len() - 1
                }
            };
        }
        match self.windows.get_mut(self.current) {
            Some(window) => window.payload(&view.cache, key, location),
            None => view.stream(location)?.payload(&view.cache, key, location),
        }
    }
}

impl Window {
    #[inline]
    fn payload(&mut self, cache: &Cache, key: Key, location: &Location) -> Result<Bytes> {
        let len = location_len(location);
        let at = location.offset.wrapping_sub(self.start);
        if let Ok(at) = usize::try_from(at)
            && let Some(record) = self.bytes.get(at..at.saturating_add(len))
        {
            let payload_len = self.stream.check(record, key, location)?;
            return Ok(self.bytes.slice(at + len - payload_len..at + len));
        }
        self.outside(cache, key, location)
    }

    /// The payload of a record that does not lie in the window, which is moved to where it ends.
    #[cold]
    fn outside(&mut self, cache: &Cache, key: Key, location: &Location) -> Result<Bytes> {
        let len = location_len(location);
        if let Layout::Chunked(chunks) = &self.stream.layout {
            (self.start, self.bytes) = chunks.around(&self.stream, cache, location.offset)?;
            let at = usize::try_from(location.offset - self.start).unwrap_or(usize::MAX);
            if let Some(record) = self.bytes.get(at..at.saturating_add(len)) {
                let payload_len = self.stream.check(record, key, location)?;
                return Ok(self.bytes.slice(at + len - payload_len..at + len));
            }
            return self.stream.payload(cache, key, location);
        }
        let record = match self.record(cache, location, len) {
            Some(record) => record,
            // Where the stretch around it cannot be read, the record itself may.
            None => self.stream.read(location.offset, len)?,
        };
        let payload_len = self.stream.check(&record, key, location)?;
        Ok(record.slice(len - payload_len..))
    }

    fn record(&mut self, cache: &Cache, location: &Location, len: usize) -> Option<Bytes> {
        let end = location.offset.checked_add(len as u64)?;
        let number = location.offset / BLOCK_LEN;
        let at = block_at(location.offset);
        // A record that begins in the window, or in a block that is in memory, and ends in the next one.
        if let Some(head) = self.block(cache, number) {
            if at + len <= head.len() {
                self.show(number, head);
                return self.bytes.get(at..).map(|_| self.bytes.slice(at..at + len));
            }
            if end <= (number + 2).saturating_mul(BLOCK_LEN)
                && let Some(tail) = self.stream.block_in_memory(cache, number + 1)
            {
                let joined = join(head.get(at..), &tail, len);
                self.show(number + 1, tail);
                return joined;
            }
        }
        self.read(cache, number, end)?;
        self.bytes.get(at..at + len)?;
        Some(self.bytes.slice(at..at + len))
    }

    /// Block `number`, out of the window or the cache.
    fn block(&self, cache: &Cache, number: u64) -> Option<Bytes> {
        let start = number * BLOCK_LEN;
        let at = start
            .checked_sub(self.start)
            .filter(|at| *at < self.bytes.len() as u64);
        match at.and_then(|at| usize::try_from(at).ok()) {
            Some(at) => {
                let end = self.bytes.len().min(at + BLOCK_SIZE);
                Some(self.bytes.slice(at..end))
            }
            None => self.stream.block_in_memory(cache, number),
        }
    }

    fn show(&mut self, number: u64, block: Bytes) {
        self.start = number * BLOCK_LEN;
        self.bytes = block;
    }

    /// Reads from block `number` on, at least up to `end`: the farther, the longer the walk has been going in order.
    fn read(&mut self, cache: &Cache, number: u64, end: u64) -> Option<()> {
        let start = number * BLOCK_LEN;
        let (fixed, sealed) = self.stream.fixed_len(end);
        if end > fixed || end - start > AHEAD_LEN_MAX {
            return None;
        }
        let behind = self.start + self.bytes.len() as u64;
        let in_order = start <= behind && behind <= start + BLOCK_LEN && !self.bytes.is_empty();
        let wanted = match self.read_len {
            0 => BLOCK_LEN,
            len if in_order => (len * 2).min(AHEAD_LEN_MAX),
            _ => BLOCK_LEN,
        };
        let mut stop = end.next_multiple_of(BLOCK_LEN);
        while stop < start + wanted && stop < fixed && !self.stream.blocks.has(stop / BLOCK_LEN) {
            stop += BLOCK_LEN;
        }
        let stop = stop.min(fixed);
        let bytes = self.stream.read(start, usize::try_from(stop - start).ok()?);
        let bytes = bytes.ok()?;
        // What a long walk passes is seldom asked for again: it takes what room there is, and nobody else's.
        let long = wanted == AHEAD_LEN_MAX;
        if !long || cache.has_room(stop - start) {
            for (number, block) in (number..).zip(bytes.chunks(BLOCK_SIZE)) {
                let whole = block.len() as u64 == BLOCK_LEN || sealed;
                if !whole {
                    continue;
                }
                self.stream.keep_block(cache, number, block);
            }
        }
        self.read_len = wanted;
        self.start = start;
        self.bytes = bytes;
        Some(())
    }
}
