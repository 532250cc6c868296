//! What an appender does to the sealed stream: its header, its frames, its marks.

use std::sync::Arc;

use super::backend::{Begun, Condition, EncryptedBackend};
use super::frame::Kind;
use super::header::{self, Opened};
use super::walk::Known;
use super::{random, whole};
use crate::{StorageBackend, StorageError, StorageResult};

/// How many sealed bytes are gathered before they are handed over, in a long append.
const GATHERED_LEN: usize = 256 * 1024;

impl EncryptedBackend {
    /// Makes the sealed stream ready for a frame: cuts a torn tail, writes a header, begins a generation.
    pub(super) fn prepare(&mut self) -> StorageResult<()> {
        if self.begun == Begun::No {
            let end = self
                .stream
                .state()
                .known
                .as_ref()
                .map_or(0, |known| known.tip.end);
            if self.inner.size()? > end {
                // ORDER: what is torn is gone for good before anything stands in its place.
                let result = self.inner.truncate(end);
                self.heed(result)?;
            }
            if end == 0 {
                let (bytes, opened) = whole::new_header(self.stream.keys(), 0)?;
                self.hand_over_header(&bytes, opened)?;
            }
            let has_frames = end > header::LEN as u64;
            self.begun = if has_frames {
                Begun::Yes
            } else {
                Begun::Header
            };
        }
        if self.begun == Begun::Header {
            // ORDER: the header is durable before there is a frame. One line earlier, a crash could leave frames that
            // nobody can decrypt, and it would look like damage.
            let result = self.inner.flush();
            self.heed(result)?;
            self.durable = self.durable.max(header::LEN as u64);
            self.begun = Begun::Yes;
        }
        if self.sealer.is_spent() {
            self.begin_generation()?;
        }
        Ok(())
    }

    fn hand_over_header(&mut self, bytes: &[u8], opened: Opened) -> StorageResult<()> {
        let result = self.inner.append(bytes);
        self.heed(result)?;
        self.stream.write().known = Some(Known::new(opened));
        Ok(())
    }

    /// Takes a new generation, whose id is random, so that no other handle on this stream, or on a copy of it, has its key.
    pub(super) fn begin_generation(&mut self) -> StorageResult<()> {
        let id = random::array()?;
        let mut state = self.stream.write();
        if let Some(known) = &mut state.known {
            let generation = Arc::new(known.key.generation(id)?);
            let position = known.index.add_generation(Arc::clone(&generation));
            self.sealer.begin(generation, position);
        }
        Ok(())
    }

    /// Hands over what the sealer has gathered.
    pub(super) fn hand_over(&mut self) -> StorageResult<()> {
        let result = self.inner.append(&self.sealer.out);
        let offset = self.heed(result)?;
        let end = self.sealer.tip().map_or(0, |tip| tip.end);
        if offset + self.sealer.out.len() as u64 != end {
            self.state = Condition::Poisoned;
            return Err(StorageError::Corrupted(format!(
                "the inner stream ended at {offset}, and not where this handle left it: somebody else appends to it"
            )));
        }
        self.sealer.out.clear();
        Ok(())
    }

    /// Takes back what was handed over behind `end` and is not to be seen.
    pub(super) fn take_back(&mut self, end: u64) {
        if self.state != Condition::Open {
            return;
        }
        let taken_back = match self.inner.size() {
            Ok(size) if size > end => self.inner.truncate(end),
            Ok(_) => Ok(()),
            Err(error) => Err(error),
        };
        if taken_back.is_err() {
            self.state = Condition::Poisoned;
        }
    }

    /// Seals the open bytes and those of `parts`, as far as they make whole blocks, and keeps the rest open.
    pub(super) fn spill(&mut self, parts: &[&[u8]], count: usize) -> StorageResult<()> {
        self.prepare()?;
        let tip = self.tip()?;
        let stream = Arc::clone(&self.stream);
        let state = stream.state();
        self.sealer.start(tip, state.sealed_end(), self.durable);
        let mut feed = Feed::new(&state.open, parts);
        let mut sealed = Ok(());
        for _ in 0..count {
            sealed = self
                .sealer
                .seal(Kind::Data, |out| feed.take(self.block_len, out));
            if sealed.is_ok() && self.sealer.out.len() >= GATHERED_LEN {
                sealed = self.hand_over();
            }
            if sealed.is_err() {
                break;
            }
        }
        if sealed.is_ok() && !self.sealer.out.is_empty() {
            sealed = self.hand_over();
        }
        if let Err(error) = sealed {
            self.take_back(tip.end);
            return Err(error);
        }
        self.spare.clear();
        feed.take(self.block_len, &mut self.spare);
        drop(state);
        self.publish();
        Ok(())
    }

    /// Shows what was handed over, and what is now open behind it.
    fn publish(&mut self) {
        let mut state = self.stream.write();
        std::mem::swap(&mut state.open, &mut self.spare);
        if let (Some(known), Some(tip)) = (&mut state.known, self.sealer.tip()) {
            known.index.extend(&self.sealer.frames);
            known.tip = tip;
        }
    }

    /// Seals the open bytes, however few they are.
    pub(super) fn seal_open(&mut self) -> StorageResult<()> {
        if self.stream.state().open.is_empty() {
            return Ok(());
        }
        self.prepare()?;
        let tip = self.tip()?;
        {
            let state = self.stream.state();
            self.sealer.start(tip, state.sealed_end(), self.durable);
            self.sealer
                .seal(Kind::Data, |out| out.extend_from_slice(&state.open))?;
        }
        self.hand_over()?;
        self.spare.clear();
        self.publish();
        Ok(())
    }

    /// Leaves word of how far the stream is durable, if no frame has said so: then damage below is told from a torn tail.
    pub(super) fn leave_mark(&mut self) -> StorageResult<()> {
        let Ok(tip) = self.tip() else {
            return Ok(());
        };
        if tip.content_end <= tip.durable || self.durable < tip.content_end {
            return Ok(());
        }
        self.prepare()?;
        let end = self.stream.state().sealed_end();
        self.sealer.start(tip, end, self.durable);
        self.sealer.seal(Kind::Mark, |_| ())?;
        self.sealer.frames.clear();
        self.hand_over()?;
        self.spare.clear();
        self.publish();
        Ok(())
    }

    /// Seals and hands over, then does what makes it durable.
    pub(super) fn harden(
        &mut self,
        how: impl FnOnce(&mut dyn StorageBackend) -> StorageResult<()>,
    ) -> StorageResult<()> {
        self.writable()?;
        self.seal_open()?;
        let result = how(&mut *self.inner);
        self.heed(result)?;
        if let Ok(tip) = self.tip() {
            self.durable = tip.end;
            self.told = tip.end;
        }
        Ok(())
    }
}

/// The bytes to be sealed, one part behind the other.
struct Feed<'a> {
    part: &'a [u8],
    parts: std::slice::Iter<'a, &'a [u8]>,
}

impl<'a> Feed<'a> {
    fn new(first: &'a [u8], parts: &'a [&'a [u8]]) -> Self {
        let (part, parts) = (first, parts.iter());
        Self { part, parts }
    }

    /// Moves the next `len` bytes, or all that are left, behind `out`.
    fn take(&mut self, mut len: usize, out: &mut Vec<u8>) {
        while len > 0 {
            if self.part.is_empty() {
                match self.parts.next() {
                    Some(part) => self.part = part,
                    None => return,
                }
            }
            let (taken, rest) = self.part.split_at(self.part.len().min(len));
            out.extend_from_slice(taken);
            len -= taken.len();
            self.part = rest;
        }
    }
}
