//! EntiDB: payloads of fields, and an index declared on the path of each field that is asked for.

use std::path::Path;

use entidb::{Database, EntityId, IndexSpec, Options, Payload, Value};

use crate::{FIELDS, Item, Store};

const COLLECTION: &str = "items";

pub fn open(dir: &Path, indexed: usize) -> Box<dyn Store> {
    let db = Options::new().cache_bytes(1 << 30).open(dir.join("entidb")).unwrap();
    for field in 0..indexed {
        let spec = IndexSpec::on(format!("f{field}"));
        db.create_index(COLLECTION, &spec).unwrap();
    }
    Box::new(Entidb {
        db,
        indexed: indexed > 0,
        names: std::array::from_fn(|field| format!("f{field}")),
    })
}

struct Entidb {
    db: Database,
    indexed: bool,
    names: [String; FIELDS],
}

impl Entidb {
    fn payload(&self, item: &Item) -> Payload {
        let fields = self.names.iter().zip(item.fields);
        let fields = fields.map(|(name, value)| (Value::from(name.as_str()), Value::from(value)));
        Payload::encode(&Value::Map(fields.collect())).unwrap()
    }

    fn put(&self, items: &[Item]) {
        self.db
            .write(|tx| {
                items.iter().try_for_each(|item| {
                    tx.put_payload(COLLECTION, id(item), &self.payload(item))
                })
            })
            .unwrap();
    }

    fn sum(&self, from: u32, to: u32) -> (u64, u64) {
        let last = &self.names[FIELDS - 1];
        let field = |payload: &[u8], name: &str| {
            let item = entidb_codec::object::get(payload, name).unwrap();
            entidb_codec::decode(item).unwrap().as_u64().unwrap()
        };
        let mut sum = (0, 0);
        let mut add = |payload: &Payload| {
            sum = (sum.0 + 1, sum.1 + field(payload.as_bytes(), last));
        };
        let snapshot = self.db.snapshot();
        if self.indexed {
            let find = snapshot.by(COLLECTION, "f0").unwrap();
            let find = match from == to {
                true => find.equal(&Value::from(from)),
                false => find.range(Value::from(from)..=Value::from(to)),
            };
            find.iter().for_each(|entity| add(&entity.unwrap().1));
        } else {
            for entity in snapshot.scan(COLLECTION) {
                let (_, payload) = entity.unwrap();
                let value = field(payload.as_bytes(), "f0");
                if (u64::from(from)..=u64::from(to)).contains(&value) {
                    add(&payload);
                }
            }
        }
        sum
    }
}

fn id(item: &Item) -> EntityId {
    EntityId::from_bytes(item.id.to_be_bytes())
}

impl Store for Entidb {
    fn insert(&mut self, items: &[Item]) {
        self.put(items);
    }

    fn update(&mut self, _: &[Item], new: &[Item]) {
        self.put(new);
    }

    fn delete(&mut self, items: &[Item]) {
        self.db
            .write(|tx| items.iter().try_for_each(|item| tx.remove(COLLECTION, id(item))))
            .unwrap();
    }

    fn equal(&mut self, value: u32) -> (u64, u64) {
        self.sum(value, value)
    }

    fn range(&mut self, from: u32, to: u32) -> (u64, u64) {
        self.sum(from, to)
    }
}
