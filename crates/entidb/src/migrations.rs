//! How entities come from one version of a type's form to the next.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::encoding::{self, IdField, type_name};
use crate::error::{Error, ErrorKind, Result};
use crate::ids::EntityId;
use crate::sync::{PoisonError, RwLock};

/// The steps from each version of a type's stored form to the next: for [`Database::migrate`](crate::Database::migrate).
///
/// Not every change needs one. A field with `#[serde(default)]` may be added, and one may be dropped, without another version.
///
/// ```
/// use entidb::{Database, Entity, EntityId, Migrations, Value};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Entity, Serialize, Deserialize)]
/// #[entity(collection = "users", version = 3)]
/// struct User {
///     #[entity(id)]
///     id: EntityId,
///     name: String,
///     age: u32,
/// }
///
/// #[derive(Deserialize)]
/// struct UserV2 {
///     id: EntityId,
///     name: String,
///     born: u32,
/// }
///
/// # fn main() -> entidb::Result<()> {
/// # let db = Database::open_in(entidb::storage::MemoryDirectory::new())?;
/// let migrations = Migrations::new()
///     .step(1, |mut old: Value| {
///         let name = old.remove("nick").unwrap_or_default();
///         old.insert("name", name);
///         Ok(old)
///     })
///     .step(2, |old: UserV2| {
///         Ok(User { id: old.id, name: old.name, age: 2026 - old.born })
///     });
/// db.migrate::<User>(migrations)?;
/// let users = db.collection::<User>()?;
/// # assert_eq!(users.count()?, 0);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Migrations {
    steps: BTreeMap<u32, Step>,
    pub(crate) batch: usize,
    pub(crate) lazy: bool,
    pub(crate) keeps_indexes: bool,
    pub(crate) untyped_as: Option<u32>,
}

/// So many entities are migrated by one transaction, unless another number is said.
const BATCH_COUNT: usize = 1000;

impl Default for Migrations {
    fn default() -> Self {
        Self {
            steps: BTreeMap::new(),
            batch: BATCH_COUNT,
            lazy: false,
            keeps_indexes: false,
            untyped_as: None,
        }
    }
}

/// One step: a payload, and the field in which the id is filled in and left out.
type Step = Arc<dyn Fn(EntityId, Option<IdField>, &[u8]) -> Result<Bytes> + Send + Sync>;

impl Migrations {
    /// No steps.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How an entity comes from the form of version `from` to that of the next. It may be run more than once for an entity, and
    /// by several threads at a time.
    ///
    /// What goes in and what comes out may be [`Value`](crate::Value)s, or types that have that form; the id is in both, under
    /// the name that it has in the entity's type.
    #[must_use]
    pub fn step<A, B>(
        mut self,
        from: u32,
        step: impl Fn(A) -> Result<B> + Send + Sync + 'static,
    ) -> Self
    where
        A: DeserializeOwned,
        B: Serialize,
    {
        let step = move |id: EntityId, field: Option<IdField>, cbor: &[u8]| {
            let old = encoding::from_bytes(id, cbor, field).map_err(|error| {
                Error::new(
                    ErrorKind::Decode,
                    format!("it is not a `{}`", type_name::<A>()),
                )
                .because(error)
            })?;
            encoding::to_bytes(&step(old)?, field)
        };
        self.steps.insert(from, Arc::new(step));
        self
    }

    /// Entities are migrated when they are read, and written in their new form by whatever puts them next, so that nothing is
    /// read or written now. The steps stay in use until a migration that is not lazy has been through.
    ///
    /// An index has what is stored: entities that were not put since are found by their old form. So finding by index is refused
    /// until all are migrated, unless [`keeps_indexes`](Self::keeps_indexes) is said.
    #[must_use]
    pub fn lazy(mut self) -> Self {
        self.lazy = true;
        self
    }

    /// Says that no step changes what an index is on, so that a lazy migration may go on beside finds.
    #[must_use]
    pub fn keeps_indexes(mut self) -> Self {
        self.keeps_indexes = true;
        self
    }

    /// How many entities are put by one transaction, at the most. Default: 1,000. Others that write the same entities meanwhile
    /// are in its way the less, the fewer they are.
    #[must_use]
    pub fn batch(mut self, count: usize) -> Self {
        self.batch = count.max(1);
        self
    }

    /// Says of which version entities are that were put before any type declared the collection: by
    /// [`Database::untyped`](crate::Database::untyped), or by the program `entidb`. It has to be said only for a type whose
    /// version is above 1.
    #[must_use]
    pub fn untyped_as(mut self, version: u32) -> Self {
        self.untyped_as = Some(version);
        self
    }

