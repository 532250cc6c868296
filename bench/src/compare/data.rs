//! The entities: ids, values and secondary keys, all from their number alone, so that every answer can be checked.
//!
//! Values lie in a file that is mapped: they are ready before a timed part begins, and count as nobody's memory.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use crate::engine::Put;
use crate::random::Random;
use crate::reading::{Reading, touch};
use crate::record;

pub type Id = [u8; 16];

/// Each entity has two values: what is loaded, and what an update puts in its place, and so on in turn.
pub const VERSIONS: usize = 2;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Order {
    /// As UUIDv7: each id above the ones before it.
    Ascending,
    Random,
}

impl Order {
    pub const ALL: [Self; 2] = [Self::Ascending, Self::Random];

    pub fn name(self) -> &'static str {
        match self {
            Self::Ascending => "ascending",
            Self::Random => "random",
        }
    }

    pub fn title(self) -> &'static str {
        match self {
            Self::Ascending => "ids in order",
            Self::Random => "random ids",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|order| order.name() == name)
    }
}

/// What the values look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Canonical CBOR records of 150 to 650 bytes.
    Record,
    /// 150 random bytes (a CBOR byte string), as in redb's benchmark.
    Noise,
}

impl Shape {
    fn file(self, total: usize) -> String {
        match self {
            Self::Record => format!("values-record-{total}"),
            Self::Noise => format!("values-noise-{total}"),
        }
    }
}

pub struct Data {
    /// How many are loaded; those behind them are inserted later.
    pub count: usize,
    ids: Vec<Id>,
    /// Where each value begins; one more at the end.
    offsets: Vec<u64>,
    values: &'static [u8],
    /// The numbers of the loaded entities, in id order.
    sorted: Vec<u32>,
}

/// How many entities there are for `count` that are loaded.
fn total(count: usize) -> usize {
    count + count / 10 + 20_000
}

/// Writes the file of values, if it is not there.
pub fn generate(dir: &Path, shape: Shape, count: usize) -> std::io::Result<()> {
    let total = total(count);
    let path = dir.join(shape.file(total));
    if path.exists() {
        return Ok(());
    }
    let half = path.with_extension("half");
    let mut out = BufWriter::with_capacity(1 << 20, File::create(&half)?);
    let mut offsets = Vec::with_capacity(total * VERSIONS * 8 + 8);
    let (mut offset, mut value) = (0_u64, Vec::new());
    for index in 0..total {
        for version in 0..VERSIONS {
            value.clear();
            match shape {
                Shape::Record => record::write(index as u64, version as u64, &mut value),
                Shape::Noise => record::noise(index as u64, version as u64, &mut value),
            }
            out.write_all(&value)?;
            offsets.extend_from_slice(&offset.to_le_bytes());
            offset += value.len() as u64;
        }
    }
    offsets.extend_from_slice(&offset.to_le_bytes());
    out.into_inner()?.sync_all()?;
    std::fs::write(path.with_extension("offsets"), offsets)?;
    std::fs::rename(&half, &path)
}

impl Data {
    /// The data that [`generate`] made ready, mapped for the rest of the process.
    pub fn load(
        dir: &Path,
        shape: Shape,
        order: Order,
        count: usize,
        generated_for: usize,
    ) -> std::io::Result<&'static Self> {
        let path = dir.join(shape.file(total(generated_for)));
        let total = total(count);
        let offsets = std::fs::read(path.with_extension("offsets"))?;
        let offsets = offsets
            .chunks_exact(8)
            .take(total * VERSIONS + 1)
            .map(|bytes| u64::from_le_bytes(bytes.try_into().unwrap()))
            .collect();
        // SAFETY: nobody writes to the file once it has its name; it is renamed into place when it is whole.
        let map = unsafe { memmap2::Mmap::map(&File::open(&path)?)? };
        let ids: Vec<Id> = (0..total).map(|index| id_of(index, order)).collect();
        let mut sorted: Vec<u32> = (0..count as u32).collect();
        if order == Order::Random {
            sorted.sort_unstable_by_key(|index| ids[*index as usize]);
        }
        Ok(Box::leak(Box::new(Self {
            count,
            ids,
            offsets,
            values: Box::leak(Box::new(map)),
            sorted,
        })))
    }

    /// All there are, those to be inserted later too.
    pub fn total(&self) -> usize {
        self.ids.len()
    }

    pub fn id(&self, index: usize) -> Id {
        self.ids[index]
    }

    /// An id beside the one of `index` that no entity has.
    pub fn absent(&self, index: usize) -> Id {
        let mut id = self.ids[index];
        // Every entity's id ends in an even byte.
        id[15] |= 1;
        id
    }

    pub fn value(&self, index: usize, version: usize) -> &'static [u8] {
        let at = index * VERSIONS + version % VERSIONS;
        &self.values[self.offsets[at] as usize..self.offsets[at + 1] as usize]
    }

    pub fn key(&self, index: usize) -> [u8; 8] {
        record::key(index as u64)
    }

    pub fn put(&self, index: usize, version: usize) -> Put {
        Put {
            index,
            version: version % VERSIONS,
            id: self.ids[index],
            value: self.value(index, version),
            key: self.key(index),
        }
    }

    /// The place in id order of the loaded entity that is `rank`th.
    pub fn ranked(&self, rank: usize) -> usize {
        self.sorted[rank] as usize
    }

    /// What reading this entity adds to a sum.
    pub fn touch(&self, index: usize, version: usize) -> u64 {
        touch(&self.ids[index], self.value(index, version))
    }

    /// What a scan of the entities `live`, each with its version, is to give.
    pub fn expect(&self, live: impl Iterator<Item = (usize, usize)>) -> Reading {
        let mut reading = Reading::default();
        for (index, version) in live {
            reading.value(&self.ids[index], self.value(index, version));
        }
        reading
    }

    /// Id and value bytes of an entity as it was loaded.
    pub fn user_len(&self, index: usize) -> u64 {
        16 + self.value(index, 0).len() as u64
    }
}

fn id_of(index: usize, order: Order) -> Id {
    let mut random = Random::new(index as u64 ^ 0x6964_7300);
    let mut id = [0; 16];
    id[..8].copy_from_slice(&random.next().to_be_bytes());
    id[8..].copy_from_slice(&random.next().to_be_bytes());
    if order == Order::Ascending {
        // Four a millisecond, with a counter behind the time, as RFC 9562 has it.
        let time = 1_760_000_000_000 + index as u64 / 4;
        id[..6].copy_from_slice(&time.to_be_bytes()[2..]);
        id[6] = 0x70 | (index as u8 & 3);
    } else {
        id[6] = 0x40 | (id[6] & 0x0f);
    }
    id[8] = 0x80 | (id[8] & 0x3f);
    id[15] &= 0xfe;
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_in_order_ascend_and_no_id_is_there_twice() {
        let ids: Vec<_> = (0..10_000).map(|i| id_of(i, Order::Ascending)).collect();
        assert!(ids.is_sorted_by(|a, b| a < b));
        let mut ids: Vec<_> = (0..10_000).map(|i| id_of(i, Order::Random)).collect();
        assert!(!ids.is_sorted());
        ids.sort_unstable();
        assert!(ids.is_sorted_by(|a, b| a < b));
    }
}
