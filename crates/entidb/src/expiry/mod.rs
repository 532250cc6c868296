//! Time to live: entities that are deleted at their time.
//!
//! Promises: an entity that was put with a time is deleted by an ordinary commit once that has come, unless it was put again or
//! deleted since; until that commit every read sees it, so that all reads of one snapshot agree. Relies on the LSN: the time is kept
//! in an entity of the engine's own, of the same commit, and means that version alone. Must never delete without a commit.

mod carry;
mod database;
mod due;
mod sweep;
mod timer;

pub(crate) use carry::{Times, entity_of};
pub(crate) use due::{Due, EXPIRY, next};
pub(crate) use sweep::run;
pub(crate) use timer::Timer;
