//! The database's façade: wiring only.

use std::path::Path;
use std::sync::Arc;

use entidb_storage::{Directory, FileDirectory, StorageError};

use crate::back_off::back_off;
use crate::background::Background;
use crate::collection::Untyped;
use crate::environment::Environment;
use crate::error::{Error, ErrorKind, Result};
use crate::expiry::EXPIRY;
use crate::feed::Kept;
use crate::format::name;
use crate::ids::Lsn;
use crate::index::IndexSpec;
use crate::load;
use crate::options::Options;
use crate::recovery;
use crate::scans::ScanLog;
use crate::snapshot::Snapshot;
use crate::stats::Stats;
use crate::transaction::Transaction;
use crate::verify::{self, Report};
use crate::view::{Published, View};
use crate::write_options::{Durability, Isolation, Receipt, WriteOptions};
use crate::writer::Writer;

/// An open database. Clones share it; it is closed when [`close`](Database::close) is called or the last clone is dropped.
#[derive(Clone)]
pub struct Database {
    inner: Arc<Inner>,
}

struct Inner {
    directory: Arc<dyn Directory>,
    published: Arc<Published>,
    /// `None` when opened for reading.
    writer: Option<Arc<Writer>>,
    /// What was kept for followers when it was opened for reading.
    kept: Kept,
    background: Background,
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
    pub fn untyped(&self, name: &str) -> Untyped {
        Untyped::new(self.clone(), name)
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
    /// Many transactions run at once, each over the database as it was when it began. If another has committed what this one
    /// writes, `f` is run again, so it may be called more than once.
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
    /// What `f` returns, and besides: [`ErrorKind::Conflict`], if others were in its way every time; [`ErrorKind::Full`],
    /// [`ErrorKind::Io`], [`ErrorKind::Poisoned`] and [`ErrorKind::ReadOnly`]; [`ErrorKind::Corrupt`], if keys that have to be looked at
    /// for conflicts are damaged; [`ErrorKind::Invalid`], if it would make more collections than there can be. After each of them
    /// nothing of the transaction was kept, but that collections which it was to make may be there, empty. [`ErrorKind::Unknown`]:
    /// only opening again tells.
    pub fn write<T>(&self, f: impl FnMut(&mut Transaction) -> Result<T>) -> Result<T> {
        let (value, _) = self.write_with(&WriteOptions::new(), f)?;
        Ok(value)
    }

    /// As [`write`](Self::write), with a choice of when it returns and what it is kept apart from; and with the commit's
    /// receipt.
    ///
    /// ```
    /// # use entidb::{Database, Durability, EntityId, Value, WriteOptions};
    /// # fn main() -> entidb::Result<()> {
    /// # let db = Database::open_in(entidb::storage::MemoryDirectory::new())?;
    /// let soon = WriteOptions::new().durability(Durability::Eventual);
    /// let (_, receipt) = db.write_with(&soon, |tx| tx.put("clicks", EntityId::new(), &Value::from(1)))?;
    /// assert!(!receipt.durable);
    /// db.wait_durable(receipt.lsn)?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As for [`write`](Self::write).
    pub fn write_with<T>(
        &self,
        options: &WriteOptions,
        mut f: impl FnMut(&mut Transaction) -> Result<T>,
    ) -> Result<(T, Receipt)> {
        let writer = self.writer()?;
        // Without it there is no sense in running it.
        writer.check()?;
        let mut attempt = 1;
        loop {
            let mut transaction = self.begin_with(options.isolation);
            let value = f(&mut transaction)?;
            match self.commit(transaction, options.durability) {
                Ok(receipt) => return Ok((value, receipt)),
                Err(error) if error.kind() == ErrorKind::Conflict && attempt < options.attempts => {
                    attempt += 1;
                    back_off(attempt);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Begins a transaction over the database as it is now. It holds no lock, and no other waits for it.
    ///
    /// ```
    /// # use entidb::{Database, Durability, EntityId, Value};
    /// # fn main() -> entidb::Result<()> {
    /// # let db = Database::open_in(entidb::storage::MemoryDirectory::new())?;
    /// let mut tx = db.begin();
    /// tx.put("notes", EntityId::new(), &Value::from("first"))?;
    /// let receipt = db.commit(tx, Durability::Sync)?;
    /// assert!(receipt.durable);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn begin(&self) -> Transaction {
        self.begin_with(Isolation::Snapshot)
    }

    /// As [`begin`](Self::begin), with a choice of what the transaction is kept apart from.
    #[must_use]
    pub fn begin_with(&self, isolation: Isolation) -> Transaction {
        let transaction = Transaction::new(self.snapshot(), isolation);
        match &self.inner.writer {
            Some(writer) => transaction.over(Arc::clone(writer) as _),
            None => transaction,
        }
    }

    /// Commits a transaction of this database.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] if another has committed what it writes (or, serializable, what it read): begin it again. Else as for
    /// [`write`](Self::write).
    pub fn commit(&self, mut transaction: Transaction, durability: Durability) -> Result<Receipt> {
        let writer = self.writer()?;
        let due_us = transaction.arm(|| writer.environment.now_us())?;
        let receipt = writer.commit(transaction.finish(), durability)?;
        self.expire_at(writer, due_us);
        writer.maintain();
        Ok(receipt)
    }

    /// Waits until the commit `lsn`, and with it all before, is durable.
    ///
    /// # Errors
    /// [`ErrorKind::Unknown`] if its sync failed; [`ErrorKind::Invalid`] if there is no such commit; [`ErrorKind::ReadOnly`].
    pub fn wait_durable(&self, lsn: Lsn) -> Result<()> {
        self.writer()?.committer.wait_durable(lsn)
    }

    /// Makes everything durable that was committed with [`Durability::Eventual`]. Returns the last durable commit, which may have
    /// been made since.
    ///
    /// # Errors
    /// [`ErrorKind::Unknown`] if the sync failed; [`ErrorKind::ReadOnly`] if the database was opened for reading.
    pub fn sync(&self) -> Result<Lsn> {
        self.writer()?.committer.sync()
    }

    /// Makes an index of a collection, which need not be there, and waits until it is ready. Commits go on meanwhile, and keep it
    /// already. Says whether it was not there; one that is being built, as after a crash, is built to its end.
    ///
    /// ```
    /// # use entidb::{Database, EntityId, ErrorKind, IndexSpec, Value};
    /// # fn main() -> entidb::Result<()> {
    /// # let db = Database::open_in(entidb::storage::MemoryDirectory::new())?;
    /// assert!(db.create_index("people", &IndexSpec::on("email").unique())?);
    /// assert!(!db.create_index("people", &IndexSpec::on("email").unique())?);
    ///
    /// let ann = Value::from([("email", "ann@example.com")]);
    /// db.untyped("people").put(EntityId::from_key("ann"), &ann)?;
    /// let again = db.untyped("people").put(EntityId::new(), &ann).unwrap_err();
    /// assert_eq!(again.kind(), ErrorKind::Duplicate);
    /// assert_eq!(again.duplicate().map(|of| of.holder), Some(EntityId::from_key("ann")));
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] if another index of that name is declared differently, or it cannot be declared so;
    /// [`ErrorKind::Duplicate`] if it is unique and two entities have the same value: then there is no such index;
    /// [`ErrorKind::NotFound`] if it was dropped meanwhile. After [`ErrorKind::Full`] or [`ErrorKind::Io`] the next call goes on
    /// where this one has stopped. Else as for [`write`](Self::write).
    pub fn create_index(&self, collection: &str, spec: &IndexSpec) -> Result<bool> {
        self.create_indexes(collection, std::slice::from_ref(spec))
    }

    /// As [`create_index`](Self::create_index), for several at once, in one walk through the collection. Says whether any was not
    /// there.
    ///
    /// # Errors
    /// As for [`create_index`](Self::create_index).
    pub fn create_indexes(&self, collection: &str, specs: &[IndexSpec]) -> Result<bool> {
        self.writer()?.create_indexes(collection, specs)
    }

    /// Drops an index. Says whether there was one. Snapshots from before go on using it; its room is given back by and by.
    ///
    /// # Errors
    /// [`ErrorKind::Full`], [`ErrorKind::Io`], [`ErrorKind::Poisoned`] or [`ErrorKind::ReadOnly`].
    pub fn drop_index(&self, collection: &str, index: &str) -> Result<bool> {
        self.writer()?.drop_index(collection, index)
    }

    /// Drops a collection with all that is in it, at the cost of one record. Says whether there was one. Snapshots from
    /// before go on seeing it; the name is free for a new one. Where it cannot be taken out of the catalog at once, because the
    /// disk is full, the collection stays, empty and with its indexes, until it is dropped again, or the database is opened again with nothing put there.
    ///
    /// # Errors
    /// As for [`write`](Self::write).
    pub fn drop_collection(&self, name: &str) -> Result<bool> {
        let writer = self.writer()?;
        writer.check()?;
        loop {
            match writer.drop_collection(name) {
                Err(error) if error.kind() == ErrorKind::Conflict => back_off(1),
                answer => return answer,
            }
        }
    }

    /// Seals the log and writes its keys as a run, so that the next open has nothing to replay. Happens by itself when the
    /// log has grown to [`Options::checkpoint_log_bytes`].
    ///
    /// # Errors
    /// [`ErrorKind::Full`] or [`ErrorKind::Io`]: the next attempt goes on where this one has stopped; [`ErrorKind::Poisoned`], if a
    /// sync, or replacing the manifest, has failed: the database has to be opened again to write. No commit is lost by any.
    pub fn checkpoint(&self) -> Result<()> {
        self.writer()?.checkpoint()
    }

    /// Gives the room of everything that was replaced or deleted back, and puts records that lie scattered in order. Commits go
    /// on beside it. Some of that happens by itself: see [`Options::auto_compaction`].
    ///
    /// # Errors
    /// As for [`checkpoint`](Self::checkpoint), with which it begins; [`ErrorKind::Corrupt`] if a key or a record that would have to
    /// be copied is damaged, [`ErrorKind::Full`] or [`ErrorKind::Io`]: then what was there is there as it was.
    pub fn compact(&self) -> Result<()> {
        self.writer()?.compact()
    }

    /// What the database holds, and what this handle has done.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] if a stream cannot be measured.
    pub fn stats(&self) -> Result<Stats> {
        let snapshot = self.snapshot();
        let writer = self.inner.writer.as_deref();
        let kept = match writer {
            Some(writer) => Kept::now(writer, snapshot.view()),
            None => self.inner.kept,
        };
        Stats::of(&snapshot, kept, writer)
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
    /// same, and nothing that was acknowledged durable is lost: the next open recovers it.
    pub fn close(self) -> Result<()> {
        self.inner.close()
    }

    /// Has the background expire what is due, if there is one.
    pub(crate) fn start_expiring(&self) {
        if let Some(writer) = self.inner.writer.as_ref().filter(|w| w.options.background) {
            self.inner.background.start_expiring(writer);
        }
    }

    /// The writer, unless it was opened for reading.
    pub(crate) fn writer_if_any(&self) -> Option<&Arc<Writer>> {
        self.inner.writer.as_ref()
    }

    pub(crate) fn directory(&self) -> &Arc<dyn Directory> {
        &self.inner.directory
    }

    pub(crate) fn writer(&self) -> Result<&Arc<Writer>> {
        self.inner.writer.as_ref().ok_or_else(|| {
            Error::new(
                ErrorKind::ReadOnly,
                "the database was opened for reading: open it for writing",
            )
        })
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
        let opened = self.open_named(Arc::new(directory), &shown.to_string());
        opened.map_err(|error| match error.kind() {
            ErrorKind::NotADatabase => {
                Error::new(ErrorKind::NotADatabase, format!("{shown}: {error}"))
            }
            _ => error,
        })
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
            let mut view = loaded.view;
            let kept = Kept::listed(&loaded.manifest, &view);
            view.scans = Arc::new(ScanLog::new(self.scans));
            let published = Published::new(view, loaded.last_lsn);
            return Database::new(directory, Arc::new(published), None, kept);
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
        Database::new(
            directory,
            published,
            Some(Arc::new(writer)),
            Kept::default(),
        )
    }
}

impl Database {
    fn new(
        directory: Arc<dyn Directory>,
        published: Arc<Published>,
        writer: Option<Arc<Writer>>,
        kept: Kept,
    ) -> Result<Self> {
        let background = match writer.as_ref().filter(|writer| writer.options.background) {
            Some(writer) => Background::start(writer)?,
            None => Background::default(),
        };
        let db = Self {
            inner: Arc::new(Inner {
                directory,
                published,
                writer,
                kept,
                background,
            }),
        };
        if let Some(writer) = db.writer_if_any()
            && db.read(|view, _| view.catalog.find_any(EXPIRY).is_some())
        {
            // What has come due since the last session is found by looking.
            db.expire_at(writer, Some(0));
        }
        Ok(db)
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

impl Inner {
    fn close(&self) -> Result<()> {
        let Some(writer) = &self.writer else {
            return Ok(());
        };
        writer.refuse_more();
        self.background.join();
        let closed = writer.close();
        writer.feed.bell.close();
        closed
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // Nobody is left to hear of it, and nothing acknowledged is lost by it.
        let _ = self.close();
    }
}

impl Database {
    /// The last commit that a snapshot taken now has in it.
    #[must_use]
    pub fn lsn(&self) -> Lsn {
        self.inner.published.lsn()
    }
}
