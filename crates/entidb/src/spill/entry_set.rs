//! Index entries that a transaction gathers in memory, to be sorted and spilled.

use super::ground::Ground;
use super::pile::Layer;
use crate::error::Result;
use crate::format::catalog::Catalog;
use crate::format::entry_key;
use crate::format::name::StreamKind;
use crate::ids::{EntityId, IndexId, Lsn};
use crate::index::Keys;
use crate::run::{Builder, Run};
use crate::sync::Arc;
use crate::write_set::{Own, WriteSet};

/// Entries, in the order of their coming until they are sorted.
#[derive(Default)]
pub(crate) struct EntrySet {
    /// Whole keys, one behind the other.
    bytes: Vec<u8>,
    marks: Vec<Mark>,
}

#[derive(Clone, Copy)]
struct Mark {
    at: usize,
    len: usize,
    tombstone: bool,
}

impl EntrySet {
    /// Adds an entry, or its tombstone. Each comes once.
    pub(crate) fn push(&mut self, index: IndexId, key: &[u8], id: EntityId, tombstone: bool) {
        let at = self.bytes.len();
        entry_key::push(&mut self.bytes, index, key, id);
        self.marks.push(Mark {
            at,
            len: self.bytes.len() - at,
            tombstone,
        });
    }

    /// The entries of everything that `writes` puts, in the indexes of `catalog`.
    pub(super) fn of(writes: &WriteSet, catalog: &Catalog) -> Result<Self> {
        let mut set = Self::default();
        let mut keys = Keys::default();
        for index in &catalog.indexes {
            for (key, own) in writes.within_collection(index.collection) {
                let Own::Put(payload) = own else { continue };
                keys.fill(index, payload)?;
                for index_key in keys.iter() {
                    set.push(index.id, index_key, key.id(), false);
                }
            }
        }
        Ok(set)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.marks.is_empty()
    }

    /// Bytes that it takes in memory.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.bytes.capacity() + self.marks.capacity() * size_of::<Mark>()
    }

    /// Writes the entries to a run, as those of the piece `number`, behind whatever keys it has.
    pub(super) fn write(&mut self, number: Lsn, builder: &mut Builder) -> Result<()> {
        let bytes = &self.bytes;
        let key = |mark: &Mark| bytes.get(mark.at..mark.at + mark.len).unwrap_or_default();
        self.marks.sort_unstable_by(|a, b| key(a).cmp(key(b)));
        builder.expect_entries(self.marks.len() as u64);
        for mark in &self.marks {
            builder.push_entry(key(mark), number, mark.tombstone)?;
        }
        Ok(())
    }

    /// A run of these entries and nothing else.
    pub(super) fn into_layer(mut self, ground: &Arc<Ground>, number: Lsn) -> Result<Layer> {
        let held = ground.stream(StreamKind::Run)?;
        let (directory, database) = (&*ground.directory, ground.database);
        let salt = ground.environment.salt();
        let mut builder = Builder::create(directory, held.id(), database, salt, 0)?;
        self.write(number, &mut builder)?;
        ground.note_sync();
        let entry = builder.finish(number, number)?;
        let run = Run::open(directory, entry, database)?;
        Ok(Layer::new(Arc::new(run), held))
    }
}
