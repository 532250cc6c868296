//! What the manifest says of the change feed: what is kept, and since when.

use std::time::Duration;

use entidb_codec::Value;

use super::map::{Reader, Writer};
use super::{Fault, NUMBER_MAX};
use crate::ids::{CollectionId, Lsn};
use crate::limits::COLLECTION_NAME_LEN_MAX;
use crate::retention::Retention;

/// What is kept for followers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FeedEntry {
    /// Up to here, nothing is. All above is in the listed segments and logs, with notes.
    pub(crate) floor: Lsn,
    pub(crate) retention: Retention,
    /// Collections that have no name any more and whose drop is above the floor.
    pub(crate) dropped: Vec<Dropped>,
}

/// A collection that was dropped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dropped {
    pub(crate) id: CollectionId,
    pub(crate) name: String,
    /// Nothing of it was committed behind this.
    pub(crate) lsn: Lsn,
}

impl FeedEntry {
    pub(super) fn value(&self) -> Value {
        let mut map = Writer::default();
        map.set("floor", self.floor.0);
        let retention = &self.retention;
        // What is absent has no bound.
        let mut bound = |key: &str, number: u64| {
            if number < NUMBER_MAX {
                map.set(key, number);
            }
        };
        bound("bytes", retention.bytes);
        bound("age_us", retention.age_us().unwrap_or(u64::MAX));
        bound("consumer_bytes", retention.consumer_bytes);
        if retention.old {
            map.set("old", true);
        }
        if !self.dropped.is_empty() {
            map.list("dropped", self.dropped.iter().map(Dropped::value));
        }
        map.value()
    }

    pub(super) fn decode(mut map: Reader) -> Result<Self, Fault> {
        let age_us = map.optional_number("age_us")?;
        let retention = Retention {
            bytes: map.optional_number("bytes")?.unwrap_or(u64::MAX),
            age: age_us.map_or(Duration::MAX, Duration::from_micros),
            old: map.flag("old")?,
            consumer_bytes: map.optional_number("consumer_bytes")?.unwrap_or(u64::MAX),
        };
        let floor = Lsn(map.number("floor")?);
        let mut dropped = Vec::new();
        if map.has("dropped") {
            for value in map.list("dropped")? {
                dropped.push(Dropped::decode(Reader::of(value, "dropped")?)?);
            }
        }
        map.finish()?;
        Ok(Self {
            floor,
            retention,
            dropped,
        })
    }
}

impl Dropped {
    fn value(&self) -> Value {
        let mut map = Writer::default();
        map.set("id", u64::from(self.id.0));
        map.set("name", self.name.as_str());
        map.set("lsn", self.lsn.0);
        map.value()
    }

    fn decode(mut map: Reader) -> Result<Self, Fault> {
        let dropped = Self {
            id: CollectionId(map.narrow("id")?),
            name: map.string("name")?,
            lsn: Lsn(map.number("lsn")?),
        };
        map.finish()?;
        let len = dropped.name.len();
        match len > 0 && len <= COLLECTION_NAME_LEN_MAX {
            true => Ok(dropped),
            false => Err(Fault::damaged("a legal name", format!("{len} bytes"))),
        }
    }
}
