//! From bytes to frames: walking through headers, and telling a torn tail from damage.
//!
//! A frame counts if its header is authentic for the place where it lies, names the header before it, goes on where the
//! plaintext ends, and lies below what a later header says was durable, or else has an authentic body. What does not count
//! is damage if something says that it was durable; else it is a torn tail, whatever lies behind.

use std::sync::Arc;

use super::cipher::Tag;
use super::frame::{self, HEADER_LEN, Header, Kind};
use super::header::{self, Opened};
use super::index::{Frame, Index};
use super::keys::StreamKey;
use super::source::Source;
use super::window::Window;
use crate::{StorageError, StorageResult};

/// Behind a frame longer than this, a header is read alone, and not with what follows.
const ALONE_FROM: u64 = 16 * 1024;

/// The end of what counts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tip {
    /// The end of the last frame that counts, in bytes of the sealed stream.
    pub(super) end: u64,
    /// The tag of the last header, and where it lies.
    pub(super) chain: Tag,
    pub(super) chain_at: u64,
    /// How far the headers say that the sealed stream is durable.
    pub(super) durable: u64,
    /// The end of the last frame that is more than a mark.
    pub(super) content_end: u64,
}

/// What is known of a stream that has a header.
pub(super) struct Known {
    pub(super) key: StreamKey,
    /// Below here the sealed stream is never cut: its header says that so much of it is durable.
    pub(super) floor: u64,
    pub(super) index: Index,
    pub(super) tip: Tip,
}

impl Known {
    pub(super) fn new(opened: Opened) -> Self {
        Self {
            tip: Tip {
                end: header::LEN as u64,
                chain: opened.check,
                chain_at: header::check_at(),
                durable: opened.header.durable,
                content_end: header::LEN as u64,
            },
            key: opened.key,
            floor: opened.header.durable,
            index: Index::default(),
        }
    }

    /// Takes the next frame in. Whether it fits.
    fn accept(&mut self, found: &Found) -> bool {
        let fits = self.index.apply(found.kind, found.frame);
        if fits {
            let end = found.frame.physical_end();
            self.tip.end = end;
            self.tip.chain = found.tag;
            self.tip.chain_at = found.frame.physical + frame::CHAIN_TAG_AT as u64;
            self.tip.durable = self.tip.durable.max(found.durable);
            if found.kind != Kind::Mark {
                self.tip.content_end = end;
            }
        }
        fits
    }
}

/// A frame whose header is authentic.
struct Found {
    kind: Kind,
    frame: Frame,
    tag: Tag,
    durable: u64,
}

/// How far the walk is, before what it found is taken in.
struct Cursor {
    at: u64,
    logical: u64,
    chain: Tag,
    durable: u64,
    alone: bool,
}

/// Takes every frame in that counts behind what is known. Returns whether there was a cut among them.
///
/// # Errors
/// [`StorageError::Corrupted`] where what was durable does not count.
pub(super) fn advance(source: Source<'_>, known: &mut Known, first: bool) -> StorageResult<bool> {
    let size = source.size()?;
    let mut window = Window::new(source, size);
    let mut cursor = Cursor {
        at: known.tip.end,
        logical: known.index.end(),
        chain: known.tip.chain,
        durable: known.tip.durable,
        alone: !first,
    };
    let mut cut = false;
    // What is not yet known to have been durable.
    let mut queue: Vec<Found> = Vec::new();
    while let Some(found) = next(&mut window, known, &mut cursor, size)? {
        cut |= found.kind == Kind::Cut;
        queue.push(found);
        let durable = queue.partition_point(|found| found.frame.physical_end() <= cursor.durable);
        for found in queue.drain(..durable) {
            if !known.accept(&found) {
                return Err(damaged(found.frame.physical));
            }
        }
    }
    let mut body = Vec::new();
    for found in queue {
        if !is_whole(source, known, &found, &mut body)? || !known.accept(&found) {
            break;
        }
    }
    let end = known.tip.end;
    let mut durable = cursor.durable;
    if end < size && (first || !starts_with_zeros(&mut window, end)?) {
        durable = durable.max(claimed_beyond(&mut window, end, size)?);
    }
    if durable > end {
        return Err(damaged(end));
    }
    Ok(cut)
}

fn damaged(at: u64) -> StorageError {
    StorageError::Corrupted(format!(
        "the frame at {at} of the encrypted stream was durable, and is damaged"
    ))
}

