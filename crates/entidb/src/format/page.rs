//! One page of a run: sorted keys, and in fixed-width columns where each key's record lies.
//!
//! A leaf holds entries; an inner page holds the first key of each of its children, which are consecutive pages. What all
//! keys of a page share is stored once, and each number takes only the bits that the widest of its column needs (frame of
//! reference), so that an entry of a run costs about 22 bytes, its id included, and any entry is found without reading others.

use bytes::Bytes;

use super::Fault;
use super::checksum::{Binding, bound};
use super::column::{BITS_MAX, bits, column_len, pack, unpack};
use super::fields::{Fields, put};
use super::key::{self, Key};
use crate::ids::Lsn;

/// Length of a page in bytes. Page `n` of a run lies at `n * LEN`; page 0 holds the stream's header.
pub(crate) const LEN: usize = 4096;
/// Length of a page's header in bytes.
const HEADER_LEN: usize = 4 + 1 + 1 + 2 + 6 + 2 + 8 + 8;
/// Length of the checksum that every page begins with.
pub(super) const CRC_LEN: usize = 4;

/// More levels than a run of 2^56 keys has.
pub(crate) const LEVEL_MAX: u8 = 12;

const KIND_LEAF: u8 = 1;
const KIND_INNER: u8 = 2;

/// Where the newest version of a key lies, as a run says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) key: Key,
    pub(crate) lsn: Lsn,
    /// Index into the run's list of streams.
    pub(crate) stream: u32,
    /// Offset of the record in that stream, in bytes.
    pub(crate) offset: u64,
    /// Length of the record in bytes.
    pub(crate) len: u32,
    pub(crate) tombstone: bool,
}

/// What is needed to know how large a page of some entries is.
#[derive(Debug, Clone, Copy)]
struct Frame {
    first: Key,
    prefix_len: usize,
    lsn: (u64, u64),
    offset: (u64, u64),
    stream_max: u64,
    len_max: u64,
    tombstones: bool,
}

impl Frame {
    fn new(entry: &Entry) -> Self {
        Self {
            first: entry.key,
            prefix_len: key::LEN,
            lsn: (entry.lsn.0, entry.lsn.0),
            offset: (entry.offset, entry.offset),
            stream_max: u64::from(entry.stream),
            len_max: u64::from(entry.len),
            tombstones: entry.tombstone,
        }
    }

    fn with(self, entry: &Entry) -> Self {
        let widen = |(low, high): (u64, u64), v: u64| (low.min(v), high.max(v));
        Self {
            first: self.first,
            prefix_len: self.prefix_len.min(common_prefix(&self.first, &entry.key)),
            lsn: widen(self.lsn, entry.lsn.0),
            offset: widen(self.offset, entry.offset),
            stream_max: self.stream_max.max(u64::from(entry.stream)),
            len_max: self.len_max.max(u64::from(entry.len)),
            tombstones: self.tombstones || entry.tombstone,
        }
    }

    fn widths(&self) -> Widths {
        Widths {
            lsn: bits(self.lsn.1 - self.lsn.0),
            stream: bits(self.stream_max),
            offset: bits(self.offset.1 - self.offset.0),
            len: bits(self.len_max),
            flags: u8::from(self.tombstones),
        }
    }

    fn page_len(&self, count: usize) -> usize {
        HEADER_LEN
            + self.prefix_len
            + count * (key::LEN - self.prefix_len)
            + self.widths().columns_len(count)
    }
}

/// How many bits each column takes an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Widths {
    lsn: u8,
    stream: u8,
    offset: u8,
    len: u8,
    flags: u8,
}

impl Widths {
    fn all(self) -> [u8; 5] {
        [self.lsn, self.stream, self.offset, self.len, self.flags]
    }

    fn columns_len(self, count: usize) -> usize {
        self.all().iter().map(|w| column_len(count, *w)).sum()
    }
}

fn common_prefix(a: &Key, b: &Key) -> usize {
    a.0.iter().zip(&b.0).take_while(|(a, b)| a == b).count()
}

/// Gathers the entries of one leaf.
#[derive(Default)]
pub(crate) struct LeafBuilder {
    entries: Vec<Entry>,
    frame: Option<Frame>,
}

impl LeafBuilder {
    /// Takes the entry if the page has room for it. Keys come in order; for one key, the newest version first.
    pub(crate) fn push(&mut self, entry: Entry) -> bool {
        debug_assert!(entry.lsn <= Lsn::MAX && entry.offset < 1 << BITS_MAX);
        let frame = self
            .frame
            .map_or_else(|| Frame::new(&entry), |f| f.with(&entry));
        if frame.page_len(self.entries.len() + 1) > LEN {
            return false;
        }
        self.frame = Some(frame);
        self.entries.push(entry);
        true
    }

    pub(crate) fn first_key(&self) -> Option<Key> {
        self.frame.map(|frame| frame.first)
    }

