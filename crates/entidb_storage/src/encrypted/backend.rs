//! The appender of one encrypted stream.

use std::fmt;
use std::io;
use std::sync::Arc;

use super::frame::HEADER_LEN;
use super::header;
use super::key::EncryptionKey;
use super::keys::Keys;
use super::reader::EncryptedReader;
use super::sealer::Sealer;
use super::source::Source;
use super::stream::Stream;
use super::walk::Tip;
use super::{BLOCK_LEN_DEFAULT, BLOCK_LEN_MAX, BLOCK_LEN_MIN};
use crate::{Capabilities, StorageBackend, StorageError, StorageReader, StorageResult};

/// A stream that is encrypted and authenticated with AES-256-GCM, over any other backend.
///
/// It is one, too: offsets and [`size`](StorageBackend::size) are those of the plaintext. What is appended is sealed in
/// frames of up to a block, at the latest by a flush; a small random read decrypts the frame that it falls into, so a
/// smaller block makes it cheaper, and a larger one the stream shorter (a frame costs 96 bytes).
///
/// Opening it walks through the headers of the frames, and decrypts only what was perhaps never flushed. A wrong key is
/// [`StorageError::Encryption`]; a frame that was durable and is damaged is [`StorageError::Corrupted`] at opening, or
/// [`StorageError::Encryption`] when it is read. A torn tail after a crash is cut.
///
/// What a cut of the newest bytes can hide, see `docs/security.md`. What is not flushed when the backend is dropped is
/// sealed and handed over, but nobody hears of an error: use [`close`](StorageBackend::close).
pub struct EncryptedBackend {
    pub(super) inner: Box<dyn StorageBackend>,
    pub(super) stream: Arc<Stream>,
    pub(super) sealer: Sealer,
    pub(super) block_len: usize,
    /// The open bytes to be.
    pub(super) spare: Vec<u8>,
    /// How far the sealed stream is durable for certain: what the next header says.
    pub(super) durable: u64,
    /// How far somebody may have been told that it is.
    pub(super) told: u64,
    pub(super) begun: Begun,
    pub(super) state: Condition,
}

/// What has to be done before the first frame of this handle can be appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Begun {
    /// A torn tail may have to be cut.
    No,
    /// The header is there, and may not be durable.
    Header,
    Yes,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Condition {
    Open,
    Poisoned,
    Closed,
}

impl EncryptedBackend {
    /// Encrypts `inner` with blocks of 4 KiB. If it is not empty, it must have been encrypted with this key.
    ///
    /// # Errors
    /// [`StorageError::Encryption`] if the key is another, or `inner` is not encrypted; [`StorageError::Corrupted`] if it is
    /// damaged.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "the key is the backend's to wipe"
    )]
    pub fn new(inner: Box<dyn StorageBackend>, key: EncryptionKey) -> StorageResult<Self> {
        Self::with_block_size(inner, &key, BLOCK_LEN_DEFAULT)
    }

    /// The same with blocks of `block_size` bytes, from 1 KiB to 1 MiB. A stream may be opened with another block size than
    /// it was written with.
    ///
    /// # Errors
    /// As for [`new`](Self::new), and [`StorageError::Encryption`] if the block size is out of bounds.
    pub fn with_block_size(
        inner: Box<dyn StorageBackend>,
        key: &EncryptionKey,
        block_size: usize,
    ) -> StorageResult<Self> {
        if !(BLOCK_LEN_MIN..=BLOCK_LEN_MAX).contains(&block_size) {
            return Err(StorageError::Encryption(format!(
                "a block has {BLOCK_LEN_MIN} to {BLOCK_LEN_MAX} bytes, not {block_size}"
            )));
        }
        Self::open(inner, Keys::lone(key.clone()), block_size)
    }

    pub(super) fn open(
        inner: Box<dyn StorageBackend>,
        keys: Keys,
        block_len: usize,
    ) -> StorageResult<Self> {
        let stream = Stream::open(Source::Backend(&*inner), keys, true)?;
        stream.write().open.reserve_exact(block_len);
        let tip = stream.state().known.as_ref().map(|known| known.tip);
        Ok(Self {
            inner,
            stream: Arc::new(stream),
            sealer: Sealer::default(),
            block_len,
            spare: Vec::with_capacity(block_len),
            durable: tip.map_or(0, |tip| tip.durable),
            told: tip.map_or(0, |tip| tip.end),
            begun: Begun::No,
            state: Condition::Open,
        })
    }

    pub(super) fn stream(&self) -> &Arc<Stream> {
        &self.stream
    }

    pub(super) fn readable(&self) -> StorageResult<Source<'_>> {
        if self.state == Condition::Closed {
            return Err(StorageError::Closed);
        }
        Ok(Source::Backend(&*self.inner))
    }

    pub(super) fn writable(&self) -> StorageResult<()> {
        match self.state {
            Condition::Open => Ok(()),
            Condition::Poisoned => Err(StorageError::Poisoned),
            Condition::Closed => Err(StorageError::Closed),
        }
    }

    /// Notes how an operation of the inner backend went: if that writes no more, neither do we. What we only buffer would
    /// never reach it, and would not be refused.
    pub(super) fn heed<T>(&mut self, result: StorageResult<T>) -> StorageResult<T> {
        if result.is_err() && matches!(self.inner.append(&[]), Err(StorageError::Poisoned)) {
            self.state = Condition::Poisoned;
        }
        result
    }

    /// The tip of a stream that has a header.
    pub(super) fn tip(&self) -> StorageResult<Tip> {
        let state = self.stream.state();
        let known = state.known.as_ref().map(|known| known.tip);
        known.ok_or_else(|| StorageError::Encryption("there is no header".to_owned()))
    }

    /// From here on readers look after themselves, unless they know something that is not in the stream.
    fn leave(&mut self) {
        let mut state = self.stream.write();
        if self.state == Condition::Open && state.open.is_empty() {
            state.live = false;
        }
    }
}

