//! What a type's id can be, and what names an entity of it.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::encoding::IdForm;
use crate::ids::EntityId;

/// What a field marked `#[entity(id)]` can be: an [`EntityId`], a `Uuid`, or a natural key, which is text or an integer.
///
/// An [`EntityId`] is not stored in the payload: it is what the entity is stored under, and filled in on read. A natural
/// key is stored, since the id is only its [digest](EntityId::from_key).
///
/// An id type of your own, so that a user's is not taken for an order's:
///
/// ```
/// use entidb::{EntityId, Id};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
/// #[serde(transparent)]
/// struct UserId(EntityId);
///
/// impl Id for UserId {
///     const STORED: bool = false;
///
///     fn entity_id(&self) -> EntityId {
///         self.0
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an entity's id",
    label = "an id is an `EntityId`, a `Uuid`, a `String` or an integer",
    note = "a type of your own can be one: implement `entidb::Id` for it"
)]
pub trait Id: Serialize + DeserializeOwned {
    /// Whether the field is kept in the payload. If not, it has to be readable from an [`EntityId`]'s form.
    const STORED: bool;

    #[doc(hidden)]
    const FORM: IdForm = IdForm::Text;

    /// The id under which the entity is stored.
    fn entity_id(&self) -> EntityId;
}

impl Id for EntityId {
    const STORED: bool = false;

    fn entity_id(&self) -> EntityId {
        *self
    }
}

impl Id for uuid::Uuid {
    const STORED: bool = false;
    const FORM: IdForm = IdForm::Bytes;

    fn entity_id(&self) -> EntityId {
        EntityId::from(*self)
    }
}

impl Id for String {
    const STORED: bool = true;

    fn entity_id(&self) -> EntityId {
        EntityId::from_key(self)
    }
}

/// What names an entity whose id is an `I`: its [`EntityId`], or the natural key.
///
/// `users.get(id)`, `countries.get("at")`, `orders.get(4711)`; an id type of your own by reference, `users.get(&user_id)`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not name an entity whose id is a `{I}`",
    label = "give an `EntityId`, or a `{I}`"
)]
pub trait ToId<I> {
    /// The id under which the entity is stored.
    fn to_id(&self) -> EntityId;
}

impl<I: Id> ToId<I> for EntityId {
    fn to_id(&self) -> EntityId {
        *self
    }
}

impl<I: Id> ToId<I> for &I {
    fn to_id(&self) -> EntityId {
        self.entity_id()
    }
}

impl ToId<uuid::Uuid> for uuid::Uuid {
    fn to_id(&self) -> EntityId {
        EntityId::from(*self)
    }
}

impl ToId<String> for &str {
    fn to_id(&self) -> EntityId {
        EntityId::from_key(*self)
    }
}

impl ToId<String> for String {
    fn to_id(&self) -> EntityId {
        EntityId::from_key(self)
    }
}

macro_rules! integer_ids {
    ($($integer:ty),*) => {$(
        impl Id for $integer {
            const STORED: bool = true;

            fn entity_id(&self) -> EntityId {
                EntityId::from_key(*self)
            }
        }

        impl ToId<$integer> for $integer {
            fn to_id(&self) -> EntityId {
                EntityId::from_key(*self)
            }
        }
    )*};
}

integer_ids!(
    i8, i16, i32, i64, i128, isize, u8, u16, u32, u64, u128, usize
);
