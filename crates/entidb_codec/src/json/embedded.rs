//! Items that JSON cannot say: `{"$cbor":"<base64url>"}`.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::cursor::{Cursor, Token};
use crate::{object, validate};

use super::{CBOR_KEY, ID_KEY, Kind};

/// What an encoded map begins with if `$cbor` is its only key.
pub(super) const ONLY_KEY: &[u8] = b"\xa1\x65$cbor";

/// Writes the base64url of an item, without quotes.
pub(super) fn write(item: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(URL_SAFE_NO_PAD.encode(item).as_bytes());
}

/// The item that the value of an only `$cbor` says, to be put inside `depth` levels.
pub(super) fn decode(value: &[u8], depth: usize) -> Result<Vec<u8>, Kind> {
    let Ok(Token::Text(text)) = Cursor::new(value).token() else {
        return Err(Kind::EmbeddedNotText);
    };
    let item = URL_SAFE_NO_PAD
        .decode(text)
        .map_err(|_| Kind::EmbeddedNotBase64)?;
    let mut cursor = Cursor::new(&item);
    validate::item(&mut cursor, depth)
        .and_then(|()| cursor.end())
        .map_err(Kind::EmbeddedNotCanonical)?;
    Ok(item)
}

/// Whether an encoded key is `$cbor`.
pub(super) fn is_key(key: &[u8]) -> bool {
    ONLY_KEY.get(1..) == Some(key)
}

/// Whether an encoded map says `{"_id":…,"$cbor":…}`, an entity whose payload is embedded whole.
pub(super) fn is_entity(map: &[u8]) -> bool {
    map.first() == Some(&0xa2)
        && object::get(map, ID_KEY).is_some()
        && object::get(map, CBOR_KEY).is_some()
}

/// How long a value may be that has an item of up to `limit` bytes as base64 in it.
pub(super) fn room(limit: usize) -> usize {
    // Four characters for three bytes, and the entity around it: `_id` and its dashed UUID, heads.
    limit.saturating_add(limit / 3).saturating_add(80)
}
