//! Committed and not yet in a run: the records of the logs that no run covers, and where each lies, in memory.
//!
//! Promises: for one key, every version since the memtable was begun, so that a snapshot finds its own; a version that is
//! inserted before its commit is published is not found by a snapshot from before. Relies on batches being inserted in LSN
//! order. Must never know a stream's bytes.

use std::ops::Bound;

use bytes::Bytes;

use crate::entry_table::{self, EntryTable};
use crate::format::filter::hash;
use crate::format::key::Key;
use crate::ids::{CollectionId, EntityId, Lsn, StreamId};
use crate::log::Item;
use crate::ranges::{RangeTombstone, covering};
use crate::sorted_map::SortedMap;
use crate::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use crate::sync::{OnceLock, PoisonError, RwLock, RwLockReadGuard};

/// Where a record lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Location {
    pub(crate) lsn: Lsn,
    pub(crate) stream: StreamId,
    /// Offset in the stream, in bytes.
    pub(crate) offset: u64,
    /// Length of the record in bytes.
    pub(crate) len: u32,
    pub(crate) tombstone: bool,
}

/// The newest version of a key, as a read finds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Version {
    pub(crate) location: Location,
    /// The whole record, where it is in memory.
    pub(crate) record: Option<Bytes>,
}

impl From<Location> for Version {
    fn from(location: Location) -> Self {
        Self {
            location,
            record: None,
        }
    }
}

/// One batch whose records a memtable finds.
pub(crate) struct Batch {
    pub(crate) lsn: Lsn,
    pub(crate) stream: StreamId,
    /// Offset of the first record in the stream, in bytes.
    pub(crate) body_at: u64,
    /// The records, one behind the other.
    pub(crate) body: Bytes,
}

/// A batch of records above this many bytes is not kept in memory: its records are read from the log.
const BODY_LEN_MAX: usize = 4 << 20;
/// What an entry and a batch cost in memory besides, in bytes, about.
const BATCH_OVERHEAD: usize = 128;
/// How many keys are inserted before readers get their turn.
const INSERT_COUNT: usize = 256;

/// A key, and behind it the number of the batch, the newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Sort {
    collection: u16,
    high: u64,
    low: u64,
    /// The batch's number, subtracted from the highest: of one key, the newest version comes first.
    age: u32,
}

impl Sort {
    const NEWEST: u32 = 0;
    const OLDEST: u32 = u32::MAX;

    fn new(key: &Key, age: u32) -> Self {
        let (collection, id) = key.numbers();
        #[expect(clippy::cast_possible_truncation, reason = "the two halves")]
        let (high, low) = ((id >> 64) as u64, id as u64);
        Self {
            collection,
            high,
            low,
            age,
        }
    }

    fn key(&self) -> Key {
        let id = (u128::from(self.high) << 64) | u128::from(self.low);
        Key::new(
            CollectionId(self.collection),
            EntityId::from_bytes(id.to_be_bytes()),
        )
    }

    fn same_key(&self, other: &Self) -> bool {
        (self.collection, self.high, self.low) == (other.collection, other.high, other.low)
    }
}

/// Where in its batch a record lies.
#[derive(Debug, Clone, Copy)]
struct Slot {
    at: u32,
    /// Length of the record in bytes, and in the top bit whether it is a tombstone.
    len: u32,
}

const TOMBSTONE: u32 = 1 << 31;

struct Kept {
    lsn: Lsn,
    stream: StreamId,
    body_at: u64,
    body: Option<Bytes>,
}

#[derive(Default)]
struct Table {
    batches: Vec<Kept>,
    entries: SortedMap<Sort, Slot>,
    ranges: Vec<RangeTombstone>,
    index: EntryTable,
}

/// A filter over the keys that takes no lock: one word of it holds all bits of a key.
struct Filter(Box<[AtomicU64]>);

/// From so many keys on there is a filter.
const FILTER_FROM_COUNT: usize = 2048;
/// 64 Ki of words: eight bits a key with as many keys as a memtable usually has.
const FILTER_WORDS: usize = 1 << 16;

impl Filter {
    fn of(entries: &SortedMap<Sort, Slot>) -> Self {
        let words = std::iter::repeat_with(AtomicU64::default).take(FILTER_WORDS);
        let filter = Self(words.collect());
        for (sort, _) in entries.iter() {
            filter.insert(&sort.key());
        }
        filter
    }

