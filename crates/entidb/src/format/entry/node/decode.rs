//! From a page as it is on disk.

use super::{AT_BITS, CHILD_LEN, GROUP_HEAD_LEN, Node, SAMPLE_COUNT, head_of, mask};
use crate::format::column::{column_len, unpack};
use crate::format::entry::head::Head;
use crate::format::entry::{INDEX_LEN, VALUE_LEN_MAX};
use crate::ids::EntityId;

/// The parts of a page.
pub(super) struct Body<'a> {
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
    pub(super) fn new(head: &Head, mut rest: &'a [u8]) -> Option<Self> {
        let mut take = |len: usize| take(&mut rest, len);
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

    pub(super) fn node(&self, head: &Head) -> Option<Node> {
        match head.level {
            0 => self.leaf(head),
            _ => self.inner(head),
        }
    }

    fn inner(&self, head: &Head) -> Option<Node> {
        let mut groups = Groups::new(self, head, head.strings * CHILD_LEN);
        let mut suffixes = self.suffixes;
        for index in 0..head.strings {
            groups.begin(take(&mut suffixes, self.suffix_len(head, index)?)?, 1)?;
            let number = unpack(self.bases, head.widths.base, index + 1);
            groups.bytes.extend_from_slice(&number.to_le_bytes());
        }
        groups.node(head, CHILD_LEN)
    }

    fn leaf(&self, head: &Head) -> Option<Node> {
        let widths = head.widths;
        let id_len = EntityId::LEN.checked_sub(head.id_prefix_len)?;
        let rest_len = usize::from(widths.base + widths.flags).div_ceil(8);
        let mut groups = Groups::new(self, head, self.ids.len() + head.count * rest_len);
        let (mut suffixes, mut ids) = (self.suffixes, self.ids);
        let mut entry = 0;
        for index in 0..head.strings {
            let len = self.suffix_len(head, index)?;
            if !(INDEX_LEN..=VALUE_LEN_MAX).contains(&(head.prefix_len + len)) {
                return None;
            }
            let size = 1 + usize::try_from(unpack(self.sizes, widths.size, index)).ok()?;
            if size > head.count - entry {
                return None;
            }
            groups.begin(take(&mut suffixes, len)?, size)?;
            for _ in 0..size {
                groups.bytes.extend_from_slice(take(&mut ids, id_len)?);
                let lsn = unpack(self.bases, widths.base, entry);
                let rest = (lsn << widths.flags) | unpack(self.flags, widths.flags, entry);
                groups
                    .bytes
                    .extend_from_slice(rest.to_le_bytes().get(..rest_len)?);
                entry += 1;
            }
        }
        let row_len = id_len + rest_len;
        // Where ids share all of themselves, each value has one.
        let distinct = row_len > 0 || head.strings == head.count;
        match entry == head.count && distinct {
            true => groups.node(head, row_len),
            false => None,
        }
    }

    /// The length of what follows the prefix in the string at `index`.
    #[inline]
    fn suffix_len(&self, head: &Head, index: usize) -> Option<usize> {
        let above = usize::try_from(unpack(self.lens, head.widths.len, index));
        Some(head.base_len + above.ok()?)
    }
}

/// The first `len` bytes of `rest`, which are taken off it.
#[inline]
fn take<'a>(rest: &mut &'a [u8], len: usize) -> Option<&'a [u8]> {
    let (part, behind) = rest.split_at_checked(len)?;
    *rest = behind;
    Some(part)
}

/// The groups of a page, one behind the other, and their words.
struct Groups {
    bytes: Vec<u8>,
    words: Vec<u64>,
}

impl Groups {
    /// Room for the groups of this page, whose rows take so many bytes in all.
    fn new(body: &Body<'_>, head: &Head, rows_len: usize) -> Self {
        let fixed = body.prefix.len() + body.id_prefix.len() + head.strings * GROUP_HEAD_LEN;
        let mut bytes = Vec::with_capacity(fixed + body.suffixes.len() + rows_len);
        bytes.extend_from_slice(body.prefix);
        bytes.extend_from_slice(body.id_prefix);
        Self {
            bytes,
            words: Vec::with_capacity(head.strings),
        }
    }

    /// Begins a group, which will have so many rows. `None` if no word can say where it lies.
    #[inline]
    fn begin(&mut self, suffix: &[u8], row_count: usize) -> Option<()> {
        let at = u64::try_from(self.bytes.len()).ok();
        let at = at.filter(|at| *at <= mask(AT_BITS))?;
        self.words.push((head_of(suffix) << AT_BITS) | at);
        let len = u16::try_from(suffix.len()).ok()?;
        let row_count = u16::try_from(row_count).ok()?;
        self.bytes.extend_from_slice(&len.to_le_bytes());
        self.bytes.extend_from_slice(&row_count.to_le_bytes());
        self.bytes.extend_from_slice(suffix);
        Some(())
    }

    fn node(self, head: &Head, row_len: usize) -> Option<Node> {
        let step = self.words.len().div_ceil(SAMPLE_COUNT).max(1);
        let mut sample = [u64::MAX; SAMPLE_COUNT];
        for (place, word) in sample.iter_mut().zip(self.words.iter().step_by(step)) {
            *place = *word;
        }
        Some(Node {
            sample,
            words: self.words.into(),
            bytes: self.bytes.into(),
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
}
