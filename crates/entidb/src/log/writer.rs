//! Appending to a log, and sealing it.

use std::sync::Arc;

use entidb_storage::{Directory, OpenMode, StorageBackend, StorageError};

use super::{Sealed, Sealer};
use crate::error::{Error, Result};
use crate::format::batch;
use crate::format::block;
use crate::format::footer::Tally;
use crate::format::header::{self, Header, Kind};
use crate::format::name::StreamKind;
use crate::ids::StreamId;
use crate::manifest::{LogEntry, SealedEntry, digest};
use crate::stream::{Layout, Stream};

/// A log that batches are appended to.
pub(crate) struct Log {
    stream: Stream,
    backend: Box<dyn StorageBackend>,
    /// Where the next batch goes, in bytes. Everything below is synced.
    end: u64,
    tally: Tally,
}

/// Why batches are not durable.
pub(crate) enum Failure {
    /// They are not in the log and never will be; it is as it was.
    Refused(Error),
    /// Whether they will be there after a crash is unknown; the log takes no more.
    Unknown(Error),
}

impl Log {
    /// Makes the log's stream and syncs its header. It counts only once the manifest lists it.
    pub(crate) fn create(
        directory: &dyn Directory,
        id: StreamId,
        database: [u8; 16],
        salt: u64,
    ) -> Result<Self> {
        let name = StreamKind::Log.name(id);
        let header = Header {
            kind: Kind::Log,
            database,
            stream: id,
            salt,
        }
        .encode();
        let made = || -> Result<_, StorageError> {
            let mut backend = directory.open(&name, OpenMode::CreateNew)?;
            backend.append(&header)?;
            // ORDER: the header and the name are durable before the manifest lists the log; one line earlier a crash
            // leaves a stream that no manifest names, and the next open removes it.
            backend.sync()?;
            let reader = reader(&*backend, directory, &name)?;
            Ok((backend, reader))
        };
        let (backend, reader) = made().map_err(|error| {
            // Nothing names it; if removing fails too, the next open does it.
            let _ = directory.remove(&name);
            Error::storage(error, "make", &name)
        })?;
        Ok(Self {
            stream: Stream {
                id,
                name,
                salt,
                header,
                reader,
                layout: Layout::Plain,
                one_commit: None,
                fixed: Arc::default(),
                blocks: Arc::default(),
            },
            backend,
            end: header::LEN as u64,
            tally: Tally::new(Header::crc(&header)),
        })
    }

    /// Opens a log to append to it again, at its `end`, below which everything is synced and which must be its size.
    pub(crate) fn reopen(
        directory: &dyn Directory,
        stream: &Stream,
        end: u64,
        tally: Tally,
    ) -> Result<Self> {
        let name = &stream.name;
        let open = || -> Result<_, StorageError> {
            let backend = directory.open(name, OpenMode::Existing)?;
            let size = backend.size()?;
            let reader = reader(&*backend, directory, name)?;
            Ok((backend, size, reader))
        };
        let (backend, size, reader) =
            open().map_err(|error| Error::storage(error, "open", name))?;
        if size != end {
            return Err(Error::corrupt(
                name,
                end.min(size),
                format!("a stream of {end} bytes"),
                format!("{size}"),
            ));
        }
        Ok(Self {
            stream: Stream {
                reader,
                ..stream.clone()
            },
            backend,
            end,
            tally,
        })
    }

    pub(crate) fn stream(&self) -> &Stream {
        &self.stream
    }

    /// The log's length in bytes, all of it synced.
    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    /// How the manifest lists this log while it is the active one.
    pub(crate) fn entry(&self) -> LogEntry {
        LogEntry {
            stream: self.stream.id,
            end: None,
        }
    }

    /// Asks for room for `additional` bytes behind what was appended.
    pub(crate) fn reserve(&mut self, additional: u64) -> Result<()> {
        self.backend
            .reserve(additional)
            .map_err(|error| Error::storage(error, "reserve room in", &self.stream.name))
    }

    /// Hands the batches to the backend, all or nothing, without making them durable.
    pub(crate) fn append(&mut self, batches: &[&Sealed]) -> Result<()> {
        let mut parts: Vec<&[u8]> = Vec::with_capacity(2 * batches.len());
        for batch in batches {
            parts.extend([batch.head.as_slice(), &batch.body]);
        }
        self.backend
            .append_vectored(&parts)
            .map_err(|error| Error::storage(error, "append to", &self.stream.name))?;
        for batch in batches {
            let crc = batch::Header::crc(&batch.head);
            self.tally.push(&batch.header, crc, batch.tombstones);
        }
        Ok(())
    }

