//! One entity version, or the tombstone of one.

use super::Fault;
use super::checksum::{Binding, bound, crc32c, place};
use super::fields::{Fields, put};
use crate::ids::{CollectionId, EntityId, Lsn};
use crate::limits::PAYLOAD_LEN_MAX;

/// Length of a record's fixed header in bytes: checksum, payload length, collection, flags, id.
pub(crate) const HEADER_LEN: usize = 4 + 4 + 2 + 2 + EntityId::LEN;
const COLLECTION_AT: usize = 4 + 4;
const FLAGS_AT: usize = 4 + 4 + 2;
const ID_AT: usize = FLAGS_AT + 2;
const CRC_LEN: usize = 4;
/// Length of a range tombstone's payload in bytes: the last id.
const RANGE_LEN: u32 = 16;
/// The longest payload of an index entry, in bytes: its key.
const INDEX_KEY_LEN_MAX: u32 = 976;

/// The low three bits of the flags: what the record says. Value 7 is reserved.
const KIND_MASK: u16 = 0b111;
const KIND_ENTITY: u16 = 0;
const KIND_TOMBSTONE: u16 = 1;
const KIND_RANGE: u16 = 2;
const KIND_COLLECTION: u16 = 3;
const KIND_ENTRY: u16 = 4;
const KIND_ENTRY_TOMBSTONE: u16 = 5;
const KIND_BEFORE: u16 = 6;
/// The low 32 bits of the record's LSN stand between id and payload: always outside a log, where records of many commits mix. The
/// whole LSN is bound into the checksum, and the segment's footer says in which range it lies.
const FLAG_LSN: u16 = 1 << 3;
/// Length of that field in bytes.
pub(crate) const LSN_LEN: usize = 4;
/// What the change feed is told of an entity or its tombstone: that there was one before the commit, or that there was none.
const FLAG_THERE: u16 = 1 << 8;
const FLAG_ABSENT: u16 = 1 << 9;
/// Of a tombstone: its time had come.
const FLAG_EXPIRED: u16 = 1 << 10;
const FLAGS_WAS: u16 = FLAG_THERE | FLAG_ABSENT | FLAG_EXPIRED;

/// What a record says of its entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It has this payload.
    Entity,
    /// It was deleted.
    Tombstone,
    /// Every entity from the record's id to the one in its payload was deleted.
    Range,
    /// The whole collection was dropped.
    Collection,
    /// The index, whose number stands in the collection's place, finds the entity under the key that is the payload.
    Entry,
    /// It does not any more.
    EntryTombstone,
    /// Not a version: the payload that the entity of the record before this one had until then.
    Before,
}

impl Kind {
    /// Whether it says that something is there no more.
    pub(crate) fn is_tombstone(self) -> bool {
        !matches!(self, Self::Entity | Self::Entry | Self::Before)
    }

    /// Whether it is of an index, and not of an entity.
    pub(crate) fn is_entry(self) -> bool {
        matches!(self, Self::Entry | Self::EntryTombstone)
    }
}

/// Whether there was an entity before the commit that put or deleted it, as far as the commit has looked: it does for the change
/// feed alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Was {
    /// Nobody has looked.
    #[default]
    Unknown,
    There,
    Absent,
    /// There was one, whose time had come. Said whether or not anybody follows.
    Expired,
}

impl Was {
    fn flags(self) -> u16 {
        match self {
            Self::Unknown => 0,
            Self::There => FLAG_THERE,
            Self::Absent => FLAG_ABSENT,
            Self::Expired => FLAG_EXPIRED,
        }
    }

    fn of(flags: u16) -> Result<Self, Fault> {
        match flags & FLAGS_WAS {
            0 => Ok(Self::Unknown),
            FLAG_THERE => Ok(Self::There),
            FLAG_ABSENT => Ok(Self::Absent),
            FLAG_EXPIRED => Ok(Self::Expired),
            _ => Err(Fault::Unsupported(format!("record flags {flags:#x}"))),
        }
    }
}

/// A record's fixed header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) payload_len: u32,
    pub(crate) collection: CollectionId,
    pub(crate) kind: Kind,
    pub(crate) was: Was,
    pub(crate) id: EntityId,
}

impl Header {
    /// Length of the whole record in bytes.
    pub(crate) fn record_len(&self) -> u64 {
        HEADER_LEN as u64 + u64::from(self.payload_len)
    }

    /// Appends the record, its checksum not bound to a place yet: [`bind`] does that once the place is known.
    pub(crate) fn encode(&self, payload: &[u8], out: &mut Vec<u8>) {
        debug_assert_eq!(payload.len() as u64, u64::from(self.payload_len));
        let at = out.len();
        self.push(0, out);
        out.extend_from_slice(payload);
        sum(at, out);
    }

    /// As [`encode`](Self::encode), with the record's LSN in it.
    pub(crate) fn encode_with_lsn(&self, lsn: Lsn, payload: &[u8], out: &mut Vec<u8>) {
        debug_assert_eq!(payload.len() as u64, u64::from(self.payload_len));
        let at = out.len();
        self.push(FLAG_LSN, out);
        out.extend_from_slice(&low(lsn).to_le_bytes());
        out.extend_from_slice(payload);
        sum(at, out);
    }

