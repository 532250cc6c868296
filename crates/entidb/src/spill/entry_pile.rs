//! The index entries that follow from a large transaction: more than fit in memory, each once.

use super::entry_set::EntrySet;
use super::ground::Ground;
use super::pile::{Layer, Pile};
use crate::error::Result;
use crate::ids::{EntityId, IndexId, Lsn};
use crate::manifest::Catalog;
use crate::sync::Arc;

/// Takes entries in any order.
pub(crate) struct EntryPile {
    pile: Pile,
    set: EntrySet,
    /// What the next layer has in the place of an LSN.
    next: Lsn,
}

impl EntryPile {
    /// No entries yet, of indexes that `catalog` knows.
    pub(crate) fn new(ground: &Arc<Ground>, catalog: Arc<Catalog>) -> Self {
        Self {
            pile: Pile::new(ground, catalog),
            set: EntrySet::default(),
            next: Lsn(1),
        }
    }

    /// Adds an entry, or its tombstone. Each comes once.
    pub(crate) fn push(
        &mut self,
        index: IndexId,
        key: &[u8],
        id: EntityId,
        tombstone: bool,
    ) -> Result<()> {
        self.set.push(index, key, id, tombstone);
        match self.set.memory_bytes() > self.pile.ground.bound() {
            true => self.spill(),
            false => Ok(()),
        }
    }

    /// Spills what is in memory.
    pub(crate) fn spill(&mut self) -> Result<()> {
        if self.set.is_empty() {
            return Ok(());
        }
        self.pile.make_room()?;
        let set = std::mem::take(&mut self.set);
        let layer = set.into_layer(&self.pile.ground, self.next)?;
        self.pile.layers.push(layer);
        self.next.0 += 1;
        Ok(())
    }

    /// What was spilled.
    pub(super) fn layers(&self) -> &[Layer] {
        &self.pile.layers
    }

    pub(super) fn catalog(&self) -> &Arc<Catalog> {
        &self.pile.catalog
    }
}
