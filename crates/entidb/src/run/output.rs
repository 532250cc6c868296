//! The stream that a run is written to.

use entidb_storage::{Directory, OpenMode, StorageBackend};

use crate::error::{Error, Result};
use crate::format::page;

/// A run's stream, page behind page.
pub(super) struct Output {
    name: String,
    pub(super) salt: u64,
    backend: Box<dyn StorageBackend>,
    /// How many pages were written, but for the one with the header: the number of the last.
    pub(super) pages: u64,
}

impl Output {
    /// Makes the stream, which must not be there, with its header.
    pub(super) fn create(
        directory: &dyn Directory,
        name: String,
        salt: u64,
        header: &[u8],
    ) -> Result<Self> {
        let backend = directory
            .open(&name, OpenMode::CreateNew)
            .map_err(|error| Error::storage(error, "make", &name))?;
        let mut output = Self {
            name,
            salt,
            backend,
            pages: 0,
        };
        let mut first_page = header.to_vec();
        first_page.resize(page::LEN, 0);
        output.append(&first_page)?;
        Ok(output)
    }

    /// Appends what is no page: there are no more of them then.
    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<()> {
        match self.backend.append(bytes) {
            Ok(_) => Ok(()),
            Err(error) => Err(Error::storage(error, "append to", &self.name)),
        }
    }

    /// Appends the page that `make` makes for its place. Returns its number.
    pub(super) fn page(&mut self, make: impl FnOnce(u64, u64) -> Vec<u8>) -> Result<u64> {
        let number = self.pages + 1;
        let page = make(self.salt, number * page::LEN as u64);
        debug_assert_eq!(page.len(), page::LEN);
        self.append(&page)?;
        self.pages = number;
        Ok(number)
    }

    /// Where the pages end, in bytes.
    pub(super) fn pages_end(&self) -> u64 {
        (self.pages + 1) * page::LEN as u64
    }

    /// Makes all that was appended durable.
    pub(super) fn finish(mut self) -> Result<()> {
        self.backend
            .sync()
            .and_then(|()| self.backend.close())
            .map_err(|error| Error::storage(error, "sync", &self.name))
    }
}