    fn place(key: &Key) -> (usize, u64) {
        let hash = hash(key);
        let word = (hash >> 48) as usize % FILTER_WORDS;
        let bits = 1 << (hash & 63) | 1 << ((hash >> 6) & 63) | 1 << ((hash >> 12) & 63);
        (word, bits)
    }

    fn insert(&self, key: &Key) {
        let (word, bits) = Self::place(key);
        if let Some(word) = self.0.get(word) {
            word.fetch_or(bits, Ordering::Relaxed);
        }
    }

    fn may_have(&self, key: &Key) -> bool {
        let (word, bits) = Self::place(key);
        let word = self.0.get(word);
        word.is_none_or(|word| word.load(Ordering::Relaxed) & bits == bits)
    }
}

/// The keys of the logs that no run covers.
pub(crate) struct Memtable {
    table: RwLock<Table>,
    /// Made once there are so many keys that it is worth its memory.
    filter: OnceLock<Filter>,
    count: AtomicUsize,
    /// Range tombstones: usually none, which costs a reader nothing.
    range_count: AtomicUsize,
    /// Index entries.
    entry_count: AtomicUsize,
    memory_bytes: AtomicUsize,
    last_lsn: AtomicU64,
}

impl Default for Memtable {
    fn default() -> Self {
        Self {
            table: RwLock::default(),
            filter: OnceLock::new(),
            count: AtomicUsize::new(0),
            range_count: AtomicUsize::new(0),
            entry_count: AtomicUsize::new(0),
            memory_bytes: AtomicUsize::new(0),
            last_lsn: AtomicU64::new(0),
        }
    }
}

impl Memtable {
    fn read(&self) -> RwLockReadGuard<'_, Table> {
        self.table.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a batch and its items. The batch's LSN is above all that came before, and not published yet.
    pub(crate) fn insert(&self, batch: Batch, items: impl IntoIterator<Item = Item>) {
        let write = || self.table.write().unwrap_or_else(PoisonError::into_inner);
        let Batch {
            lsn,
            stream,
            body_at,
            body,
        } = batch;
        let kept = body.len() <= BODY_LEN_MAX;
        let mut body_len = if kept { body.len() } else { 0 };
        let mut begun = false;
        let mut items = items.into_iter().peekable();
        let mut table = write();
        table.batches.push(Kept {
            lsn,
            stream,
            body_at,
            body: kept.then(|| body.clone()),
        });
        let age = age_of(table.batches.len());
        loop {
            for item in items.by_ref().take(INSERT_COUNT) {
                match item {
                    Item::Record {
                        key,
                        at,
                        len,
                        tombstone,
                    } => {
                        if let Some(filter) = self.filter.get() {
                            filter.insert(&key);
                        }
                        let len = if tombstone { len | TOMBSTONE } else { len };
                        table.entries.insert(Sort::new(&key, age), Slot { at, len });
                    }
                    Item::Range {
                        collection,
                        first,
                        last,
                        ..
                    } => {
                        table.ranges.push(RangeTombstone {
                            collection,
                            first,
                            last,
                            lsn,
                        });
                    }
                    Item::Before { .. } => {}
                    Item::Entry {
                        index,
                        id,
                        at,
                        len,
                        tombstone,
                    } => {
                        if !std::mem::replace(&mut begun, true) {
                            // Entries stand behind everything else.
                            let entries = body.slice(body.len().min(at as usize)..);
                            let entries = match kept {
                                true => entries,
                                false => Bytes::copy_from_slice(&entries),
                            };
                            body_len += if kept { 0 } else { entries.len() };
                            table.index.begin(entries, at, age);
                        }
                        table.index.insert(&entry_table::Record {
                            index,
                            id,
                            at,
                            len,
                            tombstone,
                        });
                    }
                }
            }
            if table.entries.len() >= FILTER_FROM_COUNT {
                self.filter.get_or_init(|| Filter::of(&table.entries));
            }
            if items.peek().is_none() {
                break;
            }
            drop(table);
            table = write();
        }
        self.note(&table);
        self.memory_bytes
            .fetch_add(body_len + BATCH_OVERHEAD, Ordering::Relaxed);
        self.last_lsn.fetch_max(lsn.0, Ordering::Relaxed);
    }

