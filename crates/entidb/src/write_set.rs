//! What a transaction has written: records, one behind the other, and the last one of each key.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use crate::error::{Error, Result};
use crate::format::key::Key;
use crate::format::record::{self, Kind, Was};
use crate::ids::{CollectionId, EntityId};
use crate::limits::{BATCH_COUNT_MAX, BATCH_LEN_MAX};
use crate::log::Item;

/// Records of one transaction, their checksums not bound to a place yet.
#[derive(Default)]
pub(crate) struct WriteSet {
    body: Vec<u8>,
    /// In the order of writing; of each key the last one counts, the others are dead.
    written: Vec<Written>,
    /// Where in `written` each key stands, once keys did not come rising.
    index: Option<HashMap<Key, u32, KeyHasher>>,
    ranges: Vec<RangeDelete>,
    dead_len: usize,
    dead_count: usize,
}

#[derive(Debug, Clone, Copy)]
struct Written {
    key: Key,
    at: u32,
    len: u32,
    tombstone: bool,
    dead: bool,
}

/// A range of one collection that was deleted, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RangeDelete {
    pub(crate) collection: CollectionId,
    pub(crate) first: EntityId,
    pub(crate) last: EntityId,
    at: u32,
    len: u32,
}

impl RangeDelete {
    pub(crate) fn covers(&self, key: &Key) -> bool {
        let id = key.id();
        key.collection() == self.collection && self.first <= id && id <= self.last
    }
}

/// What a write set says of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Own<'a> {
    /// It was put, with this payload.
    Put(&'a [u8]),
    /// It was deleted.
    Deleted,
    /// Nothing: it is what it was.
    Untouched,
}

/// Hashes a key by its id, with a seed of this process's own.
#[derive(Clone)]
struct KeyHasher(u64);

impl Default for KeyHasher {
    fn default() -> Self {
        Self(RandomState::new().hash_one(0))
    }
}

impl BuildHasher for KeyHasher {
    type Hasher = KeyHash;

    fn build_hasher(&self) -> KeyHash {
        KeyHash(self.0)
    }
}

/// Takes the key's bytes as they come.
struct KeyHash(u64);

impl std::hash::Hasher for KeyHash {
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.0 = crate::mix::mix64(self.0 ^ u64::from_le_bytes(*word));
        }
        for byte in rest {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(crate::mix::GOLDEN);
        }
    }

    fn write_usize(&mut self, _: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}

impl WriteSet {
    /// Whether nothing was written.
    pub(crate) fn is_empty(&self) -> bool {
        self.written.len() == self.dead_count && self.ranges.is_empty()
    }

    /// Bytes of its records.
    pub(crate) fn len_bytes(&self) -> usize {
        self.body.len()
    }

    /// Bytes that it takes in memory.
    pub(crate) fn memory_bytes(&self) -> usize {
        let index = self.index.as_ref().map_or(0, HashMap::capacity);
        self.body.capacity()
            + self.written.capacity() * size_of::<Written>()
            + index * (size_of::<(Key, u32)>() + 1)
            + self.ranges.capacity() * size_of::<RangeDelete>()
    }

    /// Whether a record with a payload of `payload_len` bytes leaves it within `bound` bytes in memory.
    pub(crate) fn has_room(&self, payload_len: usize, bound: usize) -> bool {
        let grown = self.memory_bytes() + record::HEADER_LEN + payload_len;
        (grown <= bound && self.written.len() < BATCH_COUNT_MAX) || self.is_empty()
    }

    /// Gives back what replaced records take, if that is much.
    pub(crate) fn shrink(&mut self) {
        if self.dead_len > self.body.len() / 2 || self.dead_count > self.written.len() / 2 {
            self.compact();
            self.written.shrink_to_fit();
        }
    }

    /// The collections that it writes to; some of them more than once.
    pub(crate) fn collections(&self) -> impl Iterator<Item = CollectionId> {
        let written = self.written.iter().filter(|written| !written.dead);
        let ranges = self.ranges.iter().map(|range| range.collection);
        written
            .map(|written| written.key.collection())
            .chain(ranges)
    }

    /// Puts an entity's payload, or without one its tombstone.
    pub(crate) fn push(&mut self, key: Key, payload: Option<&[u8]>) -> Result<()> {
        self.push_record(key, payload, Was::Unknown)
    }

    /// Puts the tombstone of an entity whose time has come.
    pub(crate) fn push_expired(&mut self, key: Key) -> Result<()> {
        self.push_record(key, None, Was::Expired)
    }

