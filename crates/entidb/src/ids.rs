//! Newtypes: no bare integer stands for an id.

use std::fmt;
use std::str::FromStr;

use serde::de::{Deserialize, Deserializer, Unexpected, Visitor};
use serde::ser::{Serialize, Serializer};
use uuid::Uuid;

/// The id of an entity: 128 bits, ordered, printed as a dashed UUID in lower case.
///
/// Ids made by [`EntityId::new`] are UUIDs of version 7 (RFC 9562), so that new entities stand behind older ones. Any UUID or
/// 16 bytes are an id as they stand, and [`EntityId::from_key`] makes one of a natural key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntityId([u8; EntityId::LEN]);

/// The context string of BLAKE3's key derivation for natural keys. It is part of the format.
const NATURAL_KEY_CONTEXT: &str = "entidb natural key v1";

impl EntityId {
    /// The length of an id in bytes.
    pub const LEN: usize = 16;
    /// The lowest id.
    pub const MIN: Self = Self([0; Self::LEN]);
    /// The highest id.
    pub const MAX: Self = Self([0xff; Self::LEN]);

    /// Makes a new id, a UUID of version 7: time in milliseconds, then random bits, rising within this process.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "each call gives another id")]
    pub fn new() -> Self {
        Self(Uuid::now_v7().into_bytes())
    }

    /// The id of a natural key: a text, or an integer by its decimal text. The same key gives the same id everywhere: the
    /// first 16 bytes of BLAKE3 in derive-key mode, context `entidb natural key v1`, over the UTF-8 of the text. The
    /// collection is not mixed in.
    ///
    /// ```
    /// use entidb::EntityId;
    /// assert_eq!(EntityId::from_key(42), EntityId::from_key("42"));
    /// assert_ne!(EntityId::from_key("a"), EntityId::from_key("b"));
    /// ```
    #[must_use]
    pub fn from_key(key: impl NaturalKey) -> Self {
        key.with_text(|text| {
            let hash = blake3::derive_key(NATURAL_KEY_CONTEXT, text.as_bytes());
            let mut id = [0; Self::LEN];
            id.copy_from_slice(&hash[..Self::LEN]);
            Self(id)
        })
    }

    /// The id with these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }

    /// The id that follows this one; `None` behind the highest.
    #[must_use]
    pub fn next(self) -> Option<Self> {
        let next = u128::from_be_bytes(self.0).checked_add(1)?;
        Some(Self(next.to_be_bytes()))
    }

    /// The id before this one; `None` before the lowest.
    #[must_use]
    pub fn previous(self) -> Option<Self> {
        let previous = u128::from_be_bytes(self.0).checked_sub(1)?;
        Some(Self(previous.to_be_bytes()))
    }

    /// The id's bytes. They sort as the ids do.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }
}

/// An id within an entity is its 36 characters, in every format: what refers to another entity is read by people and found by
/// programs in any language.
impl Serialize for EntityId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut buf = Uuid::encode_buffer();
        serializer.serialize_str(Uuid::from_bytes(self.0).hyphenated().encode_lower(&mut buf))
    }
}

/// Takes the 36 characters, or the 16 bytes.
impl<'de> Deserialize<'de> for EntityId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(IdVisitor)
    }
}

struct IdVisitor;

impl Visitor<'_> for IdVisitor {
    type Value = EntityId;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an id of 36 characters")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<EntityId, E> {
        text.parse()
            .map_err(|_| E::invalid_value(Unexpected::Str(text), &self))
    }

    fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<EntityId, E> {
        match bytes.try_into() {
            Ok(bytes) => Ok(EntityId::from_bytes(bytes)),
            Err(_) => Err(E::invalid_length(bytes.len(), &self)),
        }
    }
}

impl From<Uuid> for EntityId {
    fn from(uuid: Uuid) -> Self {
        Self(uuid.into_bytes())
    }
}

impl From<[u8; EntityId::LEN]> for EntityId {
    fn from(bytes: [u8; EntityId::LEN]) -> Self {
        Self(bytes)
    }
}

impl From<EntityId> for Uuid {
    fn from(id: EntityId) -> Self {
        Uuid::from_bytes(id.0)
    }
}

