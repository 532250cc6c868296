//! Writing a piece: what a transaction has in memory, in key order.

use super::entry_set::EntrySet;
use super::ground::Ground;
use super::held::Held;
use super::pile::Layer;
use crate::error::Result;
use crate::format::key::Key;
use crate::format::name::StreamKind;
use crate::ids::Lsn;
use crate::manifest::{Catalog, SealedEntry};
use crate::memtable::Location;
use crate::ranges::RangeTombstone;
use crate::run::{Builder, Run};
use crate::segment::{self, Writer};
use crate::stream::Stream;
use crate::sync::Arc;
use crate::write_set::{Own, WriteSet};

/// Records of a piece.
#[derive(Clone)]
pub(crate) struct Segment {
    pub(crate) entry: SealedEntry,
    pub(crate) stream: Arc<Stream>,
    pub(super) held: Arc<Held>,
}

/// What a piece consists of.
pub(super) struct Piece {
    pub(super) layer: Layer,
    /// Absent if it deletes ranges and does nothing else.
    pub(super) segment: Option<Segment>,
}

/// Writes what is in `writes` as the piece `number`, with the entries that the indexes of `catalog` have of it. Both streams are durable then.
pub(super) fn write(
    ground: &Arc<Ground>,
    number: Lsn,
    writes: &WriteSet,
    catalog: &Catalog,
) -> Result<Piece> {
    let mut entries = EntrySet::of(writes, catalog)?;
    let live = writes.within(Key::MIN, Key::MAX);
    let mut records = Records {
        ground,
        number,
        writer: None,
    };
    let held = ground.stream(StreamKind::Run)?;
    let salt = ground.environment.salt();
    let database = ground.database;
    let directory = &*ground.directory;
    let key_count = live.len() as u64;
    let mut builder = Builder::create(directory, held.id(), database, salt, key_count)?;
    let ranges = writes.ranges().iter().map(|range| RangeTombstone {
        collection: range.collection,
        first: range.first,
        last: range.last,
        lsn: number,
    });
    builder.set_ranges(ranges.collect());
    for (key, own) in live {
        let payload = match own {
            Own::Put(payload) => Some(payload),
            Own::Deleted | Own::Untouched => None,
        };
        builder.push(key, records.push(key, payload)?)?;
    }
    entries.write(number, &mut builder)?;
    let segment = records.finish()?;
    ground.note_sync();
    let entry = builder.finish(number, number)?;
    let run = Arc::new(Run::open(directory, entry, database)?);
    Ok(Piece {
        layer: Layer::new(run, held),
        segment,
    })
}

/// The segment of a piece, made with its first record.
struct Records<'a> {
    ground: &'a Arc<Ground>,
    number: Lsn,
    writer: Option<(Writer, Arc<Held>)>,
}

impl Records<'_> {
    /// Writes a record. Says where it lies.
    fn push(&mut self, key: Key, payload: Option<&[u8]>) -> Result<Location> {
        let (writer, _) = match &mut self.writer {
            Some(made) => made,
            none => none.insert(create(self.ground)?),
        };
        let payload_bytes = payload.unwrap_or_default();
        let location = writer.push(key, Lsn::ZERO, payload.is_none(), payload_bytes)?;
        Ok(Location {
            lsn: self.number,
            ..location
        })
    }

    fn finish(self) -> Result<Option<Segment>> {
        let Some((writer, held)) = self.writer else {
            return Ok(None);
        };
        self.ground.note_sync();
        let entry = writer.finish()?;
        let stream = segment::open(&*self.ground.directory, &entry, self.ground.database)?;
        Ok(Some(Segment {
            entry,
            stream: Arc::new(stream),
            held,
        }))
    }
}

fn create(ground: &Arc<Ground>) -> Result<(Writer, Arc<Held>)> {
    let held = ground.stream(StreamKind::Segment)?;
    let salt = ground.environment.salt();
    let compression = ground.options.compression;
    let directory = &*ground.directory;
    let mut writer = Writer::create(directory, held.id(), ground.database, salt, compression)?;
    writer.set_one_commit();
    Ok((writer, held))
}
