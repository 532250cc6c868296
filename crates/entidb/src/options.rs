//! How a database is opened.

use std::time::Duration;

use crate::limits::BATCH_LEN_MAX;
use crate::retention::Retention;

/// How a database is opened: [`Options::new`], then what differs from it, then [`open`](Options::open).
///
/// ```no_run
/// # fn main() -> entidb::Result<()> {
/// let db = entidb::Options::new().read_only(true).open("app.entidb")?;
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Options {
    pub(crate) create: bool,
    pub(crate) read_only: bool,
    pub(crate) checkpoint_log_bytes: u64,
    pub(crate) cache_bytes: u64,
    pub(crate) memtable_bytes: u64,
    pub(crate) transaction_memory_bytes: usize,
    pub(crate) reserve_bytes: u64,
    pub(crate) auto_compaction: bool,
    pub(crate) compaction_bytes_per_second: Option<u64>,
    pub(crate) background: bool,
    pub(crate) eventual_delay: Duration,
    pub(crate) close_patience: Duration,
    pub(crate) compression: Compression,
    pub(crate) scans: Scans,
    pub(crate) retention: Option<Retention>,
    pub(crate) seed: Option<u64>,
}

/// How records are compressed when compaction copies them, and when a transaction does not fit in memory:
/// [`Options::compression`]. What any other commit writes is never compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// LZ4, in chunks of 32 KiB and more: fast in both directions.
    Lz4,
    /// Zstandard, in the same chunks: smaller, and slower to read. With the feature `zstd`, which needs a C compiler; a program
    /// without it refuses to open what was compressed like this.
    #[cfg(feature = "zstd")]
    Zstd,
}

/// What becomes of walks through whole collections: [`Options::scans`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Scans {
    /// They are counted: [`Stats::scan_count`](crate::Stats::scan_count).
    #[default]
    Allow,
    /// Besides, [`Stats::scanned_collections`](crate::Stats::scanned_collections) names the collections.
    Warn,
    /// They fail, with [`ErrorKind::Invalid`](crate::ErrorKind::Invalid).
    Forbid,
}

/// The default of [`Options::checkpoint_log_bytes`]: 64 MiB.
const CHECKPOINT_LOG_BYTES: u64 = 64 << 20;
/// The default of [`Options::cache_bytes`]: 64 MiB.
const CACHE_BYTES: u64 = 64 << 20;
/// The default of [`Options::memtable_bytes`]: 192 MiB.
const MEMTABLE_BYTES: u64 = 192 << 20;
/// The default of [`Options::transaction_memory_bytes`]: 64 MiB.
const TRANSACTION_MEMORY_BYTES: usize = 64 << 20;
/// The default of [`Options::reserve_bytes`]: 8 MiB.
const RESERVE_BYTES: u64 = 8 << 20;
/// The default of [`Options::eventual_delay`].
const EVENTUAL_DELAY: Duration = Duration::from_millis(500);
/// The default of [`Options::close_patience`].
const CLOSE_PATIENCE: Duration = Duration::from_secs(2);

impl Default for Options {
    fn default() -> Self {
        Self {
            create: true,
            read_only: false,
            checkpoint_log_bytes: CHECKPOINT_LOG_BYTES,
            cache_bytes: CACHE_BYTES,
            memtable_bytes: MEMTABLE_BYTES,
            transaction_memory_bytes: TRANSACTION_MEMORY_BYTES,
            reserve_bytes: RESERVE_BYTES,
            auto_compaction: true,
            compaction_bytes_per_second: None,
            background: true,
            eventual_delay: EVENTUAL_DELAY,
            close_patience: CLOSE_PATIENCE,
            compression: Compression::None,
            scans: Scans::Allow,
            retention: None,
            seed: None,
        }
    }
}

impl Options {
    /// The defaults: for reading and writing, made if it is not there, durable.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether a database that is not there is made. Default: yes.
    #[must_use]
    pub fn create(mut self, create: bool) -> Self {
        self.create = create;
        self
    }

    /// Whether to open for reading only: no lock is taken and nothing is written, so that it works beside a writer and on a
    /// read-only disk. What is seen is the state at this moment. Beside a live writer that can include its very last commit
    /// before the writer itself knows it to be durable. Default: no.
    #[must_use]
    pub fn read_only(mut self, read_only: bool) -> Self {
        self.read_only = read_only;
        self
    }

    /// How long the log may grow before commits turn to another and a checkpoint is made of it, in bytes. It bounds the time to
    /// open after a crash. A checkpoint is also made when what waits for it takes half of
    /// [`memtable_bytes`](Self::memtable_bytes). Default: 64 MiB.
    #[must_use]
    pub fn checkpoint_log_bytes(mut self, bytes: u64) -> Self {
        self.checkpoint_log_bytes = bytes;
        self
    }

