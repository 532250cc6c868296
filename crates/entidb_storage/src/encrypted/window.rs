//! Reading small things that lie close to each other, many at a time.

use super::source::Source;
use crate::StorageResult;

/// How many bytes are read at a time.
const WINDOW_LEN: usize = 64 * 1024;

/// A piece of a source that was read last.
pub(super) struct Window<'a> {
    source: Source<'a>,
    /// The source's length when the window was made, in bytes.
    size: u64,
    at: u64,
    bytes: Vec<u8>,
}

impl<'a> Window<'a> {
    pub(super) fn new(source: Source<'a>, size: u64) -> Self {
        Self {
            source,
            size,
            at: 0,
            bytes: Vec::new(),
        }
    }

    /// `len` bytes at `offset`, or as many as there are. Where `alone`, nothing more is read than that.
    pub(super) fn get(&mut self, offset: u64, len: usize, alone: bool) -> StorageResult<&[u8]> {
        let rest = self.size.saturating_sub(offset);
        let len = usize::try_from(rest).map_or(len, |rest| rest.min(len));
        let from = offset
            .checked_sub(self.at)
            .and_then(|from| usize::try_from(from).ok())
            .filter(|from| {
                from.checked_add(len)
                    .is_some_and(|end| end <= self.bytes.len())
            });
        let from = match from {
            Some(from) => from,
            None => {
                let wanted = if alone { len } else { len.max(WINDOW_LEN) };
                let wanted = usize::try_from(rest).map_or(wanted, |rest| rest.min(wanted));
                self.bytes.resize(wanted, 0);
                self.at = offset;
                let filled = self.source.fill(offset, &mut self.bytes);
                if filled.is_err() {
                    self.bytes.clear();
                }
                filled?;
                0
            }
        };
        Ok(self.bytes.get(from..from + len).unwrap_or_default())
    }
}
