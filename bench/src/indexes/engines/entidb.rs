//! EntiDB: a typed collection, whose type declares an index on each of its first fields.

use std::path::Path;

use entidb::{Collection, Database, Entity, EntityId, Index, IndexSpec, Options};
use serde::{Deserialize, Serialize};

use super::{CACHE_LEN, Store};
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
        NAMES.iter().take(INDEXED).map(|name| IndexSpec::on(*name)).collect()
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
            items.iter().try_for_each(|item| collection.put(&Row::new(item)))
        })
        .unwrap();
    }

    /// What lies in a range without an index: only the entities that do are decoded as a whole.
    fn scan(&self, from: u32, to: u32, answer: &mut Answer) {
        for entity in self.0.untyped().iter() {
            let (_, payload) = entity.unwrap();
            let value = entidb_codec::object::get(payload.as_bytes(), "f0").unwrap();
            let value: u32 = entidb_codec::from_slice(value).unwrap();
            if (from..=to).contains(&value) {
                let fields = entidb_codec::object::entries(payload.as_bytes());
                answer.add(fields.map(|(_, value)| entidb_codec::from_slice::<u32>(value).unwrap()));
            }
        }
    }
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
        db.write(|tx| items.iter().try_for_each(|item| tx.remove(name, id(item)))).unwrap();
    }

    fn find(&mut self, asked: &[(u32, u32)]) -> Answer {
        let mut answer = Answer::default();
        let snapshot = self.0.snapshot().unwrap();
        for (from, to) in asked {
            if INDEXED == 0 {
                self.scan(*from, *to, &mut answer);
                continue;
            }
            let find = snapshot.by(Row::F0).unwrap();
            let found = match from == to {
                true => find.all(from).unwrap(),
                false => find.range(*from..=*to).unwrap(),
            };
            found.for_each(|row| answer.add(row.unwrap().fields()));
        }
        answer
    }
}