impl fmt::Display for EntityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut buf = Uuid::encode_buffer();
        f.pad(Uuid::from_bytes(self.0).hyphenated().encode_lower(&mut buf))
    }
}

impl fmt::Debug for EntityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text is not an id: only 36 characters, hexadecimal with dashes, are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseIdError;

impl fmt::Display for ParseIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "not an id: write it as 36 characters, like 01890a5d-ac96-774b-bcce-b302099a8057",
        )
    }
}

impl std::error::Error for ParseIdError {}

impl FromStr for EntityId {
    type Err = ParseIdError;

    /// Reads the dashed form, in either case. Other spellings of a UUID are refused, so that they stay natural keys.
    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        if text.len() != 36 {
            return Err(ParseIdError);
        }
        let uuid = Uuid::try_parse(text).map_err(|_| ParseIdError)?;
        Ok(Self(uuid.into_bytes()))
    }
}

/// What [`EntityId::from_key`] takes: text, or an integer.
pub trait NaturalKey: sealed::Sealed {
    /// Calls `with` with the key's text.
    fn with_text<R>(&self, with: impl FnOnce(&str) -> R) -> R;
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! text_keys {
    ($($type:ty),*) => {$(
        impl sealed::Sealed for $type {}
        impl NaturalKey for $type {
            fn with_text<R>(&self, with: impl FnOnce(&str) -> R) -> R {
                with(self.as_ref())
            }
        }
    )*};
}

macro_rules! integer_keys {
    ($($type:ty),*) => {$(
        impl sealed::Sealed for $type {}
        impl NaturalKey for $type {
            fn with_text<R>(&self, with: impl FnOnce(&str) -> R) -> R {
                with(&self.to_string())
            }
        }
    )*};
}

text_keys!(&str, String, &String);
integer_keys!(
    i8, i16, i32, i64, i128, isize, u8, u16, u32, u64, u128, usize
);

macro_rules! number {
    ($(#[$doc:meta])* $visibility:vis $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        $visibility struct $name(pub(crate) $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    };
}

number! {
    /// A position in commit order: one per batch, rising, never reused. There may be gaps.
    pub Lsn(u64)
}
number! {
    /// A collection's number in the catalog, from 1.
    pub CollectionId(u16)
}
number! {
    /// An index's number in the catalog: of the same row as those of collections.
    pub(crate) IndexId(u16)
}
number! {
    /// A stream's number in its name, from 1, never reused.
    pub StreamId(u64)
}

impl Lsn {
    /// The position with this number: one that [`get`](Self::get) gave, perhaps in another session.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// Before the first commit.
    pub const ZERO: Self = Self(0);
    /// The highest that the run format has room for.
    pub(crate) const MAX: Self = Self((1 << 56) - 1);

    /// The LSN as an integer.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl CollectionId {
    /// The number as an integer.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }
}

impl StreamId {
    /// The number as an integer.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_natural_key_gives_the_same_id_everywhere() {
        // BLAKE3 derive-key, as the format says; held here as golden text.
        let id = EntityId::from_key("libc6");
        assert_eq!(id, EntityId::from_key(String::from("libc6")));
        assert_eq!(EntityId::from_key(-7), EntityId::from_key("-7"));
        let hash = blake3::derive_key("entidb natural key v1", b"libc6");
        assert_eq!(id.as_bytes(), &hash[..16]);
    }

    #[test]
    fn only_the_dashed_form_is_an_id() {
        let id = EntityId::new();
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(id.to_string().to_uppercase().parse(), Ok(id));
        let simple = Uuid::from(id).simple().to_string();
        assert_eq!(simple.parse::<EntityId>(), Err(ParseIdError));
        assert_eq!("".parse::<EntityId>(), Err(ParseIdError));
        assert_eq!(
            format!("{{{simple}}}").parse::<EntityId>(),
            Err(ParseIdError)
        );
    }

    #[test]
    fn new_ids_rise() {
        let ids: Vec<_> = (0..1000).map(|_| EntityId::new()).collect();
        assert!(ids.is_sorted());
    }
}
