//! Cutting an encrypted stream.

use std::sync::Arc;

use super::backend::{Condition, EncryptedBackend};
use super::cipher::Tag;
use super::frame::{self, HEADER_LEN, Kind};
use super::header;
use super::index::Frame;
use super::source::Source;
use super::walk::Tip;
use crate::{StorageBackend, StorageError, StorageResult};

/// How a cut is made.
enum Way {
    /// Nothing of it was ever handed over.
    Open { keep: usize },
    /// The sealed stream is cut behind the frame before `position`; `keep` bytes of the one at `position` are open again.
    Physical { position: usize, keep: usize },
    /// A frame is appended that voids what lies behind `keep` bytes of the one at `position`.
    Void { position: usize, keep: usize },
}

impl EncryptedBackend {
    pub(super) fn cut(&mut self, new_size: u64) -> StorageResult<()> {
        let size = self.stream.state().size();
        if new_size > size {
            return Err(StorageError::above_size(new_size, size));
        }
        if new_size == size {
            return Ok(());
        }
        match self.way(new_size) {
            Way::Open { keep } => {
                let mut state = self.stream.write();
                state.open.truncate(keep);
                state.epoch += 1;
                Ok(())
            }
            Way::Physical { position, keep } => self.cut_physically(position, keep),
            Way::Void { position, keep } => self.void(new_size, position, keep),
        }
    }

    fn way(&self, new_size: u64) -> Way {
        let state = self.stream.state();
        let len = |len| usize::try_from(len).unwrap_or(usize::MAX);
        let Some(known) = state
            .known
            .as_ref()
            .filter(|known| new_size < known.index.end())
        else {
            let keep = len(new_size - state.sealed_end());
            return Way::Open { keep };
        };
        let position = known.index.find(new_size);
        let Some(frame) = known.index.get(position) else {
            return Way::Open { keep: 0 };
        };
        let keep = len(new_size - frame.logical);
        let target = physical_end(known.index.before(position));
        // What was flushed must outlive a crash in here, so no frame of it is cut before what is kept of it lies elsewhere.
        if target < known.floor || (keep > 0 && frame.physical < self.told) {
            Way::Void { position, keep }
        } else {
            Way::Physical { position, keep }
        }
    }

    /// Cuts the inner stream. That is durable when it returns, and what it leaves is a stream that ended there before.
    fn cut_physically(&mut self, position: usize, keep: usize) -> StorageResult<()> {
        let mut open = self.kept(position, keep)?;
        open.reserve_exact(self.block_len.saturating_sub(open.len()));
        let before = {
            let state = self.stream.state();
            let before = state
                .known
                .as_ref()
                .and_then(|known| known.index.before(position));
            before.copied()
        };
        let tip = self.tip_behind(before.as_ref())?;
        let stream = Arc::clone(&self.stream);
        // Readers wait until the inner stream and what is known of it agree again.
        let mut state = stream.write();
        let result = self.inner.truncate(tip.end);
        let is_cut = result.is_ok() || matches!(self.inner.size(), Ok(size) if size == tip.end);
        if is_cut {
            if let Some(known) = &mut state.known {
                known.index.cut(position);
                known.tip = tip;
            }
            state.open = open;
            state.epoch += 1;
            self.durable = self.durable.min(tip.end);
            self.told = self.told.min(tip.end);
        }
        drop(state);
        if is_cut && result.is_err() {
            // It is cut, and not known to be cut for good.
            self.state = Condition::Poisoned;
        }
        self.heed(result)
    }

    /// Appends a frame of a new generation that voids what lies behind `new_size` and holds what is kept of the frame that
    /// is cut through.
    fn void(&mut self, new_size: u64, position: usize, keep: usize) -> StorageResult<()> {
        let kept = self.kept(position, keep)?;
        self.prepare()?;
        // No frame of an older generation is ever appended behind a cut.
        self.begin_generation()?;
        let tip = self.tip()?;
        self.sealer.start(tip, new_size - keep as u64, self.durable);
        self.sealer
            .seal(Kind::Cut, |out| out.extend_from_slice(&kept))?;
        // ORDER: the frame is durable before anybody is told of the cut, and until then nothing that was flushed is touched.
        // A crash one line earlier leaves the stream as it was, or cut.
        let flushed = self.hand_over().and_then(|()| {
            let result = self.inner.flush();
            self.heed(result)
        });
        if let Err(error) = flushed {
            self.take_back(tip.end);
            self.sealer.end();
            return Err(error);
        }
        let mut state = self.stream.write();
        if let (Some(known), Some(tip)) = (&mut state.known, self.sealer.tip()) {
            known.index.cut(position);
            if keep > 0 {
                known.index.extend(&self.sealer.frames);
            }
            known.tip = tip;
            self.durable = tip.end;
            self.told = tip.end;
        }
        state.open.clear();
        state.epoch += 1;
        Ok(())
    }

    /// The first `keep` bytes of a frame.
    fn kept(&self, position: usize, keep: usize) -> StorageResult<Vec<u8>> {
        let logical = {
            let state = self.stream.state();
            let known = state.known.as_ref();
            known
                .and_then(|known| known.index.get(position))
                .map_or(0, |frame| frame.logical)
        };
        self.read_at(logical, keep)
    }

    /// The tip of the stream once it ends behind `last`.
    fn tip_behind(&self, last: Option<&Frame>) -> StorageResult<Tip> {
        let end = physical_end(last);
        let state = self.stream.state();
        let known = state.known.as_ref();
        let source = Source::Backend(&*self.inner);
        let Some(last) = last else {
            let mut chain = Tag::default();
            source.fill(header::check_at(), &mut chain)?;
            return Ok(Tip {
                end,
                chain,
                chain_at: header::check_at(),
                durable: known.map_or(0, |known| known.floor),
                content_end: end,
            });
        };
        let mut bytes = [0; HEADER_LEN];
        source.fill(last.physical, &mut bytes)?;
        let generation = known.and_then(|known| known.index.generation(last.generation));
        let found = frame::Header::decode(&bytes)
            .filter(|header| header.counter == last.counter)
            .zip(generation)
            .and_then(|(header, generation)| {
                let tag = frame::authenticate(&generation.cipher, &header, last.physical, &bytes);
                Some((header, tag.ok()?))
            });
        let Some((header, chain)) = found else {
            return Err(StorageError::Corrupted(format!(
                "the frame at {} of the encrypted stream was changed since it was opened",
                last.physical
            )));
        };
        Ok(Tip {
            end,
            chain,
            chain_at: last.physical + frame::CHAIN_TAG_AT as u64,
            durable: header.durable.max(known.map_or(0, |known| known.floor)),
            content_end: end,
        })
    }
}

/// Where the sealed stream ends behind a frame, or behind its header.
fn physical_end(last: Option<&Frame>) -> u64 {
    last.map_or(header::LEN as u64, Frame::physical_end)
}
