//! What a database holds.

use crate::error::Result;
use crate::ids::Lsn;
use crate::snapshot::Snapshot;
use crate::writer::Counters;

/// What a database holds, and what this handle has done since it was opened: [`Database::stats`](crate::Database::stats).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// The last commit.
    pub last_lsn: Lsn,
    /// How many collections there are.
    pub collection_count: usize,
    /// Entity versions whose keys are in memory, until the next checkpoint.
    pub memtable_count: usize,
    /// How many streams hold entities: logs, and the segments that they became.
    pub log_count: usize,
    /// Their size in bytes.
    pub log_bytes: u64,
    /// How many runs of sorted keys there are.
    pub run_count: usize,
    /// Their size in bytes.
    pub run_bytes: u64,
    /// Commits by this handle.
    pub commit_count: u64,
    /// How often this handle has waited until something was durable: one a commit, and those of manifests and checkpoints.
    pub sync_count: u64,
    /// Checkpoints by this handle.
    pub checkpoint_count: u64,
    /// Why the last checkpoint that came due by itself failed, if it did: it will be tried again.
    pub checkpoint_failure: Option<String>,
}

impl Stats {
    pub(crate) fn of(
        snapshot: &Snapshot,
        counters: &Counters,
        checkpoint_failure: Option<String>,
    ) -> Result<Self> {
        let view = snapshot.view();
        let mut log_bytes = 0;
        for stream in view.streams.values() {
            log_bytes += stream.size()?;
        }
        Ok(Self {
            last_lsn: snapshot.lsn(),
            collection_count: view.catalog.collections.len(),
            memtable_count: view.memtables.iter().map(|table| table.len()).sum(),
            log_count: view.streams.len(),
            log_bytes,
            run_count: view.runs.len(),
            run_bytes: view.runs.iter().map(|run| run.entry.len).sum(),
            commit_count: counters.commits,
            sync_count: counters.syncs,
            checkpoint_count: counters.checkpoints,
            checkpoint_failure,
        })
    }
}
