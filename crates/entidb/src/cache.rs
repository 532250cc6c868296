//! Blocks and pages that were read and checked, in memory: up to a bound that the options set.
//!
//! Each stream has a table with a place for each of its blocks, so that finding one is an index and no hashing, and reading one
//! writes nothing that another thread reads: what a get costs is misses to memory, and here it has two. The tables take 8 bytes
//! for each block that was ever near one in use, beside the bound. What has to go is found by the clock algorithm: in the order
//! of coming, but what was used since the hand last passed stays for another round.
//!
//! Promises: never more than its capacity, counted in bytes with what each entry costs besides; what a reader still holds
//! counts too. Relies on streams being immutable where they are read. Must never know what a block means.

use std::cell::Cell;
use std::collections::VecDeque;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use arc_swap::{ArcSwapOption, Guard};

/// What an entry costs beside its bytes, about.
const OVERHEAD_LEN: u64 = 192;
/// How many parts the counters have: the first threads have one each, all others share the last.
const COUNTER_COUNT: usize = 16;
/// How many places the first part of a table has; each further part doubles the table.
const FIRST_PART_COUNT: u64 = 64;
const PART_COUNT: usize = 48;

/// The cache of one database.
pub(crate) struct Cache {
    capacity_bytes: u64,
    used_bytes: Arc<AtomicU64>,
    /// What is in the cache, in the order of coming.
    ring: Mutex<VecDeque<(Weak<dyn Places>, u64)>>,
    counters: [Counter; COUNTER_COUNT],
}

/// How often something was found and not found; a cache line of its own.
#[derive(Default)]
#[repr(align(128))]
struct Counter {
    hits: AtomicU64,
    misses: AtomicU64,
}

/// The blocks, or pages, of one stream that are in memory.
pub(crate) struct Table<T> {
    parts: [OnceLock<Part<T>>; PART_COUNT],
}

/// Some of a table's places. Whether they are used stands beside them and not in the entries, so that a hit reads nothing of an
/// entry but what it came for.
struct Part<T> {
    places: Box<[ArcSwapOption<Entry<T>>]>,
    /// Whether the entry was used since the hand last passed it.
    used: Box<[AtomicBool]>,
}

/// One block or page in memory. What it weighs counts as long as it is.
pub(crate) struct Entry<T> {
    value: T,
    weight: u64,
    used_bytes: Arc<AtomicU64>,
}

impl<T> Entry<T> {
    /// One that is in no cache.
    pub(crate) fn alone(value: T) -> Arc<Self> {
        Arc::new(Self {
            value,
            weight: 0,
            used_bytes: Arc::default(),
        })
    }
}

impl<T> Drop for Entry<T> {
    fn drop(&mut self) {
        self.used_bytes.fetch_sub(self.weight, Ordering::AcqRel);
    }
}

impl<T> Deref for Entry<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.value
    }
}

/// An entry, held for one short read.
pub(crate) struct Held<T>(Guard<Option<Arc<Entry<T>>>>);

impl<T> Held<T> {
    #[inline]
    pub(crate) fn get(&self) -> Option<&T> {
        self.0.as_ref().map(|entry| &entry.value)
    }

    /// The same, to be held for longer: this touches a counter.
    pub(crate) fn keep(self) -> Option<Arc<Entry<T>>> {
        Guard::into_inner(self.0)
    }
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self {
            parts: std::array::from_fn(|_| OnceLock::new()),
        }
    }
}

/// In which part of a table a place is, and where in it.
#[inline]
fn part_of(index: u64) -> (usize, usize) {
    // The parts begin at 0, 64, 128, 256, 512 …
    let part = (u64::BITS - (index / FIRST_PART_COUNT).leading_zeros()) as usize;
    let start = part_start(part);
    let at = usize::try_from(index - start).unwrap_or(usize::MAX);
    (part, at)
}

#[inline]
fn part_start(part: usize) -> u64 {
    match part {
        0 => 0,
        part => FIRST_PART_COUNT << (part - 1),
    }
}

impl<T> Table<T> {
    fn place(&self, index: u64) -> Option<(&ArcSwapOption<Entry<T>>, &AtomicBool)> {
        let (part, at) = part_of(index);
        let part = self.parts.get(part)?.get()?;
        Some((part.places.get(at)?, part.used.get(at)?))
    }

