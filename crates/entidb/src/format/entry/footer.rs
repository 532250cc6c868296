//! What a run's footer says of its index entries.

use entidb_codec::Value;

use super::{KEY_LEN_MAX, KEY_LEN_MIN};
use crate::format::Fault;
use crate::format::footer::numbers;
use crate::format::map::{Reader, Writer};
use crate::ids::CollectionId;

/// The index entries of a run. There is at least one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct IndexFooter {
    /// How many entries there are, tombstones included.
    pub(crate) entries: u64,
    pub(crate) tombstones: u64,
    /// How many different values they have.
    pub(crate) values: u64,
    /// How many of the pages are leaves.
    pub(crate) leaves: u64,
    /// How many pages the tree has, which follow those of the primary keys. The last one is the root.
    pub(crate) pages: u64,
    /// How many blocks the filter has, whose pages follow. None, where the tree is one page.
    pub(crate) filter_blocks: u64,
    pub(crate) first_key: Vec<u8>,
    pub(crate) last_key: Vec<u8>,
    /// The indexes, by their ids, and how many entries each has.
    pub(crate) indexes: Vec<(CollectionId, u64)>,
}

impl IndexFooter {
    /// Counts the next entry.
    #[inline]
    pub(crate) fn count(&mut self, index: CollectionId, tombstone: bool) {
        self.entries += 1;
        self.tombstones += u64::from(tombstone);
        match self.indexes.last_mut() {
            Some((last, count)) if *last == index => *count += 1,
            _ => self.indexes.push((index, 1)),
        }
    }

    /// How many pages there are, those of the filter included.
    pub(crate) fn page_count(&self) -> u64 {
        self.pages + super::page_count(self.filter_blocks)
    }

    pub(crate) fn value(&self) -> Value {
        let mut map = Writer::default();
        map.set("entries", self.entries);
        map.set("tombstones", self.tombstones);
        map.set("values", self.values);
        map.set("leaves", self.leaves);
        map.set("pages", self.pages);
        if self.filter_blocks > 0 {
            map.set("filter_blocks", self.filter_blocks);
        }
        map.set("first_key", self.first_key.clone());
        map.set("last_key", self.last_key.clone());
        let ids = self
            .indexes
            .iter()
            .map(|(id, _)| Value::from(u64::from(id.0)));
        map.list("indexes", ids);
        let counts = self.indexes.iter().map(|(_, count)| Value::from(*count));
        map.list("counts", counts);
        map.value()
    }

    pub(crate) fn of(value: Value) -> Result<Self, Fault> {
        let mut map = Reader::of(value, "index")?;
        let ids = numbers(&mut map, "indexes")?;
        let counts = numbers(&mut map, "counts")?;
        let bad = || Fault::damaged("indexes and their counts", "others");
        if ids.len() != counts.len() {
            return Err(bad());
        }
        let ids = ids
            .into_iter()
            .map(|id| u16::try_from(id).map(CollectionId));
        let ids = ids.collect::<Result<Vec<_>, _>>().map_err(|_| bad())?;
        let footer = Self {
            entries: map.number("entries")?,
            tombstones: map.number("tombstones")?,
            values: map.number("values")?,
            leaves: map.number("leaves")?,
            pages: map.number("pages")?,
            filter_blocks: map.optional_number("filter_blocks")?.unwrap_or(0),
            first_key: key(&mut map, "first_key")?,
            last_key: key(&mut map, "last_key")?,
            indexes: ids.into_iter().zip(counts).collect(),
        };
        map.finish()?;
        match footer.is_possible() {
            true => Ok(footer),
            false => Err(bad()),
        }
    }

    fn is_possible(&self) -> bool {
        let counts = self.indexes.iter().map(|(_, count)| *count);
        let total = counts.fold(0_u64, u64::saturating_add);
        let pages = self.leaves >= 1 && self.leaves <= self.pages;
        let rising = self.indexes.is_sorted_by(|a, b| a.0 < b.0);
        pages && self.entries >= 1 && total == self.entries && rising
    }
}

fn key(map: &mut Reader, name: &'static str) -> Result<Vec<u8>, Fault> {
    let value = map.required(name)?;
    let key = value.as_bytes().map(<[u8]>::to_vec).unwrap_or_default();
    match (KEY_LEN_MIN..=KEY_LEN_MAX).contains(&key.len()) {
        true => Ok(key),
        false => Err(Fault::damaged(
            format!("an index entry's key as {name}"),
            format!("{} bytes", key.len()),
        )),
    }
}
