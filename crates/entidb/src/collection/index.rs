//! Declared indexes as typed constants.

use std::marker::PhantomData;

use crate::index::IndexSpec;

/// Names types without holding any of their values.
type Of<T> = PhantomData<fn() -> T>;

/// A declared index of the entities `E`, asked by values of type `K`: `User::AGE: Index<User, u32>`. `#[entity(index)]` makes it;
/// by hand it is [`Index::on`].
///
/// It belongs to one type of entity and is asked by one type of value, so that a field without an index, or a value of another
/// type, does not compile:
///
/// ```compile_fail
/// # use entidb::{Database, Entity, EntityId};
/// # use serde::{Deserialize, Serialize};
/// #[derive(Entity, Serialize, Deserialize)]
/// struct User {
///     #[entity(id)]
///     id: EntityId,
///     age: u32,
/// }
/// let _ = User::AGE;                  // no `#[entity(index)]`
/// ```
pub struct Index<E, K, U = Many> {
    declared: Declared,
    of: Of<(E, K, U)>,
}

/// A declared index in which no value leads to two entities: `User::EMAIL: Unique<User, String>`. `#[entity(unique)]` makes it.
pub type Unique<E, K> = Index<E, K, One>;

/// A declared index on several paths, asked by a tuple: `User::LAST_FIRST: Compound<User, (String, String)>`.
/// `#[entity(index(last, first))]` on the struct makes it.
pub struct Compound<E, K, U = Many> {
    declared: Declared,
    of: Of<(E, K, U)>,
}

/// A declared index on several paths in which no values lead to two entities. `#[entity(unique(last, first))]` on the struct
/// makes it.
pub type UniqueCompound<E, K> = Compound<E, K, One>;

/// A declared full-text index: `Note::TEXT: Text<Note>`. `#[entity(text)]` makes it.
pub struct Text<E> {
    declared: Declared,
    of: Of<E>,
}

/// Of an index: a value may lead to many entities.
#[derive(Debug, Clone, Copy)]
pub enum Many {}

/// Of an index: a value leads to one entity at the most.
#[derive(Debug, Clone, Copy)]
pub enum One {}

/// [`Many`] or [`One`].
pub trait Uniqueness: sealed::Sealed {
    #[doc(hidden)]
    const UNIQUE: bool;
}

impl Uniqueness for Many {
    const UNIQUE: bool = false;
}

impl Uniqueness for One {
    const UNIQUE: bool = true;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Many {}
    impl Sealed for super::One {}
}

/// What an index is declared as.
#[derive(Debug, Clone, Copy)]
struct Declared {
    name: &'static str,
    paths: &'static [&'static str],
    ignore_case: bool,
}

macro_rules! declared {
    ($name:ident<$($of:ident),*>) => {
        impl<$($of),*> $name<$($of),*> {
            /// The index named `name` on `paths`, as they are stored.
            #[must_use]
            pub const fn on(name: &'static str, paths: &'static [&'static str]) -> Self {
                Self {
                    declared: Declared {
                        name,
                        paths,
                        ignore_case: false,
                    },
                    of: PhantomData,
                }
            }

            /// The same, comparing text without regard to case.
            #[must_use]
            pub const fn ignore_case(self) -> Self {
                Self {
                    declared: Declared {
                        ignore_case: true,
                        ..self.declared
                    },
                    of: PhantomData,
                }
            }

            /// Whether it compares text without regard to case.
            #[must_use]
            pub const fn ignores_case(&self) -> bool {
                self.declared.ignore_case
            }

            /// The index's name in the database.
            #[must_use]
            pub const fn name(&self) -> &'static str {
                self.declared.name
            }

            /// The paths that it is on, as they are stored.
            #[must_use]
            pub const fn paths(&self) -> &'static [&'static str] {
                self.declared.paths
            }
        }

        impl<$($of),*> Clone for $name<$($of),*> {
            fn clone(&self) -> Self {
                *self
            }
        }

        impl<$($of),*> Copy for $name<$($of),*> {}

        impl<$($of),*> std::fmt::Debug for $name<$($of),*> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{}({})", stringify!($name), self.declared.name)
            }
        }
    };
}

impl Declared {
    fn spec(&self, unique: bool) -> IndexSpec {
        let mut spec = IndexSpec::on_all(self.paths.iter().copied()).named(self.name);
        if self.ignore_case {
            spec = spec.ignore_case();
        }
        if unique {
            spec = spec.unique();
        }
        spec
    }
}

impl<E, K, U: Uniqueness> Index<E, K, U> {
    /// How it is declared to the engine.
    #[must_use]
    pub fn spec(&self) -> IndexSpec {
        self.declared.spec(U::UNIQUE)
    }
}

impl<E, K, U: Uniqueness> Compound<E, K, U> {
    /// How it is declared to the engine.
    #[must_use]
    pub fn spec(&self) -> IndexSpec {
        self.declared.spec(U::UNIQUE)
    }
}

impl<E> Text<E> {
    /// How it is declared to the engine.
    #[must_use]
    pub fn spec(&self) -> IndexSpec {
        self.declared.spec(false).full_text()
    }
}

declared!(Index<E, K, U>);
declared!(Compound<E, K, U>);
declared!(Text<E>);
