//! What the database holds by name: collections, and their indexes.

use std::sync::Arc;

use entidb_codec::key::Case;
use entidb_codec::{Path, Value};

use super::Fault;
use super::collection::Collection;
use super::map::{Reader, Writer, number};
use crate::ids::{CollectionId, EntityId, IndexId, Lsn};
use crate::limits::{
    COLLECTION_COUNT_MAX, COLLECTION_NAME_LEN_MAX, INDEX_NAME_LEN_MAX, INDEX_PATH_COUNT_MAX,
};

/// Collections and indexes. Their ids are of one row, rising from 1 and never given out again.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Catalog {
    /// Rises with each change.
    pub(crate) version: u64,
    /// Sorted by id.
    pub(crate) collections: Vec<Collection>,
    /// Sorted by id.
    pub(crate) indexes: Vec<Arc<Index>>,
    /// The highest id that was given out, if what had it was dropped; else it may be less.
    pub(crate) last_id: u16,
    /// How long what is put into a collection lives, where that has a bound: in microseconds, sorted by collection.
    pub(crate) times_to_live: Vec<(CollectionId, u64)>,
}

/// Names that begin with this are the engine's own.
const HIDDEN_MARK: char = '~';

/// Whether a collection of this name is the engine's own, and nobody else's business.
pub(crate) fn is_hidden(name: &str) -> bool {
    name.starts_with(HIDDEN_MARK)
}

/// An index: declared once, it stays as it is, but for its state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Index {
    pub(crate) id: IndexId,
    pub(crate) collection: CollectionId,
    pub(crate) name: String,
    /// Where its values stand in the payload. At least one.
    pub(crate) paths: Vec<Path>,
    /// Whether no two entities may have the same value.
    pub(crate) unique: bool,
    pub(crate) kind: IndexKind,
    pub(crate) case: Case,
    pub(crate) state: State,
    /// Of a full-text index, by which version of the rules texts were taken apart into words.
    pub(crate) words: u16,
}

/// The version of the rules by which texts are taken apart into words: that of Unicode. An index that was made by another is made
/// again, under another number.
#[expect(clippy::cast_possible_truncation, reason = "it is 17")]
pub(crate) const WORD_RULES: u16 = unicode_segmentation::UNICODE_VERSION.0 as u16;

/// What an index finds entities by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum IndexKind {
    /// By whole values, in their order.
    Value,
    /// By the words of a text.
    Text,
}

/// Whether an index can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// The entities with ids below this one are in it for certain, and whatever was written since it was declared.
    Building(EntityId),
    Ready,
}

impl Index {
    /// Whether it is declared as `other` is, whatever they are called.
    pub(crate) fn is_as(&self, other: &Self) -> bool {
        (&self.paths, self.unique, self.kind, self.case)
            == (&other.paths, other.unique, other.kind, other.case)
    }

    /// Whether what is in it counts: not where its words are those of other rules.
    pub(crate) fn is_current(&self) -> bool {
        self.kind != IndexKind::Text || self.words == WORD_RULES
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.state == State::Ready && self.is_current()
    }

    fn value(&self) -> Value {
        let mut entry = Writer::default();
        entry.set("id", u64::from(self.id.0));
        entry.set("collection", u64::from(self.collection.0));
        entry.set("name", self.name.as_str());
        let paths = self.paths.iter();
        entry.list("paths", paths.map(|path| Value::from(path.to_string())));
        if self.unique {
            entry.set("unique", true);
        }
        let kind = match self.kind {
            IndexKind::Value => "value",
            IndexKind::Text => "text",
        };
        entry.set("kind", kind);
        if self.kind == IndexKind::Text {
            entry.set("words", u64::from(self.words));
        }
        if self.case == Case::Insensitive {
            entry.set("ignore_case", true);
        }
        if let State::Building(next) = self.state {
            entry.set("building", next.as_bytes().to_vec());
        }
        entry.value()
    }

    fn decode(mut entry: Reader) -> Result<Self, Fault> {
        let mut paths = Vec::new();
        for path in entry.list("paths")? {
            let parsed = path.as_str().map(Path::parse);
            let Some(Ok(path)) = parsed else {
                return Err(Fault::damaged("paths", "something else"));
            };
            paths.push(path);
        }
        let kind = entry.string("kind")?;
        let words = match kind.as_str() {
            "text" => entry.narrow("words")?,
            _ => 0,
        };
        let index = Self {
            words,
            id: IndexId(entry.narrow("id")?),
            collection: CollectionId(entry.narrow("collection")?),
            name: entry.string("name")?,
            paths,
            unique: entry.flag("unique")?,
            kind: match kind.as_str() {
                "value" => IndexKind::Value,
                "text" => IndexKind::Text,
                _ => return Err(Fault::Unsupported(format!("an index of kind {kind:?}"))),
            },
            case: match entry.flag("ignore_case")? {
                true => Case::Insensitive,
                false => Case::Sensitive,
            },
            state: match entry.has("building") {
                true => State::Building(EntityId::from_bytes(entry.array("building")?)),
                false => State::Ready,
            },
        };
        entry.finish()?;
        Ok(index)
    }
}