    fn make_place(&self, index: u64) {
        let (part, _) = part_of(index);
        let count = part_start(part + 1) - part_start(part);
        if let Some(part) = self.parts.get(part) {
            part.get_or_init(|| Part {
                places: (0..count).map(|_| ArcSwapOption::empty()).collect(),
                used: (0..count).map(|_| AtomicBool::new(false)).collect(),
            });
        }
    }

    /// What lies at `index`, if it is in memory.
    #[inline]
    pub(crate) fn get(&self, index: u64) -> Option<Held<T>> {
        let (place, used) = self.place(index)?;
        let held = place.load();
        held.as_ref()?;
        // Written only where it changes something, so that the line stays with all who read it.
        if !used.load(Ordering::Relaxed) {
            used.store(true, Ordering::Relaxed);
        }
        Some(Held(held))
    }

    /// Whether it is in memory. Does not count as using it.
    pub(crate) fn has(&self, index: u64) -> bool {
        self.place(index)
            .is_some_and(|(place, _)| place.load().is_some())
    }
}

/// A table, to whoever makes room.
trait Places: Send + Sync {
    /// The hand passes: drops the entry, but for one that was used since. Says whether it stays.
    fn pass(&self, index: u64) -> bool;
}

impl<T: Send + Sync> Places for Table<T> {
    fn pass(&self, index: u64) -> bool {
        let Some((place, used)) = self.place(index) else {
            return false;
        };
        let stays = used.swap(false, Ordering::Relaxed);
        if !stays {
            place.store(None);
        }
        stays
    }
}

impl Cache {
    /// A cache of up to this many bytes; with 0 it keeps nothing.
    pub(crate) fn new(capacity_bytes: u64) -> Self {
        Self {
            capacity_bytes,
            used_bytes: Arc::default(),
            ring: Mutex::default(),
            counters: Default::default(),
        }
    }

    /// How many bytes it has room for.
    pub(crate) fn capacity_bytes(&self) -> u64 {
        self.capacity_bytes
    }

    /// Looks in a table, and counts whether that found something.
    #[inline]
    pub(crate) fn look<T>(&self, table: &Table<T>, index: u64) -> Option<Held<T>> {
        let found = table.get(index);
        self.count(found.is_some());
        found
    }

