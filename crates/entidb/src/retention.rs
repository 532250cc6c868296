//! How much of the past is kept for followers of the change feed.

use std::time::Duration;

/// How many commits are kept for those who follow the change feed: [`Options::retention`](crate::Options::retention).
///
/// Kept are whole logs, the newest first: as many as it takes to have the last [`bytes`](Self::bytes) of them, less those that
/// are older than [`age`](Self::age). What a [consumer](crate::Database::consumer), or a follower in this process, has not read
/// yet is kept besides, up to [`consumer_bytes`](Self::consumer_bytes).
///
/// ```
/// use std::time::Duration;
/// use entidb::Retention;
/// let day = Retention { age: Duration::from_secs(86_400), ..Retention::bytes(256 << 20) };
/// assert!(!day.old);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// So many bytes of logs are kept, and up to one log more. 0, the default: none.
    pub bytes: u64,
    /// A log whose last commit is older than this is not kept. Default: [`Duration::MAX`].
    pub age: Duration,
    /// Whether a commit keeps what it replaces or deletes, so that a [`Change`](crate::Change) has the old payload too. It costs
    /// a read and a copy of each. Default: no.
    pub old: bool,
    /// How far a consumer may fall behind, in bytes of logs, before it meets a [gap](crate::ErrorKind::Gap). Default: 1 GiB.
    pub consumer_bytes: u64,
}

/// The default of [`Retention::consumer_bytes`].
const CONSUMER_BYTES: u64 = 1 << 30;

impl Default for Retention {
    fn default() -> Self {
        Self {
            bytes: 0,
            age: Duration::MAX,
            old: false,
            consumer_bytes: CONSUMER_BYTES,
        }
    }
}

impl Retention {
    /// Nothing is kept, but what consumers have not read: the default.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// The last `bytes` bytes of logs are kept.
    #[must_use]
    pub fn bytes(bytes: u64) -> Self {
        Self {
            bytes,
            ..Self::default()
        }
    }

    /// Whether anything is kept without a consumer.
    pub(crate) fn keeps(&self) -> bool {
        self.bytes > 0 && !self.age.is_zero()
    }

    /// The age in microseconds; `None` if it has no bound.
    pub(crate) fn age_us(&self) -> Option<u64> {
        u64::try_from(self.age.as_micros()).ok()
    }
}
