//! Asking an index.

use std::collections::BTreeMap;
use std::ops::{Bound, RangeBounds};
use std::sync::Arc;

use entidb_codec::Value;
use entidb_codec::key::{self, Case};

use super::entries::{EntryBounds, bounds_of, value_prefix};
use super::keys::Keys;
use super::merged::Merged;
use super::position::Position;
use super::walk::{self, Exact, Found, FoundIds, FoundPositions, Steps, Walk};
use super::within::Within;
use super::words::{self, Word};
use crate::error::{Error, Result};
use crate::format::catalog::{Index, IndexKind};
use crate::format::entry_key;
use crate::ids::{EntityId, Lsn};
use crate::payload::Payload;
use crate::snapshot::Snapshot;
use crate::transaction::Transaction;

/// A question to an index: which entities have these values. Made by [`Snapshot::by`], [`Transaction::by`] or
/// [`Untyped::by`](crate::Untyped::by); nothing is read before its answer is taken. Without a condition it finds all entities of
/// the index, in the order of their values: null, false, true, numbers, texts by code point, dates, bytes, all else. Entities of
/// one value come in id order.
///
/// Each entity comes once: where several of its values are in the range, as with a path like `tags[]`, at the first of them. Whether
/// it has come already its payload tells, so that such a range reads it also for [`ids`](Self::ids) and [`count`](Self::count).
///
/// ```
/// use entidb::{Database, EntityId, IndexSpec, Value};
///
/// # fn main() -> entidb::Result<()> {
/// # let db = Database::open_in(entidb::storage::MemoryDirectory::new())?;
/// db.create_index("people", &IndexSpec::on("email").unique())?;
/// db.create_index("people", &IndexSpec::on("age"))?;
/// let ann = Value::from([("email", Value::from("ann@example.com")), ("age", Value::from(42))]);
/// db.untyped("people").put(EntityId::from_key("ann"), &ann)?;
///
/// let snapshot = db.snapshot();
/// let found = snapshot.by("people", "email")?.equal(&Value::from("ann@example.com")).first()?;
/// assert_eq!(found.map(|(id, _)| id), Some(EntityId::from_key("ann")));
/// assert_eq!(snapshot.by("people", "age")?.range(Value::from(18)..).count()?, 1);
/// for entity in snapshot.by("people", "age")?.reverse().limit(10) {
///     let (id, payload) = entity?;
///     println!("{id} {:?}", payload.value()?);
/// }
/// # Ok(()) }
/// ```
#[must_use = "an index reads nothing until its answer is taken"]
pub struct Find<'a> {
    source: Source<'a>,
    index: Arc<Index>,
    /// The key of the leading parts that must be equal, and how many they are.
    equal: Vec<u8>,
    equal_count: usize,
    /// Between which keys the next part lies, each behind `equal`.
    between: Option<EntryBounds>,
    /// Which words are asked for.
    words: Option<Words>,
    descending: bool,
    after: Option<Vec<u8>>,
    limit: u64,
    /// What was asked and cannot be answered.
    failed: Option<Error>,
}

/// Words that are asked for, by their index keys.
enum Words {
    All(Vec<Vec<u8>>),
    Any(Vec<Vec<u8>>),
    /// Those between these index keys.
    Prefix(Exact),
}

/// Of what the question is asked.
enum Source<'a> {
    Snapshot(Snapshot),
    Transaction(&'a Transaction),
}

impl Snapshot {
    /// Asks the index `index` of a collection.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) if there is no such index at this moment, or it is still being built.
    pub fn by(&self, collection: &str, index: &str) -> Result<Find<'static>> {
        let found = find_index(self, collection, index)?;
        Ok(Find::new(Source::Snapshot(self.clone()), found))
    }
}

impl Transaction {
    /// Asks the index `index` of a collection, as this transaction sees it: what it has written itself is in the answer.
    ///
    /// # Errors
    /// As for [`Snapshot::by`].
    pub fn by(&self, collection: &str, index: &str) -> Result<Find<'_>> {
        let found = find_index(self.snapshot(), collection, index)?;
        Ok(Find::new(Source::Transaction(self), found))
    }
}

fn find_index(snapshot: &Snapshot, collection: &str, name: &str) -> Result<Arc<Index>> {
    let catalog = &snapshot.view().catalog;
    let id = catalog.find(collection);
    let index = id.and_then(|id| catalog.find_index(id, name));
    let why = match index {
        Some(index) if index.is_ready() => return Ok(Arc::clone(index)),
        Some(_) => format!(
            "the index {name:?} of {collection:?} is still being built: Database::create_index waits for that"
        ),
        None => format!(
            "{collection:?} has no index {name:?}: make it with Database::create_index{}",
            known(catalog, id)
        ),
    };
    Err(Error::new(crate::ErrorKind::NotFound, why))
}

