//! Commits larger than memory: one edit of the manifest, which lists a run and segments that are there already.
//!
//! Promises: the same as any other commit, a place in LSN order included; others wait for it only while what was committed just
//! before becomes a run and the manifest is replaced. Relies on the spilled streams being durable, and on the checkpoint. Must
//! never write a record.

mod claim;
mod commit;
mod entries;
mod told;
