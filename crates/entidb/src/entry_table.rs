//! The index entries of a memtable: ordered by index, value and entity, the newest version of each first.
//!
//! Promises: nothing is copied on the way in: keys are read where they lie in their batch's records. Relies on batches being
//! inserted in LSN order. Must never know what a value means.

use std::cmp::Ordering;
use std::ops::Bound;

use bytes::Bytes;

use crate::format::entry_key::{self, INDEX_LEN};
use crate::format::record;
use crate::ids::{EntityId, IndexId};
use crate::sorted_map::SortedMap;

/// How many bytes of a key stand in its slot, so that most comparisons need no more.
const HEAD_LEN: usize = 24;
type Head = [u64; HEAD_LEN / 8];

/// One version of an entry.
#[derive(Debug, Clone, Copy)]
struct Slot {
    /// The first bytes of the whole key, with zeros behind a shorter one.
    head: Head,
    /// Which body the record lies in, and where.
    body: u32,
    at: u32,
    /// Length of the index key in bytes.
    len: u16,
    tombstone: bool,
    /// As for entities: of one key, the newest version has the lowest.
    age: u32,
}

/// Records of one batch that are index entries, and the offset of their beginning among all its records.
struct Body {
    base: u32,
    bytes: Bytes,
    /// The batch's age.
    age: u32,
}

/// One version of an entry, as it is given out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Version {
    pub(crate) age: u32,
    pub(crate) tombstone: bool,
}

/// An entry's record on the way in.
pub(crate) struct Record {
    pub(crate) index: IndexId,
    pub(crate) id: EntityId,
    pub(crate) at: u32,
    /// Of the whole record, in bytes.
    pub(crate) len: u32,
    pub(crate) tombstone: bool,
}

/// The entries of a memtable.
#[derive(Default)]
pub(crate) struct EntryTable {
    map: SortedMap<Slot, ()>,
    bodies: Vec<Body>,
}

/// How many tombstones are passed over, at the most, before one is given.
const PASSED_COUNT_MAX: usize = 1024;

/// What an entry costs in memory besides its record, in bytes, where chunks are half empty.
pub(crate) const SLOT_BYTES: usize = 2 * size_of::<Slot>();

impl EntryTable {
    pub(crate) fn len(&self) -> usize {
        self.map.len()
    }

    /// Takes the records that the next entries lie in, of a batch of this age: `bytes` begin at `base` among all its records.
    pub(crate) fn begin(&mut self, bytes: Bytes, base: u32, age: u32) {
        self.bodies.push(Body { base, bytes, age });
    }

    /// Adds an entry of the records taken last. One that does not lie in them is passed over: it was checked before.
    pub(crate) fn insert(&mut self, record: &Record) {
        let Some(body) = self.bodies.last() else {
            return;
        };
        let found = (|| {
            let at = record.at.checked_sub(body.base)?;
            let len = (record.len as usize).checked_sub(record::HEADER_LEN)?;
            let from = at as usize + record::HEADER_LEN;
            let key = body.bytes.get(from..from + len)?;
            let mut head = [0; HEAD_LEN];
            let parts = [&record.index.0.to_be_bytes(), key, record.id.as_bytes()];
            fill(&mut head, parts.into_iter().flatten());
            Some(Slot {
                head: words(&head),
                body: u32::try_from(self.bodies.len() - 1).ok()?,
                at,
                len: u16::try_from(len).ok()?,
                tombstone: record.tombstone,
                age: body.age,
            })
        })();
        let Some(slot) = found else {
            debug_assert!(false, "an entry outside its batch");
            return;
        };
        let bodies = &self.bodies;
        let order = |other: &Slot| compare(bodies, other, &slot);
        self.map.insert_by(
            (slot, ()),
            |other| order(other).is_lt(),
            |other| order(other).is_le(),
            |other| order(other).is_eq(),
        );
    }

    /// Drops what is younger than `age`.
    pub(crate) fn take_back(&mut self, age: u32) {
        self.map.retain(|slot, ()| slot.age >= age);
        self.bodies.retain(|body| body.age >= age);
    }

