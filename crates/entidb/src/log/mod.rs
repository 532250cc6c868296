//! The active log: batches are appended behind each other, and each is durable before it counts.
//!
//! Promises: a batch is in the log whole or not at all; nothing is ever appended behind a torn tail. Relies on the storage
//! contract's clauses 3, 6, 7 and 8. Must never know what the records mean.

mod items;
mod scan;
mod sealer;
mod writer;

pub(crate) use items::{Item, items};
pub(crate) use scan::{Tail, Walk, follows, open_segment, records, shrunk, walk};
pub(crate) use sealer::{Draft, Sealed, Sealer};
pub(crate) use writer::{Failure, Log, seal, unfooted};