/// The indexes that there are, for people.
fn known(
    catalog: &crate::manifest::Catalog,
    collection: Option<crate::ids::CollectionId>,
) -> String {
    let indexes = collection.map(|id| catalog.indexes_of(id));
    let names = indexes.into_iter().flatten();
    let names: Vec<_> = names.map(|index| format!("{:?}", index.name)).collect();
    match names.is_empty() {
        true => String::new(),
        false => format!("; it has {}", names.join(", ")),
    }
}

impl<'a> Find<'a> {
    fn new(source: Source<'a>, index: Arc<Index>) -> Self {
        Self {
            source,
            index,
            equal: Vec::new(),
            equal_count: 0,
            between: None,
            words: None,
            descending: false,
            after: None,
            limit: u64::MAX,
            failed: None,
        }
    }

    /// Those whose value is this one; of an index on several paths, whose first value is, or the one behind those that were
    /// asked for already.
    pub fn equal(mut self, value: &Value) -> Self {
        if self.takes_value() {
            let pushed = key::push_value(&mut self.equal, value, self.index.case);
            self.note(pushed);
            self.equal_count += 1;
        }
        self
    }

    /// Those whose values at the index's paths are these, in the order of the paths. They may be fewer than the paths.
    pub fn equal_all(self, values: &[Value]) -> Self {
        values.iter().fold(self, Self::equal)
    }

    /// Those whose value lies between these; of an index on several paths, the value at the first path that no value was asked
    /// for.
    pub fn range(mut self, values: impl RangeBounds<Value>) -> Self {
        if !self.takes_value() {
            return self;
        }
        // All that begin with the key of a value have that value.
        let lower = match values.start_bound() {
            Bound::Included(value) => self.part(value).map_or(Bound::Unbounded, Bound::Included),
            Bound::Excluded(value) => self
                .part_behind(value)
                .map_or(Bound::Unbounded, Bound::Included),
            Bound::Unbounded => Bound::Unbounded,
        };
        let upper = match values.end_bound() {
            Bound::Included(value) => self
                .part_behind(value)
                .map_or(Bound::Unbounded, Bound::Excluded),
            Bound::Excluded(value) => self.part(value).map_or(Bound::Unbounded, Bound::Excluded),
            Bound::Unbounded => Bound::Unbounded,
        };
        self.between = Some((lower, upper));
        self
    }

    /// Those whose value is a text that begins with this one; of an index on several paths, as for [`range`](Self::range).
    pub fn prefix(mut self, text: &str) -> Self {
        if self.takes_value() {
            let (lower, upper) = key::prefix_bounds(text, self.index.case);
            let behind = |part: Vec<u8>| [self.equal.as_slice(), &part].concat();
            self.between = Some((
                Bound::Included(behind(lower)),
                Bound::Excluded(behind(upper)),
            ));
        }
        self
    }

    /// Of a full-text index: those that have all of these words, in id order. Of a text with several, all of these.
    ///
    /// ```
    /// use entidb::{Database, EntityId, IndexSpec, Value};
    ///
    /// # fn main() -> entidb::Result<()> {
    /// # let db = Database::open_in(entidb::storage::MemoryDirectory::new())?;
    /// db.create_index("notes", &IndexSpec::on("text").full_text())?;
    /// let note = Value::from([("text", "The quick brown fox")]);
    /// db.untyped("notes").put(EntityId::new(), &note)?;
    /// let notes = db.untyped("notes");
    /// assert_eq!(notes.by("text:text")?.all_of(["fox", "QUICK"]).count()?, 1);
    /// assert_eq!(notes.by("text:text")?.any_of(["dog", "fox"]).count()?, 1);
    /// assert_eq!(notes.by("text:text")?.word_prefix("bro").count()?, 1);
    /// # Ok(()) }
    /// ```
    pub fn all_of<W: AsRef<str>>(self, words: impl IntoIterator<Item = W>) -> Self {
        self.of_words(words, Words::All)
    }

    /// Of a full-text index: those that have any of these words, in id order.
    pub fn any_of<W: AsRef<str>>(self, words: impl IntoIterator<Item = W>) -> Self {
        self.of_words(words, Words::Any)
    }

    /// Of a full-text index: those that have a word which begins like this, in id order. Their ids are held in memory.
    pub fn word_prefix(mut self, beginning: &str) -> Self {
        if self.takes_words() {
            let (lower, upper) = key::prefix_bounds(beginning, Case::Insensitive);
            self.words = Some(Words::Prefix(Exact {
                lower: Bound::Included(lower),
                upper: Bound::Excluded(upper),
            }));
        }
        self
    }

