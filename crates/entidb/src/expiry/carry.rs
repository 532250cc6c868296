//! Which version a time is of, and giving it to another: a migration writes an entity anew, and its time stays what it is.

use super::due::{Due, EXPIRY};
use crate::error::Result;
use crate::format::key::Key;
use crate::ids::EntityId;
use crate::snapshot::Snapshot;

/// The entity that `due` is of, if the version that is there was given this time: they are of one commit.
pub(crate) fn entity_of(snapshot: &Snapshot, due: &Due) -> Result<Option<Key>> {
    let catalog = &snapshot.view().catalog;
    let (Some(times), Some(collection)) = (catalog.find_any(EXPIRY), catalog.find(&due.collection))
    else {
        return Ok(None);
    };
    let entity = Key::new(collection, due.entity);
    let given = snapshot.lsn_of(Key::new(times, due.id()))?;
    let is_of = given.is_some() && snapshot.lsn_of(entity)? == given;
    Ok(is_of.then_some(entity))
}

/// Times of the entities of a collection, in their order.
#[derive(Default)]
pub(crate) struct Times {
    pub(crate) due: Vec<Due>,
    /// The last one that was looked at; `None` at the end.
    pub(crate) last: Option<EntityId>,
}

impl Times {
    /// Those among the next `count` behind `behind`.
    pub(crate) fn behind(
        snapshot: &Snapshot,
        collection: &str,
        behind: Option<EntityId>,
        count: usize,
    ) -> Result<Self> {
        let mut times = Self::default();
        let Some(stored) = snapshot.view().catalog.find_any(EXPIRY) else {
            return Ok(times);
        };
        let from = behind.map_or(Some(EntityId::MIN), EntityId::next);
        let Some(from) = from else {
            return Ok(times);
        };
        for stored in snapshot.range_in(Some(stored), from..).take(count) {
            let (id, payload) = stored?;
            times.last = Some(id);
            let due = Due::decode(id, &payload)?;
            if due.collection == collection {
                times.due.push(due);
            }
        }
        Ok(times)
    }
}