    /// How much of what was read stays in memory, in bytes: blocks of entities and pages of keys. Default: 64 MiB.
    #[must_use]
    pub fn cache_bytes(mut self, bytes: u64) -> Self {
        self.cache_bytes = bytes;
        self
    }

    /// How records are compressed when compaction copies them, and when a transaction does not fit in memory. By itself, compaction
    /// copies what is not compressed yet; [`Database::compact`](crate::Database::compact) also what is compressed in another way.
    /// All kinds are always read. Default: not at all.
    #[must_use]
    pub fn compression(mut self, compression: Compression) -> Self {
        self.compression = compression;
        self
    }

    /// What becomes of walks through whole collections, as [`Snapshot::scan`](crate::Snapshot::scan) is: a program that means to
    /// ask by indexes alone finds out here where it does not. Walks through a range of ids and counts are none. Default: they are
    /// allowed, and counted.
    #[must_use]
    pub fn scans(mut self, scans: Scans) -> Self {
        self.scans = scans;
        self
    }

    /// How much memory what was committed and is not in a run yet may take, in bytes. A checkpoint is made of half of that while
    /// commits fill the other half; they wait where it is not done in time. Default: 192 MiB, so that a log of 64 MiB with small
    /// entities has room twice.
    #[must_use]
    pub fn memtable_bytes(mut self, bytes: u64) -> Self {
        self.memtable_bytes = bytes.max(1 << 20);
        self
    }

    /// How much of what it writes a transaction holds in memory, in bytes, up to 1 GiB. What goes beyond that it writes to streams of its
    /// own, which the commit then lists: so it can be larger than memory. A serializable transaction holds as much again of the
    /// keys that it has read. Default: 64 MiB.
    #[must_use]
    pub fn transaction_memory_bytes(mut self, bytes: usize) -> Self {
        self.transaction_memory_bytes = bytes.min(BATCH_LEN_MAX);
        self
    }

    /// How much room on the disk is kept while a session writes, in bytes, for when the disk is full: then it is given up for
    /// deletes, checkpoints and merges, and puts are refused until there is room again. 0 keeps none. Default: 8 MiB.
    #[must_use]
    pub fn reserve_bytes(mut self, bytes: u64) -> Self {
        self.reserve_bytes = bytes;
        self
    }

    /// Whether runs are merged, and the room of dead records given back, by itself. Without it, only
    /// [`Database::compact`](crate::Database::compact) does that. Default: yes.
    #[must_use]
    pub fn auto_compaction(mut self, auto: bool) -> Self {
        self.auto_compaction = auto;
        self
    }

    /// How many bytes merges in the background read and write a second, at the most. Default: as many as they can.
    #[must_use]
    pub fn compaction_bytes_per_second(mut self, bytes: u64) -> Self {
        self.compaction_bytes_per_second = Some(bytes);
        self
    }

    /// Whether checkpoints, merges and the syncs of eventual commits are done by threads in the background. Without them,
    /// a commit that finds something due does it itself, so that everything happens in the order of the calls. Default: yes.
    #[must_use]
    pub fn background(mut self, background: bool) -> Self {
        self.background = background;
        self
    }

    /// Within which time a commit with [`Durability::Eventual`](crate::Durability::Eventual) is durable, but for the time that
    /// its sync takes. Without background threads that is up to the next commits: every half MiB of them is synced. Default: half
    /// a second.
    #[must_use]
    pub fn eventual_delay(mut self, delay: Duration) -> Self {
        self.eventual_delay = delay;
        self
    }

    /// How long closing may take to give room back: where more than a third of what is on the disk is dead, a merge is tried, and
    /// what is not done in time is left as it was for the next session. So a program that opens the database for a moment at
    /// a time does not let it grow. Zero: closing merges nothing. Nor does it without
    /// [`auto_compaction`](Self::auto_compaction). Default: 2 seconds.
    #[must_use]
    pub fn close_patience(mut self, patience: Duration) -> Self {
        self.close_patience = patience;
        self
    }

    /// How many commits are kept for those who follow the [changes](crate::Database::changes). It is remembered, so that all
    /// sessions keep to it: one that does not say anything goes on with what the last one said. Default, in a new database:
    /// [none](Retention::none).
    #[must_use]
    pub fn retention(mut self, retention: Retention) -> Self {
        self.retention = Some(retention);
        self
    }

    /// For tests: takes salts, the database's UUID and commit times from this seed, and does without background threads, so that
    /// the same calls give the same bytes. Never for real data, since two databases of one seed have the same identity.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self.background = false;
        self
    }
}
