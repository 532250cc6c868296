//! What a unique index lets in: of each value one entity.

use super::derive::{Derived, is_covered};
use super::entries::Entries;
use crate::error::{Duplicate, Error, Result};
use crate::format::catalog::Index;
use crate::format::entry_key;
use crate::format::key::Key;
use crate::ids::{EntityId, IndexId};
use crate::log::Item;
use crate::snapshot::Snapshot;

impl Derived {
    /// Refuses what would give two entities one value of a unique index, as far as the snapshot knows; the conflict check does the
    /// rest.
    pub(super) fn check_unique(&self, snapshot: &Snapshot, items: &[Item]) -> Result<()> {
        let mut claims: Vec<_> = self.claims().collect();
        if claims.is_empty() {
            return Ok(());
        }
        claims.sort_unstable();
        for pair in claims.windows(2) {
            if let [(index, key, id), (other_index, other_key, other)] = pair
                && (index, key) == (other_index, other_key)
            {
                return Err(self.duplicate(snapshot, *index, key, *other, *id));
            }
        }
        let mut freed = None;
        for (index, key, id) in claims {
            let Some(collection) = self.index(index).map(|index| index.collection) else {
                continue;
            };
            let (view, lsn) = (snapshot.view(), snapshot.lsn());
            let mut holders = Entries::of_value(view, lsn, collection, index, key)?;
            while let Some(found) = holders.next()? {
                let Some((_, _, holder)) = entry_key::split(found) else {
                    continue;
                };
                if holder == id || is_covered(items, &Key::new(collection, holder)) {
                    continue;
                }
                let freed = freed.get_or_insert_with(|| self.freed());
                if freed.binary_search(&(index, key, holder)).is_err() {
                    return Err(self.duplicate(snapshot, index, key, id, holder));
                }
            }
        }
        Ok(())
    }

    /// What entities have no more, sorted.
    fn freed(&self) -> Vec<(IndexId, &[u8], EntityId)> {
        let freed = self.items.iter().filter_map(|item| match item {
            Item::Entry {
                index,
                id,
                tombstone: true,
                ..
            } => Some((*index, self.key_of(item), *id)),
            _ => None,
        });
        let mut freed: Vec<_> = freed.collect();
        freed.sort_unstable();
        freed
    }

    fn duplicate(
        &self,
        snapshot: &Snapshot,
        index: IndexId,
        key: &[u8],
        id: EntityId,
        holder: EntityId,
    ) -> Error {
        match self.index(index) {
            Some(index) => {
                let names = &snapshot.view().catalog;
                duplicate(names.name_of(index.collection), index, key, id, holder)
            }
            None => Error::invalid("an entry of no index"),
        }
    }
}

/// That `id` cannot have what `holder` has.
pub(super) fn duplicate(
    collection: &str,
    index: &Index,
    index_key: &[u8],
    id: EntityId,
    holder: EntityId,
) -> Error {
    Error::duplicate_of(Duplicate {
        collection: collection.to_owned(),
        index: index.name.clone(),
        value: values(index_key),
        id,
        holder,
    })
}

/// The values that a key was made of, as far as it tells.
fn values(index_key: &[u8]) -> Vec<entidb_codec::Value> {
    let mut values = Vec::new();
    let mut rest = index_key;
    while let Ok((value, len)) = entidb_codec::key::decode(rest) {
        values.push(match value {
            entidb_codec::key::KeyValue::Value(value) => value,
            entidb_codec::key::KeyValue::Absent => entidb_codec::Value::Undefined,
        });
        rest = rest.get(len..).unwrap_or_default();
    }
    values
}
