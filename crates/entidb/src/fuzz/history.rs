//! A history of operations against a map. The input says what is done.

use std::ops::Bound;

use entidb_storage::MemoryDirectory;

use super::image::{self, Content, content, id};
use super::input::Input;
use crate::{
    Compression, Database, Durability, EntityId, IndexSpec, Isolation, Options, Result, Snapshot,
    Transaction, Value, WriteOptions,
};

const COLLECTIONS: [&str; 3] = ["a", "b", "c"];
/// The path that collections are indexed on, and the index's name.
const INDEXED: &str = "v";
/// How many different values there are under it.
const VALUE_COUNT: u8 = 4;
/// How many operations an input may have.
const OPERATION_COUNT_MAX: usize = 200;
/// How many snapshots are held at a time.
const HELD_COUNT_MAX: usize = 4;

/// A database under way.
struct Run {
    db: Database,
    directory: MemoryDirectory,
    options: Options,
    /// What is durable for certain, and each state since.
    states: Vec<Content>,
    held: Vec<(Snapshot, Content)>,
}

pub(super) fn history(data: &[u8]) {
    let mut input = Input::new(data);
    let settings = input.u8();
    let compression = match settings & 0b10 {
        0 => Compression::None,
        _ => Compression::Lz4,
    };
    let options = Options::new()
        .seed(u64::from(settings))
        .checkpoint_log_bytes([300, 1200, 8000, 1 << 20][usize::from(settings >> 2 & 3)])
        .cache_bytes(u64::from(settings >> 4 & 1) << 20)
        .auto_compaction(settings & 0b10_0000 == 0)
        .reserve_bytes(u64::from(settings >> 6 & 1) << 12)
        .compression(compression);
    let directory = MemoryDirectory::new();
    let db = options.clone().open_in(directory.clone()).expect("new");
    let mut run = Run {
        db,
        directory,
        options,
        states: vec![Content::new()],
        held: Vec::new(),
    };
    for life in 1..=OPERATION_COUNT_MAX as u64 {
        if input.is_empty() {
            break;
        }
        run.step(&mut input, life);
    }
    run.finish();
}

impl Run {
    fn now(&self) -> Content {
        self.states.last().cloned().unwrap_or_default()
    }

    /// Nothing before this state can come back.
    fn settle(&mut self, state: Content) {
        self.states = vec![state];
    }

    fn step(&mut self, input: &mut Input<'_>, life: u64) {
        match input.u8() % 16 {
            0..=5 => self.commit(input, 1),
            6 | 7 => {
                let count = 2 + input.index(6);
                self.commit(input, count);
            }
            8 => {
                self.db.checkpoint().expect("room");
                self.settle(self.now());
            }
            9 => {
                self.db.compact().expect("room");
                self.settle(self.now());
            }
            10 => self.reopen(life),
            11 => self.kill(life),
            12 => self.drop_collection(input),
            13 => self.hold(input),
            14 => self.look(input),
            15 if input.u8() & 1 == 0 => self.index(input),
            _ => {
                assert_eq!(self.db.sync().expect("memory"), self.db.lsn());
                self.settle(self.now());
            }
        }
    }

    /// A transaction that makes `count` changes, or makes them and is given up.
    fn commit(&mut self, input: &mut Input<'_>, count: usize) {
        let how = input.u8();
        let isolation = match how & 1 {
            0 => Isolation::Snapshot,
            _ => Isolation::Serializable,
        };
        let durability = match how & 2 {
            0 => Durability::Sync,
            _ => Durability::Eventual,
        };
        let abandon = how & 0b11_1100 == 0b11_1100;
        let start = *input;
        let mut end = start;
        let mut model = self.now();
        let options = WriteOptions::new()
            .durability(durability)
            .isolation(isolation);
        let outcome = self.db.write_with(&options, |tx| {
            (end, model) = (start, self.now());
            for _ in 0..count {
                change(tx, &mut end, &mut model)?;
            }
            match abandon {
                true => Err(crate::Error::invalid("given up")),
                false => Ok(()),
            }
        });
        *input = end;
        let Ok(((), receipt)) = outcome else {
            assert!(abandon, "{outcome:?}");
            return;
        };
        assert!(!abandon);
        self.states.push(model);
        if receipt.durable {
            self.settle(self.now());
        }
    }