    /// The newest version, not younger than `age`, of each entry within the bounds, in order or against it, until `take` says
    /// that it is enough. Without `tombstones`, only those are given that live, and a tombstone now and then, so that a walk over
    /// many of them can be broken off there.
    pub(crate) fn walk(
        &self,
        (lower, upper): (Bound<&[u8]>, Bound<&[u8]>),
        descending: bool,
        age: u32,
        tombstones: bool,
        mut take: impl FnMut(&Parts<'_>, Version) -> bool,
    ) {
        let mut passed = 0;
        let visible = self.between(lower, upper).filter(|slot| slot.age >= age);
        let mut give = |slot: &Slot| {
            if slot.tombstone && !tombstones {
                passed += 1;
                if passed % PASSED_COUNT_MAX != 0 {
                    return false;
                }
            }
            let version = Version {
                age: slot.age,
                tombstone: slot.tombstone,
            };
            self.parts(slot).is_some_and(|parts| take(&parts, version))
        };
        let same = |a: &Slot, b: &Slot| compare_keys(&self.bodies, a, b).is_eq();
        let mut last: Option<Slot> = None;
        if !descending {
            for slot in visible {
                if last.is_none_or(|last| !same(&last, &slot)) {
                    last = Some(slot);
                    if give(&slot) {
                        return;
                    }
                }
            }
            return;
        }
        // The newest version of a key comes last.
        for slot in visible.rev() {
            if let Some(last) = last.filter(|last| !same(last, &slot))
                && give(&last)
            {
                return;
            }
            last = Some(slot);
        }
        if let Some(last) = last {
            give(&last);
        }
    }

    /// Whether anything within the bounds is younger than `age`.
    pub(crate) fn has_younger(&self, lower: Bound<&[u8]>, upper: Bound<&[u8]>, age: u32) -> bool {
        self.between(lower, upper).any(|slot| slot.age < age)
    }

    fn between(
        &self,
        lower: Bound<&[u8]>,
        upper: Bound<&[u8]>,
    ) -> impl DoubleEndedIterator<Item = Slot> {
        let (lower, upper) = (lower.map(Probe::new), upper.map(Probe::new));
        let order = |slot: &Slot, probe: &Probe<'_>| self.compare_with(slot, probe);
        let slots = self.map.range_by(
            |slot| match &lower {
                Bound::Included(probe) => order(slot, probe).is_lt(),
                Bound::Excluded(probe) => order(slot, probe).is_le(),
                Bound::Unbounded => false,
            },
            |slot| match &upper {
                Bound::Included(probe) => order(slot, probe).is_le(),
                Bound::Excluded(probe) => order(slot, probe).is_lt(),
                Bound::Unbounded => true,
            },
        );
        slots.map(|(slot, ())| slot)
    }

    fn parts(&self, slot: &Slot) -> Option<Parts<'_>> {
        parts(&self.bodies, slot)
    }

    /// Compares the whole key of a slot with bytes.
    fn compare_with(&self, slot: &Slot, probe: &Probe<'_>) -> Ordering {
        let heads = slot.head.cmp(&probe.head);
        heads.then_with(|| match self.parts(slot) {
            Some(parts) => parts.bytes().cmp(probe.key.iter().copied()),
            None => Ordering::Equal,
        })
    }
}

/// A whole key, or the beginning of one, to compare with.
struct Probe<'a> {
    head: Head,
    key: &'a [u8],
}

impl<'a> Probe<'a> {
    fn new(key: &'a [u8]) -> Self {
        let mut head = [0; HEAD_LEN];
        fill(&mut head, key.iter());
        Self {
            head: words(&head),
            key,
        }
    }
}

/// A whole key where it lies: in three parts.
pub(crate) struct Parts<'a> {
    index: [u8; INDEX_LEN],
    key: &'a [u8],
    id: [u8; EntityId::LEN],
}

impl Parts<'_> {
    fn bytes(&self) -> impl Iterator<Item = u8> {
        self.index.iter().chain(self.key).chain(&self.id).copied()
    }

    /// Appends the whole key.
    pub(crate) fn push(&self, out: &mut Vec<u8>) {
        let index = IndexId(u16::from_be_bytes(self.index));
        entry_key::push(out, index, self.key, EntityId::from_bytes(self.id));
    }
}

fn parts<'a>(bodies: &'a [Body], slot: &Slot) -> Option<Parts<'a>> {
    let body = bodies.get(slot.body as usize)?;
    let record = body.bytes.get(slot.at as usize..)?;
    let [first, ..] = slot.head;
    Some(Parts {
        index: *first.to_be_bytes().first_chunk()?,
        key: record.get(record::HEADER_LEN..record::HEADER_LEN + slot.len as usize)?,
        id: record::id_of(record)?,
    })
}

fn compare_keys(bodies: &[Body], a: &Slot, b: &Slot) -> Ordering {
    let heads = a.head.cmp(&b.head);
    let len = |slot: &Slot| INDEX_LEN + slot.len as usize + EntityId::LEN;
    if heads.is_ne() || len(a) == len(b) && len(a) <= HEAD_LEN {
        return heads;
    }
    let Some((a, b)) = parts(bodies, a).zip(parts(bodies, b)) else {
        return Ordering::Equal;
    };
    match a.key.len() == b.key.len() {
        true => a.key.cmp(b.key).then(a.id.cmp(&b.id)),
        false => a.bytes().cmp(b.bytes()),
    }
}

/// By key, the newest version first.
fn compare(bodies: &[Body], a: &Slot, b: &Slot) -> Ordering {
    compare_keys(bodies, a, b).then(a.age.cmp(&b.age))
}

fn fill<'a>(head: &mut [u8; HEAD_LEN], bytes: impl Iterator<Item = &'a u8>) {
    for (to, from) in head.iter_mut().zip(bytes) {
        *to = *from;
    }
}

/// Numbers that compare as the bytes do.
fn words(head: &[u8; HEAD_LEN]) -> Head {
    let (words, _) = head.as_chunks::<8>();
    let mut numbers = words.iter().map(|word| u64::from_be_bytes(*word));
    [(); HEAD_LEN / 8].map(|()| numbers.next().unwrap_or_default())
}
