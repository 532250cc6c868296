//! Every system call of the file backend, each through one gate, so that a test can fail the kth of them.
//!
//! Outside of tests a gate is nothing. What is interrupted is tried again here, but for the syncs: a sync that failed,
//! however it failed, is never repeated (clause 7).

use std::fs::{self, File, Metadata, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// How often a call is tried again when it is interrupted. A disk that interrupts more often than this is broken, and an
/// error is better than a hang.
const INTERRUPTS_MAX: usize = 100;

/// The kinds of system calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Call {
    Open,
    OpenDirectory,
    Lock,
    Stat,
    Read,
    Write,
    DataSync,
    Sync,
    DirectorySync,
    SetLen,
    Allocate,
    Rename,
    Remove,
    MakeDirectory,
    List,
}

/// The operating system, as the file backend sees it.
#[derive(Clone, Default)]
pub(super) struct System {
    #[cfg(test)]
    #[cfg(unix)]
    pub(super) faults: Option<super::faults::Faults>,
}

/// What an entry of a folder is.
pub(super) struct Entry {
    pub(super) name: std::ffi::OsString,
    pub(super) is_file: bool,
}

#[cfg(not(all(test, unix)))]
#[expect(
    clippy::unused_self,
    clippy::unnecessary_wraps,
    reason = "the gate of the tests has a use for both"
)]
impl System {
    #[inline]
    fn gate(&self, _call: Call) -> io::Result<()> {
        Ok(())
    }

    /// How many of `len` bytes may be read or written at once.
    #[inline]
    fn transfer_gate(&self, _call: Call, len: usize) -> io::Result<usize> {
        Ok(len)
    }
}

#[cfg(test)]
#[cfg(unix)]
impl System {
    fn gate(&self, call: Call) -> io::Result<()> {
        self.faults
            .as_ref()
            .map_or(Ok(()), |faults| faults.gate(call))
    }

    fn transfer_gate(&self, call: Call, len: usize) -> io::Result<usize> {
        self.faults
            .as_ref()
            .map_or(Ok(len), |faults| faults.transfer_gate(call, len))
    }
}

impl System {
    /// Runs `work` behind the gate of `call`, again as long as it is interrupted.
    fn call<T>(&self, call: Call, mut work: impl FnMut() -> io::Result<T>) -> io::Result<T> {
        uninterrupted(|| self.gate(call).and_then(|()| work()))
    }

    pub(super) fn open(&self, path: &Path, options: &OpenOptions) -> io::Result<File> {
        self.call(Call::Open, || options.open(path))
    }

    /// Takes the exclusive lock on an open file; false if somebody else has it.
    pub(super) fn try_lock(&self, file: &File) -> io::Result<bool> {
        self.call(Call::Lock, || match file.try_lock() {
            Ok(()) => Ok(true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) => Err(error),
        })
    }

    pub(super) fn stat(&self, file: &File) -> io::Result<Metadata> {
        self.call(Call::Stat, || file.metadata())
    }

    pub(super) fn stat_path(&self, path: &Path) -> io::Result<Metadata> {
        self.call(Call::Stat, || fs::metadata(path))
    }

    /// What is at `path` itself, where `stat_path` looks behind a symbolic link.
    pub(super) fn stat_link(&self, path: &Path) -> io::Result<Metadata> {
        self.call(Call::Stat, || fs::symlink_metadata(path))
    }

    pub(super) fn canonical(&self, path: &Path) -> io::Result<PathBuf> {
        self.call(Call::Stat, || fs::canonicalize(path))
    }

    /// Reads some bytes at `offset` into `buf`; 0 at the end of the file.
    #[inline]
    pub(super) fn read(&self, file: &File, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        uninterrupted(|| {
            let len = self.transfer_gate(Call::Read, buf.len())?;
            os::read(file, &mut buf[..len], offset)
        })
    }