    fn of_words<W: AsRef<str>>(
        mut self,
        words: impl IntoIterator<Item = W>,
        kind: impl FnOnce(Vec<Vec<u8>>) -> Words,
    ) -> Self {
        if self.takes_words() {
            match words::keys_of(words) {
                Ok(keys) => self.words = Some(kind(keys)),
                Err(error) => drop(self.note(Err(error))),
            }
        }
        self
    }

    /// Whether words can be asked for here; notes it if not.
    fn takes_words(&mut self) -> bool {
        let name = &self.index.name;
        let why = if self.index.kind != IndexKind::Text {
            format!(
                "the index {name:?} has whole values: words are in one made by IndexSpec::full_text"
            )
        } else if self.words.is_some() {
            "words were asked for already".to_owned()
        } else {
            return true;
        };
        self.fail(Error::invalid(why));
        false
    }

    /// From the highest value down, and of one value from the highest id.
    pub fn reverse(mut self) -> Self {
        self.descending = !self.descending;
        self
    }

    /// Those that come behind this position, which a walk through the same index has given, in the direction of this walk.
    pub fn after(mut self, position: &Position) -> Self {
        let own = position.0.starts_with(&self.index.id.0.to_be_bytes());
        let by_id = position.0.len() == entry_key::INDEX_LEN + EntityId::LEN;
        let value = entry_key::split(&position.0).is_some();
        if !own || (self.index.kind == IndexKind::Text) != by_id || value == by_id {
            let name = &self.index.name;
            self.fail(Error::invalid(format!(
                "the position is none in the index {name:?}"
            )));
        }
        self.after = Some(position.0.clone());
        self
    }

    /// The first `count` of them.
    pub fn limit(mut self, count: u64) -> Self {
        self.limit = count;
        self
    }

    /// Their ids, without reading the entities.
    pub fn ids(self) -> FoundIds {
        FoundIds(self.walk())
    }

    /// The entities.
    pub fn iter(self) -> Found {
        Found(self.walk())
    }

    /// The entities, each with the position behind which a later walk goes on.
    pub fn positions(self) -> FoundPositions {
        FoundPositions(self.walk())
    }

    /// How many there are, without reading the entities.
    ///
    /// # Errors
    /// As for [`first`](Self::first).
    pub fn count(self) -> Result<u64> {
        let mut count = 0;
        for id in self.ids() {
            id?;
            count += 1;
        }
        Ok(count)
    }

    /// The first of them.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) if the index cannot answer the question;
    /// [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) or [`ErrorKind::Io`](crate::ErrorKind::Io), as for [`Snapshot::get`].
    pub fn first(self) -> Result<Option<(EntityId, Payload)>> {
        self.limit(1).iter().next().transpose()
    }

    /// Whether a value can be asked for here; notes it if not.
    fn takes_value(&mut self) -> bool {
        let (name, count) = (&self.index.name, self.index.paths.len());
        let why = if self.index.kind == IndexKind::Text {
            format!("the index {name:?} has words: ask it by all_of, any_of or word_prefix")
        } else if self.between.is_some() {
            "behind a range or a prefix, no more can be asked for".to_owned()
        } else if self.equal_count >= count {
            format!("the index {name:?} is on {count} paths, and more values were asked for")
        } else {
            return true;
        };
        self.fail(Error::invalid(why));
        false
    }

    /// The beginning of the keys whose next part is `value`.
    fn part(&mut self, value: &Value) -> Option<Vec<u8>> {
        let mut part = self.equal.clone();
        let pushed = key::push_value(&mut part, value, self.index.case);
        self.note(pushed).then_some(part)
    }

    /// What is behind all of these.
    fn part_behind(&mut self, value: &Value) -> Option<Vec<u8>> {
        let mut part = self.part(value)?;
        entry_key::step_behind(&mut part).then_some(part)
    }

    fn note(&mut self, pushed: Result<(), key::KeyError>) -> bool {
        match pushed {
            Ok(()) => true,
            Err(error) => {
                let name = &self.index.name;
                let why = format!("the index {name:?} cannot be asked for the value");
                self.fail(Error::invalid(why).because(error));
                false
            }
        }
    }

    /// Tells this error when the answer is taken.
    pub(crate) fn refused(mut self, error: Error) -> Self {
        self.fail(error);
        self
    }

    fn fail(&mut self, error: Error) {
        self.failed.get_or_insert(error);
    }

    /// Between which index keys the answer lies.
    fn exact(&mut self) -> Exact {
        let (lower, upper) = self
            .between
            .take()
            .unwrap_or((Bound::Unbounded, Bound::Unbounded));
        let (from, to) = bounds_of(&self.equal);
        Exact {
            lower: if matches!(lower, Bound::Unbounded) {
                from
            } else {
                lower
            },
            upper: if matches!(upper, Bound::Unbounded) {
                to
            } else {
                upper
            },
        }
    }