/// The frame at the cursor, if its header is authentic and belongs there.
fn next(
    window: &mut Window<'_>,
    known: &mut Known,
    cursor: &mut Cursor,
    size: u64,
) -> StorageResult<Option<Found>> {
    let at = cursor.at;
    let Some(bytes) = window.get(at, HEADER_LEN, cursor.alone)?.first_chunk() else {
        return Ok(None);
    };
    let Some(header) = Header::decode(bytes) else {
        return Ok(None);
    };
    let goes_on = match header.kind {
        Kind::Data | Kind::Mark => header.logical == cursor.logical,
        Kind::Cut => header.logical <= cursor.logical,
    };
    if !goes_on || header.chain != cursor.chain || header.durable > at || header.end(at) > size {
        return Ok(None);
    }
    let (tag, generation) = match known.index.find_generation(&header.generation) {
        Some(position) => {
            let Some(generation) = known.index.generation(position) else {
                return Ok(None);
            };
            match frame::authenticate(&generation.cipher, &header, at, bytes) {
                Ok(tag) => (tag, position),
                Err(_) => return Ok(None),
            }
        }
        None => {
            let generation = known.key.generation(header.generation)?;
            match frame::authenticate(&generation.cipher, &header, at, bytes) {
                Ok(tag) => (tag, known.index.add_generation(Arc::new(generation))),
                Err(_) => return Ok(None),
            }
        }
    };
    cursor.at = header.end(at);
    cursor.logical = header.logical + u64::from(header.len);
    cursor.chain = tag;
    cursor.durable = cursor.durable.max(header.durable);
    cursor.alone = u64::from(header.len) > ALONE_FROM;
    Ok(Some(Found {
        kind: header.kind,
        frame: Frame {
            logical: header.logical,
            physical: at,
            len: header.len,
            counter: header.counter,
            generation,
        },
        tag,
        durable: header.durable,
    }))
}

/// Whether a frame's body is authentic. The header was, so its tag is the right one.
fn is_whole(
    source: Source<'_>,
    known: &Known,
    found: &Found,
    body: &mut Vec<u8>,
) -> StorageResult<bool> {
    let Some(generation) = known.index.generation(found.frame.generation) else {
        return Ok(false);
    };
    let at = found.frame.physical + frame::TAG_AT as u64;
    let sealed_len = HEADER_LEN - frame::TAG_AT + found.frame.len as usize;
    body.resize(sealed_len + found.frame.len as usize, 0);
    let (sealed, plain) = body.split_at_mut(sealed_len);
    source.fill(at, sealed)?;
    let tag = header::take(sealed, 0);
    let sealed = sealed.get(HEADER_LEN - frame::TAG_AT..).unwrap_or_default();
    Ok(frame::open(&generation.cipher, found.frame.counter, sealed, plain, &tag).is_ok())
}

fn starts_with_zeros(window: &mut Window<'_>, at: u64) -> StorageResult<bool> {
    let bytes = window.get(at, HEADER_LEN, true)?;
    Ok(bytes.iter().all(|byte| *byte == 0))
}

/// How far the headers behind `from` say that the stream is durable: a frame that was damaged after it was durable has later
/// ones behind it that know.
///
/// They need not be authentic, and cannot be where the stream's own header was exchanged. A header that says so was sealed
/// after a flush, and what that flush covered a crash does not take away.
fn claimed_beyond(window: &mut Window<'_>, from: u64, size: u64) -> StorageResult<u64> {
    const STRIDE_LEN: usize = 32 * 1024;
    let mut durable = 0;
    let mut at = from;
    while at + HEADER_LEN as u64 <= size {
        // Pieces overlap by a header, so that each header lies whole in one.
        let piece = window.get(at, STRIDE_LEN + HEADER_LEN - 1, false)?;
        let mut rest = piece;
        while let Some(skip) = rest.iter().position(|byte| *byte == frame::MAGIC[0]) {
            rest = rest.get(skip..).unwrap_or_default();
            let physical = at + (piece.len() - rest.len()) as u64;
            if let Some(header) = rest.first_chunk().and_then(Header::decode)
                && header.durable <= physical
            {
                durable = durable.max(header.durable);
            }
            rest = rest.get(1..).unwrap_or_default();
        }
        at += STRIDE_LEN as u64;
    }
    Ok(durable)
}
