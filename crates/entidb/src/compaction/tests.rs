//! Merges against a model, under faults and over damage.
#![expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "the tests' own bytes"
)]

mod history;
mod indexes;
mod merging;
mod planning;
mod speed;
