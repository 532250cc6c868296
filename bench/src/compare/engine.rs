//! What every engine is asked to do: the same few operations, through one thin layer.

use std::path::Path;

use crate::data::{Data, Id};
use crate::engines;
use crate::reading::Reading;

/// The engines, ours first; the order of the table's columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    Entidb,
    Redb,
    Fjall,
    Rocksdb,
    Lmdb,
    Sqlite,
    /// `entidb_core` as it was published; no peer, so it never is the best one.
    Published,
}

/// How a database is opened.
#[derive(Clone, Copy)]
pub struct Setup {
    /// Every commit is durable when it returns; else only after [`Engine::sync`].
    pub durable: bool,
    /// A secondary key is kept beside each entity.
    pub keyed: bool,
    /// There is less memory than data.
    pub bounded: bool,
    pub cache_len: u64,
    /// What the entities are taken from, for an engine that wants them prepared.
    pub data: &'static Data,
}

/// Whether anything writes while a session reads. If nothing does, an engine may hold one read transaction for all of it, as
/// the authors of LMDB and redb recommend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    Frozen,
    Live,
}

/// One entity to be put: which of the data it is, and its ready bytes.
#[derive(Clone, Copy)]
pub struct Put {
    pub index: usize,
    pub version: usize,
    pub id: Id,
    pub value: &'static [u8],
    pub key: [u8; 8],
}

impl Put {
    /// The secondary key with the id behind it: an entry of an index that is kept by hand.
    pub fn indexed(&self) -> [u8; 24] {
        let mut indexed = [0; 24];
        indexed[..8].copy_from_slice(&self.key);
        indexed[8..].copy_from_slice(&self.id);
        indexed
    }

    /// The first and the last entry that a secondary key can have.
    pub fn key_bounds(key: &[u8; 8]) -> ([u8; 24], [u8; 24]) {
        let mut bounds = ([0; 24], [0xff; 24]);
        bounds.0[..8].copy_from_slice(key);
        bounds.1[..8].copy_from_slice(key);
        bounds
    }
}

/// An engine lacks the operation.
#[derive(Debug)]
pub struct Lacks;

pub trait Engine: Sync {
    /// Calls `work` with a handle of this thread's own.
    fn session(&self, access: Access, work: &mut dyn FnMut(&mut dyn Session));

    /// All that was committed is durable when this returns.
    fn sync(&self);

    /// Gives dead space back, as far as the engine can be asked to.
    fn compact(&mut self) -> Result<(), Lacks>;

    fn close(self: Box<Self>);
}

pub trait Session {
    /// Puts all of them in one commit.
    fn put(&mut self, puts: &[Put]);

    /// Deletes all of them in one commit; all are there.
    fn delete(&mut self, ids: &[Id]);

    /// Reads one; says whether it is there.
    fn get(&mut self, id: &Id, reading: &mut Reading) -> bool;

    /// Reads up to `limit` in id order, beginning at `from`.
    fn range(&mut self, from: &Id, limit: usize, reading: &mut Reading) -> Result<(), Lacks>;

    /// Reads all in id order.
    fn scan(&mut self, reading: &mut Reading) -> Result<(), Lacks> {
        self.range(&[0; 16], usize::MAX, reading)
    }

    /// Reads the entities with this secondary key; only if [`Setup::keyed`].
    fn find(&mut self, key: &[u8; 8], reading: &mut Reading);
}

impl Kind {
    pub const ALL: [Self; 7] = [
        Self::Entidb,
        Self::Redb,
        Self::Fjall,
        Self::Rocksdb,
        Self::Lmdb,
        Self::Sqlite,
        Self::Published,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Entidb => "entidb",
            Self::Redb => "redb",
            Self::Fjall => "fjall",
            Self::Rocksdb => "rocksdb",
            Self::Lmdb => "lmdb",
            Self::Sqlite => "sqlite",
            Self::Published => "published",
        }
    }

    /// As the table shows it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Entidb => "EntiDB",
            Self::Redb => "redb",
            Self::Fjall => "fjall",
            Self::Rocksdb => "RocksDB",
            Self::Lmdb => "LMDB",
            Self::Sqlite => "SQLite",
            Self::Published => "published",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    pub fn is_peer(self) -> bool {
        !matches!(self, Self::Entidb | Self::Published)
    }

    /// Whether [`Setup::keyed`] is possible.
    pub fn has_keys(self) -> bool {
        self != Self::Published
    }

    /// How many entities it is asked to hold. The published crate makes a few thousand commits a second however they are
    /// batched and rereads what it wrote, so it gets a small set, on which it is at its best.
    pub fn count(self, count: usize) -> usize {
        match self {
            Self::Published => count.min(20_000),
            _ => count,
        }
    }

    /// What is done once, outside of every timed part and of the measured memory.
    pub fn prepare(self, data: &'static Data) {
        if self == Self::Entidb {
            engines::entidb::prepare(data);
        }
    }

    /// Opens the database in the folder `dir`, or makes it.
    pub fn open(self, dir: &Path, setup: Setup) -> Box<dyn Engine> {
        match self {
            Self::Entidb => engines::entidb::open(dir, setup),
            Self::Redb => engines::redb::open(dir, setup),
            Self::Fjall => engines::fjall::open(dir, setup),
            Self::Rocksdb => engines::rocksdb::open(dir, setup),
            Self::Lmdb => engines::lmdb::open(dir, setup),
            Self::Sqlite => engines::sqlite::open(dir, setup),
            Self::Published => engines::published::open(dir, setup),
        }
    }
}
