//! Ids, as people and input files give them.

use std::fmt;
use std::str::FromStr;

use entidb::EntityId;
use entidb_codec::object;

/// What stands before a natural key on the command line.
const KEY_PREFIX: &str = "key:";

/// An id on the command line: the dashed form, or `key:VALUE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GivenId {
    pub(crate) id: EntityId,
    /// As it was given.
    text: String,
}

impl fmt::Display for GivenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for GivenId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let id = match text.strip_prefix(KEY_PREFIX) {
            Some("") => return Err("there is no value behind key:".to_owned()),
            Some(value) => of_text(value),
            None => text.parse().map_err(|_| {
                "write an id as 36 characters with dashes, like 01890a5d-ac96-774b-bcce-b302099a8057, or as key:VALUE"
                    .to_owned()
            })?,
        };
        Ok(Self {
            id,
            text: text.to_owned(),
        })
    }
}

/// The id that `_id`, or the field of `--id`, gives: a dashed UUID as it stands, or made of a text or an integer.
pub(crate) fn of_item(name: &str, item: &[u8]) -> Result<EntityId, String> {
    match object::key_text(item) {
        Some(text) if text.is_empty() => Err(format!("{name} is empty, and so no id")),
        Some(text) => Ok(of_text(&text)),
        None => Err(format!(
            "{name} is no id: that is a text or an integer, and nothing else"
        )),
    }
}

fn of_text(text: &str) -> EntityId {
    text.parse().unwrap_or_else(|_| EntityId::from_key(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use entidb_codec::json;

    #[test]
    fn the_command_line_and_an_import_meet() {
        for (json, value) in [
            ("\"CH\"", "CH"),
            ("756", "756"),
            ("-1", "-1"),
            ("36893488147419103232", "36893488147419103232"),
        ] {
            let item = json::to_cbor(json.as_bytes()).unwrap();
            let given: GivenId = format!("key:{value}").parse().unwrap();
            assert_eq!(of_item("_id", &item), Ok(given.id));
            assert_eq!(given.id, EntityId::from_key(value));
        }
        let uuid = "01890A5D-ac96-774b-bcce-b302099a8057";
        let item = json::to_cbor(format!("\"{uuid}\"").as_bytes()).unwrap();
        assert_eq!(of_item("_id", &item), Ok(uuid.parse().unwrap()));
        for text in [uuid.to_owned(), format!("key:{uuid}")] {
            let given: GivenId = text.parse().unwrap();
            assert_eq!(Ok(given.id), uuid.parse());
        }
    }

    #[test]
    fn nothing_else_is_an_id() {
        for json in ["\"\"", "1.0", "1.5", "true", "null", "[1]", "{}"] {
            let item = json::to_cbor(json.as_bytes()).unwrap();
            assert!(of_item("_id", &item).is_err(), "{json}");
        }
        for text in ["", "key:", "CH", "01890a5dac96774bbcceb302099a8057"] {
            assert!(text.parse::<GivenId>().is_err(), "{text}");
        }
    }
}
