//! A leaf in the form in which keys are looked up in memory.
//!
//! What a look-up costs is misses to memory, so that what it asks for stands together: a row of one 64-bit number a key to find
//! the key's place in, and behind it, for each entry, one short row with all else that the page says of it. On disk the same
//! takes the same room in columns, where an entry's fields lie in as many places.
//!
//! Promises: the entries of the page, whatever they are. Relies on the page being checked. Must never know where it came from.

use super::key::Key;
use super::page::{Entry, Page};
use crate::ids::{CollectionId, EntityId, Lsn};

/// The entries of a leaf.
///
/// The hot fields come first: with what the cache keeps beside them they lie in two cache lines.
#[derive(Debug)]
pub(crate) struct Leaf {
    /// The lowest id.
    first: u128,
    /// Of each key `(id - first) >> shift`, then the rows.
    words: Box<[u64]>,
    /// Entries for each unit of these numbers.
    scale: f64,
    count: u16,
    /// The one that all keys are of.
    collection: u16,
    /// How many bits of an id its number leaves to the row.
    shift: u8,
    /// Length of a row in words.
    row_len: u8,
    widths: Widths,
    lsn_base: u64,
    offset_base: u64,
    /// All keys, where numbers cannot tell them: in a page of two collections.
    keys: Option<Box<[Key]>>,
}

/// How many bits each field takes in a row, behind the low bits of the id.
#[derive(Debug, Clone, Copy, Default)]
struct Widths {
    offset: u8,
    len: u8,
    stream: u8,
    lsn: u8,
    tombstone: u8,
}

impl Leaf {
    /// The entries of `page`, which is a leaf.
    pub(crate) fn new(page: &Page) -> Self {
        let entries: Vec<Entry> = (0..page.count()).map(|index| page.entry(index)).collect();
        Self::of(&entries)
    }

    fn of(entries: &[Entry]) -> Self {
        let (collection, first) = entries.first().map_or((0, 0), |entry| entry.key.numbers());
        let last = entries.last().map_or(0, |entry| entry.key.numbers().1);
        let in_order = entries.is_sorted_by_key(|entry| entry.key);
        let mixed = !in_order
            || entries
                .iter()
                .any(|entry| entry.key.numbers().0 != collection);
        let span = if mixed { 0 } else { last - first };
        let shift = bits(span).saturating_sub(64);
        let low_of = |value: &dyn Fn(&Entry) -> u64| entries.iter().map(value).min().unwrap_or(0);
        let width_of = |value: &dyn Fn(&Entry) -> u64| {
            bits(u128::from(entries.iter().map(value).max().unwrap_or(0)))
        };
        let lsn_base = low_of(&|entry| entry.lsn.0);
        let offset_base = low_of(&|entry| entry.offset);
        let widths = Widths {
            offset: width_of(&|entry| entry.offset - offset_base),
            len: width_of(&|entry| u64::from(entry.len)),
            stream: width_of(&|entry| u64::from(entry.stream)),
            lsn: width_of(&|entry| entry.lsn.0 - lsn_base),
            tombstone: width_of(&|entry| u64::from(entry.tombstone)),
        };
        let row_bits = [
            shift,
            widths.offset,
            widths.len,
            widths.stream,
            widths.lsn,
            widths.tombstone,
        ];
        let row_bits: usize = row_bits.iter().map(|width| usize::from(*width)).sum();
        let row_len = row_bits.div_ceil(64);
        let mut words = Vec::with_capacity(entries.len() * (1 + row_len));
        let distance = |entry: &Entry| match mixed {
            true => 0,
            false => entry.key.numbers().1 - first,
        };
        words.extend(entries.iter().map(|entry| half(distance(entry) >> shift)));
        for entry in entries {
            let mut row = Row::new(&mut words);
            row.push(half(distance(entry)), shift);
            row.push(entry.offset - offset_base, widths.offset);
            row.push(u64::from(entry.len), widths.len);
            row.push(u64::from(entry.stream), widths.stream);
            row.push(entry.lsn.0 - lsn_base, widths.lsn);
            row.push(u64::from(entry.tombstone), widths.tombstone);
        }
        let span = half(span >> shift).max(1);
        Self {
            first,
            words: words.into(),
            scale: entries.len().saturating_sub(1) as f64 / span as f64,
            count: u16::try_from(entries.len()).unwrap_or(u16::MAX),
            collection,
            shift,
            row_len: u8::try_from(row_len).unwrap_or(u8::MAX),
            widths,
            lsn_base,
            offset_base,
            keys: mixed.then(|| entries.iter().map(|entry| entry.key).collect()),
        }
    }

