//! What an entity says: canonical CBOR.

use bytes::Bytes;
use entidb_codec::{Value, json};

use crate::error::{Error, Result};
use crate::limits::PAYLOAD_LEN_MAX;

/// An entity's payload: one item of canonical CBOR (RFC 8949 section 4.2.1), so that equal entities have equal bytes.
///
/// The bytes are reference-counted: a clone costs no copy.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Payload(Bytes);

impl Payload {
    /// Encodes `value`.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) if it nests too deep, has a key twice, or is above 64 MiB.
    pub fn encode(value: &Value) -> Result<Self> {
        let bytes = entidb_codec::encode(value)
            .map_err(|error| Error::invalid("the entity cannot be stored").because(error))?;
        Self::checked(bytes.into())
    }

    /// Takes bytes that are canonical CBOR already, and checks that they are.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) if they are not, or are above 64 MiB.
    pub fn from_canonical(bytes: impl Into<Bytes>) -> Result<Self> {
        let bytes = bytes.into();
        entidb_codec::validate(&bytes)
            .map_err(|error| Error::invalid("the payload is not canonical CBOR").because(error))?;
        Self::checked(bytes)
    }

    /// Reads one JSON document.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) if it is not strict JSON (RFC 8259), or too large.
    pub fn from_json(text: &str) -> Result<Self> {
        let bytes = json::to_cbor(text.as_bytes())
            .map_err(|error| Error::invalid("the entity is not JSON").because(error))?;
        Self::checked(bytes.into())
    }

    /// What our own encoder has made.
    pub(crate) fn encoded(bytes: Bytes) -> Result<Self> {
        Self::checked(bytes)
    }

    fn checked(bytes: Bytes) -> Result<Self> {
        if bytes.len() > PAYLOAD_LEN_MAX {
            return Err(Error::invalid(format!(
                "an entity of {} bytes is above the limit of {PAYLOAD_LEN_MAX}",
                bytes.len()
            )));
        }
        Ok(Self(bytes))
    }

    /// What was read from a record, whose checksum held: it was canonical when it was written.
    pub(crate) fn stored(bytes: Bytes) -> Self {
        Self(bytes)
    }

    /// The canonical CBOR.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Decodes the payload.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) if it is not canonical CBOR, which no program of ours has written.
    pub fn value(&self) -> Result<Value> {
        entidb_codec::decode(&self.0).map_err(|error| {
            Error::new(
                crate::ErrorKind::Corrupt,
                "the stored payload is not canonical CBOR; restore it from a backup",
            )
            .because(error)
        })
    }
}

impl std::fmt::Debug for Payload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match entidb_codec::decode(&self.0) {
            Ok(value) => write!(f, "{value:?}"),
            Err(_) => write!(f, "{}", crate::stream::hex(&self.0)),
        }
    }
}
