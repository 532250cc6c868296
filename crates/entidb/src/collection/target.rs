//! A type as what its entities are stored and read as.

use super::entity::Entity;
use super::id::Id;
use crate::encoding::{self, IdField, type_name};
use crate::error::{Error, ErrorKind, Result};
use crate::ids::EntityId;
use crate::migrations::Target;
use crate::payload::Payload;

/// What is to be known of a type without the type.
pub(super) fn target<T: Entity>() -> Target {
    Target {
        collection: T::COLLECTION,
        version: T::VERSION,
        type_name: type_name::<T>(),
        left_out: (!T::Id::STORED).then_some(IdField {
            name: T::ID_FIELD,
            form: T::Id::FORM,
        }),
    }
}

/// The payload of an entity.
pub(super) fn encode<T: Entity>(entity: &T) -> Result<Payload> {
    let bytes = encoding::to_bytes(entity, target::<T>().left_out)
        .map_err(|error| error.of(T::COLLECTION, Some(entity.id())))?;
    Payload::encoded(bytes)
}

/// The entity of a payload.
pub(super) fn decode<T: Entity>(id: EntityId, cbor: &[u8]) -> Result<T> {
    encoding::from_bytes(id, cbor, target::<T>().left_out)
        .map_err(|error| not_a::<T>(id).because(error))
}

/// The error for a payload that is not an entity of the type.
#[cold]
pub(super) fn not_a<T: Entity>(id: EntityId) -> Error {
    Error::new(
        ErrorKind::Decode,
        format!(
            "the entity {id} of {} is not a `{}`: change the type, or raise its version and migrate what is stored",
            T::COLLECTION,
            type_name::<T>()
        ),
    )
    .of(T::COLLECTION, Some(id))
}
