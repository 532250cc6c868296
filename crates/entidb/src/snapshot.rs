//! One immutable view of the whole database.

use std::ops::{Bound, RangeBounds};
use std::sync::Arc;

use crate::error::Result;
use crate::format::key::Key;
use crate::ids::{CollectionId, EntityId, Lsn};
use crate::index::IndexInfo;
use crate::manifest::is_hidden;
use crate::memtable::{Version, is_empty_range};
use crate::merge::Merge;
use crate::payload::Payload;
use crate::view::View;
use crate::window::Windows;

/// The database as it was at one moment: what is committed later is not in it. Cheap to take and to clone; while it lives, it
/// keeps what it needs from being given back.
#[derive(Clone)]
pub struct Snapshot {
    view: Arc<View>,
    lsn: Lsn,
}

impl Snapshot {
    pub(crate) fn new((view, lsn): (Arc<View>, Lsn)) -> Self {
        Self { view, lsn }
    }

    /// The last commit that is in it.
    #[must_use]
    pub fn lsn(&self) -> Lsn {
        self.lsn
    }

    pub(crate) fn view(&self) -> &View {
        &self.view
    }

    /// The names of all collections, in the order of their making.
    pub fn collections(&self) -> impl Iterator<Item = &str> {
        let collections = self.view.catalog.collections.iter();
        let names = collections.map(|collection| collection.name.as_str());
        names.filter(|name| !is_hidden(name))
    }

    /// The indexes of a collection, in the order of their making.
    #[must_use]
    pub fn indexes(&self, collection: &str) -> Vec<IndexInfo> {
        let catalog = &self.view.catalog;
        let id = catalog.find(collection);
        let indexes = id.into_iter().flat_map(|id| catalog.indexes_of(id));
        indexes.map(|index| IndexInfo::of(index)).collect()
    }

    /// The payload of an entity; `None` if the collection or the entity is not there.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) if what is stored is damaged, [`ErrorKind::Io`](crate::ErrorKind::Io)
    /// if it cannot be read. Never a wrong entity.
    pub fn get(&self, collection: &str, id: EntityId) -> Result<Option<Payload>> {
        match self.view.catalog.find(collection) {
            Some(collection) => self.get_in(collection, id),
            None => Ok(None),
        }
    }

    /// As [`Untyped::get_with`](crate::Untyped::get_with), at this moment.
    ///
    /// # Errors
    /// As for [`get`](Self::get).
    pub fn get_with<R>(
        &self,
        collection: &str,
        id: EntityId,
        read: impl FnOnce(&[u8]) -> R,
    ) -> Result<Option<R>> {
        match self.view.catalog.find(collection) {
            Some(collection) => self.view.get_with(Key::new(collection, id), self.lsn, read),
            None => Ok(None),
        }
    }

    pub(crate) fn get_in(&self, collection: CollectionId, id: EntityId) -> Result<Option<Payload>> {
        let bytes = self.view.get(Key::new(collection, id), self.lsn)?;
        Ok(bytes.map(Payload::stored))
    }

    /// As [`get`](Self::get), with the commit that has put it.
    pub(crate) fn get_stored(
        &self,
        collection: CollectionId,
        id: EntityId,
    ) -> Result<Option<(Lsn, Payload)>> {
        let key = Key::new(collection, id);
        let Some(version) = self.live(key)? else {
            return Ok(None);
        };
        let payload = self.view.payload(key, &version)?;
        Ok(Some((version.location.lsn, Payload::stored(payload))))
    }

    /// The payloads of several entities, in the order in which they are asked for; `None` for each that is not there. They are
    /// looked up in id order and read in the order in which they lie.
    ///
    /// ```
    /// # use entidb::{Database, EntityId, Value};
    /// # fn main() -> entidb::Result<()> {
    /// # let db = Database::open_in(entidb::storage::MemoryDirectory::new())?;
    /// let (ann, bob) = (EntityId::from_key("ann"), EntityId::from_key("bob"));
    /// db.untyped("people").put(ann, &Value::from("Ann"))?;
    /// let found = db.snapshot().get_many("people", &[bob, ann])?;
    /// assert!(found[0].is_none() && found[1].is_some());
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As for [`get`](Self::get), of the first that cannot be read.
    pub fn get_many(&self, collection: &str, ids: &[EntityId]) -> Result<Vec<Option<Payload>>> {
        match self.view.catalog.find(collection) {
            Some(collection) => self.get_many_in(collection, ids),
            None => Ok(vec![None; ids.len()]),
        }
    }

    pub(crate) fn get_many_in(
        &self,
        collection: CollectionId,
        ids: &[EntityId],
    ) -> Result<Vec<Option<Payload>>> {
        let stored = self.get_many_stored(collection, ids)?;
        let payloads = stored.into_iter();
        Ok(payloads
            .map(|found| found.map(|(_, payload)| payload))
            .collect())
    }

