//! What a database can hold. The limits are part of the format, in docs/format.md.

/// The longest payload of an entity, in bytes: 64 MiB.
pub const PAYLOAD_LEN_MAX: usize = 64 << 20;

/// The longest name of a collection, in bytes of UTF-8.
pub const COLLECTION_NAME_LEN_MAX: usize = 255;

/// How many collections and indexes a database can have, those that were dropped included.
pub const COLLECTION_COUNT_MAX: usize = 65_535;

/// The longest key of an index, all its parts together, that is kept whole, in bytes. Of a longer one so many bytes are kept, and
/// a digest: its order among others with the same beginning is not that of the values.
pub const INDEX_KEY_LEN_MAX: usize = entidb_codec::key::LONG_PREFIX_LEN;

/// The longest name of an index, in bytes of UTF-8.
pub const INDEX_NAME_LEN_MAX: usize = 255;

/// How many paths an index can have.
pub const INDEX_PATH_COUNT_MAX: usize = 16;

/// How deep arrays, maps and tags nest in a payload.
pub const NESTING_MAX: usize = entidb_codec::NESTING_MAX;

/// The largest transaction, in bytes of what it writes: 2^48. Above
/// [`Options::transaction_memory_bytes`](crate::Options::transaction_memory_bytes) it lies on the disk until it is committed.
pub const TRANSACTION_LEN_MAX: u64 = 1 << 48;

/// How many ranges a transaction that does not fit in memory deletes, at the most.
pub const SPILLED_RANGE_COUNT_MAX: usize = 65_536;

/// The most entities that a transaction holds in memory: of one batch.
pub const BATCH_COUNT_MAX: usize = 4_000_000;

/// The most that a transaction can be allowed to hold in memory, in bytes of its records: of one batch, 1 GiB.
pub const BATCH_LEN_MAX: usize = 1 << 30;
