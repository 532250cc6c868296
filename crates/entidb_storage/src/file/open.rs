//! Opening a regular file, and nothing else.

use std::fs::{File, FileType, Metadata, OpenOptions};
use std::io;
use std::path::Path;

use super::seam::System;
use super::while_doing;
use crate::StorageResult;

/// Whether a file is made if it is not there, must not be there, or must.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Creation {
    IfMissing,
    Always,
    Never,
}

/// Opens `path` for reading and writing, never truncating it.
pub(super) fn for_appending(
    system: &System,
    path: &Path,
    creation: Creation,
) -> StorageResult<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    match creation {
        Creation::IfMissing => options.create(true).truncate(false),
        Creation::Always => options.create_new(true),
        Creation::Never => &mut options,
    };
    regular(system, path, options)
}

/// Opens `path` for reading alone.
pub(super) fn for_reading(system: &System, path: &Path) -> StorageResult<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    regular(system, path, options)
}

fn regular(system: &System, path: &Path, mut options: OpenOptions) -> StorageResult<File> {
    never_wait(&mut options);
    let opened = || -> io::Result<File> {
        // Looked at before it is opened, since opening can already do something: a pipe waits, a tape rewinds.
        match system.stat_path(path) {
            Ok(metadata) => check_regular(&metadata)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let file = system.open(path, &options)?;
        check_regular(&system.stat(&file)?)?;
        Ok(file)
    };
    opened().map_err(|error| while_doing("open", path, error))
}

/// For what takes the file's place after we looked.
#[cfg(unix)]
fn never_wait(options: &mut OpenOptions) {
    use rustix::fs::OFlags;
    use std::os::unix::fs::OpenOptionsExt;
    options.custom_flags((OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed());
}

#[cfg(not(unix))]
fn never_wait(_options: &mut OpenOptions) {}

fn check_regular(metadata: &Metadata) -> io::Result<()> {
    let kind = metadata.file_type();
    if kind.is_file() {
        return Ok(());
    }
    let error_kind = if kind.is_dir() {
        io::ErrorKind::IsADirectory
    } else {
        io::ErrorKind::InvalidInput
    };
    Err(io::Error::new(
        error_kind,
        format!("it is {}, not a file", describe(kind)),
    ))
}

/// What a thing is that is not a regular file.
pub(super) fn describe(kind: FileType) -> &'static str {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        if kind.is_fifo() {
            return "a pipe";
        }
        if kind.is_socket() {
            return "a socket";
        }
        if kind.is_block_device() || kind.is_char_device() {
            return "a device";
        }
    }
    if kind.is_dir() {
        "a directory"
    } else if kind.is_symlink() {
        "a symbolic link"
    } else {
        "something else"
    }
}
