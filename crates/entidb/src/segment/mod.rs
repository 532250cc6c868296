//! Segments that a merge writes: copied records in key order, in chunks, compressed if that was asked for.
//!
//! Promises: every chunk is checked as it comes in, against the table, the table against the footer, the footer against the
//! manifest. Relies on the manifest for length and digest. Must never know which records are live.

mod reader;
mod writer;

pub(crate) use reader::{Chunks, open, slice};
pub(crate) use writer::Writer;
