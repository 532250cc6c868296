//! The database's façade: wiring only.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::ThreadId;

use entidb_storage::{Directory, FileDirectory, StorageError};

use crate::collection::Collection;
use crate::environment::Environment;
use crate::error::{Error, ErrorKind, Result};
use crate::format::name;
use crate::ids::Lsn;
use crate::load;
use crate::options::Options;
use crate::recovery;
use crate::snapshot::Snapshot;
use crate::stats::Stats;
use crate::transaction::Transaction;
use crate::verify::{self, Report};
use crate::view::{Published, View};
use crate::writer::Writer;

/// An open database. Clones share it; it is closed when [`close`](Database::close) is called or the last clone is dropped.
#[derive(Clone)]
pub struct Database {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    directory: Arc<dyn Directory>,
    published: Arc<Published>,
    /// `None` when opened for reading, or closed.
    writer: Mutex<Option<Writer>>,
    /// Held by the one write transaction there is at a time.
    turn: Mutex<()>,
    /// The thread that holds the turn, so that a write inside a write is an error and not a hang.
    turn_of: Mutex<Option<ThreadId>>,
}

impl Database {
    /// Opens the database in the folder `path` for reading and writing, or makes it. Short for
    /// [`Options::new().open(path)`](Options::open).
    ///
    /// # Errors
    /// As for [`Options::open`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Options::new().open(path)
    }

    /// Opens the database in any [`Directory`]: in memory, or on anybody's backend. It is the same engine.
    ///
    /// ```
    /// # fn main() -> entidb::Result<()> {
    /// let db = entidb::Database::open_in(entidb::storage::MemoryDirectory::new())?;
    /// assert_eq!(db.snapshot().collections().count(), 0);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As for [`Options::open`].
    pub fn open_in(directory: impl Directory + 'static) -> Result<Self> {
        Options::new().open_in(directory)
    }

    /// The untyped collection `name`. It need not be there: the first put makes it.
    #[must_use]
    pub fn untyped(&self, name: &str) -> Collection {
        Collection::new(self.clone(), name)
    }

    /// The database as it is now.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::new(self.inner.published.get())
    }

    /// One short read of the database as it is now, without a snapshot's shared counter.
    #[inline]
    pub(crate) fn read<T>(&self, read: impl FnOnce(&View, Lsn) -> T) -> T {
        self.inner.published.read(read)
    }

    /// Runs `f` and commits what it wrote: all of it or nothing, durable when this returns. If `f` fails, nothing is written.
    ///
    /// One write transaction runs at a time; another thread's waits. `f` may come to be called more than once.
    ///
    /// ```
    /// # use entidb::{Database, EntityId, Value};
    /// # fn main() -> entidb::Result<()> {
    /// # let db = Database::open_in(entidb::storage::MemoryDirectory::new())?;
    /// let (from, to) = (EntityId::from_key("from"), EntityId::from_key("to"));
    /// db.write(|tx| {
    ///     tx.put("accounts", from, &Value::from(70))?;
    ///     tx.put("accounts", to, &Value::from(30))?;
    ///     tx.put("journal", EntityId::new(), &Value::from("30 from one to the other"))
    /// })?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// What `f` returns, and besides: [`ErrorKind::Full`], [`ErrorKind::Io`], [`ErrorKind::Poisoned`] and
    /// [`ErrorKind::ReadOnly`], after which nothing of the transaction was kept; [`ErrorKind::Unknown`], after which only
    /// opening again tells; [`ErrorKind::Invalid`] for a write inside a write.
    pub fn write<T>(&self, mut f: impl FnMut(&mut Transaction) -> Result<T>) -> Result<T> {
        let _turn = self.inner.turn()?;
        // Without a writer there is no sense in running it.
        self.inner.with_writer(|writer| writer.check())?;
        let mut transaction = Transaction::new(self.snapshot());
        let value = f(&mut transaction)?;
        let writes = transaction.finish();
        self.inner.with_writer(|writer| writer.commit(writes))?;
        Ok(value)
    }

    /// Seals the log and writes its keys as a run, so that the next open has nothing to replay. Happens by itself when the
    /// log has grown to [`Options::checkpoint_log_bytes`].
    ///
    /// # Errors
    /// [`ErrorKind::Full`], after which everything is as it was; [`ErrorKind::Io`] or [`ErrorKind::Poisoned`], after which the
    /// database has to be opened again to write. No commit is lost by either.
    pub fn checkpoint(&self) -> Result<()> {
        let _turn = self.inner.turn()?;
        self.inner.with_writer(Writer::checkpoint)
    }

    /// What the database holds, and what this handle has done.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] if a stream cannot be measured.
    pub fn stats(&self) -> Result<Stats> {
        let snapshot = self.snapshot();
        let (counters, failure) = self
            .inner
            .writer()
            .as_ref()
            .map_or_else(Default::default, |w| {
                (w.counters, w.checkpoint_failure.clone())
            });
        Stats::of(&snapshot, &counters, failure)
    }

    /// Reads every byte, and names all damage that it finds, each with its stream and offset. Changes nothing.
    ///
    /// # Errors
    /// Only if the directory cannot be read at all: damage is in the report.
    pub fn verify(&self) -> Result<Report> {
        verify::verify(&*self.inner.directory)
    }

    /// Closes the database for all its clones: writes on disk that there is nothing to recover. Dropping the last clone does
    /// the same, but cannot report what goes wrong. Snapshots go on reading.
    ///
    /// # Errors
    /// [`ErrorKind::Full`], [`ErrorKind::Io`], or [`ErrorKind::Poisoned`] if an earlier sync had failed. It is closed all the
    /// same, and nothing that was acknowledged is lost: the next open recovers it.
    pub fn close(self) -> Result<()> {
        let _turn = self.inner.turn()?;
        self.inner.close()
    }
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Database at {}", self.snapshot().lsn())
    }
}

