//! EntiDB: a typed collection, whose type declares an index on each of its first fields.

use std::path::Path;

use entidb::{Collection, Database, Entity, EntityId, Index, IndexSpec, Options, Value};
use serde::{Deserialize, Serialize};

use super::{CACHE_LEN, Store, Wanted};
use crate::item::{FIELDS, Item, with_fields};
use crate::work::Answer;

macro_rules! row {
    ([$($field:ident)*]) => {
        /// The first `INDEXED` fields have an index.
        #[derive(Serialize, Deserialize)]
        struct Row<const INDEXED: usize> { id: EntityId, $($field: u32,)* }

        impl<const INDEXED: usize> Row<INDEXED> {
            fn new(item: &Item) -> Self {
                let [$($field),*] = item.fields;
                Self { id: id(item), $($field),* }
            }

            fn fields(&self) -> [u32; FIELDS] {
                [$(self.$field),*]
            }
        }

        const NAMES: [&str; FIELDS] = [$(stringify!($field)),*];
    };
}

with_fields!(row);

impl<const INDEXED: usize> Row<INDEXED> {
    const F0: Index<Self, u32> = <Index<Self, u32>>::on("f0", &["f0"]);
}

impl<const INDEXED: usize> Entity for Row<INDEXED> {
    type Id = EntityId;
    const COLLECTION: &'static str = "items";
    const ID_FIELD: &'static str = "id";

    fn id(&self) -> EntityId {
        self.id
    }

    fn indexes() -> Vec<IndexSpec> {
        NAMES
            .iter()
            .take(INDEXED)
            .map(|name| IndexSpec::on(*name))
            .collect()
    }
}

fn id(item: &Item) -> EntityId {
    EntityId::from_bytes(item.id.to_be_bytes())
}

pub fn open(dir: &Path, indexed: usize) -> Box<dyn Store> {
    let options = Options::new().cache_bytes(CACHE_LEN);
    let db = options.open(dir.join("entidb")).unwrap();
    match indexed {
        0 => store::<0>(&db),
        1 => store::<1>(&db),
        10 => store::<10>(&db),
        _ => store::<FIELDS>(&db),
    }
}

fn store<const INDEXED: usize>(db: &Database) -> Box<dyn Store> {
    Box::new(Entidb::<INDEXED>(db.collection().unwrap()))
}

struct Entidb<const INDEXED: usize>(Collection<Row<INDEXED>>);

impl<const INDEXED: usize> Entidb<INDEXED> {
    fn put(&self, items: &[Item]) {
        let db = self.0.database();
        db.write(|tx| {
            let mut collection = self.0.within(tx);
            items
                .iter()
                .try_for_each(|item| collection.put(&Row::new(item)))
        })
        .unwrap();
    }

    /// What lies in a range without an index: only the entities that do are decoded as a whole.
    fn scan(&self, from: u32, to: u32, wanted: Wanted, answer: &mut Answer) {
        for entity in self.0.untyped().iter() {
            let (id, payload) = entity.unwrap();
            let cbor = payload.as_bytes();
            if !(from..=to).contains(&field(cbor, NAMES[0])) {
                continue;
            }
            match wanted {
                Wanted::Fields => {
                    let fields = entidb_codec::object::entries(cbor);
                    answer.add(fields.map(|(_, value)| entidb_codec::from_slice(value).unwrap()));
                }
                Wanted::Last => answer.add([field(cbor, NAMES[FIELDS - 1])]),
                Wanted::Id => answer.add_id(u128::from_be_bytes(*id.as_bytes())),
            }
        }
    }
}

/// A field of an entity in its encoded form.
fn field(cbor: &[u8], name: &str) -> u32 {
    let value = entidb_codec::object::get(cbor, name).unwrap();
    entidb_codec::from_slice(value).unwrap()
}

impl<const INDEXED: usize> Store for Entidb<INDEXED> {
    fn insert(&mut self, items: &[Item]) {
        self.put(items);
    }

    fn update(&mut self, _: &[Item], new: &[Item], _: Option<usize>) {
        self.put(new);
    }

    fn delete(&mut self, items: &[Item]) {
        let (db, name) = (self.0.database(), self.0.untyped().name());
        db.write(|tx| items.iter().try_for_each(|item| tx.remove(name, id(item))))
            .unwrap();
    }

    fn find(&mut self, asked: &[(u32, u32)], wanted: Wanted) -> Answer {
        let mut answer = Answer::default();
        let snapshot = self.0.snapshot().unwrap();
        for (from, to) in asked {
            if INDEXED == 0 {
                self.scan(*from, *to, wanted, &mut answer);
                continue;
            }
            let find = snapshot.by(Row::F0).unwrap();
            if wanted == Wanted::Last {
                // Its payload, of which nothing else is decoded.
                let (from, to) = (Value::from(*from), Value::from(*to));
                let find = find.untyped();
                let find = if from == to {
                    find.equal(&from)
                } else {
                    find.range(from..=to)
                };
                let last = NAMES[FIELDS - 1];
                let found = find.iter().map(|found| found.unwrap().1);
                found.for_each(|payload| answer.add([field(payload.as_bytes(), last)]));
                continue;
            }
            let found = match from == to {
                true => find.all(from),
                false => find.range(*from..=*to),
            };
            match wanted {
                Wanted::Fields => found
                    .iter()
                    .for_each(|row| answer.add(row.unwrap().fields())),
                Wanted::Id => found.ids().for_each(|id| {
                    answer.add_id(u128::from_be_bytes(*id.unwrap().as_bytes()));
                }),
                Wanted::Last => unreachable!(),
            }
        }
        answer
    }
}
