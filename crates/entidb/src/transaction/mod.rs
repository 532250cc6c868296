//! A snapshot and a set of writes over it. Writes nothing.

mod reads;
mod times;

use std::collections::BTreeMap;
use std::ops::{Bound, RangeBounds};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use entidb_codec::Value;

use crate::error::{Error, Result};
use crate::format::catalog::Index;
use crate::format::key::Key;
use crate::ids::{CollectionId, EntityId, IndexId, Lsn};
use crate::index::{Derived, EntryBounds, Merged, Notes, Overlay};
use crate::limits::COLLECTION_NAME_LEN_MAX;
use crate::manifest::{Catalog, Collection, is_hidden};
use crate::memtable::Version;
use crate::payload::Payload;
use crate::snapshot::{Scan, Snapshot};
use crate::spill::{self, Found, Host, OwnWrites, Spilled, SpilledEntries, Times};
use crate::write_options::Isolation;
use crate::write_set::{Own, WriteSet};

pub(crate) use reads::{ReadNotes, Reads};

/// All or nothing: what [`Database::write`](crate::Database::write) hands to its closure, or [`Database::begin`](crate::Database::begin)
/// returns. It sees its own writes over the state at its beginning. Dropped without a commit, it leaves no trace.
pub struct Transaction {
    snapshot: Snapshot,
    catalog: Arc<Catalog>,
    /// Collections that the catalog has and the snapshot has not; whether they get these ids, the commit tells.
    made: Vec<CollectionId>,
    /// How many of these have their ids for good, since they were spilled to.
    settled_count: usize,
    writes: WriteSet,
    /// What it has written before that, and does not fit in memory.
    spilled: Option<Spilled>,
    /// Where it spills to, if it can.
    host: Option<Arc<dyn Host>>,
    /// What was read, where the commit has to check it. Walks that are under way note there what they come to.
    reads: Option<Arc<Mutex<Reads>>>,
    drops: Option<CollectionId>,
    /// When what was put is to go, in microseconds since 1970; `None` if it was put again without a time.
    expiring: BTreeMap<Key, Option<u64>>,
    /// The same of what was spilled.
    times: Option<Times>,
    /// Versions of collections that what is written depends on.
    versions: Vec<(CollectionId, u32)>,
    /// What was written, as the indexes would find it that were asked.
    overlays: Mutex<BTreeMap<IndexId, Overlay>>,
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
    /// What it has written before `writes`.
    pub(crate) spilled: Option<Spilled>,
}

impl Finished {
    /// Whether it does not fit in memory. One that writes nothing has nothing to commit, whatever it has read.
    pub(crate) fn is_large(&self) -> bool {
        let reads = self.reads.as_ref();
        let reads_much = reads.is_some_and(|reads| reads.spilled.is_some());
        self.spilled.is_some() || reads_much && !self.writes.is_empty()
    }
}

impl Transaction {
    pub(crate) fn new(snapshot: Snapshot, isolation: Isolation) -> Self {
        Self {
            catalog: Arc::clone(&snapshot.view().catalog),
            snapshot,
            made: Vec::new(),
            settled_count: 0,
            writes: WriteSet::default(),
            spilled: None,
            host: None,
            reads: (isolation == Isolation::Serializable).then(Arc::default),
            drops: None,
            expiring: BTreeMap::new(),
            times: None,
            versions: Vec::new(),
            overlays: Mutex::default(),
        }
    }

    /// What does not fit in memory, it spills there.
    pub(crate) fn over(mut self, host: Arc<dyn Host>) -> Self {
        self.host = Some(host);
        self
    }

    /// Puts an entity, in the place of the one that has its id, if one has. A collection that is not there is made.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) if the value, the collection's name or the transaction is outside the
    /// [limits](crate::limits). Where the transaction has outgrown [`Options::transaction_memory_bytes`](crate::Options::transaction_memory_bytes)
    /// besides: [`ErrorKind::Full`](crate::ErrorKind::Full), [`ErrorKind::Io`](crate::ErrorKind::Io),
    /// [`ErrorKind::Poisoned`](crate::ErrorKind::Poisoned) or [`ErrorKind::ReadOnly`](crate::ErrorKind::ReadOnly), as for a
    /// commit. The transaction is as it was.
    pub fn put(&mut self, collection: &str, id: EntityId, value: &Value) -> Result<()> {
        self.put_payload(collection, id, &Payload::encode(value)?)
    }

