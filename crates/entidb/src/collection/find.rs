//! Questions to declared indexes.

use std::marker::PhantomData;
use std::ops::{Bound, RangeBounds};

use entidb_codec::Value;

use super::asked::{Asked, EntityPositions, FoundEntities, FoundEntityIds, Page};
use super::entity::Entity;
use super::index::{Compound, Index, One, Text, Uniqueness};
use super::key::{Parts, ToKey, ToKeys, ToLeading};
use crate::error::Result;
use crate::index::{Find, IndexSpec, Position};

/// A declared index of the entities `E`: what [`Collection::by`](crate::Collection::by) takes.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no index of `{E}`",
    label = "no index of `{E}`"
)]
pub trait DeclaredIndex<E> {
    /// The question that is put to it.
    type Find<'a>;

    #[doc(hidden)]
    fn index_name(&self) -> &'static str;

    #[doc(hidden)]
    fn ask(self, asked: Asked<'_, E>) -> Self::Find<'_>;
}

/// A question to a declared index: which entities have these values. Made by [`Collection::by`](crate::Collection::by); nothing is
/// read before its answer is taken, by a loop over it or by one of `first`, `count`, `ids`, `page`.
///
/// Without a condition it finds all entities of the index, in the order of their values. Numbers come in order of their value,
/// whether integer or not, text by code point, `None` before everything, and entities of one value in id order. Of an index on an
/// array, an entity comes once for each element that is asked for.
///
/// ```
/// # use entidb::{Database, Entity, EntityId};
/// # use serde::{Deserialize, Serialize};
/// #[derive(Entity, Serialize, Deserialize)]
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
/// let ann = users.by(User::EMAIL).get("ann@example.com")?;       // Option<User>
/// # assert_eq!(ann.unwrap().age, 80);
/// assert_eq!(users.by(User::AGE).all(30).count()?, 2);
/// for user in users.by(User::AGE).range(18..=30).reverse() {     // the oldest first
///     println!("{}", user?.email);
/// }
/// let page = users.by(User::AGE).page(2)?;
/// if let Some(position) = &page.next {                           // a text, for a later request
///     let next = users.by(User::AGE).after(position).page(2)?;
///     assert_eq!(next.entities[0].age, 30);
/// }
/// # Ok(()) }
/// ```
#[must_use = "nothing is read until the answer is taken"]
pub struct FindBy<'a, T, K, U> {
    asked: Asked<'a, T>,
    of: PhantomData<fn() -> (K, U)>,
}

/// A question to a declared index on several paths: as [`FindBy`], by tuples.
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
/// let index = Person::LAST_FIRST_BORN;
/// assert_eq!(people.by(index).all(("Curie", "Marie", 1867)).count()?, 1);
/// assert_eq!(people.by(index).leading(("Curie",)).count()?, 3);
/// assert_eq!(people.by(index).leading(("Curie",)).range("J"..).count()?, 2);
/// assert_eq!(people.by(index).prefix("Cu").count()?, 3);
/// # Ok(()) }
/// ```
#[must_use = "nothing is read until the answer is taken"]
pub struct FindCompound<'a, T, K, U> {
    asked: Asked<'a, T>,
    of: PhantomData<fn() -> (K, U)>,
}

impl<E: Entity, K, U: Uniqueness> DeclaredIndex<E> for Index<E, K, U> {
    type Find<'a> = FindBy<'a, E, K, U>;

    fn index_name(&self) -> &'static str {
        self.name()
    }

    fn ask(self, asked: Asked<'_, E>) -> FindBy<'_, E, K, U> {
        FindBy {
            asked,
            of: PhantomData,
        }
    }
}

impl<E: Entity, K, U: Uniqueness> DeclaredIndex<E> for Compound<E, K, U> {
    type Find<'a> = FindCompound<'a, E, K, U>;

    fn index_name(&self) -> &'static str {
        self.name()
    }

    fn ask(self, asked: Asked<'_, E>) -> FindCompound<'_, E, K, U> {
        FindCompound {
            asked,
            of: PhantomData,
        }
    }
}

impl<E, K, U: Uniqueness> Index<E, K, U> {
    /// How it is declared.
    #[must_use]
    pub fn spec(&self) -> IndexSpec {
        declared(self.name(), self.paths(), U::UNIQUE, self.ignores_case())
    }
}

impl<E, K, U: Uniqueness> Compound<E, K, U> {
    /// How it is declared.
    #[must_use]
    pub fn spec(&self) -> IndexSpec {
        declared(self.name(), self.paths(), U::UNIQUE, self.ignores_case())
    }
}

impl<E> Text<E> {
    /// How it is declared.
    #[must_use]
    pub fn spec(&self) -> IndexSpec {
        declared(self.name(), self.paths(), false, false).full_text()
    }
}

fn declared(name: &str, paths: &[&str], unique: bool, ignore_case: bool) -> IndexSpec {
    let mut spec = IndexSpec::on_all(paths.iter().copied()).named(name);
    if unique {
        spec = spec.unique();
    }
    if ignore_case {
        spec = spec.ignore_case();
    }
    spec
}

