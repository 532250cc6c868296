//! A file's name, and the names of the folders above it: they are durable once the folders that hold them are synced.

use std::io;
use std::path::{Path, PathBuf};

use super::seam::System;
use super::{while_doing, while_syncing};
use crate::StorageResult;

/// Folders that are still to be synced.
#[derive(Debug, Default)]
pub(super) struct Entry {
    folders: Vec<Folder>,
}

#[derive(Debug)]
struct Folder {
    path: PathBuf,
    /// Whether we made a name in it, so that it must be ours to open.
    ours: bool,
}

impl Entry {
    /// The name of the file at `path`, which is there.
    pub(super) fn of_file(system: &System, path: &Path) -> StorageResult<Self> {
        // Through symbolic links, and for good: the process may change its working directory before the first flush.
        let real = system
            .canonical(path)
            .map_err(|error| while_doing("open", path, error))?;
        let path = real.parent().unwrap_or(&real).to_owned();
        Ok(Self {
            folders: vec![Folder { path, ours: true }],
        })
    }

    /// Makes the folder `path` and all above it, where they are not there. What is returned are the names of them all on
    /// this file system: who made one of them before us may have died before it was durable.
    pub(super) fn of_folder_made(system: &System, path: &Path) -> StorageResult<Self> {
        let made_count =
            make_folders(system, path).map_err(|error| while_doing("create", path, error))?;
        let real = system
            .canonical(path)
            .map_err(|error| while_doing("open", path, error))?;
        let mut folders = Vec::new();
        let mut below = real.as_path();
        while let Some(above) = below.parent() {
            if folders.len() >= made_count && !same_file_system(system, below, above) {
                break;
            }
            folders.push(Folder {
                path: above.to_owned(),
                ours: folders.len() < made_count,
            });
            below = above;
        }
        Ok(Self { folders })
    }

    /// Adds what `other` holds.
    pub(super) fn join(&mut self, other: Self) {
        self.folders.extend(other.folders);
    }

    /// Makes the names durable. Does nothing once that has succeeded.
    pub(super) fn sync(&mut self, system: &System) -> StorageResult<()> {
        for folder in &self.folders {
            match system.sync_directory(&folder.path) {
                // A folder that we may not read is none that we, or a predecessor like us, made something in.
                Err(error) if !folder.ours && error.kind() == io::ErrorKind::PermissionDenied => {}
                result => result.map_err(|error| while_syncing(&folder.path, error))?,
            }
        }
        self.folders.clear();
        Ok(())
    }
}

/// Makes `path` and what is missing above it, and says how many folders that were.
fn make_folders(system: &System, path: &Path) -> io::Result<usize> {
    let mut missing = Vec::new();
    let mut at = path;
    while !is_folder(system, at)? {
        missing.push(at);
        match at.parent() {
            Some(above) if !above.as_os_str().is_empty() => at = above,
            _ => break,
        }
    }
    for folder in missing.iter().rev() {
        match system.make_directory(folder) {
            // Somebody else made it at the same moment.
            Err(error)
                if error.kind() == io::ErrorKind::AlreadyExists && is_folder(system, folder)? => {}
            result => result?,
        }
    }
    Ok(missing.len())
}

fn is_folder(system: &System, path: &Path) -> io::Result<bool> {
    match system.stat_path(path) {
        Ok(metadata) if metadata.is_dir() => Ok(true),
        Ok(_) => Err(io::Error::new(
            io::ErrorKind::NotADirectory,
            format!("{} is not a directory", path.display()),
        )),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(unix)]
fn same_file_system(system: &System, a: &Path, b: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let device = |path| system.stat_path(path).map(|metadata| metadata.dev());
    matches!((device(a), device(b)), (Ok(a), Ok(b)) if a == b)
}

#[cfg(not(unix))]
fn same_file_system(_system: &System, _a: &Path, _b: &Path) -> bool {
    true
}