impl Catalog {
    /// The collection with this name, unless it is one of the engine's own.
    pub(crate) fn find(&self, name: &str) -> Option<CollectionId> {
        self.find_any(name).filter(|_| !is_hidden(name))
    }

    /// The collection with this name.
    pub(crate) fn find_any(&self, name: &str) -> Option<CollectionId> {
        let found = self.collections.iter().find(|c| c.name == name)?;
        Some(found.id)
    }

    pub(crate) fn has(&self, id: CollectionId) -> bool {
        self.collections.binary_search_by_key(&id, |c| c.id).is_ok()
    }

    pub(crate) fn get(&self, id: CollectionId) -> Option<&Collection> {
        let place = self.collections.binary_search_by_key(&id, |c| c.id).ok()?;
        self.collections.get(place)
    }

    /// The collection's name, for people.
    pub(crate) fn name_of(&self, id: CollectionId) -> &str {
        self.get(id).map_or("?", |collection| &collection.name)
    }

    /// The index with this number, unless it was dropped.
    pub(crate) fn index(&self, id: IndexId) -> Option<&Arc<Index>> {
        let place = self.indexes.binary_search_by_key(&id, |i| i.id).ok()?;
        self.indexes.get(place)
    }

    /// The collection of an index; `None` if that was dropped.
    pub(crate) fn collection_of(&self, id: IndexId) -> Option<CollectionId> {
        self.index(id).map(|index| index.collection)
    }

    /// The indexes of a collection, in the order of their making.
    pub(crate) fn indexes_of(&self, id: CollectionId) -> impl Iterator<Item = &Arc<Index>> {
        self.indexes.iter().filter(move |i| i.collection == id)
    }

    pub(crate) fn find_index(&self, id: CollectionId, name: &str) -> Option<&Arc<Index>> {
        self.indexes_of(id).find(|index| index.name == name)
    }

    /// Changes what is said of the collection with this id, if there is one.
    pub(crate) fn change(&mut self, id: CollectionId, change: impl FnOnce(&mut Collection)) {
        let mut collections = self.collections.iter_mut();
        if let Some(collection) = collections.find(|c| c.id == id) {
            change(collection);
            self.version += 1;
        }
    }

    /// The last commit whose form is told by its LSN: no later one may have the same or a lower LSN.
    pub(crate) fn last_of_older(&self) -> Lsn {
        let older = self.collections.iter().flat_map(|c| &c.older);
        older.map(|older| older.last_lsn).max().unwrap_or(Lsn::ZERO)
    }

    /// Makes a collection, whose id no other has had; `None` if there have been as many as there can be.
    pub(crate) fn make(&mut self, name: &str) -> Option<CollectionId> {
        let id = CollectionId(self.next_id()?);
        self.collections.push(Collection::new(id, name));
        Some(id)
    }

    /// Adds an index, which gets an id that no other has had; `None` if there have been as many as there can be.
    pub(crate) fn add_index(&mut self, mut index: Index) -> Option<IndexId> {
        index.id = IndexId(self.next_id()?);
        let id = index.id;
        self.indexes.push(Arc::new(index));
        Some(id)
    }

    /// Changes the state of an index, if it is there.
    pub(crate) fn set_state(&mut self, id: IndexId, state: State) {
        if let Ok(place) = self.indexes.binary_search_by_key(&id, |index| index.id)
            && let Some(index) = self.indexes.get_mut(place)
        {
            self.version += 1;
            Arc::make_mut(index).state = state;
        }
    }

    /// Puts a new index, which has yet to be built, in the place of each whose words are those of other rules.
    pub(crate) fn renew_indexes(&mut self) {
        let outdated = self.indexes.iter().filter(|index| !index.is_current());
        for index in outdated.cloned().collect::<Vec<_>>() {
            self.remove_index(index.id);
            // Without a number for it, there is none: nothing is worse than a wrong one.
            self.add_index(Index {
                words: WORD_RULES,
                state: State::Building(EntityId::MIN),
                ..Index::clone(&index)
            });
        }
    }

    /// Drops an index.
    pub(crate) fn remove_index(&mut self, id: IndexId) {
        self.last_id = self.last_id();
        self.version += 1;
        self.indexes.retain(|index| index.id != id);
    }

    /// Drops a collection and its indexes.
    pub(crate) fn remove(&mut self, id: CollectionId) {
        self.last_id = self.last_id();
        self.version += 1;
        self.collections.retain(|c| c.id != id);
        self.indexes.retain(|index| index.collection != id);
        self.times_to_live.retain(|(of, _)| *of != id);
    }

