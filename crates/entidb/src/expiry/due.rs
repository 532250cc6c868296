//! What is stored of a time: an entity of a collection of the engine's own, its id beginning with the time, so that the walk over
//! them comes to what is due first.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use entidb_codec::Value;

use crate::error::{Error, ErrorKind, Result};
use crate::ids::EntityId;
use crate::payload::Payload;
use crate::snapshot::Snapshot;

/// The collection's name.
pub(crate) const EXPIRY: &str = "~expiry";

/// The context string of the hash in an id. It is part of the format.
const CONTEXT: &str = "entidb expiry v1";

/// At which time which entity is to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Due {
    /// Microseconds since 1970 UTC.
    pub(crate) time_us: u64,
    pub(crate) collection: String,
    pub(crate) entity: EntityId,
}

impl Due {
    /// The id under which it is stored: the time, big-endian, and half a hash of which entity it is.
    pub(crate) fn id(&self) -> EntityId {
        let mut hasher = blake3::Hasher::new_derive_key(CONTEXT);
        hasher.update(self.entity.as_bytes());
        hasher.update(self.collection.as_bytes());
        let mut id = [0; EntityId::LEN];
        let (time, hash) = id.split_at_mut(size_of::<u64>());
        time.copy_from_slice(&self.time_us.to_be_bytes());
        hasher.finalize_xof().fill(hash);
        EntityId::from_bytes(id)
    }

    /// The highest id of what is due at `time_us`.
    pub(crate) fn last_id(time_us: u64) -> EntityId {
        let id = u128::from(time_us) << 64 | u128::from(u64::MAX);
        EntityId::from_bytes(id.to_be_bytes())
    }

    /// The time that an id begins with.
    pub(crate) fn time_of(id: EntityId) -> u64 {
        let bytes = id.as_bytes().first_chunk().copied();
        bytes.map_or(0, u64::from_be_bytes)
    }

    pub(crate) fn encode(&self) -> Result<Payload> {
        Payload::encode(&Value::Array(vec![
            Value::from(self.collection.as_str()),
            Value::from(self.entity.as_bytes().to_vec()),
        ]))
    }

    pub(crate) fn decode(id: EntityId, payload: &Payload) -> Result<Self> {
        let value = payload.value()?;
        let parts = value.as_array().unwrap_or_default();
        let collection = parts.first().and_then(Value::as_str);
        let entity = parts.get(1).and_then(Value::as_bytes);
        let entity = entity.and_then(|bytes| <[u8; EntityId::LEN]>::try_from(bytes).ok());
        match (collection, entity, parts.len()) {
            (Some(collection), Some(entity), 2) => Ok(Self {
                time_us: Self::time_of(id),
                collection: collection.to_owned(),
                entity: EntityId::from_bytes(entity),
            }),
            _ => Err(Error::new(
                ErrorKind::Unsupported,
                "a time to live is stored in a way that this program does not know: a newer one has written it",
            )),
        }
    }
}

/// The first time at which an entity is to go.
pub(crate) fn next(snapshot: &Snapshot) -> Result<Option<SystemTime>> {
    let Some(times) = snapshot.view().catalog.find_any(EXPIRY) else {
        return Ok(None);
    };
    let first = snapshot.range_in(Some(times), ..).next().transpose()?;
    let time_us = first.map(|(id, _)| Due::time_of(id));
    Ok(time_us.and_then(|us| UNIX_EPOCH.checked_add(Duration::from_micros(us))))
}

/// Microseconds since 1970 UTC; 0 for what is before.
pub(crate) fn micros(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    micros_of(since)
}

/// A duration in microseconds.
pub(crate) fn micros_of(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_stored_so_that_what_is_due_comes_first() {
        let due = |time_us, n| Due {
            time_us,
            collection: "sessions".to_owned(),
            entity: EntityId::from_key(n),
        };
        let sample = due(0x0102_0304, 1);
        let text = sample.id().to_string();
        assert!(text.starts_with("00000000-0102-0304-"), "{text}");
        let stored = sample.encode().unwrap();
        assert_eq!(Due::decode(sample.id(), &stored).unwrap(), sample);
        assert_ne!(sample.id(), due(0x0102_0304, 2).id());
        assert!(sample.id() <= Due::last_id(0x0102_0304));
        assert!(due(0x0102_0305, 1).id() > Due::last_id(0x0102_0304));
        let other = Payload::encode(&Value::from(1)).unwrap();
        let refused = Due::decode(sample.id(), &other).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Unsupported);
    }
}
