//! Random histories of indexed collections against maps: every index read, in every state.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "a test's helpers fail as its functions do"
)]

use std::collections::{BTreeMap, BTreeSet};

use entidb::{
    Database, Durability, EntityId, ErrorKind, Find, IndexSpec, Options, Payload, Position,
    Snapshot, Transaction, Value, WriteOptions,
};
use entidb_testkit::{Policy, SimDisk};
use proptest::collection::vec;
use proptest::prelude::*;

/// What a database holds.
type Content = BTreeMap<(usize, EntityId), Value>;
/// Which indexes of which collections there are.
type Declared = BTreeSet<(usize, usize)>;

const COLLECTIONS: [&str; 2] = ["a", "b"];

/// A part of a key, in the order that keys have.
#[derive(Debug, Clone, PartialEq, PartialOrd)]
enum Part {
    Absent,
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
}

impl Part {
    fn of(value: &Value, ignore_case: bool) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(bool) => Self::Bool(*bool),
            Value::Float(float) => Self::Number(*float),
            Value::Text(text) if ignore_case => Self::Text(text.to_ascii_lowercase()),
            Value::Text(text) => Self::Text(text.clone()),
            value => Self::Number(value.as_i64().unwrap() as f64),
        }
    }
}

struct Declaration {
    name: &'static str,
    paths: &'static [&'static str],
    unique: bool,
    ignore_case: bool,
}

const INDEXES: [Declaration; 8] = [
    plain("n", &["n"]),
    Declaration {
        ignore_case: true,
        ..plain("s", &["s"])
    },
    plain("tags[]", &["tags[]"]),
    plain("s,n", &["s", "n"]),
    Declaration {
        unique: true,
        ..plain("u", &["u"])
    },
    plain("n,tags[]", &["n", "tags[]"]),
    plain("long", &["long"]),
    plain("text:s,tags[]", &["s", "tags[]"]),
];
const UNIQUE: usize = 4;
const LONG: usize = 6;
const WORDS: usize = 7;

const fn plain(name: &'static str, paths: &'static [&'static str]) -> Declaration {
    Declaration {
        name,
        paths,
        unique: false,
        ignore_case: false,
    }
}

impl Declaration {
    fn spec(&self) -> IndexSpec {
        let spec = IndexSpec::on_all(self.paths.iter().copied());
        let spec = if self.unique { spec.unique() } else { spec };
        if self.name.starts_with("text:") {
            spec.full_text()
        } else if self.ignore_case {
            spec.ignore_case()
        } else {
            spec
        }
    }

    /// The keys of an entity.
    fn keys(&self, value: &Value) -> Vec<Vec<Part>> {
        let mut keys = vec![Vec::new()];
        let mut any = false;
        for path in self.paths {
            let (field, each) = match path.strip_suffix("[]") {
                Some(field) => (field, true),
                None => (*path, false),
            };
            let entries = value.as_map().unwrap();
            let found = entries.iter().find(|(key, _)| key.as_str() == Some(field));
            let found = match (found, each) {
                (None, _) => Vec::new(),
                (Some((_, value)), false) => vec![value],
                (Some((_, value)), true) => value.as_array().unwrap().iter().collect(),
            };
            any |= !found.is_empty();
            let mut parts: Vec<_> = found
                .into_iter()
                .map(|value| Part::of(value, self.ignore_case))
                .collect();
            if parts.is_empty() {
                parts.push(Part::Absent);
            }
            keys = keys
                .into_iter()
                .flat_map(|key: Vec<Part>| {
                    parts
                        .iter()
                        .map(move |part| [key.as_slice(), std::slice::from_ref(part)].concat())
                })
                .collect();
        }
        keys.retain(|_| any);
        keys.sort_by(|a, b| a.partial_cmp(b).unwrap());
        keys.dedup();
        keys
    }

    /// What is in the index, in order.
    fn entries(&self, content: &Content, collection: usize) -> Vec<(Vec<Part>, EntityId)> {
        let mut entries = Vec::new();
        for ((of, id), value) in content {
            if *of == collection {
                entries.extend(self.keys(value).into_iter().map(|key| (key, *id)));
            }
        }
        entries.sort_by(|a, b| a.partial_cmp(b).unwrap());
        entries
    }
}

fn id(n: u64) -> EntityId {
    EntityId::from_key(n)
}

/// Whether two entities have one value of the unique index.
fn has_duplicates(content: &Content, collection: usize) -> bool {
    let entries = INDEXES[UNIQUE].entries(content, collection);
    let entries = entries.into_iter().filter(|(key, _)| key[0] > Part::Null);
    let keys: Vec<_> = entries.map(|(key, _)| key).collect();
    keys.windows(2).any(|pair| pair[0] == pair[1])
}

#[derive(Debug, Clone)]
enum What {
    Put(Value),
    Delete,
    Remove,
    Range(u64),
}

#[derive(Debug, Clone)]
struct Write {
    collection: usize,
    id: u64,
    what: What,
}

#[derive(Debug, Clone)]
enum Step {
    Commit(Vec<Write>, bool),
    Create(usize, Vec<usize>),
    DropIndex(usize, usize),
    Drop(usize),
    Compact,
    Checkpoint,
    Snapshot,
    Held(usize),
    Reopen,
    Kill,
    PowerCut(u64),
    Look,
}

fn number() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => (-3..4_i64).prop_map(Value::from),
        1 => Just(Value::from(1.5)),
        1 => Just(Value::from(2.0)),
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::from),
    ]
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("Ann"),
        Just("ann"),
        Just("Anna"),
        Just("bob"),
        Just("")
    ]
    .prop_map(str::to_owned)
}