    /// How long what is put into the collection lives, in microseconds, if that has a bound.
    pub(crate) fn time_to_live(&self, id: CollectionId) -> Option<u64> {
        let mut times = self.times_to_live.iter();
        let (_, time_us) = times.find(|(of, _)| *of == id)?;
        Some(*time_us)
    }

    pub(crate) fn set_time_to_live(&mut self, id: CollectionId, time_us: Option<u64>) {
        self.version += 1;
        self.times_to_live.retain(|(of, _)| *of != id);
        self.times_to_live
            .extend(time_us.map(|time_us| (id, time_us)));
        self.times_to_live.sort_unstable();
    }

    fn next_id(&mut self) -> Option<u16> {
        let id = self.last_id().checked_add(1)?;
        self.version += 1;
        self.last_id = id;
        Some(id)
    }

    /// The highest id of what is there.
    fn last_live_id(&self) -> u16 {
        let collection = self.collections.last().map_or(0, |c| c.id.0);
        collection.max(self.indexes.last().map_or(0, |index| index.id.0))
    }

    /// The highest id that was ever given out.
    fn last_id(&self) -> u16 {
        self.last_live_id().max(self.last_id)
    }

    /// Whether the id was ever given out.
    pub(crate) fn has_given(&self, id: CollectionId) -> bool {
        id.0 > 0 && id.0 <= self.last_id()
    }

    pub(super) fn encode(&self) -> Value {
        let mut catalog = Writer::default();
        catalog.set("version", self.version);
        catalog.list(
            "collections",
            self.collections.iter().map(Collection::value),
        );
        if !self.indexes.is_empty() {
            catalog.list("indexes", self.indexes.iter().map(|index| index.value()));
        }
        if self.last_id > self.last_live_id() {
            catalog.set("last_id", u64::from(self.last_id));
        }
        if !self.times_to_live.is_empty() {
            let times = self.times_to_live.iter();
            catalog.list("times_to_live", times.map(time_value));
        }
        catalog.value()
    }

    pub(super) fn decode(mut map: Reader) -> Result<Self, Fault> {
        let version = map.number("version")?;
        let mut collections: Vec<Collection> = Vec::new();
        for value in map.list("collections")? {
            let collection = Collection::decode(value)?;
            let last = collections.last().map_or(0, |last| last.id.0);
            let len = collection.name.len();
            if collection.id.0 <= last || len == 0 || len > COLLECTION_NAME_LEN_MAX {
                return Err(Fault::damaged(
                    "collections with rising ids and legal names",
                    format!("collection {} named {:?}", collection.id, collection.name),
                ));
            }
            collections.push(collection);
        }
        let mut catalog = Self {
            version,
            collections,
            indexes: Vec::new(),
            last_id: 0,
            times_to_live: Vec::new(),
        };
        if map.has("indexes") {
            for value in map.list("indexes")? {
                let index = Index::decode(Reader::of(value, "indexes")?)?;
                catalog.check(&index)?;
                catalog.indexes.push(Arc::new(index));
            }
        }
        if let Some(value) = map.optional("last_id") {
            catalog.last_id = u16::try_from(number(&value, "last_id")?)
                .map_err(|_| Fault::damaged("an id", "a higher number"))?;
        }
        if map.has("times_to_live") {
            for value in map.list("times_to_live")? {
                let mut entry = Reader::of(value, "times_to_live")?;
                let time = (CollectionId(entry.narrow("id")?), entry.number("time_us")?);
                entry.finish()?;
                catalog.times_to_live.push(time);
            }
        }
        map.finish()?;
        debug_assert!(catalog.collections.len() <= COLLECTION_COUNT_MAX);
        Ok(catalog)
    }

    /// Refuses an index that cannot stand behind those before it.
    fn check(&self, index: &Index) -> Result<(), Fault> {
        let last = self.indexes.last().map_or(0, |last| last.id.0);
        let sound = index.id.0 > last
            && !self.has(CollectionId(index.id.0))
            && self.has(index.collection)
            && (1..=INDEX_NAME_LEN_MAX).contains(&index.name.len())
            && (1..=INDEX_PATH_COUNT_MAX).contains(&index.paths.len())
            && self.find_index(index.collection, &index.name).is_none();
        match sound {
            true => Ok(()),
            false => Err(Fault::damaged(
                "indexes with rising ids and legal names, of collections that are there",
                format!("index {} of {}", index.id, index.collection),
            )),
        }
    }
}

fn time_value((id, time_us): &(CollectionId, u64)) -> Value {
    let mut entry = Writer::default();
    entry.set("id", u64::from(id.0));
    entry.set("time_us", *time_us);
    entry.value()
}
