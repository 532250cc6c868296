//! Every byte on disk: pure functions between structs and slices. docs/format.md draws what is here.
//!
//! Promises: what is decoded was checked against its checksum first; a length is bounded before anything is allocated; no byte
//! from a disk makes this panic. Relies on nothing. Must never know a stream, a clock or a lock.
#![deny(clippy::indexing_slicing)]

pub(crate) mod batch;
pub(crate) mod block;
pub(crate) mod catalog;
pub(crate) mod checksum;
pub(crate) mod chunk;
pub(crate) mod collection;
mod column;
pub(crate) mod compress;
pub(crate) mod entry;
pub(crate) mod entry_key;
pub(crate) mod fields;
pub(crate) mod filter;
pub(crate) mod footer;
pub(crate) mod header;
pub(crate) mod key;
pub(crate) mod leaf;
pub(crate) mod manifest;
pub(crate) mod map;
pub(crate) mod name;
pub(crate) mod page;
pub(crate) mod record;
pub(crate) mod retained;
#[cfg(feature = "zstd")]
mod zstd;

#[cfg(test)]
mod tests;

/// LSNs, stream numbers and offsets are below this, so that sums of a few never overflow and a run's columns hold them.
pub(crate) const NUMBER_MAX: u64 = 1 << 56;

/// Why bytes are not what they should be. The caller adds the stream and the offset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The bytes are damaged, or torn, or were never written.
    Damaged { expected: String, got: String },
    /// A newer program wrote them.
    Unsupported(String),
    /// A program with this feature wrote them, which this one is built without.
    #[cfg(not(feature = "zstd"))]
    Feature(&'static str),
}

impl Fault {
    pub(crate) fn damaged(expected: impl Into<String>, got: impl Into<String>) -> Self {
        Self::Damaged {
            expected: expected.into(),
            got: got.into(),
        }
    }

    pub(crate) fn checksum(expected: u32, got: u32) -> Self {
        Self::damaged(format!("checksum {expected:08x}"), format!("{got:08x}"))
    }

    pub(crate) fn short(expected: usize, got: usize) -> Self {
        Self::damaged(format!("{expected} bytes"), format!("{got}"))
    }

    /// The error for this fault, found in `stream` at `offset`.
    pub(crate) fn at(self, stream: &str, offset: u64) -> crate::Error {
        match self {
            Self::Damaged { expected, got } => crate::Error::corrupt(stream, offset, expected, got),
            #[cfg(not(feature = "zstd"))]
            Self::Feature(name) => crate::Error::new(
                crate::ErrorKind::Unsupported,
                format!(
                    "compression {name}: this program is built without the feature {name} of EntiDB, open it with one that has it"
                ),
            )
            .at(stream, offset),
            Self::Unsupported(what) => crate::Error::new(
                crate::ErrorKind::Unsupported,
                format!("{what}: written by a newer version of EntiDB, open it with that one"),
            )
            .at(stream, offset),
        }
    }
}
