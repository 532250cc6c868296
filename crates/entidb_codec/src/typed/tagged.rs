//! Tags on Rust types.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Visitor};
use serde::{Serialize, Serializer};

/// A value under a CBOR tag (RFC 8949 section 3.4).
///
/// A date that an index orders by its instant is one: `Tagged<1, i64>` holds seconds since 1970,
/// `Tagged<0, String>` text of RFC 3339. To other formats than this crate's it is the value alone.
/// Not 2 or 3: a bignum is an integer.
///
/// ```
/// use entidb_codec::{Tagged, Value, decode, to_vec};
///
/// let bytes = to_vec(&Tagged::<1, i64>(1_709_200_800))?;
/// assert_eq!(decode(&bytes)?, Value::Tag(1, Box::new(Value::from(1_709_200_800))));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Tagged<const TAG: u64, T>(pub T);

/// What the name of a tagged newtype begins with. The number follows in 16 hexadecimal digits: a
/// name is all that serde passes on unseen by other formats.
const NAME: &[u8; 14] = b"\0entidb.tagged";
const NAME_LEN: usize = NAME.len() + 16;

const fn name(tag: u64) -> [u8; NAME_LEN] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut name = [0; NAME_LEN];
    let mut at = 0;
    while at < NAME_LEN {
        name[at] = if at < NAME.len() {
            NAME[at]
        } else {
            DIGITS[((tag >> (4 * (NAME_LEN - 1 - at))) & 15) as usize]
        };
        at += 1;
    }
    name
}

/// The tag that the name of a newtype stands for.
pub(super) fn number(newtype: &str) -> Option<u64> {
    let digits = newtype.as_bytes().strip_prefix(NAME)?;
    u64::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()
}

impl<const TAG: u64, T> Tagged<TAG, T> {
    const NAME_BYTES: [u8; NAME_LEN] = name(TAG);
    const NAME: &'static str = match str::from_utf8(&Self::NAME_BYTES) {
        Ok(name) => name,
        Err(_) => "",
    };
}

impl<const TAG: u64, T> From<T> for Tagged<TAG, T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

impl<const TAG: u64, T: Serialize> Serialize for Tagged<TAG, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(Self::NAME, &self.0)
    }
}

impl<'de, const TAG: u64, T: Deserialize<'de>> Deserialize<'de> for Tagged<TAG, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Content<const TAG: u64, T>(PhantomData<T>);

        impl<'de, const TAG: u64, T: Deserialize<'de>> Visitor<'de> for Content<TAG, T> {
            type Value = Tagged<TAG, T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "tag {TAG}")
            }

            fn visit_newtype_struct<D: Deserializer<'de>>(
                self,
                deserializer: D,
            ) -> Result<Self::Value, D::Error> {
                T::deserialize(deserializer).map(Tagged)
            }
        }

        deserializer.deserialize_newtype_struct(Self::NAME, Content::<TAG, T>(PhantomData))
    }
}
