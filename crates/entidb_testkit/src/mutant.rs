//! Disks that lie, so that a test can be tested.

/// A disk that breaks the storage contract in one way. A crash test worth its name fails on each of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mutant {
    /// Every flush and sync succeeds and makes nothing durable.
    LyingSync,
    /// A flush makes the bytes durable, but not the length that shows them.
    SyncDropsSize,
    /// A flush makes only the last append before it durable; earlier ones are still on their way.
    ReorderAcrossSync,
    /// A flush makes the bytes durable, but a new stream's name only a sync of the directory.
    NameNotSynced,
    /// A replacement returns before the directory is synced.
    ReplaceNotSynced,
    /// A cut returns before it is synced.
    CutNotSynced,
}

impl Mutant {
    /// Every mutant.
    pub const ALL: [Self; 6] = [
        Self::LyingSync,
        Self::SyncDropsSize,
        Self::ReorderAcrossSync,
        Self::NameNotSynced,
        Self::ReplaceNotSynced,
        Self::CutNotSynced,
    ];
}
