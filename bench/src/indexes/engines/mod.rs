//! The engines, and what each can do.

mod entidb;
mod native;
mod sqlite;

use std::path::Path;

use crate::item::Item;
use crate::work::Answer;

/// How much memory each may take for its cache.
const CACHE_LEN: u64 = 1 << 30;

/// One open database. Each call of the first three is one durable transaction.
pub trait Store {
    fn insert(&mut self, items: &[Item]);
    /// Puts `new` in the place of `old`, one by one. If `only` is a field, no other one differs.
    fn update(&mut self, old: &[Item], new: &[Item], only: Option<usize>);
    fn delete(&mut self, items: &[Item]);
    /// The entities whose first field lies from one value to another, both included, for each such pair; all from one state.
    fn find(&mut self, asked: &[(u32, u32)], wanted: Wanted) -> Answer;
}

/// What is wanted of each entity that is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// All fields.
    Fields,
    /// The last field alone.
    Last,
    /// Its id alone, for which an index need not look at the entity.
    Id,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Entidb,
    Sqlite,
    Native,
}

impl Kind {
    pub const ALL: [Self; 3] = [Self::Entidb, Self::Sqlite, Self::Native];

    pub fn title(self) -> &'static str {
        match self {
            Self::Entidb => "EntiDB",
            Self::Sqlite => "SQLite",
            Self::Native => "native_db",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "entidb" => Some(Self::Entidb),
            "sqlite" => Some(Self::Sqlite),
            "native" => Some(Self::Native),
            _ => None,
        }
    }

    /// A new database in `dir`, with indexes on the first fields.
    pub fn open(self, dir: &Path, indexed: usize) -> Box<dyn Store> {
        match self {
            Self::Entidb => entidb::open(dir, indexed),
            Self::Sqlite => sqlite::open(dir, indexed),
            Self::Native => native::open(dir, indexed),
        }
    }
}