    /// As [`get_many_in`](Self::get_many_in), each with the commit that has put it.
    pub(crate) fn get_many_stored(
        &self,
        collection: CollectionId,
        ids: &[EntityId],
    ) -> Result<Vec<Option<(Lsn, Payload)>>> {
        let keys = ids.iter().map(|id| Key::new(collection, *id));
        let mut keys: Vec<(Key, usize)> = keys.zip(0..).collect();
        keys.sort_unstable();
        let mut found = Vec::with_capacity(keys.len());
        for (key, index) in keys {
            if let Some(version) = self.live(key)? {
                found.push((key, version, index));
            }
        }
        found.sort_unstable_by_key(|(_, version, _)| {
            (version.location.stream, version.location.offset)
        });
        let mut payloads = vec![None; ids.len()];
        let mut windows = Windows::default();
        for (key, version, index) in found {
            let lsn = version.location.lsn;
            let bytes = self.view.payload_in(&mut windows, key, version)?;
            if let Some(payload) = payloads.get_mut(index) {
                *payload = Some((lsn, Payload::stored(bytes)));
            }
        }
        Ok(payloads)
    }

    /// Whether an entity is there. Does not read the entity itself.
    ///
    /// # Errors
    /// As for [`get`](Self::get).
    pub fn contains(&self, collection: &str, id: EntityId) -> Result<bool> {
        match self.view.catalog.find(collection) {
            Some(collection) => self.contains_in(collection, id),
            None => Ok(false),
        }
    }

    pub(crate) fn contains_in(&self, collection: CollectionId, id: EntityId) -> Result<bool> {
        Ok(self.live(Key::new(collection, id))?.is_some())
    }

    /// The commit that has put the entity with this key, if it is there.
    pub(crate) fn lsn_of(&self, key: Key) -> Result<Option<Lsn>> {
        Ok(self.live(key)?.map(|version| version.location.lsn))
    }

    /// Whether the entity with this key is there.
    pub(crate) fn has(&self, key: Key) -> Result<bool> {
        Ok(self.live(key)?.is_some())
    }

    fn live(&self, key: Key) -> Result<Option<Version>> {
        self.view.live(key, self.lsn)
    }

    /// How many entities a collection has. Looks at keys alone: the time grows with their number, a fraction of that of a scan.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) if keys are damaged, [`ErrorKind::Io`](crate::ErrorKind::Io) if they
    /// cannot be read.
    pub fn count(&self, collection: &str) -> Result<u64> {
        self.count_range(collection, ..)
    }

    /// How many entities of a collection have ids in `ids`.
    ///
    /// # Errors
    /// As for [`count`](Self::count).
    pub fn count_range(&self, collection: &str, ids: impl RangeBounds<EntityId>) -> Result<u64> {
        match self.view.catalog.find(collection) {
            Some(collection) => self.count_in(collection, ids),
            None => Ok(0),
        }
    }

    pub(crate) fn count_in(
        &self,
        collection: CollectionId,
        ids: impl RangeBounds<EntityId>,
    ) -> Result<u64> {
        let mut walk = self.range_in(Some(collection), ids);
        let mut count = 0;
        while walk.next_key()?.is_some() {
            count += 1;
        }
        Ok(count)
    }

    /// All entities of a collection in id order; none if there is no such collection.
    pub fn scan(&self, collection: &str) -> Scan {
        self.range(collection, ..)
    }

    /// The entities of a collection with ids in `ids`, in id order.
    ///
    /// A walk can be taken up again, in this snapshot or a later one: begin behind the last id.
    ///
    /// ```
    /// # use entidb::{Database, EntityId, Value};
    /// use std::ops::Bound;
    /// # fn main() -> entidb::Result<()> {
    /// # let db = Database::open_in(entidb::storage::MemoryDirectory::new())?;
    /// # for n in 0..5 { db.untyped("people").put(EntityId::from_key(n), &Value::from(n))?; }
    /// let snapshot = db.snapshot();
    /// let page: Vec<_> = snapshot.scan("people").take(3).collect::<entidb::Result<_>>()?;
    /// let (last, _) = page[2];
    /// let rest = snapshot.range("people", (Bound::Excluded(last), Bound::Unbounded));
    /// assert_eq!(rest.count(), 2);
    /// # Ok(()) }
    /// ```
    pub fn range(&self, collection: &str, ids: impl RangeBounds<EntityId>) -> Scan {
        self.range_in(self.view.catalog.find(collection), ids)
            .counted()
    }

    pub(crate) fn range_in(
        &self,
        collection: Option<CollectionId>,
        ids: impl RangeBounds<EntityId>,
    ) -> Scan {
        Scan {
            snapshot: self.clone(),
            bounds: collection.and_then(|collection| bounds(collection, &ids)),
            descending: false,
            merge: None,
            windows: Windows::default(),
            to_count: false,
        }
    }
}

/// The keys of a range of ids; `None` if it is empty.
fn bounds(
    collection: CollectionId,
    ids: &impl RangeBounds<EntityId>,
) -> Option<(Bound<Key>, Bound<Key>)> {
    let key = |id: &EntityId| Key::new(collection, *id);
    let lower = match ids.start_bound() {
        Bound::Unbounded => Bound::Included(key(&EntityId::MIN)),
        bound => bound.map(key),
    };
    let upper = match ids.end_bound() {
        Bound::Unbounded => Bound::Included(key(&EntityId::MAX)),
        bound => bound.map(key),
    };
    (!is_empty_range(&lower, &upper)).then_some((lower, upper))
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Snapshot({})", self.lsn)
    }
}

