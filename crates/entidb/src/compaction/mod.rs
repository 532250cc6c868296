//! Compaction: fewer runs, and the room back that superseded records take.
//!
//! Promises: a merge holds exactly what a read of its inputs would find, and copies no record that it has not checked; its
//! inputs are never changed, and what it made counts only once the caller lists it. Memory is bounded, whatever the size. Relies
//! on snapshots holding on to their view: a merge keeps the newest version of a key and no other. Must never know the writer.

mod copy;
mod entries;
mod keys;
mod merge;
mod plan;
mod space;

pub(crate) use entries::Entries;
pub(crate) use keys::Keys;
pub(crate) use merge::{Context, Merged, Outcome, Source, filter_room, kept_ranges, run};
pub(crate) use plan::{Job, Policy, Rewrite, RunInfo, all_bytes, plan, plan_all, plan_space};
pub(crate) use space::{run_infos, space};
#[cfg(test)]
pub(crate) use {plan::IndexInfo, space::SpaceInfo};

#[cfg(test)]
mod tests;
