//! Entities as JSON: a payload and its id in one object.

use crate::cursor::{Cursor, Token, enter};
use crate::{DecodeError, object, validate};

use super::writer::{Entries, Writer, string};
use super::{CBOR_KEY, Error, ID_KEY, Kind, embedded};

/// The key `_id`, encoded.
const ENCODED_ID_KEY: &[u8] = b"\x63_id";

/// Appends an entity as one JSON object: `{"_id":"<id>"`, then the entries of the payload.
///
/// A payload that cannot be said like that (it is not a map, has a key that is no text, has
/// `$cbor` as its only key or has an `_id` of its own) is written whole, as
/// `{"_id":"<id>","$cbor":"<base64url>"}`. [`split_id`] undoes both.
///
/// # Errors
///
/// The payload is not canonical CBOR. Then `out` is as it was.
pub fn write_entity(id: &str, payload: &[u8], out: &mut Vec<u8>) -> Result<(), DecodeError> {
    let mark = out.len();
    out.extend_from_slice(b"{\"_id\":");
    string(id, out);
    let result = write_payload(payload, out);
    if result.is_err() {
        out.truncate(mark);
    }
    result
}

fn write_payload(payload: &[u8], out: &mut Vec<u8>) -> Result<(), DecodeError> {
    let mark = out.len();
    let mut writer = Writer {
        cursor: Cursor::new(payload),
        out,
    };
    if object::is_object(payload)
        && let Token::Map(count) = writer.cursor.token()?
    {
        let entries = writer.entries(count, enter(0, 0)?, false, Some(ENCODED_ID_KEY))?;
        writer.cursor.end()?;
        if entries == Entries::Plain {
            out.push(b'}');
            return Ok(());
        }
        out.truncate(mark);
    } else {
        validate(payload)?;
    }
    out.extend_from_slice(b",\"$cbor\":\"");
    embedded::write(payload, out);
    out.extend_from_slice(b"\"}");
    Ok(())
}

/// Parts what came in as JSON into id and payload: takes `_id` out of the map and gives back its
/// encoded value, leaving in `cbor` the payload that [`write_entity`] was given.
///
/// `None`, and nothing changed, if there is no `_id`, or no map. What may be an id is up to the
/// caller: see [`object::key_text`].
///
/// # Errors
///
/// Beside `_id` there is only `$cbor`, and its value is not the base64url of canonical CBOR. `cbor`
/// is then of no more use.
pub fn split_id(cbor: &mut Vec<u8>) -> Result<Option<Vec<u8>>, Error> {
    let Some(id) = object::take(cbor, ID_KEY) else {
        return Ok(None);
    };
    if cbor.starts_with(embedded::ONLY_KEY) {
        let value = object::get(cbor, CBOR_KEY).unwrap_or_default();
        *cbor = embedded::decode(value, 0).map_err(|kind: Kind| Error::new(kind, 0))?;
    }
    Ok(Some(id))
}
