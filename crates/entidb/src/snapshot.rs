//! One immutable view of the whole database.

use std::ops::{Bound, RangeBounds};
use std::sync::Arc;

use crate::error::Result;
use crate::format::key::Key;
use crate::ids::{CollectionId, EntityId, Lsn};
use crate::memtable::{Version, is_empty_range};
use crate::merge::Merge;
use crate::payload::Payload;
use crate::view::View;

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
        collections.map(|collection| collection.name.as_str())
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

    pub(crate) fn get_in(&self, collection: CollectionId, id: EntityId) -> Result<Option<Payload>> {
        let key = Key::new(collection, id);
        match self.live(key)? {
            Some(version) => {
                let bytes = self.view.payload(key, &version)?;
                Ok(Some(Payload::stored(bytes)))
            }
            None => Ok(None),
        }
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

    fn live(&self, key: Key) -> Result<Option<Version>> {
        let version = self.view.locate(key, self.lsn)?;
        Ok(version.filter(|version| !version.location.tombstone))
    }

    /// All entities of a collection in id order; none if there is no such collection.
    pub fn scan(&self, collection: &str) -> Scan {
        self.range(collection, ..)
    }

    /// The entities of a collection with ids in `ids`, in id order.
    pub fn range(&self, collection: &str, ids: impl RangeBounds<EntityId>) -> Scan {
        let bounds = self.view.catalog.find(collection).and_then(|collection| {
            let lower = match ids.start_bound() {
                Bound::Included(id) => Bound::Included(Key::new(collection, *id)),
                Bound::Excluded(id) => Bound::Excluded(Key::new(collection, *id)),
                Bound::Unbounded => Bound::Included(Key::new(collection, EntityId::MIN)),
            };
            let upper = match ids.end_bound() {
                Bound::Included(id) => Bound::Included(Key::new(collection, *id)),
                Bound::Excluded(id) => Bound::Excluded(Key::new(collection, *id)),
                Bound::Unbounded => Bound::Included(Key::new(collection, EntityId::MAX)),
            };
            (!is_empty_range(&lower, &upper)).then_some((lower, upper))
        });
        Scan {
            snapshot: self.clone(),
            bounds,
            descending: false,
            merge: None,
        }
    }
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
}

impl Scan {
    /// The same walk from the highest id down. Called before the first entity is taken.
    pub fn reverse(mut self) -> Self {
        self.descending = !self.descending;
        self.merge = None;
        self
    }

    /// The ids alone, without reading the entities.
    pub fn ids(self) -> Ids {
        Ids(self)
    }

    fn next_key(&mut self) -> Result<Option<(Key, Version)>> {
        let Some(bounds) = self.bounds else {
            return Ok(None);
        };
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
        let (key, version) = match self.next_key() {
            Ok(Some(found)) => found,
            Ok(None) => return None,
            Err(error) => return Some(Err(error)),
        };
        let payload = self.snapshot.view.payload(key, &version);
        Some(payload.map(|bytes| (key.id(), Payload::stored(bytes))))
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
