//! A backend of one's own: streams as rows of a table in another database (redb), carrying a whole EntiDB.
//!
//! Six methods make the backend, five functions the factory, and [`FactoryDirectory`] does the rest. docs/backends.md goes
//! through it. `cargo run -p entidb --example rows_backend`; its tests, at the end, certify it:
//! `cargo test -p entidb --example rows_backend`

use std::io;
use std::path::Path;
use std::sync::Arc;

use entidb::storage::{
    FactoryDirectory, StorageBackend, StorageError, StorageResult, StreamFactory,
};
use entidb::{Database, EntityId, Value};
use redb::{ReadableDatabase, ReadableTable, TableDefinition};

/// Name to number: a removed stream loses its name at once, and its rows when the store is opened next, so that who has it
/// open goes on reading it.
const NAMES: TableDefinition<&str, u64> = TableDefinition::new("names");
/// (number, offset) to the bytes that one flush has made durable there.
const ROWS: TableDefinition<(u64, u64), &[u8]> = TableDefinition::new("rows");

/// The store: all streams in one file of redb's.
#[derive(Clone)]
struct Rows(Arc<redb::Database>);

/// One stream. What is appended waits in `tail` for the flush that makes a row of it.
struct RowsBackend {
    store: Rows,
    number: u64,
    /// Bytes in rows.
    durable_len: u64,
    tail: Vec<u8>,
    poisoned: bool,
}

fn other(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> StorageError {
    StorageError::Io(io::Error::other(error))
}

impl Rows {
    fn open(path: &Path) -> StorageResult<Self> {
        let store = Self(Arc::new(redb::Database::create(path).map_err(other)?));
        store.write(|names, rows| {
            let mut live = Vec::new();
            for entry in names.iter().map_err(other)? {
                live.push(entry.map_err(other)?.1.value());
            }
            rows.retain(|(number, _), _| live.contains(&number))
                .map_err(other)
        })?;
        Ok(store)
    }

    /// One durable transaction over both tables.
    fn write<T>(
        &self,
        change: impl FnOnce(
            &mut redb::Table<'_, &'static str, u64>,
            &mut redb::Table<'_, (u64, u64), &'static [u8]>,
        ) -> StorageResult<T>,
    ) -> StorageResult<T> {
        let transaction = self.0.begin_write().map_err(other)?;
        let value = {
            let mut names = transaction.open_table(NAMES).map_err(other)?;
            let mut rows = transaction.open_table(ROWS).map_err(other)?;
            change(&mut names, &mut rows)?
        };
        transaction.commit().map_err(other)?;
        Ok(value)
    }

    /// Gives `name` a number that no stream has.
    fn number(
        names: &mut redb::Table<'_, &'static str, u64>,
        rows: &redb::Table<'_, (u64, u64), &'static [u8]>,
        name: &str,
    ) -> StorageResult<u64> {
        let mut next = rows
            .last()
            .map_err(other)?
            .map_or(0, |(key, _)| key.value().0 + 1);
        for entry in names.iter().map_err(other)? {
            next = next.max(entry.map_err(other)?.1.value() + 1);
        }
        names.insert(name, next).map_err(other)?;
        Ok(next)
    }
}

impl StreamFactory for Rows {
    fn open(&self, name: &str) -> StorageResult<Box<dyn StorageBackend>> {
        let (number, durable_len) = self.write(|names, rows| {
            let known = names.get(name).map_err(other)?.map(|number| number.value());
            let number = match known {
                Some(number) => number,
                None => Self::number(names, rows, name)?,
            };
            let mut own = rows
                .range((number, 0)..=(number, u64::MAX))
                .map_err(other)?;
            let len = match own.next_back() {
                Some(row) => {
                    let (key, bytes) = row.map_err(other)?;
                    key.value().1 + bytes.value().len() as u64
                }
                None => 0,
            };
            Ok((number, len))
        })?;
        Ok(Box::new(RowsBackend {
            store: self.clone(),
            number,
            durable_len,
            tail: Vec::new(),
            poisoned: false,
        }))
    }

    fn list(&self) -> StorageResult<Vec<String>> {
        let transaction = self.0.begin_read().map_err(other)?;
        let names = transaction.open_table(NAMES).map_err(other)?;
        let names = names.iter().map_err(other)?;
        names
            .map(|entry| Ok(entry.map_err(other)?.0.value().to_owned()))
            .collect()
    }

    fn remove(&self, name: &str) -> StorageResult<()> {
        self.write(|names, _| names.remove(name).map(drop).map_err(other))
    }

    fn replace(&self, name: &str, data: &[u8]) -> StorageResult<()> {
        self.write(|names, rows| {
            let number = Self::number(names, rows, name)?;
            rows.insert((number, 0), data).map(drop).map_err(other)
        })
    }

    fn sync(&self) -> StorageResult<()> {
        Ok(()) // each transaction was durable when it returned
    }
}

impl StorageBackend for RowsBackend {
    fn read_at(&self, offset: u64, len: usize) -> StorageResult<Vec<u8>> {
        let size = self.size()?;
        let past = StorageError::ReadPastEnd { offset, len, size };
        let Some(end) = offset.checked_add(len as u64).filter(|end| *end <= size) else {
            return Err(past);
        };
        let mut out = Vec::with_capacity(len);
        let transaction = self.store.0.begin_read().map_err(other)?;
        let rows = transaction.open_table(ROWS).map_err(other)?;
        // The row that `offset` lies in may begin before it.
        let mut before = rows
            .range((self.number, 0)..=(self.number, offset))
            .map_err(other)?;
        let first = match before.next_back() {
            Some(row) => row.map_err(other)?.0.value().1,
            None => 0,
        };
        for row in rows
            .range((self.number, first)..(self.number, end))
            .map_err(other)?
        {
            let (key, bytes) = row.map_err(other)?;
            take(&mut out, key.value().1, bytes.value(), offset, end);
        }
        take(&mut out, self.durable_len, &self.tail, offset, end);
        Ok(out)
    }

    fn append(&mut self, data: &[u8]) -> StorageResult<u64> {
        self.check()?;
        let offset = self.size()?;
        self.tail.extend_from_slice(data);
        Ok(offset)
    }

    fn flush(&mut self) -> StorageResult<()> {
        self.check()?;
        if self.tail.is_empty() {
            return Ok(());
        }
        let written = self.store.write(|_, rows| {
            let at = (self.number, self.durable_len);
            rows.insert(at, self.tail.as_slice())
                .map(drop)
                .map_err(other)
        });
        // Whether a commit that failed is on the disk is unknown.
        self.poisoned = written.is_err();
        written?;
        self.durable_len += self.tail.len() as u64;
        self.tail.clear();
        Ok(())
    }

    fn size(&self) -> StorageResult<u64> {
        Ok(self.durable_len + self.tail.len() as u64)
    }

    fn sync(&mut self) -> StorageResult<()> {
        self.flush()
    }

    fn truncate(&mut self, new_size: u64) -> StorageResult<()> {
        self.check()?;
        let size = self.size()?;
        if new_size > size {
            return Err(StorageError::Io(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("cannot truncate to {new_size}: the stream has {size} bytes"),
            )));
        }
        if new_size < self.durable_len {
            let cut = self.store.write(|_, rows| {
                let mut kept = None;
                for row in rows
                    .range((self.number, 0)..(self.number, new_size))
                    .map_err(other)?
                {
                    let (key, bytes) = row.map_err(other)?;
                    kept = Some((key.value(), bytes.value().to_vec()));
                }
                rows.retain_in((self.number, new_size)..=(self.number, u64::MAX), |_, _| {
                    false
                })
                .map_err(other)?;
                if let Some((key, mut bytes)) = kept {
                    let len = usize::try_from(new_size - key.1).unwrap_or(usize::MAX);
                    bytes.truncate(len);
                    rows.insert(key, bytes.as_slice()).map_err(other)?;
                }
                Ok(())
            });
            self.poisoned = cut.is_err();
            cut?;
            self.durable_len = new_size;
            self.tail.clear();
        } else {
            let len = usize::try_from(new_size - self.durable_len).unwrap_or(usize::MAX);
            self.tail.truncate(len);
        }
        Ok(())
    }
}

