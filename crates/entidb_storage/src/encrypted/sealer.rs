//! Sealing frames, and counting nonces.

use std::sync::Arc;

use super::frame::{self, HEADER_LEN, Header, Kind};
use super::index::Frame;
use super::keys::Generation;
use super::walk::Tip;
use crate::{StorageError, StorageResult};

/// After so many frames a generation is followed by another. More fit into a counter, so that no append overflows it.
const COUNTER_MAX: u32 = 1 << 31;

/// Seals frames one behind the other. Each takes a number that no other frame of its generation ever had, also where the
/// sealed bytes are then thrown away.
#[derive(Default)]
pub(super) struct Sealer {
    generation: Option<(Arc<Generation>, u32)>,
    counter: u32,
    /// Where the next frame goes, and what it names.
    tip: Option<Tip>,
    logical: u64,
    /// How far the sealed stream is durable.
    durable: u64,
    /// Sealed, and not yet handed over.
    pub(super) out: Vec<u8>,
    /// Sealed since [`Sealer::start`].
    pub(super) frames: Vec<Frame>,
}

impl Sealer {
    /// Whether the next frame needs a new generation.
    pub(super) fn is_spent(&self) -> bool {
        self.generation.is_none() || self.counter > COUNTER_MAX
    }

    /// Goes on under a new generation, which is at `position` in the index.
    pub(super) fn begin(&mut self, generation: Arc<Generation>, position: u32) {
        self.generation = Some((generation, position));
        self.counter = 0;
    }

    /// Ends the generation.
    pub(super) fn end(&mut self) {
        self.generation = None;
    }

    /// Begins a row of frames behind `tip`, the first of which goes on at `logical` in the plaintext.
    pub(super) fn start(&mut self, tip: Tip, logical: u64, durable: u64) {
        self.tip = Some(tip);
        self.logical = logical;
        self.durable = durable;
        self.out.clear();
        self.frames.clear();
    }

    /// The tip behind the last frame that was sealed.
    pub(super) fn tip(&self) -> Option<Tip> {
        self.tip
    }

    /// Seals the plaintext that `fill` puts behind what it is given.
    pub(super) fn seal(
        &mut self,
        kind: Kind,
        fill: impl FnOnce(&mut Vec<u8>),
    ) -> StorageResult<()> {
        let (Some((generation, position)), Some(tip)) = (&self.generation, &mut self.tip) else {
            return Err(StorageError::Encryption(
                "there is no generation".to_owned(),
            ));
        };
        let counter = self.counter;
        // Before anything is sealed: whatever becomes of this frame, its number is gone.
        self.counter = counter.checked_add(1).ok_or_else(|| {
            StorageError::Encryption("a generation has had all its frames".to_owned())
        })?;
        let start = self.out.len();
        self.out.resize(start + HEADER_LEN, 0);
        fill(&mut self.out);
        let sealed = self.out.get_mut(start..).unwrap_or_default();
        let len = u32::try_from(sealed.len() - HEADER_LEN)
            .map_err(|_| StorageError::Encryption("a frame is too long".to_owned()))?;
        let header = Header {
            kind,
            len,
            counter,
            generation: generation.id,
            logical: self.logical,
            durable: self.durable,
            chain: tip.chain,
        };
        tip.chain = frame::seal(&generation.cipher, &header, tip.end, sealed)?;
        self.frames.push(Frame {
            logical: self.logical,
            physical: tip.end,
            len,
            counter,
            generation: *position,
        });
        tip.chain_at = tip.end + frame::CHAIN_TAG_AT as u64;
        tip.end = header.end(tip.end);
        tip.durable = tip.durable.max(self.durable);
        if kind != Kind::Mark {
            tip.content_end = tip.end;
        }
        self.logical += u64::from(len);
        Ok(())
    }
}