    fn reopen(&mut self, life: u64) {
        let state = self.now();
        self.settle(state);
        // Snapshots outlive the database.
        self.db.clone().close().expect("room");
        self.db = self.open(life);
        assert_eq!(content(&self.db).expect("sound"), self.now());
    }

    fn open(&self, life: u64) -> Database {
        let options = self.options.clone().seed(life << 8);
        options.open_in(self.directory.clone()).expect("sound")
    }

    /// What was handed over when the process died is there; the rest is lost from the end.
    fn kill(&mut self, life: u64) {
        self.directory = image::directory(&image::of(&self.directory));
        self.db = self.open(life);
        let found = content(&self.db).expect("sound");
        assert!(
            self.states.contains(&found),
            "no prefix of what was committed"
        );
        self.settle(found);
    }

    fn drop_collection(&mut self, input: &mut Input<'_>) {
        let name = COLLECTIONS[input.index(COLLECTIONS.len())];
        let mut state = self.now();
        state.retain(|(other, _), _| other != name);
        match self.db.drop_collection(name).expect("room") {
            true => self.settle(state),
            false => assert_eq!(self.now(), state),
        }
    }

    /// Makes an index, or drops the one that is there.
    fn index(&mut self, input: &mut Input<'_>) {
        let name = COLLECTIONS[input.index(COLLECTIONS.len())];
        let there = !self.db.snapshot().indexes(name).is_empty();
        let dropped = there && self.db.drop_index(name, INDEXED).expect("room");
        assert_eq!(dropped, there);
        if !there {
            let spec = IndexSpec::on(INDEXED);
            assert!(self.db.create_index(name, &spec).expect("room"));
        }
    }

    fn hold(&mut self, input: &mut Input<'_>) {
        if self.held.len() < HELD_COUNT_MAX {
            self.held.push((self.db.snapshot(), self.now()));
            return;
        }
        let (snapshot, state) = self.held.swap_remove(input.index(HELD_COUNT_MAX));
        compare(&snapshot, &state, input);
    }

    fn look(&mut self, input: &mut Input<'_>) {
        compare(&self.db.snapshot(), &self.now(), input);
    }

    fn finish(mut self) {
        assert_eq!(content(&self.db).expect("sound"), self.now());
        for (snapshot, state) in std::mem::take(&mut self.held) {
            compare(&snapshot, &state, &mut Input::new(&[]));
        }
        let report = self.db.verify().expect("memory");
        assert!(report.is_sound(), "{:?}", report.problems);
        self.reopen(u64::from(u16::MAX));
    }
}

/// One change of a transaction, and of the model; what the transaction reads is what the model has.
fn change(tx: &mut Transaction, input: &mut Input<'_>, model: &mut Content) -> Result<()> {
    let name = COLLECTIONS[input.index(COLLECTIONS.len())];
    let what = input.u8();
    let id = id(u64::from(what >> 4));
    let key = (name.to_owned(), id);
    let got = tx.get(name, id)?.map(|payload| payload.as_bytes().to_vec());
    assert_eq!(got.as_ref(), model.get(&key));
    match what % 8 {
        0..=3 => {
            let len = usize::from(input.u8());
            let len = if what % 8 == 3 { len * 40 } else { len % 32 };
            let value = Value::from([
                (INDEXED, indexed(input.u8())),
                ("bytes", Value::from(vec![what; len])),
            ]);
            tx.put(name, id, &value)?;
            model.insert(key, entidb_codec::encode(&value).expect("a map"));
        }
        4 | 5 => assert_eq!(tx.delete(name, id)?, model.remove(&key).is_some()),
        6 => {
            tx.remove(name, id)?;
            model.remove(&key);
        }
        _ => {
            let range = bounds(input);
            tx.delete_range(name, range)?;
            model.retain(|(other, id), _| other != name || !inside(&range, *id));
        }
    }
    Ok(())
}

/// One of a few values to be found by.
fn indexed(byte: u8) -> Value {
    match byte % VALUE_COUNT {
        0 => Value::Null,
        1 => Value::from("text"),
        number => Value::from(number),
    }
}

type Range = (Bound<EntityId>, Bound<EntityId>);

fn bounds(input: &mut Input<'_>) -> Range {
    let byte = input.u8();
    let (first, last) = (id(u64::from(byte & 7)), id(u64::from(byte >> 3 & 7)));
    match byte >> 6 {
        0 => (Bound::Included(first), Bound::Included(last)),
        1 => (Bound::Excluded(first), Bound::Excluded(last)),
        2 => (Bound::Included(first), Bound::Unbounded),
        _ => (Bound::Unbounded, Bound::Included(last)),
    }
}

