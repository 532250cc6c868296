//! Writing an inner page: its children, and a separator between each two.

use super::COUNT_MAX;
use super::head::{self, Head, Widths};
use super::strings::{Strings, common_prefix};
use crate::format::column::{bits, column_len, pack};
use crate::format::page;

/// The shortest string above `last` and not above `first`, which is above it: a prefix of `first`.
pub(crate) fn separator<'a>(last: &[u8], first: &'a [u8]) -> &'a [u8] {
    let len = common_prefix(last, first) + 1;
    first.get(..len).unwrap_or(first)
}

/// Gathers the children of one inner page.
#[derive(Debug, Default)]
pub(crate) struct InnerBuilder {
    /// What stands before the first child: it goes to the level above.
    first: Vec<u8>,
    separators: Strings,
    children: Vec<u64>,
}

impl InnerBuilder {
    /// How many children there are.
    pub(crate) fn len(&self) -> usize {
        self.children.len()
    }

    /// The separator before its first child.
    pub(crate) fn first(&self) -> &[u8] {
        &self.first
    }

    /// Whether there is room for a child with this number, behind this separator.
    pub(crate) fn has_room(&self, separator: &[u8], number: u64) -> bool {
        let Some(first) = self.children.first() else {
            return true;
        };
        let count = self.children.len() + 1;
        let numbers = column_len(count, bits(number - first));
        let len = head::LEN + self.separators.with(separator).packed_len() + numbers;
        count <= COUNT_MAX && len <= page::LEN
    }

    /// Takes a child that there is room for. Separators and numbers rise.
    pub(crate) fn push(&mut self, separator: &[u8], number: u64) {
        debug_assert!(self.has_room(separator, number));
        if self.children.is_empty() {
            self.first.clear();
            self.first.extend_from_slice(separator);
        } else {
            let shape = self.separators.with(separator);
            self.separators.push(separator, shape);
        }
        self.children.push(number);
    }

    /// The page of what was gathered, to lie at `offset` in the run with `salt`. The builder is empty afterwards.
    pub(crate) fn finish(&mut self, level: u8, salt: u64, offset: u64) -> Vec<u8> {
        debug_assert!(!self.children.is_empty(), "an empty page is not written");
        let base = self.children.first().copied().unwrap_or_default();
        let last = self.children.last().copied().unwrap_or_default();
        let shape = self.separators.shape();
        let widths = Widths {
            len: shape.len_width(),
            base: bits(last - base),
            ..Widths::default()
        };
        let mut page = Head {
            level,
            count: self.children.len(),
            strings: shape.count,
            prefix_len: shape.prefix_len,
            base_len: shape.base_len(),
            widths,
            id_prefix_len: 0,
            base,
        }
        .encode();
        self.separators.write_prefix(&mut page);
        self.separators.write_lens(&mut page);
        let numbers = self.children.iter().map(|number| number - base);
        pack(&mut page, widths.base, numbers);
        self.separators.write_suffixes(&mut page);
        self.separators.clear();
        self.children.clear();
        page::seal(page, salt, offset)
    }
}
