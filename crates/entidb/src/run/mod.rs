//! Sorted, immutable keys on disk, and where the record of each lies.
//!
//! Promises: of every key that it covers, exactly the newest version at the time of its checkpoint; every page is checked as it
//! comes in. Relies on the manifest for its length and digest. Must never know the records.

mod builder;
mod cursor;
mod entry;
mod output;
mod reader;

pub(crate) use builder::Builder;
pub(crate) use cursor::{Cursor, overlaps};
pub(crate) use entry::Walk;
pub(crate) use entry::{EntryCursor, EntryRef};
pub(crate) use reader::Run;
