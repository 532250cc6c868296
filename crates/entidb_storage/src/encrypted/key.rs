//! A secret of 32 bytes.

use std::fmt;

use zeroize::Zeroize;

use super::passphrase::PassphraseParams;
use super::{KEY_SIZE, random};
use crate::{StorageError, StorageResult};

/// A key of 256 bits. Its bytes are wiped when it is dropped, and never printed.
#[derive(Clone)]
pub struct EncryptionKey(
    // On the heap, so that moving the key leaves no copies of it behind.
    Box<[u8; KEY_SIZE]>,
);

impl EncryptionKey {
    /// The key of exactly these [`KEY_SIZE`] bytes, which should be random. For what people remember there is
    /// [`from_passphrase`](Self::from_passphrase).
    ///
    /// # Errors
    /// [`StorageError::Encryption`] if there are fewer or more.
    pub fn from_bytes(bytes: &[u8]) -> StorageResult<Self> {
        if bytes.len() != KEY_SIZE {
            return Err(StorageError::Encryption(format!(
                "a key has {KEY_SIZE} bytes, not {}",
                bytes.len()
            )));
        }
        Self::filled(|key| {
            key.copy_from_slice(bytes);
            Ok(())
        })
    }

    /// A new key from the operating system's random numbers.
    ///
    /// # Errors
    /// [`StorageError::Io`] if the operating system has none.
    pub fn generate() -> StorageResult<Self> {
        Self::filled(|key| random::fill(key))
    }

    /// The key that Argon2id derives from a passphrase. The same passphrase and parameters give the same key, so the
    /// parameters have to be kept; they are no secret.
    ///
    /// # Errors
    /// [`StorageError::Encryption`] if the parameters are out of bounds.
    pub fn from_passphrase(passphrase: &[u8], params: &PassphraseParams) -> StorageResult<Self> {
        Self::filled(|key| params.derive(passphrase, key))
    }

    /// The key's bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; KEY_SIZE] {
        &self.0
    }

    /// A key that is filled in place.
    pub(super) fn filled(
        fill: impl FnOnce(&mut [u8; KEY_SIZE]) -> StorageResult<()>,
    ) -> StorageResult<Self> {
        let mut key = Self(Box::new([0; KEY_SIZE]));
        fill(&mut key.0)?;
        Ok(key)
    }
}

impl Drop for EncryptionKey {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for EncryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EncryptionKey([redacted])")
    }
}