    fn note(&self, table: &Table) {
        self.count.store(table.entries.len(), Ordering::Release);
        self.range_count
            .store(table.ranges.len(), Ordering::Release);
        self.entry_count.store(table.index.len(), Ordering::Release);
    }

    /// Takes the batches from `lsn` on back, which were refused and never published.
    pub(crate) fn take_back(&self, lsn: Lsn) {
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        let first = table.batches.partition_point(|batch| batch.lsn < lsn);
        let refused = table.batches.drain(first..);
        let freed: usize = refused
            .map(|batch| batch.body.map_or(0, |body| body.len()) + BATCH_OVERHEAD)
            .sum();
        let kept = age_of(first);
        table.entries.retain(|sort, _| sort.age >= kept);
        table.ranges.retain(|range| range.lsn < lsn);
        table.index.take_back(kept);
        let last = table.batches.last().map_or(0, |batch| batch.lsn.0);
        self.note(&table);
        self.memory_bytes.fetch_sub(freed, Ordering::Relaxed);
        self.last_lsn.store(last, Ordering::Relaxed);
    }

    /// How many versions there are.
    pub(crate) fn len(&self) -> usize {
        self.count.load(Ordering::Acquire)
    }

    /// Whether there are no versions: perhaps range tombstones.
    fn has_no_keys(&self) -> bool {
        self.count.load(Ordering::Acquire) == 0
    }

    /// Whether no batch was inserted.
    pub(crate) fn is_empty(&self) -> bool {
        self.last_lsn() == Lsn::ZERO
    }

    /// The last commit in it; zero if there is none.
    pub(crate) fn last_lsn(&self) -> Lsn {
        Lsn(self.last_lsn.load(Ordering::Relaxed))
    }

    /// The first commit in it, if there is one.
    pub(crate) fn first_lsn(&self) -> Option<Lsn> {
        self.read().batches.first().map(|batch| batch.lsn)
    }

    /// Bytes that it takes in memory, about.
    pub(crate) fn memory_bytes(&self) -> usize {
        // The entries' chunks are half empty at the worst.
        self.memory_bytes.load(Ordering::Relaxed)
            + self.len() * 2 * size_of::<(Sort, Slot)>()
            + self.entry_count() * entry_table::SLOT_BYTES
    }

    /// How many versions of index entries there are.
    pub(crate) fn entry_count(&self) -> usize {
        self.entry_count.load(Ordering::Acquire)
    }

    /// Appends to `page` up to `count` index entries within the bounds, ascending or descending: of each the newest version not
    /// above `lsn`. Without `tombstones`, there is nothing older that they would hide, and hardly any is given. Says whether those
    /// were all.
    pub(crate) fn entry_page(
        &self,
        (lower, upper): (Bound<&[u8]>, Bound<&[u8]>),
        descending: bool,
        lsn: Lsn,
        count: usize,
        tombstones: bool,
        page: &mut EntryPage,
    ) -> bool {
        if self.entry_count() == 0 {
            return true;
        }
        let mut all = true;
        let table = self.read();
        let age = table.age(lsn);
        let full = page.entries.len() + count;
        table.index.walk(
            (lower, upper),
            descending,
            age,
            tombstones,
            |parts, version| {
                let from = page.bytes.len();
                parts.push(&mut page.bytes);
                if let Some(batch) = table.batch(version.age) {
                    page.entries.push(PageEntry {
                        key: from..page.bytes.len(),
                        lsn: batch.lsn,
                        tombstone: version.tombstone,
                    });
                }
                all = page.entries.len() < full && (tombstones || !version.tombstone);
                !all
            },
        );
        all
    }

    /// Whether a commit above `lsn` has written an index entry within the bounds.
    pub(crate) fn wrote_entries(
        &self,
        (lower, upper): (Bound<&[u8]>, Bound<&[u8]>),
        lsn: Lsn,
    ) -> bool {
        if self.entry_count() == 0 || self.last_lsn() <= lsn {
            return false;
        }
        let table = self.read();
        table.index.has_younger(lower, upper, table.age(lsn))
    }