    /// Bytes that it takes in memory.
    pub(crate) fn memory_bytes(&self) -> usize {
        let keys = self.keys.as_ref().map_or(0, |keys| keys.len());
        size_of::<Self>() + size_of_val::<[u64]>(&self.words) + keys * size_of::<Key>()
    }

    /// How many entries there are.
    #[inline]
    pub(crate) fn count(&self) -> usize {
        usize::from(self.count)
    }

    #[inline]
    fn number(&self, index: usize) -> u64 {
        self.words.get(index).copied().unwrap_or(0)
    }

    #[inline]
    fn row(&self, index: usize) -> &[u64] {
        let len = usize::from(self.row_len);
        let at = self.count() + index * len;
        self.words.get(at..at + len).unwrap_or_default()
    }

    #[inline]
    fn low(&self, index: usize) -> u64 {
        match self.shift {
            0 => 0,
            shift => field(self.row(index), 0, shift),
        }
    }

    /// The key at `index`, which is below [`count`](Self::count).
    #[inline]
    pub(crate) fn key(&self, index: usize) -> Key {
        debug_assert!(index < self.count());
        if let Some(keys) = &self.keys {
            return keys
                .get(index)
                .copied()
                .unwrap_or(Key::new(CollectionId(self.collection), EntityId::MIN));
        }
        let high = u128::from(self.number(index)) << self.shift;
        let id = self.first.wrapping_add(high | u128::from(self.low(index)));
        Key::new(
            CollectionId(self.collection),
            EntityId::from_bytes(id.to_be_bytes()),
        )
    }

    /// The index of the first key that is not below `key`: [`count`](Self::count) if all are.
    pub(crate) fn lower_bound(&self, key: &Key) -> usize {
        match self.find(key) {
            Ok(index) | Err(index) => index,
        }
    }

    /// The index of the first entry of `key`; or else of the first key above it.
    #[inline]
    pub(crate) fn find(&self, key: &Key) -> Result<usize, usize> {
        if let Some(keys) = &self.keys {
            return find_among(keys, key);
        }
        let (collection, id) = key.numbers();
        if (collection, id) <= (self.collection, self.first) {
            return match (collection, id) == (self.collection, self.first) {
                true => Ok(0),
                false => Err(0),
            };
        }
        let distance = id.wrapping_sub(self.first);
        let number = u64::try_from(distance >> self.shift);
        let Ok(number) = number.map_err(|_| ()).and_then(|number| {
            let same = collection == self.collection;
            same.then_some(number).ok_or(())
        }) else {
            return Err(self.count());
        };
        let low = half(distance) & mask(self.shift);
        let below = |index| {
            let other = self.number(index);
            other < number || other == number && self.low(index) < low
        };
        let index = search(self.count(), guess(number, self.scale), below);
        if index < self.count() && self.number(index) == number && self.low(index) == low {
            Ok(index)
        } else {
            Err(index)
        }
    }

    /// The entry at `index`.
    #[inline]
    pub(crate) fn entry(&self, index: usize) -> Entry {
        self.entry_of(index, self.key(index))
    }

    /// The entry at `index`, which is that of `key`.
    #[inline]
    pub(crate) fn entry_of(&self, index: usize, key: Key) -> Entry {
        let (row, widths) = (self.row(index), self.widths);
        let mut at = u32::from(self.shift);
        let mut next = |width: u8| {
            let value = field(row, at, width);
            at += u32::from(width);
            value
        };
        let offset = next(widths.offset);
        let len = next(widths.len);
        let stream = next(widths.stream);
        let lsn = next(widths.lsn);
        let tombstone = next(widths.tombstone);
        Entry {
            key,
            lsn: Lsn(self.lsn_base.saturating_add(lsn)),
            stream: u32::try_from(stream).unwrap_or(u32::MAX),
            offset: self.offset_base.saturating_add(offset),
            len: u32::try_from(len).unwrap_or(u32::MAX),
            tombstone: tombstone != 0,
        }
    }
}

#[cold]
fn find_among(keys: &[Key], key: &Key) -> Result<usize, usize> {
    let index = keys.partition_point(|other| other < key);
    match keys.get(index) == Some(key) {
        true => Ok(index),
        false => Err(index),
    }
}

/// One entry's fields, packed behind what `words` holds.
struct Row<'a> {
    words: &'a mut Vec<u64>,
    /// How many bits of the last word are taken.
    used: u8,
}

impl<'a> Row<'a> {
    fn new(words: &'a mut Vec<u64>) -> Self {
        Self { words, used: 64 }
    }

    fn push(&mut self, value: u64, width: u8) {
        if width == 0 {
            return;
        }
        let value = value & mask(width);
        if self.used == 64 {
            self.words.push(value);
            self.used = width;
            return;
        }
        if let Some(last) = self.words.last_mut() {
            *last |= value << self.used;
        }
        let room = 64 - self.used;
        if width > room {
            self.words.push(value >> room);
            self.used = width - room;
        } else {
            self.used += width;
        }
    }
}

