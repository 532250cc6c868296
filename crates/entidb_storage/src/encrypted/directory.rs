//! Named streams, each encrypted under a key of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, Weak};

use super::backend::EncryptedBackend;
use super::key::EncryptionKey;
use super::keyring::{self, Keyring, Lock, Secret};
use super::keys::Keys;
use super::passphrase::PassphraseParams;
use super::reader::EncryptedReader;
use super::stream::Stream;
use super::{BLOCK_LEN_DEFAULT, header, whole};
use crate::{
    Directory, DirectoryLock, OpenMode, StorageBackend, StorageError, StorageReader, StorageResult,
    check_name,
};

/// The stream in which an encrypted directory keeps its keys. It is not listed, and its name is not to be had.
pub const KEYRING: &str = "keyring";

/// Whether `directory` is one that [`EncryptedDirectory`] made, and opens only with its key.
///
/// # Errors
/// [`StorageError::Io`] if the directory cannot say.
pub fn is_encrypted(directory: &dyn Directory) -> StorageResult<bool> {
    match directory.open_reader(KEYRING) {
        Ok(reader) => begins_with(&*reader, &keyring::MAGIC),
        Err(error) if error.is_not_found() => Ok(false),
        Err(error) => Err(error),
    }
}

/// Any directory, with the content of its streams encrypted and authenticated. Names and lengths are not hidden, and what
/// [`lock`](Directory::lock) writes is plain.
///
/// Streams are under keys that are in the directory itself, sealed under the user's key or passphrase: so that one can be
/// changed without a stream being written anew ([`rotate`](Self::rotate)).
pub struct EncryptedDirectory<D> {
    inner: D,
    keyring: RwLock<Keyring>,
    /// The streams that are appended to.
    open: Mutex<BTreeMap<String, Weak<Stream>>>,
    /// The names that were taken as locks: what is in these streams is plain.
    locks: Mutex<BTreeSet<String>>,
}

impl<D: Directory> EncryptedDirectory<D> {
    /// Makes an empty directory one that is encrypted, under `key`. It is durable when this returns.
    ///
    /// Two that create at once could replace each other's keyring: where that can happen, hold a lock of the inner directory
    /// ([`Directory::lock`]) meanwhile.
    ///
    /// # Errors
    /// [`StorageError::Io`] of kind `AlreadyExists` if it is encrypted already, and [`StorageError::Encryption`] if it holds
    /// streams that are not.
    pub fn create(inner: D, key: &EncryptionKey) -> StorageResult<Self> {
        Self::create_locked(inner, || Ok(Lock::with_key(key)))
    }

    /// The same under a passphrase.
    ///
    /// # Errors
    /// As for [`create`](Self::create).
    pub fn create_with_passphrase(
        inner: D,
        passphrase: &[u8],
        params: PassphraseParams,
    ) -> StorageResult<Self> {
        Self::create_locked(inner, || Lock::with_passphrase(passphrase, params))
    }

    /// Opens an encrypted directory. Writes nothing.
    ///
    /// # Errors
    /// [`StorageError::Encryption`] if the key is wrong, or the directory opens with a passphrase, or is not encrypted;
    /// [`StorageError::Io`] of kind `NotFound` if there is nothing in it; [`StorageError::Corrupted`] if its keyring is
    /// damaged or missing.
    pub fn open(inner: D, key: &EncryptionKey) -> StorageResult<Self> {
        Self::open_with(inner, Secret::Key(key))
    }

    /// Opens one that was made with a passphrase, or rotated to it.
    ///
    /// # Errors
    /// As for [`open`](Self::open).
    pub fn open_with_passphrase(inner: D, passphrase: &[u8]) -> StorageResult<Self> {
        Self::open_with(inner, Secret::Passphrase(passphrase))
    }

    /// Opens an encrypted directory, or makes one of an empty directory.
    ///
    /// # Errors
    /// As for [`open`](Self::open) and [`create`](Self::create).
    pub fn open_or_create(inner: D, key: &EncryptionKey) -> StorageResult<Self> {
        if is_encrypted(&inner)? || plain_stream(&inner)?.is_some() {
            return Self::open(inner, key);
        }
        Self::create(inner, key)
    }

