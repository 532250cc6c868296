//! Asking an index.

use std::ops::{Bound, RangeBounds};
use std::sync::Arc;

use entidb_codec::Value;
use entidb_codec::key;

use super::entries::{EntryBounds, bounds_of};
use super::position::Position;
use super::walk::{Exact, Found, FoundIds, FoundPositions, Walk};
use super::within::Within;
use crate::error::{Error, Result};
use crate::format::catalog::{Index, IndexKind};
use crate::format::entry_key;
use crate::ids::EntityId;
use crate::payload::Payload;
use crate::snapshot::Snapshot;
use crate::transaction::Transaction;

/// A question to an index: which entities have these values. Made by [`Snapshot::by`], [`Transaction::by`] or
/// [`Untyped::by`](crate::Untyped::by); nothing is read before its answer is taken. Without a condition it finds all entities of
/// the index, in the order of their values: null, false, true, numbers, texts by code point, dates, bytes, all else. Entities of
/// one value come in id order.
///
/// Where several values of one entity are in the range, as with a path like `tags[]`, it comes once for each of them.
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
    descending: bool,
    after: Option<Vec<u8>>,
    limit: u64,
    /// What was asked and cannot be answered.
    failed: Option<Error>,
}

/// Of what the question is asked.
pub(super) enum Source<'a> {
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

    /// From the highest value down, and of one value from the highest id.
    pub fn reverse(mut self) -> Self {
        self.descending = !self.descending;
        self
    }

    /// Those that come behind this position, which a walk through the same index has given, in the direction of this walk.
    pub fn after(mut self, position: &Position) -> Self {
        let own = position.0.starts_with(&self.index.id.0.to_be_bytes());
        if !own || entry_key::split(&position.0).is_none() {
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
        if let Some(error) = self.failed {
            return Walk::failed(error);
        }
        let exact = self.exact();
        let whole = self.equal_count == self.index.paths.len();
        let equal = whole.then(|| std::mem::take(&mut self.equal));
        let index = Arc::clone(&self.index);
        let (mut bounds, exact) = exact.stored(index.id, equal.as_deref());
        if let Some(after) = self.after {
            go_on(&mut bounds, after, self.descending);
        }
        let walk = match self.source {
            Source::Snapshot(snapshot) => Walk::over(snapshot, index, &bounds, self.descending),
            Source::Transaction(tx) => tx.walk_index(index, &bounds, self.descending),
        };
        match walk {
            Ok(walk) => walk.with(exact, self.limit),
            Err(error) => Walk::failed(error),
        }
    }
}

/// Leaves out what does not come behind `after`.
fn go_on(bounds: &mut EntryBounds, after: Vec<u8>, descending: bool) {
    let (Bound::Included(key) | Bound::Excluded(key)) = (match descending {
        true => &bounds.1,
        false => &bounds.0,
    }) else {
        return;
    };
    match descending {
        true if after < *key => bounds.1 = Bound::Excluded(after),
        false if after >= *key => bounds.0 = Bound::Excluded(after),
        _ => {}
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
