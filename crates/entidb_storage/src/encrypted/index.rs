//! Where the live frames lie.

use std::sync::Arc;

use super::frame::{self, Kind};
use super::header::ID_LEN;
use super::keys::Generation;

/// A live frame.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Frame {
    /// Where its body stands in the plaintext.
    pub(super) logical: u64,
    /// Where its header lies in the sealed stream.
    pub(super) physical: u64,
    /// The body's length, in bytes.
    pub(super) len: u32,
    pub(super) counter: u32,
    /// Which of the index's generations sealed it.
    pub(super) generation: u32,
}

impl Frame {
    pub(super) fn end(&self) -> u64 {
        self.logical + u64::from(self.len)
    }

    pub(super) fn physical_end(&self) -> u64 {
        self.physical + frame::HEADER_LEN as u64 + u64::from(self.len)
    }
}

/// The live frames in the order of the plaintext, without a gap, and the generations that sealed them.
#[derive(Default)]
pub(super) struct Index {
    frames: Vec<Frame>,
    generations: Vec<Arc<Generation>>,
}

impl Index {
    /// The length of the plaintext that is sealed, in bytes.
    pub(super) fn end(&self) -> u64 {
        self.frames.last().map_or(0, Frame::end)
    }

    /// The position of the frame that holds `offset`, or would.
    pub(super) fn find(&self, offset: u64) -> usize {
        self.frames.partition_point(|frame| frame.end() <= offset)
    }

    pub(super) fn get(&self, position: usize) -> Option<&Frame> {
        self.frames.get(position)
    }

    /// The frame before the one at `position`.
    pub(super) fn before(&self, position: usize) -> Option<&Frame> {
        self.frames.get(position.checked_sub(1)?)
    }

    /// The live frames from `position` on.
    pub(super) fn from(&self, position: usize) -> &[Frame] {
        self.frames.get(position..).unwrap_or_default()
    }

    pub(super) fn push(&mut self, frame: Frame) {
        self.frames.push(frame);
    }

    pub(super) fn extend(&mut self, frames: &[Frame]) {
        self.frames.extend_from_slice(frames);
    }

    /// Lets go of every frame from `position` on.
    pub(super) fn cut(&mut self, position: usize) {
        self.frames.truncate(position);
    }

    /// Takes a frame in that was found behind the others. Whether it fits there.
    pub(super) fn apply(&mut self, kind: Kind, frame: Frame) -> bool {
        match kind {
            Kind::Mark => frame.logical == self.end(),
            Kind::Data => {
                let fits = frame.logical == self.end();
                if fits {
                    self.push(frame);
                }
                fits
            }
            Kind::Cut => {
                let position = self.find(frame.logical);
                // A cut keeps the beginning of one frame, if it does not fall between two.
                let fits = self
                    .get(position)
                    .is_some_and(|old| old.logical == frame.logical && frame.len < old.len)
                    || (frame.len == 0 && frame.logical == self.end());
                if fits {
                    self.cut(position);
                    if frame.len > 0 {
                        self.push(frame);
                    }
                }
                fits
            }
        }
    }

    pub(super) fn generation(&self, position: u32) -> Option<&Arc<Generation>> {
        self.generations.get(usize::try_from(position).ok()?)
    }

    /// Where the generation of this id is. The last ones are looked at first: they are asked for most.
    pub(super) fn find_generation(&self, id: &[u8; ID_LEN]) -> Option<u32> {
        let position = self.generations.iter().rposition(|known| known.id == *id)?;
        u32::try_from(position).ok()
    }

    pub(super) fn add_generation(&mut self, generation: Arc<Generation>) -> u32 {
        // One appender each: nobody lives to see so many of them that they cannot be counted.
        let position = u32::try_from(self.generations.len()).unwrap_or(u32::MAX);
        self.generations.push(generation);
        position
    }
}