    /// The page of what was gathered, to lie at `offset` in the run with `salt`. The builder is empty afterwards.
    pub(crate) fn finish(&mut self, salt: u64, offset: u64) -> Vec<u8> {
        let entries = std::mem::take(&mut self.entries);
        let Some(frame) = self.frame.take() else {
            debug_assert!(false, "an empty leaf is not written");
            return Vec::new();
        };
        let widths = frame.widths();
        let keys = entries.iter().map(|e| &e.key);
        let mut page = start(KIND_LEAF, 0, widths, frame.lsn.0, frame.offset.0);
        push_keys(&mut page, frame.prefix_len, keys);
        let mut column = |width: u8, of: &dyn Fn(&Entry) -> u64| {
            pack(&mut page, width, entries.iter().map(of));
        };
        column(widths.lsn, &|e| e.lsn.0 - frame.lsn.0);
        column(widths.stream, &|e| u64::from(e.stream));
        column(widths.offset, &|e| e.offset - frame.offset.0);
        column(widths.len, &|e| u64::from(e.len));
        column(widths.flags, &|e| u64::from(e.tombstone));
        end(page, entries.len(), salt, offset)
    }
}

/// Encodes an inner page: the first keys of as many children as fit, which are the consecutive pages from `first_child`. Says
/// how many of `keys` it took.
pub(crate) fn encode_inner(
    keys: &[Key],
    level: u8,
    first_child: u64,
    salt: u64,
    offset: u64,
) -> (Vec<u8>, usize) {
    let mut count = 0;
    let mut prefix_len = key::LEN;
    for key in keys {
        let first = keys.first().unwrap_or(key);
        let shorter = prefix_len.min(common_prefix(first, key));
        if HEADER_LEN + shorter + (count + 1) * (key::LEN - shorter) > LEN {
            break;
        }
        prefix_len = shorter;
        count += 1;
    }
    let mut page = start(KIND_INNER, level, Widths::default(), first_child, 0);
    push_keys(&mut page, prefix_len, keys.iter().take(count));
    (end(page, count, salt, offset), count)
}

fn start(kind: u8, level: u8, widths: Widths, base: u64, offset_base: u64) -> Vec<u8> {
    let mut page = Vec::with_capacity(LEN);
    page.extend_from_slice(&[0; CRC_LEN]);
    page.extend_from_slice(&[kind, level]);
    page.extend_from_slice(&[0; 2]); // count
    page.extend_from_slice(&[0]); // prefix length
    page.extend_from_slice(&widths.all());
    page.extend_from_slice(&[0; 2]); // reserved
    page.extend_from_slice(&base.to_le_bytes());
    page.extend_from_slice(&offset_base.to_le_bytes());
    debug_assert_eq!(page.len(), HEADER_LEN);
    page
}

fn push_keys<'a>(page: &mut Vec<u8>, prefix_len: usize, keys: impl Iterator<Item = &'a Key>) {
    put(page, 8, &[u8::try_from(prefix_len).unwrap_or_default()]);
    for (at, key) in keys.enumerate() {
        let (prefix, suffix) = key.0.split_at_checked(prefix_len).unwrap_or_default();
        if at == 0 {
            page.extend_from_slice(prefix);
        }
        page.extend_from_slice(suffix);
    }
}

fn end(mut page: Vec<u8>, count: usize, salt: u64, offset: u64) -> Vec<u8> {
    let count = u16::try_from(count).unwrap_or_default();
    put(&mut page, 6, &count.to_le_bytes());
    seal(page, salt, offset)
}

/// Fills a page up with zeros and binds it to its place: `offset` in the run with `salt`.
pub(super) fn seal(mut page: Vec<u8>, salt: u64, offset: u64) -> Vec<u8> {
    debug_assert!(page.len() <= LEN);
    page.resize(LEN, 0);
    let crc = checksum(&page, salt, offset);
    put(&mut page, 0, &crc.to_le_bytes());
    page
}

fn checksum(page: &[u8], salt: u64, offset: u64) -> u32 {
    let binding = Binding {
        salt,
        offset,
        lsn: Lsn::ZERO,
    };
    bound(binding, page.get(CRC_LEN..).unwrap_or_default())
}

/// The bytes of the page that lies at `offset` in the run with `salt`, if their checksum holds.
pub(super) fn open(bytes: &[u8], salt: u64, offset: u64) -> Result<&[u8; LEN], Fault> {
    let Some(page) = bytes.first_chunk::<LEN>().filter(|_| bytes.len() == LEN) else {
        return Err(Fault::short(LEN, bytes.len()));
    };
    let stored = Fields::new(page).u32().unwrap_or_default();
    let computed = checksum(page, salt, offset);
    if stored != computed {
        return Err(Fault::checksum(stored, computed));
    }
    Ok(page)
}

/// A checked page.
#[derive(Debug, Clone)]
pub(crate) struct Page {
    bytes: [u8; LEN],
    count: u16,
    prefix_len: u8,
    level: u8,
    widths: Widths,
    /// Where each column begins, in bytes.
    columns: [u16; 5],
    base: u64,
    offset_base: u64,
}

