//! One adapter an engine, each set up as its authors recommend.

pub mod entidb;
pub mod fjall;
pub mod lmdb;
pub mod published;
pub mod redb;
pub mod rocksdb;
pub mod sqlite;
