//! A snapshot and a set of writes over it. Writes nothing.

use std::collections::{BTreeMap, HashSet};
use std::ops::{Bound, RangeBounds};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use entidb_codec::Value;

use crate::error::{Error, Result};
use crate::format::catalog::Index;
use crate::format::key::Key;
use crate::ids::{CollectionId, EntityId, IndexId};
use crate::index::{Derived, EntryBounds, Overlay, Walk};
use crate::limits::COLLECTION_NAME_LEN_MAX;
use crate::manifest::{Catalog, Collection, is_hidden};
use crate::payload::Payload;
use crate::snapshot::{Scan, Snapshot};
use crate::write_options::Isolation;
use crate::write_set::{Own, WriteSet};

/// All or nothing: what [`Database::write`](crate::Database::write) hands to its closure, or [`Database::begin`](crate::Database::begin)
/// returns. It sees its own writes over the state at its beginning. Dropped without a commit, it leaves no trace.
pub struct Transaction {
    snapshot: Snapshot,
    catalog: Arc<Catalog>,
    /// Collections that the catalog has and the snapshot has not; whether they get these ids, the commit tells.
    made: Vec<CollectionId>,
    writes: WriteSet,
    /// What was read, where the commit has to check it. Walks that are under way note there what they come to.
    reads: Option<Arc<Mutex<Reads>>>,
    drops: Option<CollectionId>,
    /// What was written, as the indexes would find it that were asked.
    overlays: Mutex<BTreeMap<IndexId, Overlay>>,
}

/// What a serializable transaction has read.
#[derive(Debug, Default)]
pub(crate) struct Reads {
    pub(crate) keys: HashSet<Key>,
    /// Ranges of keys, both ends included.
    pub(crate) ranges: Vec<(Key, Key)>,
    /// Names of collections that were looked for and not there.
    pub(crate) absent: Vec<String>,
    /// Parts of indexes, each with the collection that the index is of.
    pub(crate) entries: Vec<(CollectionId, EntryBounds)>,
}

impl Reads {
    fn note_absent(&mut self, name: &str) {
        if !self.absent.iter().any(|absent| absent == name) {
            self.absent.push(name.to_owned());
        }
    }
}

/// What a transaction comes to, ready to be committed.
pub(crate) struct Finished {
    /// What it was begun over.
    pub(crate) snapshot: Snapshot,
    pub(crate) writes: WriteSet,
    /// Index entries, where they do not follow from the writes.
    pub(crate) derived: Option<Derived>,
    /// Collections that have to be made first, by name, and the ids that the writes have for them.
    pub(crate) made: Vec<Collection>,
    pub(crate) reads: Option<Reads>,
    /// The collection that it drops.
    pub(crate) drops: Option<CollectionId>,
}

impl Transaction {
    pub(crate) fn new(snapshot: Snapshot, isolation: Isolation) -> Self {
        Self {
            catalog: Arc::clone(&snapshot.view().catalog),
            snapshot,
            made: Vec::new(),
            writes: WriteSet::default(),
            reads: (isolation == Isolation::Serializable).then(Arc::default),
            drops: None,
            overlays: Mutex::default(),
        }
    }

    /// Puts an entity, in the place of the one that has its id, if one has. A collection that is not there is made.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) if the value or the collection's name is outside the limits, or the
    /// transaction would grow above 1 GiB or 4,000,000 records. The transaction is as it was.
    pub fn put(&mut self, collection: &str, id: EntityId, value: &Value) -> Result<()> {
        self.put_payload(collection, id, &Payload::encode(value)?)
    }

    /// As [`put`](Self::put), for a payload that is encoded already.
    ///
    /// # Errors
    /// As for [`put`](Self::put).
    pub fn put_payload(&mut self, collection: &str, id: EntityId, payload: &Payload) -> Result<()> {
        let collection = self.make_collection(collection)?;
        self.writes
            .push(Key::new(collection, id), Some(payload.as_bytes()))?;
        self.touch(collection, id);
        Ok(())
    }

