//! An embedded entity database on opaque, append-only byte stores.

mod cache;
mod checkpoint;
mod collection;
mod commit;
mod db;
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
mod run;
mod snapshot;
mod stats;
mod stream;
mod transaction;
mod verify;
mod view;
mod window;
mod writer;

pub use collection::Collection;
pub use db::{Database, verify_in, verify_path};
pub use entidb_codec::Value;
pub use error::{Error, ErrorKind, Result};
pub use ids::{CollectionId, EntityId, Lsn, NaturalKey, ParseIdError, StreamId};
pub use options::Options;
pub use payload::Payload;
pub use snapshot::{Ids, Scan, Snapshot};
pub use stats::Stats;
pub use transaction::Transaction;
pub use verify::{Problem, Report};

/// The storage contract and its backends.
pub use entidb_storage as storage;
