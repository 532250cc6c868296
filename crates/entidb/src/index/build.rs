//! Making an index while commits go on, and dropping one.
//!
//! Promises: once an index is shown as ready, every snapshot finds in it what its entities give; a build that is cut off, anywhere,
//! goes on where it was. Relies on every commit to keep an index from the moment that the catalog has it: so what is written
//! beside the build is in it already, and the build adds only what was there before. Must never hold up a commit.

use std::sync::Arc;

use super::derive::Derived;
use super::keys::Keys;
use super::spec::IndexSpec;
use crate::back_off::back_off;
use crate::error::{Error, ErrorKind, Result};
use crate::format::catalog::{Catalog, Index, State};
use crate::format::key::Key;
use crate::ids::{CollectionId, EntityId, IndexId};
use crate::snapshot::Snapshot;
use crate::sync::PoisonError;
use crate::sync::atomic::Ordering;
use crate::transaction::{Finished, Reads, check_name};
use crate::write_options::Durability;
use crate::write_set::WriteSet;
use crate::writer::Writer;

/// How many entities one commit of a build takes at the most, and how many bytes of entries.
const CHUNK_COUNT: usize = 512;
const CHUNK_BYTES: usize = 1 << 20;
/// After how many entities the catalog is told how far a build has come.
const SAVE_COUNT: usize = 1 << 16;

impl Writer {
    /// Makes the indexes that are not there yet, and waits until all are ready. Says whether any was not there.
    pub(crate) fn create_indexes(&self, name: &str, specs: &[IndexSpec]) -> Result<bool> {
        self.check()?;
        let (view, _) = self.published.get();
        let declared = |catalog: &Catalog| declare(&mut catalog.clone(), name, specs);
        if declared(&view.catalog)?.is_done() {
            return Ok(false);
        }
        drop(view);
        let _one = self.indexing.lock().unwrap_or_else(PoisonError::into_inner);
        let missing = self.editor.read(|manifest| declared(&manifest.catalog))?;
        if !missing.added {
            return match missing.building {
                true => self.build_named(name).map(|()| false),
                false => Ok(false),
            };
        }
        let next_lsn = self.committer.queue().next_lsn();
        self.editor.begin_session(next_lsn, |_| ())?;
        let mut added = Ok(missing);
        self.editor.edit(|manifest| {
            let mut catalog = manifest.catalog.clone();
            added = declare(&mut catalog, name, specs);
            if added.is_ok() {
                manifest.catalog = catalog;
            }
        })?;
        self.committer.show_catalog();
        match added?.building {
            true => self.build_named(name).map(|()| true),
            false => Ok(true),
        }
    }

    /// Drops the index `name` of a collection. Says whether there was one.
    pub(crate) fn drop_index(&self, collection: &str, name: &str) -> Result<bool> {
        self.check()?;
        let find = |catalog: &Catalog| {
            let index = catalog.find_index(catalog.find(collection)?, name)?;
            Some(index.id)
        };
        match self.editor.read(|manifest| find(&manifest.catalog)) {
            Some(id) => self.remove_index(id).map(|()| true),
            None => Ok(false),
        }
    }

    fn remove_index(&self, id: IndexId) -> Result<()> {
        let next_lsn = self.committer.queue().next_lsn();
        self.editor.begin_session(next_lsn, |_| ())?;
        self.editor
            .edit(|manifest| manifest.catalog.remove_index(id))?;
        // From here on, commits do not keep it. Merges leave out what it had.
        self.committer.show_catalog();
        Ok(())
    }

    /// Sees to it that no index is kept whose words are those of other rules.
    pub(crate) fn renew_indexes(&self) -> Result<()> {
        let current = |catalog: &Catalog| catalog.indexes.iter().all(|index| index.is_current());
        if self.editor.read(|manifest| current(&manifest.catalog)) {
            return Ok(());
        }
        let next_lsn = self.committer.queue().next_lsn();
        self.editor.begin_session(next_lsn, |_| ())?;
        self.editor
            .edit(|manifest| manifest.catalog.renew_indexes())?;
        self.committer.show_catalog();
        Ok(())
    }

