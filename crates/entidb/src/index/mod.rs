//! Indexes: declared on paths into the payload, kept by every commit, read in the order of their values.
//!
//! Promises: at every LSN, the entries of a ready index are exactly those that its entities' payloads give. Relies on the conflict
//! check: what a transaction writes is what it was at its snapshot, so that the difference of old and new payload is the
//! difference of entries. Must never know how an entry is stored.

mod arrange;
mod build;
mod derive;
mod entries;
mod find;
mod keys;
mod large;
mod merged;
mod own;
mod position;
mod roots;
mod spec;
mod unique;
mod walk;
mod words;

#[cfg(test)]
mod tests;
mod within;

pub(crate) use derive::Derived;
pub(crate) use entries::{Entries, EntryBounds, MemtableCursor, bounds_of, newest, value_prefix};
pub(crate) use keys::{Keys, is_claimed_as_stored};
pub(crate) use large::{Claims, LargeEntries};
pub(crate) use merged::{Merged, Notes};
pub(crate) use own::Overlay;
pub(crate) use within::Within;

pub use crate::format::catalog::IndexKind;
pub use find::Find;
pub use position::{ParsePositionError, Position};
pub use spec::{IndexInfo, IndexSpec};
pub use walk::{Found, FoundIds, FoundPositions};