    /// Refuses unless there is a step from each version from `from` to that of the target.
    pub(crate) fn check(&self, target: &Target, from: u32) -> Result<()> {
        let Target {
            collection,
            version,
            type_name,
            ..
        } = target;
        let refused = |why| Err(Error::invalid(why).of(collection, None));
        if let Some((beyond, _)) = self.steps.range(version..).next() {
            return refused(format!(
                "there is a step from version {beyond}, but `{type_name}` is of version {version}"
            ));
        }
        match (from..*version).find(|version| !self.steps.contains_key(version)) {
            Some(missing) => refused(format!(
                "the collection {collection} has entities of version {from}, and there is no step from version {missing}"
            )),
            None => Ok(()),
        }
    }
}

impl std::fmt::Debug for Migrations {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Migrations")
            .field("from", &self.steps.keys())
            .field("batch", &self.batch)
            .field("lazy", &self.lazy)
            .field("keeps_indexes", &self.keeps_indexes)
            .field("untyped_as", &self.untyped_as)
            .finish()
    }
}

/// What entities are to become.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target {
    pub(crate) collection: &'static str,
    pub(crate) version: u32,
    pub(crate) type_name: &'static str,
    /// The id's field, if it is left out of what is stored.
    pub(crate) left_out: Option<IdField>,
}

impl Target {
    /// The error for a collection that a newer program has.
    #[cold]
    pub(crate) fn newer(&self, version: u32) -> Error {
        let Self {
            collection,
            type_name,
            version: own,
            ..
        } = self;
        Error::new(
            ErrorKind::Unsupported,
            format!(
                "the collection {collection} is of version {version}, and this program's `{type_name}` of version {own}: run the newer program"
            ),
        )
        .of(collection, None)
    }

    /// The error for a collection that was not migrated.
    #[cold]
    pub(crate) fn older(&self, version: u32) -> Error {
        let Self {
            collection,
            type_name,
            version: own,
            ..
        } = self;
        Error::invalid(format!(
            "the collection {collection} is of version {version}, and `{type_name}` of version {own}: call `db.migrate::<{type_name}>(…)` first, with a step from each version"
        ))
        .of(collection, None)
    }

    /// The error for a collection that is not there as the type declares it.
    #[cold]
    pub(crate) fn undeclared(&self) -> Error {
        let Self {
            collection,
            type_name,
            ..
        } = self;
        Error::invalid(format!(
            "the collection {collection} is not there as `{type_name}` declares it: call `db.collection::<{type_name}>()` first, which makes it"
        ))
        .of(collection, None)
    }
}

/// The migrations that this handle of the database has been given, by collection.
#[derive(Default)]
pub(crate) struct Registry(RwLock<HashMap<&'static str, (u32, Migrations)>>);

impl Registry {
    pub(crate) fn put(&self, target: &Target, migrations: Migrations) {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        all.insert(target.collection, (target.version, migrations));
    }

    pub(crate) fn get(&self, target: &Target) -> Option<Migrations> {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let (to, migrations) = all.get(target.collection)?;
        (*to == target.version).then(|| migrations.clone())
    }

    /// Whether there are steps from `version` to the target.
    pub(crate) fn leads(&self, target: &Target, version: u32) -> bool {
        let migrations = self.get(target);
        migrations.is_some_and(|migrations| migrations.check(target, version).is_ok())
    }

    /// Whether the steps change nothing that an index is on.
    pub(crate) fn keeps_indexes(&self, target: &Target) -> bool {
        let migrations = self.get(target);
        migrations.is_some_and(|migrations| migrations.keeps_indexes)
    }

    /// The payload that one of `version` becomes.
    pub(crate) fn migrate(
        &self,
        target: &Target,
        version: u32,
        id: EntityId,
        cbor: &[u8],
    ) -> Result<Bytes> {
        let migrations = self.get(target).unwrap_or_default();
        let mut payload = Bytes::copy_from_slice(cbor);
        for from in version..target.version {
            let Some(step) = migrations.steps.get(&from) else {
                return Err(target.older(from));
            };
            payload = step(id, target.left_out, &payload).map_err(|error| {
                let collection = target.collection;
                let what = format!(
                    "the entity {id} of {collection} could not be migrated from version {from}"
                );
                Error::new(error.kind(), what)
                    .of(collection, Some(id))
                    .because(error)
            })?;
        }
        Ok(payload)
    }
}
