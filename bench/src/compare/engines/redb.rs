//! redb: one file, a B-tree; fixed-width keys; `Durability::None` for what is not to be durable at once.

use std::path::{Path, PathBuf};

use redb::{
    Builder, Database, Durability, ReadOnlyTable, ReadableDatabase, TableDefinition,
    WriteTransaction,
};

use crate::data::Id;
use crate::engine::{Access, Engine, Lacks, Put, Session, Setup};
use crate::reading::Reading;

type Entities = ReadOnlyTable<&'static Id, &'static [u8]>;
type Keys = ReadOnlyTable<&'static [u8; 24], ()>;

const ENTITIES: TableDefinition<&Id, &[u8]> = TableDefinition::new("entities");
/// A secondary key and the id behind it.
const KEYS: TableDefinition<&[u8; 24], ()> = TableDefinition::new("keys");

pub fn open(dir: &Path, setup: Setup) -> Box<dyn Engine> {
    std::fs::create_dir_all(dir).unwrap();
    let path: PathBuf = dir.join("redb");
    let fresh = !path.exists();
    let db = Builder::new()
        .set_cache_size(setup.cache_len as usize)
        .create(path)
        .unwrap();
    let engine = Redb { db, setup };
    if fresh {
        let tx = engine.db.begin_write().unwrap();
        tx.open_table(ENTITIES).unwrap();
        tx.open_table(KEYS).unwrap();
        tx.commit().unwrap();
    }
    Box::new(engine)
}

struct Redb {
    db: Database,
    setup: Setup,
}

impl Redb {
    fn write(&self, work: impl FnOnce(&WriteTransaction)) {
        let mut tx = self.db.begin_write().unwrap();
        if !self.setup.durable {
            tx.set_durability(Durability::None).unwrap();
        }
        work(&tx);
        tx.commit().unwrap();
    }

    fn tables(&self) -> (Entities, Keys) {
        let tx = self.db.begin_read().unwrap();
        (
            tx.open_table(ENTITIES).unwrap(),
            tx.open_table(KEYS).unwrap(),
        )
    }
}

impl Engine for Redb {
    fn session(&self, access: Access, work: &mut dyn FnMut(&mut dyn Session)) {
        let held = (access == Access::Frozen).then(|| self.tables());
        work(&mut Handle { redb: self, held });
    }

    fn sync(&self) {
        // An empty commit that is durable takes what went before it along.
        self.db.begin_write().unwrap().commit().unwrap();
    }

    fn compact(&mut self) -> Result<(), Lacks> {
        self.db.compact().unwrap();
        Ok(())
    }

    fn close(self: Box<Self>) {
        self.db.close().unwrap();
    }
}

struct Handle<'a> {
    redb: &'a Redb,
    held: Option<(Entities, Keys)>,
}

impl Handle<'_> {
    fn entities<T>(&self, work: impl FnOnce(&Entities) -> T) -> T {
        match &self.held {
            Some((entities, _)) => work(entities),
            None => {
                let tx = self.redb.db.begin_read().unwrap();
                work(&tx.open_table(ENTITIES).unwrap())
            }
        }
    }
}

impl Session for Handle<'_> {
    fn put(&mut self, puts: &[Put]) {
        self.redb.write(|tx| {
            let mut entities = tx.open_table(ENTITIES).unwrap();
            for put in puts {
                entities.insert(&put.id, put.value).unwrap();
            }
            if self.redb.setup.keyed {
                let mut keys = tx.open_table(KEYS).unwrap();
                for put in puts {
                    keys.insert(&put.indexed(), ()).unwrap();
                }
            }
        });
    }

    fn delete(&mut self, ids: &[Id]) {
        self.redb.write(|tx| {
            let mut entities = tx.open_table(ENTITIES).unwrap();
            for id in ids {
                entities.remove(id).unwrap();
            }
        });
    }

    fn get(&mut self, id: &Id, reading: &mut Reading) -> bool {
        self.entities(|entities| {
            let found = entities.get(id).unwrap();
            if let Some(value) = &found {
                reading.value(id, value.value());
            }
            found.is_some()
        })
    }

    fn range(&mut self, from: &Id, limit: usize, reading: &mut Reading) -> Result<(), Lacks> {
        self.entities(|entities| {
            for entity in entities.range::<&Id>(from..).unwrap().take(limit) {
                let (id, value) = entity.unwrap();
                reading.next(id.value(), value.value());
            }
        });
        Ok(())
    }

    fn find(&mut self, key: &[u8; 8], reading: &mut Reading) {
        let (entities, keys) = self.held.as_ref().expect("a session of reads");
        let bounds = Put::key_bounds(key);
        for found in keys.range::<&[u8; 24]>(&bounds.0..=&bounds.1).unwrap() {
            let (indexed, ()) = (found.as_ref().unwrap().0.value(), ());
            let id: Id = indexed[8..].try_into().unwrap();
            let value = entities.get(&id).unwrap().unwrap();
            reading.value(&id, value.value());
        }
    }
}
