//! Views of one collection, of values and of a type: a codec over the engine, not a second engine.

mod at_snapshot;
mod between;
mod declare;
mod entities;
mod entity;
mod find;
mod form;
mod found;
mod id;
mod in_transaction;
mod index;
mod key;
mod migrate;
mod target;
mod typed;
mod untyped;
mod words;
mod writes;

pub use at_snapshot::SnapshotCollection;
pub use between::ToRange;
pub use entities::{Entities, EntityIds};
pub use entity::Entity;
pub use find::{DeclaredIndex, TypedFind};
pub use found::{EntityPositions, FoundEntities, Page};
pub use id::{Id, ToId};
pub use in_transaction::TransactionCollection;
pub use index::{Compound, Index, Many, One, Text, Unique, UniqueCompound, Uniqueness};
pub use key::{ByteString, Parts, ToKey, ToKeys, ToLeading};
pub use typed::Collection;
pub use untyped::Untyped;
