//! Migrating a collection: raising its version, and putting what has an older form.
//!
//! Promises: from the raising on, every commit to the collection is of the new form; after a crash at any place, another run
//! goes on where this one has come to. Relies on the LSN of each entity to tell its form, so that no position has to be kept.

use super::declare::{all, find, of_no_version};
use super::entity::Entity;
use super::form::Form;
use super::target::{decode, target};
use crate::db::Database;
use crate::error::Result;
use crate::expiry::{Times, entity_of};
use crate::ids::{CollectionId, EntityId, Lsn};
use crate::manifest::Older;
use crate::migrations::{Migrations, Target};
use crate::payload::Payload;
use crate::transaction::Transaction;
use crate::write_options::{Durability, WriteOptions};
use crate::writer::Writer;

/// So many bytes of records are migrated by one transaction, about.
const BATCH_BYTES_MAX: u64 = 4 << 20;

impl Database {
    /// Brings a collection to the version of its type: puts each entity that has an older form in the new one, in batches beside
    /// whatever else is written. Says how many it has put. Called before [`collection`](Self::collection), at each start of the
    /// program: where nothing is older, it costs nothing.
    ///
    /// The collection has the new version from the first moment, so that older programs refuse it. If this is interrupted, by a
    /// crash or by a step that fails, what was put stays put, and the next call goes on with the rest.
    ///
    /// At the end, the indexes that the type declares are made, if they are not there; until then none of them can be asked.
    ///
    /// [`Migrations::lazy`] leaves the entities as they are until they are read.
    ///
    /// # Errors
    /// What a step returns, with the entity that it was about; [`ErrorKind::Decode`](crate::ErrorKind::Decode) if what the last one makes is not of the type;
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) if a step is missing, or if entities were put before any version was said and
    /// [`Migrations::untyped_as`] is missing; [`ErrorKind::Duplicate`](crate::ErrorKind::Duplicate) if two entities have the same value in a unique index; [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) if the collection is of a newer version. Else as for
    /// [`write`](Self::write).
    pub fn migrate<T: Entity>(&self, migrations: Migrations) -> Result<u64> {
        let target = target::<T>();
        let writer = self.writer()?;
        writer.check()?;
        // Also finds steps that lead beyond the type.
        migrations.check(&target, target.version)?;
        let (lazy, batch) = (migrations.lazy, migrations.batch);
        loop {
            let snapshot = self.snapshot();
            let empty = || all::<T>(&snapshot).ids().next().is_none();
            let Some(entry) = find(&snapshot.view().catalog, T::COLLECTION) else {
                break writer.declare_version(&target)?;
            };
            let from = match entry.version {
                version if version > target.version => return Err(target.newer(version)),
                0 if target.version == 1 || empty() => target.version,
                0 => migrations
                    .untyped_as
                    .ok_or_else(|| of_no_version(&target))?,
                version => version,
            };
            let oldest = entry.older.first().map_or(from, |older| older.version);
            migrations.check(&target, oldest)?;
            if entry.version == target.version {
                break;
            }
            if writer.raise_version(entry.id, entry.version, from, &target)? {
                break;
            }
        }
        self.snapshot().view().migrations.put(&target, migrations);
        if lazy {
            return Ok(0);
        }
        let migrated = self.migrate_rest::<T>(writer, batch)?;
        self.declare_indexes::<T>()?;
        Ok(migrated)
    }

    fn migrate_rest<T: Entity>(&self, writer: &Writer, batch: usize) -> Result<u64> {
        // Commits of the older form may be pending, where no snapshot sees them.
        writer.committer.sync()?;
        let snapshot = self.snapshot();
        let Some(entry) = find(&snapshot.view().catalog, T::COLLECTION) else {
            return Ok(0);
        };
        let (collection, mut migrated) = (entry.id, 0);
        if entry.older.is_empty() {
            return Ok(0);
        }
        drop(snapshot);
        migrated += self.migrate_timed::<T>(batch)?;
        let mut behind = None;
        loop {
            let older = self.older_behind::<T>(behind, batch)?;
            let Some(last) = older.last else { break };
            if !older.ids.is_empty() {
                migrated += self.migrate_batch::<T>(&older.ids)?;
            }
            behind = Some(last);
        }
        // ORDER: everything is durable in its new form before it is forgotten which form it had; one line earlier a crash would
        // leave entities whose older form nobody knows.
        writer.committer.sync()?;
        writer.forget_older(collection, T::VERSION)?;
        Ok(migrated)
    }

    /// Migrates the entities that go at a time, which their new form is given in the same commit.
    fn migrate_timed<T: Entity>(&self, batch: usize) -> Result<u64> {
        let options = WriteOptions::new().durability(Durability::Eventual);
        let (mut migrated, mut behind) = (0, None);
        loop {
            let times = Times::behind(&self.snapshot(), T::COLLECTION, behind, batch)?;
            if times.last.is_none() {
                return Ok(migrated);
            }
            behind = times.last;
            let (count, _) = self.write_with(&options, |tx| {
                let mut count = 0;
                for due in &times.due {
                    let is_of = entity_of(tx.snapshot(), due)?.is_some();
                    if is_of && migrate_one::<T>(tx, due.entity)? {
                        tx.expires(T::COLLECTION, due.entity, Some(due.time_us));
                        count += 1;
                    }
                }
                Ok(count)
            })?;
            migrated += count;
        }
    }

    /// The next entities behind `behind` that have an older form.
    fn older_behind<T: Entity>(&self, behind: Option<EntityId>, count: usize) -> Result<Batch> {
        let snapshot = self.snapshot();
        let mut batch = Batch::default();
        let view = snapshot.view();
        let Some(entry) = find(&view.catalog, T::COLLECTION) else {
            return Ok(batch);
        };
        let form = Form::of::<T>(entry, &view.migrations)?;
        let mut walk = all::<T>(&snapshot);
        if let Some(behind) = behind {
            walk = walk.after(behind);
        }
        let mut bytes = 0;
        while batch.ids.len() < count && bytes < BATCH_BYTES_MAX {
            let Some((id, lsn, len)) = walk.next_written()? else {
                break;
            };
            batch.last = Some(id);
            if !form.is_current::<T>(lsn) {
                batch.ids.push(id);
                bytes += u64::from(len);
            }
        }
        Ok(batch)
    }

    fn migrate_batch<T: Entity>(&self, ids: &[EntityId]) -> Result<u64> {
        let options = WriteOptions::new().durability(Durability::Eventual);
        let (migrated, _) = self.write_with(&options, |tx| {
            let mut migrated = 0;
            for id in ids {
                if migrate_one::<T>(tx, *id)? {
                    // It had no time, or it would have been migrated with that.
                    tx.expires(T::COLLECTION, *id, None);
                    migrated += 1;
                }
            }
            Ok(migrated)
        })?;
        Ok(migrated)
    }
}

