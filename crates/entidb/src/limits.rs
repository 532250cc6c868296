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

/// The most entities that one transaction writes.
pub const TRANSACTION_COUNT_MAX: usize = 4_000_000;

/// The largest transaction, in bytes of its records: 1 GiB.
pub const TRANSACTION_LEN_MAX: usize = 1 << 30;