    /// Calls `each` with the newest version of every index entry, in order. Nothing is inserted any more.
    pub(crate) fn try_for_each_entry<E>(
        &self,
        mut each: impl FnMut(&[u8], Lsn, bool) -> Result<(), E>,
    ) -> Result<(), E> {
        let table = self.read();
        let mut key = Vec::new();
        let mut done = Ok(());
        let all = (Bound::Unbounded, Bound::Unbounded);
        table
            .index
            .walk(all, false, Sort::NEWEST, true, |parts, version| {
                key.clear();
                parts.push(&mut key);
                if let Some(batch) = table.batch(version.age) {
                    done = each(&key, batch.lsn, version.tombstone);
                }
                done.is_err()
            });
        done
    }

    /// The newest version of `key` that is not above `lsn`.
    pub(crate) fn get(&self, key: Key, lsn: Lsn) -> Option<Version> {
        let filter = self.filter.get();
        if self.has_no_keys() || filter.is_some_and(|filter| !filter.may_have(&key)) {
            return None;
        }
        let table = self.read();
        let from = Sort::new(&key, table.age(lsn));
        let (sort, slot) = table.entries.first_from(from)?;
        if !sort.same_key(&from) {
            return None;
        }
        table.version(&sort, slot)
    }

    /// The range tombstones that a snapshot at `lsn` sees.
    pub(crate) fn ranges(&self, lsn: Lsn) -> Vec<RangeTombstone> {
        if self.range_count.load(Ordering::Acquire) == 0 {
            return Vec::new();
        }
        let table = self.read();
        let ranges = table.ranges.iter();
        ranges.filter(|range| range.lsn <= lsn).copied().collect()
    }

    /// As [`covering`], of this memtable's range tombstones.
    pub(crate) fn covering(&self, key: &Key, lsn: Lsn) -> Lsn {
        if self.range_count.load(Ordering::Acquire) == 0 {
            return Lsn::ZERO;
        }
        covering(&self.read().ranges, key, lsn)
    }

    /// Whether a commit above `lsn` has written the key, or a range that holds it.
    pub(crate) fn wrote(&self, key: &Key, lsn: Lsn) -> bool {
        self.last_lsn() > lsn
            && (self.covering(key, Lsn(u64::MAX)) > lsn
                || self
                    .get(*key, Lsn(u64::MAX))
                    .is_some_and(|version| version.location.lsn > lsn))
    }

    /// Whether a commit above `lsn` has written anything from `first` to `last`.
    pub(crate) fn wrote_within(&self, first: Key, last: Key, lsn: Lsn) -> bool {
        if self.last_lsn() <= lsn {
            return false;
        }
        let table = self.read();
        let overlaps = |range: &RangeTombstone| range.lsn > lsn && range.overlaps(first, last);
        let newest = table.age(lsn);
        table.ranges.iter().any(overlaps)
            || table
                .entries
                .range(
                    Bound::Included(Sort::new(&first, Sort::NEWEST)),
                    Bound::Included(Sort::new(&last, Sort::OLDEST)),
                )
                .any(|(sort, _)| sort.age < newest)
    }

    /// The newest version not above `lsn` of up to `count` keys within the bounds, ascending or descending.
    pub(crate) fn page(
        &self,
        bounds: (Bound<Key>, Bound<Key>),
        descending: bool,
        lsn: Lsn,
        count: usize,
    ) -> Vec<(Key, Version)> {
        let mut found: Vec<(Key, Version)> = Vec::new();
        if self.has_no_keys() || is_empty_range(&bounds.0, &bounds.1) {
            return found;
        }
        // Within a key the newest version comes first.
        let lower = match bounds.0 {
            Bound::Included(key) => Bound::Included(Sort::new(&key, Sort::NEWEST)),
            Bound::Excluded(key) => Bound::Excluded(Sort::new(&key, Sort::OLDEST)),
            Bound::Unbounded => Bound::Unbounded,
        };
        let upper = match bounds.1 {
            Bound::Included(key) => Bound::Included(Sort::new(&key, Sort::OLDEST)),
            Bound::Excluded(key) => Bound::Excluded(Sort::new(&key, Sort::NEWEST)),
            Bound::Unbounded => Bound::Unbounded,
        };
        let table = self.read();
        let newest = table.age(lsn);
        let visible = table
            .entries
            .range(lower, upper)
            .filter(|(sort, _)| sort.age >= newest);
        let mut take = |sort: Sort, slot| {
            found.extend(
                table
                    .version(&sort, slot)
                    .map(|version| (sort.key(), version)),
            );
            found.len() == count
        };
        let mut pending: Option<(Sort, Slot)> = None;
        if descending {
            // The newest version of a key comes last.
            for (sort, slot) in visible.rev() {
                if let Some((sort, slot)) = pending.filter(|(last, _)| !last.same_key(&sort))
                    && take(sort, slot)
                {
                    return found;
                }
                pending = Some((sort, slot));
            }
            if let Some((sort, slot)) = pending {
                take(sort, slot);
            }
        } else {
            for (sort, slot) in visible {
                if pending.is_none_or(|(last, _)| !last.same_key(&sort)) {
                    pending = Some((sort, slot));
                    if take(sort, slot) {
                        return found;
                    }
                }
            }
        }
        found
    }

