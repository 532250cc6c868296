//! SQLite: WAL, WITHOUT ROWID, prepared statements, mmap, the cache it is given.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use rusqlite::{Connection, Rows, Statement};

use crate::data::Id;
use crate::engine::{Access, Engine, Lacks, Put, Session, Setup};
use crate::reading::Reading;

const MMAP_LEN: u64 = 64 << 30;
/// The WAL is checkpointed at 64 MiB, where the others' logs are too, so that a page that several commits changed is written back
/// once. SQLite's default is 4 MiB.
const WAL_PAGES: u64 = 16 << 10;

pub fn open(dir: &Path, setup: Setup) -> Box<dyn Engine> {
    std::fs::create_dir_all(dir).unwrap();
    let path = dir.join("sqlite");
    let main = connect(&path, &setup);
    let (column, index) = match setup.keyed {
        true => (
            ", key BLOB",
            "CREATE INDEX IF NOT EXISTS keys ON entities (key)",
        ),
        false => ("", ""),
    };
    main.execute_batch(&format!(
        "CREATE TABLE IF NOT EXISTS entities (id BLOB PRIMARY KEY{column}, value BLOB) WITHOUT ROWID; {index}"
    ))
    .unwrap();
    Box::new(Sqlite {
        path,
        setup,
        main: Mutex::new(main),
        turn: Mutex::new(()),
    })
}

fn connect(path: &Path, setup: &Setup) -> Connection {
    let db = Connection::open(path).unwrap();
    let synchronous = if setup.durable { "FULL" } else { "NORMAL" };
    // A map reads ahead into memory that is not there: with less memory than data, it is the cache alone.
    let mmap_len = if setup.bounded { 0 } else { MMAP_LEN };
    let cache_kib = setup.cache_len >> 10;
    db.execute_batch(&format!(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = {synchronous}; PRAGMA cache_size = -{cache_kib};
         PRAGMA mmap_size = {mmap_len}; PRAGMA wal_autocheckpoint = {WAL_PAGES};"
    ))
    .unwrap();
    db.busy_timeout(std::time::Duration::from_secs(600))
        .unwrap();
    db
}

struct Sqlite {
    path: PathBuf,
    setup: Setup,
    /// Holds the WAL open; used for what is no thread's own.
    main: Mutex<Connection>,
    /// There is one writer at a time anyway; waiting here wakes at once, where SQLite's own busy handler sleeps.
    turn: Mutex<()>,
}

impl Engine for Sqlite {
    fn session(&self, access: Access, work: &mut dyn FnMut(&mut dyn Session)) {
        let db = connect(&self.path, &self.setup);
        let insert = match self.setup.keyed {
            true => "INSERT OR REPLACE INTO entities (id, value, key) VALUES (?, ?, ?)",
            false => "INSERT OR REPLACE INTO entities (id, value) VALUES (?, ?)",
        };
        if access == Access::Frozen {
            db.execute_batch("BEGIN").unwrap();
        }
        let prepare = |sql| db.prepare(sql).unwrap();
        work(&mut Handle {
            turn: &self.turn,
            keyed: self.setup.keyed,
            begin: prepare("BEGIN IMMEDIATE"),
            commit: prepare("COMMIT"),
            insert: prepare(insert),
            delete: prepare("DELETE FROM entities WHERE id = ?"),
            get: prepare("SELECT value FROM entities WHERE id = ?"),
            range: prepare("SELECT id, value FROM entities WHERE id >= ? ORDER BY id LIMIT ?"),
            find: self
                .setup
                .keyed
                .then(|| prepare("SELECT id, value FROM entities WHERE key = ?")),
        });
    }

    fn sync(&self) {
        // A checkpoint syncs the WAL, and then the database behind it.
        self.checkpoint("FULL");
    }

    fn compact(&mut self) -> Result<(), Lacks> {
        self.main
            .get_mut()
            .unwrap()
            .execute_batch("VACUUM")
            .unwrap();
        self.checkpoint("TRUNCATE");
        Ok(())
    }

    fn close(self: Box<Self>) {
        self.main.into_inner().unwrap().close().unwrap();
    }
}

impl Sqlite {
    fn checkpoint(&self, mode: &str) {
        let main = self.main.lock().unwrap();
        main.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |_| Ok(()))
            .unwrap();
    }
}

struct Handle<'a> {
    turn: &'a Mutex<()>,
    keyed: bool,
    begin: Statement<'a>,
    commit: Statement<'a>,
    insert: Statement<'a>,
    delete: Statement<'a>,
    get: Statement<'a>,
    range: Statement<'a>,
    find: Option<Statement<'a>>,
}

impl Handle<'_> {
    /// A single statement is its own transaction.
    fn write(&mut self, count: usize, work: impl FnOnce(&mut Self)) {
        let _turn = self.turn.lock().unwrap();
        if count > 1 {
            self.begin.execute([]).unwrap();
        }
        work(self);
        if count > 1 {
            self.commit.execute([]).unwrap();
        }
    }
}

fn walk(mut rows: Rows, mut each: impl FnMut(&[u8], &[u8])) {
    while let Some(row) = rows.next().unwrap() {
        let id = row.get_ref(0).unwrap().as_blob().unwrap();
        each(id, row.get_ref(1).unwrap().as_blob().unwrap());
    }
}

impl Session for Handle<'_> {
    fn put(&mut self, puts: &[Put]) {
        self.write(puts.len(), |handle| {
            for put in puts {
                let done = match handle.keyed {
                    true => handle
                        .insert
                        .execute((&put.id[..], put.value, &put.key[..])),
                    false => handle.insert.execute((&put.id[..], put.value)),
                };
                done.unwrap();
            }
        });
    }

    fn delete(&mut self, ids: &[Id]) {
        self.write(ids.len(), |handle| {
            for id in ids {
                handle.delete.execute([&id[..]]).unwrap();
            }
        });
    }

    fn get(&mut self, id: &Id, reading: &mut Reading) -> bool {
        let mut rows = self.get.query([&id[..]]).unwrap();
        let found = rows.next().unwrap();
        if let Some(row) = found {
            reading.value(id, row.get_ref(0).unwrap().as_blob().unwrap());
        }
        found.is_some()
    }

    fn range(&mut self, from: &Id, limit: usize, reading: &mut Reading) -> Result<(), Lacks> {
        let limit = i64::try_from(limit).unwrap_or(-1);
        let rows = self.range.query((&from[..], limit)).unwrap();
        walk(rows, |id, value| reading.next(id, value));
        Ok(())
    }

    fn find(&mut self, key: &[u8; 8], reading: &mut Reading) {
        let find = self.find.as_mut().expect("opened with keys");
        let rows = find.query([&key[..]]).unwrap();
        walk(rows, |id, value| {
            reading.value(id.try_into().unwrap(), value)
        });
    }
}