impl RowsBackend {
    fn check(&self) -> StorageResult<()> {
        match self.poisoned {
            true => Err(StorageError::Poisoned),
            false => Ok(()),
        }
    }
}

/// Appends to `out` what of `bytes`, which lie at `at`, lies between `offset` and `end`.
fn take(out: &mut Vec<u8>, at: u64, bytes: &[u8], offset: u64, end: u64) {
    let within = |position: u64| {
        let index = position.saturating_sub(at).min(bytes.len() as u64);
        usize::try_from(index).unwrap_or(bytes.len())
    };
    out.extend_from_slice(&bytes[within(offset)..within(end).max(within(offset))]);
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = std::env::temp_dir().join(format!("entidb-rows-{}.redb", std::process::id()));
    let _ = std::fs::remove_file(&file);
    for session in 0..3_u64 {
        let directory = FactoryDirectory::new(Rows::open(&file)?);
        let db = Database::open_in(directory)?;
        for n in 0..200 {
            let n = session * 200 + n;
            db.untyped("numbers")
                .put(EntityId::from_key(n), &Value::from(n))?;
        }
        db.checkpoint()?;
        db.untyped("numbers").delete(EntityId::from_key(session))?;
        let count = db.untyped("numbers").scan().count() as u64;
        assert_eq!(count, (session + 1) * 199);
        let report = db.verify()?;
        assert!(report.is_sound(), "{report:?}");
        db.close()?;
    }
    std::fs::remove_file(&file)?;
    Ok(())
}

#[cfg(test)]
mod streams {
    use super::*;
    use entidb_storage::conformance::StreamsOf;

    entidb_storage::conformance!(subject: || {
        let folder = tempfile::tempdir().unwrap();
        // The file is open from here on, so that its folder may go.
        let store = Rows::open(&folder.path().join("rows.redb")).unwrap();
        StreamsOf::new(FactoryDirectory::new(store))
    });
}

#[cfg(test)]
mod directory {
    use super::*;

    entidb_storage::conformance_directory!(durable: || {
        let folder = tempfile::tempdir().unwrap();
        move |name: &str| Rows::open(&folder.path().join(name)).map(FactoryDirectory::new)
    });
}