impl Page {
    /// Checks the page that lies at `offset` in the run with `salt`.
    pub(crate) fn decode(bytes: Bytes, salt: u64, offset: u64) -> Result<Self, Fault> {
        let bytes = open(&bytes, salt, offset)?;
        Self::fields(bytes).unwrap_or_else(|| Err(Fault::short(LEN, bytes.len())))
    }

    fn fields(bytes: &[u8; LEN]) -> Option<Result<Self, Fault>> {
        let mut fields = Fields::new(bytes);
        let _crc = fields.u32()?;
        let kind = fields.u8()?;
        let level = fields.u8()?;
        let count = usize::from(fields.u16()?);
        let prefix_len = usize::from(fields.u8()?);
        let widths = Widths {
            lsn: fields.u8()?,
            stream: fields.u8()?,
            offset: fields.u8()?,
            len: fields.u8()?,
            flags: fields.u8()?,
        };
        let reserved = fields.u16()?;
        let base = fields.u64()?;
        let offset_base = fields.u64()?;
        if !matches!((kind, level), (KIND_LEAF, 0) | (KIND_INNER, 1..=LEVEL_MAX)) || reserved != 0 {
            return Some(Err(Fault::Unsupported(format!(
                "page kind {kind} at level {level}"
            ))));
        }
        let wide = widths.all().iter().any(|width| *width > BITS_MAX);
        if count == 0 || prefix_len > key::LEN || wide || widths.flags > 1 {
            return Some(Err(Fault::damaged(
                "a page's counts and widths",
                "ones that no page has",
            )));
        }
        let used =
            HEADER_LEN + prefix_len + count * (key::LEN - prefix_len) + widths.columns_len(count);
        if used > LEN {
            return Some(Err(Fault::damaged(
                format!("a page of up to {LEN} bytes"),
                format!("{used}"),
            )));
        }
        let mut at = HEADER_LEN + prefix_len + count * (key::LEN - prefix_len);
        let columns = widths.all().map(|width| {
            let start = at;
            at += column_len(count, width);
            u16::try_from(start).unwrap_or(u16::MAX)
        });
        Some(Ok(Self {
            bytes: *bytes,
            count: u16::try_from(count).unwrap_or(u16::MAX),
            prefix_len: u8::try_from(prefix_len).unwrap_or(u8::MAX),
            level,
            widths,
            columns,
            base,
            offset_base,
        }))
    }

    /// How many entries, or children, it has. Never none.
    pub(crate) fn count(&self) -> usize {
        usize::from(self.count)
    }

    /// 0 for a leaf.
    pub(crate) fn level(&self) -> u8 {
        self.level
    }

    fn prefix_len(&self) -> usize {
        usize::from(self.prefix_len)
    }

    fn prefix(&self) -> &[u8] {
        self.bytes
            .get(HEADER_LEN..HEADER_LEN + self.prefix_len())
            .unwrap_or_default()
    }

    fn suffix(&self, index: usize) -> &[u8] {
        let len = key::LEN - self.prefix_len();
        let at = HEADER_LEN + self.prefix_len() + index * len;
        self.bytes.get(at..at + len).unwrap_or_default()
    }

    /// The key of the entry or child at `index`, which is below [`count`](Self::count).
    pub(crate) fn key(&self, index: usize) -> Key {
        debug_assert!(index < self.count());
        let mut key = [0; key::LEN];
        put(&mut key, 0, self.prefix());
        put(&mut key, self.prefix_len(), self.suffix(index));
        Key(key)
    }

    /// The index of the first key that is not below `key`: [`count`](Self::count) if all are.
    pub(crate) fn lower_bound(&self, key: &Key) -> usize {
        let (mut low, mut high) = (0, self.count());
        while low < high {
            let middle = low + (high - low) / 2;
            if self.key(middle) < *key {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    /// The page number of the child at `index` of an inner page.
    pub(crate) fn child(&self, index: usize) -> u64 {
        self.base.saturating_add(index as u64)
    }

    /// The value at `index` of a column. It is read by 64-bit loads, which may run into what follows; the mask drops that.
    #[inline]
    fn column(&self, column: usize, width: u8, index: usize) -> u64 {
        if width == 0 {
            return 0;
        }
        let start = self.columns.get(column).map_or(LEN, |at| usize::from(*at));
        unpack(self.bytes.get(start..).unwrap_or_default(), width, index)
    }

    /// The entry at `index` of a leaf.
    pub(crate) fn entry(&self, index: usize) -> Entry {
        let widths = self.widths;
        let lsn = self.column(0, widths.lsn, index);
        let stream = self.column(1, widths.stream, index);
        let offset = self.column(2, widths.offset, index);
        let len = self.column(3, widths.len, index);
        let flags = self.column(4, widths.flags, index);
        Entry {
            key: self.key(index),
            lsn: Lsn(self.base.saturating_add(lsn)),
            stream: u32::try_from(stream).unwrap_or(u32::MAX),
            offset: self.offset_base.saturating_add(offset),
            len: u32::try_from(len).unwrap_or(u32::MAX),
            tombstone: flags != 0,
        }
    }
}

const _: () = assert!(HEADER_LEN == 32);
