//! What makes a type the type of a collection.

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::id::Id;
use crate::ids::EntityId;
use crate::index::IndexSpec;

/// A type whose values are the entities of a collection. [Derive](derive@crate::Entity) it.
///
/// By hand it is this:
///
/// ```
/// use entidb::{Entity, EntityId, Index, IndexSpec};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct User {
///     id: EntityId,
///     age: u32,
/// }
///
/// impl Entity for User {
///     type Id = EntityId;
///     const COLLECTION: &'static str = "users";
///     const ID_FIELD: &'static str = "id";
///
///     fn id(&self) -> EntityId {
///         self.id
///     }
///
///     fn indexes() -> Vec<IndexSpec> {
///         vec![Self::AGE.spec()]
///     }
/// }
///
/// impl User {
///     const AGE: Index<User, u32> = Index::on("age", &["age"]);
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an entity",
    label = "not an entity",
    note = "write `#[derive(Entity, Serialize, Deserialize)]` above it, and `#[entity(id)]` above its id"
)]
pub trait Entity: Serialize + DeserializeOwned {
    /// The type of its id.
    type Id: Id;

    /// The collection's name.
    const COLLECTION: &'static str;

    /// The name under which serde knows the id.
    const ID_FIELD: &'static str;

    /// The version of the stored form, from 1. It rises when what is stored already cannot be read as this type any more, and
    /// [`Database::migrate`](crate::Database::migrate) says how it can.
    const VERSION: u32 = 1;

    /// How long each lives from its put on; `None`: as [`Database::set_time_to_live`](crate::Database::set_time_to_live) says, or
    /// for ever. [`Database::collection`](crate::Database::collection) sets it for the collection.
    const TIME_TO_LIVE: Option<Duration> = None;

    /// The id under which it is stored.
    fn id(&self) -> EntityId;

    /// The indexes that it declares. [`Database::collection`](crate::Database::collection) makes those that are not there.
    #[must_use]
    fn indexes() -> Vec<IndexSpec> {
        Vec::new()
    }
}
