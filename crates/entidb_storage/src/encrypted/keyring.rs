//! The keys of a directory's streams, sealed under the user's own.

use std::sync::Arc;

use super::cipher::{Cipher, derive};
use super::header::{ID_LEN, checksum, put, take};
use super::key::EncryptionKey;
use super::keys::DataKey;
use super::passphrase::PassphraseParams;
use super::{KEY_SIZE, NONCE_SIZE, TAG_SIZE, random};
use crate::{StorageError, StorageResult};

pub(super) const MAGIC: [u8; 8] = [0x89, b'E', b'D', b'K', 0x0d, 0x0a, 0x1a, 0x0a];
const VERSION: u32 = 1;

/// How many keys a keyring holds at the most: one more with every rotation.
const KEY_COUNT_MAX: usize = 4096;

const VERSION_AT: usize = MAGIC.len();
const DERIVATION_AT: usize = VERSION_AT + 4;
const MEMORY_AT: usize = DERIVATION_AT + 4;
const ITERATIONS_AT: usize = MEMORY_AT + 4;
const LANES_AT: usize = ITERATIONS_AT + 4;
const COUNT_AT: usize = LANES_AT + 4;
const SALT_AT: usize = COUNT_AT + 4;
const WRAP_SALT_AT: usize = SALT_AT + PassphraseParams::SALT_SIZE;
const CHECK_AT: usize = WRAP_SALT_AT + 32;
const KEYS_AT: usize = CHECK_AT + TAG_SIZE;
const ENTRY_LEN: usize = ID_LEN + KEY_SIZE;
const CHECKSUM_LEN: usize = 16;

/// The longest keyring, in bytes.
pub(super) const LEN_MAX: usize = KEYS_AT + KEY_COUNT_MAX * ENTRY_LEN + TAG_SIZE + CHECKSUM_LEN;

