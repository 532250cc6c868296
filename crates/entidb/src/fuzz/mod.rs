//! What is fuzzed: every decoder of bytes from a disk, histories of operations, and databases that were damaged or forged.
//!
//! No part of the crate that anybody uses: it is compiled for the crate's own tests, which run a fixed share of each target, and
//! with `--cfg entidb_fuzz`, which the workspace `fuzz/` sets and nobody else. Decoders check a checksum first, which no random
//! bytes pass; so a target puts the right one to its input, and what comes next is reached.
//!
//! Promises of a target: the same input does the same each time, and it panics only where something is wrong.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "a target panics where it finds something"
)]

mod chunks;
mod codec;
mod damage;
mod entries;
mod forge;
mod frames;
mod history;
mod image;
mod input;
mod json;
mod keys;
mod log;
mod pages;
mod samples;
mod sealed;
mod types;

#[cfg(test)]
mod tests;

/// One thing to fuzz.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// The name of its program in `fuzz/targets/`, and of its corpus.
    pub name: &'static str,
    /// Runs it with one input. Panics if something is wrong.
    pub run: fn(&[u8]),
    /// Inputs to begin with, in the format that the program has now.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

macro_rules! targets {
    ($($name:ident: $run:path, $seeds:path;)*) => {
        /// All of them.
        pub const TARGETS: &[Target] = &[
            $(Target { name: stringify!($name), run: $run, seeds: $seeds },)*
        ];
    };
}

targets! {
    header: frames::header, frames::header_seeds;
    manifest: frames::manifest, frames::manifest_seeds;
    footer: frames::footer, frames::footer_seeds;
    record: log::record, log::record_seeds;
    batch: log::batch, log::batch_seeds;
    log: log::log, log::log_seeds;
    page: pages::page, pages::page_seeds;
    filter: pages::filter, pages::filter_seeds;
    entry: entries::entry, entries::entry_seeds;
    chunk: chunks::chunk, chunks::chunk_seeds;
    table: chunks::table, chunks::table_seeds;
    cbor: codec::cbor, codec::cbor_seeds;
    json: json::json, json::json_seeds;
    key: keys::key, keys::key_seeds;
    path: keys::path, keys::path_seeds;
    types: types::types, types::types_seeds;
    sealed: sealed::stream, sealed::stream_seeds;
    keyring: sealed::keyring, sealed::keyring_seeds;
    history: history::history, history::history_seeds;
    damage: damage::damage, damage::damage_seeds;
    forge: forge::forge, forge::forge_seeds;
}

/// The target of this name.
#[must_use]
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}