    /// Makes everything appended durable. Where that fails, and it may be cut off again (`cut`: nobody was told of it), what
    /// was appended since the last flush is not in the log any more.
    pub(crate) fn flush(&mut self, cut: bool) -> Result<(), Failure> {
        if self.tally.pending_len() == 0 {
            return Ok(());
        }
        // ORDER: this is where commits become durable. One line earlier a crash leaves their batches torn or absent, and
        // they were not told to anybody; one line later they are told.
        match self.backend.flush() {
            Ok(()) => {
                self.end += self.tally.commit();
                Ok(())
            }
            Err(error) => {
                let name = &self.stream.name;
                let full = error.is_full();
                let error = Error::storage(error, "make commits durable in", name);
                // The contract makes a failed sync sticky: only if merely the write failed does cutting the batches off
                // succeed, and then they are off the disk when this returns.
                if cut && self.backend.truncate(self.end).is_ok() {
                    self.tally.roll_back();
                    return Err(Failure::Refused(error));
                }
                Err(Failure::Unknown(if full {
                    error.with_kind(crate::ErrorKind::Io)
                } else {
                    error
                }))
            }
        }
    }

    /// Whether something was appended and is not durable.
    pub(crate) fn is_unsynced(&self) -> bool {
        self.tally.pending_len() > 0
    }

    /// What makes the batches that come next.
    pub(crate) fn sealer(&self) -> Sealer {
        let at = self.end + self.tally.pending_len();
        Sealer::new(self.stream.id, self.stream.salt, at, self.tally.chain())
    }

    pub(crate) fn tally(&self) -> Tally {
        self.tally
    }

    /// Gives the stream back. Everything in it is synced already.
    pub(crate) fn close(mut self) -> Result<()> {
        self.backend
            .close()
            .map_err(|error| Error::storage(error, "close", &self.stream.name))
    }
}

/// Seals a log that was closed at its `end`: the footer stands there, synced.
pub(crate) fn seal(
    directory: &dyn Directory,
    stream: &Stream,
    end: u64,
    tally: &Tally,
) -> Result<SealedEntry> {
    let footer = encode_footer(stream, end, tally)?;
    let write = || -> Result<(), StorageError> {
        let mut backend = directory.open(&stream.name, OpenMode::Existing)?;
        if backend.size()? != end {
            return Err(StorageError::Corrupted(format!("it does not end at {end}")));
        }
        // ORDER: the footer is durable before the manifest calls the log a segment; one line earlier a crash leaves a log
        // with a torn footer, which ends as any torn tail does.
        backend.append(&footer)?;
        backend.sync()?;
        backend.close()
    };
    write().map_err(|error| Error::storage(error, "seal", &stream.name))?;
    Ok(SealedEntry {
        len: end + footer.len() as u64,
        ..unfooted(stream, end, tally)?
    })
}

/// How the manifest lists a log as a segment without a footer: what lies behind `end` is void, and never looked at. The digest is
/// the one that it would have with a footer.
pub(crate) fn unfooted(stream: &Stream, end: u64, tally: &Tally) -> Result<SealedEntry> {
    Ok(SealedEntry {
        stream: stream.id,
        end,
        len: end,
        digest: digest(&stream.header, &encode_footer(stream, end, tally)?),
        first_lsn: tally.first_lsn(),
        last_lsn: tally.last_lsn(),
    })
}

fn encode_footer(stream: &Stream, end: u64, tally: &Tally) -> Result<Vec<u8>> {
    block::encode(stream.salt, end, &tally.encode())
        .ok_or_else(|| Error::invalid("the footer is too large"))
}

/// A handle that reads while the backend appends: the backend's own, or one that the directory opens beside it.
fn reader(
    backend: &dyn StorageBackend,
    directory: &dyn Directory,
    name: &str,
) -> Result<Arc<dyn entidb_storage::StorageReader>, StorageError> {
    match backend.reader() {
        Some(reader) => Ok(reader),
        None => directory.open_reader(name),
    }
}