fn entity() -> impl Strategy<Value = Value> {
    let long = prop_oneof![
        3 => Just(None),
        1 => (950..1100_usize, 0..3_u8).prop_map(|(len, last)| Some(format!("{}{last}", "x".repeat(len)))),
    ];
    let parts = (
        proptest::option::of(number()),
        proptest::option::of(text()),
        proptest::option::of(vec(text(), 0..4)),
        proptest::option::weighted(
            0.7,
            prop_oneof![6 => (0..12_i64).prop_map(Value::from), 1 => Just(Value::Null)],
        ),
        long,
    );
    parts.prop_map(|(n, s, tags, u, long)| {
        let fields = [
            ("n", n),
            ("s", s.map(Value::from)),
            (
                "tags",
                tags.map(|tags| tags.into_iter().map(Value::from).collect()),
            ),
            ("u", u),
            ("long", long.map(Value::from)),
        ];
        let there = fields
            .into_iter()
            .filter_map(|(name, value)| Some((Value::from(name), value?)));
        Value::Map(there.collect())
    })
}

fn write() -> impl Strategy<Value = Write> {
    let what = prop_oneof![
        6 => entity().prop_map(What::Put),
        1 => Just(What::Delete),
        1 => Just(What::Remove),
        1 => (0..10_u64).prop_map(What::Range),
    ];
    let collection = prop_oneof![4 => Just(0_usize), 1 => Just(1)];
    (collection, 0..10_u64, what).prop_map(|(collection, id, what)| Write {
        collection,
        id,
        what,
    })
}

fn step() -> impl Strategy<Value = Step> {
    let collection = || prop_oneof![4 => Just(0_usize), 1 => Just(1)];
    prop_oneof![
        10 => (vec(write(), 1..2), any::<bool>()).prop_map(|(w, d)| Step::Commit(w, d)),
        8 => (vec(write(), 2..8), any::<bool>()).prop_map(|(w, d)| Step::Commit(w, d)),
        5 => (collection(), vec(0..INDEXES.len(), 1..3)).prop_map(|(c, i)| Step::Create(c, i)),
        1 => (collection(), 0..INDEXES.len()).prop_map(|(c, i)| Step::DropIndex(c, i)),
        1 => collection().prop_map(Step::Drop),
        1 => Just(Step::Compact),
        3 => Just(Step::Checkpoint),
        2 => Just(Step::Snapshot),
        2 => (0..5_usize).prop_map(Step::Held),
        1 => Just(Step::Reopen),
        1 => Just(Step::Kill),
        1 => any::<u64>().prop_map(Step::PowerCut),
        3 => Just(Step::Look),
    ]
}

