//! A commit behind which merges must not forget what was deleted: a transaction runs that was begun over it.
//!
//! One that fits in memory is told to run again instead. One that does not runs for long, and would hear that every time.

use super::ground::Ground;
use crate::ids::Lsn;
use crate::sync::{Arc, PoisonError};

/// Stands until it is dropped.
pub(crate) struct Line {
    ground: Arc<Ground>,
    lsn: Lsn,
}

impl Line {
    pub(super) fn draw(ground: &Arc<Ground>, lsn: Lsn) -> Self {
        let mut lines = ground.lines.lock().unwrap_or_else(PoisonError::into_inner);
        *lines.entry(lsn).or_default() += 1;
        drop(lines);
        Self {
            ground: Arc::clone(ground),
            lsn,
        }
    }

    pub(super) fn lsn(&self) -> Lsn {
        self.lsn
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let mut lines = self
            .ground
            .lines
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = lines.get_mut(&self.lsn) {
            *count -= 1;
            if *count == 0 {
                lines.remove(&self.lsn);
            }
        }
    }
}

impl Ground {
    /// Up to which commit nobody asks any more what was deleted.
    pub(crate) fn forget(&self) -> Lsn {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.keys().next().copied().unwrap_or(Lsn(u64::MAX))
    }
}