    /// Which payloads it would find.
    pub(crate) fn within(mut self) -> Result<Within> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let Exact { lower, upper } = self.exact();
        Ok(Within::new(self.index, (lower, upper)))
    }

    fn walk(mut self) -> Walk {
        let source = match self.words.take() {
            Some(words) => self.words(words),
            None => self.values(),
        };
        Walk::new(source.map(|(source, exact, several)| {
            let (snapshot, notes) = match self.source {
                Source::Snapshot(snapshot) => (snapshot, None),
                Source::Transaction(tx) => (tx.snapshot().clone(), tx.notes()),
            };
            Steps {
                snapshot,
                index: self.index,
                source,
                descending: self.descending,
                exact,
                several,
                keys: Keys::default(),
                left: self.limit,
                notes,
                last: EntityId::MIN,
                put: Lsn::MAX,
            }
        }))
    }

    /// Entities by their values.
    fn values(&mut self) -> Result<(walk::Source, Option<Exact>, bool)> {
        if self.index.kind == IndexKind::Text && self.failed.is_none() {
            let name = &self.index.name;
            let why = "has words: ask it by all_of, any_of or word_prefix";
            self.fail(Error::invalid(format!("the index {name:?} {why}")));
        }
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        let exact = self.exact();
        let whole = self.equal_count == self.index.paths.len();
        let equal = whole.then(|| std::mem::take(&mut self.equal));
        let id = self.index.id;
        let (mut bounds, told) = exact.stored(id, equal.as_deref());
        if let Some(after) = self.after.take() {
            go_on(&mut bounds, after, self.descending);
        }
        // Of one value, an entity has one entry.
        let several = !whole && self.index.paths.iter().any(|path| path.has_each());
        let value = match (&equal, told) {
            (Some(equal), true) => Some(value_prefix(id, equal)),
            _ => None,
        };
        let entries = self.entries(&bounds, value.as_deref())?;
        let exact = (!told || several).then_some(exact);
        Ok((walk::Source::Values(Box::new(entries)), exact, several))
    }

    /// Entities by their words.
    fn words(&mut self, words: Words) -> Result<(walk::Source, Option<Exact>, bool)> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        let after = self.after.take();
        let after = after.and_then(|key| key.last_chunk().copied().map(EntityId::from_bytes));
        let mut exact = None;
        let source = match words {
            Words::All(keys) => walk::Source::All(self.each_word(keys, after)?),
            Words::Any(keys) => walk::Source::Any(self.each_word(keys, after)?),
            Words::Prefix(between) => {
                let (bounds, told) = between.stored(self.index.id, None);
                exact = (!told).then_some(between);
                let mut entries = self.entries(&bounds, None)?;
                let mut found = BTreeMap::new();
                while let Some((id, payload)) = entries.next()? {
                    found.insert(id, payload);
                }
                let mut found: Vec<_> = found.into_iter().collect();
                if self.descending {
                    found.reverse();
                }
                if let Some(after) = after {
                    found.retain(|(id, _)| *id != after && (*id > after) != self.descending);
                }
                walk::Source::Ids(found.into_iter())
            }
        };
        Ok((source, exact, false))
    }

    /// A walk through the entities of each word.
    fn each_word(&self, keys: Vec<Vec<u8>>, after: Option<EntityId>) -> Result<Vec<Word>> {
        let words = keys.into_iter().map(|key| {
            let value = value_prefix(self.index.id, &key);
            let mut bounds = bounds_of(&value);
            if let Some(after) = after {
                let mut whole = value.clone();
                whole.extend_from_slice(after.as_bytes());
                go_on(&mut bounds, whole, self.descending);
            }
            self.entries(&bounds, Some(&value)).map(Word::new)
        });
        words.collect()
    }

    fn entries(&self, bounds: &EntryBounds, value: Option<&[u8]>) -> Result<Merged> {
        let (index, descending) = (&self.index, self.descending);
        match &self.source {
            Source::Snapshot(snapshot) => Merged::new(snapshot, index, bounds, value, descending),
            Source::Transaction(tx) => tx.index_entries(index, bounds, value, descending),
        }
    }
}

/// Leaves out what does not come behind `after`.
fn go_on(bounds: &mut EntryBounds, after: Vec<u8>, descending: bool) {
    let end = match descending {
        true => &mut bounds.1,
        false => &mut bounds.0,
    };
    let narrower = match end {
        Bound::Included(key) | Bound::Excluded(key) => match descending {
            true => after < *key,
            false => after >= *key,
        },
        Bound::Unbounded => true,
    };
    if narrower {
        *end = Bound::Excluded(after);
    }
}

impl IntoIterator for Find<'_> {
    type Item = Result<(EntityId, Payload)>;
    type IntoIter = Found;

    fn into_iter(self) -> Found {
        self.iter()
    }
}

impl std::fmt::Debug for Find<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Find in the index {:?}", self.index.name)
    }
}
