//! A page of the tree in the form in which it is searched in memory.
//!
//! What a look-up costs is misses to memory, so that it takes three steps that each touch one or two cache lines: a sample of
//! words in the node itself, the words around the place that it shows, and one group, where what is looked for stands together.
//! A word is the beginning of a string, six bytes behind what all share, and where its group lies.
//!
//! Promises: what the page says, whatever it is. Relies on the page's checksum having held. Must never know where it came from.

mod decode;
mod search;

use self::decode::Body;
use super::head::{self, Head};
use crate::format::Fault;
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
        let (prefix, suffix) = (self.prefix(), self.group(group).suffix);
        key.clear();
        key.reserve(prefix.len() + suffix.len() + EntityId::LEN);
        key.extend_from_slice(prefix);
        key.extend_from_slice(suffix);
        key.extend_from_slice(self.id_prefix());
        key.resize(prefix.len() + suffix.len() + EntityId::LEN, 0);
    }

    /// Whether the value at `group` is this one.
    #[inline]
    pub(crate) fn has_value(&self, group: usize, value: &[u8]) -> bool {
        value.strip_prefix(self.prefix()) == Some(self.group(group).suffix)
    }

    /// The id at `place`, of which commit the entry is, and whether it is a tombstone.
    #[inline]
    pub(crate) fn id(&self, place: Place) -> (EntityId, Lsn, bool) {
        let mut id = [0; EntityId::LEN];
        put(&mut id, 0, self.id_prefix());
        let (lsn, tombstone) = self.write_id(place, &mut id);
        (EntityId::from_bytes(id), lsn, tombstone)
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

    /// Behind the last entry.
    #[inline]
    pub(crate) fn end(&self) -> Place {
        Place {
            group: self.group_count(),
            row: 0,
        }
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