fn between(a: u64, b: u64) -> std::ops::RangeInclusive<EntityId> {
    id(a).min(id(b))..=id(a).max(id(b))
}

fn apply(content: &mut Content, write: &Write) {
    let key = (write.collection, id(write.id));
    match &write.what {
        What::Put(value) => drop(content.insert(key, value.clone())),
        What::Delete | What::Remove => drop(content.remove(&key)),
        What::Range(to) => {
            let range = between(write.id, *to);
            content.retain(|(of, id), _| *of != write.collection || !range.contains(id));
        }
    }
}

fn write_to(tx: &mut Transaction, write: &Write) -> entidb::Result<()> {
    let (name, id) = (COLLECTIONS[write.collection], id(write.id));
    match &write.what {
        What::Put(value) => tx.put(name, id, value),
        What::Delete => tx.delete(name, id).map(drop),
        What::Remove => tx.remove(name, id),
        What::Range(to) => tx.delete_range(name, between(write.id, *to)),
    }
}

type Entity = (EntityId, Payload);

fn ids(find: Find<'_>) -> Vec<EntityId> {
    find.ids().map(Result::unwrap).collect()
}

/// Compares all that one index says.
fn compare_index<'a>(
    index: &Declaration,
    content: &Content,
    collection: usize,
    find: &dyn Fn() -> Find<'a>,
    paged: bool,
) {
    let entries = index.entries(content, collection);
    let in_order = |keep: &dyn Fn(&[Part]) -> bool, reverse: bool| -> Vec<EntityId> {
        let kept = entries.iter().filter(|(key, _)| keep(key));
        let mut ids: Vec<_> = kept.map(|(_, id)| *id).collect();
        if reverse {
            ids.reverse();
        }
        // Each entity once, at the first of its values.
        let mut seen = BTreeSet::new();
        ids.retain(|id| seen.insert(*id));
        ids
    };
    let of = |keep: &dyn Fn(&[Part]) -> bool| in_order(keep, false);
    let all = of(&|_| true);
    assert_eq!(ids(find()), all, "all of {}", index.name);
    assert_eq!(find().count().unwrap(), all.len() as u64);
    let backwards = in_order(&|_| true, true);
    assert_eq!(ids(find().reverse()), backwards, "backwards");
    let entities: Vec<Entity> = find().into_iter().map(Result::unwrap).collect();
    assert!(entities.iter().map(|(id, _)| id).eq(&all));
    for (id, payload) in entities {
        let value = &content[&(collection, id)];
        assert_eq!(payload, Payload::encode(value).unwrap());
    }
    if paged {
        for reverse in [false, true] {
            let mut found = Vec::new();
            let mut position: Option<Position> = None;
            loop {
                let mut page = if reverse { find().reverse() } else { find() };
                if let Some(position) = &position {
                    page = page.after(&position.to_string().parse().unwrap());
                }
                let page: Vec<_> = page.limit(2).positions().map(Result::unwrap).collect();
                let Some((_, _, last)) = page.last() else {
                    break;
                };
                position = Some(last.clone());
                found.extend(page.iter().map(|(id, _, _)| *id));
            }
            let expected = if reverse { &backwards } else { &all };
            assert_eq!(found, *expected, "in pages");
        }
    }
    let values = [
        Value::Null,
        Value::from(true),
        Value::from(-1),
        Value::from(1.5),
        Value::from(2),
        Value::from(7),
        Value::from("Ann"),
        Value::from("anna"),
        Value::from(""),
    ];
    for value in &values {
        let part = Part::of(value, index.ignore_case);
        let equal = of(&|key| key[0] == part);
        assert_eq!(ids(find().equal(value)), equal, "equal to {value:?}");
        let first = find().equal(value).first().unwrap();
        assert_eq!(first.map(|(id, _)| id), equal.first().copied());
        assert_eq!(ids(find().range(value..)), of(&|key| key[0] >= part));
        assert_eq!(ids(find().range(..value)), of(&|key| key[0] < part));
        for other in &values {
            let to = Part::of(other, index.ignore_case);
            let within = of(&|key| part <= key[0] && key[0] <= to);
            assert_eq!(ids(find().range(value..=other)), within);
            let within = in_order(&|key| part <= key[0] && key[0] <= to, true);
            assert_eq!(ids(find().range(value..=other).reverse()), within);
            if index.paths.len() > 1 {
                let both = of(&|key| key[0] == part && key[1] == to);
                let all = [value.clone(), other.clone()];
                assert_eq!(ids(find().equal_all(&all)), both);
                let rest = of(&|key| key[0] == part && key[1] > to);
                let bounds = (
                    std::ops::Bound::Excluded(other.clone()),
                    std::ops::Bound::Unbounded,
                );
                assert_eq!(ids(find().equal(value).range(bounds)), rest);
            }
        }
    }
    let begins =
        |part: &Part, with: &str| matches!(part, Part::Text(text) if text.starts_with(with));
    for text in ["", "A", "an", "Ann", "ann"] {
        let folded = if index.ignore_case {
            text.to_lowercase()
        } else {
            text.to_owned()
        };
        let expected = of(&|key| begins(&key[0], &folded));
        assert_eq!(
            ids(find().prefix(text)),
            expected,
            "beginning with {text:?}"
        );
    }
}

