//! The positions of consumers, as they are stored: entities of a collection of the engine's own.

use entidb_codec::Value;

use crate::error::{Error, ErrorKind, Result};
use crate::ids::{EntityId, Lsn};
use crate::payload::Payload;
use crate::snapshot::Snapshot;
use crate::writer::Writer;

/// The collection's name.
pub(crate) const CONSUMERS: &str = "~consumers";

/// What is stored of a consumer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) name: String,
    /// Everything up to here is done with.
    pub(crate) lsn: Lsn,
}

impl Position {
    /// The entity that stores the position of the consumer `name`.
    pub(crate) fn id(name: &str) -> EntityId {
        EntityId::from_key(name)
    }

    pub(crate) fn encode(&self) -> Result<Payload> {
        let entries = [
            ("name", Value::from(self.name.as_str())),
            ("position", Value::from(self.lsn.0)),
        ];
        let entries = entries.map(|(key, value)| (Value::from(key), value));
        Payload::encode(&Value::Map(entries.into()))
    }

    pub(crate) fn decode(payload: &Payload) -> Result<Self> {
        let value = payload.value()?;
        let entries = value.as_map().unwrap_or_default();
        let find = |wanted: &str| {
            let mut entries = entries.iter();
            entries.find_map(|(key, value)| (key.as_str() == Some(wanted)).then_some(value))
        };
        let name = find("name").and_then(Value::as_str);
        let lsn = find("position").and_then(Value::as_u64);
        match (name, lsn) {
            (Some(name), Some(lsn)) => Ok(Self {
                name: name.to_owned(),
                lsn: Lsn(lsn),
            }),
            _ => Err(Error::new(
                ErrorKind::Unsupported,
                "a consumer is stored in a way that this program does not know: a newer one has made it",
            )),
        }
    }

    /// Those of all consumers.
    pub(crate) fn all(snapshot: &Snapshot) -> Result<Vec<Self>> {
        let Some(collection) = snapshot.view().catalog.find_any(CONSUMERS) else {
            return Ok(Vec::new());
        };
        let stored = snapshot.range_in(Some(collection), ..);
        let decoded = stored.map(|entity| entity.and_then(|(_, payload)| Self::decode(&payload)));
        decoded.collect()
    }
}

impl Writer {
    /// The durable position of the consumer that is furthest behind.
    pub(crate) fn slowest_consumer(&self) -> Result<Option<Lsn>> {
        let (view, _) = self.published.get();
        // A crash takes what is not durable, and with it a consumer's step.
        let durable = Snapshot::new((view, self.feed.bell.durable()));
        let positions = Position::all(&durable)?;
        Ok(positions.iter().map(|position| position.lsn).min())
    }
}
