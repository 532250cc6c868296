//! An embedded entity database on opaque, append-only byte stores: entities with 128-bit ids in collections, and transactions
//! over several of them. A database is a folder, or any [`Directory`](storage::Directory): in memory, encrypted, or your own.
//!
//! ```
//! use entidb::{Database, Entity, EntityId};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Entity, Serialize, Deserialize, Debug)]
//! #[entity(collection = "users")]
//! struct User {
//!     #[entity(id)]
//!     id: EntityId,
//!     #[entity(unique, ignore_case)]                      // no two have the same
//!     email: String,
//!     #[entity(index)]
//!     age: u32,
//!     orders: u32,
//! }
//!
//! #[derive(Entity, Serialize, Deserialize, Debug)]
//! #[entity(collection = "orders", index(customer, cents))]
//! struct Order {
//!     #[entity(id)]
//!     number: u64,                                        // an id may be a text or an integer of yours
//!     customer: EntityId,
//!     cents: u64,
//! }
//!
//! # fn main() -> entidb::Result<()> {
//! # let folder = std::env::temp_dir().join(format!("entidb-front-page-{}", std::process::id()));
//! let db = Database::open(&folder)?;
//! let users = db.collection::<User>()?;               // made with its indexes, if it is not there
//! let orders = db.collection::<Order>()?;
//!
//! let id = EntityId::from_key("ann");                 // or EntityId::new(), which rises with time
//! users.put(&User { id, email: "ann@example.com".into(), age: 41, orders: 0 })?;
//! users.update(id, |user| user.age += 1)?;            // durable, and atomic: no update is lost
//!
//! db.write(|tx| {                                     // several collections, all or nothing
//!     orders.within(tx).put(&Order { number: 4711, customer: id, cents: 9_900 })?;
//!     users.within(tx).update(id, |user| user.orders += 1)
//! })?;
//!
//! let ann = users.by(User::EMAIL)?.get("Ann@Example.com")?;           // Option<User>
//! assert_eq!(ann.map(|ann| (ann.age, ann.orders)), Some((42, 1)));
//! for user in users.by(User::AGE)?.range(18..).reverse().limit(10) {  // the oldest first
//!     println!("{:?}", user?);
//! }
//! let large = orders.by(Order::CUSTOMER_CENTS)?.leading((id,)).range(5_000..).to_vec()?;
//! for (order, user) in users.follow(&large, |order| order.customer)? {
//!     println!("{} by {user:?}", order.number);
//! }
//! db.close()?;                                        // the next open has nothing to recover
//! # let _ = std::fs::remove_dir_all(folder);
//! # Ok(()) }
//! ```
//!
//! Without types, entities are [`Value`]s, and these are the same entities:
//!
//! ```
//! use entidb::{Database, Durability, EntityId, Isolation, Value, WriteOptions};
//!
//! # fn main() -> entidb::Result<()> {
//! # let db = Database::open_in(entidb::storage::MemoryDirectory::new())?;
//! let pages = db.untyped("pages");
//! let home = EntityId::from_key("/");
//! pages.put(home, &Value::from([("title", "Home")]))?;
//! pages.patch(home, &Value::from([("hits", 1)]))?;
//!
//! let soon = WriteOptions::new().durability(Durability::Eventual).isolation(Isolation::Serializable);
//! let (_, receipt) = db.write_with(&soon, |tx| tx.put("clicks", EntityId::new(), &Value::from(1)))?;
//! db.wait_durable(receipt.lsn)?;                            // whenever it matters
//!
//! for entity in db.snapshot().scan("clicks") {
//!     let (id, payload) = entity?;
//!     println!("{id} {:?}", payload.value()?);
//! }
//! # Ok(()) }
//! ```
//!
//! Whoever has to know what changes follows the commits; [`Database::snapshot_and_changes`] is the whole state and all that comes after it:
//!
//! ```
//! # use entidb::{Database, EntityId, Value};
//! # fn main() -> entidb::Result<()> {
//! # let db = Database::open_in(entidb::storage::MemoryDirectory::new())?;
//! let (snapshot, mut changes) = db.snapshot_and_changes()?;
//! let mut pages = snapshot.count("pages")?;
//! db.untyped("pages").put(EntityId::from_key("/"), &Value::from("Home"))?;
//! while let Some(commit) = changes.try_next()? {            // `for commit in changes` waits for more
//!     pages += commit.changes.len() as u64;
//! }
//! assert_eq!(pages, 1);
//! # Ok(()) }
//! ```
//!
//! # What is guaranteed
//!
//! | | |
//! |---|---|
//! | a commit with [`Durability::Sync`] that returned `Ok` | is there after any crash, whole |
//! | one with [`Durability::Eventual`] | is visible at once, in its turn, and durable within [`Options::eventual_delay`]; a crash before that takes it with all that came later |
//! | a transaction | is there whole or not at all; what is visible, and what a crash leaves, is a prefix of commit order |
//! | [`Isolation::Snapshot`] | reads are of one moment; of two transactions that write the same entity at the same time, one is run again |
//! | [`Isolation::Serializable`] | besides, the outcome is that of running one after the other |
//! | a [`Snapshot`] | stays exact through writes, checkpoints and compaction |
//! | an update | is applied to what the others have left: none is lost; of two inserts of one id one fails |
//! | an index | has at every moment exactly what the entities have; of two commits with one value of a unique index one fails |
//! | a [follower](Database::changes) | gets every durable commit once and in order, across sessions; what is not kept any more is an [`ErrorKind::Gap`] |
//! | a [consumer](Database::consumer) | works each commit off once: its position moves in the transaction of its work |
//! | an older program | is refused a collection that a newer one has migrated, and changes nothing |
//! | an error | has a [kind](ErrorKind) that says what to do; a commit is kept, or not kept, or, with [`ErrorKind::Unknown`] alone, only opening again tells |
//! | a damaged byte | is an error with stream and offset, or does not matter; never a wrong entity |
//!
//! A read waits for no sync, no checkpoint and no merge. Calls block; there is no async runtime, and without
//! [`Options::background`] no thread of ours either.
//!
//! # Where to go on
//!
//! `docs/entities.md` in the repository is the way through, with whole programs. [`derive(Entity)`](derive@Entity) has all attributes,
//! [`Collection`] what can be done with entities of a type, [`TypedFind`] what an index can be asked, [`IndexSpec`] and [`Find`] the same without
//! types, [`Migrations`] what to do when the type changes, [`Watch`] what can be watched, [`Database::set_time_to_live`] how entities go by
//! themselves. [`Database`] has everything; [`Transaction`] what a write can do, [`Snapshot`] what a read can; [`Options`] and
//! [`WriteOptions`] what can be set, [`Stats`] what can be watched over, [`limits`] what a database can hold. The programs in `examples/` are to be
//! copied from; `docs/durability.md` argues for the table above, `docs/tuning.md` says what each option trades, `docs/format.md` draws every byte.

