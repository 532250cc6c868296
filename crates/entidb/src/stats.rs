//! What a database holds.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use crate::compact::Inputs;
use crate::compaction;
use crate::error::Result;
use crate::expiry;
use crate::feed::Kept;
use crate::ids::Lsn;
use crate::retention::Retention;
use crate::snapshot::Snapshot;
use crate::view::View;
use crate::writer::Writer;

/// What a database holds, and what this handle has done since it was opened: [`Database::stats`](crate::Database::stats).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// The last commit.
    pub last_lsn: Lsn,
    /// How many collections there are.
    pub collection_count: usize,
    /// How many indexes there are, those that are being built included.
    pub index_count: usize,
    /// Versions of index entries, in memory and in runs.
    pub index_entry_count: u64,
    /// How often this handle has walked through a whole collection: see [`Options::scans`](crate::Options::scans).
    pub scan_count: u64,
    /// With [`Scans::Warn`](crate::Scans::Warn), which collections these were, in the order of their names.
    pub scanned_collections: Vec<String>,
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
    /// What the memtables take in memory, in bytes.
    pub memtable_bytes: u64,
    /// What the cache of blocks and pages takes in memory, in bytes.
    pub cache_bytes: u64,
    /// How often a block or page was found in the cache.
    pub cache_hit_count: u64,
    /// How often one had to be read.
    pub cache_miss_count: u64,
    /// The last commit that is durable for certain; for a database opened for reading, the last one that it sees.
    pub durable_lsn: Lsn,
    /// Bytes of records that count, in segments.
    pub live_bytes: u64,
    /// Bytes in segments, and of index entries, that compaction could give back, about.
    pub dead_bytes_estimate: u64,
    /// Length of the compressed segments' records as they are stored, in bytes.
    pub compressed_bytes: u64,
    /// What these would have without compression, in bytes.
    pub raw_bytes: u64,
    /// Bytes of streams that are not needed any more but by snapshots, or by reads under way; 0 while a merge is at work.
    pub obsolete_bytes: u64,
    /// Up to here, nothing is kept for followers of the [changes](crate::Database::changes); `None` if nothing is at all.
    pub feed_floor: Option<Lsn>,
    /// Bytes of logs that are kept for followers alone.
    pub feed_bytes: u64,
    /// What is kept for them from session to session, by [`Options::retention`](crate::Options::retention) or for consumers; `None`
    /// if nothing is.
    pub retention: Option<Retention>,
    /// When the next entity is to go by its [time](crate::Transaction::put_expiring), if one is.
    pub next_expiry: Option<SystemTime>,
    /// Commits by this handle.
    pub commit_count: u64,
    /// Commits that were refused because another got in their way.
    pub conflict_count: u64,
    /// How often this handle has waited until something was durable: one a group of commits, and those of manifests and checkpoints.
    pub sync_count: u64,
    /// Checkpoints by this handle.
    pub checkpoint_count: u64,
    /// Merges by this handle.
    pub compaction_count: u64,
    /// The longest time that a commit was held up by something else than its own sync, in microseconds.
    pub stall_us_max: u64,
    /// Why the last piece of work in the background failed, if it did: it will be tried again.
    pub background_failure: Option<String>,
}

impl Stats {
    pub(crate) fn of(snapshot: &Snapshot, kept: Kept, writer: Option<&Writer>) -> Result<Self> {
        let view = snapshot.view();
        let mut log_bytes = 0;
        for stream in view.streams.values() {
            log_bytes += stream.size()?;
        }
        let infos = Inputs::of(view).infos()?;
        let space = compaction::space(&infos, &view.streams);
        let tables = &view.memtables;
        let mut stats = Self {
            last_lsn: snapshot.lsn(),
            collection_count: snapshot.collections().count(),
            index_count: view.catalog.indexes.len(),
            index_entry_count: index_entry_count(view),
            scan_count: view.scans.count(),
            scanned_collections: view.scans.names(),
            memtable_count: tables.iter().map(|table| table.len()).sum(),
            log_count: view.streams.len(),
            log_bytes,
            run_count: view.runs.len(),
            run_bytes: view.runs.iter().map(|run| run.entry.len).sum(),
            memtable_bytes: tables.iter().map(|table| table.memory_bytes() as u64).sum(),
            cache_bytes: view.cache.len_bytes(),
            cache_hit_count: view.cache.hit_count(),
            cache_miss_count: view.cache.miss_count(),
            durable_lsn: snapshot.lsn(),
            live_bytes: space.live_bytes,
            dead_bytes_estimate: space.dead_bytes_estimate,
            compressed_bytes: space.compressed_bytes,
            raw_bytes: space.raw_bytes,
            obsolete_bytes: 0,
            feed_floor: kept.floor,
            feed_bytes: kept.bytes,
            retention: kept.retention,
            next_expiry: expiry::next(snapshot)?,
            commit_count: 0,
            conflict_count: 0,
            sync_count: 0,
            checkpoint_count: 0,
            compaction_count: 0,
            stall_us_max: 0,
            background_failure: None,
        };
        if let Some(writer) = writer {
            let counters = &writer.committer.counters;
            let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
            stats.commit_count = get(&counters.commits);
            stats.conflict_count = get(&counters.conflicts);
            stats.sync_count =
                get(&counters.syncs) + writer.editor.sync_count() + writer.ground.sync_count();
            stats.compaction_count = get(&counters.compactions);
            stats.checkpoint_count = get(&counters.checkpoints);
            stats.stall_us_max = get(&counters.stall_us_max);
            if let Ok(compactor) = writer.compactor.try_lock() {
                stats.obsolete_bytes = compactor.obsolete_bytes();
            }
            let queue = writer.committer.queue();
            stats.durable_lsn = queue.durable();
            let troubles = [
                &queue.trouble,
                &queue.compaction_trouble,
                &queue.index_trouble,
            ];
            let trouble = troubles.into_iter().flatten().next();
            let trouble = trouble.map(|trouble| trouble.message.clone());
            drop(queue);
            stats.background_failure = trouble.or_else(|| writer.timer.trouble());
        }
        Ok(stats)
    }
}

fn index_entry_count(view: &View) -> u64 {
    let tables = view.memtables.iter();
    let in_memory: usize = tables.map(|table| table.entry_count()).sum();
    let footers = view.runs.iter().filter_map(|run| run.footer.index.as_ref());
    in_memory as u64 + footers.map(|index| index.entries).sum::<u64>()
}
