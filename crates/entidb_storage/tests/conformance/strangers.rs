//! Backends, directories and factories that a stranger might have, and what the suite may ask of files.

use std::path::PathBuf;
use std::sync::Arc;

use entidb_storage::conformance::{Loss, Made, Subject};
use entidb_storage::{
    Directory, DirectoryLock, FileBackend, FileDirectory, MemoryDirectory, OpenMode,
    StorageBackend, StorageReader, StorageResult, StreamFactory,
};

/// Files and folders, which tell what a killed process leaves: what a copy of them has.
pub(crate) struct FilesByName {
    folder: tempfile::TempDir,
    count: u32,
    copies: u32,
}

impl FilesByName {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            count: 0,
            copies: 0,
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join(self.count.to_string())
    }

    fn copy_path(&mut self) -> PathBuf {
        self.copies += 1;
        self.folder.path().join(format!("copy-{}", self.copies))
    }
}

impl Subject<dyn StorageBackend> for FilesByName {
    fn fresh(&mut self) -> StorageResult<Box<dyn StorageBackend>> {
        self.count += 1;
        FileBackend::open(&self.path()).made()
    }

    fn reopen(&mut self) -> Option<StorageResult<Box<dyn StorageBackend>>> {
        Some(FileBackend::open(&self.path()).made())
    }

    fn after(&mut self, loss: Loss) -> Option<StorageResult<Box<dyn StorageBackend>>> {
        if loss == Loss::Power {
            return None;
        }
        let copy = self.copy_path();
        std::fs::copy(self.path(), &copy).unwrap();
        Some(FileBackend::open(&copy).made())
    }
}

impl Subject<dyn Directory> for FilesByName {
    fn fresh(&mut self) -> StorageResult<Box<dyn Directory>> {
        self.count += 1;
        FileDirectory::create(&self.path()).made()
    }

    fn reopen(&mut self) -> Option<StorageResult<Box<dyn Directory>>> {
        Some(FileDirectory::open(&self.path()).made())
    }

    fn after(&mut self, loss: Loss) -> Option<StorageResult<Box<dyn Directory>>> {
        if loss == Loss::Power {
            return None;
        }
        let copy = self.copy_path();
        std::fs::create_dir(&copy).unwrap();
        for entry in std::fs::read_dir(self.path()).unwrap() {
            let entry = entry.unwrap();
            std::fs::copy(entry.path(), copy.join(entry.file_name())).unwrap();
        }
        Some(FileDirectory::open(&copy).made())
    }
}

/// A directory in a temporary folder.
pub(crate) struct Kept(
    pub(crate) FileDirectory,
    #[expect(dead_code, reason = "is removed when dropped")] pub(crate) tempfile::TempDir,
);

impl Directory for Kept {
    fn open(&self, name: &str, mode: OpenMode) -> StorageResult<Box<dyn StorageBackend>> {
        self.0.open(name, mode)
    }
    fn open_reader(&self, name: &str) -> StorageResult<Arc<dyn StorageReader>> {
        self.0.open_reader(name)
    }
    fn list(&self) -> StorageResult<Vec<String>> {
        self.0.list()
    }
    fn remove(&self, name: &str) -> StorageResult<()> {
        self.0.remove(name)
    }
    fn replace(&self, name: &str, data: &[u8]) -> StorageResult<()> {
        self.0.replace(name, data)
    }
    fn lock(&self, name: &str) -> StorageResult<DirectoryLock> {
        self.0.lock(name)
    }
    fn sync(&self) -> StorageResult<()> {
        self.0.sync()
    }
}

/// A stranger's backend: six methods, and the defaults.
pub(crate) struct Six<B>(pub(crate) B);

impl<B: StorageBackend> StorageBackend for Six<B> {
    fn read_at(&self, offset: u64, len: usize) -> StorageResult<Vec<u8>> {
        self.0.read_at(offset, len)
    }
    fn append(&mut self, data: &[u8]) -> StorageResult<u64> {
        self.0.append(data)
    }
    fn flush(&mut self) -> StorageResult<()> {
        self.0.flush()
    }
    fn size(&self) -> StorageResult<u64> {
        self.0.size()
    }
    fn sync(&mut self) -> StorageResult<()> {
        self.0.sync()
    }
    fn truncate(&mut self, new_size: u64) -> StorageResult<()> {
        self.0.truncate(new_size)
    }
}

/// A factory in memory, of backends with all methods or with six.
#[derive(Default)]
pub(crate) struct InMemory(pub(crate) MemoryDirectory, pub(crate) bool);

impl StreamFactory for InMemory {
    fn open(&self, name: &str) -> StorageResult<Box<dyn StorageBackend>> {
        let backend = match self.0.open(name, OpenMode::Existing) {
            Err(error) if error.is_not_found() => self.0.open(name, OpenMode::CreateNew),
            other => other,
        }?;
        Ok(match self.1 {
            false => backend,
            true => Box::new(Six(Boxed(backend))),
        })
    }
    fn list(&self) -> StorageResult<Vec<String>> {
        let mut names = self.0.list()?;
        names.reverse();
        Ok(names)
    }
    fn remove(&self, name: &str) -> StorageResult<()> {
        self.0.remove(name)
    }
    fn replace(&self, name: &str, data: &[u8]) -> StorageResult<()> {
        self.0.replace(name, data)
    }
    fn sync(&self) -> StorageResult<()> {
        self.0.sync()
    }
}

struct Boxed(Box<dyn StorageBackend>);

impl StorageBackend for Boxed {
    fn read_at(&self, offset: u64, len: usize) -> StorageResult<Vec<u8>> {
        self.0.read_at(offset, len)
    }
    fn append(&mut self, data: &[u8]) -> StorageResult<u64> {
        self.0.append(data)
    }
    fn flush(&mut self) -> StorageResult<()> {
        self.0.flush()
    }
    fn size(&self) -> StorageResult<u64> {
        self.0.size()
    }
    fn sync(&mut self) -> StorageResult<()> {
        self.0.sync()
    }
    fn truncate(&mut self, new_size: u64) -> StorageResult<()> {
        self.0.truncate(new_size)
    }
}

/// A factory over a folder, as a stranger would write it.
pub(crate) struct Files(PathBuf);

impl Files {
    pub(crate) fn create(path: PathBuf) -> StorageResult<Self> {
        std::fs::create_dir_all(&path)?;
        Ok(Self(path))
    }
}

impl StreamFactory for Files {
    fn open(&self, name: &str) -> StorageResult<Box<dyn StorageBackend>> {
        Ok(Box::new(FileBackend::open(&self.0.join(name))?))
    }
    fn list(&self) -> StorageResult<Vec<String>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&self.0)? {
            let name = entry?.file_name().into_string().unwrap_or_default();
            if !name.ends_with('~') {
                names.push(name);
            }
        }
        Ok(names)
    }
    fn remove(&self, name: &str) -> StorageResult<()> {
        Ok(std::fs::remove_file(self.0.join(name))?)
    }
    fn replace(&self, name: &str, data: &[u8]) -> StorageResult<()> {
        let new = self.0.join(format!("{name}~"));
        std::fs::write(&new, data)?;
        std::fs::File::open(&new)?.sync_all()?;
        std::fs::rename(&new, self.0.join(name))?;
        self.sync()
    }
    fn sync(&self) -> StorageResult<()> {
        Ok(std::fs::File::open(&self.0)?.sync_all()?)
    }
}
