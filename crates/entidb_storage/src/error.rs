//! What can go wrong with bytes.

use std::io;

/// The result of every storage operation.
pub type StorageResult<T> = Result<T, StorageError>;

/// An error of a backend or a directory. Each method says what is left true after it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// The medium failed, or the call was wrong (`InvalidInput`). A full disk is here too: see [`StorageError::is_full`].
    #[error("{0}")]
    Io(#[from] io::Error),
    /// A read reached above the end of the stream.
    #[error("cannot read {len} bytes at offset {offset}: the stream ends at {size}")]
    ReadPastEnd {
        /// Where the read began, in bytes.
        offset: u64,
        /// How many bytes were asked for.
        len: usize,
        /// The stream's length in bytes.
        size: u64,
    },
    /// The bytes are not what was written.
    #[error("corrupted: {0}")]
    Corrupted(String),
    /// The backend was closed.
    #[error("the backend is closed: open it again")]
    Closed,
    /// A key is wrong, or encrypted bytes do not authenticate.
    #[error("encryption: {0}")]
    Encryption(String),
    /// Another handle holds what may be held once.
    #[error("locked by {holder}")]
    Locked {
        /// Who holds it, for people: "process 4711", "this process".
        holder: String,
    },
    /// An earlier sync failed, so that it is unknown what the disk holds. Reads go on; to write, open it again.
    #[error(
        "an earlier sync failed, so this handle writes no more: open it again to find out what was kept"
    )]
    Poisoned,
}

impl StorageError {
    /// Whether there is no room left: a full disk, a quota, or a limit on the file's size.
    #[must_use]
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Io(error) if matches!(
            error.kind(),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
        ))
    }

    /// Whether the stream, or the folder of it, is not there.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Io(error) if error.kind() == io::ErrorKind::NotFound)
    }

    /// The error of cutting a stream to more than it holds.
    pub(crate) fn above_size(new_size: u64, size: u64) -> Self {
        Self::Io(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("cannot truncate to {new_size} bytes: the stream has only {size}"),
        ))
    }
}
