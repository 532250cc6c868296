//! EntiDB at this version.

use std::path::Path;
use std::sync::OnceLock;

use bytes::Bytes;
use entidb::{
    Database, Durability, EntityId, IndexSpec, Options, Payload, Snapshot, Untyped, Value,
    WriteOptions,
};

use crate::data::{Data, Id, VERSIONS};
use crate::engine::{Access, Engine, Lacks, Put, Session, Setup};
use crate::reading::Reading;

const COLLECTION: &str = "entities";
/// Where the secondary key stands in an entity.
const KEY: &str = "token";
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
    if setup.keyed {
        db.create_index(COLLECTION, &IndexSpec::on(KEY)).unwrap();
    }
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
    fn session(&self, access: Access, work: &mut dyn FnMut(&mut dyn Session)) {
        let held = (access == Access::Frozen).then(|| self.db.snapshot());
        work(&mut Handle(self, held));
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

/// With the snapshot that finds are made in, where nothing writes meanwhile.
struct Handle<'a>(&'a Entidb, Option<Snapshot>);

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
        let read = |payload: &[u8]| reading.value(id, payload);
        let found = self.0.collection.get_with(EntityId::from_bytes(*id), read);
        found.unwrap().is_some()
    }

    fn range(&mut self, from: &Id, limit: usize, reading: &mut Reading) -> Result<(), Lacks> {
        let from = EntityId::from_bytes(*from);
        for entity in self.0.collection.range(from..).take(limit) {
            let (id, payload) = entity.unwrap();
            reading.next(id.as_bytes(), payload.as_bytes());
        }
        Ok(())
    }

    fn find(&mut self, key: &[u8; 8], reading: &mut Reading) {
        let mut find = |snapshot: &Snapshot| {
            let find = snapshot.by(COLLECTION, KEY).unwrap();
            for entity in find.equal(&Value::Bytes(key.to_vec())).iter() {
                let (id, payload) = entity.unwrap();
                reading.value(id.as_bytes(), payload.as_bytes());
            }
        };
        match &self.1 {
            Some(snapshot) => find(snapshot),
            None => find(&self.0.db.snapshot()),
        }
    }
}
