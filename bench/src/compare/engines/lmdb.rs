//! LMDB through heed: a mapped B-tree; `MDB_NOSYNC` for what is not to be durable at once.

use std::path::{Path, PathBuf};

use heed::types::Bytes;
use heed::{CommitOrAbort, CompactionOption, Env, EnvFlags, EnvOpenOptions, RoTxn, WithTls};

use crate::data::Id;
use crate::engine::{Access, Engine, Lacks, Put, Session, Setup};
use crate::reading::Reading;

type Database = heed::Database<'static, Bytes, Bytes>;

/// Address space and a sparse file, not memory.
const MAP_LEN: usize = 64 << 30;

pub fn open(dir: &Path, setup: Setup) -> Box<dyn Engine> {
    Box::new(Lmdb {
        inner: Some(Inner::open(dir, setup)),
        dir: dir.to_owned(),
        setup,
    })
}

struct Lmdb {
    /// `None` only while the file is being replaced.
    inner: Option<Inner>,
    dir: PathBuf,
    setup: Setup,
}

struct Inner {
    env: Env,
    entities: Database,
    keys: Option<Database>,
}

impl Inner {
    fn open(dir: &Path, setup: Setup) -> Self {
        std::fs::create_dir_all(dir).unwrap();
        let mut options = EnvOpenOptions::new();
        options.map_size(MAP_LEN).max_dbs(2).max_readers(64);
        if !setup.durable {
            // SAFETY: the files are this process's own; what a power cut does to them, nobody asks.
            unsafe { options.flags(EnvFlags::NO_SYNC) };
        }
        if setup.bounded {
            // SAFETY: as above. Read-ahead into too little memory reads each page many times; LMDB's manual says to switch it off.
            unsafe { options.flags(EnvFlags::NO_SYNC | EnvFlags::NO_READ_AHEAD) };
        }
        // SAFETY: no other process changes the file.
        let env = unsafe { options.open(dir) }.unwrap();
        let create = |name| {
            let tx = env.write_txn().unwrap();
            let made = env.create_databases_and_commit(tx, |opener, tx| {
                let made = opener.create_database(tx, Some(name));
                made.map(CommitOrAbort::<_, ()>::Commit)
            });
            made.unwrap().unwrap_commit()
        };
        let entities = create("entities");
        let keys = setup.keyed.then(|| create("keys"));
        Self {
            env,
            entities,
            keys,
        }
    }
}

impl Lmdb {
    fn inner(&self) -> &Inner {
        self.inner.as_ref().expect("open")
    }
}

impl Engine for Lmdb {
    fn session(&self, access: Access, work: &mut dyn FnMut(&mut dyn Session)) {
        let inner = self.inner();
        let held = (access == Access::Frozen).then(|| inner.env.read_txn().unwrap());
        work(&mut Handle { inner, held });
    }

    fn sync(&self) {
        self.inner().env.force_sync().unwrap();
    }

    fn compact(&mut self) -> Result<(), Lacks> {
        // As mdb_copy -c does; then the copy takes the place of the file.
        let copy = self.dir.join("copy.mdb");
        let inner = self.inner.take().expect("open");
        let file = inner.env.copy_to_path(&copy, CompactionOption::Enabled);
        file.unwrap().sync_all().unwrap();
        inner.env.prepare_for_closing().wait();
        std::fs::rename(&copy, self.dir.join("data.mdb")).unwrap();
        self.inner = Some(Inner::open(&self.dir, self.setup));
        Ok(())
    }

    fn close(mut self: Box<Self>) {
        let inner = self.inner.take().expect("open");
        inner.env.force_sync().unwrap();
        inner.env.prepare_for_closing().wait();
    }
}

struct Handle<'a> {
    inner: &'a Inner,
    held: Option<RoTxn<'a, WithTls>>,
}

impl Handle<'_> {
    fn read<T>(&self, work: impl FnOnce(&RoTxn<WithTls>) -> T) -> T {
        match &self.held {
            Some(tx) => work(tx),
            None => work(&self.inner.env.read_txn().unwrap()),
        }
    }
}

impl Session for Handle<'_> {
    fn put(&mut self, puts: &[Put]) {
        let mut tx = self.inner.env.write_txn().unwrap();
        for put in puts {
            self.inner
                .entities
                .put(&mut tx, &put.id, put.value)
                .unwrap();
            if let Some(keys) = self.inner.keys {
                keys.put(&mut tx, &put.indexed(), b"").unwrap();
            }
        }
        tx.commit().unwrap();
    }

    fn delete(&mut self, ids: &[Id]) {
        let mut tx = self.inner.env.write_txn().unwrap();
        for id in ids {
            self.inner.entities.delete(&mut tx, id).unwrap();
        }
        tx.commit().unwrap();
    }

    fn get(&mut self, id: &Id, reading: &mut Reading) -> bool {
        self.read(|tx| {
            let found = self.inner.entities.get(tx, id).unwrap();
            if let Some(value) = found {
                reading.value(id, value);
            }
            found.is_some()
        })
    }

    fn range(&mut self, from: &Id, limit: usize, reading: &mut Reading) -> Result<(), Lacks> {
        self.read(|tx| {
            let bounds = (
                std::ops::Bound::Included(&from[..]),
                std::ops::Bound::Unbounded,
            );
            let walk = self.inner.entities.range(tx, &bounds).unwrap();
            for entity in walk.take(limit) {
                let (id, value) = entity.unwrap();
                reading.next(id, value);
            }
        });
        Ok(())
    }

    fn find(&mut self, key: &[u8; 8], reading: &mut Reading) {
        let keys = self.inner.keys.expect("opened with keys");
        self.read(|tx| {
            for found in keys.prefix_iter(tx, key).unwrap() {
                let id: Id = found.unwrap().0[8..].try_into().unwrap();
                let value = self.inner.entities.get(tx, &id).unwrap().unwrap();
                reading.value(&id, value);
            }
        });
    }
}
