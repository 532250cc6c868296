//! Reading an encrypted stream from any thread.

use std::sync::Arc;

use super::keys::Keys;
use super::source::Source;
use super::stream::Stream;
use crate::{StorageReader, StorageResult};

/// Reads beside an appender of this process, whose state it shares, or of another, which it looks after by itself.
pub(super) struct EncryptedReader {
    stream: Arc<Stream>,
    inner: Arc<dyn StorageReader>,
}

impl EncryptedReader {
    pub(super) fn new(stream: Arc<Stream>, inner: Arc<dyn StorageReader>) -> Self {
        Self { stream, inner }
    }

    pub(super) fn open(inner: Arc<dyn StorageReader>, keys: Keys) -> StorageResult<Self> {
        let stream = Arc::new(Stream::open(Source::Reader(&*inner), keys, false)?);
        Ok(Self { stream, inner })
    }

    fn source(&self) -> Source<'_> {
        Source::Reader(&*self.inner)
    }
}

impl StorageReader for EncryptedReader {
    fn read_at(&self, offset: u64, len: usize) -> StorageResult<Vec<u8>> {
        self.stream.read_at(self.source(), offset, len)
    }

    fn size(&self) -> StorageResult<u64> {
        self.stream.size(self.source())
    }

    fn read_into(&self, offset: u64, buf: &mut [u8]) -> StorageResult<()> {
        self.stream.read_into(self.source(), offset, buf)
    }

    fn read_bytes(&self, offset: u64, len: usize) -> StorageResult<bytes::Bytes> {
        self.read_at(offset, len).map(bytes::Bytes::from)
    }
}
