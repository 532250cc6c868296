//! fjall: an LSM tree; its defaults (LZ4, bloom filters), with the cache it is given.

use std::path::Path;

use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};

use crate::data::Id;
use crate::engine::{Access, Engine, Lacks, Put, Session, Setup};
use crate::reading::Reading;

pub fn open(dir: &Path, setup: Setup) -> Box<dyn Engine> {
    let db = Database::builder(dir)
        .cache_size(setup.cache_len)
        .open()
        .unwrap();
    let keyspace = |name| db.keyspace(name, KeyspaceCreateOptions::default).unwrap();
    let entities = keyspace("entities");
    let keys = setup.keyed.then(|| keyspace("keys"));
    Box::new(Fjall {
        db,
        entities,
        keys,
        durable: setup.durable,
    })
}

struct Fjall {
    db: Database,
    entities: Keyspace,
    keys: Option<Keyspace>,
    durable: bool,
}

impl Engine for Fjall {
    fn session(&self, _: Access, work: &mut dyn FnMut(&mut dyn Session)) {
        work(&mut Handle(self));
    }

    fn sync(&self) {
        self.db.persist(PersistMode::SyncData).unwrap();
    }

    fn compact(&mut self) -> Result<(), Lacks> {
        self.entities.rotate_memtable_and_wait().unwrap();
        self.entities.major_compact().unwrap();
        Ok(())
    }

    fn close(self: Box<Self>) {}
}

struct Handle<'a>(&'a Fjall);

impl Session for Handle<'_> {
    fn put(&mut self, puts: &[Put]) {
        let durability = self.0.durable.then_some(PersistMode::SyncData);
        let mut batch = self.0.db.batch().durability(durability);
        for put in puts {
            batch.insert(&self.0.entities, put.id, put.value);
            if let Some(keys) = &self.0.keys {
                batch.insert(keys, put.indexed(), "");
            }
        }
        batch.commit().unwrap();
    }

    fn delete(&mut self, ids: &[Id]) {
        let durability = self.0.durable.then_some(PersistMode::SyncData);
        let mut batch = self.0.db.batch().durability(durability);
        for id in ids {
            batch.remove(&self.0.entities, *id);
        }
        batch.commit().unwrap();
    }

    fn get(&mut self, id: &Id, reading: &mut Reading) -> bool {
        let found = self.0.entities.get(id).unwrap();
        if let Some(value) = &found {
            reading.value(id, value);
        }
        found.is_some()
    }

    fn range(&mut self, from: &Id, limit: usize, reading: &mut Reading) -> Result<(), Lacks> {
        for guard in self.0.entities.range::<&[u8], _>(&from[..]..).take(limit) {
            let (id, value) = guard.into_inner().unwrap();
            reading.next(&id, &value);
        }
        Ok(())
    }

    fn find(&mut self, key: &[u8; 8], reading: &mut Reading) {
        let keys = self.0.keys.as_ref().expect("opened with keys");
        for guard in keys.prefix(key) {
            let indexed = guard.key().unwrap();
            let id: Id = indexed[8..].try_into().unwrap();
            self.get(&id, reading);
        }
    }
}
