//! `entidb_core` 2.0.0-alpha.3 as it was published, through what its documentation shows. It has no walk over a range, and
//! compacts sealed segments only, so they are kept small.

use std::path::Path;

use published_core::{CollectionId, Config, Database, EntityId};

use crate::data::Id;
use crate::engine::{Access, Engine, Lacks, Put, Session, Setup};
use crate::reading::Reading;

pub fn open(dir: &Path, setup: Setup) -> Box<dyn Engine> {
    let config = Config::new()
        .sync_on_commit(setup.durable)
        .max_segment_size(1 << 20);
    let db = Database::open_with_config(dir, config).unwrap();
    let collection = db.create_collection("entities").unwrap();
    Box::new(Published { db, collection })
}

struct Published {
    db: Database,
    collection: CollectionId,
}

impl Engine for Published {
    fn session(&self, _: Access, work: &mut dyn FnMut(&mut dyn Session)) {
        work(&mut Handle(self));
    }

    fn sync(&self) {
        self.db.checkpoint().unwrap();
    }

    fn compact(&mut self) -> Result<(), Lacks> {
        self.db.compact(true).unwrap();
        Ok(())
    }

    fn close(self: Box<Self>) {
        self.db.close().unwrap();
    }
}

struct Handle<'a>(&'a Published);

impl Session for Handle<'_> {
    fn put(&mut self, puts: &[Put]) {
        let Published { db, collection } = self.0;
        db.transaction(|tx| {
            puts.iter().try_for_each(|put| {
                let id = EntityId::from_bytes(put.id);
                tx.put(*collection, id, put.value.to_vec())
            })
        })
        .unwrap();
    }

    fn delete(&mut self, ids: &[Id]) {
        let Published { db, collection } = self.0;
        db.transaction(|tx| {
            ids.iter()
                .try_for_each(|id| tx.delete(*collection, EntityId::from_bytes(*id)))
        })
        .unwrap();
    }

    fn get(&mut self, id: &Id, reading: &mut Reading) -> bool {
        let Published { db, collection } = self.0;
        let found = db.get(*collection, EntityId::from_bytes(*id)).unwrap();
        if let Some(value) = &found {
            reading.value(id, value);
        }
        found.is_some()
    }

    fn range(&mut self, from: &Id, limit: usize, reading: &mut Reading) -> Result<(), Lacks> {
        if limit != usize::MAX || *from != [0; 16] {
            return Err(Lacks);
        }
        let mut all = self.0.db.list(self.0.collection).unwrap();
        // It promises no order.
        all.sort_unstable_by(|a, b| a.0.as_bytes().cmp(b.0.as_bytes()));
        for (id, value) in &all {
            reading.next(id.as_bytes(), value);
        }
        Ok(())
    }

    fn find(&mut self, _: &[u8; 8], _: &mut Reading) {
        unreachable!("Kind::has_keys says no");
    }
}
