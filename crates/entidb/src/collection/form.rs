//! In which form a collection's entities are, and how they come into that of a type.
//!
//! A collection has a version, which is that of the type that last declared it or was migrated to. Entities from before have
//! the form of the version that stood when they were committed: their LSN tells.

use std::sync::Arc;

use super::entity::Entity;
use super::target::{decode, target};
use crate::error::Result;
use crate::ids::{EntityId, Lsn};
use crate::manifest::Collection;
use crate::migrations::Registry;

/// The form of a collection's entities, for one call.
#[derive(Clone, Copy)]
pub(super) struct Form<'a> {
    pub(super) collection: &'a Collection,
    pub(super) registry: &'a Registry,
}

impl<'a> Form<'a> {
    /// For reading: refuses a collection whose form the type cannot be got from.
    #[inline]
    pub(super) fn of<T: Entity>(
        collection: &'a Collection,
        registry: &'a Registry,
    ) -> Result<Self> {
        let form = Self {
            collection,
            registry,
        };
        if collection.version != T::VERSION {
            form.refuse_other::<T>()?;
        }
        Ok(form)
    }

    /// For writing: refuses a collection that was not declared as it is now.
    pub(super) fn current<T: Entity>(
        collection: &'a Collection,
        registry: &'a Registry,
    ) -> Result<Self> {
        match collection.version {
            version if version == T::VERSION => Self::of::<T>(collection, registry),
            version if version > T::VERSION => Err(target::<T>().newer(version)),
            _ => Err(target::<T>().undeclared()),
        }
    }

    #[cold]
    fn refuse_other<T: Entity>(&self) -> Result<()> {
        // What was put without a type counts as the first version.
        let version = self.collection.version.max(1);
        if version > T::VERSION {
            return Err(target::<T>().newer(version));
        }
        if version == T::VERSION || self.registry.leads(&target::<T>(), version) {
            return Ok(());
        }
        Err(target::<T>().older(version))
    }

    /// The version of an entity that the commit `lsn` has put.
    #[inline]
    pub(super) fn version_at(&self, lsn: Lsn) -> u32 {
        self.collection.version_at(lsn).max(1)
    }

    /// Whether such an entity can be read as it is.
    #[inline]
    pub(super) fn is_current<T: Entity>(&self, lsn: Lsn) -> bool {
        self.version_at(lsn) == T::VERSION
    }

    /// The entity of a payload that the commit `lsn` has put.
    pub(super) fn read<T: Entity>(&self, id: EntityId, lsn: Lsn, cbor: &[u8]) -> Result<T> {
        if self.is_current::<T>(lsn) {
            return decode(id, cbor);
        }
        decode(id, &self.migrated::<T>(id, lsn, cbor)?)
    }

    /// The payload that an older one becomes.
    pub(super) fn migrated<T: Entity>(
        &self,
        id: EntityId,
        lsn: Lsn,
        cbor: &[u8],
    ) -> Result<bytes::Bytes> {
        let version = self.version_at(lsn);
        self.registry.migrate(&target::<T>(), version, id, cbor)
    }
}

/// A form that a walk holds on to.
#[derive(Clone)]
pub(super) struct Held {
    pub(super) collection: Collection,
    pub(super) registry: Arc<Registry>,
}

impl Held {
    pub(super) fn form(&self) -> Form<'_> {
        Form {
            collection: &self.collection,
            registry: &self.registry,
        }
    }
}