/// A lazy walk over entities in id order; it holds its snapshot. After an error it goes on behind the damaged entity where
/// it can, so that what is whole can be saved.
#[must_use = "a scan reads nothing until it is iterated"]
pub struct Scan {
    snapshot: Snapshot,
    /// `None` once there is nothing more.
    bounds: Option<(Bound<Key>, Bound<Key>)>,
    descending: bool,
    merge: Option<Merge>,
    windows: Windows,
    /// Whether it has yet to be counted as a walk through a whole collection.
    to_count: bool,
}

impl Scan {
    /// The same walk from the highest id down. Called before the first entity is taken.
    pub fn reverse(mut self) -> Self {
        self.descending = !self.descending;
        self.merge = None;
        self
    }

    /// The rest of the walk behind an id, whether that is there or not: for the next page. Called before the first entity is
    /// taken, and after [`reverse`](Self::reverse).
    pub fn after(mut self, id: EntityId) -> Self {
        if let Some((lower, upper)) = &mut self.bounds {
            let end = if self.descending {
                &mut *upper
            } else {
                &mut *lower
            };
            let (Bound::Included(from) | Bound::Excluded(from)) = *end else {
                return self;
            };
            let behind = Key::new(from.collection(), id);
            let moves = if self.descending {
                behind <= from
            } else {
                behind >= from
            };
            if moves {
                *end = Bound::Excluded(behind);
            }
            if is_empty_range(lower, upper) {
                self.bounds = None;
            }
        }
        self.merge = None;
        self
    }

    /// The ids alone, without reading the entities.
    pub fn ids(self) -> Ids {
        Ids(self)
    }

    /// The same walk, which counts if it is one through a whole collection.
    pub(crate) fn counted(mut self) -> Self {
        self.to_count = matches!(
            &self.bounds,
            Some((Bound::Included(first), Bound::Included(last)))
                if first.id() == EntityId::MIN && last.id() == EntityId::MAX
        );
        self
    }

    #[cold]
    fn count_once(&mut self, first: Bound<Key>) -> Result<()> {
        self.to_count = false;
        let (Bound::Included(key) | Bound::Excluded(key)) = first else {
            return Ok(());
        };
        let view = self.snapshot.view();
        let name = view.catalog.name_of(key.collection());
        let allowed = view.scans.note(name);
        if allowed.is_err() {
            self.bounds = None;
        }
        allowed
    }

    /// The next entity with the commit that has put it.
    pub(crate) fn next_stored(&mut self) -> Option<Result<(EntityId, Lsn, Payload)>> {
        let (key, version) = match self.next_key() {
            Ok(Some(found)) => found,
            Ok(None) => return None,
            Err(error) => return Some(Err(error)),
        };
        let lsn = version.location.lsn;
        let view = &self.snapshot.view;
        let payload = view.payload_in(&mut self.windows, key, version);
        Some(payload.map(|bytes| (key.id(), lsn, Payload::stored(bytes))))
    }

    /// The next id, with the commit that has put it and the length of its record in bytes.
    pub(crate) fn next_written(&mut self) -> Result<Option<(EntityId, Lsn, u32)>> {
        let next = self.next_key()?;
        Ok(next.map(|(key, version)| (key.id(), version.location.lsn, version.location.len)))
    }

    fn next_key(&mut self) -> Result<Option<(Key, Version)>> {
        let Some(bounds) = self.bounds else {
            return Ok(None);
        };
        if self.to_count {
            self.count_once(bounds.0)?;
        }
        let merge = self.merge.get_or_insert_with(|| {
            let Snapshot { view, lsn } = &self.snapshot;
            Merge::new(view, *lsn, bounds, self.descending)
        });
        loop {
            match merge.next() {
                Ok(Some((_, version))) if version.location.tombstone => {}
                Ok(Some(found)) => return Ok(Some(found)),
                Ok(None) => {
                    self.bounds = None;
                    return Ok(None);
                }
                Err(error) => {
                    // Keys may be missing from here on, so there is no going on.
                    self.bounds = None;
                    return Err(error);
                }
            }
        }
    }
}

impl Iterator for Scan {
    type Item = Result<(EntityId, Payload)>;

    fn next(&mut self) -> Option<Self::Item> {
        let stored = self.next_stored()?;
        Some(stored.map(|(id, _, payload)| (id, payload)))
    }
}

/// A lazy walk over ids: [`Scan::ids`].
#[must_use = "a walk reads nothing until it is iterated"]
pub struct Ids(Scan);

impl Iterator for Ids {
    type Item = Result<EntityId>;

    fn next(&mut self) -> Option<Self::Item> {
        let found = self.0.next_key().transpose()?;
        Some(found.map(|(key, _)| key.id()))
    }
}
