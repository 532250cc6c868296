//! Room for reading, and the frame that was decrypted last.

use super::frame::{self, HEADER_LEN};
use super::header::{ID_LEN, take};
use super::index::Frame;
use super::keys::Generation;
use super::source::Source;
use crate::{StorageError, StorageResult};

/// How many frames are read at once, at the most.
pub(super) const RUN_COUNT_MAX: usize = 32;
/// How many bytes of them, if it is more than one.
pub(super) const RUN_LEN_MAX: u64 = 64 * 1024;

/// What identifies a frame's content for ever.
type Identity = ([u8; ID_LEN], u32);

/// Buffers that are used again and again.
#[derive(Default)]
pub(super) struct Scratch {
    sealed: Vec<u8>,
    plain: Vec<u8>,
    /// Whose plaintext is in `plain`.
    held: Option<Identity>,
    /// What is to be read next: live frames that lie one behind the other in plaintext and sealed stream, of one generation.
    pub(super) frames: Vec<Frame>,
}

impl Scratch {
    /// Copies as much of the plaintext at `offset` to `out` as the frames hold, which is not nothing. Returns how much.
    pub(super) fn read(
        &mut self,
        source: Source<'_>,
        generation: &Generation,
        offset: u64,
        out: &mut [u8],
    ) -> StorageResult<usize> {
        let (Some(first), Some(last)) = (self.frames.first().copied(), self.frames.last().copied())
        else {
            return Ok(0);
        };
        let held = self.held.as_ref();
        if held == Some(&(generation.id, first.counter)) && !covers(&first, offset, out.len()) {
            return Ok(copy_part(&self.plain, &first, offset, out));
        }
        let start = first.physical + frame::TAG_AT as u64;
        let len = usize::try_from(last.physical_end() - start).unwrap_or(usize::MAX);
        self.sealed.resize(len, 0);
        source
            .fill(start, &mut self.sealed)
            .map_err(|error| match error {
                StorageError::ReadPastEnd { size, .. } => StorageError::Corrupted(format!(
                    "the encrypted stream ends at {size}, and the frame at {} was behind",
                    last.physical
                )),
                error => error,
            })?;
        let mut done = 0;
        for frame in &self.frames {
            let at = frame.physical + frame::TAG_AT as u64 - start;
            let sealed = usize::try_from(at)
                .ok()
                .and_then(|at| self.sealed.get(at..));
            let sealed = sealed.unwrap_or_default();
            let tag = take(sealed, 0);
            let body_at = HEADER_LEN - frame::TAG_AT;
            let body = sealed
                .get(body_at..body_at + frame.len as usize)
                .unwrap_or_default();
            let rest = out.get_mut(done..).unwrap_or_default();
            let cipher = &generation.cipher;
            let position = offset + done as u64;
            let opened = match rest.get_mut(..body.len()) {
                Some(whole) if covers(frame, position, whole.len()) => {
                    done += whole.len();
                    frame::open(cipher, frame.counter, body, whole, &tag)
                }
                _ => {
                    self.held = None;
                    self.plain.resize(body.len(), 0);
                    let opened = frame::open(cipher, frame.counter, body, &mut self.plain, &tag);
                    if opened.is_ok() {
                        self.held = Some((generation.id, frame.counter));
                        done += copy_part(&self.plain, frame, position, rest);
                    }
                    opened
                }
            };
            opened.map_err(|_| {
                StorageError::Encryption(format!(
                    "the frame at {} of the encrypted stream does not authenticate: it is damaged, or was changed",
                    frame.physical
                ))
            })?;
        }
        Ok(done)
    }
}

/// Whether all of the frame lies in the `len` bytes at `offset`.
fn covers(frame: &Frame, offset: u64, len: usize) -> bool {
    offset <= frame.logical && frame.end() <= offset + len as u64
}

fn copy_part(plain: &[u8], frame: &Frame, offset: u64, out: &mut [u8]) -> usize {
    let skip = usize::try_from(offset - frame.logical).unwrap_or(usize::MAX);
    let part = plain.get(skip..).unwrap_or_default();
    let len = part.len().min(out.len());
    let (from, to) = (part.get(..len), out.get_mut(..len));
    if let (Some(from), Some(to)) = (from, to) {
        to.copy_from_slice(from);
    }
    len
}
