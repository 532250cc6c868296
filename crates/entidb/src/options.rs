//! How a database is opened.

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
    pub(crate) compression: Compression,
    pub(crate) seed: Option<u64>,
}

/// How records are compressed when compaction copies them: [`Options::compression`]. What a commit writes is never compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// LZ4, in chunks of 32 KiB and more: fast in both directions.
    Lz4,
}

/// The default of [`Options::checkpoint_log_bytes`]: 64 MiB.
const CHECKPOINT_LOG_BYTES: u64 = 64 << 20;
/// The default of [`Options::cache_bytes`]: 64 MiB.
const CACHE_BYTES: u64 = 64 << 20;

impl Default for Options {
    fn default() -> Self {
        Self {
            create: true,
            read_only: false,
            checkpoint_log_bytes: CHECKPOINT_LOG_BYTES,
            cache_bytes: CACHE_BYTES,
            compression: Compression::None,
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

    /// How many bytes the log may have before a checkpoint is made of it, in bytes. It bounds the time to open after a crash. A
    /// checkpoint is also made when 400,000 keys wait in memory. Default: 64 MiB.
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

    /// How records are compressed when compaction copies them. Both kinds are always read. Default: not at all.
    #[must_use]
    pub fn compression(mut self, compression: Compression) -> Self {
        self.compression = compression;
        self
    }

    /// For tests: takes salts, the database's UUID and commit times from this seed, so that the same calls give the same
    /// bytes. Never for real data, since two databases of one seed have the same identity.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }
}