    /// Whether an earlier session has left an index half built.
    pub(crate) fn has_builds(&self) -> bool {
        let ready = |catalog: &Catalog| catalog.indexes.iter().all(|index| index.is_ready());
        !self.editor.read(|manifest| ready(&manifest.catalog))
    }

    /// Builds what an earlier session has left half built.
    pub(crate) fn resume_builds(&self) -> Result<()> {
        let _one = self.indexing.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(collection) = self.editor.read(|manifest| {
            let mut indexes = manifest.catalog.indexes.iter();
            let index = indexes.find(|index| !index.is_ready())?;
            Some(index.collection)
        }) {
            self.build_all(collection)?;
        }
        Ok(())
    }

    fn build_named(&self, name: &str) -> Result<()> {
        let collection = self.editor.read(|manifest| manifest.catalog.find(name));
        collection.map_or_else(|| Err(dropped()), |collection| self.build_all(collection))
    }

    /// Builds the indexes of a collection that are not ready: those with a value twice go, and the others are built all the same.
    fn build_all(&self, collection: CollectionId) -> Result<()> {
        let mut refused = None;
        loop {
            match self.build(collection) {
                Ok(()) => return refused.map_or(Ok(()), Err),
                Err(error) if error.duplicate().is_some() => drop(refused.get_or_insert(error)),
                Err(error) => return Err(error),
            }
        }
    }

    /// Builds the indexes of a collection that are not ready.
    fn build(&self, collection: CollectionId) -> Result<()> {
        let indexes = self.unready(collection);
        let begun = indexes.iter().filter_map(|index| match index.state {
            State::Building(next) => Some(next),
            State::Ready => None,
        });
        let mut next = begun.min();
        // ORDER: what commits derived without the indexes is shown before the first snapshot of the build is taken; one line
        // earlier an entity could be missed by both.
        self.committer.wait_released();
        self.committer.sync()?;
        let (chunk_count_max, save_count) = self.step_counts();
        let (mut unsaved, mut chunk_count, mut attempt) = (0, chunk_count_max, 1);
        while let Some(from) = next {
            let there = self.unready(collection);
            if indexes
                .iter()
                .any(|index| there.iter().all(|i| i.id != index.id))
            {
                return Err(dropped());
            }
            match self.build_chunk(collection, &indexes, from, chunk_count) {
                Ok(chunk) => {
                    next = chunk.next;
                    attempt = 1;
                    unsaved += chunk.count;
                    chunk_count = (chunk_count * 2).min(chunk_count_max);
                    self.maintain();
                }
                // Somebody has written to one of the entities: the fewer they are, the less likely that is.
                Err(error) if error.kind() == ErrorKind::Conflict => {
                    chunk_count = (chunk_count / 2).max(1);
                    attempt += 1;
                    back_off(attempt);
                }
                Err(error) => {
                    if let Some(duplicate) = error.duplicate() {
                        let index = indexes.iter().find(|index| index.name == duplicate.index);
                        if let Some(index) = index {
                            self.remove_index(index.id)?;
                        }
                    }
                    return Err(error);
                }
            }
            if unsaved >= save_count
                && let Some(next) = next
            {
                unsaved = 0;
                self.save(&indexes, State::Building(next))?;
            }
        }
        self.save(&indexes, State::Ready)?;
        let ready = |index: &Arc<Index>| {
            let id = index.id;
            let ready = |catalog: &Catalog| catalog.index(id).is_some_and(|i| i.is_ready());
            self.editor.read(|manifest| ready(&manifest.catalog))
        };
        match indexes.iter().all(ready) {
            true => Ok(()),
            false => Err(dropped()),
        }
    }

    /// How many entities a step of a build takes, and after how many its position is kept: few with small logs, where everything
    /// is smaller.
    fn step_counts(&self) -> (usize, usize) {
        let bytes = usize::try_from(self.options.checkpoint_log_bytes).unwrap_or(usize::MAX);
        let of = |part: usize, most: usize| (bytes / part).clamp(1, most);
        (of(256, CHUNK_COUNT), of(128, SAVE_COUNT))
    }