    /// Calls `each` with the newest version of every key, in order. Nothing is inserted any more.
    pub(crate) fn try_for_each<E>(
        &self,
        mut each: impl FnMut(Key, Location) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut last: Option<Sort> = None;
        let table = self.read();
        for (sort, slot) in table.entries.iter() {
            if last.is_none_or(|last| !last.same_key(&sort)) {
                if let Some(location) = table.location(&sort, slot) {
                    each(sort.key(), location)?;
                }
                last = Some(sort);
            }
        }
        Ok(())
    }
}

/// The age of the last of `count` batches; with none, older than any.
fn age_of(count: usize) -> u32 {
    Sort::OLDEST - u32::try_from(count).unwrap_or(Sort::OLDEST)
}

impl Table {
    /// The age of the newest batch that is not above `lsn`: what is visible is not younger.
    fn age(&self, lsn: Lsn) -> u32 {
        let visible = match self.batches.last() {
            Some(last) if last.lsn <= lsn => self.batches.len(),
            _ => self.batches.partition_point(|batch| batch.lsn <= lsn),
        };
        age_of(visible)
    }

    fn batch(&self, age: u32) -> Option<&Kept> {
        let count = usize::try_from(Sort::OLDEST - age).ok()?;
        self.batches.get(count.checked_sub(1)?)
    }

    fn location(&self, sort: &Sort, slot: Slot) -> Option<Location> {
        let batch = self.batch(sort.age)?;
        Some(Location {
            lsn: batch.lsn,
            stream: batch.stream,
            offset: batch.body_at + u64::from(slot.at),
            len: slot.len & !TOMBSTONE,
            tombstone: slot.len & TOMBSTONE != 0,
        })
    }

    fn version(&self, sort: &Sort, slot: Slot) -> Option<Version> {
        let location = self.location(sort, slot)?;
        let body = self.batch(sort.age)?.body.as_ref();
        let at = usize::try_from(slot.at).ok()?;
        let len = usize::try_from(location.len).ok()?;
        let record = body
            .filter(|body| at + len <= body.len())
            .map(|body| body.slice(at..at + len));
        Some(Version { location, record })
    }
}

/// Index entries, copied out of a memtable.
#[derive(Debug, Default)]
pub(crate) struct EntryPage {
    pub(crate) bytes: Vec<u8>,
    pub(crate) entries: Vec<PageEntry>,
}

/// One of them.
#[derive(Debug, Clone)]
pub(crate) struct PageEntry {
    /// Where in the page's bytes its whole key stands.
    pub(crate) key: std::ops::Range<usize>,
    pub(crate) lsn: Lsn,
    pub(crate) tombstone: bool,
}

