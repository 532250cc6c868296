//! Questions to declared indexes.

use std::marker::PhantomData;

use entidb_codec::Value;

use super::between::ToRange;
use super::entity::Entity;
use super::form::Held;
use super::found::{EntityPositions, FoundEntities, Page};
use super::index::{Compound, Index, One, Text, Uniqueness};
use super::key::{Parts, ToKey, ToKeys, ToLeading};
use super::target::target;
use crate::error::{Error, Result};
use crate::index::{Find, FoundIds, Position};

/// A declared index of the entities `E`, as [`Collection::by`](crate::Collection::by) takes it: an [`Index`], a [`Compound`] or a
/// [`Text`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no index of `{E}`",
    label = "no index of `{E}`"
)]
pub trait DeclaredIndex<E>: Copy {
    #[doc(hidden)]
    fn index_name(&self) -> &'static str;
}

impl<E, K, U: Uniqueness> DeclaredIndex<E> for Index<E, K, U> {
    fn index_name(&self) -> &'static str {
        self.name()
    }
}

impl<E, K, U: Uniqueness> DeclaredIndex<E> for Compound<E, K, U> {
    fn index_name(&self) -> &'static str {
        self.name()
    }
}

impl<E> DeclaredIndex<E> for Text<E> {
    fn index_name(&self) -> &'static str {
        self.name()
    }
}

/// A question to a declared index `I` of the entities `T`: which have these values. [`Collection::by`](crate::Collection::by)
/// begins one; nothing is read before its answer is taken, by a loop over it or by one of `get`, `first`, `count`, `ids`, `page`.
///
/// Without a condition it finds all entities of the index, in the order of their values, of a full-text index in that of their ids: `None` before everything, numbers by
/// their value, texts by code point, and entities of one value in id order.
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
/// # for age in [17, 18, 30, 31, 30] {
/// #     users.put(&User { id: EntityId::new(), email: EntityId::new().to_string(), age })?;
/// # }
/// # users.put(&User { id: EntityId::new(), email: "ann@example.com".into(), age: 80 })?;
/// let ann = users.by(User::EMAIL)?.get("ann@example.com")?;      // Option<User>
/// # assert_eq!(ann.unwrap().age, 80);
/// assert_eq!(users.by(User::AGE)?.all(30).count()?, 2);
/// for user in users.by(User::AGE)?.range(18..=30).reverse() {    // the oldest first
///     println!("{}", user?.email);
/// }
/// let page = users.by(User::AGE)?.page(2)?;
/// if let Some(position) = &page.next {                           // a text, for a later request
///     let next = users.by(User::AGE)?.after(position).page(2)?;
///     assert_eq!(next.entities[0].age, 30);
/// }
/// # Ok(()) }
/// ```
///
/// An index on several paths is asked by tuples:
///
/// ```
/// # use entidb::{Database, Entity, EntityId};
/// # use serde::{Deserialize, Serialize};
/// #[derive(Entity, Serialize, Deserialize)]
/// #[entity(index(last, first, born))]
/// struct Person {
///     #[entity(id)]
///     id: EntityId,
///     first: String,
///     last: String,
///     born: u32,
/// }
///
/// # fn main() -> entidb::Result<()> {
/// # let db = Database::open_in(entidb::storage::MemoryDirectory::new())?;
/// let people = db.collection::<Person>()?;
/// # for (first, born) in [("Marie", 1867), ("Pierre", 1859), ("Irène", 1897)] {
/// #     people.put(&Person { id: EntityId::new(), first: first.into(), last: "Curie".into(), born })?;
/// # }
/// let by_name = || people.by(Person::LAST_FIRST_BORN);
/// assert_eq!(by_name()?.all(("Curie", "Marie", 1867)).count()?, 1);
/// assert_eq!(by_name()?.leading(("Curie",)).count()?, 3);
/// assert_eq!(by_name()?.leading(("Curie",)).range("J"..).count()?, 2);
/// assert_eq!(by_name()?.prefix("Cu").count()?, 3);
/// # Ok(()) }
/// ```
#[must_use = "an index reads nothing until its answer is taken"]
pub struct TypedFind<'a, T, I> {
    find: Find<'a>,
    held: Held,
    of: PhantomData<fn() -> (T, I)>,
}

impl<'a, T: Entity, I> TypedFind<'a, T, I> {
    /// Refuses where some entities may have an older form, by which the index would find them, or not.
    pub(super) fn new(find: Find<'a>, held: Held) -> Result<Self> {
        if let Some(older) = held.collection.older.first()
            && !held.registry.keeps_indexes(&target::<T>())
        {
            return Err(half_migrated::<T>(older.version));
        }
        Ok(Self {
            find,
            held,
            of: PhantomData,
        })
    }

