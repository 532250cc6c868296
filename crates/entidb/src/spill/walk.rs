//! Walking through what a transaction has spilled.

use std::ops::Bound;

use super::held::Held;
use super::spilled::Spilled;
use crate::error::Result;
use crate::format::key::Key;
use crate::ids::{EntityId, Lsn};
use crate::memtable::Version;
use crate::merge::Merge;
use crate::payload::Payload;
use crate::sync::Arc;
use crate::view::View;
use crate::window::Windows;

/// A lazy walk over what was spilled until now within a range of keys, tombstones included, in id order.
pub(crate) struct Walk {
    merge: Merge,
    /// The keys between which it goes, both ends included.
    ends: (Key, Key),
    windows: Windows,
    view: View,
    head: Option<(Key, Version)>,
    /// Last, so that a stream is removed only after its reader is gone.
    _held: Vec<Arc<Held>>,
}

impl Walk {
    pub(crate) fn new(spilled: &Spilled, first: Key, last: Key) -> Self {
        let view = spilled.view().clone();
        Self {
            merge: merge(&view, (first, last), false),
            ends: (first, last),
            windows: Windows::default(),
            view,
            head: None,
            _held: spilled.held(),
        }
    }

    /// The same walk in the other direction, or from another key on. Called before the first id is taken.
    pub(crate) fn within(mut self, ends: (Key, Key), descending: bool) -> Self {
        self.merge = merge(&self.view, ends, descending);
        self.ends = ends;
        self.head = None;
        self
    }

    /// The first and the last key between which it goes.
    pub(crate) fn ends(&self) -> (Key, Key) {
        self.ends
    }

    /// The next id.
    pub(crate) fn peek(&mut self) -> Result<Option<EntityId>> {
        if self.head.is_none() {
            self.head = self.merge.next()?;
        }
        Ok(self.head.as_ref().map(|(key, _)| key.id()))
    }

    /// Passes the next id without reading what was put there.
    pub(crate) fn pass(&mut self) {
        self.head = None;
    }

    /// The next id that was put, without reading what.
    pub(crate) fn next_put(&mut self) -> Result<Option<EntityId>> {
        loop {
            self.peek()?;
            match self.head.take() {
                Some((_, version)) if version.location.tombstone => {}
                head => return Ok(head.map(|(key, _)| key.id())),
            }
        }
    }

    /// The next id, and what was put there; without a payload it was deleted.
    pub(crate) fn next(&mut self) -> Result<Option<(EntityId, Option<Payload>)>> {
        self.peek()?;
        let Some((key, version)) = self.head.take() else {
            return Ok(None);
        };
        if version.location.tombstone {
            return Ok(Some((key.id(), None)));
        }
        let bytes = self.view.payload_in(&mut self.windows, key, version)?;
        Ok(Some((key.id(), Some(Payload::stored(bytes)))))
    }
}

fn merge(view: &View, (first, last): (Key, Key), descending: bool) -> Merge {
    let bounds = (Bound::Included(first), Bound::Included(last));
    Merge::new(view, Lsn(u64::MAX), bounds, descending)
}