/// The field of `width` bits, up to 64, that begins at bit `at` of a row.
#[inline]
fn field(row: &[u64], at: u32, width: u8) -> u64 {
    if width == 0 {
        return 0;
    }
    let (word, shift) = ((at / 64) as usize, at % 64);
    let mut value = row.get(word).copied().unwrap_or(0) >> shift;
    if shift + u32::from(width) > 64 {
        value |= row.get(word + 1).copied().unwrap_or(0) << (64 - shift);
    }
    value & mask(width)
}

/// The lowest `width` bits.
#[inline]
fn mask(width: u8) -> u64 {
    match width {
        0 => 0,
        width => u64::MAX >> (64 - width.min(64)),
    }
}

/// How many bits `value` needs.
fn bits(value: u128) -> u8 {
    u8::try_from(u128::BITS - value.leading_zeros()).unwrap_or(128)
}

/// The lower half.
#[inline]
fn half(value: u128) -> u64 {
    #[expect(clippy::cast_possible_truncation, reason = "the lower half")]
    let half = value as u64;
    half
}

/// Where a number stands among others, if they are spread evenly: as ids mostly are, be they random or rising with time.
#[inline]
pub(crate) fn guess(number: u64, scale: f64) -> usize {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a guess; what is no number becomes 0"
    )]
    let guess = (number as f64 * scale) as usize;
    guess
}

