//! Puts the entries of a large transaction in the order of their keys.
//!
//! They are inserted into a memtable as its neighbours then, and a checkpoint, which walks in that order, reads their records one
//! behind the other.

use super::derive::Derived;
use crate::ids::{EntityId, IndexId};
use crate::log::Item;

/// With so many entries it is worth it.
const ARRANGED_FROM_COUNT: usize = 256;

/// How many bytes of a key are compared at once.
const HEAD_LEN: usize = 16;

impl Derived {
    /// Before anybody has seen where the records lie.
    pub(super) fn arrange(&mut self) {
        if self.items.len() < ARRANGED_FROM_COUNT {
            return;
        }
        let items = self.items.iter().enumerate();
        let mut order: Vec<_> = items.map(|(at, item)| (self.head(item), at)).collect();
        order.sort_unstable_by(|(a, a_at), (b, b_at)| {
            a.cmp(b)
                .then_with(|| self.whole(*a_at).cmp(&self.whole(*b_at)))
        });
        let mut records = Vec::with_capacity(self.records.len());
        let mut items = Vec::with_capacity(self.items.len());
        let mut places = vec![0; self.items.len()];
        for (_, old) in order {
            let Some(item) = self.items.get(old) else {
                continue;
            };
            if let Some(place) = places.get_mut(old) {
                *place = items.len();
            }
            items.push(self.moved(item, &mut records));
        }
        for claim in &mut self.claims {
            *claim = places.get(*claim).copied().unwrap_or(*claim);
        }
        (self.records, self.items) = (records, items);
    }

    /// The item, with its record at the end of `records`.
    fn moved(&self, item: &Item, records: &mut Vec<u8>) -> Item {
        let (at, len) = item.place();
        let from = (at as usize).saturating_sub(self.base);
        let to = self.base + records.len();
        let record = self.records.get(from..from + len as usize);
        records.extend_from_slice(record.unwrap_or_default());
        let mut moved = *item;
        if let Item::Entry { at, .. } = &mut moved {
            // All of them are as long as before.
            *at = u32::try_from(to).unwrap_or(*at);
        }
        moved
    }

    fn head(&self, item: &Item) -> u128 {
        let mut head = [0; HEAD_LEN];
        let (index, id) = names(item);
        let bytes = index.0.to_be_bytes();
        let bytes = bytes.iter().chain(self.key_of(item)).chain(id.as_bytes());
        for (to, from) in head.iter_mut().zip(bytes) {
            *to = *from;
        }
        u128::from_be_bytes(head)
    }

    /// What entries are in the order of.
    fn whole(&self, at: usize) -> Option<(IndexId, &[u8], EntityId)> {
        let item = self.items.get(at)?;
        let (index, id) = names(item);
        Some((index, self.key_of(item), id))
    }
}

fn names(item: &Item) -> (IndexId, EntityId) {
    match item {
        Item::Entry { index, id, .. } => (*index, *id),
        _ => (IndexId(0), EntityId::MIN),
    }
}
