//! Named streams as the files of one folder.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::backend::FileBackend;
use super::entry::Entry;
use super::open::{self, Creation};
use super::reader::{FileReader, LoneReader};
use super::seam::System;
use super::stream::Stream;
use super::{lock, while_doing, while_syncing};
use crate::{
    Directory, DirectoryLock, OpenMode, StorageBackend, StorageError, StorageReader, StorageResult,
    check_name,
};

/// What is behind the name of a file that is to replace a stream: no name of a stream ends so.
const NEW_SUFFIX: &str = ".new~";

/// The files of one folder as named streams.
///
/// A stream is a regular file of that name. A reader that is opened here, beside an appender that was opened here, sees
/// everything appended; beside an appender of another process, or of another `FileDirectory` on the same folder, it sees
/// what is written to the file by then, perhaps with zeros that were reserved behind it.
///
/// Replacing one name from two places at once is for the callers to exclude, by a [`lock`](Directory::lock).
pub struct FileDirectory {
    path: PathBuf,
    /// The folder by a path that a change of the working directory does not move.
    folder: PathBuf,
    system: System,
    /// The streams that are appended to.
    open: Mutex<BTreeMap<String, Weak<Stream>>>,
    /// Held while a stream is replaced: there is one name for the new file.
    replacing: Mutex<()>,
    poisoned: AtomicBool,
}

impl FileDirectory {
    /// Opens the folder at `path`, which is there. Writes nothing.
    ///
    /// # Errors
    /// [`StorageError::Io`] of kind `NotFound` or `NotADirectory`, or as the operating system has it.
    pub fn open(path: &Path) -> StorageResult<Self> {
        Self::open_as(System::default(), path)
    }

    /// Opens the folder at `path`, and makes it and all above it where they are not there. They are durable when this
    /// returns, whoever made them.
    ///
    /// # Errors
    /// [`StorageError::Io`] if a folder cannot be made or synced.
    pub fn create(path: &Path) -> StorageResult<Self> {
        Self::create_as(System::default(), path)
    }

    pub(super) fn create_as(system: System, path: &Path) -> StorageResult<Self> {
        Entry::of_folder_made(&system, path)?.sync(&system)?;
        Self::open_as(system, path)
    }

    pub(super) fn open_as(system: System, path: &Path) -> StorageResult<Self> {
        let folder = || {
            if !system.stat_path(path)?.is_dir() {
                return Err(io::Error::new(
                    io::ErrorKind::NotADirectory,
                    "it is not a directory",
                ));
            }
            system.canonical(path)
        };
        Ok(Self {
            folder: folder().map_err(|error| while_doing("open the directory", path, error))?,
            path: path.to_owned(),
            system,
            open: Mutex::default(),
            replacing: Mutex::default(),
            poisoned: AtomicBool::new(false),
        })
    }

    /// The path that this directory was opened with.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The name of something in the folder that is none of ours: neither a stream, nor what an interrupted
    /// [`replace`](Directory::replace) left. Of several, the first in order.
    ///
    /// # Errors
    /// [`StorageError::Io`] if the folder cannot be read.
    pub fn foreign(&self) -> StorageResult<Option<String>> {
        let ours = |name: &str| check_name(name.strip_suffix(NEW_SUFFIX).unwrap_or(name)).is_ok();
        let entries = self.entries()?.into_iter();
        Ok(entries
            .filter(|entry| !entry.is_file || !entry.name.to_str().is_some_and(ours))
            .map(|entry| entry.name.to_string_lossy().into_owned())
            .min())
    }

    fn entries(&self) -> StorageResult<Vec<super::seam::Entry>> {
        let entries = self.system.list(&self.folder);
        entries.map_err(|error| while_doing("list", &self.path, error))
    }

    // A panic while a lock was held cannot have left half a change: every change is one call.
    fn streams(&self) -> MutexGuard<'_, BTreeMap<String, Weak<Stream>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The file of a stream. Something else of that name, a symbolic link say, is no stream.
    fn file_of(&self, name: &str) -> StorageResult<PathBuf> {
        check_name(name)?;
        let path = self.folder.join(name);
        match self.system.stat_link(&path) {
            Ok(metadata) if !metadata.is_file() => {
                let what = open::describe(metadata.file_type());
                let error = io::Error::new(
                    io::ErrorKind::InvalidInput,
                    format!("it is {what}, not a stream"),
                );
                Err(while_doing("use", &path, error))
            }
            // What else is wrong with it, opening it will tell.
            _ => Ok(path),
        }
    }

