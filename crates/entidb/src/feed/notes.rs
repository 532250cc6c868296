//! What a commit notes for followers: whether an entity was there before, and what it was.
//!
//! Promises: the notes are right when the batch is sealed, since the conflict check refuses it if another commit has written any
//! of its keys after the snapshot that was looked at. Relies on that check. Must never be called under a lock.

use super::keep::Notes;
use crate::error::{Error, Result};
use crate::format::key::Key;
use crate::format::record::{self, Kind, Was};
use crate::limits::BATCH_LEN_MAX;
use crate::log::Item;
use crate::snapshot::Snapshot;

/// A transaction's records, one behind the other, and what each says.
type Records = (Vec<u8>, Vec<Item>);

/// Notes in the records of a transaction over `snapshot` what followers will want to know.
pub(crate) fn note(records: Records, notes: Notes, snapshot: &Snapshot) -> Result<Records> {
    match notes {
        Notes::None => Ok(records),
        Notes::Was => note_was(records, snapshot),
        Notes::Old => note_old(&records, snapshot),
    }
}

fn note_was((mut body, items): Records, snapshot: &Snapshot) -> Result<Records> {
    for item in &items {
        if let Item::Record { key, at, len, .. } = item {
            let was = match is_covered(&items, key) || !snapshot.has(*key)? {
                true => Was::Absent,
                false => Was::There,
            };
            if let Some(record) = body.get_mut(*at as usize..(*at + *len) as usize) {
                set_was(record, was);
            }
        }
    }
    Ok((body, items))
}

fn note_old((body, items): &Records, snapshot: &Snapshot) -> Result<Records> {
    let (mut noted, mut told) = (Vec::with_capacity(body.len()), Vec::new());
    for item in items {
        let (at, len) = item.place();
        let record = body.get(at as usize..(at + len) as usize);
        let place = noted.len();
        match item {
            // Noted once already: it is told anew.
            Item::Before { .. } => continue,
            _ => noted.extend_from_slice(record.unwrap_or_default()),
        }
        told.push(item.moved_to(narrow(place)?));
        let Item::Record { key, .. } = item else {
            continue;
        };
        let old = match is_covered(items, key) {
            true => None,
            false => snapshot.get_in(key.collection(), key.id())?,
        };
        let was = old.as_ref().map_or(Was::Absent, |_| Was::There);
        set_was(noted.get_mut(place..).unwrap_or_default(), was);
        if let Some(old) = old {
            let header = record::Header {
                payload_len: narrow(old.as_bytes().len())?,
                collection: key.collection(),
                kind: Kind::Before,
                was: Was::Unknown,
                id: key.id(),
            };
            let at = noted.len();
            header.encode(old.as_bytes(), &mut noted);
            told.push(Item::Before {
                key: *key,
                at: narrow(at)?,
                len: narrow(noted.len() - at)?,
            });
        }
        if noted.len() > BATCH_LEN_MAX {
            return Err(too_large(()));
        }
    }
    Ok((noted, told))
}

/// Notes it, unless more is known already.
fn set_was(record: &mut [u8], was: Was) {
    let known = record::Header::decode(record).map(|header| header.was);
    if known != Ok(Was::Expired) {
        record::set_was(record, was);
    }
}

/// Whether the transaction itself has deleted the key before it wrote it.
fn is_covered(items: &[Item], key: &Key) -> bool {
    // Ranges come first.
    let ranges = items.iter();
    let mut ranges = ranges.take_while(|item| matches!(item, Item::Range { .. }));
    ranges.any(|item| item.covers(key))
}

fn narrow(n: usize) -> Result<u32> {
    u32::try_from(n).map_err(too_large)
}

fn too_large<E>(_: E) -> Error {
    Error::invalid(format!(
        "with what it replaces, a transaction has up to {BATCH_LEN_MAX} bytes: commit it in parts"
    ))
}
