//! A page of the tree in the form in which it is searched in memory.
//!
//! What a look-up costs is misses to memory, so that it takes three steps that each touch one or two cache lines: a sample of
//! words in the node itself, the words around the place that it shows, and one group, where what is looked for stands together.
//! A word is the beginning of a string, six bytes behind what all share, and where its group lies.
//!
//! Promises: what the page says, whatever it is. Relies on the page's checksum having held. Must never know where it came from.

use std::cmp::Ordering;

use super::head::{self, Head};
use super::{INDEX_LEN, VALUE_LEN_MAX};
use crate::format::Fault;
use crate::format::column::{column_len, unpack};
use crate::format::fields::put;
use crate::format::page;
use crate::ids::{EntityId, Lsn};

/// How many words stand in the node itself.
const SAMPLE_COUNT: usize = 16;
/// How many bytes of a string are in its word.
const HEAD_LEN: usize = 6;
/// How many bits of a word say where the group lies.
const AT_BITS: u32 = 16;
/// Length of what stands before a group's string: its length, and how many rows follow it.
const GROUP_HEAD_LEN: usize = 4;
/// The length of a row in an inner page: the child's number.
const CHILD_LEN: usize = 8;

/// A leaf, or an inner page.
///
/// A leaf has a group for each value, with a row for each of its ids; an inner page has one for each separator, with a row that
/// says which child begins there.
#[derive(Debug)]
pub(crate) struct Node {
    /// Every so manieth word, then the highest number.
    sample: [u64; SAMPLE_COUNT],
    /// Of each group, in order.
    words: Box<[u64]>,
    /// What all strings share, what all ids share, then the groups.
    bytes: Box<[u8]>,
    /// How many words there are for one in the sample.
    step: u16,
    count: u16,
    prefix_len: u16,
    id_prefix_len: u8,
    row_len: u8,
    level: u8,
    /// Whether the lowest bit behind an id says that the entry is a tombstone.
    flags: u8,
    /// The lowest LSN, or the number of the first child.
    base: u64,
}

/// The place of an entry in a leaf: of that row, or in front of it. Places compare as the entries do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) group: usize,
    pub(crate) row: usize,
}

/// One string, and its rows.
#[derive(Clone, Copy, Default)]
struct Group<'a> {
    suffix: &'a [u8],
    rows: &'a [u8],
}

impl Node {
    /// The page that lies at `offset` in the run with `salt`, checked.
    pub(crate) fn decode(bytes: &[u8], salt: u64, offset: u64) -> Result<Self, Fault> {
        let page = page::open(bytes, salt, offset)?;
        let head = Head::decode(page)?;
        let body = page.get(head::LEN..).unwrap_or_default();
        let damaged = || Fault::damaged("an index page that fills up to 4096 bytes", "another");
        Body::new(&head, body)
            .ok_or_else(damaged)?
            .node(&head)
            .ok_or_else(damaged)
    }

    /// Bytes that it takes in memory.
    pub(crate) fn memory_bytes(&self) -> usize {
        size_of::<Self>() + size_of_val::<[u64]>(&self.words) + self.bytes.len()
    }

    /// 0 for a leaf.
    #[inline]
    pub(crate) fn level(&self) -> u8 {
        self.level
    }

    /// How many entries, or children, it has. Never none.
    pub(crate) fn count(&self) -> usize {
        usize::from(self.count)
    }

    /// How many values the leaf has. Never none.
    #[inline]
    pub(crate) fn group_count(&self) -> usize {
        self.words.len()
    }

    fn prefix(&self) -> &[u8] {
        self.bytes
            .get(..usize::from(self.prefix_len))
            .unwrap_or_default()
    }

    fn id_prefix(&self) -> &[u8] {
        let at = usize::from(self.prefix_len);
        let end = at + usize::from(self.id_prefix_len);
        self.bytes.get(at..end).unwrap_or_default()
    }

    #[inline]
    fn word(&self, index: usize) -> u64 {
        self.words.get(index).copied().unwrap_or(u64::MAX)
    }

