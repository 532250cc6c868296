//! Declaring a collection: that it is there, and in which version.

use super::entity::Entity;
use super::form::Form;
use super::target::target;
use super::typed::Collection;
use crate::db::Database;
use crate::error::{Error, Result};
use crate::manifest::{self, Catalog};
use crate::migrations::Target;
use crate::snapshot::{Scan, Snapshot};
use crate::transaction::check_name;
use crate::writer::Writer;

impl Database {
    /// The collection of a type, made if it is not there, with the indexes that the type declares. Where one has to be built, that
    /// is waited for; commits go on meanwhile. Indexes that the type does not declare, or not any more, stay as they are:
    /// [`drop_index`](Self::drop_index) takes one away.
    ///
    /// What is there already is only looked at, so this may be called wherever the collection is needed. In a database that was
    /// opened for reading nothing is made.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) if the collection is of a newer version than the type: nothing is
    /// read or changed. [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) if it is of an older one:
    /// [`migrate`](Self::migrate) it first; or if an index of the same name is declared differently.
    /// [`ErrorKind::Duplicate`](crate::ErrorKind::Duplicate) if two entities that are there already have the same value in what is
    /// to be a unique index: it is not made. Else as for [`create_index`](Self::create_index) and [`write`](Self::write).
    pub fn collection<T: Entity>(&self) -> Result<Collection<T>> {
        self.declare::<T>()?;
        self.declare_indexes::<T>()?;
        if T::TIME_TO_LIVE.is_some()
            && self.writer_if_any().is_some()
            && self.time_to_live(T::COLLECTION) != T::TIME_TO_LIVE
        {
            self.set_time_to_live(T::COLLECTION, T::TIME_TO_LIVE)?;
        }
        Ok(Collection::new(self.untyped(T::COLLECTION)))
    }

    /// Makes the indexes that the type declares and that are not there.
    pub(super) fn declare_indexes<T: Entity>(&self) -> Result<()> {
        let indexes = T::indexes();
        match self.writer_if_any() {
            Some(writer) if !indexes.is_empty() => {
                writer.create_indexes(T::COLLECTION, &indexes)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn declare<T: Entity>(&self) -> Result<()> {
        let target = target::<T>();
        let snapshot = self.snapshot();
        let view = snapshot.view();
        let entry = find(&view.catalog, T::COLLECTION);
        let declared = entry.is_some_and(|entry| entry.version > 0);
        if let Some(entry) = entry.filter(|_| declared) {
            Form::of::<T>(entry, &view.migrations)?;
        } else if let Some(writer) = self.writer_if_any() {
            // Where nobody has said a version, entities may be of any.
            let empty = all::<T>(&snapshot).ids().next().is_none();
            if !empty && T::VERSION > 1 {
                return Err(of_no_version(&target));
            }
            writer.check()?;
            writer.declare_version(&target)?;
        }
        Ok(())
    }
}

impl Writer {
    /// Makes the collection, if it is not there, and gives it the version, if it has none.
    pub(super) fn declare_version(&self, target: &Target) -> Result<()> {
        check_name(target.collection)?;
        let next_lsn = self.committer.queue().next_lsn();
        self.editor.begin_session(next_lsn, |_| ())?;
        let mut full = false;
        self.editor.edit(|manifest| {
            let catalog = &mut manifest.catalog;
            let id = catalog.find(target.collection);
            match id.or_else(|| catalog.make(target.collection)) {
                Some(id) => catalog.change(id, |collection| {
                    if collection.version == 0 {
                        collection.version = target.version;
                    }
                }),
                None => full = true,
            }
        })?;
        self.committer.show_catalog();
        if full {
            return Err(Error::invalid(
                "the database has as many collections as there can be",
            ));
        }
        Ok(())
    }
}

/// The collection with this name.
pub(super) fn find<'c>(catalog: &'c Catalog, name: &str) -> Option<&'c manifest::Collection> {
    catalog.get(catalog.find(name)?)
}

/// Its entities: what the engine walks through for itself is no scan of the program's.
pub(super) fn all<T: Entity>(snapshot: &Snapshot) -> Scan {
    let id = snapshot.view().catalog.find(T::COLLECTION);
    snapshot.range_in(id, ..)
}

/// The error for entities that were put without a type.
pub(super) fn of_no_version(target: &Target) -> Error {
    let Target {
        collection,
        type_name,
        version,
        ..
    } = target;
    Error::invalid(format!(
        "the collection {collection} has entities that were put without a type, and `{type_name}` is of version {version}: call `db.migrate::<{type_name}>(Migrations::new().untyped_as(…))`, which says of which version they are"
    ))
    .of(collection, None)
}
