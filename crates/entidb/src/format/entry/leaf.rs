//! Writing a leaf: entries in order.

use super::COUNT_MAX;
use super::head::{self, Head, Widths};
use super::strings::{Shape, Strings, common_prefix};
use crate::format::column::{bits, column_len, pack};
use crate::format::page;
use crate::ids::{EntityId, Lsn};

/// Gathers the entries of one leaf.
#[derive(Debug, Default)]
pub(crate) struct LeafBuilder {
    values: Strings,
    /// How many ids each value has.
    sizes: Vec<u64>,
    ids: Vec<[u8; EntityId::LEN]>,
    lsns: Vec<Lsn>,
    tombstones: Vec<bool>,
    /// `None` while there is no entry.
    frame: Option<Frame>,
}

/// What is needed, besides the shape of the values, to know how large the page is.
#[derive(Debug, Clone, Copy)]
struct Frame {
    size_max: u64,
    id_prefix_len: usize,
    lsns: (Lsn, Lsn),
    tombstones: bool,
}

impl Frame {
    fn widths(&self, values: &Shape) -> Widths {
        Widths {
            len: values.len_width(),
            size: bits(self.size_max - 1),
            base: bits(self.lsns.1.0 - self.lsns.0.0),
            flags: u8::from(self.tombstones),
        }
    }

    fn page_len(&self, values: &Shape, count: usize) -> usize {
        let widths = self.widths(values);
        let columns = column_len(values.count, widths.size)
            + column_len(count, widths.base)
            + column_len(count, widths.flags);
        let ids = self.id_prefix_len + count * (EntityId::LEN - self.id_prefix_len);
        head::LEN + values.packed_len() + columns + ids
    }
}

impl LeafBuilder {
    /// Takes the entry if the page has room for it. Values and ids come in order, and lie within their bounds.
    pub(crate) fn push(
        &mut self,
        value: &[u8],
        id: &[u8; EntityId::LEN],
        lsn: Lsn,
        tombstone: bool,
    ) -> bool {
        let again = !self.ids.is_empty() && self.values.last() == value;
        let values = match again {
            true => self.values.shape(),
            false => self.values.with(value),
        };
        let size = 1 + match again {
            true => self.sizes.last().copied().unwrap_or(0),
            false => 0,
        };
        let frame = match (self.frame, self.ids.first()) {
            (Some(frame), Some(first)) => Frame {
                size_max: frame.size_max.max(size),
                id_prefix_len: common_prefix(
                    first.get(..frame.id_prefix_len).unwrap_or_default(),
                    id,
                ),
                lsns: (frame.lsns.0.min(lsn), frame.lsns.1.max(lsn)),
                tombstones: frame.tombstones || tombstone,
            },
            _ => Frame {
                size_max: 1,
                id_prefix_len: EntityId::LEN,
                lsns: (lsn, lsn),
                tombstones: tombstone,
            },
        };
        let count = self.ids.len() + 1;
        if count > COUNT_MAX || frame.page_len(&values, count) > page::LEN {
            return false;
        }
        self.frame = Some(frame);
        match self.sizes.last_mut() {
            Some(last) if again => *last = size,
            _ => {
                self.values.push(value, values);
                self.sizes.push(1);
            }
        }
        self.ids.push(*id);
        self.lsns.push(lsn);
        self.tombstones.push(tombstone);
        true
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// The page of what was gathered, to lie at `offset` in the run with `salt`. The builder is empty afterwards.
    pub(crate) fn finish(&mut self, salt: u64, offset: u64) -> Vec<u8> {
        let shape = self.values.shape();
        let Some(frame) = self.frame.take() else {
            debug_assert!(false, "an empty leaf is not written");
            return Vec::new();
        };
        let widths = frame.widths(&shape);
        let mut page = Head {
            level: 0,
            count: self.ids.len(),
            strings: shape.count,
            prefix_len: shape.prefix_len,
            base_len: shape.base_len(),
            widths,
            id_prefix_len: frame.id_prefix_len,
            base: frame.lsns.0.0,
        }
        .encode();
        self.values.write_prefix(&mut page);
        let shared = self
            .ids
            .first()
            .and_then(|id| id.get(..frame.id_prefix_len));
        page.extend_from_slice(shared.unwrap_or_default());
        self.values.write_lens(&mut page);
        pack(
            &mut page,
            widths.size,
            self.sizes.iter().map(|size| size - 1),
        );
        let lsns = self.lsns.iter().map(|lsn| lsn.0 - frame.lsns.0.0);
        pack(&mut page, widths.base, lsns);
        let flags = self
            .tombstones
            .iter()
            .map(|tombstone| u64::from(*tombstone));
        pack(&mut page, widths.flags, flags);
        for id in &self.ids {
            page.extend_from_slice(id.get(frame.id_prefix_len..).unwrap_or_default());
        }
        self.values.write_suffixes(&mut page);
        self.values.clear();
        self.sizes.clear();
        self.ids.clear();
        self.lsns.clear();
        self.tombstones.clear();
        page::seal(page, salt, offset)
    }
}