macro_rules! answers {
    ($name:ident<$($of:ident),*>) => {
        impl<'a, T: Entity, $($of),*> $name<'a, T, $($of),*> {
            /// From the highest value down, and of one value from the highest id.
            pub fn reverse(self) -> Self {
                self.and(|find| Ok(find.reverse()))
            }

            /// Those that come behind this position, which a walk through the same index has given, in the direction of this
            /// walk.
            pub fn after(self, position: &Position) -> Self {
                self.and(|find| Ok(find.after(position)))
            }

            /// The first `count` of them.
            pub fn limit(self, count: u64) -> Self {
                self.and(|find| Ok(find.limit(count)))
            }

            /// The entities.
            pub fn iter(self) -> FoundEntities<'a, T> {
                self.asked.iter()
            }

            /// Their ids, without reading the entities.
            pub fn ids(self) -> FoundEntityIds {
                self.asked.ids()
            }

            /// The entities, each with the position behind which a later walk goes on.
            pub fn positions(self) -> EntityPositions<'a, T> {
                self.asked.positions()
            }

            /// The first `count` of them, and where the next page begins.
            ///
            /// # Errors
            /// As for [`first`](Self::first), of any of them.
            pub fn page(self, count: usize) -> Result<Page<T>> {
                let mut positions = self.positions();
                let mut page = Page {
                    entities: Vec::new(),
                    next: None,
                };
                let mut last = None;
                for found in positions.by_ref().take(count) {
                    let (entity, position) = found?;
                    page.entities.push(entity);
                    last = Some(position);
                }
                if positions.has_more()? {
                    page.next = last;
                }
                Ok(page)
            }

            /// How many there are, without reading the entities.
            ///
            /// # Errors
            /// As for [`first`](Self::first).
            pub fn count(self) -> Result<u64> {
                self.asked.count()
            }

            /// The first of them.
            ///
            /// # Errors
            /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) if the index is not there, or still being built;
            /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) if it cannot answer the question;
            /// [`ErrorKind::Decode`](crate::ErrorKind::Decode) if what is stored is not of the type. Else as for
            /// [`Snapshot::get`](crate::Snapshot::get).
            pub fn first(self) -> Result<Option<T>> {
                self.limit(1).iter().next().transpose()
            }

            fn and(self, more: impl FnOnce(Find<'a>) -> Result<Find<'a>>) -> Self {
                Self {
                    asked: self.asked.and(more),
                    of: PhantomData,
                }
            }
        }

        impl<'a, T: Entity, $($of),*> IntoIterator for $name<'a, T, $($of),*> {
            type Item = Result<T>;
            type IntoIter = FoundEntities<'a, T>;

            fn into_iter(self) -> FoundEntities<'a, T> {
                self.iter()
            }
        }
    };
}

answers!(FindBy<K, U>);
answers!(FindCompound<K, U>);

impl<T: Entity, K, U> FindBy<'_, T, K, U> {
    /// Those whose value is this one.
    pub fn all(self, value: impl ToKey<K>) -> Self {
        self.and(|find| Ok(find.equal(&value.to_key()?)))
    }

    /// Those whose value lies between these: `18..=30`, `..18`, `"a".."n"`. `None` lies in no range.
    pub fn range<Q: ToKey<K>>(self, values: impl RangeBounds<Q>) -> Self {
        self.and(|find| Ok(find.range(bounds(&values)?)))
    }

    /// Those whose value is null, as that of a `None`. Where serde is told to leave a `None` out, there is nothing to find.
    pub fn null(self) -> Self {
        self.and(|find| Ok(find.equal(&Value::Null)))
    }
}

impl<T: Entity, U> FindBy<'_, T, String, U> {
    /// Those whose text begins with this one.
    pub fn prefix(self, text: &str) -> Self {
        self.and(|find| Ok(find.prefix(text)))
    }
}

impl<T: Entity, K> FindBy<'_, T, K, One> {
    /// The one whose value is this one, if it is there.
    ///
    /// # Errors
    /// As for [`first`](Self::first).
    pub fn get(self, value: impl ToKey<K>) -> Result<Option<T>> {
        self.all(value).first()
    }
}

impl<'a, T: Entity, K, U> FindCompound<'a, T, K, U> {
    /// Those whose values are these.
    pub fn all(self, values: impl ToKeys<K>) -> Self {
        self.and(|find| Ok(find.equal_all(&values.to_keys()?)))
    }

    /// Those whose first values are these, `("Curie",)`. What is asked for behind it is about the next ones.
    pub fn leading<L: ToLeading<K>>(self, values: L) -> FindCompound<'a, T, L::Rest, U> {
        let asked = self.and(|find| Ok(find.equal_all(&values.to_leading()?)));
        FindCompound {
            asked: asked.asked,
            of: PhantomData,
        }
    }
}

impl<T: Entity, K: Parts, U> FindCompound<'_, T, K, U> {
    /// Those whose next value lies between these; `None` lies in no range.
    pub fn range<Q: ToKey<K::First>>(self, values: impl RangeBounds<Q>) -> Self {
        self.and(|find| Ok(find.range(bounds(&values)?)))
    }

    /// Those whose next value is a text that begins with this one.
    pub fn prefix(self, text: &str) -> Self
    where
        K: Parts<First = String>,
    {
        self.and(|find| Ok(find.prefix(text)))
    }
}

impl<T: Entity, K> FindCompound<'_, T, K, One> {
    /// The one whose values are these, if it is there.
    ///
    /// # Errors
    /// As for [`first`](Self::first).
    pub fn get(self, values: impl ToKeys<K>) -> Result<Option<T>> {
        self.all(values).first()
    }
}

/// The values of a range, without what comes before all values: absent, null and undefined.
fn bounds<K, Q: ToKey<K>>(values: &impl RangeBounds<Q>) -> Result<(Bound<Value>, Bound<Value>)> {
    let value = |bound: Bound<&Q>| {
        Ok(match bound {
            Bound::Included(key) => Bound::Included(key.to_key()?),
            Bound::Excluded(key) => Bound::Excluded(key.to_key()?),
            Bound::Unbounded => Bound::Unbounded,
        })
    };
    let lower = match value(values.start_bound())? {
        Bound::Unbounded => Bound::Excluded(Value::Undefined),
        bound => bound,
    };
    Ok((lower, value(values.end_bound())?))
}
