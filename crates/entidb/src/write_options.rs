//! How one transaction is committed, and what its commit answers.

use crate::ids::Lsn;

/// When a commit returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Durability {
    /// When it is durable: it survives a power cut.
    #[default]
    Sync,
    /// At once. It is durable within [`Options::eventual_delay`](crate::Options::eventual_delay), or when
    /// [`Database::wait_durable`](crate::Database::wait_durable) says so; a crash before that loses it, and with it all that
    /// came later, but nothing that came before. It is visible at once, unless a commit that waits for its sync is before
    /// it, with which it then becomes visible. One of more than 4 MiB waits all the same.
    Eventual,
}

/// What a transaction is kept apart from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Isolation {
    /// It reads one snapshot, and its commit is refused if another has written what it writes. Two transactions that each
    /// read what the other writes can both succeed (write skew).
    #[default]
    Snapshot,
    /// Besides, its commit is refused if another has written what it has read, whole ranges included: the outcome is that
    /// of running one transaction after the other.
    Serializable,
}

/// How one transaction is run and committed: for [`Database::write_with`](crate::Database::write_with).
///
/// ```
/// use entidb::{Durability, Isolation, WriteOptions};
/// let options = WriteOptions::new().durability(Durability::Eventual).isolation(Isolation::Serializable);
/// ```
#[derive(Debug, Clone, Copy)]
pub struct WriteOptions {
    pub(crate) durability: Durability,
    pub(crate) isolation: Isolation,
    pub(crate) attempts: u32,
}

/// How often a transaction is run, at the most, when others get in its way.
const ATTEMPTS: u32 = 100;

impl Default for WriteOptions {
    fn default() -> Self {
        Self {
            durability: Durability::default(),
            isolation: Isolation::default(),
            attempts: ATTEMPTS,
        }
    }
}

impl WriteOptions {
    /// Durable when it returns, over a snapshot, run up to 100 times.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// When the commit returns. Default: [`Durability::Sync`].
    #[must_use]
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// What the transaction is kept apart from. Default: [`Isolation::Snapshot`].
    #[must_use]
    pub fn isolation(mut self, isolation: Isolation) -> Self {
        self.isolation = isolation;
        self
    }

    /// How often the transaction is run, at the most, when other commits get in its way; at least once. Default: 100.
    #[must_use]
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts.max(1);
        self
    }
}

/// What a commit answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Receipt {
    /// The commit's position; of a transaction that wrote nothing, the last one that it saw.
    pub lsn: Lsn,
    /// Whether it is known to be durable.
    pub durable: bool,
}