    fn push_record(&mut self, key: Key, payload: Option<&[u8]>, was: Was) -> Result<()> {
        let kind = if payload.is_some() {
            Kind::Entity
        } else {
            Kind::Tombstone
        };
        let (at, len) = self.append(key.collection(), kind, key.id(), payload.unwrap_or(&[]))?;
        if was != Was::Unknown {
            record::set_was(self.body.get_mut(at as usize..).unwrap_or_default(), was);
        }
        let place = u32::try_from(self.written.len()).unwrap_or(u32::MAX);
        let rising = self.written.last().is_none_or(|last| last.key < key);
        if !rising {
            self.make_index();
        }
        if let Some(index) = &mut self.index
            && let Some(replaced) = index.insert(key, place)
        {
            self.kill(replaced);
        }
        self.written.push(Written {
            key,
            at,
            len,
            tombstone: payload.is_none(),
            dead: false,
        });
        Ok(())
    }

    /// Deletes everything from `first` to `last`, what was put before included.
    pub(crate) fn push_range(
        &mut self,
        collection: CollectionId,
        first: EntityId,
        last: EntityId,
    ) -> Result<()> {
        let (at, len) = self.append(collection, Kind::Range, first, last.as_bytes())?;
        self.push_covering(collection, first, last, at, len);
        Ok(())
    }

    /// Drops the whole collection.
    pub(crate) fn push_drop(&mut self, collection: CollectionId) -> Result<()> {
        let (at, len) = self.append(collection, Kind::Collection, EntityId::MIN, &[])?;
        self.push_covering(collection, EntityId::MIN, EntityId::MAX, at, len);
        Ok(())
    }

    fn push_covering(
        &mut self,
        collection: CollectionId,
        first: EntityId,
        last: EntityId,
        at: u32,
        len: u32,
    ) {
        let range = RangeDelete {
            collection,
            first,
            last,
            at,
            len,
        };
        let covered = self.written.iter().zip(0..);
        let covered = covered.filter(|(written, _)| !written.dead && range.covers(&written.key));
        let covered: Vec<(Key, u32)> = covered.map(|(w, place)| (w.key, place)).collect();
        // Behind it, keys may come again: only an index tells which of them counts.
        let index = self.make_index();
        for (key, _) in &covered {
            index.remove(key);
        }
        for (_, place) in covered {
            self.kill(place);
        }
        self.ranges.push(range);
    }

    /// The index of what counts, made now if there was none.
    fn make_index(&mut self) -> &mut HashMap<Key, u32, KeyHasher> {
        self.index.get_or_insert_with(|| {
            let live = self.written.iter().zip(0..);
            let live = live.filter(|(written, _)| !written.dead);
            live.map(|(written, place)| (written.key, place)).collect()
        })
    }

    fn append(
        &mut self,
        collection: CollectionId,
        kind: Kind,
        id: EntityId,
        payload: &[u8],
    ) -> Result<(u32, u32)> {
        let len = record::HEADER_LEN + payload.len();
        if self.body.len() - self.dead_len + len > BATCH_LEN_MAX {
            return Err(Error::invalid(format!(
                "a transaction has up to {BATCH_LEN_MAX} bytes: commit it in parts"
            )));
        }
        if self.written.len() - self.dead_count + self.ranges.len() >= BATCH_COUNT_MAX {
            return Err(Error::invalid(format!(
                "a transaction writes up to {BATCH_COUNT_MAX} entities: commit it in parts"
            )));
        }
        if self.body.len() + len > 2 * BATCH_LEN_MAX || self.dead_count > BATCH_COUNT_MAX {
            self.compact();
        }
        let header = record::Header {
            payload_len: u32::try_from(payload.len())
                .map_err(|_| Error::invalid("the entity is too large"))?,
            collection,
            kind,
            was: Was::Unknown,
            id,
        };
        let at = self.body.len();
        if self.body.capacity() == 0 {
            self.body.reserve_exact(len);
        }
        header.encode(payload, &mut self.body);
        let narrow = |n| u32::try_from(n).map_err(|_| Error::invalid("the entity is too large"));
        Ok((narrow(at)?, narrow(len)?))
    }

    fn kill(&mut self, place: u32) {
        if let Some(written) = self.written.get_mut(place as usize)
            && !written.dead
        {
            written.dead = true;
            self.dead_len += written.len as usize;
            self.dead_count += 1;
        }
    }