fn inside(range: &Range, id: EntityId) -> bool {
    std::ops::RangeBounds::contains(range, &id)
}

/// The snapshot says what the state has, in every way that there is to ask.
fn compare(snapshot: &Snapshot, state: &Content, input: &mut Input<'_>) {
    let name = COLLECTIONS[input.index(COLLECTIONS.len())];
    let range = bounds(input);
    let all = |range: Range| {
        let of = state.iter().filter(move |((other, _), _)| other == name);
        of.filter(move |((_, id), _)| inside(&range, *id))
    };
    let expected: Vec<_> = all(range)
        .map(|((_, id), bytes)| (*id, bytes.clone()))
        .collect();
    let read = |scan: crate::Scan| -> Vec<_> {
        let entity = |entity: Result<(EntityId, crate::Payload)>| {
            let (id, payload) = entity.expect("sound");
            (id, payload.as_bytes().to_vec())
        };
        scan.map(entity).collect()
    };
    assert_eq!(read(snapshot.range(name, range)), expected);
    let mut backwards = read(snapshot.range(name, range).reverse());
    backwards.reverse();
    assert_eq!(backwards, expected);
    let counted = snapshot.count_range(name, range).expect("sound");
    assert_eq!(counted, expected.len() as u64);
    found(snapshot, name, state, input);
    let ids: Vec<_> = (0..17).map(id).collect();
    let many = snapshot.get_many(name, &ids).expect("sound");
    for (id, got) in ids.iter().zip(many) {
        let expected = state.get(&(name.to_owned(), *id));
        assert_eq!(
            got.as_ref().map(crate::Payload::as_bytes),
            expected.map(Vec::as_slice)
        );
        assert_eq!(
            snapshot.contains(name, *id).expect("sound"),
            expected.is_some()
        );
    }
}

/// What an index finds, if the collection has one, is what a look at each entity finds.
fn found(snapshot: &Snapshot, name: &str, state: &Content, input: &mut Input<'_>) {
    let Ok(find) = snapshot.by(name, INDEXED) else {
        return;
    };
    let value = indexed(input.u8());
    let encoded = entidb_codec::encode(&value).expect("a value");
    let of = state.iter().filter(|((other, _), _)| other == name);
    let has = |bytes: &[u8]| entidb_codec::object::get(bytes, INDEXED) == Some(&encoded[..]);
    let expected = of
        .clone()
        .filter(|(_, bytes)| has(bytes))
        .map(|((_, id), _)| *id);
    let found: Vec<_> = find
        .equal(&value)
        .ids()
        .map(|id| id.expect("sound"))
        .collect();
    assert_eq!(found, expected.collect::<Vec<_>>());
    let all = |reverse: bool| {
        let find = snapshot.by(name, INDEXED).expect("it was there");
        let find = if reverse { find.reverse() } else { find };
        let ids = find.ids().map(|id| id.expect("sound"));
        ids.collect::<Vec<_>>()
    };
    let (forwards, mut backwards) = (all(false), all(true));
    backwards.reverse();
    assert_eq!(forwards, backwards);
    assert_eq!(forwards.len(), of.count());
}

pub(super) fn history_seeds() -> Vec<Vec<u8>> {
    let put = |id: u8| vec![0, 0, 0, id << 4, 9, id];
    let delete = |id: u8| vec![0, 0, 0, id << 4 | 4];
    let puts: Vec<u8> = (0..8).flat_map(put).collect();
    let deletes: Vec<u8> = (0..8).flat_map(delete).collect();
    let mut seeds = Vec::new();
    for settings in [0, 0b0110, 0b1000, 0b11_0010] {
        let parts: [&[u8]; 8] = [
            &[settings],
            &puts,
            &[15, 0, 0, 8],
            &deletes,
            &[13, 9],
            &puts,
            &[11],
            &[14],
        ];
        seeds.push(parts.concat());
        let parts: [&[u8]; 6] = [
            &[settings],
            &[0, 2, 1, 7, 0x80],
            &puts,
            &[12, 0, 10],
            &puts,
            &[11],
        ];
        seeds.push(parts.concat());
    }
    seeds
}
