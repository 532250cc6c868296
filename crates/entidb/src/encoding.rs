//! Between what serde knows and payloads.

use bytes::Bytes;
use entidb_codec::Value;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, Result};
use crate::ids::EntityId;

/// The field of an id that is not stored.
#[derive(Debug, Clone, Copy)]
pub(crate) struct IdField {
    pub(crate) name: &'static str,
    /// The form in which serde reads it.
    pub(crate) form: IdForm,
}

/// In which form an id is filled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[doc(hidden)]
pub enum IdForm {
    /// The 36 characters, as of an [`EntityId`].
    Text,
    /// The 16 bytes, as of a `Uuid`.
    Bytes,
}

impl IdForm {
    fn item(self, id: EntityId) -> Result<Vec<u8>, entidb_codec::SerializeError> {
        match self {
            Self::Text => entidb_codec::to_vec(&id),
            Self::Bytes => entidb_codec::to_vec(&Value::from(id.as_bytes().as_slice())),
        }
    }
}

/// Encodes anything, but for the field `without`.
pub(crate) fn to_bytes<B: Serialize>(value: &B, without: Option<IdField>) -> Result<Bytes> {
    let bytes = match without {
        Some(field) => entidb_codec::to_vec_without(value, field.name),
        None => entidb_codec::to_vec(value),
    };
    bytes
        .map(Bytes::from)
        .map_err(|error| Error::invalid("the entity cannot be stored").because(error))
}

/// Anything as a value.
pub(crate) fn to_value(value: &impl Serialize) -> Result<Value> {
    entidb_codec::to_value(value)
        .map_err(|error| Error::invalid("the value cannot be stored").because(error))
}

/// Decodes anything, with the id filled in as the field `with`.
pub(crate) fn from_bytes<A: DeserializeOwned>(
    id: EntityId,
    cbor: &[u8],
    with: Option<IdField>,
) -> Result<A, entidb_codec::DeserializeError> {
    match with {
        Some(field) => {
            let item = field.form.item(id).unwrap_or_default();
            entidb_codec::from_slice_with(cbor, field.name, &item)
        }
        None => entidb_codec::from_slice(cbor),
    }
}

/// A type's name without its path.
pub(crate) fn type_name<T>() -> &'static str {
    let name = std::any::type_name::<T>();
    let path = name.split('<').next().unwrap_or(name);
    path.rsplit("::").next().unwrap_or(path)
}
