//! SQLite: a table WITHOUT ROWID with a column and, where it is asked for, an index for each field; prepared statements.

use std::path::Path;

use rusqlite::{CachedStatement, Connection};

use super::{CACHE_LEN, Store, Wanted};
use crate::item::{FIELDS, Item};
use crate::work::Answer;

pub fn open(dir: &Path, indexed: usize) -> Box<dyn Store> {
    let db = Connection::open(dir.join("sqlite")).unwrap();
    let cache_kib = CACHE_LEN >> 10;
    db.execute_batch(&format!(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -{cache_kib};
         PRAGMA mmap_size = {}; PRAGMA wal_autocheckpoint = {};",
        64_u64 << 30,
        16 << 10,
    ))
    .unwrap();
    let columns: Vec<_> = (0..FIELDS)
        .map(|field| format!("f{field} INTEGER"))
        .collect();
    let columns = columns.join(", ");
    let table = format!("CREATE TABLE items (id BLOB PRIMARY KEY, {columns}) WITHOUT ROWID");
    db.execute_batch(&table).unwrap();
    for field in 0..indexed {
        let index = format!("CREATE INDEX i{field} ON items (f{field})");
        db.execute_batch(&index).unwrap();
    }
    let marks = vec!["?"; FIELDS + 1].join(", ");
    let sets: Vec<_> = (0..FIELDS)
        .map(|field| format!("f{field} = ?{}", field + 2))
        .collect();
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

fn bind_all(statement: &mut CachedStatement<'_>, item: &Item) {
    statement
        .raw_bind_parameter(1, &item.id.to_be_bytes()[..])
        .unwrap();
    for (field, value) in item.fields.iter().enumerate() {
        statement.raw_bind_parameter(field + 2, value).unwrap();
    }
}

impl Sqlite {
    fn say(&self, sql: &str) {
        self.db.prepare_cached(sql).unwrap().execute([]).unwrap();
    }

    /// One statement for each item; a single one is its own transaction.
    fn each(&self, sql: &str, items: &[Item], bind: impl Fn(&mut CachedStatement<'_>, &Item)) {
        if items.len() > 1 {
            self.say("BEGIN IMMEDIATE");
        }
        let mut statement = self.db.prepare_cached(sql).unwrap();
        for item in items {
            bind(&mut statement, item);
            assert_eq!(statement.raw_execute().unwrap(), 1);
        }
        drop(statement);
        if items.len() > 1 {
            self.say("COMMIT");
        }
    }

    fn add(&self, sql: &str, values: &[u32], wanted: Wanted, answer: &mut Answer) {
        let mut statement = self.db.prepare_cached(sql).unwrap();
        let mut rows = statement.query(rusqlite::params_from_iter(values)).unwrap();
        while let Some(row) = rows.next().unwrap() {
            match wanted {
                Wanted::Fields => {
                    answer.add((1..=FIELDS).map(|field| row.get::<_, u32>(field).unwrap()));
                }
                Wanted::Last => answer.add([row.get(0).unwrap()]),
                Wanted::Id => {
                    let id = row.get_ref(0).unwrap().as_blob().unwrap();
                    answer.add_id(u128::from_be_bytes(id.try_into().unwrap()));
                }
            }
        }
    }
}

impl Store for Sqlite {
    fn insert(&mut self, items: &[Item]) {
        self.each(&self.insert, items, bind_all);
    }

    fn update(&mut self, _: &[Item], new: &[Item], only: Option<usize>) {
        let Some(field) = only else {
            return self.each(&self.update, new, bind_all);
        };
        let sql = format!("UPDATE items SET f{field} = ?2 WHERE id = ?1");
        self.each(&sql, new, |statement, item| {
            statement
                .raw_bind_parameter(1, &item.id.to_be_bytes()[..])
                .unwrap();
            statement.raw_bind_parameter(2, item.fields[field]).unwrap();
        });
    }

    fn delete(&mut self, items: &[Item]) {
        self.each(
            "DELETE FROM items WHERE id = ?",
            items,
            |statement, item| {
                statement
                    .raw_bind_parameter(1, &item.id.to_be_bytes()[..])
                    .unwrap();
            },
        );
    }

    fn find(&mut self, asked: &[(u32, u32)], wanted: Wanted) -> Answer {
        let columns = match wanted {
            Wanted::Fields => "*",
            Wanted::Last => "f49",
            Wanted::Id => "id",
        };
        let equal = format!("SELECT {columns} FROM items WHERE f0 = ?");
        let range = format!("SELECT {columns} FROM items WHERE f0 BETWEEN ? AND ?");
        let mut answer = Answer::default();
        self.say("BEGIN");
        for (from, to) in asked {
            match from == to {
                true => self.add(&equal, &[*from], wanted, &mut answer),
                false => self.add(&range, &[*from, *to], wanted, &mut answer),
            }
        }
        self.say("COMMIT");
        answer
    }
}
