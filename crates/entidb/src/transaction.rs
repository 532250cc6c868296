//! A snapshot and a set of writes over it. Writes nothing.

use std::collections::{BTreeMap, HashSet};
use std::ops::{Bound, RangeBounds};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use entidb_codec::Value;

use crate::error::{Error, Result};
use crate::expiry::{Due, EXPIRY};
use crate::format::catalog::Index;
use crate::format::key::Key;
use crate::ids::{CollectionId, EntityId, IndexId, Lsn};
use crate::index::{Derived, EntryBounds, Merged, Notes, Overlay};
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
    /// When what was put is to go, in microseconds since 1970; `None`: never, whatever its collection says.
    expiring: BTreeMap<Key, Option<u64>>,
    /// Versions of collections that what is written depends on.
    versions: Vec<(CollectionId, u32)>,
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
    /// Parts of indexes.
    pub(crate) entries: Vec<(IndexId, EntryBounds)>,
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
    /// Versions that collections have to have.
    pub(crate) versions: Vec<(CollectionId, u32)>,
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
            expiring: BTreeMap::new(),
            versions: Vec::new(),
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
        let key = Key::new(collection, id);
        self.writes.push(key, Some(payload.as_bytes()))?;
        self.touch(collection, id);
        // It is another version, without the time that one before it was given.
        self.expiring.remove(&key);
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

    /// The collection with this name as the transaction knows it, if there is one.
    pub(crate) fn find_entry(&self, name: &str) -> Option<&Collection> {
        self.catalog.get(self.find(name)?)
    }

    /// Refuses the commit if the collection has another version by then than this one.
    pub(crate) fn expect_version(&mut self, collection: CollectionId, version: u32) {
        let expected = (collection, version);
        if !self.versions.contains(&expected) {
            self.versions.push(expected);
        }
    }

    /// As [`put_payload`](Self::put_payload), into a collection that is there.
    pub(crate) fn put_in(
        &mut self,
        collection: CollectionId,
        id: EntityId,
        payload: &Payload,
    ) -> Result<()> {
        let key = Key::new(collection, id);
        self.writes.push(key, Some(payload.as_bytes()))?;
        self.touch(collection, id);
        self.expiring.remove(&key);
        Ok(())
    }

    /// The payload of an entity, as this transaction sees it, and the commit that has put it: the highest there can be for
    /// the transaction's own.
    pub(crate) fn get_stored(
        &self,
        collection: CollectionId,
        id: EntityId,
    ) -> Result<Option<(Lsn, Payload)>> {
        let key = Key::new(collection, id);
        match self.writes.get(&key) {
            Own::Put(payload) => {
                let payload = Payload::stored(Bytes::copy_from_slice(payload));
                Ok(Some((Lsn::MAX, payload)))
            }
            Own::Deleted => Ok(None),
            Own::Untouched => {
                self.note_read(key);
                self.snapshot.get_stored(collection, id)
            }
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
                own: Vec::new(),
                deleted: Vec::new(),
                descending: false,
                done: false,
            };
        };
        let (from, to) = (Key::new(id, first), Key::new(id, last));
        if let Some(mut reads) = self.reads_of(id) {
            reads.ranges.push((from, to));
        }
        let own = self.writes.within(from, to).into_iter();
        let mut own: Vec<_> = own
            .map(|(key, own)| {
                let payload = match own {
                    Own::Put(bytes) => Some(Payload::stored(Bytes::copy_from_slice(bytes))),
                    Own::Deleted | Own::Untouched => None,
                };
                (key.id(), payload)
            })
            .collect();
        own.reverse();
        let ranges = self.writes.ranges().iter();
        let deleted = ranges.filter(|range| range.collection == id);
        TransactionScan {
            stored: self.snapshot.range(collection, first..=last),
            head: None,
            own,
            deleted: deleted.map(|range| (range.first, range.last)).collect(),
            descending: false,
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

    /// Where a walk notes what it reads, if it has to.
    pub(crate) fn notes(&self) -> Notes {
        self.reads.as_ref().map(Arc::clone)
    }

    /// The entries of an index within these bounds, its own writes included.
    pub(crate) fn index_entries(
        &self,
        index: &Index,
        bounds: &EntryBounds,
        value: Option<&[u8]>,
        descending: bool,
    ) -> Result<Merged> {
        if let Some(reads) = &self.reads {
            let mut reads = reads.lock().unwrap_or_else(PoisonError::into_inner);
            reads.entries.push((index.id, bounds.clone()));
        }
        let mut overlays = self.overlays.lock();
        let overlays = overlays.as_deref_mut();
        let overlays = overlays.map_err(|_| Error::invalid("the transaction has panicked"))?;
        let overlay = overlays
            .entry(index.id)
            .or_insert_with(|| Overlay::of(&self.writes, index.collection));
        let own = overlay.within(&self.writes, index, bounds, descending)?;
        let entries = Merged::new(&self.snapshot, index, bounds, value, descending)?;
        Ok(entries.under(own))
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

    /// Says when what was just put is to go; `None`: never, whatever its collection says.
    pub(crate) fn expires(&mut self, collection: &str, id: EntityId, time_us: Option<u64>) {
        if let Some(collection) = self.catalog.find(collection) {
            self.expiring.insert(Key::new(collection, id), time_us);
        }
    }

    /// Writes when what was put is to go, before the commit at `now_us`. Returns the first of these times.
    pub(crate) fn arm(&mut self, now_us: impl FnOnce() -> u64) -> Result<Option<u64>> {
        let mut expiring = std::mem::take(&mut self.expiring);
        let catalog = Arc::clone(&self.catalog);
        if !catalog.times_to_live.is_empty() {
            let time = |id| catalog.time_to_live(id);
            let lasting = self.writes.puts(|id| time(id).is_some());
            let now_us = if lasting.is_empty() { 0 } else { now_us() };
            for key in lasting {
                let time_us = now_us.saturating_add(time(key.collection()).unwrap_or(0));
                expiring.entry(key).or_insert(Some(time_us));
            }
        }
        let mut first = None;
        let timed = expiring.into_iter();
        for (key, time_us) in timed.filter_map(|(key, time_us)| Some((key, time_us?))) {
            // Not one that was deleted again.
            let (Own::Put(_), Some(of)) = (self.writes.get(&key), catalog.get(key.collection()))
            else {
                continue;
            };
            let due = Due {
                time_us,
                collection: of.name.clone(),
                entity: key.id(),
            };
            let times = self.make_any_collection(EXPIRY)?;
            self.put_any(Key::new(times, due.id()), &due.encode()?)?;
            first = Some(first.map_or(time_us, |first: u64| first.min(time_us)));
        }
        Ok(first)
    }

    /// Deletes an entity whose time has come.
    pub(crate) fn expire_any(&mut self, key: Key) -> Result<()> {
        self.writes.push_expired(key)
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
            versions: self.versions,
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
    /// The stored entity that comes next, and the commit that has put it.
    head: Option<(EntityId, Lsn, Payload)>,
    /// What the transaction has written, the next one last.
    own: Vec<(EntityId, Option<Payload>)>,
    /// Ranges that the transaction has deleted.
    deleted: Vec<(EntityId, EntityId)>,
    descending: bool,
    done: bool,
}

impl TransactionScan {
    /// The same walk from the highest id down. Called before the first entity is taken.
    pub fn reverse(mut self) -> Self {
        self.descending = !self.descending;
        self.stored = self.stored.reverse();
        self.own.reverse();
        self
    }

    /// The rest of the walk behind an id, whether that is there or not: for the next page. Called before the first entity is
    /// taken, and after [`reverse`](Self::reverse).
    pub fn after(mut self, id: EntityId) -> Self {
        self.stored = self.stored.after(id);
        let descending = self.descending;
        self.own
            .retain(|(own, _)| comes_before(descending, id, *own));
        self
    }

    fn is_deleted(&self, id: EntityId) -> bool {
        let mut ranges = self.deleted.iter();
        ranges.any(|(first, last)| *first <= id && id <= *last)
    }

    /// The next entity with the commit that has put it: the highest there can be for the transaction's own.
    pub(crate) fn next_stored(&mut self) -> Option<Result<(EntityId, Lsn, Payload)>> {
        loop {
            while self.head.is_none() && !self.done {
                match self.stored.next_stored() {
                    Some(Ok((id, ..))) if self.is_deleted(id) => {}
                    Some(Ok(entity)) => self.head = Some(entity),
                    Some(Err(error)) => return Some(Err(error)),
                    None => self.done = true,
                }
            }
            let stored = self.head.as_ref().map(|(id, ..)| *id);
            let own = self.own.last().map(|(id, _)| *id);
            let before = |stored, own| comes_before(self.descending, stored, own);
            match (stored, own) {
                (None, None) => return None,
                (Some(stored), own) if own.is_none_or(|own| before(stored, own)) => {
                    return self.head.take().map(Ok);
                }
                (stored, _) => {
                    // Its own write stands before what was stored.
                    if stored == own {
                        self.head = None;
                    }
                    if let Some((id, Some(payload))) = self.own.pop() {
                        return Some(Ok((id, Lsn::MAX, payload)));
                    }
                }
            }
        }
    }
}

/// Whether `one` comes before `other` in a walk.
fn comes_before(descending: bool, one: EntityId, other: EntityId) -> bool {
    if descending { one > other } else { one < other }
}

impl Iterator for TransactionScan {
    type Item = Result<(EntityId, Payload)>;

    fn next(&mut self) -> Option<Self::Item> {
        let stored = self.next_stored()?;
        Some(stored.map(|(id, _, payload)| (id, payload)))
    }
}