    fn push(&self, flags: u16, out: &mut Vec<u8>) {
        let kind = match self.kind {
            Kind::Entity => KIND_ENTITY,
            Kind::Tombstone => KIND_TOMBSTONE,
            Kind::Range => KIND_RANGE,
            Kind::Collection => KIND_COLLECTION,
            Kind::Entry => KIND_ENTRY,
            Kind::EntryTombstone => KIND_ENTRY_TOMBSTONE,
            Kind::Before => KIND_BEFORE,
        };
        let flags = flags | self.was.flags();
        out.extend_from_slice(&[0; CRC_LEN]);
        out.extend_from_slice(&self.payload_len.to_le_bytes());
        out.extend_from_slice(&self.collection.0.to_le_bytes());
        out.extend_from_slice(&(kind | flags).to_le_bytes());
        out.extend_from_slice(self.id.as_bytes());
    }

    /// Reads the fixed header alone, to know how long the record is. **Nothing of it is checked yet** but that the length is
    /// within the limits and the flags are known.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Fault> {
        Self::fields(bytes, 0).unwrap_or_else(|| Err(Fault::short(HEADER_LEN, bytes.len())))
    }

    /// As [`decode`](Self::decode), of a record that has the low bits of its LSN in it.
    pub(crate) fn decode_with_lsn(bytes: &[u8]) -> Result<(Self, u32), Fault> {
        let short = || Fault::short(HEADER_LEN + LSN_LEN, bytes.len());
        let header = Self::fields(bytes, FLAG_LSN).unwrap_or_else(|| Err(short()))?;
        let low = Fields::new(bytes.get(HEADER_LEN..).unwrap_or_default()).u32();
        Ok((header, low.ok_or_else(short)?))
    }

    /// The fields of a record that has these flags beside its kind.
    fn fields(bytes: &[u8], expected: u16) -> Option<Result<Self, Fault>> {
        let mut fields = Fields::new(bytes);
        let _crc = fields.u32()?;
        let payload_len = fields.u32()?;
        let collection = CollectionId(fields.u16()?);
        let flags = fields.u16()?;
        let id = EntityId::from_bytes(fields.array()?);
        let kind = match flags & KIND_MASK {
            KIND_ENTITY => Kind::Entity,
            KIND_TOMBSTONE => Kind::Tombstone,
            KIND_RANGE => Kind::Range,
            KIND_COLLECTION => Kind::Collection,
            KIND_ENTRY => Kind::Entry,
            KIND_ENTRY_TOMBSTONE => Kind::EntryTombstone,
            KIND_BEFORE => Kind::Before,
            other => {
                return Some(Err(Fault::Unsupported(format!("record kind {other}"))));
            }
        };
        // Of what was, only the two that it says something of.
        let said = match kind {
            Kind::Entity => FLAG_THERE | FLAG_ABSENT,
            Kind::Tombstone => FLAGS_WAS,
            _ => 0,
        };
        let was = match Was::of(flags) {
            Ok(was) if flags & !KIND_MASK & !said == expected => was,
            _ => {
                return Some(Err(Fault::Unsupported(format!("record flags {flags:#x}"))));
            }
        };
        if usize::try_from(payload_len).map_or(true, |len| len > PAYLOAD_LEN_MAX) {
            return Some(Err(Fault::damaged(
                format!("a payload of up to {PAYLOAD_LEN_MAX} bytes"),
                format!("{payload_len}"),
            )));
        }
        let legal = match kind {
            Kind::Entity | Kind::Before => 0..=payload_len,
            Kind::Tombstone | Kind::Collection => 0..=0,
            Kind::Range => RANGE_LEN..=RANGE_LEN,
            Kind::Entry | Kind::EntryTombstone => 1..=INDEX_KEY_LEN_MAX,
        };
        if !legal.contains(&payload_len) {
            return Some(Err(Fault::damaged(
                format!("a payload of {} to {} bytes", legal.start(), legal.end()),
                format!("{payload_len} bytes"),
            )));
        }
        Some(Ok(Self {
            payload_len,
            collection,
            kind,
            was,
            id,
        }))
    }
}

/// The low 32 bits of an LSN.
#[expect(clippy::cast_possible_truncation, reason = "the low bits")]
fn low(lsn: Lsn) -> u32 {
    (lsn.0 & u64::from(u32::MAX)) as u32
}

/// The LSNs with these low bits from `first` to `last`: one, but in a segment with commits from before and behind many crashes.
pub(crate) fn lsns(low: u32, first: Lsn, last: Lsn) -> impl Iterator<Item = Lsn> {
    let span = 1_u64 << 32;
    let high = first.0 & !(span - 1);
    let from = (0..).map(move |n: u64| high.saturating_add(n.saturating_mul(span)));
    let lsns = from.map(move |high| high | u64::from(low));
    let lsns = lsns.skip_while(move |lsn| *lsn < first.0);
    lsns.take_while(move |lsn| *lsn <= last.0).map(Lsn)
}

