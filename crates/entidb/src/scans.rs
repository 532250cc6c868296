//! Whole collections that were walked through, where an index might have told more cheaply.

use std::collections::BTreeSet;

use crate::error::{Error, Result};
use crate::options::Scans;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{Mutex, PoisonError};

/// What a handle knows of its scans.
#[derive(Debug, Default)]
pub(crate) struct ScanLog {
    policy: Scans,
    count: AtomicU64,
    /// Of which collections; kept where the policy is to warn.
    names: Mutex<BTreeSet<String>>,
}

impl ScanLog {
    pub(crate) fn new(policy: Scans) -> Self {
        Self {
            policy,
            ..Self::default()
        }
    }

    /// Counts a walk through a whole collection, or refuses it.
    pub(crate) fn note(&self, collection: &str) -> Result<()> {
        if self.policy == Scans::Forbid {
            return Err(Error::invalid(format!(
                "a walk through the whole collection {collection:?} is forbidden by Options::scans: ask by id, by a range of ids, or by an index"
            )));
        }
        self.count.fetch_add(1, Ordering::Relaxed);
        if self.policy == Scans::Warn {
            let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
            if !names.contains(collection) {
                names.insert(collection.to_owned());
            }
        }
        Ok(())
    }

    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    pub(crate) fn names(&self) -> Vec<String> {
        let names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        names.iter().cloned().collect()
    }
}