/// Ids of entities to migrate.
#[derive(Default)]
struct Batch {
    ids: Vec<EntityId>,
    /// The last one that was looked at; `None` at the end.
    last: Option<EntityId>,
}

/// Puts an entity in its new form, if it has an older one.
fn migrate_one<T: Entity>(tx: &mut Transaction, id: EntityId) -> Result<bool> {
    let Some(entry) = tx.find_entry(T::COLLECTION) else {
        return Ok(false);
    };
    let collection = entry.id;
    let view = tx.snapshot().view();
    let form = Form::current::<T>(entry, &view.migrations)?;
    let Some((lsn, payload)) = tx.get_stored(collection, id)? else {
        return Ok(false);
    };
    if form.is_current::<T>(lsn) {
        return Ok(false);
    }
    let migrated = form.migrated::<T>(id, lsn, payload.as_bytes())?;
    // Better now than when it is read.
    decode::<T>(id, &migrated)?;
    tx.expect_version(collection, T::VERSION);
    tx.put_in(collection, id, &Payload::encoded(migrated)?)?;
    Ok(true)
}

impl Writer {
    /// Gives a collection the version of the target: what was committed to it so far has the form of the version `from`. False
    /// if it has not the version `expected` any more.
    fn raise_version(
        &self,
        id: CollectionId,
        expected: u32,
        from: u32,
        target: &Target,
    ) -> Result<bool> {
        // Nobody commits to the collection meanwhile, so that each commit is of the form that its LSN says.
        self.committer.begin_drop(id);
        let raised = self.raise_version_of(id, expected, from, target);
        self.committer.end_drop(id);
        raised
    }

    fn raise_version_of(
        &self,
        id: CollectionId,
        expected: u32,
        from: u32,
        target: &Target,
    ) -> Result<bool> {
        let next_lsn = self.committer.queue().next_lsn();
        self.editor.begin_session(next_lsn, |_| ())?;
        let older = Older {
            version: from,
            last_lsn: Lsn(next_lsn.0.saturating_sub(1)),
        };
        let mut raised = false;
        self.editor.edit(|manifest| {
            manifest.catalog.change(id, |collection| {
                raised = collection.version == expected;
                if raised {
                    collection.version = target.version;
                    if from < target.version {
                        collection.older.push(older);
                    }
                }
            });
        })?;
        self.committer.show_catalog();
        Ok(raised)
    }

    /// Notes that a collection has no entities of older forms any more.
    fn forget_older(&self, id: CollectionId, version: u32) -> Result<()> {
        self.editor.edit(|manifest| {
            manifest.catalog.change(id, |collection| {
                if collection.version == version {
                    collection.older.clear();
                }
            });
        })?;
        self.committer.show_catalog();
        Ok(())
    }
}