    /// Keeps what lies at `index`, `len` bytes, for as long as it is used often enough, and gives it back.
    pub(crate) fn keep<T: Send + Sync + 'static>(
        &self,
        table: &Arc<Table<T>>,
        index: u64,
        value: T,
        len: u64,
    ) -> Arc<Entry<T>> {
        let weight = len + OVERHEAD_LEN;
        if weight > self.capacity_bytes {
            return Entry::alone(value);
        }
        table.make_place(index);
        let Some((place, used)) = table.place(index) else {
            return Entry::alone(value);
        };
        let mut ring = self.ring();
        if let Some(entry) = place.load_full() {
            // Somebody was faster. Each entry has one turn in the ring.
            return entry;
        }
        self.make_room(&mut ring, weight);
        if self.len_bytes() + weight > self.capacity_bytes {
            // What readers still hold fills it.
            return Entry::alone(value);
        }
        self.used_bytes.fetch_add(weight, Ordering::AcqRel);
        let entry = Arc::new(Entry {
            value,
            weight,
            used_bytes: Arc::clone(&self.used_bytes),
        });
        used.store(false, Ordering::Relaxed);
        place.store(Some(Arc::clone(&entry)));
        let places: Weak<Table<T>> = Arc::downgrade(table);
        ring.push_back((places, index));
        entry
    }

    fn make_room(&self, ring: &mut VecDeque<(Weak<dyn Places>, u64)>, weight: u64) {
        // In two rounds, everything has been passed unused.
        for _ in 0..2 * ring.len() {
            if self.len_bytes() + weight <= self.capacity_bytes {
                return;
            }
            let Some((places, index)) = ring.pop_front() else {
                return;
            };
            // A table that is gone has taken its entries along.
            if places.upgrade().is_some_and(|places| places.pass(index)) {
                ring.push_back((places, index));
            }
        }
    }

    fn ring(&self) -> MutexGuard<'_, VecDeque<(Weak<dyn Places>, u64)>> {
        // A panic in between could only have lost an entry's turn to go.
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether that many bytes can be kept without anything else having to go.
    pub(crate) fn has_room(&self, len: u64) -> bool {
        self.len_bytes().saturating_add(len) <= self.capacity_bytes
    }

    /// Bytes in the cache.
    pub(crate) fn len_bytes(&self) -> u64 {
        self.used_bytes.load(Ordering::Acquire)
    }

    /// How often a block or page was found.
    pub(crate) fn hit_count(&self) -> u64 {
        let counters = self.counters.iter();
        counters.map(|c| c.hits.load(Ordering::Relaxed)).sum()
    }

    /// How often one was looked for and not found.
    pub(crate) fn miss_count(&self) -> u64 {
        let counters = self.counters.iter();
        counters.map(|c| c.misses.load(Ordering::Relaxed)).sum()
    }

    #[inline]
    fn count(&self, hit: bool) {
        let number = thread_number().min(COUNTER_COUNT - 1);
        let Some(counter) = self.counters.get(number) else {
            return;
        };
        let counter = if hit { &counter.hits } else { &counter.misses };
        if number < COUNTER_COUNT - 1 {
            // Nobody else writes here.
            let count = counter.load(Ordering::Relaxed);
            counter.store(count + 1, Ordering::Relaxed);
        } else {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// A number for this thread.
#[inline]
fn thread_number() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static NUMBER: Cell<usize> = const { Cell::new(usize::MAX) };
    }
    NUMBER.with(|number| {
        if number.get() == usize::MAX {
            number.set(NEXT.fetch_add(1, Ordering::Relaxed) & (usize::MAX >> 1));
        }
        number.get()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Arc<Table<u64>> {
        Arc::default()
    }

    #[test]
    fn the_cache_keeps_to_its_bound_whatever_is_put_in() {
        for capacity in [0, 1000, 100_000, 1 << 20, 64 << 20] {
            let cache = Cache::new(capacity);
            let tables = [table(), table(), table()];
            for number in 0..8000_u64 {
                let len = [100, 5000, 16 << 10][(number % 3) as usize];
                let table = &tables[(number % 2) as usize];
                cache.keep(table, number * 7 % 5000, number, len);
                table.get(number * 3 % 5000);
                assert!(cache.len_bytes() <= capacity, "{capacity}");
            }
            if capacity >= 100_000 {
                assert!(cache.len_bytes() > capacity / 2, "it makes use of its room");
            }
            drop(tables);
            assert_eq!(cache.len_bytes(), 0, "entries go with their stream");
        }
    }

    #[test]
    fn what_was_kept_is_found_and_counted() {
        let (cache, table) = (Cache::new(1 << 20), table());
        assert!(cache.look(&table, 2).is_none());
        cache.keep(&table, 2, 7, 100);
        assert!(table.has(2) && !table.has(3) && !table.has(u64::MAX));
        assert_eq!(cache.look(&table, 2).unwrap().get(), Some(&7));
        assert!(cache.look(&table, u64::MAX).is_none());
        assert_eq!((cache.hit_count(), cache.miss_count()), (1, 2));
    }

    #[test]
    fn what_is_used_outlives_what_passes_by() {
        let (cache, table) = (Cache::new(100 * (1000 + OVERHEAD_LEN)), table());
        for index in 0..10 {
            cache.keep(&table, index, index, 1000);
        }
        for index in 10..2000 {
            cache.keep(&table, index, index, 1000);
            assert!((0..10).all(|hot| table.get(hot).is_some()), "{index}");
        }
        assert!(!table.has(500));
    }

    #[test]
    fn an_entry_that_is_held_outlives_its_place() {
        let (cache, table) = (Cache::new(2000), table());
        cache.keep(&table, 1, 7, 1500);
        let held = table.get(1).unwrap().keep().unwrap();
        drop(table);
        assert_eq!(**held, 7);
    }

    #[test]
    fn every_place_of_a_table_is_another_one() {
        let mut last = None;
        for index in 0..5000 {
            let place = part_of(index);
            assert!(last.is_none_or(|last| last < place), "{index}");
            assert!((place.1 as u64) < part_start(place.0 + 1) - part_start(place.0));
            last = Some(place);
        }
    }
}