/// Compares what an index says of texts that are longer than its keys.
fn compare_long<'a>(content: &Content, collection: usize, find: &dyn Fn() -> Find<'a>) {
    let entries = INDEXES[LONG].entries(content, collection);
    let sorted = |mut ids: Vec<EntityId>| {
        ids.sort_unstable();
        ids
    };
    let of = |keep: &dyn Fn(&Part) -> bool| -> Vec<EntityId> {
        let kept = entries.iter().filter(|(key, _)| keep(&key[0]));
        sorted(kept.map(|(_, id)| *id).collect())
    };
    assert_eq!(sorted(ids(find())), of(&|_| true));
    for (key, _) in &entries {
        let Part::Text(text) = &key[0] else {
            panic!("{key:?}");
        };
        let value = Value::from(text.as_str());
        assert_eq!(
            sorted(ids(find().equal(&value))),
            of(&|part| *part == key[0])
        );
        assert_eq!(
            sorted(ids(find().range(&value..))),
            of(&|part| *part >= key[0])
        );
        assert_eq!(
            sorted(ids(find().range(..&value))),
            of(&|part| *part < key[0])
        );
        assert_eq!(
            sorted(ids(find().range(..=&value).reverse())),
            of(&|part| *part <= key[0])
        );
        let begins =
            |part: &Part| matches!(part, Part::Text(other) if other.starts_with(text.as_str()));
        assert_eq!(sorted(ids(find().prefix(text))), of(&begins));
    }
}

