//! SQLite: a table WITHOUT ROWID with a column and, where it is asked for, an index for each field.

use std::path::Path;

use rusqlite::{Connection, params_from_iter, types::Value};

use crate::{FIELDS, Item, Store};

pub fn open(dir: &Path, indexed: usize) -> Box<dyn Store> {
    let db = Connection::open(dir.join("sqlite")).unwrap();
    db.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -1048576; PRAGMA mmap_size = 68719476736;
         PRAGMA wal_autocheckpoint = 16384;",
    )
    .unwrap();
    db.set_prepared_statement_cache_capacity(64);
    let columns: Vec<String> = (0..FIELDS).map(|field| format!("f{field} INTEGER")).collect();
    db.execute_batch(&format!(
        "CREATE TABLE items (id BLOB PRIMARY KEY, {}) WITHOUT ROWID",
        columns.join(", ")
    ))
    .unwrap();
    for field in 0..indexed {
        db.execute_batch(&format!("CREATE INDEX i{field} ON items (f{field})")).unwrap();
    }
    let marks = vec!["?"; FIELDS + 1].join(", ");
    let sets: Vec<String> = (0..FIELDS).map(|field| format!("f{field} = ?{}", field + 2)).collect();
    Box::new(Sqlite {
        db,
        insert: format!("INSERT INTO items VALUES ({marks})"),
        update: format!("UPDATE items SET {} WHERE id = ?1", sets.join(", ")),
    })
}

struct Sqlite {
    db: Connection,
    insert: String,
    update: String,
}

fn values(item: &Item) -> impl Iterator<Item = Value> + '_ {
    let id = Value::Blob(item.id.to_be_bytes().to_vec());
    std::iter::once(id).chain(item.fields.iter().map(|field| Value::Integer(i64::from(*field))))
}

impl Sqlite {
    fn each(&self, sql: &str, items: &[Item]) {
        self.db.prepare_cached("BEGIN IMMEDIATE").unwrap().execute([]).unwrap();
        let mut statement = self.db.prepare_cached(sql).unwrap();
        for item in items {
            let count = statement.execute(params_from_iter(values(item))).unwrap();
            assert_eq!(count, 1);
        }
        drop(statement);
        self.db.prepare_cached("COMMIT").unwrap().execute([]).unwrap();
    }

    fn sum(&self, sql: &str, values: &[u32]) -> (u64, u64) {
        let mut statement = self.db.prepare_cached(sql).unwrap();
        let mut rows = statement.query(params_from_iter(values)).unwrap();
        let mut sum = (0, 0);
        while let Some(row) = rows.next().unwrap() {
            sum = (sum.0 + 1, sum.1 + row.get::<_, u32>(FIELDS).map(u64::from).unwrap());
        }
        sum
    }
}

impl Store for Sqlite {
    fn insert(&mut self, items: &[Item]) {
        self.each(&self.insert, items);
    }

    fn update(&mut self, _: &[Item], new: &[Item]) {
        self.each(&self.update, new);
    }

    fn delete(&mut self, items: &[Item]) {
        self.db.prepare_cached("BEGIN IMMEDIATE").unwrap().execute([]).unwrap();
        let mut statement = self.db.prepare_cached("DELETE FROM items WHERE id = ?").unwrap();
        for item in items {
            assert_eq!(statement.execute([item.id.to_be_bytes()]).unwrap(), 1);
        }
        drop(statement);
        self.db.prepare_cached("COMMIT").unwrap().execute([]).unwrap();
    }

    fn equal(&mut self, value: u32) -> (u64, u64) {
        self.sum("SELECT * FROM items WHERE f0 = ?", &[value])
    }

    fn range(&mut self, from: u32, to: u32) -> (u64, u64) {
        self.sum("SELECT * FROM items WHERE f0 BETWEEN ? AND ?", &[from, to])
    }
}
