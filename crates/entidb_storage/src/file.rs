//! Streams and directories on files: the only module that names `std::fs`.

mod backend;
mod directory;
mod entry;
#[cfg(test)]
#[cfg(unix)]
mod faults;
mod lock;
mod open;
mod reader;
mod seam;
mod stream;
mod target;
#[cfg(test)]
#[cfg(unix)]
mod tests;

use std::io;
use std::path::{Path, PathBuf};

use crate::StorageError;

pub use backend::FileBackend;
pub use directory::FileDirectory;

/// An operating system's error with the file it was about. Its kind stays, and the error itself is the source.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {}: {source}", path.display())]
struct FileError {
    action: &'static str,
    path: PathBuf,
    source: io::Error,
}

/// Says what could not be done with which file.
fn while_doing(action: &'static str, path: &Path, source: io::Error) -> StorageError {
    with_kind(source.kind(), action, path, source)
}

/// The error of a failed sync. It is never a full disk, even if the operating system called it so: a full disk leaves a
/// backend usable, and a failed sync does not.
fn while_syncing(path: &Path, source: io::Error) -> StorageError {
    let error = while_doing("sync", path, source);
    if error.is_full() {
        as_other(error)
    } else {
        error
    }
}

fn as_other(error: StorageError) -> StorageError {
    match error {
        StorageError::Io(error) => StorageError::Io(io::Error::other(error)),
        error => error,
    }
}

fn with_kind(
    kind: io::ErrorKind,
    action: &'static str,
    path: &Path,
    source: io::Error,
) -> StorageError {
    let path = path.to_owned();
    StorageError::Io(io::Error::new(
        kind,
        FileError {
            action,
            path,
            source,
        },
    ))
}
