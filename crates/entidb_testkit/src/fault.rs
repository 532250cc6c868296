//! Operations that fail.

use std::collections::BTreeMap;
use std::io;

use entidb_storage::StorageError;

use crate::rng::Rng;

/// A step that can fail. One call may be several: a flush is a write, a flush and, the first time, a directory sync.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Op {
    /// Opening a stream that is there, for appending.
    Open,
    /// Making a stream.
    Create,
    /// Handing bytes to the backend.
    Append,
    /// Setting space aside.
    Reserve,
    /// Handing buffered bytes to the operating system, at a flush, a sync or a close.
    Write,
    /// Making a stream's bytes durable (fdatasync).
    Flush,
    /// Making a stream's bytes and metadata durable (fsync), also after a cut.
    Sync,
    /// Cutting a stream.
    Truncate,
    /// Removing a name.
    Remove,
    /// Replacing a stream, up to the renaming.
    Replace,
    /// Making names durable: at a directory's sync, a stream's first flush, and the end of a replacement.
    DirectorySync,
    /// Listing the names.
    List,
    /// Taking the lock.
    Lock,
    /// Opening a stream for reading.
    OpenReader,
    /// Reading.
    Read,
}

impl Op {
    /// Every operation.
    pub const ALL: [Self; 15] = [
        Self::Open,
        Self::Create,
        Self::Append,
        Self::Reserve,
        Self::Write,
        Self::Flush,
        Self::Sync,
        Self::Truncate,
        Self::Remove,
        Self::Replace,
        Self::DirectorySync,
        Self::List,
        Self::Lock,
        Self::OpenReader,
        Self::Read,
    ];

    /// Whether it can change what a crash leaves.
    pub(crate) fn changes(self) -> bool {
        !matches!(
            self,
            Self::Open | Self::Reserve | Self::List | Self::OpenReader | Self::Read
        )
    }
}

/// How an operation fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The medium fails (EIO). At a sync: the pages stay readable, and later syncs succeed without writing them (ext4, xfs).
    Io,
    /// There is no room (ENOSPC). At a sync, as for [`Fault::Io`].
    Full,
    /// A signal (EINTR). A backend handles it inside; it is here for callers of backends that do not.
    Interrupted,
    /// Only a part gets in: an append takes it back; a write leaves the rest in the buffer.
    Short,
    /// Only a part of an append gets in and cannot be taken back: the handle is poisoned.
    ShortStuck,
    /// A sync fails and the pages go back to what the disk has, which is zeros (btrfs).
    Revert,
    /// A read succeeds, with one bit of it flipped.
    FlippedBit,
}

impl Fault {
    pub(crate) fn error(self, op: Op) -> StorageError {
        let kind = match self {
            Self::Full => io::ErrorKind::StorageFull,
            Self::Interrupted => io::ErrorKind::Interrupted,
            _ => io::ErrorKind::Other,
        };
        StorageError::Io(io::Error::new(
            kind,
            format!("simulated fault {self:?} of {op:?}"),
        ))
    }
}

/// Which operation fails, how, and how often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// Which kind of operation; `None` for any.
    pub op: Option<Op>,
    /// Which one of that kind, counted from 0 at the moment when the rule is given.
    pub nth: u64,
    /// Whether every later one fails, too.
    pub forever: bool,
    /// How it fails.
    pub fault: Fault,
}

impl Rule {
    /// The `nth` operation of kind `op` from now on, counted from 0, fails once.
    #[must_use]
    pub fn once(op: Op, nth: u64, fault: Fault) -> Self {
        Self {
            op: Some(op),
            nth,
            forever: false,
            fault,
        }
    }

    /// The `nth` operation of any kind from now on, counted from 0, fails once.
    #[must_use]
    pub fn nth(nth: u64, fault: Fault) -> Self {
        Self {
            op: None,
            nth,
            forever: false,
            fault,
        }
    }

    /// And every one after it, for ever.
    #[must_use]
    pub fn forever(mut self) -> Self {
        self.forever = true;
        self
    }
}

/// The rules in force, and what has happened so far.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    rules: Vec<(Rule, u64)>,
    counts: BTreeMap<Op, u64>,
    hits: u64,
}

impl Faults {
    pub(crate) fn add(&mut self, rule: Rule) {
        self.rules.push((rule, 0));
    }

    pub(crate) fn clear(&mut self) {
        self.rules.clear();
    }

    /// Counts the operation, and says whether it fails.
    pub(crate) fn strike(&mut self, op: Op) -> Option<Fault> {
        *self.counts.entry(op).or_default() += 1;
        let mut fault = None;
        for (rule, met) in &mut self.rules {
            if rule.op.is_some_and(|wanted| wanted != op) {
                continue;
            }
            let now = *met;
            *met += 1;
            if now == rule.nth || (rule.forever && now > rule.nth) {
                fault = fault.or(Some(rule.fault));
            }
        }
        self.hits += u64::from(fault.is_some());
        fault
    }

    pub(crate) fn hits(&self) -> u64 {
        self.hits
    }

    pub(crate) fn counts(&self) -> &BTreeMap<Op, u64> {
        &self.counts
    }
}

/// Flips one bit of `bytes`.
pub(crate) fn flip(bytes: &mut [u8], rng: &mut Rng) {
    if !bytes.is_empty() {
        let at = rng.below(bytes.len());
        bytes[at] ^= 1 << rng.below(8);
    }
}