impl Options {
    /// Opens the database in the folder `path`.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], [`ErrorKind::NotADatabase`], [`ErrorKind::Unsupported`], [`ErrorKind::Corrupt`],
    /// [`ErrorKind::Locked`] with the process that holds it, [`ErrorKind::Full`] or [`ErrorKind::Io`]. Nothing that was
    /// committed is lost by a failed open.
    pub fn open(self, path: impl AsRef<Path>) -> Result<Database> {
        let path = path.as_ref();
        let shown = path.display();
        let directory = if self.create && !self.read_only {
            FileDirectory::create(path)
        } else {
            FileDirectory::open(path)
        };
        let directory = directory.map_err(|error| not_a_folder(error, &shown.to_string()))?;
        refuse_encrypted(&directory, &shown.to_string())?;
        let holds_manifest = directory.open_reader(name::MANIFEST).is_ok();
        if !holds_manifest
            && let Some(foreign) = directory
                .foreign()
                .map_err(|error| Error::storage(error, "list", &shown.to_string()))?
        {
            return Err(Error::new(
                ErrorKind::NotADatabase,
                format!(
                    "{shown} is not a database: it holds {foreign}; name a new or an empty folder"
                ),
            ));
        }
        self.open_named(Arc::new(directory), &shown.to_string())
    }

    /// Opens the database in any directory.
    ///
    /// # Errors
    /// As for [`open`](Options::open).
    pub fn open_in(self, directory: impl Directory + 'static) -> Result<Database> {
        self.open_named(Arc::new(directory), "this directory")
    }

    fn open_named(self, directory: Arc<dyn Directory>, shown: &str) -> Result<Database> {
        let absent = || {
            Error::new(
                ErrorKind::NotFound,
                format!("there is no database in {shown}"),
            )
        };
        if self.read_only {
            let loaded =
                load::beside_a_writer(&*directory, self.cache_bytes)?.ok_or_else(absent)?;
            let published = Published::new(loaded.view, loaded.last_lsn);
            return Ok(Database::new(directory, Arc::new(published), None));
        }
        // Before the lock is taken, which makes a stream: nothing is left in a folder that holds something else.
        if load::manifest(&*directory)?.is_none() && !self.create {
            return Err(absent());
        }
        let lock = directory.lock(name::LOCK).map_err(|error| match error {
            StorageError::Locked { holder } => Error::new(
                ErrorKind::Locked,
                format!(
                    "{shown} is open for writing in {holder}: wait for it, or open it for reading"
                ),
            ),
            error => Error::storage(error, "lock", shown),
        })?;
        let environment = Arc::new(Environment::new(self.seed));
        let writer =
            recovery::open(Arc::clone(&directory), lock, environment, self)?.ok_or_else(absent)?;
        let published = Arc::clone(&writer.published);
        Ok(Database::new(directory, published, Some(writer)))
    }
}

