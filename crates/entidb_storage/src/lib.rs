//! Opaque, append-only byte stores with a stated durability.
//!
//! A [`StorageBackend`] is one stream of bytes: it is appended to, read at any offset, made durable and cut, and knows
//! nothing of what the bytes mean. A [`Directory`] is a set of named streams, one of which at a time can be replaced as a
//! whole. What each promises is said in numbered clauses, at the trait; each clause is a named test.
//!
//! # What a return means
//!
//! | after | in memory | in a file |
//! |---|---|---|
//! | [`append`](StorageBackend::append) | readable, by every reader | readable, by every reader of this process; lost if the process dies |
//! | [`flush`](StorageBackend::flush) | the same | survives the death of the process and a power loss, with the file's name and the folders that were made for it |
//! | [`sync`](StorageBackend::sync) | the same | and so do the file's metadata |
//! | [`truncate`](StorageBackend::truncate) | cut | cut for good, also after a power loss |
//! | [`Directory::replace`] | replaced | replaced for good; before it returns, a crash leaves the old content or the new, whole |
//! | [`Directory::remove`] | removed | removed for the process; for good after [`Directory::sync`] |
//! | an error for which [`is_full`](StorageError::is_full) holds | nothing changed | nothing changed, and everything may be tried again |
//! | a sync that failed | – | what was not durable is in doubt; this handle only reads from now on ([`StorageError::Poisoned`]) |
//!
//! A power loss is survived as far as the disk honours a flush of its cache. Where a folder cannot be synced (not on Unix),
//! a new name survives the process only; [`Capabilities::durability`] says so.
//!
//! # Which one to choose
//!
//! - [`FileBackend`], for one stream in a file of your own; [`FileDirectory`], for several in a folder.
//! - [`InMemoryBackend`] and [`MemoryDirectory`], for tests, and for what may be lost.
//! - Your own, for anything else: six methods make a [`StorageBackend`], and the rest have defaults that are right. The
//!   feature `conformance` certifies it in one line.
//!
//! # Example
//!
//! ```
//! use entidb_storage::{FileBackend, StorageBackend};
//!
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("journal");
//! let mut journal = FileBackend::open(&path)?;
//! let offset = journal.append(b"first")?;
//! journal.append(b", second")?;
//! journal.flush()?; // Both survive a power loss from here on.
//!
//! assert_eq!(offset, 0);
//! assert_eq!(journal.read_at(7, 6)?, b"second");
//!
//! // Reads go on in other threads, whatever the appender does meanwhile.
//! let reader = journal.reader().ok_or("no reader")?;
//! let thread = std::thread::spawn(move || reader.read_at(0, 5));
//! journal.append(b", third")?;
//! journal.close()?;
//! assert_eq!(thread.join().unwrap()?, b"first");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod backend;
#[cfg(feature = "conformance")]
pub mod conformance;
mod directory;
#[cfg(feature = "encryption")]
mod encrypted;
mod error;
mod factory;
mod file;
mod memory;

pub use backend::{Capabilities, Durability, StorageBackend, StorageReader};
pub use directory::{Directory, DirectoryLock, NAME_LEN_MAX, OpenMode, check_name};
#[cfg(feature = "encryption")]
pub use encrypted::{
    EncryptedBackend, EncryptedDirectory, EncryptionKey, KEY_SIZE, KEYRING, NONCE_SIZE,
    PassphraseParams, TAG_SIZE, is_encrypted,
};
pub use error::{StorageError, StorageResult};
pub use factory::{FactoryDirectory, StreamFactory};
pub use file::{FileBackend, FileDirectory};
pub use memory::{InMemoryBackend, MemoryDirectory};
