//! A collection in the catalog: its name, and in which form its entities are.

use entidb_codec::Value;

use super::Fault;
use super::map::{Reader, Writer};
use crate::ids::{CollectionId, Lsn};

/// A collection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Collection {
    pub(crate) id: CollectionId,
    pub(crate) name: String,
    /// The version of the form in which entities are put; 0 where no type has said one.
    pub(crate) version: u32,
    /// Forms from before that entities may still have, the oldest first.
    pub(crate) older: Vec<Older>,
}

/// A form from before the current one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Older {
    pub(crate) version: u32,
    /// Entities of commits up to this one, and behind that of the form before, have it.
    pub(crate) last_lsn: Lsn,
}

impl Collection {
    /// One of which nothing but its name is known.
    pub(crate) fn new(id: CollectionId, name: &str) -> Self {
        Self {
            id,
            name: name.to_owned(),
            version: 0,
            older: Vec::new(),
        }
    }

    /// The version of the form that the commit `lsn` has written.
    pub(crate) fn version_at(&self, lsn: Lsn) -> u32 {
        let older = self.older.iter().find(|older| lsn <= older.last_lsn);
        older.map_or(self.version, |older| older.version)
    }

    pub(super) fn value(&self) -> Value {
        let mut entry = Writer::default();
        entry.set("id", u64::from(self.id.0));
        entry.set("name", self.name.as_str());
        if self.version > 0 {
            entry.set("version", u64::from(self.version));
        }
        if !self.older.is_empty() {
            entry.list(
                "older",
                self.older.iter().map(|older| {
                    let mut entry = Writer::default();
                    entry.set("version", u64::from(older.version));
                    entry.set("last_lsn", older.last_lsn.0);
                    entry.value()
                }),
            );
        }
        entry.value()
    }

    pub(super) fn decode(value: Value) -> Result<Self, Fault> {
        let mut entry = Reader::of(value, "collections")?;
        let mut collection = Self {
            id: CollectionId(entry.narrow("id")?),
            name: entry.string("name")?,
            version: 0,
            older: Vec::new(),
        };
        if entry.has("version") {
            collection.version = entry.narrow("version")?;
        }
        if entry.has("older") {
            for value in entry.list("older")? {
                let mut older = Reader::of(value, "older")?;
                collection.older.push(Older {
                    version: older.narrow("version")?,
                    last_lsn: Lsn(older.number("last_lsn")?),
                });
                older.finish()?;
            }
        }
        entry.finish()?;
        let rising = |pair: &[Older]| match pair {
            [a, b] => a.version < b.version && a.last_lsn <= b.last_lsn,
            _ => true,
        };
        let below = |older: &Older| older.version < collection.version;
        if !collection.older.windows(2).all(rising) || !collection.older.last().is_none_or(below) {
            return Err(Fault::damaged(
                "forms of a collection in rising versions",
                format!("{:?} before {}", collection.older, collection.version),
            ));
        }
        Ok(collection)
    }
}