/// Compares what a full-text index says.
fn compare_words<'a>(content: &Content, collection: usize, find: &dyn Fn() -> Find<'a>) {
    let mut texts: BTreeMap<EntityId, BTreeSet<String>> = BTreeMap::new();
    for ((of, id), value) in content.iter().filter(|((of, _), _)| *of == collection) {
        assert_eq!(*of, collection);
        for (key, value) in value.as_map().unwrap() {
            let words = texts.entry(*id).or_default();
            match key.as_str().unwrap() {
                "s" => drop(words.insert(value.as_str().unwrap().to_lowercase())),
                "tags" => {
                    let tags = value.as_array().unwrap().iter();
                    words.extend(tags.map(|tag| tag.as_str().unwrap().to_lowercase()));
                }
                _ => {}
            }
        }
    }
    let of = |keep: &dyn Fn(&BTreeSet<String>) -> bool| -> Vec<EntityId> {
        let kept = texts.iter().filter(|(_, words)| keep(words));
        kept.map(|(id, _)| *id).collect()
    };
    let has = |words: &BTreeSet<String>, word: &str| words.contains(&word.to_lowercase());
    let all = ["ann", "ANNA", "bob", "nobody"];
    for word in all {
        let expected = of(&|words| has(words, word));
        assert_eq!(ids(find().all_of([word])), expected);
        assert_eq!(ids(find().any_of([word])), expected);
        for other in all {
            let both = of(&|words| has(words, word) && has(words, other));
            assert_eq!(ids(find().all_of([word, other])), both);
            let mut any = of(&|words| has(words, word) || has(words, other));
            let text = format!("{word}, {other}");
            assert_eq!(ids(find().any_of([&text])), any);
            let mut found = Vec::new();
            let mut position: Option<Position> = None;
            loop {
                let mut page = find().any_of([word, other]).reverse().limit(2);
                if let Some(position) = &position {
                    page = page.after(position);
                }
                let page: Vec<_> = page.positions().map(Result::unwrap).collect();
                let Some((_, _, last)) = page.last() else {
                    break;
                };
                position = Some(last.clone());
                found.extend(page.iter().map(|(id, _, _)| *id));
            }
            any.reverse();
            assert_eq!(found, any, "in pages");
        }
    }
    for beginning in ["An", "b", "annab", "", "x"] {
        let begins = |words: &BTreeSet<String>| {
            let mut words = words.iter().filter(|word| !word.is_empty());
            words.any(|word| word.starts_with(&beginning.to_lowercase()))
        };
        assert_eq!(ids(find().word_prefix(beginning)), of(&begins));
    }
}

fn compare(snapshot: &Snapshot, content: &Content, declared: &Declared) {
    let mut there = Content::new();
    for (collection, name) in COLLECTIONS.iter().enumerate() {
        for entity in snapshot.scan(name) {
            let (id, payload) = entity.unwrap();
            there.insert((collection, id), payload.value().unwrap());
        }
    }
    let encoded = |content: &Content| -> Vec<_> {
        let encoded = content.iter();
        encoded
            .map(|(key, value)| (*key, Payload::encode(value).unwrap()))
            .collect()
    };
    assert_eq!(encoded(&there), encoded(content));
    for (collection, name) in COLLECTIONS.iter().enumerate() {
        let names: BTreeSet<_> = snapshot.indexes(name).into_iter().map(|i| i.name).collect();
        let expected = declared.iter().filter(|(of, _)| *of == collection);
        assert_eq!(
            names,
            expected.map(|(_, i)| INDEXES[*i].name.to_owned()).collect()
        );
        for (at, index) in INDEXES.iter().enumerate() {
            if !declared.contains(&(collection, at)) {
                let error = snapshot.by(name, index.name).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::NotFound);
                continue;
            }
            let find = || snapshot.by(name, index.name).unwrap();
            match at {
                LONG => compare_long(content, collection, &find),
                WORDS => compare_words(content, collection, &find),
                _ => compare_index(index, content, collection, &find, true),
            }
        }
    }
}

/// Compares what a transaction sees of its own writes.
fn compare_own(tx: &Transaction, content: &Content, declared: &Declared) {
    for (collection, at) in declared {
        let (name, index) = (COLLECTIONS[*collection], &INDEXES[*at]);
        let find = || tx.by(name, index.name).unwrap();
        match *at {
            LONG => compare_long(content, *collection, &find),
            WORDS => compare_words(content, *collection, &find),
            _ => compare_index(index, content, *collection, &find, false),
        }
    }
}