    /// Puts the directory under another key: from the next opening on it is the one. No stream is written anew; new
    /// streams are under a key that was not in the keyring before. Whoever has the directory open elsewhere has to open it
    /// again to see those.
    ///
    /// Two rotations at once are for the callers to exclude, by a [`lock`](Directory::lock).
    ///
    /// # Errors
    /// As for [`Directory::replace`]: if the disk is full, the old key goes on; after any other error it is unknown which
    /// of the two a crash would leave.
    pub fn rotate(&self, key: &EncryptionKey) -> StorageResult<()> {
        self.relock(&Lock::with_key(key))
    }

    /// The same to a passphrase.
    ///
    /// # Errors
    /// As for [`rotate`](Self::rotate).
    pub fn rotate_to_passphrase(
        &self,
        passphrase: &[u8],
        params: PassphraseParams,
    ) -> StorageResult<()> {
        self.relock(&Lock::with_passphrase(passphrase, params)?)
    }

    /// The directory that holds what is encrypted.
    pub fn inner(&self) -> &D {
        &self.inner
    }

    fn create_locked(inner: D, lock: impl FnOnce() -> StorageResult<Lock>) -> StorageResult<Self> {
        if is_encrypted(&inner)? {
            return Err(error(
                io::ErrorKind::AlreadyExists,
                "this directory is encrypted already",
            ));
        }
        if let Some(name) = plain_stream(&inner)? {
            return Err(unencrypted(&inner, &name)?);
        }
        let keyring = Keyring::generate()?;
        // ORDER: the keys are durable before anything is sealed under them.
        inner.replace(KEYRING, &keyring.seal(&lock()?)?)?;
        Ok(Self::with_keyring(inner, keyring))
    }

    fn open_with(inner: D, secret: Secret<'_>) -> StorageResult<Self> {
        let reader = match inner.open_reader(KEYRING) {
            Ok(reader) => reader,
            Err(missing) if missing.is_not_found() => {
                return Err(match plain_stream(&inner)? {
                    Some(name) => unencrypted(&inner, &name)?,
                    None => error(io::ErrorKind::NotFound, "this directory has no keyring"),
                });
            }
            Err(error) => return Err(error),
        };
        let len = usize::try_from(reader.size()?).unwrap_or(usize::MAX);
        if len > keyring::LEN_MAX {
            return Err(StorageError::Corrupted("the keyring is damaged".to_owned()));
        }
        let keyring = Keyring::open(&reader.read_at(0, len)?, secret)?;
        Ok(Self::with_keyring(inner, keyring))
    }

    fn with_keyring(inner: D, keyring: Keyring) -> Self {
        Self {
            inner,
            keyring: RwLock::new(keyring),
            open: Mutex::default(),
            locks: Mutex::default(),
        }
    }

    fn relock(&self, lock: &Lock) -> StorageResult<()> {
        let mut keyring = self.keyring.write().unwrap_or_else(PoisonError::into_inner);
        let rotated = keyring.with_new_key()?;
        self.inner.replace(KEYRING, &rotated.seal(lock)?)?;
        *keyring = rotated;
        Ok(())
    }

    fn keys(&self, name: &str) -> Keys {
        let keyring = self.keyring.read().unwrap_or_else(PoisonError::into_inner);
        Keys::of_stream(Arc::clone(&keyring.keys), name)
    }

    // A panic while a lock was held cannot have left half a change: every change is one call.
    fn streams(&self) -> MutexGuard<'_, BTreeMap<String, Weak<Stream>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn locks(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.locks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<D: Directory> Directory for EncryptedDirectory<D> {
    fn open(&self, name: &str, mode: OpenMode) -> StorageResult<Box<dyn StorageBackend>> {
        check(name)?;
        let inner = self.inner.open(name, mode)?;
        let backend = EncryptedBackend::open(inner, self.keys(name), BLOCK_LEN_DEFAULT)
            .map_err(|error| named(name, error))?;
        let mut streams = self.streams();
        streams.retain(|_, stream| stream.strong_count() > 0);
        streams.insert(name.to_owned(), Arc::downgrade(backend.stream()));
        Ok(Box::new(backend))
    }