    /// The keys of what was put, in the collections that `chosen` chooses.
    pub(crate) fn puts(&self, chosen: impl Fn(CollectionId) -> bool) -> Vec<Key> {
        let written = self.written.iter();
        let puts = written.filter(|w| !w.dead && !w.tombstone && chosen(w.key.collection()));
        puts.map(|w| w.key).collect()
    }

    /// What was written of a key.
    pub(crate) fn get(&self, key: &Key) -> Own<'_> {
        let written = match &self.index {
            Some(index) => index
                .get(key)
                .and_then(|place| self.written.get(*place as usize)),
            None => self
                .written
                .binary_search_by(|written| written.key.cmp(key))
                .ok()
                .and_then(|place| self.written.get(place)),
        };
        match written {
            Some(written) => self.own(written),
            None if self.ranges.iter().any(|range| range.covers(key)) => Own::Deleted,
            None => Own::Untouched,
        }
    }

    fn own(&self, written: &Written) -> Own<'_> {
        if written.tombstone {
            return Own::Deleted;
        }
        let (from, to) = (written.at as usize, (written.at + written.len) as usize);
        let payload = self.body.get(from + record::HEADER_LEN..to);
        Own::Put(payload.unwrap_or_default())
    }

    /// What was written to keys from `first` to `last`, in key order.
    pub(crate) fn within(&self, first: Key, last: Key) -> Vec<(Key, Own<'_>)> {
        let written = self.written.iter();
        let written = written.filter(|w| !w.dead && first <= w.key && w.key <= last);
        let mut found: Vec<_> = written.map(|w| (w.key, self.own(w))).collect();
        found.sort_unstable_by_key(|(key, _)| *key);
        found
    }

    /// What was written to a collection, in key order.
    pub(crate) fn within_collection(&self, id: CollectionId) -> Vec<(Key, Own<'_>)> {
        self.within(Key::new(id, EntityId::MIN), Key::new(id, EntityId::MAX))
    }

    pub(crate) fn ranges(&self) -> &[RangeDelete] {
        &self.ranges
    }

    /// Drops the records that later ones replaced.
    fn compact(&mut self) {
        let mut body = Vec::with_capacity(self.body.len() - self.dead_len);
        let mut moved = |at: &mut u32, len: u32| {
            let from = *at as usize;
            *at = u32::try_from(body.len()).unwrap_or(u32::MAX);
            let bytes = self.body.get(from..from + len as usize);
            body.extend_from_slice(bytes.unwrap_or_default());
        };
        self.written.retain(|written| !written.dead);
        for written in &mut self.written {
            moved(&mut written.at, written.len);
        }
        for range in &mut self.ranges {
            moved(&mut range.at, range.len);
        }
        self.body = body;
        self.dead_len = 0;
        self.dead_count = 0;
        if let Some(index) = &mut self.index {
            index.clear();
            index.extend(
                self.written
                    .iter()
                    .zip(0..)
                    .map(|(w, place)| (w.key, place)),
            );
        }
    }

    /// Finds keys anew, after [`rename`](Self::rename).
    pub(crate) fn reindex(&mut self) {
        self.index = None;
        self.make_index();
    }

    /// Gives the collection `from` the id `to`, in every record. Nothing is found before it is [reindexed](Self::reindex).
    pub(crate) fn rename(&mut self, from: CollectionId, to: CollectionId) {
        let body = &mut self.body;
        let mut patch = |at: u32, len: u32| {
            let at = at as usize;
            if let Some(bytes) = body.get_mut(at..at + len as usize) {
                record::set_collection(bytes, to);
            }
        };
        for written in &mut self.written {
            if written.key.collection() == from {
                patch(written.at, written.len);
                written.key = Key::new(to, written.key.id());
            }
        }
        for range in &mut self.ranges {
            if range.collection == from {
                patch(range.at, range.len);
                range.collection = to;
            }
        }
    }

    /// The records, one behind the other, and what each says.
    pub(crate) fn finish(mut self) -> (Vec<u8>, Vec<Item>) {
        if self.dead_count > 0 {
            self.compact();
        }
        let ranges = self.ranges.iter().map(|range| Item::Range {
            at: range.at,
            len: range.len,
            collection: range.collection,
            first: range.first,
            last: range.last,
        });
        let records = self.written.iter().map(|written| Item::Record {
            key: written.key,
            at: written.at,
            len: written.len,
            tombstone: written.tombstone,
        });
        let items = ranges.chain(records).collect();
        // It stays in memory until a checkpoint: what it grew beyond its need is given back.
        if self.body.capacity() - self.body.len() > self.body.len() / 8 {
            self.body.shrink_to_fit();
        }
        (self.body, items)
    }
}
