//! EntiDB at this version.

use std::path::Path;
use std::sync::OnceLock;

use bytes::Bytes;
use entidb::{Database, EntityId, Options, Payload};

use crate::data::{Data, Id, VERSIONS};
use crate::engine::{Access, Engine, Lacks, Put, Session, Setup};
use crate::reading::Reading;

const COLLECTION: &str = "entities";

/// The values as payloads over the mapped bytes: the form in which this engine takes ready bytes.
static PAYLOADS: OnceLock<Vec<[Payload; VERSIONS]>> = OnceLock::new();

pub fn prepare(data: &'static Data) {
    PAYLOADS.get_or_init(|| {
        let payload = |index, version| {
            Payload::from_canonical(Bytes::from_static(data.value(index, version))).unwrap()
        };
        (0..data.total())
            .map(|index| [payload(index, 0), payload(index, 1)])
            .collect()
    });
}

pub fn open(dir: &Path, setup: Setup) -> Box<dyn Engine> {
    prepare(setup.data);
    Box::new(Entidb {
        // TODAY: it maps nothing and caches nothing. Then: Options::new().cache_bytes(setup.cache_len).
        db: Options::new().open(dir).unwrap(),
        payloads: PAYLOADS.get().unwrap(),
        // TODAY: every commit is durable. Then: WriteOptions::new().durability(Durability::Eventual) unless setup.durable.
    })
}

struct Entidb {
    db: Database,
    payloads: &'static [[Payload; VERSIONS]],
}

impl Engine for Entidb {
    fn session(&self, _: Access, work: &mut dyn FnMut(&mut dyn Session)) {
        work(&mut Handle(self));
    }

    fn sync(&self) {
        // TODAY: nothing is left to sync. Then: self.db.sync().
    }

    fn compact(&mut self) -> Result<(), Lacks> {
        // TODAY: there is none. Then: self.db.compact().
        Err(Lacks)
    }

    fn close(self: Box<Self>) {
        self.db.close().unwrap();
    }
}

struct Handle<'a>(&'a Entidb);

impl Session for Handle<'_> {
    fn put(&mut self, puts: &[Put]) {
        let Entidb { db, payloads } = self.0;
        // TODAY. Then: db.write_with(&options, ..).
        db.write(|tx| {
            puts.iter().try_for_each(|put| {
                let payload = &payloads[put.index][put.version];
                tx.put_payload(COLLECTION, EntityId::from_bytes(put.id), payload)
            })
        })
        .unwrap();
    }

    fn delete(&mut self, ids: &[Id]) {
        // TODAY: it asks whether each one is there. Then: tx.remove(..), and write_with as above.
        self.0
            .db
            .write(|tx| {
                ids.iter()
                    .try_for_each(|id| tx.delete(COLLECTION, EntityId::from_bytes(*id)).map(drop))
            })
            .unwrap();
    }

    fn get(&mut self, id: &Id, reading: &mut Reading) -> bool {
        let found = self
            .0
            .db
            .snapshot()
            .get(COLLECTION, EntityId::from_bytes(*id));
        let found = found.unwrap();
        if let Some(payload) = &found {
            reading.value(id, payload.as_bytes());
        }
        found.is_some()
    }

    fn range(&mut self, from: &Id, limit: usize, reading: &mut Reading) -> Result<(), Lacks> {
        let from = EntityId::from_bytes(*from);
        for entity in self.0.db.snapshot().range(COLLECTION, from..).take(limit) {
            let (id, payload) = entity.unwrap();
            reading.next(id.as_bytes(), payload.as_bytes());
        }
        Ok(())
    }

    fn find(&mut self, _: &[u8; 8], _: &mut Reading) {
        unreachable!("Kind::has_keys says no, until there are indexes");
    }
}
