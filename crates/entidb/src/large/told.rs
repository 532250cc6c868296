//! What followers of the change feed are told of a large commit: a log of its own, which they read as they read any other.
//!
//! Promises: the changes of the commit, each entity once, in batches that fit in memory; written before the commit, so that it names
//! no LSN: batches are numbered from 1, and the manifest says which commit all of them are. Relies on the conflict check, as
//! notes of small commits do: what was there at the snapshot is what the commit replaces.

use crate::error::{Error, Result};
use crate::feed::Notes;
use crate::format::batch::{self, Synced};
use crate::format::key::Key;
use crate::format::record::{self, Kind, Was};
use crate::ids::{CollectionId, EntityId, Lsn};
use crate::limits::BATCH_LEN_MAX;
use crate::log::{Draft, Item, Log};
use crate::manifest::{Catalog, is_hidden};
use crate::snapshot::Snapshot;
use crate::spill::{Ground, Held, Spans, Spilled, Told, Walk};
use crate::sync::Arc;

/// A batch that has so many bytes of records ends.
const BATCH_LEN: usize = 1 << 20;

/// Tells of what was `spilled` over `snapshot`, as it is asked for. `None` if nobody asks.
pub(super) fn tell(
    ground: &Arc<Ground>,
    notes: Notes,
    catalog: &Catalog,
    snapshot: &Snapshot,
    spilled: &Spilled,
) -> Result<Option<Told>> {
    if notes == Notes::None {
        return Ok(None);
    }
    let mut teller = Teller::new(ground, notes)?;
    let told = |id: CollectionId| !is_hidden(catalog.name_of(id));
    let deleted = spilled.deleted();
    // Ranges come first: they hide nothing of their own commit.
    for (first, last) in deleted.iter().filter(|(key, _)| told(key.collection())) {
        teller.push_range(*first, *last)?;
    }
    let collections = spilled.collections().iter();
    for collection in collections.filter(|id| told(**id)) {
        let ends = [EntityId::MIN, EntityId::MAX].map(|id| Key::new(*collection, id));
        let mut walk = Walk::new(spilled, ends[0], ends[1]);
        while let Some((id, payload)) = walk.next()? {
            let payload = payload.as_ref().map(|payload| payload.as_bytes());
            let key = Key::new(*collection, id);
            teller.push(key, payload, snapshot, &deleted)?;
        }
    }
    teller.finish().map(Some)
}

/// Writes batch after batch.
struct Teller {
    log: Log,
    held: Arc<Held>,
    notes: Notes,
    now_us: u64,
    /// The number of the last batch.
    last: Lsn,
    body: Vec<u8>,
    items: Vec<Item>,
}

impl Teller {
    fn new(ground: &Arc<Ground>, notes: Notes) -> Result<Self> {
        let (log, held) = ground.make_log()?;
        Ok(Self {
            log,
            held,
            notes,
            now_us: ground.now_us(),
            last: Lsn::ZERO,
            body: Vec::new(),
            items: Vec::new(),
        })
    }

    fn push_range(&mut self, first: Key, last: Key) -> Result<()> {
        let (collection, id, last) = (first.collection(), first.id(), last.id());
        let (at, len) = self.append(collection, Kind::Range, Was::Unknown, id, last.as_bytes())?;
        self.items.push(Item::Range {
            at,
            len,
            collection,
            first: id,
            last,
        });
        self.turn()
    }

    /// Tells what an entity is now, `None` if it was deleted, and what it was.
    fn push(
        &mut self,
        key: Key,
        payload: Option<&[u8]>,
        snapshot: &Snapshot,
        deleted: &Spans,
    ) -> Result<()> {
        let (collection, id) = (key.collection(), key.id());
        let covered = deleted.cover(&key);
        let old = match self.notes {
            Notes::Old if !covered => snapshot.get_in(collection, id)?,
            _ => None,
        };
        let was = match self.notes {
            Notes::Old => old.is_some(),
            _ => !covered && snapshot.has(key)?,
        };
        let (kind, was) = match (payload, was) {
            // Nothing was there to delete.
            (None, false) => return Ok(()),
            (None, true) => (Kind::Tombstone, Was::There),
            (Some(_), true) => (Kind::Entity, Was::There),
            (Some(_), false) => (Kind::Entity, Was::Absent),
        };
        let (at, len) = self.append(collection, kind, was, id, payload.unwrap_or_default())?;
        self.items.push(Item::Record {
            key,
            at,
            len,
            tombstone: payload.is_none(),
        });
        if let Some(old) = old {
            let old = old.as_bytes();
            let (at, len) = self.append(collection, Kind::Before, Was::Unknown, id, old)?;
            self.items.push(Item::Before { key, at, len });
        }
        self.turn()
    }

    /// Appends a record to the batch that is gathered. Says where it begins, and how long it is.
    fn append(
        &mut self,
        collection: CollectionId,
        kind: Kind,
        was: Was,
        id: EntityId,
        payload: &[u8],
    ) -> Result<(u32, u32)> {
        let large = || Error::invalid("an entity and what it replaces are too large for the feed");
        let narrow = |n: usize| u32::try_from(n).map_err(|_| large());
        let (at, len) = (self.body.len(), record::HEADER_LEN + payload.len());
        if at + len > BATCH_LEN_MAX {
            return Err(large());
        }
        let header = record::Header {
            payload_len: narrow(payload.len())?,
            collection,
            kind,
            was,
            id,
        };
        header.encode(payload, &mut self.body);
        Ok((narrow(at)?, narrow(len)?))
    }

    /// Writes the batch, if it has grown.
    fn turn(&mut self) -> Result<()> {
        match self.body.len() > BATCH_LEN {
            true => self.write(),
            false => Ok(()),
        }
    }

    fn write(&mut self) -> Result<()> {
        let previous = self.last;
        self.last.0 += 1;
        let draft = Draft {
            lsn: self.last,
            previous,
            time_us: self.now_us,
            body: std::mem::take(&mut self.body),
        };
        let mut sealer = self.log.sealer();
        let synced = Synced {
            log: sealer.stream,
            offset: crate::format::header::LEN as u64,
        };
        let items = std::mem::take(&mut self.items);
        let batch = sealer.seal_flagged(draft, &items, synced, batch::ONE_COMMIT)?;
        self.log.append(&[&batch])
    }

    fn finish(mut self) -> Result<Told> {
        // Also one without records, if that is all: a follower passes it.
        if self.last == Lsn::ZERO || !self.body.is_empty() {
            self.write()?;
        }
        Told::end(self.log, self.held)
    }
}
