//! An embedded entity database on opaque, append-only byte stores.

mod background;
mod cache;
mod checkpoint;
mod collection;
mod commit;
mod compact;
mod compaction;
mod db;
mod drop_collection;
mod environment;
mod error;
mod format;
mod ids;
pub mod limits;
mod load;
mod log;
mod manifest;
mod memtable;
mod merge;
mod mix;
mod options;
mod payload;
mod ranges;
mod recovery;
mod reserve;
mod run;
mod segment;
mod snapshot;
mod sorted_map;
mod stats;
mod stream;
mod transaction;
mod verify;
mod view;
mod write_options;
mod write_set;
mod writer;

pub use collection::Collection;
pub use db::{Database, verify_in, verify_path};
pub use entidb_codec::Value;
pub use error::{Error, ErrorKind, Result};
pub use ids::{CollectionId, EntityId, Lsn, NaturalKey, ParseIdError, StreamId};
pub use options::{Compression, Options};
pub use payload::Payload;
pub use snapshot::{Ids, Scan, Snapshot};
pub use stats::Stats;
pub use transaction::{Transaction, TransactionScan};
pub use verify::{Problem, Report};
pub use write_options::{Durability, Isolation, Receipt, WriteOptions};

/// The storage contract and its backends.
pub use entidb_storage as storage;
