//! Typed collections: what a program that derives `Entity` relies on.
#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "a test's helpers fail as its functions do"
)]

mod crud;
mod derived;
mod evolution;
mod indexes;
mod keys;
mod text;
mod together;

use entidb::Database;
use entidb::storage::MemoryDirectory;

/// A database in memory.
fn memory() -> Database {
    Database::open_in(MemoryDirectory::new()).unwrap()
}