mod back_off;
mod background;
mod cache;
mod checkpoint;
mod collection;
mod commit;
mod compact;
mod compaction;
mod db;
mod drop_collection;
mod encoding;
mod entry_table;
mod environment;
mod error;
mod expiry;
mod feed;
mod format;
#[cfg(all(any(test, entidb_fuzz), feature = "encryption"))]
#[doc(hidden)]
pub mod fuzz;
mod ids;
mod index;
mod large;
pub mod limits;
mod load;
mod log;
mod manifest;
mod memtable;
mod merge;
mod migrations;
mod mix;
mod options;
mod payload;
mod ranges;
mod recovery;
mod reserve;
mod retention;
mod run;
mod scans;
#[cfg(test)]
#[cfg(entidb_schedules)]
mod schedules;
mod segment;
mod snapshot;
mod sorted_map;
mod spill;
mod stats;
mod stream;
mod sync;
mod transaction;
mod verify;
mod view;
mod window;
mod write_options;
mod write_set;
mod writer;

pub use collection::{
    ByteString, Collection, Compound, DeclaredIndex, Entities, Entity, EntityIds, EntityPositions,
    FoundEntities, Id, Index, Many, One, Page, Parts, SnapshotCollection, Text, ToId, ToKey,
    ToKeys, ToLeading, ToRange, TransactionCollection, TypedFind, Unique, UniqueCompound,
    Uniqueness, Untyped,
};
pub use db::{Database, verify_in, verify_path};
pub use entidb_codec::Value;
#[cfg(feature = "derive")]
pub use entidb_derive::Entity;
pub use error::{Duplicate, Error, ErrorKind, Result};
pub use feed::{Change, ChangeKind, Changes, Commit, Consumer, ConsumerInfo, Watch, Watcher};
pub use ids::{CollectionId, EntityId, Lsn, NaturalKey, ParseIdError, StreamId};
pub use index::{
    Find, Found, FoundIds, FoundPositions, IndexInfo, IndexKind, IndexSpec, ParsePositionError,
    Position,
};
pub use migrations::Migrations;
pub use options::{Compression, Options, Scans};
pub use payload::Payload;
pub use retention::Retention;
pub use snapshot::{Ids, Scan, Snapshot};
pub use stats::Stats;
pub use transaction::{Transaction, TransactionScan};
pub use verify::{Problem, Report};
pub use write_options::{Durability, Isolation, Receipt, WriteOptions};

/// The README's program has to compile; the front page here is the same one, and is run.
#[cfg(all(doctest, feature = "derive"))]
#[doc = include_str!("../../../README.md")]
struct Readme;

/// The programs of docs/entities.md are run.
#[cfg(all(doctest, feature = "derive"))]
#[doc = include_str!("../../../docs/entities.md")]
struct EntitiesPage;

/// The storage contract and its backends.
pub use entidb_storage as storage;
