//! The index entries of a run: a tree of pages behind those of the primary keys, and a filter over its values.
//!
//! Leaves are written as they fill, and an inner page as soon as it has all of its children, so that each stands behind what it
//! leads to, the root last, and no list of them is kept.

mod builder;
mod cursor;
mod find;
mod reader;
mod walk;

#[cfg(test)]
mod speed;
#[cfg(test)]
mod tests;

pub(super) use builder::Builder;
pub(crate) use cursor::{EntryCursor, EntryRef};
pub(super) use reader::Pages;
pub(crate) use walk::Walk;