    fn open_reader(&self, name: &str) -> StorageResult<Arc<dyn StorageReader>> {
        check(name)?;
        let inner = self.inner.open_reader(name)?;
        if self.locks().contains(name) {
            return Ok(inner);
        }
        let live = self.streams().get(name).and_then(Weak::upgrade);
        if let Some(stream) = live.filter(|stream| stream.state().live) {
            return Ok(Arc::new(EncryptedReader::new(stream, inner)));
        }
        let reader = EncryptedReader::open(inner, self.keys(name));
        Ok(Arc::new(reader.map_err(|error| named(name, error))?))
    }

    fn list(&self) -> StorageResult<Vec<String>> {
        let mut names = self.inner.list()?;
        names.retain(|name| name != KEYRING);
        Ok(names)
    }

    fn remove(&self, name: &str) -> StorageResult<()> {
        check(name)?;
        self.inner.remove(name)?;
        self.streams().remove(name);
        self.locks().remove(name);
        Ok(())
    }

    fn replace(&self, name: &str, data: &[u8]) -> StorageResult<()> {
        check(name)?;
        let sealed = whole::seal_whole(&self.keys(name), data, BLOCK_LEN_DEFAULT)?;
        self.inner.replace(name, &sealed)?;
        self.streams().remove(name);
        self.locks().remove(name);
        Ok(())
    }

    fn lock(&self, name: &str) -> StorageResult<DirectoryLock> {
        check(name)?;
        let lock = self.inner.lock(name)?;
        self.locks().insert(name.to_owned());
        Ok(lock)
    }

    fn sync(&self) -> StorageResult<()> {
        self.inner.sync()
    }
}

impl<D: fmt::Debug> fmt::Debug for EncryptedDirectory<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EncryptedDirectory")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}

fn check(name: &str) -> StorageResult<()> {
    check_name(name)?;
    if name == KEYRING {
        let what = "the keyring's name is no stream's";
        return Err(error(io::ErrorKind::InvalidInput, what));
    }
    Ok(())
}

fn error(kind: io::ErrorKind, what: &str) -> StorageError {
    StorageError::Io(io::Error::new(kind, what.to_owned()))
}

/// Says which stream it was about.
fn named(name: &str, error: StorageError) -> StorageError {
    match error {
        StorageError::Corrupted(what) => StorageError::Corrupted(format!("{name}: {what}")),
        StorageError::Encryption(what) if !what.starts_with(name) => {
            StorageError::Encryption(format!("{name}: {what}"))
        }
        error => error,
    }
}

/// A stream that is there though there is no keyring. What a lock has left does not count.
fn plain_stream(directory: &dyn Directory) -> StorageResult<Option<String>> {
    const LOCK_LEN_MAX: usize = 24;
    for name in directory.list()?.into_iter().filter(|name| name != KEYRING) {
        let reader = directory.open_reader(&name)?;
        let len = usize::try_from(reader.size()?).unwrap_or(usize::MAX);
        let is_lock = len <= LOCK_LEN_MAX
            && reader
                .read_at(0, len)?
                .iter()
                .all(|byte| byte.is_ascii_digit() || *byte == b'\n');
        if !is_lock {
            return Ok(Some(name));
        }
    }
    Ok(None)
}

/// The error of a directory without a keyring that holds the stream `name`.
fn unencrypted(directory: &dyn Directory, name: &str) -> StorageResult<StorageError> {
    let reader = directory.open_reader(name)?;
    Ok(if begins_with(&*reader, &header::MAGIC)? {
        StorageError::Corrupted(format!(
            "the keyring is missing, though {name} is encrypted; restore it from a backup"
        ))
    } else {
        StorageError::Encryption(format!(
            "this directory is not encrypted: it holds {name}; open it without a key"
        ))
    })
}

fn begins_with(reader: &dyn StorageReader, magic: &[u8; 8]) -> StorageResult<bool> {
    let long_enough = reader.size()? >= magic.len() as u64;
    Ok(long_enough && reader.read_at(0, magic.len())? == magic)
}