    /// Reads some bytes at `offset` behind the content of `vec`, within its capacity; 0 at the end of the file.
    #[inline]
    pub(super) fn read_spare(
        &self,
        file: &File,
        vec: &mut Vec<u8>,
        offset: u64,
    ) -> io::Result<usize> {
        uninterrupted(|| {
            let room = vec.capacity() - vec.len();
            let len = self.transfer_gate(Call::Read, room)?;
            if len == room {
                return os::read_spare(file, vec, offset);
            }
            // Only a test comes here, with a read that is to be short.
            let mut part = vec![0; len];
            let count = os::read(file, &mut part, offset)?;
            vec.extend_from_slice(&part[..count]);
            Ok(count)
        })
    }

    /// Writes some bytes of `data` at `offset`.
    fn write(&self, file: &File, data: &[u8], offset: u64) -> io::Result<usize> {
        uninterrupted(|| {
            let len = self.transfer_gate(Call::Write, data.len())?;
            match os::write(file, &data[..len], offset) {
                Ok(0) => Err(io::ErrorKind::WriteZero.into()),
                result => result,
            }
        })
    }

    /// Writes all of `data` at `offset`, or says how much of it is written and what failed.
    pub(super) fn write_all(
        &self,
        file: &File,
        data: &[u8],
        offset: u64,
    ) -> Result<(), (usize, io::Error)> {
        let mut done = 0;
        while done < data.len() {
            match self.write(file, &data[done..], offset + done as u64) {
                Ok(count) => done += count,
                Err(error) => return Err((done, error)),
            }
        }
        Ok(())
    }

    pub(super) fn data_sync(&self, file: &File) -> io::Result<()> {
        self.gate(Call::DataSync)?;
        os::data_sync(file)
    }

    pub(super) fn sync(&self, file: &File) -> io::Result<()> {
        self.gate(Call::Sync)?;
        os::sync(file)
    }

    /// Makes the names in the folder `path` durable.
    pub(super) fn sync_directory(&self, path: &Path) -> io::Result<()> {
        let folder = self.call(Call::OpenDirectory, || os::open_directory(path))?;
        self.gate(Call::DirectorySync)?;
        os::sync_directory(&folder)
    }

    pub(super) fn set_len(&self, file: &File, len: u64) -> io::Result<()> {
        self.call(Call::SetLen, || os::set_len(file, len))
    }

    /// Gives the file disk space for `offset..offset + len`, which reads as zeros, and makes it as long. False if the file
    /// system cannot do that.
    pub(super) fn allocate(&self, file: &File, offset: u64, len: u64) -> io::Result<bool> {
        match self.call(Call::Allocate, || os::allocate(file, offset, len)) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::Unsupported => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// How long a file of this process may become.
    pub(super) fn file_len_max(&self) -> u64 {
        os::file_len_max()
    }

    pub(super) fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.call(Call::Rename, || fs::rename(from, to))
    }

    pub(super) fn remove(&self, path: &Path) -> io::Result<()> {
        self.call(Call::Remove, || fs::remove_file(path))
    }

    pub(super) fn make_directory(&self, path: &Path) -> io::Result<()> {
        self.call(Call::MakeDirectory, || fs::create_dir(path))
    }

    /// Everything in the folder `path`, in no order.
    pub(super) fn list(&self, path: &Path) -> io::Result<Vec<Entry>> {
        self.call(Call::List, || {
            let mut entries = Vec::new();
            for entry in fs::read_dir(path)? {
                let entry = entry?;
                match entry.file_type() {
                    Ok(kind) => entries.push(Entry {
                        name: entry.file_name(),
                        is_file: kind.is_file(),
                    }),
                    // Removed while we looked.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(error) => return Err(error),
                }
            }
            Ok(entries)
        })
    }
}