struct Run {
    disk: SimDisk,
    db: Option<Database>,
    /// What is durable for certain, and each state since.
    states: Vec<Content>,
    declared: Declared,
    seed: u64,
    threshold: u64,
    /// How many bytes a transaction holds in memory.
    bound: usize,
    background: bool,
}

impl Run {
    fn open(&mut self, life: u64) {
        self.db = None;
        let db = Options::new()
            .seed(self.seed ^ life << 32)
            .checkpoint_log_bytes(self.threshold)
            .transaction_memory_bytes(self.bound)
            .reserve_bytes(4 << 10)
            .background(self.background)
            .open_in(self.disk.clone())
            .unwrap();
        self.db = Some(db);
    }

    fn db(&self) -> &Database {
        self.db.as_ref().unwrap()
    }

    fn model(&self) -> &Content {
        self.states.last().unwrap()
    }

    fn commit(&mut self, writes: &[Write], durable: bool, own: bool) {
        let mut after = self.model().clone();
        let durability = if durable {
            Durability::Sync
        } else {
            Durability::Eventual
        };
        let options = WriteOptions::new().durability(durability);
        let mut seen = self.model().clone();
        let result = self.db().write_with(&options, |tx| {
            for write in writes {
                write_to(tx, write)?;
                apply(&mut seen, write);
                if own {
                    compare_own(tx, &seen, &self.declared);
                }
            }
            Ok(())
        });
        writes.iter().for_each(|write| apply(&mut after, write));
        let unique = |collection| self.declared.contains(&(collection, UNIQUE));
        let refused = (0..2).any(|of| unique(of) && has_duplicates(&after, of));
        match result {
            Ok((_, receipt)) => {
                assert!(!refused, "a duplicate was let in");
                self.states.push(after);
                if receipt.durable {
                    self.states.drain(..self.states.len() - 1);
                }
            }
            Err(error) => {
                assert!(refused, "{error:?}");
                assert_eq!(error.kind(), ErrorKind::Duplicate);
                let duplicate = error.duplicate().unwrap();
                assert_ne!(duplicate.id, duplicate.holder);
            }
        }
    }

    fn create(&mut self, collection: usize, indexes: &[usize]) {
        let specs: Vec<_> = indexes.iter().map(|at| INDEXES[*at].spec()).collect();
        let new: BTreeSet<_> = indexes.iter().map(|at| (collection, *at)).collect();
        let missing = !new.is_subset(&self.declared);
        let refused = new.difference(&self.declared).any(|(_, at)| *at == UNIQUE)
            && has_duplicates(self.model(), collection);
        match self.db().create_indexes(COLLECTIONS[collection], &specs) {
            Ok(made) => {
                assert!(!refused);
                assert_eq!(made, missing);
                self.declared.extend(new);
            }
            Err(error) => {
                assert!(refused, "{error:?}");
                assert_eq!(error.kind(), ErrorKind::Duplicate);
                // The others wait to be built to their end.
                let others: Vec<_> = indexes.iter().copied().filter(|at| *at != UNIQUE).collect();
                if !others.is_empty() {
                    self.create_rest(collection, &others);
                }
            }
        }
    }

    fn create_rest(&mut self, collection: usize, indexes: &[usize]) {
        let specs: Vec<_> = indexes.iter().map(|at| INDEXES[*at].spec()).collect();
        assert!(
            !self
                .db()
                .create_indexes(COLLECTIONS[collection], &specs)
                .unwrap()
        );
        self.declared
            .extend(indexes.iter().map(|at| (collection, *at)));
    }