/// Whether a range has its start behind its end, which `BTreeMap::range` takes for a mistake.
pub(crate) fn is_empty_range<T: Ord>(lower: &Bound<T>, upper: &Bound<T>) -> bool {
    match (lower, upper) {
        (Bound::Included(l), Bound::Included(u)) => l > u,
        (Bound::Included(l) | Bound::Excluded(l), Bound::Included(u) | Bound::Excluded(u)) => {
            l >= u
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEN: u32 = 50;

    fn key(n: u8) -> Key {
        Key::new(CollectionId(1), EntityId::from_bytes([n; 16]))
    }

    fn at(lsn: u64, n: u32) -> Location {
        Location {
            lsn: Lsn(lsn),
            stream: StreamId(1),
            offset: lsn * 1000 + u64::from(n * LEN),
            len: LEN,
            tombstone: false,
        }
    }

    fn byte(lsn: Lsn) -> u8 {
        u8::try_from(lsn.0).unwrap()
    }

    fn insert(table: &Memtable, lsn: u64, keys: &[u8]) {
        let batch = Batch {
            lsn: Lsn(lsn),
            stream: StreamId(1),
            body_at: lsn * 1000,
            body: Bytes::from(vec![byte(Lsn(lsn)); keys.len() * LEN as usize]),
        };
        let items = keys.iter().zip(0..).map(|(n, index)| Item::Record {
            key: key(*n),
            at: index * LEN,
            len: LEN,
            tombstone: false,
        });
        table.insert(batch, items);
    }

    fn found(table: &Memtable, n: u8, lsn: u64) -> Option<Location> {
        let version = table.get(key(n), Lsn(lsn))?;
        let record = version.record.unwrap();
        assert_eq!(record, vec![byte(version.location.lsn); LEN as usize]);
        Some(version.location)
    }

    fn table() -> Memtable {
        let table = Memtable::default();
        insert(&table, 1, &[1, 2]);
        insert(&table, 2, &[2, 3]);
        insert(&table, 3, &[2]);
        table
    }

    #[test]
    fn a_get_finds_the_newest_version_that_the_snapshot_sees() {
        let table = table();
        assert_eq!(found(&table, 2, 9), Some(at(3, 0)));
        assert_eq!(found(&table, 2, 2), Some(at(2, 0)));
        assert_eq!(found(&table, 2, 0), None);
        assert_eq!(found(&table, 3, 1), None);
        assert_eq!(found(&table, 4, 9), None);
    }

    #[test]
    fn what_is_taken_back_was_never_there() {
        let table = table();
        table.take_back(Lsn(2));
        assert_eq!(found(&table, 2, 9), Some(at(1, 1)));
        assert_eq!(found(&table, 3, 9), None);
        assert_eq!(table.last_lsn(), Lsn(1));
        insert(&table, 7, &[3]);
        assert_eq!(found(&table, 3, 9), Some(at(7, 0)));
    }

    #[test]
    fn later_writes_to_a_key_or_a_range_are_told() {
        let table = table();
        assert!(table.wrote(&key(2), Lsn(2)));
        assert!(!table.wrote(&key(3), Lsn(2)));
        assert!(table.wrote_within(key(3), key(9), Lsn(1)));
        assert!(!table.wrote_within(key(3), key(9), Lsn(2)));
        let range = Item::Range {
            at: 0,
            len: 0,
            collection: CollectionId(1),
            first: EntityId::from_bytes([5; 16]),
            last: EntityId::from_bytes([7; 16]),
        };
        let batch = Batch {
            lsn: Lsn(4),
            stream: StreamId(1),
            body_at: 4000,
            body: Bytes::new(),
        };
        table.insert(batch, [range]);
        assert!(table.wrote(&key(6), Lsn(3)));
        assert!(!table.wrote(&key(6), Lsn(4)));
        assert!(table.wrote_within(key(7), key(9), Lsn(3)));
        assert!(!table.wrote_within(key(8), key(9), Lsn(3)));
        assert_eq!(table.covering(&key(6), Lsn(9)), Lsn(4));
        assert_eq!(table.covering(&key(6), Lsn(3)), Lsn::ZERO);
    }

    #[test]
    fn pages_hold_each_key_once_in_both_directions() {
        let table = table();
        let all = (Bound::Unbounded, Bound::Unbounded);
        let keys = |page: Vec<(Key, Version)>| -> Vec<Key> {
            page.into_iter().map(|(key, _)| key).collect()
        };
        for lsn in 1..=3 {
            let up = table.page(all, false, Lsn(lsn), usize::MAX);
            let mut down = table.page(all, true, Lsn(lsn), usize::MAX);
            down.reverse();
            assert_eq!(up, down);
            assert_eq!(up.len(), if lsn == 1 { 2 } else { 3 });
            for (key, version) in up {
                assert_eq!(table.get(key, Lsn(lsn)), Some(version));
            }
        }
        assert_eq!(keys(table.page(all, false, Lsn(3), 2)), [key(1), key(2)]);
        assert_eq!(keys(table.page(all, true, Lsn(3), 2)), [key(3), key(2)]);
        let none = (Bound::Excluded(key(2)), Bound::Excluded(key(2)));
        assert_eq!(table.page(none, false, Lsn(3), 9), []);
        let rest = (Bound::Excluded(key(2)), Bound::Unbounded);
        assert_eq!(keys(table.page(rest, false, Lsn(3), 9)), [key(3)]);
    }
}
