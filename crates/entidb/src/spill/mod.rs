//! Transactions larger than memory: what they write goes to streams of their own, in sorted pieces, before it is committed.
//!
//! Promises: what a transaction holds in memory is bounded, whatever it writes and reads; what it has spilled, it finds as if it
//! were in memory; its streams go with it, unless the manifest has come to list them. Relies on streams that no manifest lists
//! being void, and on the merge of runs. Must never know an LSN: inside, the number of a piece stands for it.
//!
//! A piece is a segment, whose records have LSN 0, and a run over it, whose entries have the piece's number. So pieces are
//! to each other what commits are in the database, and what one writes behind a range that it has deleted is told from what it
//! wrote before. Keys alone are merged: an entity's bytes are written once, and the segments become the database's.

mod entry_pile;
mod entry_set;
mod ground;
mod held;
mod large;
mod line;
mod own_entries;
mod own_writes;
mod piece;
mod pile;
mod read_keys;
mod spans;
mod spilled;
mod times;
mod told;
mod walk;

pub(crate) use entry_pile::EntryPile;
pub(crate) use ground::{Ground, Host};
pub(crate) use held::Held;
pub(crate) use large::Large;
pub(crate) use own_entries::SpilledEntries;
pub(crate) use own_writes::OwnWrites;
pub(crate) use read_keys::ReadKeys;
pub(crate) use spans::{Spans, coarsen};
pub(crate) use spilled::{Found, Spilled};
pub(crate) use times::Times;
pub(crate) use told::Told;
pub(crate) use walk::Walk;
