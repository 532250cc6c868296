//! What stands at the head of a page of entries, or of separators.

use super::{COUNT_MAX, KEY_LEN_MAX, KIND_INNER, KIND_LEAF, LEVEL_MAX, VALUE_LEN_MAX};
use crate::format::Fault;
use crate::format::column::BITS_MAX;
use crate::format::fields::Fields;
use crate::format::page;
use crate::ids::EntityId;

/// Length of a page's head in bytes.
pub(super) const LEN: usize = 4 + 1 + 1 + 2 + 2 + 2 + 2 + 4 + 1 + 5 + 8;

/// The head of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Head {
    /// 0 for a leaf.
    pub(super) level: u8,
    /// How many entries, or children.
    pub(super) count: usize,
    /// How many values they have, or separators stand between them.
    pub(super) strings: usize,
    /// Length of what all of these share, in bytes.
    pub(super) prefix_len: usize,
    /// The length of the shortest, without that.
    pub(super) base_len: usize,
    pub(super) widths: Widths,
    /// Length of what all ids share, in bytes.
    pub(super) id_prefix_len: usize,
    /// The lowest LSN, or the number of the first child.
    pub(super) base: u64,
}

/// How many bits each column takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Widths {
    /// The length of a value or separator, above the shortest.
    pub(super) len: u8,
    /// How many ids a value has, but for one.
    pub(super) size: u8,
    /// LSN above the lowest, or number above that of the first child.
    pub(super) base: u8,
    pub(super) flags: u8,
}

impl Head {
    /// A page that begins with this head.
    pub(super) fn encode(&self) -> Vec<u8> {
        let narrow = |len: usize| u16::try_from(len).unwrap_or_default().to_le_bytes();
        let kind = match self.level {
            0 => KIND_LEAF,
            _ => KIND_INNER,
        };
        let widths = self.widths;
        let mut page = Vec::with_capacity(page::LEN);
        page.extend_from_slice(&[0; page::CRC_LEN]);
        page.extend_from_slice(&[kind, self.level]);
        page.extend_from_slice(&narrow(self.count));
        page.extend_from_slice(&narrow(self.strings));
        page.extend_from_slice(&narrow(self.prefix_len));
        page.extend_from_slice(&narrow(self.base_len));
        page.extend_from_slice(&[widths.len, widths.size, widths.base, widths.flags]);
        page.push(u8::try_from(self.id_prefix_len).unwrap_or_default());
        page.extend_from_slice(&[0; 5]); // reserved
        page.extend_from_slice(&self.base.to_le_bytes());
        debug_assert_eq!(page.len(), LEN);
        page
    }

    /// The head of a page whose checksum holds.
    pub(super) fn decode(bytes: &[u8; page::LEN]) -> Result<Self, Fault> {
        Self::fields(bytes).unwrap_or_else(|| Err(Fault::short(LEN, bytes.len())))
    }

    fn fields(bytes: &[u8]) -> Option<Result<Self, Fault>> {
        let mut fields = Fields::new(bytes);
        let _crc = fields.u32()?;
        let kind = fields.u8()?;
        let head = Self {
            level: fields.u8()?,
            count: usize::from(fields.u16()?),
            strings: usize::from(fields.u16()?),
            prefix_len: usize::from(fields.u16()?),
            base_len: usize::from(fields.u16()?),
            widths: Widths {
                len: fields.u8()?,
                size: fields.u8()?,
                base: fields.u8()?,
                flags: fields.u8()?,
            },
            id_prefix_len: usize::from(fields.u8()?),
            base: {
                let reserved: [u8; 5] = fields.array()?;
                if reserved != [0; 5] {
                    return Some(Err(Fault::Unsupported("a page with more fields".into())));
                }
                fields.u64()?
            },
        };
        if !matches!(
            (kind, head.level),
            (KIND_LEAF, 0) | (KIND_INNER, 1..=LEVEL_MAX)
        ) {
            return Some(Err(Fault::Unsupported(format!(
                "page kind {kind} at level {} among index entries",
                head.level
            ))));
        }
        Some(match head.is_possible() {
            true => Ok(head),
            false => Err(Fault::damaged(
                "an index page's counts and widths",
                "ones that none has",
            )),
        })
    }

    fn is_possible(&self) -> bool {
        let Widths {
            len,
            size,
            base,
            flags,
        } = self.widths;
        let (string_len_max, strings, other) = match self.level {
            0 => (
                VALUE_LEN_MAX,
                self.strings >= 1 && self.strings <= self.count,
                flags <= 1 && self.id_prefix_len <= EntityId::LEN,
            ),
            _ => (
                KEY_LEN_MAX,
                self.strings + 1 == self.count,
                size == 0 && flags == 0 && self.id_prefix_len == 0,
            ),
        };
        let narrow = len <= 16 && size <= 16 && base <= BITS_MAX;
        let counts = (1..=COUNT_MAX).contains(&self.count) && strings;
        counts && narrow && other && self.prefix_len + self.base_len <= string_len_max
    }
}

const _: () = assert!(LEN == 32);