    #[inline]
    fn group(&self, index: usize) -> Group<'_> {
        self.try_group(index).unwrap_or_default()
    }

    #[inline]
    fn try_group(&self, index: usize) -> Option<Group<'_>> {
        let at = usize::try_from(self.word(index) & mask(AT_BITS)).ok()?;
        let group = self.bytes.get(at..)?;
        let (head, rest) = group.split_first_chunk::<GROUP_HEAD_LEN>()?;
        let [a, b, c, d] = *head;
        let suffix_len = usize::from(u16::from_le_bytes([a, b]));
        let row_count = usize::from(u16::from_le_bytes([c, d]));
        let (suffix, rows) = rest.split_at_checked(suffix_len)?;
        let rows = rows.get(..row_count * usize::from(self.row_len))?;
        Some(Group { suffix, rows })
    }

    /// How many ids the value at `group` has.
    #[inline]
    pub(crate) fn row_count(&self, group: usize) -> usize {
        self.count_rows(&self.group(group))
    }

    #[inline]
    fn count_rows(&self, group: &Group<'_>) -> usize {
        // A row of an inner page is a number; one of a leaf may be empty, where all of its id is shared: then it is the only one.
        match usize::from(self.row_len) {
            0 => 1,
            len => group.rows.len() / len,
        }
    }

    /// The place of the entry behind that at `place`.
    #[inline]
    pub(crate) fn behind(&self, place: Place) -> Place {
        let Place { group, row } = place;
        match row + 1 < self.row_count(group) {
            true => Place {
                group,
                row: row + 1,
            },
            false => Place {
                group: group + 1,
                row: 0,
            },
        }
    }

    /// The place of the entry before `place`, which is not the first.
    #[inline]
    pub(crate) fn before(&self, place: Place) -> Place {
        if let Some(row) = place.row.checked_sub(1) {
            return Place { row, ..place };
        }
        let group = place.group.saturating_sub(1);
        Place {
            group,
            row: self.row_count(group).saturating_sub(1),
        }
    }

    /// Puts the value at `group` into `key`, and room for an id behind it.
    pub(crate) fn write_value(&self, group: usize, key: &mut Vec<u8>) {
        key.clear();
        key.extend_from_slice(self.prefix());
        key.extend_from_slice(self.group(group).suffix);
        key.extend_from_slice(self.id_prefix());
        let rest = EntityId::LEN.saturating_sub(usize::from(self.id_prefix_len));
        key.resize(key.len() + rest, 0);
    }

    /// Puts the id at `place` into the `key` of its value. Says of which commit the entry is, and whether it is a tombstone.
    #[inline]
    pub(crate) fn write_id(&self, place: Place, key: &mut [u8]) -> (Lsn, bool) {
        let group = self.group(place.group);
        let len = usize::from(self.row_len);
        let row = group.rows.get(place.row * len..(place.row + 1) * len);
        let id_len = EntityId::LEN.saturating_sub(usize::from(self.id_prefix_len));
        let (id, rest) = row
            .and_then(|row| row.split_at_checked(id_len))
            .unwrap_or_default();
        put(key, key.len().saturating_sub(id.len()), id);
        let rest = number(rest);
        let tombstone = self.flags != 0 && rest & 1 == 1;
        (Lsn(self.base.saturating_add(rest >> self.flags)), tombstone)
    }

    /// The id of a row.
    #[inline]
    fn id(&self, row: &[u8]) -> [u8; EntityId::LEN] {
        let mut id = [0; EntityId::LEN];
        let prefix = self.id_prefix();
        put(&mut id, 0, prefix);
        let rest = row.get(..EntityId::LEN.saturating_sub(prefix.len()));
        put(&mut id, prefix.len(), rest.unwrap_or_default());
        id
    }

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

    /// Behind the last entry.
    #[inline]
    pub(crate) fn end(&self) -> Place {
        Place {
            group: self.group_count(),
            row: 0,
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

    /// The number of the child at `index`, which is below [`count`](Self::count).
    #[inline]
    pub(crate) fn child_at(&self, index: usize) -> u64 {
        match index.checked_sub(1) {
            None => self.base,
            Some(before) => self.base.saturating_add(number(self.group(before).rows)),
        }
    }

    /// The separator before the child at `index`, which is above 0.
    pub(crate) fn separator(&self, index: usize) -> Vec<u8> {
        let mut separator = self.prefix().to_vec();
        separator.extend_from_slice(self.group(index.saturating_sub(1)).suffix);
        separator
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
                true if low < first + 4 => low += 1,
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
        is_below(&self.id(group.rows), rest, behind)
    }

    /// The first row of the group that is not before `rest`; `None` if all are, or the group does not begin so.
    #[inline]
    fn row_in(&self, group: usize, rest: &[u8], behind: bool) -> Option<usize> {
        let group = self.group(group);
        let rest = rest.strip_prefix(group.suffix)?;
        let (count, len) = (self.count_rows(&group), usize::from(self.row_len));
        let (mut low, mut high) = (0, count);
        while low < high {
            let middle = low + (high - low) / 2;
            let row = group.rows.get(middle * len..).unwrap_or_default();
            if is_below(&self.id(row), rest, behind) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        (low < count).then_some(low)
    }
}

#[inline]
fn is_below(id: &[u8], rest: &[u8], behind: bool) -> bool {
    match id.cmp(rest) {
        Ordering::Less => true,
        Ordering::Equal => behind,
        Ordering::Greater => false,
    }
}

/// The beginning of a string, as a number that rises with it.
#[inline]
fn head_of(string: &[u8]) -> u64 {
    match string.first_chunk::<8>() {
        Some(head) => u64::from_be_bytes(*head) >> AT_BITS,
        None => {
            let mut head = [0; 8];
            put(&mut head, 0, string.get(..HEAD_LEN).unwrap_or(string));
            u64::from_be_bytes(head) >> AT_BITS
        }
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

/// The lowest `bits`, below 64.
#[inline]
fn mask(bits: u32) -> u64 {
    (1 << bits) - 1
}

/// Up to eight bytes as a number, little-endian.
#[inline]
fn number(bytes: &[u8]) -> u64 {
    if let Some(bytes) = bytes.first_chunk() {
        return u64::from_le_bytes(*bytes);
    }
    let bytes = bytes.iter().rev();
    bytes.fold(0, |number, byte| (number << 8) | u64::from(*byte))
}

/// The parts of a page.
struct Body<'a> {
    prefix: &'a [u8],
    id_prefix: &'a [u8],
    lens: &'a [u8],
    sizes: &'a [u8],
    bases: &'a [u8],
    flags: &'a [u8],
    ids: &'a [u8],
    suffixes: &'a [u8],
}

impl<'a> Body<'a> {
    fn new(head: &Head, mut rest: &'a [u8]) -> Option<Self> {
        let mut take = |len: usize| {
            let (part, behind) = rest.split_at_checked(len)?;
            rest = behind;
            Some(part)
        };
        let widths = head.widths;
        let id_len = match head.level {
            0 => EntityId::LEN.checked_sub(head.id_prefix_len)?,
            _ => 0,
        };
        Some(Self {
            prefix: take(head.prefix_len)?,
            id_prefix: take(head.id_prefix_len)?,
            lens: take(column_len(head.strings, widths.len))?,
            sizes: take(column_len(head.strings, widths.size))?,
            bases: take(column_len(head.count, widths.base))?,
            flags: take(column_len(head.count, widths.flags))?,
            ids: take(head.count * id_len)?,
            suffixes: rest,
        })
    }

    fn node(&self, head: &Head) -> Option<Node> {
        let widths = head.widths;
        let id_len = EntityId::LEN - head.id_prefix_len;
        let rest_len = usize::from(widths.base + widths.flags).div_ceil(8);
        let (row_len, room) = match head.level {
            0 => (id_len + rest_len, self.ids.len() + head.count * rest_len),
            _ => (CHILD_LEN, head.strings * CHILD_LEN),
        };
        let room = self.prefix.len() + self.id_prefix.len() + room;
        let room = room + head.strings * GROUP_HEAD_LEN + self.suffixes.len();
        let mut bytes = Vec::with_capacity(room);
        let mut words = Vec::with_capacity(head.strings);
        bytes.extend_from_slice(self.prefix);
        bytes.extend_from_slice(self.id_prefix);
        let mut suffixes = self.suffixes;
        let mut ids = self.ids;
        let mut entry = 0;
        for index in 0..head.strings {
            let len = head.base_len + usize::try_from(unpack(self.lens, widths.len, index)).ok()?;
            let (suffix, behind) = suffixes.split_at_checked(len)?;
            suffixes = behind;
            let size = match head.level {
                0 => 1 + usize::try_from(unpack(self.sizes, widths.size, index)).ok()?,
                _ => 1,
            };
            let at = u64::try_from(bytes.len())
                .ok()
                .filter(|at| *at <= mask(AT_BITS))?;
            words.push((head_of(suffix) << AT_BITS) | at);
            bytes.extend_from_slice(&u16::try_from(len).ok()?.to_le_bytes());
            bytes.extend_from_slice(&u16::try_from(size).ok()?.to_le_bytes());
            bytes.extend_from_slice(suffix);
            if head.level > 0 {
                let number = unpack(self.bases, widths.base, index + 1);
                bytes.extend_from_slice(&number.to_le_bytes());
                continue;
            }
            let value_len = head.prefix_len + len;
            if !(INDEX_LEN..=VALUE_LEN_MAX).contains(&value_len) || entry + size > head.count {
                return None;
            }
            for entry in entry..entry + size {
                let (id, behind) = ids.split_at_checked(id_len)?;
                ids = behind;
                bytes.extend_from_slice(id);
                let lsn = unpack(self.bases, widths.base, entry);
                let rest = (lsn << widths.flags) | unpack(self.flags, widths.flags, entry);
                let rest = rest.to_le_bytes();
                bytes.extend_from_slice(rest.get(..rest_len)?);
            }
            entry += size;
        }
        let complete = head.level > 0 || entry == head.count;
        // Ids that share all of themselves are one.
        let distinct = row_len > 0 || head.strings == head.count;
        (complete && distinct).then(|| node(head, row_len, words, bytes))?
    }
}

fn node(head: &Head, row_len: usize, words: Vec<u64>, bytes: Vec<u8>) -> Option<Node> {
    let step = words.len().div_ceil(SAMPLE_COUNT).max(1);
    let mut sample = [u64::MAX; SAMPLE_COUNT];
    for (place, word) in sample.iter_mut().zip(words.iter().step_by(step)) {
        *place = *word;
    }
    Some(Node {
        sample,
        words: words.into(),
        bytes: bytes.into(),
        step: u16::try_from(step).ok()?,
        count: u16::try_from(head.count).ok()?,
        prefix_len: u16::try_from(head.prefix_len).ok()?,
        id_prefix_len: u8::try_from(head.id_prefix_len).ok()?,
        row_len: u8::try_from(row_len).ok()?,
        level: head.level,
        flags: head.widths.flags,
        base: head.base,
    })
}
