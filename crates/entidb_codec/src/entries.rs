//! The entries of a map that was written in any order, put into the canonical one.

use std::mem;

/// How many entries a map may have for its order to be remembered.
const REMEMBERED_MAX: usize = 32;

/// Where one entry of a map lies: key from `start` to `value`, value from there to `end`.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Entry {
    pub(crate) start: u32,
    pub(crate) value: u32,
    pub(crate) end: u32,
}

impl Entry {
    /// The encoded key.
    #[inline]
    pub(crate) fn key<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        &bytes[self.start as usize..self.value as usize]
    }

    /// Key and value, in a copy that begins at `first`.
    #[inline]
    fn bytes<'a>(&self, copy: &'a [u8], first: u32) -> &'a [u8] {
        &copy[(self.start - first) as usize..(self.end - first) as usize]
    }
}

/// Two entries have the same key: this is the later one of them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Duplicate(pub(crate) Entry);

/// Sorts entries; keeps its buffers, and the orders it has found, from one map to the next.
#[derive(Debug, Default)]
pub(crate) struct Sorter {
    scratch: Vec<u8>,
    /// By number of entries, the order of the last map of that size. Maps of one collection mostly
    /// have the same keys in the same order, and trying an order is cheaper than finding it.
    remembered: Vec<Vec<u8>>,
}

impl Sorter {
    /// Puts the `entries`, which lie one behind the other at the end of `out`, from `base` on, in
    /// the bytewise order of their keys (RFC 8949 section 4.2.1). `entries` count from `base`, and
    /// are in no particular order afterwards.
    pub(crate) fn sort(
        &mut self,
        out: &mut Vec<u8>,
        base: usize,
        entries: &mut [Entry],
    ) -> Result<(), Duplicate> {
        let Some(&Entry { start: first, .. }) = entries.first() else {
            return Ok(());
        };
        let mut remembered = match self.remembered.get_mut(entries.len()) {
            Some(order) => mem::take(order),
            None => Vec::new(),
        };
        let bytes = &out[base..];
        if remembered.len() != entries.len() || !ascending(bytes, entries, &remembered) {
            let len = entries.len();
            if len > REMEMBERED_MAX {
                return self.sort_many(out, base, first, entries);
            }
            remembered.clear();
            remembered.extend((0_u8..).take(len));
            remembered.sort_unstable_by(|&a, &b| {
                entries[usize::from(a)]
                    .key(bytes)
                    .cmp(entries[usize::from(b)].key(bytes))
            });
            if let Some(pair) = remembered.windows(2).find(|pair| {
                entries[usize::from(pair[0])].key(bytes) == entries[usize::from(pair[1])].key(bytes)
            }) {
                let later = pair.iter().copied().max().unwrap_or_default();
                return Err(Duplicate(entries[usize::from(later)]));
            }
        }
        self.scratch.clear();
        self.scratch.extend_from_slice(&bytes[first as usize..]);
        out.truncate(base + first as usize);
        for &index in &remembered {
            out.extend_from_slice(entries[usize::from(index)].bytes(&self.scratch, first));
        }
        if self.remembered.is_empty() {
            self.remembered.resize(REMEMBERED_MAX + 1, Vec::new());
        }
        if let Some(slot) = self.remembered.get_mut(entries.len()) {
            *slot = remembered;
        }
        Ok(())
    }

    fn sort_many(
        &mut self,
        out: &mut Vec<u8>,
        base: usize,
        first: u32,
        entries: &mut [Entry],
    ) -> Result<(), Duplicate> {
        let bytes = &out[base..];
        entries.sort_unstable_by(|a, b| a.key(bytes).cmp(b.key(bytes)));
        if let Some(pair) = entries
            .windows(2)
            .find(|pair| pair[0].key(bytes) == pair[1].key(bytes))
        {
            return Err(Duplicate(if pair[0].start < pair[1].start {
                pair[1]
            } else {
                pair[0]
            }));
        }
        self.scratch.clear();
        self.scratch.extend_from_slice(&bytes[first as usize..]);
        out.truncate(base + first as usize);
        for entry in entries {
            out.extend_from_slice(entry.bytes(&self.scratch, first));
        }
        Ok(())
    }

    /// Gives back the memory that one large map took.
    pub(crate) fn shrink(&mut self, max: usize) {
        if self.scratch.capacity() > max {
            self.scratch = Vec::new();
        }
    }
}

/// Whether `order` puts the entries into strictly ascending order.
fn ascending(bytes: &[u8], entries: &[Entry], order: &[u8]) -> bool {
    let mut keys = order
        .iter()
        .map(|&index| entries[usize::from(index)].key(bytes));
    let Some(mut last) = keys.next() else {
        return true;
    };
    keys.all(|key| mem::replace(&mut last, key) < key)
}