impl Database {
    fn new(
        directory: Arc<dyn Directory>,
        published: Arc<Published>,
        writer: Option<Writer>,
    ) -> Self {
        Self {
            inner: Arc::new(Inner {
                directory,
                published,
                writer: Mutex::new(writer),
                turn: Mutex::new(()),
                turn_of: Mutex::new(None),
            }),
        }
    }
}

/// Reads every byte of the database in the folder `path`, which need not be sound enough to be opened. Changes nothing and
/// takes no lock.
///
/// # Errors
/// [`ErrorKind::NotFound`] or [`ErrorKind::NotADatabase`]; damage is in the report.
pub fn verify_path(path: impl AsRef<Path>) -> Result<Report> {
    let shown = path.as_ref().display().to_string();
    let directory =
        FileDirectory::open(path.as_ref()).map_err(|error| not_a_folder(error, &shown))?;
    refuse_encrypted(&directory, &shown)?;
    verify_in(directory)
}

/// As [`verify_path`], in any directory.
///
/// # Errors
/// As for [`verify_path`].
pub fn verify_in(directory: impl Directory) -> Result<Report> {
    verify::verify(&directory)
}

/// A folder that holds what only a key can read is not opened without one.
#[cfg(feature = "encryption")]
fn refuse_encrypted(directory: &FileDirectory, shown: &str) -> Result<()> {
    let encrypted = entidb_storage::is_encrypted(directory)
        .map_err(|error| Error::storage(error, "read", shown))?;
    if !encrypted {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::NotADatabase,
        format!("{shown} is encrypted: open it through an EncryptedDirectory, with its key"),
    ))
}

/// Without the feature, what is encrypted is a foreign stream.
#[cfg(not(feature = "encryption"))]
fn refuse_encrypted(_: &FileDirectory, _: &str) -> Result<()> {
    Ok(())
}

/// The error for a path that could not be opened as a folder of streams.
fn not_a_folder(error: StorageError, shown: &str) -> Error {
    match &error {
        e if e.is_not_found() => Error::new(
            ErrorKind::NotFound,
            format!("there is no database at {shown}"),
        ),
        StorageError::Io(io) if io.kind() == std::io::ErrorKind::NotADirectory => Error::new(
            ErrorKind::NotADatabase,
            format!(
                "{shown} is not a database: a database is a folder; name a new or an empty one"
            ),
        ),
        _ => Error::storage(error, "open", shown),
    }
}

/// Holds the turn to write.
struct Turn<'a> {
    inner: &'a Inner,
    _guard: MutexGuard<'a, ()>,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        *self.inner.turn_of() = None;
    }
}

impl Inner {
    fn writer(&self) -> MutexGuard<'_, Option<Writer>> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn turn_of(&self) -> MutexGuard<'_, Option<ThreadId>> {
        self.turn_of.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn turn(&self) -> Result<Turn<'_>> {
        let this = std::thread::current().id();
        if *self.turn_of() == Some(this) {
            return Err(Error::invalid(
                "a write inside a write: use the transaction that the closure was given",
            ));
        }
        // A closure that panicked wrote nothing, so the turn is as good as new.
        let guard = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        *self.turn_of() = Some(this);
        Ok(Turn {
            inner: self,
            _guard: guard,
        })
    }

    fn with_writer<T>(&self, f: impl FnOnce(&mut Writer) -> Result<T>) -> Result<T> {
        let mut writer = self.writer.lock().map_err(|_| {
            Error::new(
                ErrorKind::Poisoned,
                "an earlier write panicked: open the database again",
            )
        })?;
        match writer.as_mut() {
            Some(writer) => f(writer),
            None => Err(Error::new(
                ErrorKind::ReadOnly,
                "the database was opened for reading, or is closed: open it for writing",
            )),
        }
    }

    fn close(&self) -> Result<()> {
        match self.writer.lock() {
            Ok(mut writer) => writer.take().map_or(Ok(()), |mut writer| writer.close()),
            Err(panicked) => {
                // Nothing more is written; what was acknowledged is recovered by the next open.
                drop(panicked.into_inner().take());
                Err(Error::new(
                    ErrorKind::Poisoned,
                    "an earlier write panicked: open the database again",
                ))
            }
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // Nobody is left to hear of it, and nothing acknowledged is lost by it.
        let _ = self.close();
    }
}

/// The position of the last commit that this handle can see.
impl Database {
    /// The last commit that a snapshot taken now has in it.
    #[must_use]
    pub fn lsn(&self) -> Lsn {
        self.inner.published.lsn()
    }
}