    /// As [`put`](Self::put), for a payload that is encoded already.
    ///
    /// # Errors
    /// As for [`put`](Self::put).
    pub fn put_payload(&mut self, collection: &str, id: EntityId, payload: &Payload) -> Result<()> {
        self.make_room(payload.as_bytes().len())?;
        let collection = self.make_collection(collection)?;
        let key = Key::new(collection, id);
        self.writes.push(key, Some(payload.as_bytes()))?;
        self.touch(collection, id);
        self.void_time(key);
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
    /// As for [`put`](Self::put).
    pub fn remove(&mut self, collection: &str, id: EntityId) -> Result<()> {
        self.make_room(0)?;
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
        self.make_room(EntityId::LEN)?;
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
        let collection = self.make_room_in(collection, payload.as_bytes().len())?;
        let key = Key::new(collection, id);
        self.writes.push(key, Some(payload.as_bytes()))?;
        self.touch(collection, id);
        self.void_time(key);
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
            Own::Untouched => match self.find_spilled(&key)? {
                Found::Put(version) => {
                    let payload = self.spilled_payload(key, &version)?;
                    Ok(Some((Lsn::MAX, payload)))
                }
                Found::Deleted => Ok(None),
                Found::Untouched => {
                    self.note_read(key)?;
                    self.snapshot.get_stored(collection, id)
                }
            },
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
            Own::Untouched => match self.find_spilled(&key)? {
                Found::Put(_) => Ok(true),
                Found::Deleted => Ok(false),
                Found::Untouched => {
                    self.note_read(key)?;
                    self.snapshot.contains_in(collection, id)
                }
            },
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
                own: OwnWrites::default(),
                deleted: Vec::new(),
                descending: false,
                done: false,
            };
        };
        let (from, to) = (Key::new(id, first), Key::new(id, last));
        if let Some(mut reads) = self.reads_of(id) {
            reads.note_range(from, to);
        }
        let own = self.writes.within(from, to).into_iter();
        let own = own.map(|(key, own)| {
            let payload = match own {
                Own::Put(bytes) => Some(Payload::stored(Bytes::copy_from_slice(bytes))),
                Own::Deleted | Own::Untouched => None,
            };
            (key.id(), payload)
        });
        let ranges = self.writes.ranges().iter();
        let deleted = ranges.filter(|range| range.collection == id);
        let deleted: Vec<_> = deleted.map(|range| (range.first, range.last)).collect();
        let before = self.spilled.as_ref();
        let before_deleted = before.into_iter().flat_map(|spilled| spilled.ranges(id));
        let all_deleted = deleted.iter().copied().chain(before_deleted).collect();
        let spilled = before.map(|spilled| spill::Walk::new(spilled, from, to));
        TransactionScan {
            stored: self.snapshot.range(collection, first..=last),
            head: None,
            own: OwnWrites::new(own.collect(), spilled, deleted),
            deleted: all_deleted,
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
        self.reads.as_ref().map(|reads| ReadNotes {
            reads: Arc::clone(reads),
            ground: self.host.as_ref().map(|host| Arc::clone(host.ground())),
            since: self.snapshot.lsn(),
        })
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
            reads.note_entries(index.id, bounds.clone());
        }
        let mut overlays = self.overlays.lock();
        let overlays = overlays.as_deref_mut();
        let overlays = overlays.map_err(|_| Error::invalid("the transaction has panicked"))?;
        let overlay = overlays
            .entry(index.id)
            .or_insert_with(|| Overlay::of(&self.writes, index.collection));
        let own = overlay.within(&self.writes, index, bounds, descending)?;
        let own = match &self.spilled {
            Some(spilled) => own.over(SpilledEntries::new(
                spilled, index, bounds, value, descending,
            )?),
            None => own,
        };
        let entries = Merged::new(&self.snapshot, index, bounds, value, descending)?;
        Ok(entries.under(own))
    }

    fn note_read(&self, key: Key) -> Result<()> {
        let Some(mut reads) = self.reads_of(key.collection()) else {
            return Ok(());
        };
        let ground = self.host.as_ref().map(|host| host.ground());
        reads.note_key(key, ground, self.snapshot.lsn())
    }

    /// What was spilled of a key.
    fn find_spilled(&self, key: &Key) -> Result<Found> {
        match &self.spilled {
            Some(spilled) => spilled.find(key),
            None => Ok(Found::Untouched),
        }
    }

    fn spilled_payload(&self, key: Key, version: &Version) -> Result<Payload> {
        let view = match &self.spilled {
            Some(spilled) => spilled.view(),
            None => self.snapshot.view(),
        };
        Ok(Payload::stored(view.payload(key, version)?))
    }

    /// Sees to it that there is room in memory for a record with a payload of `payload_len` bytes.
    fn make_room(&mut self, payload_len: usize) -> Result<()> {
        let Some(host) = &self.host else {
            return Ok(());
        };
        let bound = host.ground().bound();
        if self.writes.has_room(payload_len, bound) {
            return Ok(());
        }
        self.writes.shrink();
        if self.writes.has_room(payload_len, bound) {
            return Ok(());
        }
        let host = Arc::clone(host);
        self.spill(&*host)
    }

    /// As [`make_room`](Self::make_room), for a record of this collection. Returns the id that it has then.
    fn make_room_in(&mut self, id: CollectionId, payload_len: usize) -> Result<CollectionId> {
        let made = self.made.contains(&id);
        let name = made.then(|| self.catalog.name_of(id).to_owned());
        self.make_room(payload_len)?;
        let settled = name.and_then(|name| self.catalog.find_any(&name));
        Ok(settled.unwrap_or(id))
    }

    /// Spills what is in memory.
    fn spill(&mut self, host: &dyn Host) -> Result<()> {
        self.settle_names(host)?;
        let spilled = match &mut self.spilled {
            Some(spilled) => spilled,
            none => none.insert(Spilled::begin(host.ground(), &self.snapshot)?),
        };
        if !self.expiring.is_empty() {
            let times = self.times.get_or_insert_with(|| Times::new(host.ground()));
            times.push(&self.expiring)?;
        }
        if !self.writes.is_empty() {
            spilled.push(&self.writes)?;
        }
        self.writes = WriteSet::default();
        self.expiring.clear();
        // What was spilled, its own entries tell.
        self.overlays().clear();
        Ok(())
    }

    /// Gives the collections that this transaction makes their ids, since what is spilled is sorted by them.
    fn settle_names(&mut self, host: &dyn Host) -> Result<()> {
        let unsettled = self.unsettled();
        if unsettled.is_empty() {
            return Ok(());
        }
        let before: Vec<_> = unsettled.iter().map(|made| made.id).collect();
        let settled = host.make_collections(&mut self.writes, unsettled)?;
        self.rename(&before, &settled);
        self.writes.reindex();
        let mut catalog = Catalog::clone(&self.snapshot.view().catalog);
        self.made.truncate(self.settled_count);
        let before = self.made.iter().filter_map(|id| self.catalog.get(*id));
        catalog.collections.extend(before.cloned());
        self.made.extend(settled.iter().map(|made| made.id));
        self.settled_count = self.made.len();
        catalog.collections.extend(settled);
        catalog.collections.sort_by_key(|collection| collection.id);
        self.catalog = Arc::new(catalog);
        Ok(())
    }

    /// Has what it notes of collections named by the ids that they have got.
    fn rename(&mut self, before: &[CollectionId], settled: &[Collection]) {
        let settled_id = |id: CollectionId| {
            let place = before.iter().position(|before| *before == id);
            let settled = place.and_then(|place| settled.get(place));
            settled.map_or(id, |settled| settled.id)
        };
        for (id, _) in &mut self.versions {
            *id = settled_id(*id);
        }
        let expiring = std::mem::take(&mut self.expiring).into_iter();
        let settled = expiring.map(|(key, time)| {
            let key = Key::new(settled_id(key.collection()), key.id());
            (key, time)
        });
        self.expiring = settled.collect();
    }

    /// Collections that it makes, with ids that may not be theirs.
    fn unsettled(&self) -> Vec<Collection> {
        let made = self.made.iter().skip(self.settled_count);
        let made = made.filter_map(|id| self.catalog.get(*id));
        made.cloned().collect()
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
            Own::Untouched => match self.find_spilled(&key)? {
                Found::Put(version) => self.spilled_payload(key, &version).map(Some),
                Found::Deleted => Ok(None),
                Found::Untouched => {
                    self.note_read(key)?;
                    self.snapshot.get_in(key.collection(), key.id())
                }
            },
        }
    }

    /// Puts an entity into any collection.
    pub(crate) fn put_any(&mut self, key: Key, payload: &Payload) -> Result<()> {
        let collection = self.make_room_in(key.collection(), payload.as_bytes().len())?;
        let key = Key::new(collection, key.id());
        self.writes.push(key, Some(payload.as_bytes()))
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
        let made = self.unsettled();
        let reads = self.reads.map(|reads| {
            let mut reads = reads.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *reads)
        });
        Finished {
            drops: self.drops,
            made,
            versions: self.versions,
            spilled: self.spilled,
            snapshot: self.snapshot,
            writes: self.writes,
            derived: None,
            reads,
        }
    }
}

impl std::fmt::Debug for Transaction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let spilled = self.spilled.as_ref().map_or(0, Spilled::len_bytes);
        let len = self.writes.len_bytes() as u64 + spilled;
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
    /// What the transaction has written.
    own: OwnWrites,
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
        self.own = self.own.reverse();
        self
    }

    /// The rest of the walk behind an id, whether that is there or not: for the next page. Called before the first entity is
    /// taken, and after [`reverse`](Self::reverse).
    pub fn after(mut self, id: EntityId) -> Self {
        self.stored = self.stored.after(id);
        self.own = self.own.after(id);
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
            let own = match self.own.peek() {
                Ok(own) => own,
                Err(error) => return Some(Err(error)),
            };
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
                    match self.own.next() {
                        Ok(Some((id, Some(payload)))) => {
                            return Some(Ok((id, Lsn::MAX, payload)));
                        }
                        Ok(_) => {}
                        Err(error) => return Some(Err(error)),
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
