//! Which key a stream is under, and what is derived from it.

use std::sync::Arc;

use super::cipher::{Cipher, Tag, derive};
use super::header::{Header, ID_LEN};
use super::key::EncryptionKey;
use crate::{StorageError, StorageResult};

/// A key that streams are under, and the id by which their headers name it.
#[derive(Clone)]
pub(super) struct DataKey {
    pub(super) id: [u8; ID_LEN],
    pub(super) key: EncryptionKey,
}

/// The keys that a stream may be under: the last for a new one, any for one that is there.
#[derive(Clone)]
pub(super) struct Keys {
    ring: Arc<Vec<DataKey>>,
    /// The stream's name in its directory; empty for a stream by itself.
    name: String,
}

/// The id that stands for the one key of a stream by itself.
const LONE: [u8; ID_LEN] = [0; ID_LEN];

impl Keys {
    /// The key of a stream by itself.
    pub(super) fn lone(key: EncryptionKey) -> Self {
        let ring = Arc::new(vec![DataKey { id: LONE, key }]);
        let name = String::new();
        Self { ring, name }
    }

    /// The keys of the stream `name` of a directory.
    pub(super) fn of_stream(ring: Arc<Vec<DataKey>>, name: &str) -> Self {
        let name = name.to_owned();
        Self { ring, name }
    }

    /// The id of the key that a new stream is under.
    pub(super) fn newest(&self) -> [u8; ID_LEN] {
        self.ring.last().map_or(LONE, |key| key.id)
    }

    /// The stream's own key.
    pub(super) fn stream(&self, header: &Header) -> StorageResult<StreamKey> {
        let found = self.ring.iter().find(|key| key.id == header.key_id);
        let Some(found) = found else {
            let what = match (self.name.is_empty(), header.key_id == LONE) {
                (true, _) => "this stream belongs to an encrypted directory, and opens only there",
                (false, true) => {
                    "this stream belongs to no directory: it is under a key of its own"
                }
                (false, false) => {
                    "the keyring does not hold the key of this stream: the keyring is older, or of another directory"
                }
            };
            return Err(StorageError::Encryption(what.to_owned()));
        };
        let info = [&b"entidb/1 stream "[..], self.name.as_bytes()];
        let key = derive(&found.key, &header.stream_id, &info)?;
        Ok(StreamKey(key))
    }

    /// The error of a header whose check value does not fit.
    pub(super) fn mismatch(&self) -> StorageError {
        StorageError::Encryption(if self.name.is_empty() {
            "wrong key: the stream is sound, and was encrypted with another".to_owned()
        } else {
            format!(
                "{}: the header was made for another stream, or was changed",
                self.name
            )
        })
    }
}

/// The key of one stream.
pub(super) struct StreamKey(EncryptionKey);

impl StreamKey {
    /// What tells the right key from a wrong one, and authenticates the header.
    pub(super) fn check(&self, fields: &[u8]) -> StorageResult<Tag> {
        let value = derive(&self.0, b"", &[b"entidb/1 check ", fields])?;
        Ok(value.as_bytes().first_chunk().copied().unwrap_or_default())
    }

    pub(super) fn generation(&self, id: [u8; ID_LEN]) -> StorageResult<Generation> {
        let key = derive(&self.0, b"", &[b"entidb/1 generation ", &id])?;
        let cipher = Cipher::new(&key);
        Ok(Generation { id, cipher })
    }
}

/// The key of all that one appender seals between two cuts. Its id is random, and its nonces are counted.
pub(super) struct Generation {
    pub(super) id: [u8; ID_LEN],
    pub(super) cipher: Cipher,
}