    /// Deletes an entity. Says whether it was there, which costs a read: [`remove`](Self::remove) does without.
    ///
    /// # Errors
    /// As for [`get`](Self::get) and [`remove`](Self::remove); the transaction is as it was.
    pub fn delete(&mut self, collection: &str, id: EntityId) -> Result<bool> {
        if !self.contains(collection, id)? {
            return Ok(false);
        }
        self.remove(collection, id)?;
        Ok(true)
    }

    /// Deletes an entity without looking whether it is there: the cost of a small record, and no read.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) if the transaction would grow above its limits. It is as it was.
    pub fn remove(&mut self, collection: &str, id: EntityId) -> Result<()> {
        match self.find(collection) {
            Some(collection) => {
                self.writes.push(Key::new(collection, id), None)?;
                self.touch(collection, id);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Deletes all entities with ids in `ids`, at the cost of one record, however many they are.
    ///
    /// # Errors
    /// As for [`remove`](Self::remove).
    pub fn delete_range(
        &mut self,
        collection: &str,
        ids: impl RangeBounds<EntityId>,
    ) -> Result<()> {
        let Some(collection) = self.find(collection) else {
            return Ok(());
        };
        match ends(&ids) {
            Some((first, last)) => {
                // Of all that it deletes, nobody keeps a list.
                self.overlays().clear();
                self.writes.push_range(collection, first, last)
            }
            None => Ok(()),
        }
    }

    /// The payload of an entity, as this transaction sees it.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) or [`ErrorKind::Io`](crate::ErrorKind::Io), as for
    /// [`Snapshot::get`].
    pub fn get(&self, collection: &str, id: EntityId) -> Result<Option<Payload>> {
        let Some(collection) = self.find(collection) else {
            return Ok(None);
        };
        self.get_any(Key::new(collection, id))
    }

    /// Whether an entity is there, as this transaction sees it.
    ///
    /// # Errors
    /// As for [`get`](Self::get).
    pub fn contains(&self, collection: &str, id: EntityId) -> Result<bool> {
        let Some(collection) = self.find(collection) else {
            return Ok(false);
        };
        let key = Key::new(collection, id);
        match self.writes.get(&key) {
            Own::Put(_) => Ok(true),
            Own::Deleted => Ok(false),
            Own::Untouched => {
                self.note_read(key);
                self.snapshot.contains_in(collection, id)
            }
        }
    }

    /// All entities of a collection in id order, as this transaction sees them now.
    pub fn scan(&self, collection: &str) -> TransactionScan {
        self.range(collection, ..)
    }

    /// The entities of a collection with ids in `ids`, in id order, as this transaction sees them now: what it writes later
    /// is not in it.
    pub fn range(&self, collection: &str, ids: impl RangeBounds<EntityId>) -> TransactionScan {
        let ends = ends(&ids);
        let (Some(id), Some((first, last))) = (self.find(collection), ends) else {
            return TransactionScan {
                stored: self
                    .snapshot
                    .range(collection, EntityId::MAX..EntityId::MIN),
                head: None,
                own: Vec::new().into_iter().peekable(),
                deleted: Vec::new(),
                done: false,
            };
        };
        let (from, to) = (Key::new(id, first), Key::new(id, last));
        if let Some(mut reads) = self.reads_of(id) {
            reads.ranges.push((from, to));
        }
        let own = self.writes.within(from, to).into_iter();
        let own: Vec<_> = own
            .map(|(key, own)| {
                let payload = match own {
                    Own::Put(bytes) => Some(Payload::stored(Bytes::copy_from_slice(bytes))),
                    Own::Deleted | Own::Untouched => None,
                };
                (key.id(), payload)
            })
            .collect();
        let ranges = self.writes.ranges().iter();
        let deleted = ranges.filter(|range| range.collection == id);
        TransactionScan {
            stored: self.snapshot.range(collection, first..=last),
            head: None,
            own: own.into_iter().peekable(),
            deleted: deleted.map(|range| (range.first, range.last)).collect(),
            done: false,
        }
    }

    /// The state at the beginning of this transaction, without its own writes. What is read from it is not checked at the
    /// commit of a serializable transaction.
    #[must_use]
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    fn overlays(&mut self) -> &mut BTreeMap<IndexId, Overlay> {
        let overlays = self.overlays.get_mut();
        overlays.unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the overlays that an entity was written to.
    fn touch(&mut self, collection: CollectionId, id: EntityId) {
        let overlays = self.overlays.get_mut();
        let overlays = overlays.unwrap_or_else(PoisonError::into_inner);
        for (index, overlay) in overlays {
            if self.catalog.collection_of(*index) == Some(collection) {
                overlay.touch(id);
            }
        }
    }

    /// Walks through an index within these bounds, its own writes included.
    pub(crate) fn walk_index(
        &self,
        index: Arc<Index>,
        bounds: &EntryBounds,
        descending: bool,
    ) -> Result<Walk> {
        if let Some(reads) = &self.reads {
            let mut reads = reads.lock().unwrap_or_else(PoisonError::into_inner);
            reads.entries.push((index.collection, bounds.clone()));
        }
        let mut overlays = self.overlays.lock();
        let overlays = overlays.as_deref_mut();
        let overlays = overlays.map_err(|_| Error::invalid("the transaction has panicked"))?;
        let overlay = overlays
            .entry(index.id)
            .or_insert_with(|| Overlay::of(&self.writes, index.collection));
        let own = overlay.within(&self.writes, &index, bounds, descending)?;
        let reads = self.reads.as_ref().map(Arc::clone);
        let walk = Walk::over(self.snapshot.clone(), index, bounds, descending)?;
        Ok(walk.under(own, reads))
    }

    fn note_read(&self, key: Key) {
        if let Some(mut reads) = self.reads_of(key.collection()) {
            reads.keys.insert(key);
        }
    }

    /// Where a read of the collection `id` is noted, if it has to be. Of one that this transaction makes, the id may become
    /// another's: that it was absent is noted in its stead.
    fn reads_of(&self, id: CollectionId) -> Option<MutexGuard<'_, Reads>> {
        let mut reads = self
            .reads
            .as_ref()?
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if !self.made.contains(&id) {
            return Some(reads);
        }
        if let Some(made) = self.catalog.get(id) {
            reads.note_absent(&made.name);
        }
        None
    }

    /// The id of the collection with this name, if there is one.
    fn find(&self, name: &str) -> Option<CollectionId> {
        let found = self.catalog.find(name);
        if let (None, Some(reads)) = (found, &self.reads) {
            let mut reads = reads.lock().unwrap_or_else(PoisonError::into_inner);
            reads.note_absent(name);
        }
        found
    }

    /// The id of the collection with this name, which is made if it is not there.
    fn make_collection(&mut self, name: &str) -> Result<CollectionId> {
        if self.catalog.find(name).is_none() {
            check_name(name)?;
        }
        self.make_any_collection(name)
    }

    /// As [`make_collection`](Self::make_collection), also for one of the engine's own.
    pub(crate) fn make_any_collection(&mut self, name: &str) -> Result<CollectionId> {
        if let Some(id) = self.catalog.find_any(name) {
            return Ok(id);
        }
        let catalog = Arc::make_mut(&mut self.catalog);
        let Some(id) = catalog.make(name) else {
            return Err(Error::invalid(
                "the database has as many collections as there can be",
            ));
        };
        self.made.push(id);
        Ok(id)
    }

    /// An entity of any collection, the engine's own included.
    pub(crate) fn get_any(&self, key: Key) -> Result<Option<Payload>> {
        match self.writes.get(&key) {
            Own::Put(payload) => Ok(Some(Payload::stored(Bytes::copy_from_slice(payload)))),
            Own::Deleted => Ok(None),
            Own::Untouched => {
                self.note_read(key);
                self.snapshot.get_in(key.collection(), key.id())
            }
        }
    }

    /// Puts an entity into any collection.
    pub(crate) fn put_any(&mut self, key: Key, payload: &Payload) -> Result<()> {
        self.writes.push(key, Some(payload.as_bytes()))
    }

    /// Deletes an entity of any collection.
    pub(crate) fn remove_any(&mut self, key: Key) -> Result<()> {
        self.writes.push(key, None)
    }

    /// Drops the collection `name`, with all that is in it.
    pub(crate) fn drop_collection(&mut self, name: &str) -> Result<Option<CollectionId>> {
        let Some(id) = self.find(name) else {
            return Ok(None);
        };
        self.writes.push_drop(id)?;
        self.drops = Some(id);
        Ok(Some(id))
    }

    pub(crate) fn finish(self) -> Finished {
        let made = self.made.iter().filter_map(|id| self.catalog.get(*id));
        let reads = self.reads.map(|reads| {
            let mut reads = reads.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *reads)
        });
        Finished {
            drops: self.drops,
            made: made.cloned().collect(),
            snapshot: self.snapshot,
            writes: self.writes,
            derived: None,
            reads,
        }
    }
}

impl std::fmt::Debug for Transaction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let len = self.writes.len_bytes();
        write!(f, "Transaction over {} of {len} bytes", self.snapshot.lsn())
    }
}

