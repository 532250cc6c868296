//! EntiDB at this version.

use std::path::Path;
use std::sync::OnceLock;

use bytes::Bytes;
use entidb::{Database, Durability, EntityId, Options, Payload, Untyped, WriteOptions};

use crate::data::{Data, Id, VERSIONS};
use crate::engine::{Access, Engine, Lacks, Put, Session, Setup};
use crate::reading::Reading;

const COLLECTION: &str = "entities";
/// What memtables may take where memory is short.
const BOUNDED_MEMTABLE_BYTES: u64 = 64 << 20;

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
    let mut options = Options::new().cache_bytes(setup.cache_len);
    if setup.bounded {
        // A process that is given little memory says so.
        options = options
            .memtable_bytes(BOUNDED_MEMTABLE_BYTES)
            .checkpoint_log_bytes(BOUNDED_MEMTABLE_BYTES / 4);
    }
    let durability = match setup.durable {
        true => Durability::Sync,
        false => Durability::Eventual,
    };
    let db = options.open(dir).unwrap();
    Box::new(Entidb {
        collection: db.untyped(COLLECTION),
        db,
        payloads: PAYLOADS.get().unwrap(),
        write: WriteOptions::new().durability(durability),
    })
}

struct Entidb {
    db: Database,
    collection: Untyped,
    payloads: &'static [[Payload; VERSIONS]],
    write: WriteOptions,
}

impl Engine for Entidb {
    fn session(&self, _: Access, work: &mut dyn FnMut(&mut dyn Session)) {
        work(&mut Handle(self));
    }

    fn sync(&self) {
        self.db.sync().unwrap();
    }

    fn compact(&mut self) -> Result<(), Lacks> {
        self.db.compact().unwrap();
        Ok(())
    }

    fn close(self: Box<Self>) {
        self.db.close().unwrap();
    }
}

struct Handle<'a>(&'a Entidb);

impl Session for Handle<'_> {
    fn put(&mut self, puts: &[Put]) {
        let Entidb {
            db,
            payloads,
            write,
            ..
        } = self.0;
        db.write_with(write, |tx| {
            puts.iter().try_for_each(|put| {
                let payload = &payloads[put.index][put.version];
                tx.put_payload(COLLECTION, EntityId::from_bytes(put.id), payload)
            })
        })
        .unwrap();
    }

    fn delete(&mut self, ids: &[Id]) {
        let Entidb { db, write, .. } = self.0;
        db.write_with(write, |tx| {
            ids.iter()
                .try_for_each(|id| tx.remove(COLLECTION, EntityId::from_bytes(*id)))
        })
        .unwrap();
    }

    fn get(&mut self, id: &Id, reading: &mut Reading) -> bool {
        let found = self.0.collection.get_payload(EntityId::from_bytes(*id));
        let found = found.unwrap();
        if let Some(payload) = &found {
            reading.value(id, payload.as_bytes());
        }
        found.is_some()
    }

    fn range(&mut self, from: &Id, limit: usize, reading: &mut Reading) -> Result<(), Lacks> {
        let from = EntityId::from_bytes(*from);
        for entity in self.0.collection.range(from..).take(limit) {
            let (id, payload) = entity.unwrap();
            reading.next(id.as_bytes(), payload.as_bytes());
        }
        Ok(())
    }

    fn find(&mut self, _: &[u8; 8], _: &mut Reading) {
        unreachable!("Kind::has_keys says no, until there are indexes");
    }
}
