//! Finding a place in a page.

use std::cmp::Ordering;

use super::{AT_BITS, Group, Node, Place, head_of, mask};
use crate::ids::EntityId;

/// How many strings that have one word are looked at in order, before halves are.
const TRIED_COUNT: usize = 4;

impl Node {
    /// The first entry that is not below `key`; with `behind`, the first one above it. Behind the last if there is none.
    pub(crate) fn position(&self, key: &[u8], behind: bool) -> Place {
        let rest = match self.rest(key) {
            Ok(rest) => rest,
            Err(Ordering::Less) => return self.end(),
            Err(_) => return Place { group: 0, row: 0 },
        };
        let (first, group) = self.find(rest, behind);
        // The entry may also be one of the group before, whose first row is below it.
        if let Some(before) = group.checked_sub(1)
            && (group > first || may_begin(self.word(before), rest))
            && let Some(row) = self.row_in(before, rest, behind)
        {
            return Place { group: before, row };
        }
        Place { group, row: 0 }
    }

    /// As [`position`](Self::position), of a key that is likely to be near the entry at `from` and above it. Of one below it, this
    /// may be any place that is not above `from`.
    #[inline]
    pub(crate) fn position_near(&self, from: Place, key: &[u8], behind: bool) -> Place {
        let next = from.group + 1;
        let Ok(rest) = self.rest(key) else {
            return self.position(key, behind);
        };
        let beyond = next >= self.words.len() || self.word(next) >> AT_BITS > head_of(rest);
        if from.row > 0 || from.group >= self.words.len() || !beyond {
            return self.position(key, behind);
        }
        let group = self.group(from.group);
        let row = match rest.strip_prefix(group.suffix) {
            Some(rest) => self.row_among(&group, rest, behind),
            None if group.suffix < rest => None,
            None => Some(0),
        };
        match row {
            Some(row) => Place { row, ..from },
            None => Place {
                group: next,
                row: 0,
            },
        }
    }

    /// The number of the child of an inner page where the first key not below `key` is, or the one before it.
    #[inline]
    pub(crate) fn child(&self, key: &[u8]) -> u64 {
        let index = match self.rest(key) {
            Ok(rest) => self.find(rest, true).1,
            Err(Ordering::Less) => self.group_count(),
            Err(_) => 0,
        };
        self.child_at(index)
    }

    /// What follows in `key` what all strings share; or else where all strings stand to it.
    #[inline]
    fn rest<'k>(&self, key: &'k [u8]) -> Result<&'k [u8], Ordering> {
        let prefix = self.prefix();
        match key.strip_prefix(prefix) {
            Some(rest) => Ok(rest),
            None if prefix < key => Err(Ordering::Less),
            None => Err(Ordering::Greater),
        }
    }

    /// The first group whose word is not below that of `rest`; and the first whose string is not below `rest`, or with `behind`
    /// the first whose string is above it.
    #[inline]
    fn find(&self, rest: &[u8], behind: bool) -> (usize, usize) {
        let head = head_of(rest);
        let first = self.lower_bound(head << AT_BITS);
        let same = |index: usize| index < self.words.len() && self.word(index) >> AT_BITS == head;
        let mut low = first;
        // Mostly there is one of these.
        while same(low) {
            match self.is_before(low, rest, behind) {
                true if low < first + TRIED_COUNT => low += 1,
                true => return (first, self.find_among(low, head, rest, behind)),
                false => break,
            }
        }
        (first, low)
    }

    /// As [`find`](Self::find), among many strings that have one word, the first of which is `low`.
    #[cold]
    fn find_among(&self, mut low: usize, head: u64, rest: &[u8], behind: bool) -> usize {
        let words = self.words.get(low..).unwrap_or_default();
        let mut high = low + words.partition_point(|word| word >> AT_BITS <= head);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.is_before(middle, rest, behind) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    /// How many words are below `target`.
    #[inline]
    fn lower_bound(&self, target: u64) -> usize {
        let below = self.sample.iter().filter(|word| **word < target).count();
        let Some(before) = below.checked_sub(1) else {
            return 0;
        };
        let step = usize::from(self.step);
        let start = before * step + 1;
        let end = self.words.len().min((before + 1) * step);
        let words = self.words.get(start..end).unwrap_or_default();
        start + words.partition_point(|word| *word < target)
    }

    /// Whether the first row of the group, or its separator, stands before `rest`; with `behind`, or is `rest`.
    #[inline]
    fn is_before(&self, index: usize, rest: &[u8], behind: bool) -> bool {
        let group = self.group(index);
        let Some(rest) = rest.strip_prefix(group.suffix) else {
            return group.suffix < rest;
        };
        if self.level > 0 {
            return behind || !rest.is_empty();
        }
        self.is_row_before(group.rows, rest, behind)
    }

    /// Whether the id of the row that `row` begins with is below `rest`; with `behind`, or is `rest`.
    #[inline]
    fn is_row_before(&self, row: &[u8], rest: &[u8], behind: bool) -> bool {
        if rest.is_empty() {
            return false;
        }
        let prefix = self.id_prefix();
        let own = row.get(..EntityId::LEN.saturating_sub(prefix.len()));
        let order = match rest.strip_prefix(prefix) {
            Some(rest) => own.unwrap_or_default().cmp(rest),
            None => prefix.cmp(rest),
        };
        order.is_lt() || behind && order.is_eq()
    }

    /// The first row of the group that is not before `rest`; `None` if all are, or the group does not begin so.
    #[inline]
    fn row_in(&self, group: usize, rest: &[u8], behind: bool) -> Option<usize> {
        let group = self.group(group);
        let rest = rest.strip_prefix(group.suffix)?;
        self.row_among(&group, rest, behind)
    }

    /// The first row of the group whose id is not before `rest`; `None` if all are.
    #[inline]
    fn row_among(&self, group: &Group<'_>, rest: &[u8], behind: bool) -> Option<usize> {
        let (count, len) = (self.count_rows(group), usize::from(self.row_len));
        let (mut low, mut high) = (0, count);
        while low < high {
            let middle = low + (high - low) / 2;
            let row = group.rows.get(middle * len..).unwrap_or_default();
            if self.is_row_before(row, rest, behind) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        (low < count).then_some(low)
    }
}

/// Whether a string with this word, which is below that of `rest`, may be a beginning of it: all of its bytes but those that
/// `rest` begins with are zero then.
#[inline]
fn may_begin(word: u64, rest: &[u8]) -> bool {
    let (own, other) = (word >> AT_BITS, head_of(rest));
    let differing = u64::BITS - (own ^ other).leading_zeros();
    own & mask(differing.next_multiple_of(8).min(u64::BITS - AT_BITS)) == 0
}
