//! CBOR maps with text keys, as the manifest and the footers use them.
//!
//! A key must be understood: a reader that meets one that it does not know refuses the stream by the key's name. Keys that begin
//! with `~` may be passed over.

use entidb_codec::Value;

use super::{Fault, NUMBER_MAX};

/// Keys that begin with this may be passed over by who does not know them.
const OPTIONAL_MARK: char = '~';

/// Builds a map.
#[derive(Default)]
pub(crate) struct Writer(Vec<(Value, Value)>);

impl Writer {
    pub(crate) fn value(self) -> Value {
        Value::Map(self.0)
    }

    /// The canonical encoding.
    pub(crate) fn finish(self) -> Vec<u8> {
        let encoded = entidb_codec::encode(&self.value());
        debug_assert!(
            encoded.is_ok(),
            "each key is written once, and nothing nests deep"
        );
        encoded.unwrap_or_default()
    }

    pub(crate) fn set(&mut self, key: &str, value: impl Into<Value>) {
        self.0.push((Value::from(key), value.into()));
    }

    pub(crate) fn list(&mut self, key: &str, values: impl Iterator<Item = Value>) {
        self.set(key, Value::Array(values.collect()));
    }
}

/// Takes a map apart, key by key.
pub(crate) struct Reader {
    what: &'static str,
    entries: Vec<(Value, Value)>,
}

impl Reader {
    /// Reads the map that fills `body`.
    pub(crate) fn new(body: &[u8]) -> Result<Self, Fault> {
        let value = entidb_codec::decode(body)
            .map_err(|error| Fault::damaged("canonical CBOR", error.to_string()))?;
        Self::of(value, "body")
    }

    /// Reads a map that stands in another under the key `what`.
    pub(crate) fn of(value: Value, what: &'static str) -> Result<Self, Fault> {
        match value.into_map() {
            Ok(entries) => Ok(Self { what, entries }),
            Err(other) => Err(Fault::damaged(format!("a map as {what}"), brief(&other))),
        }
    }

    pub(crate) fn optional(&mut self, key: &str) -> Option<Value> {
        let index = self
            .entries
            .iter()
            .position(|(k, _)| k.as_str() == Some(key))?;
        Some(self.entries.swap_remove(index).1)
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.entries.iter().any(|(k, _)| k.as_str() == Some(key))
    }

    pub(crate) fn required(&mut self, key: &str) -> Result<Value, Fault> {
        let what = self.what;
        self.optional(key)
            .ok_or_else(|| Fault::damaged(format!("the key {key} in {what}"), "none"))
    }

    pub(crate) fn number(&mut self, key: &str) -> Result<u64, Fault> {
        number(&self.required(key)?, key)
    }

    pub(crate) fn optional_number(&mut self, key: &str) -> Result<Option<u64>, Fault> {
        self.optional(key)
            .map(|value| number(&value, key))
            .transpose()
    }

    /// A truth value; false where the key is absent.
    pub(crate) fn flag(&mut self, key: &str) -> Result<bool, Fault> {
        match self.optional(key) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(flag),
            Some(other) => Err(Fault::damaged(
                format!("true or false as {key}"),
                brief(&other),
            )),
        }
    }

    pub(crate) fn narrow<T: TryFrom<u64>>(&mut self, key: &str) -> Result<T, Fault> {
        let wide = self.number(key)?;
        T::try_from(wide)
            .map_err(|_| Fault::damaged(format!("a smaller number as {key}"), wide.to_string()))
    }

    pub(crate) fn string(&mut self, key: &str) -> Result<String, Fault> {
        let value = self.required(key)?;
        value
            .into_text()
            .map_err(|other| Fault::damaged(format!("a text as {key}"), brief(&other)))
    }

    pub(crate) fn array<const N: usize>(&mut self, key: &str) -> Result<[u8; N], Fault> {
        let value = self.required(key)?;
        let bytes = value.as_bytes().and_then(|bytes| bytes.try_into().ok());
        bytes.ok_or_else(|| Fault::damaged(format!("{N} bytes as {key}"), brief(&value)))
    }

    pub(crate) fn list(&mut self, key: &str) -> Result<Vec<Value>, Fault> {
        let value = self.required(key)?;
        value
            .into_array()
            .map_err(|other| Fault::damaged(format!("an array as {key}"), brief(&other)))
    }

    /// Takes the key `kind`, which must have this value.
    pub(crate) fn kind(&mut self, expected: &str) -> Result<(), Fault> {
        let got = self.string("kind")?;
        if got == expected {
            Ok(())
        } else {
            Err(Fault::damaged(format!("a {expected}'s footer"), got))
        }
    }

    /// Refuses what is left, by name, unless it may be passed over.
    pub(crate) fn finish(self) -> Result<(), Fault> {
        for (key, _) in &self.entries {
            match key.as_str() {
                Some(name) if name.starts_with(OPTIONAL_MARK) => {}
                Some(_) => {
                    return Err(Fault::Unsupported(format!(
                        "the key {} in {}",
                        brief(key),
                        self.what
                    )));
                }
                None => {
                    return Err(Fault::damaged(
                        format!("text keys in {}", self.what),
                        brief(key),
                    ));
                }
            }
        }
        Ok(())
    }
}

pub(crate) fn number(value: &Value, key: &str) -> Result<u64, Fault> {
    value
        .as_u64()
        .filter(|number| *number < NUMBER_MAX)
        .ok_or_else(|| Fault::damaged(format!("a number below 2^56 as {key}"), brief(value)))
}

/// The beginning of a value, for people: bytes from a disk may say anything, at any length.
fn brief(value: &Value) -> String {
    match value {
        Value::Array(_) | Value::Map(_) | Value::Tag(..) => "an array, a map or a tag".to_owned(),
        Value::Text(text) => format!("{:?}", text.chars().take(40).collect::<String>()),
        Value::Bytes(bytes) => format!("{} bytes", bytes.len()),
        Value::Integer(integer) if integer.as_i128().is_none() => "a huge integer".to_owned(),
        value => format!("{value:?}"),
    }
}