    /// What a crash has left of the states since the last that is durable for certain; it is the only one from here on.
    fn left(&mut self) {
        let snapshot = self.db().snapshot();
        let mut found = Content::new();
        for (collection, name) in COLLECTIONS.iter().enumerate() {
            for entity in snapshot.scan(name) {
                let (id, payload) = entity.unwrap();
                found.insert((collection, id), payload.value().unwrap());
            }
        }
        let encoded = |content: &Content| -> Vec<_> {
            let encoded = content.iter();
            encoded
                .map(|(key, value)| (*key, Payload::encode(value).unwrap()))
                .collect()
        };
        let state = self
            .states
            .iter()
            .find(|state| encoded(state) == encoded(&found));
        self.states = vec![state.expect("not a prefix of what was committed").clone()];
    }
}

fn run(seed: u64, (threshold, bound): (u64, usize), background: bool, own: bool, steps: &[Step]) {
    let mut run = Run {
        disk: SimDisk::new(seed).with_sector_len(256),
        db: None,
        states: vec![Content::new()],
        declared: Declared::new(),
        seed,
        threshold,
        bound,
        background,
    };
    run.open(0);
    let mut snapshots: Vec<(Snapshot, Content, Declared)> = Vec::new();
    for (step, life) in steps.iter().zip(1..) {
        let durable = |run: &mut Run| run.states.drain(..run.states.len() - 1).for_each(drop);
        match step {
            Step::Commit(writes, durable) => run.commit(writes, *durable, own),
            Step::Create(collection, indexes) => run.create(*collection, indexes),
            Step::DropIndex(collection, at) => {
                let name = COLLECTIONS[*collection];
                let there = run.declared.remove(&(*collection, *at));
                assert_eq!(run.db().drop_index(name, INDEXES[*at].name).unwrap(), there);
            }
            Step::Drop(collection) => {
                if run.db().drop_collection(COLLECTIONS[*collection]).unwrap() {
                    let mut model = run.model().clone();
                    model.retain(|(of, _), _| of != collection);
                    run.states = vec![model];
                    run.declared.retain(|(of, _)| of != collection);
                }
            }
            Step::Compact => {
                run.db().compact().unwrap();
                durable(&mut run);
            }
            Step::Checkpoint => {
                run.db().checkpoint().unwrap();
                durable(&mut run);
            }
            Step::Snapshot => {
                let held = (
                    run.db().snapshot(),
                    run.model().clone(),
                    run.declared.clone(),
                );
                snapshots.push(held);
            }
            Step::Held(n) => {
                if let Some((snapshot, content, declared)) = snapshots.get(*n) {
                    compare(snapshot, content, declared);
                }
            }
            Step::Reopen => {
                run.db.take().unwrap().close().unwrap();
                run.open(life);
                durable(&mut run);
            }
            Step::Kill => {
                run.disk = run.disk.restart();
                run.open(life);
                run.left();
            }
            Step::PowerCut(seed) => {
                run.disk = run.disk.crash(Policy::Random(*seed));
                run.open(life);
                run.left();
            }
            Step::Look => compare(&run.db().snapshot(), run.model(), &run.declared),
        }
    }
    compare(&run.db().snapshot(), run.model(), &run.declared);
    for (snapshot, content, declared) in &snapshots {
        compare(snapshot, content, declared);
    }
    let report = run.db().verify().unwrap();
    assert!(report.is_sound(), "{:?}", report.problems);
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: std::env::var("ENTIDB_MODEL_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(500),
        failure_persistence: None,
        max_shrink_iters: 4_000,
        ..ProptestConfig::default()
    })]

    #[test]
    fn an_indexed_history_gives_what_maps_give(
        seed in any::<u64>(),
        threshold in prop_oneof![Just(300_u64), Just(1_500), Just(1 << 20)],
        bound in prop_oneof![3 => Just(64_usize << 20), 1 => Just(1_usize), 1 => Just(400_usize)],
        background in prop_oneof![3 => Just(false), 1 => Just(true)],
        own in any::<bool>(),
        steps in vec(step(), 1..40),
    ) {
        run(seed, (threshold, bound), background, own, &steps);
    }
}
