//! Byte strings of one page: what all share once, and what follows it in each.

use crate::format::column::{bits, column_len, pack};

/// Strings in order, gathered for a page.
#[derive(Debug, Default)]
pub(super) struct Strings {
    bytes: Vec<u8>,
    /// Where each ends.
    ends: Vec<usize>,
    shape: Shape,
}

/// What is needed to know how much room strings take.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Shape {
    pub(super) count: usize,
    /// Length of all, in bytes.
    total_len: usize,
    pub(super) prefix_len: usize,
    /// The lengths of the shortest and of the longest.
    len_min: usize,
    len_max: usize,
}

impl Shape {
    /// The length of the shortest, without the prefix.
    pub(super) fn base_len(&self) -> usize {
        self.len_min - self.prefix_len
    }

    /// How many bits a length above the shortest takes.
    pub(super) fn len_width(&self) -> u8 {
        bits((self.len_max - self.len_min) as u64)
    }

    /// How many bytes they take in a page.
    pub(super) fn packed_len(&self) -> usize {
        let suffixes = self.total_len - self.count * self.prefix_len;
        self.prefix_len + suffixes + column_len(self.count, self.len_width())
    }
}

impl Strings {
    /// The shape with one more.
    #[inline]
    pub(super) fn with(&self, string: &[u8]) -> Shape {
        let shape = self.shape;
        let len = string.len();
        if shape.count == 0 {
            return Shape {
                count: 1,
                total_len: len,
                prefix_len: len,
                len_min: len,
                len_max: len,
            };
        }
        let prefix = self.bytes.get(..shape.prefix_len).unwrap_or_default();
        Shape {
            count: shape.count + 1,
            total_len: shape.total_len + len,
            prefix_len: common_prefix(prefix, string),
            len_min: shape.len_min.min(len),
            len_max: shape.len_max.max(len),
        }
    }

    /// Takes a string, with which they have this shape.
    #[inline]
    pub(super) fn push(&mut self, string: &[u8], shape: Shape) {
        self.bytes.extend_from_slice(string);
        self.ends.push(self.bytes.len());
        self.shape = shape;
    }

    pub(super) fn shape(&self) -> Shape {
        self.shape
    }

    /// The last one; empty if there is none.
    #[inline]
    pub(super) fn last(&self) -> &[u8] {
        let starts = self.ends.iter().rev().nth(1);
        let start = starts.copied().unwrap_or(0);
        self.bytes.get(start..).unwrap_or_default()
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
        self.shape = Shape::default();
    }

    /// Writes what all share.
    pub(super) fn write_prefix(&self, page: &mut Vec<u8>) {
        let prefix = self.bytes.get(..self.shape.prefix_len);
        page.extend_from_slice(prefix.unwrap_or_default());
    }

    /// Writes the column of the lengths above the shortest.
    pub(super) fn write_lens(&self, page: &mut Vec<u8>) {
        let mut start = 0;
        let lens = self.ends.iter().map(|end| {
            let len = end - start;
            start = *end;
            (len - self.shape.len_min) as u64
        });
        pack(page, self.shape.len_width(), lens);
    }

    /// Writes what follows the prefix in each.
    pub(super) fn write_suffixes(&self, page: &mut Vec<u8>) {
        let mut start = 0;
        for end in &self.ends {
            let suffix = self.bytes.get(start + self.shape.prefix_len..*end);
            page.extend_from_slice(suffix.unwrap_or_default());
            start = *end;
        }
    }
}

/// How many bytes two strings share from their beginnings.
#[inline]
pub(super) fn common_prefix(a: &[u8], b: &[u8]) -> usize {
    if b.starts_with(a) {
        return a.len();
    }
    let (a_words, b_words) = (a.chunks_exact(8), b.chunks_exact(8));
    let whole = a_words.zip(b_words).take_while(|(a, b)| a == b).count() * 8;
    let (a, b) = (
        a.get(whole..).unwrap_or_default(),
        b.get(whole..).unwrap_or_default(),
    );
    whole + a.iter().zip(b).take_while(|(a, b)| a == b).count()
}
