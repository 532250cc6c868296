//! From the records of a batch to the changes that a follower gets.
//!
//! Promises: the changes of a commit in an order in which they can be carried out one after the other. This is the one place that
//! knows which records a batch stands for. Relies on the batch's own checksum, which held.

use bytes::Bytes;

use super::commit::{Change, ChangeKind};
use crate::error::{Error, Result};
use crate::format::fields::Fields;
use crate::format::record::{self, Kind, Was};
use crate::format::{Fault, batch};
use crate::ids::{CollectionId, EntityId};
use crate::log::{self, Walk};
use crate::payload::Payload;
use crate::stream::Stream;
use crate::sync::Arc;

/// The changes of a whole batch. `name` says how a collection is called; `None`: it is the engine's own, and none of its followers'
/// business.
pub(super) fn changes(
    stream: &Stream,
    header: &batch::Header,
    body: &Bytes,
    mut name: impl FnMut(CollectionId) -> Result<Option<Arc<str>>>,
) -> Result<Vec<Change>> {
    let body_at = header.offset + batch::HEADER_LEN as u64;
    let walk = Walk {
        header,
        body,
        body_at,
    };
    let mut ranges = Vec::new();
    let mut entities: Vec<Change> = Vec::new();
    // Whether a record of what was before belongs to the last change.
    let mut open = false;
    log::records(stream, &walk, |found| {
        let payload = || {
            let from = record::HEADER_LEN.min(found.bytes.len());
            Payload::stored(body.slice_ref(found.bytes.get(from..).unwrap_or_default()))
        };
        let record::Header { kind, id, was, .. } = found.header;
        if kind.is_entry() {
            return Ok(());
        }
        if kind == Kind::Before {
            let last = entities.last_mut().filter(|last| open && last.id == id);
            if let Some(last) = last {
                last.old = Some(payload());
            }
            return Ok(());
        }
        open = false;
        let Some(collection) = name(found.header.collection)? else {
            return Ok(());
        };
        let change = |id, kind, new| Change {
            collection: Arc::clone(&collection),
            id,
            kind,
            new,
            old: None,
        };
        match kind {
            Kind::Entity => {
                let kind = match was {
                    Was::Absent => ChangeKind::Insert,
                    Was::There | Was::Unknown | Was::Expired => ChangeKind::Update,
                };
                entities.push(change(id, kind, Some(payload())));
                open = true;
            }
            // Nothing was there to delete.
            Kind::Tombstone if was == Was::Absent => {}
            Kind::Tombstone => {
                let kind = match was {
                    Was::Expired => ChangeKind::Expire,
                    Was::There | Was::Unknown | Was::Absent => ChangeKind::Delete,
                };
                entities.push(change(id, kind, None));
                open = true;
            }
            Kind::Range => {
                let last = last_of(stream, found.bytes, found.binding.offset)?;
                let kind = ChangeKind::DeleteRange { first: id, last };
                ranges.push(change(id, kind, None));
            }
            Kind::Collection => ranges.push(change(EntityId::MIN, ChangeKind::Drop, None)),
            Kind::Before | Kind::Entry | Kind::EntryTombstone => {}
        }
        Ok(())
    })?;
    // A range delete hides nothing of its own commit, wherever in the batch its record lies.
    ranges.append(&mut entities);
    Ok(ranges)
}

fn last_of(stream: &Stream, record: &[u8], offset: u64) -> Result<EntityId> {
    let payload = record.get(record::HEADER_LEN..).unwrap_or_default();
    let last = Fields::new(payload).array().map(EntityId::from_bytes);
    last.ok_or_else(|| Fault::damaged("the last id of a range", "less").at(&stream.name, offset))
}

/// A collection that no manifest knows.
pub(super) fn unknown_collection(stream: &str, id: CollectionId) -> Error {
    Error::corrupt(
        stream,
        0,
        format!("a collection with the number {id} in the catalog"),
        "none",
    )
}