/// What a keyring is opened with.
#[derive(Clone, Copy)]
pub(super) enum Secret<'a> {
    Key(&'a EncryptionKey),
    Passphrase(&'a [u8]),
}

/// What a keyring is to be opened with from now on.
pub(super) struct Lock {
    key: EncryptionKey,
    params: Option<PassphraseParams>,
}

impl Lock {
    pub(super) fn with_key(key: &EncryptionKey) -> Self {
        let (key, params) = (key.clone(), None);
        Self { key, params }
    }

    pub(super) fn with_passphrase(
        passphrase: &[u8],
        params: PassphraseParams,
    ) -> StorageResult<Self> {
        Ok(Self {
            key: EncryptionKey::from_passphrase(passphrase, &params)?,
            params: Some(params),
        })
    }
}

/// The keys of a directory's streams, the one for new streams last.
#[derive(Clone)]
pub(super) struct Keyring {
    pub(super) keys: Arc<Vec<DataKey>>,
}

impl Keyring {
    /// A keyring with one new key.
    pub(super) fn generate() -> StorageResult<Self> {
        let keys = Arc::new(Vec::new());
        Self { keys }.with_new_key()
    }

    /// The same keys, and a new one for new streams.
    pub(super) fn with_new_key(&self) -> StorageResult<Self> {
        let mut keys = (*self.keys).clone();
        if keys.len() >= KEY_COUNT_MAX {
            return Err(StorageError::Encryption(format!(
                "a keyring holds {KEY_COUNT_MAX} keys, and this one is full"
            )));
        }
        keys.push(DataKey {
            id: random::array()?,
            key: EncryptionKey::generate()?,
        });
        let keys = Arc::new(keys);
        Ok(Self { keys })
    }

    /// The keyring's bytes. Each sealing has a key of its own, so that its one nonce never comes twice.
    pub(super) fn seal(&self, lock: &Lock) -> StorageResult<Vec<u8>> {
        let keys_len = self.keys.len() * ENTRY_LEN;
        let mut bytes = vec![0; KEYS_AT + keys_len];
        let mut number = |at, value: u32| put(&mut bytes, at, &value.to_le_bytes());
        number(VERSION_AT, VERSION);
        number(COUNT_AT, u32::try_from(self.keys.len()).unwrap_or(u32::MAX));
        if let Some(params) = &lock.params {
            number(DERIVATION_AT, 1);
            number(MEMORY_AT, params.memory_kib());
            number(ITERATIONS_AT, params.iterations());
            number(LANES_AT, params.lanes());
            put(&mut bytes, SALT_AT, params.salt());
        }
        put(&mut bytes, 0, &MAGIC);
        let wrap_salt: [u8; 32] = random::array()?;
        put(&mut bytes, WRAP_SALT_AT, &wrap_salt);
        let check = check(&lock.key, &bytes[..CHECK_AT])?;
        put(&mut bytes, CHECK_AT, &check);
        for (index, entry) in self.keys.iter().enumerate() {
            let at = KEYS_AT + index * ENTRY_LEN;
            put(&mut bytes, at, &entry.id);
            put(&mut bytes, at + ID_LEN, entry.key.as_bytes());
        }
        let (bound, keys) = bytes.split_at_mut(KEYS_AT);
        let tag = wrap_cipher(&lock.key, &wrap_salt)?.seal([0; NONCE_SIZE], bound, keys)?;
        bytes.extend_from_slice(&tag);
        bytes.extend_from_slice(&checksum(&bytes));
        Ok(bytes)
    }

    pub(super) fn open(bytes: &[u8], secret: Secret<'_>) -> StorageResult<Self> {
        let damaged = || StorageError::Corrupted("the keyring is damaged".to_owned());
        let (bytes, sum) = bytes
            .split_last_chunk::<CHECKSUM_LEN>()
            .ok_or_else(damaged)?;
        if !bytes.starts_with(&MAGIC) || checksum(bytes) != *sum {
            return Err(damaged());
        }
        let number = |at| u32::from_le_bytes(take(bytes, at));
        let version = number(VERSION_AT);
        if version != VERSION {
            return Err(StorageError::Encryption(format!(
                "the keyring has format version {version}, and this program knows only {VERSION}"
            )));
        }
        let count = usize::try_from(number(COUNT_AT)).unwrap_or(usize::MAX);
        let keys_len = count
            .checked_mul(ENTRY_LEN)
            .filter(|_| (1..=KEY_COUNT_MAX).contains(&count));
        let keys_len = keys_len.ok_or_else(damaged)?;
        let (bytes, tag) = bytes.split_last_chunk::<TAG_SIZE>().ok_or_else(damaged)?;
        if bytes.len() != KEYS_AT + keys_len {
            return Err(damaged());
        }
        let key = match (number(DERIVATION_AT), secret) {
            (0, Secret::Key(key)) => key.clone(),
            (1, Secret::Passphrase(passphrase)) => {
                let params = PassphraseParams::new(
                    number(MEMORY_AT),
                    number(ITERATIONS_AT),
                    number(LANES_AT),
                    take(bytes, SALT_AT),
                )?;
                EncryptionKey::from_passphrase(passphrase, &params)?
            }
            (0, Secret::Passphrase(_)) => {
                return Err(wrong("this opens with a key, not a passphrase"));
            }
            (1, Secret::Key(_)) => return Err(wrong("this opens with a passphrase, not a key")),
            (other, _) => {
                return Err(wrong(&format!(
                    "this program does not know key derivation {other}"
                )));
            }
        };
        let (bound, sealed) = bytes.split_at(KEYS_AT);
        if check(&key, &bound[..CHECK_AT])? != bound[CHECK_AT..] {
            return Err(wrong(match secret {
                Secret::Key(_) => "wrong key",
                Secret::Passphrase(_) => "wrong passphrase",
            }));
        }
        let mut keys = zeroize::Zeroizing::new(vec![0; sealed.len()]);
        wrap_cipher(&key, &take(bound, WRAP_SALT_AT))?
            .open([0; NONCE_SIZE], bound, sealed, &mut keys, tag)
            .map_err(|_| damaged())?;
        let keys = keys.chunks_exact(ENTRY_LEN).map(|entry| {
            let key = entry.get(ID_LEN..).unwrap_or_default();
            Ok(DataKey {
                id: take(entry, 0),
                key: EncryptionKey::from_bytes(key)?,
            })
        });
        let keys = Arc::new(keys.collect::<StorageResult<Vec<_>>>()?);
        Ok(Self { keys })
    }
}

fn wrong(what: &str) -> StorageError {
    StorageError::Encryption(what.to_owned())
}

/// What tells the right key from a wrong one.
fn check(key: &EncryptionKey, fields: &[u8]) -> StorageResult<[u8; TAG_SIZE]> {
    let value = derive(key, b"", &[b"entidb/1 keyring check ", fields])?;
    Ok(take(value.as_bytes(), 0))
}

fn wrap_cipher(key: &EncryptionKey, salt: &[u8; 32]) -> StorageResult<Cipher> {
    derive(key, salt, &[b"entidb/1 keyring wrap"]).map(|key| Cipher::new(&key))
}