/// Fills in the checksum of the record at `at`, not bound to a place.
fn sum(at: usize, out: &mut [u8]) {
    let crc = crc32c(out.get(at + CRC_LEN..).unwrap_or_default());
    put(out, at, &crc.to_le_bytes());
}

/// Binds the checksum of the encoded record in `bytes` to the place where it will lie. A CRC is linear: binding it to the same
/// place once more takes that off again.
pub(crate) fn bind(bytes: &mut [u8], binding: Binding) {
    let crc = Fields::new(bytes).u32().unwrap_or_default() ^ place(binding);
    put(bytes, 0, &crc.to_le_bytes());
}

/// The id in an encoded record.
#[inline]
pub(crate) fn id_of(bytes: &[u8]) -> Option<[u8; EntityId::LEN]> {
    bytes.get(ID_AT..)?.first_chunk().copied()
}

/// Gives a record whose checksum is not bound yet another collection.
pub(crate) fn set_collection(bytes: &mut [u8], collection: CollectionId) {
    put(bytes, COLLECTION_AT, &collection.0.to_le_bytes());
    sum(0, bytes);
}

/// Says in a record whose checksum is not bound yet whether its entity was there before.
pub(crate) fn set_was(bytes: &mut [u8], was: Was) {
    let fields = bytes.get(FLAGS_AT..).unwrap_or_default();
    let flags = Fields::new(fields).u16().unwrap_or_default() & !FLAGS_WAS | was.flags();
    put(bytes, FLAGS_AT, &flags.to_le_bytes());
    sum(0, bytes);
}

/// Whether `bytes` are exactly the record of this entity, or its tombstone, that lies at `binding`, its checksum checked first: as
/// what [`open`], or [`open_with_lsn`], says, in a few comparisons. Returns the length of its payload; `None` says nothing of why.
#[inline]
pub(crate) fn expect(
    bytes: &[u8],
    binding: Binding,
    (collection, id): (u16, u128),
    tombstone: bool,
    with_lsn: bool,
) -> Option<usize> {
    let (head, rest) = bytes.split_first_chunk::<HEADER_LEN>()?;
    let payload_len = rest.len().checked_sub(if with_lsn { LSN_LEN } else { 0 })?;
    let kind = if tombstone {
        KIND_TOMBSTONE
    } else {
        KIND_ENTITY
    };
    if check(bytes, binding).is_err()
        || payload_len > PAYLOAD_LEN_MAX
        || tombstone && payload_len > 0
    {
        return None;
    }
    let mut fields = Fields::new(head);
    let _crc = fields.u32()?;
    let is = fields.u32()? as usize == payload_len
        && fields.u16()? == collection
        && fields.u16()? & !FLAGS_WAS == if with_lsn { kind | FLAG_LSN } else { kind }
        && u128::from_be_bytes(fields.array()?) == id
        && (!with_lsn || Fields::new(rest).u32()? == low(binding.lsn));
    is.then_some(payload_len)
}

/// Reads exactly one record that lies at `binding`, its checksum checked first. Returns its header and its payload.
pub(crate) fn open(bytes: &[u8], binding: Binding) -> Result<(Header, &[u8]), Fault> {
    check(bytes, binding)?;
    let header = Header::decode(bytes)?;
    let payload = bytes.get(HEADER_LEN..).unwrap_or_default();
    whole(header, payload)
}

/// As [`open`], of a record that has its LSN in it, which must be the binding's.
pub(crate) fn open_with_lsn(bytes: &[u8], binding: Binding) -> Result<(Header, &[u8]), Fault> {
    check(bytes, binding)?;
    let (header, found) = Header::decode_with_lsn(bytes)?;
    if found != low(binding.lsn) {
        return Err(Fault::damaged(
            format!("a record of commit {}", binding.lsn),
            format!("one whose low bits are {found}"),
        ));
    }
    let payload = bytes.get(HEADER_LEN + LSN_LEN..).unwrap_or_default();
    whole(header, payload)
}

fn whole(header: Header, payload: &[u8]) -> Result<(Header, &[u8]), Fault> {
    if payload.len() as u64 != u64::from(header.payload_len) {
        return Err(Fault::damaged(
            format!("a payload of {} bytes", header.payload_len),
            format!("{}", payload.len()),
        ));
    }
    Ok((header, payload))
}

fn check(bytes: &[u8], binding: Binding) -> Result<(), Fault> {
    let Some((crc, body)) = bytes.split_first_chunk::<CRC_LEN>() else {
        return Err(Fault::short(HEADER_LEN, bytes.len()));
    };
    let stored = u32::from_le_bytes(*crc);
    let computed = bound(binding, body);
    match stored == computed {
        true => Ok(()),
        false => Err(Fault::checksum(stored, computed)),
    }
}

const _: () = assert!(FLAGS_AT == 10 && HEADER_LEN == 28 && EntityId::LEN == 16);
const _: () = assert!(INDEX_KEY_LEN_MAX as usize == super::entry_key::SHORTENED_LEN);