impl StorageBackend for EncryptedBackend {
    fn read_at(&self, offset: u64, len: usize) -> StorageResult<Vec<u8>> {
        self.stream.read_at(self.readable()?, offset, len)
    }

    fn append(&mut self, data: &[u8]) -> StorageResult<u64> {
        self.append_vectored(&[data])
    }

    fn flush(&mut self) -> StorageResult<()> {
        self.harden(|inner| inner.flush())
    }

    fn size(&self) -> StorageResult<u64> {
        self.stream.size(self.readable()?)
    }

    fn sync(&mut self) -> StorageResult<()> {
        self.harden(|inner| inner.sync())
    }

    fn truncate(&mut self, new_size: u64) -> StorageResult<()> {
        self.writable()?;
        self.cut(new_size)
    }

    fn read_into(&self, offset: u64, buf: &mut [u8]) -> StorageResult<()> {
        self.stream.read_into(self.readable()?, offset, buf)
    }

    fn read_bytes(&self, offset: u64, len: usize) -> StorageResult<bytes::Bytes> {
        self.read_at(offset, len).map(bytes::Bytes::from)
    }

    fn append_vectored(&mut self, parts: &[&[u8]]) -> StorageResult<u64> {
        self.writable()?;
        let mut state = self.stream.write();
        let (start, open_len) = (state.size(), state.open.len());
        let total = parts
            .iter()
            .try_fold(open_len, |sum, part| sum.checked_add(part.len()))
            .filter(|total| start.checked_add(*total as u64).is_some())
            .ok_or_else(|| io::Error::from(io::ErrorKind::FileTooLarge))?;
        if total < self.block_len {
            for part in parts {
                state.open.extend_from_slice(part);
            }
            return Ok(start);
        }
        drop(state);
        self.spill(parts, total / self.block_len)?;
        Ok(start)
    }

    /// Reserves room for so many bytes with the frames that they make if they are flushed once.
    fn reserve(&mut self, additional: u64) -> StorageResult<()> {
        self.writable()?;
        let (open_len, has_header) = {
            let state = self.stream.state();
            (state.open.len() as u64, state.known.is_some())
        };
        let block_len = self.block_len as u64;
        let sealed = additional.checked_add(open_len).and_then(|len| {
            let frames = len.div_ceil(block_len).checked_mul(HEADER_LEN as u64)?;
            let header = if has_header { 0 } else { header::LEN as u64 };
            len.checked_add(frames)?.checked_add(header)
        });
        let sealed = sealed.ok_or_else(|| io::Error::from(io::ErrorKind::FileTooLarge))?;
        let result = self.inner.reserve(sealed);
        self.heed(result)
    }

    fn reader(&self) -> Option<Arc<dyn StorageReader>> {
        self.readable().ok()?;
        let inner = self.inner.reader()?;
        let stream = Arc::clone(&self.stream);
        Some(Arc::new(EncryptedReader::new(stream, inner)))
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            concurrent_appenders: false,
            zero_copy_reads: false,
            ..self.inner.capabilities()
        }
    }

    /// Flushes, and leaves word in the stream of how far it is durable. If only the writing failed (a full disk), the
    /// backend stays open with all its bytes.
    fn close(&mut self) -> StorageResult<()> {
        let result = self
            .flush()
            .and_then(|()| self.leave_mark())
            .and_then(|()| self.inner.close());
        let inner_closed = matches!(self.inner.size(), Err(StorageError::Closed));
        if result.is_ok() || self.state != Condition::Open || inner_closed {
            if self.state == Condition::Poisoned {
                // It reports what we report.
                let _ = self.inner.close();
            }
            self.leave();
            self.state = Condition::Closed;
        }
        result
    }
}

impl Drop for EncryptedBackend {
    fn drop(&mut self) {
        if self.state == Condition::Open {
            // Nobody could hear of an error here; `close` is for those who want to.
            let _ = self.seal_open().and_then(|()| self.leave_mark());
        }
        if self.state != Condition::Closed {
            self.leave();
        }
    }
}

impl fmt::Debug for EncryptedBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EncryptedBackend")
            .field("size", &self.stream.state().size())
            .field("block_len", &self.block_len)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}
