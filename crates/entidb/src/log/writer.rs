//! Appending to a log, and sealing it.

use std::sync::Arc;

use entidb_storage::{Directory, OpenMode, StorageBackend, StorageError};

use crate::error::{Error, Result};
use crate::format::batch::{self, Synced};
use crate::format::checksum::{Binding, crc32c};
use crate::format::footer::Tally;
use crate::format::header::{self, Header, Kind};
use crate::format::name::StreamKind;
use crate::format::{block, record};
use crate::ids::{Lsn, StreamId};
use crate::manifest::{LogEntry, SealedEntry, digest};
use crate::stream::Stream;

/// A log that batches are appended to.
pub(crate) struct Log {
    stream: Stream,
    backend: Box<dyn StorageBackend>,
    /// Where the next batch goes, in bytes. Everything below is synced.
    end: u64,
    tally: Tally,
}

/// One transaction, ready to be appended: records without checksums, and what its header will say.
pub(crate) struct Draft {
    pub(crate) lsn: Lsn,
    pub(crate) previous: Lsn,
    pub(crate) time_us: u64,
    /// The records, encoded, their checksums still zero.
    pub(crate) body: Vec<u8>,
}

/// Why a batch is not in the log.
pub(crate) enum Failure {
    /// It is not there and never will be; the log is as it was.
    Refused(Error),
    /// Whether it will be there after a crash is unknown; the log takes no more.
    Unknown(Error),
}

impl Failure {
    /// The error, where it makes no difference which of the two it was.
    pub(crate) fn into_error(self) -> Error {
        match self {
            Self::Refused(error) | Self::Unknown(error) => error,
        }
    }
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

    /// Appends the batch and makes it durable. Returns the offset of its first record, in bytes.
    pub(crate) fn commit(&mut self, draft: &mut Draft) -> Result<u64, Failure> {
        let body_at = self.append(draft)?;
        self.flush(draft)?;
        Ok(body_at)
    }

    /// Hands the batch to the backend, without making it durable. Returns the offset of its first record, in bytes.
    pub(crate) fn append(&mut self, draft: &mut Draft) -> Result<u64, Failure> {
        let body_at = self.end + self.tally.pending_len() + batch::HEADER_LEN as u64;
        let refuse =
            |error| Failure::Refused(Error::storage(error, "append to", &self.stream.name));
        let batch_len = (batch::HEADER_LEN + draft.body.len()) as u64;
        self.backend.reserve(batch_len).map_err(refuse)?;

        let (count, tombstones) = seal_records(draft, self.stream.salt, body_at);
        let header = batch::Header {
            body_len: u32::try_from(draft.body.len())
                .map_err(|_| Failure::Refused(Error::invalid("the transaction is too large")))?,
            body_crc: crc32c(&draft.body),
            count,
            lsn: draft.lsn,
            previous: draft.previous,
            time_us: draft.time_us,
            log: self.stream.id,
            offset: body_at - batch::HEADER_LEN as u64,
            salt: self.stream.salt,
            synced: Synced {
                log: self.stream.id,
                offset: self.end,
            },
            chain: self.tally.chain(),
            flags: 0,
        };
        let encoded = header.encode();
        self.backend
            .append_vectored(&[&encoded, &draft.body])
            .map_err(refuse)?;
        self.tally
            .push(&header, batch::Header::crc(&encoded), tombstones);
        Ok(body_at)
    }

    /// Makes everything appended durable.
    fn flush(&mut self, draft: &Draft) -> Result<(), Failure> {
        // ORDER: this is where a commit becomes durable. One line earlier a crash leaves the batch torn or absent, and it
        // was not told to anybody; one line later it is told.
        match self.backend.flush() {
            Ok(()) => {
                self.end += self.tally.commit();
                Ok(())
            }
            Err(error) => {
                let name = &self.stream.name;
                let what = format!("make commit {} durable in", draft.lsn);
                let full = error.is_full();
                let error = Error::storage(error, &what, name);
                // The contract makes a failed sync sticky: only if merely the write failed does cutting the batch off
                // succeed, and then it is off the disk when this returns.
                match self.backend.truncate(self.end) {
                    Ok(()) => {
                        self.tally.roll_back();
                        Err(Failure::Refused(error))
                    }
                    Err(_) => Err(Failure::Unknown(if full {
                        error.with_kind(crate::ErrorKind::Io)
                    } else {
                        error
                    })),
                }
            }
        }
    }

    /// Makes several appended batches durable at once: recovery's copies.
    pub(crate) fn sync(&mut self) -> Result<()> {
        self.backend
            .sync()
            .map_err(|error| Error::storage(error, "sync", &self.stream.name))?;
        self.end += self.tally.commit();
        Ok(())
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

/// Seals a closed log: what a crash or a failure left behind its `end` is cut off, and the footer stands there, synced.
pub(crate) fn seal(
    directory: &dyn Directory,
    stream: &Stream,
    end: u64,
    tally: &Tally,
) -> Result<SealedEntry> {
    let footer = block::encode(stream.salt, end, &tally.encode())
        .ok_or_else(|| Error::invalid("the footer is too large"))?;
    let write = || -> Result<(), StorageError> {
        let mut backend = directory.open(&stream.name, OpenMode::Existing)?;
        // ORDER: what is cut here lies behind the last batch that was ever shown.
        if backend.size()? > end {
            backend.truncate(end)?;
        }
        // ORDER: the footer is durable before the manifest calls the log a segment; one line earlier a crash leaves a log
        // with a torn footer, which is cut as any torn tail is.
        backend.append(&footer)?;
        backend.sync()?;
        backend.close()
    };
    write().map_err(|error| Error::storage(error, "seal", &stream.name))?;
    Ok(SealedEntry {
        stream: stream.id,
        end,
        len: end + footer.len() as u64,
        digest: digest(&stream.header, &footer),
        first_lsn: tally.first_lsn(),
        last_lsn: tally.last_lsn(),
    })
}

/// Fills in the checksum of each record for the place where it will lie. Returns how many there are, and how many of them
/// are tombstones.
fn seal_records(draft: &mut Draft, salt: u64, body_at: u64) -> (u32, u64) {
    let mut at = 0;
    let mut count = 0;
    let mut tombstones = 0;
    while let Some(rest) = draft.body.get_mut(at..).filter(|rest| !rest.is_empty()) {
        let Ok(header) = record::Header::decode(rest) else {
            debug_assert!(false, "a draft holds only records of our own making");
            break;
        };
        let len = usize::try_from(header.record_len()).unwrap_or(usize::MAX);
        let binding = Binding {
            salt,
            offset: body_at + at as u64,
            lsn: draft.lsn,
        };
        if let Some(bytes) = rest.get_mut(..len) {
            record::seal(bytes, binding);
        }
        count += 1;
        tombstones += u64::from(header.kind == record::Kind::Tombstone);
        at += len;
    }
    (count, tombstones)
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