    fn healthy(&self) -> StorageResult<()> {
        if self.poisoned.load(Ordering::Acquire) {
            return Err(StorageError::Poisoned);
        }
        Ok(())
    }

    fn sync_folder(&self) -> StorageResult<()> {
        self.system.sync_directory(&self.folder).map_err(|error| {
            self.poisoned.store(true, Ordering::Release);
            while_syncing(&self.path, error)
        })
    }

    /// Puts `data` into a file at `path`, durably, but for its name.
    fn write_new(&self, path: &Path, data: &[u8]) -> StorageResult<()> {
        let file = open::for_appending(&self.system, path, Creation::IfMissing)?;
        let written = || {
            self.system.set_len(&file, 0)?;
            self.system
                .write_all(&file, data, 0)
                .map_err(|(_, error)| error)
        };
        written().map_err(|error| while_doing("write to", path, error))?;
        self.system
            .sync(&file)
            .map_err(|error| while_doing("sync", path, error))
    }
}

impl Directory for FileDirectory {
    fn open(&self, name: &str, mode: OpenMode) -> StorageResult<Box<dyn StorageBackend>> {
        let creation = match mode {
            OpenMode::CreateNew => Creation::Always,
            OpenMode::Existing => Creation::Never,
        };
        let backend = FileBackend::open_as(self.system.clone(), &self.file_of(name)?, creation)?;
        self.streams()
            .insert(name.to_owned(), Arc::downgrade(backend.stream()));
        Ok(Box::new(backend))
    }

    fn open_reader(&self, name: &str) -> StorageResult<Arc<dyn StorageReader>> {
        let path = self.file_of(name)?;
        let live = self.streams().get(name).and_then(Weak::upgrade);
        if let Some(stream) = live.filter(|stream| stream.has_appender()) {
            return Ok(Arc::new(FileReader::new(stream)));
        }
        Ok(Arc::new(LoneReader::open(self.system.clone(), &path)?))
    }

    fn list(&self) -> StorageResult<Vec<String>> {
        let entries = self.entries()?.into_iter();
        let mut names: Vec<String> = entries
            .filter(|entry| entry.is_file)
            .filter_map(|entry| entry.name.into_string().ok())
            .filter(|name| check_name(name).is_ok())
            .collect();
        names.sort_unstable();
        Ok(names)
    }

    fn remove(&self, name: &str) -> StorageResult<()> {
        let path = self.file_of(name)?;
        let removed = self.system.remove(&path);
        removed.map_err(|error| while_doing("remove", &path, error))?;
        self.streams().remove(name);
        Ok(())
    }

    fn replace(&self, name: &str, data: &[u8]) -> StorageResult<()> {
        let path = self.file_of(name)?;
        let new = self.folder.join(format!("{name}{NEW_SUFFIX}"));
        let _replacing = self
            .replacing
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        self.healthy()?;
        // ORDER: the new file's bytes are synced before it takes the name, or a crash could leave the name on a file
        // without them. Then the folder is synced, or a crash could bring the old one back.
        let placed = self.write_new(&new, data).and_then(|()| {
            let renamed = self.system.rename(&new, &path);
            renamed.map_err(|error| while_doing("replace", &path, error))
        });
        if let Err(error) = placed {
            // It takes up space, but does no harm: the next replacement writes over it.
            let _ = self.system.remove(&new);
            return Err(error);
        }
        self.streams().remove(name);
        self.sync_folder()
    }

    fn lock(&self, name: &str) -> StorageResult<DirectoryLock> {
        let path = self.file_of(name)?;
        let file = open::for_appending(&self.system, &path, Creation::IfMissing)?;
        lock::take(&self.system, &file, &path)?;
        let lock = HeldLock(file);
        // Who holds it, for people. The lock is ours also where there is no room to say so.
        let pid = format!("{}\n", std::process::id());
        if self.system.set_len(&lock.0, 0).is_ok() {
            let _ = self.system.write_all(&lock.0, pid.as_bytes(), 0);
        }
        Ok(DirectoryLock::new(lock))
    }

    fn sync(&self) -> StorageResult<()> {
        self.healthy()?;
        self.sync_folder()
    }
}

impl std::fmt::Debug for FileDirectory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FileDirectory")
            .field("path", &self.path)
            .field("poisoned", &self.poisoned)
            .finish_non_exhaustive()
    }
}

/// Unlocks by itself: a child process that is just being started has the file open, too, for a moment.
struct HeldLock(File);

impl Drop for HeldLock {
    fn drop(&mut self) {
        // Nothing can be done about an error, and closing the file unlocks it anyway.
        let _ = self.0.unlock();
    }
}
