//! The primitives: AES-256-GCM (NIST SP 800-38D) and HKDF-SHA256 (RFC 5869).

use aes_gcm::aead::inout::InOutBuf;
use aes_gcm::{AeadInOut, Aes256Gcm, KeyInit};
use hkdf::Hkdf;
use sha2::Sha256;

use super::key::EncryptionKey;
use super::{NONCE_SIZE, TAG_SIZE};
use crate::{StorageError, StorageResult};

pub(super) type Nonce = [u8; NONCE_SIZE];
pub(super) type Tag = [u8; TAG_SIZE];

/// The bytes are not what was sealed under this key, nonce and associated data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unauthentic;

/// AES-256-GCM under one key. That no nonce comes twice is for the caller.
pub(super) struct Cipher {
    aead: Aes256Gcm,
    #[cfg(test)]
    key: EncryptionKey,
}

impl Cipher {
    pub(super) fn new(key: &EncryptionKey) -> Self {
        Self {
            aead: Aes256Gcm::new(key.as_bytes().into()),
            #[cfg(test)]
            key: key.clone(),
        }
    }

    /// Encrypts `bytes` where they lie.
    pub(super) fn seal(&self, nonce: Nonce, bound: &[u8], bytes: &mut [u8]) -> StorageResult<Tag> {
        #[cfg(test)]
        seam::note(&self.key, nonce, bound, bytes);
        let sealed = self
            .aead
            .encrypt_inout_detached(&nonce.into(), bound, bytes.into());
        match sealed {
            Ok(tag) => Ok(tag.into()),
            // Only what is longer than 64 GiB.
            Err(_) => Err(StorageError::Encryption("too long to seal".to_owned())),
        }
    }

    /// Decrypts `sealed` into `plain`, which is of its length, and is not written to if it does not authenticate.
    pub(super) fn open(
        &self,
        nonce: Nonce,
        bound: &[u8],
        sealed: &[u8],
        plain: &mut [u8],
        tag: &Tag,
    ) -> Result<(), Unauthentic> {
        let buffer = InOutBuf::new(sealed, plain).map_err(|_| Unauthentic)?;
        let opened = self
            .aead
            .decrypt_inout_detached(&nonce.into(), bound, buffer, &(*tag).into());
        opened.map_err(|_| Unauthentic)
    }
}

/// A key for one purpose, from another key. `info` begins with the purpose.
pub(super) fn derive(
    key: &EncryptionKey,
    salt: &[u8],
    info: &[&[u8]],
) -> StorageResult<EncryptionKey> {
    let hkdf = Hkdf::<Sha256>::new(Some(salt), key.as_bytes());
    EncryptionKey::filled(|derived| {
        // Only what is longer than 255 hashes is refused.
        let expanded = hkdf.expand_multi_info(info, derived);
        expanded.map_err(|_| StorageError::Encryption("too long to derive".to_owned()))
    })
}

/// Sees every nonce that is used.
#[cfg(test)]
pub(super) mod seam {
    use sha2::{Digest, Sha256};
    use std::cell::RefCell;

    use super::{EncryptionKey, Nonce};

    /// The key, the nonce, and a hash of all that was sealed under them.
    pub(crate) type Use = ([u8; 32], Nonce, [u8; 32]);

    thread_local! {
        static USES: RefCell<Option<Vec<Use>>> = const { RefCell::new(None) };
    }

    /// From here on, this thread's uses of nonces are noted.
    pub(crate) fn begin() {
        USES.set(Some(Vec::new()));
    }

    /// What was noted.
    pub(crate) fn end() -> Vec<Use> {
        USES.take().unwrap_or_default()
    }

    pub(super) fn note(key: &EncryptionKey, nonce: Nonce, bound: &[u8], bytes: &[u8]) {
        USES.with_borrow_mut(|uses| {
            if let Some(uses) = uses {
                let hash = Sha256::new()
                    .chain_update(bound.len().to_le_bytes())
                    .chain_update(bound)
                    .chain_update(bytes)
                    .finalize();
                uses.push((*key.as_bytes(), nonce, hash.into()));
            }
        });
    }
}
