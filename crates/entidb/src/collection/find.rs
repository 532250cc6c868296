//! Entities of a type, found by a declared index.

use std::marker::PhantomData;
use std::ops::{Bound, RangeBounds};

use entidb_codec::Value;

use super::at_snapshot::SnapshotCollection;
use super::entity::Entity;
use super::index::{Index, One, Uniqueness};
use super::key::ToKey;
use super::typed::Collection;
use crate::error::Result;
use crate::ids::EntityId;
use crate::index::{Find, FoundIds};

/// A question to an index of the entities `T`, asked by values of type `K`: [`Collection::by`].
///
/// ```
/// # use entidb::{Database, Entity, EntityId};
/// # use serde::{Deserialize, Serialize};
/// #[derive(Entity, Serialize, Deserialize, Debug, PartialEq)]
/// struct User {
///     #[entity(id)]
///     id: EntityId,
///     #[entity(unique)]
///     email: String,
///     #[entity(index)]
///     age: u32,
/// }
///
/// # fn main() -> entidb::Result<()> {
/// # let db = Database::open_in(entidb::storage::MemoryDirectory::new())?;
/// let users = db.collection::<User>()?;
/// for (email, age) in [("ann@example.com", 41), ("bob@example.com", 17)] {
///     users.put(&User { id: EntityId::new(), email: email.into(), age })?;
/// }
/// let ann = users.by(User::EMAIL)?.get("ann@example.com")?;
/// assert_eq!(ann.map(|ann| ann.age), Some(41));
/// let adults: Vec<User> = users.by(User::AGE)?.range(18..)?.collect::<entidb::Result<_>>()?;
/// assert_eq!(adults.len(), 1);
/// # Ok(()) }
/// ```
#[must_use = "an index reads nothing until its answer is taken"]
pub struct TypedFind<T, K, U> {
    entities: SnapshotCollection<T>,
    find: Find<'static>,
    of: PhantomData<fn() -> (K, U)>,
}

impl<T: Entity> Collection<T> {
    /// Asks a declared index, as everything is now.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) if the index is not there, or still being built: only where the
    /// database was opened for reading.
    pub fn by<K, U: Uniqueness>(&self, index: Index<T, K, U>) -> Result<TypedFind<T, K, U>> {
        self.snapshot()?.by(index)
    }
}

impl<T: Entity> SnapshotCollection<T> {
    /// As [`Collection::by`], at this moment.
    ///
    /// # Errors
    /// As there.
    pub fn by<K, U: Uniqueness>(&self, index: Index<T, K, U>) -> Result<TypedFind<T, K, U>> {
        Ok(TypedFind {
            find: self.snapshot().by(T::COLLECTION, index.name())?,
            entities: self.clone(),
            of: PhantomData,
        })
    }
}

impl<T: Entity, K> TypedFind<T, K, One> {
    /// The entity with this value, if there is one.
    ///
    /// # Errors
    /// As for [`Collection::get`].
    pub fn get(self, value: impl ToKey<K>) -> Result<Option<T>> {
        self.all(value)?.next().transpose()
    }
}

impl<T: Entity, K, U> TypedFind<T, K, U> {
    /// From the highest value down.
    pub fn reverse(self) -> Self {
        Self {
            find: self.find.reverse(),
            ..self
        }
    }

    /// The first `count` of them.
    pub fn limit(self, count: u64) -> Self {
        Self {
            find: self.find.limit(count),
            ..self
        }
    }

    /// Those with this value, in id order.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) if the value cannot be stored.
    pub fn all(self, value: impl ToKey<K>) -> Result<FoundEntities<T>> {
        let value = value.to_key()?;
        Ok(self.asked(|find| find.equal(&value)))
    }

    /// Those whose value lies between these, in the order of the values.
    ///
    /// # Errors
    /// As for [`all`](Self::all).
    pub fn range<V: ToKey<K>>(self, values: impl RangeBounds<V>) -> Result<FoundEntities<T>> {
        let bounds = (key(values.start_bound())?, key(values.end_bound())?);
        Ok(self.asked(|find| find.range(bounds)))
    }

    /// Those whose value is a text that begins with this one.
    pub fn prefix(self, text: &str) -> FoundEntities<T> {
        self.asked(|find| find.prefix(text))
    }

    /// All that are in the index, in the order of the values.
    pub fn iter(self) -> FoundEntities<T> {
        self.asked(|find| find)
    }

    /// The question without its types, for what has no typed form: several values, positions, ids alone, counting.
    pub fn untyped(self) -> Find<'static> {
        self.find
    }

    fn asked(self, ask: impl FnOnce(Find<'static>) -> Find<'static>) -> FoundEntities<T> {
        FoundEntities {
            ids: ask(self.find).ids(),
            entities: self.entities,
        }
    }
}

fn key<K, V: ToKey<K>>(bound: Bound<&V>) -> Result<Bound<Value>> {
    Ok(match bound {
        Bound::Included(value) => Bound::Included(value.to_key()?),
        Bound::Excluded(value) => Bound::Excluded(value.to_key()?),
        Bound::Unbounded => Bound::Unbounded,
    })
}

/// A lazy walk over entities that an index has found: [`TypedFind`].
#[must_use = "a walk reads nothing until it is iterated"]
pub struct FoundEntities<T> {
    ids: FoundIds,
    entities: SnapshotCollection<T>,
}

impl<T: Entity> FoundEntities<T> {
    /// The ids alone, without reading the entities.
    pub fn ids(self) -> FoundIds {
        self.ids
    }

    /// How many there are, without reading the entities.
    ///
    /// # Errors
    /// As for [`Find::count`].
    pub fn count_all(self) -> Result<u64> {
        let mut count = 0;
        for id in self.ids {
            let _: EntityId = id?;
            count += 1;
        }
        Ok(count)
    }
}

impl<T: Entity> Iterator for FoundEntities<T> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let found = match self.ids.next()? {
                Ok(id) => self.entities.get_by_id(id),
                Err(error) => Err(error),
            };
            if let Some(entity) = found.transpose() {
                return Some(entity);
            }
        }
    }
}