    pub(super) fn and(self, more: impl FnOnce(Find<'a>) -> Find<'a>) -> Self {
        Self {
            find: more(self.find),
            ..self
        }
    }

    /// Asks for values; what goes wrong with them is told when the answer is taken.
    fn and_of<V>(self, values: Result<V>, more: impl FnOnce(Find<'a>, V) -> Find<'a>) -> Self {
        self.and(|find| match values {
            Ok(values) => more(find, values),
            Err(error) => find.refused(error),
        })
    }

    /// From the highest value down, and of one value from the highest id.
    pub fn reverse(self) -> Self {
        self.and(Find::reverse)
    }

    /// Those that come behind this position, which a walk through the same index has given, in the direction of this walk; all, if
    /// it is `None`, so that the first page is asked for like all others.
    pub fn after<'p>(self, position: impl Into<Option<&'p Position>>) -> Self {
        match position.into() {
            Some(position) => self.and(|find| find.after(position)),
            None => self,
        }
    }

    /// The first `count` of them.
    pub fn limit(self, count: u64) -> Self {
        self.and(|find| find.limit(count))
    }

    /// The entities.
    pub fn iter(self) -> FoundEntities<T> {
        FoundEntities::new(self.find.iter(), self.held)
    }

    /// Their ids, without reading the entities.
    pub fn ids(self) -> FoundIds {
        self.find.ids()
    }

    /// The entities, each with the position behind which a later walk goes on.
    pub fn positions(self) -> EntityPositions<T> {
        EntityPositions::new(self.find.positions(), self.held)
    }

    /// The first `count` of them, and where the next page begins.
    ///
    /// # Errors
    /// As for [`first`](Self::first), of any of them.
    pub fn page(self, count: usize) -> Result<Page<T>> {
        Page::of(self.positions(), count)
    }

    /// All of them.
    ///
    /// # Errors
    /// As for [`first`](Self::first), of any of them.
    pub fn to_vec(self) -> Result<Vec<T>> {
        self.iter().collect()
    }

    /// How many there are, without reading the entities.
    ///
    /// # Errors
    /// As for [`first`](Self::first).
    pub fn count(self) -> Result<u64> {
        self.find.count()
    }

    /// The first of them.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) if the index cannot answer the question;
    /// [`ErrorKind::Decode`](crate::ErrorKind::Decode) if what is stored is not of the type. Else as for
    /// [`Snapshot::get`](crate::Snapshot::get).
    pub fn first(self) -> Result<Option<T>> {
        self.limit(1).iter().next().transpose()
    }

    /// The question without its types, for what has no typed form.
    pub fn untyped(self) -> Find<'a> {
        self.find
    }
}

impl<T: Entity, K, U> TypedFind<'_, T, Index<T, K, U>> {
    /// Those whose value is this one.
    pub fn all(self, value: impl ToKey<K>) -> Self {
        self.and_of(value.to_key(), |find, value| find.equal(&value))
    }

    /// Those whose value lies between these: `18..=30`, `..18`, `"a".."n"`. `None` lies in no range, so that `..` stands for all that
    /// have a value.
    pub fn range(self, values: impl ToRange<K>) -> Self {
        self.and_of(values.to_range(), Find::range)
    }

    /// Those whose value is null, as that of a `None`. Where serde is told to leave a `None` out, there is nothing to find.
    pub fn null(self) -> Self {
        self.and(|find| find.equal(&Value::Null))
    }
}

impl<T: Entity, U> TypedFind<'_, T, Index<T, String, U>> {
    /// Those whose text begins with this one.
    pub fn prefix(self, text: &str) -> Self {
        self.and(|find| find.prefix(text))
    }
}

impl<T: Entity, K> TypedFind<'_, T, Index<T, K, One>> {
    /// The one whose value is this one, if it is there.
    ///
    /// # Errors
    /// As for [`first`](Self::first).
    pub fn get(self, value: impl ToKey<K>) -> Result<Option<T>> {
        self.all(value).first()
    }
}

impl<'a, T: Entity, K, U> TypedFind<'a, T, Compound<T, K, U>> {
    /// Those whose values are these.
    pub fn all(self, values: impl ToKeys<K>) -> Self {
        self.and_of(values.to_keys(), |find, values| find.equal_all(&values))
    }

    /// Those whose first values are these, `("Curie",)`. What is asked for behind it is about the next ones.
    pub fn leading<L: ToLeading<K>>(self, values: L) -> TypedFind<'a, T, Compound<T, L::Rest, U>> {
        let asked = self.and_of(values.to_leading(), |find, values| find.equal_all(&values));
        TypedFind {
            find: asked.find,
            held: asked.held,
            of: PhantomData,
        }
    }
}

impl<T: Entity, K: Parts, U> TypedFind<'_, T, Compound<T, K, U>> {
    /// Those whose next value lies between these; `None` lies in no range.
    pub fn range(self, values: impl ToRange<K::First>) -> Self {
        self.and_of(values.to_range(), Find::range)
    }

    /// Those whose next value is a text that begins with this one.
    pub fn prefix(self, text: &str) -> Self
    where
        K: Parts<First = String>,
    {
        self.and(|find| find.prefix(text))
    }
}

impl<T: Entity, K> TypedFind<'_, T, Compound<T, K, One>> {
    /// The one whose values are these, if it is there.
    ///
    /// # Errors
    /// As for [`first`](Self::first).
    pub fn get(self, values: impl ToKeys<K>) -> Result<Option<T>> {
        self.all(values).first()
    }
}

impl<T: Entity, I> IntoIterator for TypedFind<'_, T, I> {
    type Item = Result<T>;
    type IntoIter = FoundEntities<T>;

    fn into_iter(self) -> FoundEntities<T> {
        self.iter()
    }
}

#[cold]
fn half_migrated<T: Entity>(older: u32) -> Error {
    Error::invalid(format!(
        "the collection {} may have entities of version {older}, which its indexes find by their old form: finish the migration, `db.migrate` without `lazy`, or say `keeps_indexes` if no step changes what is indexed",
        T::COLLECTION
    ))
    .of(T::COLLECTION, None)
}
