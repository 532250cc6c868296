//! A stream that a transaction has made.

use super::ground::Ground;
use crate::format::name::StreamKind;
use crate::ids::StreamId;
use crate::sync::Arc;
use crate::sync::atomic::{AtomicBool, Ordering};

/// Removes its stream when nobody holds it any more, unless the database has taken it.
pub(crate) struct Held {
    ground: Arc<Ground>,
    id: StreamId,
    kind: StreamKind,
    taken: AtomicBool,
}

impl Held {
    pub(super) fn new(ground: &Arc<Ground>, id: StreamId, kind: StreamKind) -> Self {
        Self {
            ground: Arc::clone(ground),
            id,
            kind,
            taken: AtomicBool::new(false),
        }
    }

    pub(super) fn id(&self) -> StreamId {
        self.id
    }

    pub(super) fn note_sync(&self) {
        self.ground.note_sync();
    }

    /// The database has the stream from here on, or may have it.
    pub(super) fn take(&self) {
        self.taken.store(true, Ordering::Relaxed);
    }

    /// It was not taken after all.
    pub(super) fn give_back(&self) {
        self.taken.store(false, Ordering::Relaxed);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if !self.taken.load(Ordering::Relaxed) {
            self.ground.give_up(self.id, &self.kind.name(self.id));
        }
    }
}