/// The first of `count` indexes for which `below` does not hold: from the guess in growing steps until the place lies between,
/// then by halves.
#[inline]
pub(crate) fn search(count: usize, guess: usize, below: impl Fn(usize) -> bool) -> usize {
    let guess = guess.min(count);
    let mut step = 1;
    let (mut low, mut high);
    if guess < count && below(guess) {
        low = guess + 1;
        high = (low + step).min(count);
        while high < count && below(high) {
            low = high + 1;
            step *= 2;
            high = (low + step).min(count);
        }
    } else {
        high = guess;
        low = high.saturating_sub(step);
        while low > 0 && !below(low) {
            high = low;
            step *= 2;
            low = high.saturating_sub(step);
        }
    }
    while low < high {
        let middle = low + (high - low) / 2;
        if below(middle) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

/// First keys, to find among many pages the one where a key is: a number and the key for each.
#[derive(Debug)]
pub(crate) struct Fences {
    base: u128,
    shift: u8,
    scale: f64,
    /// The one that all keys are of, if it is one.
    collection: Option<u16>,
    numbers: Box<[u64]>,
    keys: Box<[Key]>,
}

impl Fences {
    /// Of keys in order.
    pub(crate) fn new(keys: Vec<Key>) -> Self {
        let collection = keys.first().map(|key| key.numbers().0);
        let one = |key: &Key| Some(key.numbers().0) == collection;
        let collection = collection.filter(|_| keys.iter().all(one));
        let value = |key: Option<&Key>| key.map_or(0, |key| value(key, collection));
        let (base, last) = (value(keys.first()), value(keys.last()));
        let span = last.saturating_sub(base);
        let shift = bits(span).saturating_sub(64);
        let numbers = keys.iter();
        let numbers = numbers.map(|key| number(value(Some(key)), base, shift));
        Self {
            base,
            shift,
            scale: keys.len().saturating_sub(1) as f64 / half(span >> shift).max(1) as f64,
            collection,
            numbers: numbers.collect(),
            keys: keys.into(),
        }
    }

    /// How many keys are below `key`.
    #[inline]
    pub(crate) fn lower_bound(&self, key: &Key) -> usize {
        let count = self.keys.len();
        if let Some(collection) = self.collection
            && collection != key.numbers().0
        {
            return if key.numbers().0 < collection {
                0
            } else {
                count
            };
        }
        let number = number(value(key, self.collection), self.base, self.shift);
        let below = |index: usize| {
            let other = self.numbers.get(index).copied().unwrap_or(0);
            other < number || other == number && self.keys.get(index).is_some_and(|k| k < key)
        };
        search(count, guess(number, self.scale), below)
    }
}

/// What rises with the key: the id, or, with keys of several collections, as much of both as there is room for.
#[inline]
fn value(key: &Key, collection: Option<u16>) -> u128 {
    let (own, id) = key.numbers();
    match collection {
        Some(_) => id,
        None => (u128::from(own) << 112) | (id >> 16),
    }
}

#[inline]
fn number(value: u128, base: u128, shift: u8) -> u64 {
    u64::try_from(value.saturating_sub(base) >> shift).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::page::LeafBuilder;
    use crate::mix::mix64;

    /// A leaf of as many of the keys as fit, and those.
    fn leaf(keys: &[Key]) -> (Leaf, Vec<Entry>) {
        let mut builder = LeafBuilder::default();
        let entries = keys.iter().enumerate().map(|(index, key)| Entry {
            key: *key,
            lsn: Lsn(7 + index as u64 % 3),
            stream: u32::try_from(index % 7).unwrap(),
            offset: (100 << (index % 30)) + 100 * index as u64,
            len: 90,
            tombstone: index % 5 == 0,
        });
        let entries: Vec<_> = entries.take_while(|entry| builder.push(*entry)).collect();
        let bytes = builder.finish(1, 4096);
        let page = Page::decode(bytes.into(), 1, 4096).unwrap();
        (Leaf::new(&page), entries)
    }

    fn id(n: u128) -> Key {
        Key::new(CollectionId(3), EntityId::from_bytes(n.to_be_bytes()))
    }

    fn spreads() -> [Vec<Key>; 8] {
        let random = |n: u64| (u128::from(mix64(n)) << 64) | u128::from(mix64(!n));
        let mut spreads = [
            (0..200).map(|n| id(random(n))).collect(),
            (0..200_u32)
                .map(|n| id((1 << 100) + u128::from(n) * 7))
                .collect(),
            (0..120).map(|n| id(1_u128 << n)).collect(),
            (0..200)
                .map(|n| id(if n < 190 { n } else { n << 100 }))
                .collect(),
            vec![id(5)],
            vec![id(5), id(u128::MAX)],
            vec![id(0), id(u128::MAX)],
            // Two collections in a page.
            (0..100)
                .map(|n| {
                    let bytes = random(n).to_be_bytes();
                    Key::new(
                        CollectionId((n % 2) as u16 + 255),
                        EntityId::from_bytes(bytes),
                    )
                })
                .collect::<Vec<_>>(),
        ];
        spreads.iter_mut().for_each(|keys| keys.sort_unstable());
        spreads
    }

    /// The key, and others around it.
    fn near(key: &Key) -> impl Iterator<Item = Key> {
        let (collection, id) = key.numbers();
        let ids = [
            id.wrapping_sub(1),
            id,
            id.wrapping_add(1),
            id ^ (1 << 127),
            !id,
        ];
        ids.into_iter().flat_map(move |id| {
            let id = EntityId::from_bytes(id.to_be_bytes());
            [collection - 1, collection, collection + 1]
                .map(|collection| Key::new(CollectionId(collection), id))
        })
    }

    #[test]
    fn a_key_is_found_however_the_keys_of_its_page_are_spread() {
        for keys in spreads() {
            let (leaf, entries) = leaf(&keys);
            let keys: Vec<Key> = entries.iter().map(|entry| entry.key).collect();
            assert!(!keys.is_empty() && leaf.count() == keys.len());
            for wanted in keys.iter().flat_map(near) {
                assert_eq!(
                    leaf.find(&wanted),
                    keys.binary_search(&wanted),
                    "{wanted:?}"
                );
                let below = keys.partition_point(|key| *key < wanted);
                assert_eq!(leaf.lower_bound(&wanted), below);
            }
            for (index, entry) in entries.iter().enumerate() {
                assert_eq!(leaf.entry(index), *entry);
            }
        }
    }

    #[test]
    fn a_leaf_holds_whatever_a_page_can_say() {
        let max = (1 << 56) - 1;
        let entry = |n: u128, wide: bool| Entry {
            key: id(n),
            lsn: Lsn(if wide { max } else { 0 }),
            stream: if wide { u32::MAX } else { 0 },
            offset: if wide { max } else { 0 },
            len: if wide { u32::MAX } else { 0 },
            tombstone: wide,
        };
        let entries = [
            entry(0, true),
            entry(1 << 64, false),
            entry(u128::MAX, true),
        ];
        let leaf = Leaf::of(&entries);
        for (index, entry) in entries.iter().enumerate() {
            assert_eq!(leaf.entry(index), *entry);
        }
        // Out of order, as no program of ours writes it: still what the page says.
        let entries = [entry(9, true), entry(3, false), entry(5, true)];
        let leaf = Leaf::of(&entries);
        for (index, entry) in entries.iter().enumerate() {
            assert_eq!(leaf.entry(index), *entry);
        }
    }

    #[test]
    fn fences_count_what_is_below() {
        for keys in spreads() {
            let fences = Fences::new(keys.clone());
            for wanted in keys.iter().flat_map(near) {
                let below = keys.partition_point(|key| *key < wanted);
                assert_eq!(fences.lower_bound(&wanted), below, "{wanted:?}");
            }
        }
        assert_eq!(Fences::new(Vec::new()).lower_bound(&id(1)), 0);
    }
}
