//! One entity: its id parted from its payload.

use entidb::{EntityId, Payload};
use entidb_codec::json::ID_KEY;
use entidb_codec::{json, object};

use crate::id;

/// Up to this length the bytes are copied out of the buffer they came in, so that it can be used again.
const COPIED_LEN_MAX: usize = 1 << 20;

/// What came in.
pub(crate) struct Entity {
    /// As it came in, if it did.
    pub(crate) id: Option<EntityId>,
    pub(crate) payload: Payload,
}

impl Entity {
    /// Parts an encoded object into id and payload. The buffer is empty or of no more use afterwards.
    pub(crate) fn part(cbor: &mut Vec<u8>, id_field: Option<&str>) -> Result<Self, String> {
        let own = json::split_id(cbor).map_err(|error| error.kind.to_string())?;
        let id = match (own, id_field) {
            // What is no object now was in `$cbor`, beside the id.
            (Some(item), _) => Some(id::of_item(ID_KEY, &item)?),
            _ if !object::is_object(cbor) => return Err("an entity is a JSON object".to_owned()),
            (None, Some(field)) => match object::get(cbor, field) {
                Some(item) => Some(id::of_item(field, item)?),
                None => return Err(format!("there is neither {ID_KEY} nor {field}")),
            },
            (None, None) => None,
        };
        let bytes = if cbor.len() > COPIED_LEN_MAX {
            std::mem::take(cbor)
        } else {
            let bytes = cbor.as_slice().to_vec();
            cbor.clear();
            bytes
        };
        let payload = Payload::from_canonical(bytes).map_err(|error| error.to_string())?;
        Ok(Self { id, payload })
    }
}