    fn unready(&self, collection: CollectionId) -> Vec<Arc<Index>> {
        self.editor.read(|manifest| {
            let indexes = manifest.catalog.indexes_of(collection);
            let unready = indexes.filter(|index| !index.is_ready());
            unready.map(Arc::clone).collect()
        })
    }

    fn save(&self, indexes: &[Arc<Index>], state: State) -> Result<()> {
        // ORDER: the entries are durable and shown before the catalog says that they are there; one line earlier a crash could
        // leave an index that is said to have what was lost.
        self.committer.sync()?;
        self.editor.edit(|manifest| {
            for index in indexes {
                manifest.catalog.set_state(index.id, state);
            }
        })?;
        self.committer.show_catalog();
        Ok(())
    }

    /// Adds the entries of the entities from `from` on, as they are now.
    fn build_chunk(
        &self,
        collection: CollectionId,
        indexes: &[Arc<Index>],
        from: EntityId,
        count: usize,
    ) -> Result<Chunk> {
        if self.stopping.load(Ordering::Relaxed) {
            self.check()?;
        }
        let snapshot = Snapshot::new(self.published.get());
        let mut derived = Derived::built(collection, indexes);
        let mut reads = Reads::default();
        let mut keys = Keys::default();
        let mut last = None;
        for entity in snapshot.range_in(Some(collection), from..) {
            let (id, payload) = entity?;
            for index in indexes {
                keys.fill(index, payload.as_bytes())?;
                for (key, claimed) in keys.claims() {
                    derived.push_new(index.id, key, claimed, id)?;
                }
            }
            reads.keys.insert(Key::new(collection, id));
            if reads.keys.len() >= count || derived.records.len() >= CHUNK_BYTES {
                last = Some(id);
                break;
            }
        }
        derived.check_unique(&snapshot, &[])?;
        let chunk = Chunk {
            next: last.and_then(EntityId::next),
            count: reads.keys.len(),
        };
        if !derived.items.is_empty() {
            let finished = Finished {
                versions: Vec::new(),
                spilled: None,
                snapshot,
                writes: WriteSet::default(),
                derived: Some(derived),
                made: Vec::new(),
                reads: Some(reads),
                drops: None,
            };
            self.committer.commit(finished, Durability::Eventual)?;
        }
        Ok(chunk)
    }
}

/// What one commit of a build came to.
struct Chunk {
    /// Where the next one begins; `None` behind the last.
    next: Option<EntityId>,
    count: usize,
}

/// What a catalog lacks of a declaration.
#[derive(Debug, Clone, Copy)]
struct Declared {
    /// Whether indexes were added to it.
    added: bool,
    /// Whether any are to be built.
    building: bool,
}

impl Declared {
    fn is_done(self) -> bool {
        !self.added && !self.building
    }
}

/// Adds to the catalog what it does not have of these indexes, and the collection.
fn declare(catalog: &mut Catalog, name: &str, specs: &[IndexSpec]) -> Result<Declared> {
    check_name(name)?;
    let full =
        || Error::invalid("the database has as many collections and indexes as there can be");
    let found = catalog.find(name);
    let collection = match found {
        Some(collection) => collection,
        None => catalog.make(name).ok_or_else(full)?,
    };
    let mut declared = Declared {
        added: found.is_none(),
        building: false,
    };
    for spec in specs {
        let mut index = spec.index(collection)?;
        if found.is_none() {
            // Nothing was ever in it.
            index.state = State::Ready;
        }
        match catalog.find_index(collection, &index.name) {
            Some(there) if there.is_as(&index) => declared.building |= !there.is_ready(),
            Some(_) => {
                return Err(Error::invalid(format!(
                    "{name:?} has an index {:?} that is declared differently: drop it, or give this one another name",
                    index.name
                )));
            }
            None => {
                declared.added = true;
                declared.building |= !index.is_ready();
                catalog.add_index(index).ok_or_else(full)?;
            }
        }
    }
    Ok(declared)
}

fn dropped() -> Error {
    Error::new(
        ErrorKind::NotFound,
        "the index was dropped while it was being built",
    )
}