/// Refuses what no collection may be called.
pub(crate) fn check_name(name: &str) -> Result<()> {
    if is_hidden(name) {
        return Err(Error::invalid(format!(
            "the name {name:?} is the engine's own: a collection's name does not begin with ~"
        )));
    }
    match (1..=COLLECTION_NAME_LEN_MAX).contains(&name.len()) {
        true => Ok(()),
        false => Err(Error::invalid(format!(
            "a collection's name has 1 to {COLLECTION_NAME_LEN_MAX} bytes, this one {}",
            name.len()
        ))),
    }
}

/// The first and the last id of a range; `None` if it is empty.
fn ends(ids: &impl RangeBounds<EntityId>) -> Option<(EntityId, EntityId)> {
    let first = match ids.start_bound() {
        Bound::Included(id) => *id,
        Bound::Excluded(id) => id.next()?,
        Bound::Unbounded => EntityId::MIN,
    };
    let last = match ids.end_bound() {
        Bound::Included(id) => *id,
        Bound::Excluded(id) => id.previous()?,
        Bound::Unbounded => EntityId::MAX,
    };
    (first <= last).then_some((first, last))
}

/// A lazy walk over what a transaction sees, in id order: [`Transaction::range`].
#[must_use = "a scan reads nothing until it is iterated"]
pub struct TransactionScan {
    stored: Scan,
    /// The stored entity that comes next.
    head: Option<(EntityId, Payload)>,
    own: std::iter::Peekable<std::vec::IntoIter<(EntityId, Option<Payload>)>>,
    /// Ranges that the transaction has deleted.
    deleted: Vec<(EntityId, EntityId)>,
    done: bool,
}

impl TransactionScan {
    fn is_deleted(&self, id: EntityId) -> bool {
        let mut ranges = self.deleted.iter();
        ranges.any(|(first, last)| *first <= id && id <= *last)
    }
}

impl Iterator for TransactionScan {
    type Item = Result<(EntityId, Payload)>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            while self.head.is_none() && !self.done {
                match self.stored.next() {
                    Some(Ok((id, _))) if self.is_deleted(id) => {}
                    Some(Ok(entity)) => self.head = Some(entity),
                    Some(Err(error)) => return Some(Err(error)),
                    None => self.done = true,
                }
            }
            let stored = self.head.as_ref().map(|(id, _)| *id);
            let own = self.own.peek().map(|(id, _)| *id);
            match (stored, own) {
                (None, None) => return None,
                (Some(stored), own) if own.is_none_or(|own| stored < own) => {
                    return self.head.take().map(Ok);
                }
                (stored, _) => {
                    // Its own write stands before what was stored.
                    if stored == own {
                        self.head = None;
                    }
                    if let Some((id, Some(payload))) = self.own.next() {
                        return Some(Ok((id, payload)));
                    }
                }
            }
        }
    }
}