/// Runs `work`, and again as long as it is interrupted.
#[inline]
fn uninterrupted<T>(mut work: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    for _ in 0..INTERRUPTS_MAX {
        match work() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
    work()
}

#[cfg(unix)]
mod os {
    use std::fs::File;
    use std::io;
    use std::path::Path;

    #[inline]
    pub(super) fn read(file: &File, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        Ok(rustix::io::pread(file, buf, offset)?)
    }

    #[inline]
    pub(super) fn read_spare(file: &File, vec: &mut Vec<u8>, offset: u64) -> io::Result<usize> {
        Ok(rustix::io::pread(
            file,
            rustix::buffer::spare_capacity(vec),
            offset,
        )?)
    }

    pub(super) fn write(file: &File, data: &[u8], offset: u64) -> io::Result<usize> {
        Ok(rustix::io::pwrite(file, data, offset)?)
    }

    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub(super) fn data_sync(file: &File) -> io::Result<()> {
        Ok(rustix::fs::fdatasync(file)?)
    }

    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    pub(super) fn data_sync(file: &File) -> io::Result<()> {
        sync(file)
    }

    // Not the standard library's `sync_all`, which would repeat a sync that was interrupted.
    #[cfg(not(target_vendor = "apple"))]
    pub(super) fn sync(file: &File) -> io::Result<()> {
        Ok(rustix::fs::fsync(file)?)
    }

    // Here fsync leaves the bytes in the disk's cache.
    #[cfg(target_vendor = "apple")]
    pub(super) fn sync(file: &File) -> io::Result<()> {
        Ok(rustix::fs::fcntl_fullfsync(file)?)
    }

    pub(super) fn open_directory(path: &Path) -> io::Result<File> {
        File::open(path)
    }

    pub(super) fn sync_directory(folder: &File) -> io::Result<()> {
        Ok(rustix::fs::fsync(folder)?)
    }

    pub(super) fn set_len(file: &File, len: u64) -> io::Result<()> {
        Ok(rustix::fs::ftruncate(file, len)?)
    }

    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub(super) fn allocate(file: &File, offset: u64, len: u64) -> io::Result<()> {
        let kept_bytes_and_new_length = rustix::fs::FallocateFlags::empty();
        Ok(rustix::fs::fallocate(
            file,
            kept_bytes_and_new_length,
            offset,
            len,
        )?)
    }

    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub(super) fn file_len_max() -> u64 {
        let limit = rustix::process::getrlimit(rustix::process::Resource::Fsize);
        limit.current.unwrap_or(u64::MAX)
    }

    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    pub(super) fn file_len_max() -> u64 {
        u64::MAX
    }

    // Elsewhere the call writes zeros by hand, or cuts the file.
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    pub(super) fn allocate(_file: &File, _offset: u64, _len: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// What every system has, slower and with less of a promise: no directory can be synced here.
#[cfg(not(unix))]
mod os {
    use std::fs::File;
    use std::io::{self, Read, Seek, SeekFrom, Write};
    use std::path::Path;
    use std::sync::{Mutex, PoisonError};

    /// The file's cursor is shared, so that moving it and using it must be one step.
    static CURSOR: Mutex<()> = Mutex::new(());

    pub(super) fn read(mut file: &File, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let _cursor = CURSOR.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(offset))?;
        file.read(buf)
    }

    pub(super) fn read_spare(file: &File, vec: &mut Vec<u8>, offset: u64) -> io::Result<usize> {
        let (start, room) = (vec.len(), vec.capacity());
        vec.resize(room, 0);
        let result = read(file, &mut vec[start..], offset);
        vec.truncate(start + result.as_ref().map_or(0, |count| *count));
        result
    }

    pub(super) fn write(mut file: &File, data: &[u8], offset: u64) -> io::Result<usize> {
        let _cursor = CURSOR.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(offset))?;
        file.write(data)
    }

    pub(super) fn data_sync(file: &File) -> io::Result<()> {
        file.sync_data()
    }

    pub(super) fn sync(file: &File) -> io::Result<()> {
        file.sync_all()
    }

    pub(super) fn open_directory(_path: &Path) -> io::Result<()> {
        Ok(())
    }

    pub(super) fn sync_directory(_folder: &()) -> io::Result<()> {
        Ok(())
    }

    pub(super) fn set_len(file: &File, len: u64) -> io::Result<()> {
        file.set_len(len)
    }

    pub(super) fn allocate(_file: &File, _offset: u64, _len: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn file_len_max() -> u64 {
        u64::MAX
    }
}
