//! What an index is asked by.

use entidb_codec::Value;
use serde::Serialize;

use crate::encoding::to_value;
use crate::error::Result;

/// What an index of values of type `K` can be asked by: a `K`, or a reference to one; of text also a `&str`, and of a byte
/// string a slice.
#[diagnostic::on_unimplemented(
    message = "an index on a `{K}` is not asked by a `{Self}`",
    label = "give a `{K}`, or a reference to one"
)]
pub trait ToKey<K> {
    /// The value as it is stored.
    #[doc(hidden)]
    fn to_key(&self) -> Result<Value>;
}

impl<K: Serialize> ToKey<K> for K {
    fn to_key(&self) -> Result<Value> {
        to_value(self)
    }
}

impl<K: Serialize> ToKey<K> for &K {
    fn to_key(&self) -> Result<Value> {
        to_value(self)
    }
}

impl ToKey<String> for &str {
    fn to_key(&self) -> Result<Value> {
        Ok(Value::from(*self))
    }
}

impl ToKey<String> for &&str {
    fn to_key(&self) -> Result<Value> {
        Ok(Value::from(**self))
    }
}

/// The value of an index on a byte string: a field that has `#[serde(with = "serde_bytes")]`.
#[derive(Debug, Clone, Copy)]
pub enum ByteString {}

macro_rules! byte_strings {
    ($($key:ty $(, $len:ident)?);*) => {$(
        impl$(<const $len: usize>)? ToKey<ByteString> for $key {
            fn to_key(&self) -> Result<Value> {
                let bytes: &[u8] = self.as_ref();
                Ok(Value::from(bytes))
            }
        }
    )*};
}

byte_strings!(&[u8]; Vec<u8>; &Vec<u8>; &[u8; N], N; [u8; N], N);

/// What an index on several paths can be asked by: a tuple with one part for each.
#[diagnostic::on_unimplemented(
    message = "an index on `{K}` is not asked by `{Self}`",
    label = "give a tuple with a part for each path"
)]
pub trait ToKeys<K> {
    /// The values as they are stored.
    #[doc(hidden)]
    fn to_keys(&self) -> Result<Vec<Value>>;
}

/// The first parts of what an index on several paths is asked by.
#[diagnostic::on_unimplemented(
    message = "`{Self}` are not the first parts of `{K}`",
    label = "give a tuple of one part or more, but not of all: `(\"Curie\",)`"
)]
pub trait ToLeading<K> {
    /// The parts that are left.
    type Rest: Parts;

    /// The values as they are stored.
    #[doc(hidden)]
    fn to_leading(&self) -> Result<Vec<Value>>;
}

/// Types of the parts of an index on several paths: a tuple of one to six.
pub trait Parts {
    /// That of the first.
    type First;
}

macro_rules! parts {
    ($($first:ident $($part:ident)*;)*) => {$(
        impl<$first, $($part),*> Parts for ($first, $($part,)*) {
            type First = $first;
        }
    )*};
}

parts! {
    A;
    A B;
    A B C;
    A B C D;
    A B C D E;
    A B C D E F;
}

macro_rules! keys {
    ($($($key:ident $part:ident $at:tt),+;)*) => {$(
        impl<$($key, $part: ToKey<$key>),+> ToKeys<($($key,)+)> for ($($part,)+) {
            fn to_keys(&self) -> Result<Vec<Value>> {
                Ok(vec![$(self.$at.to_key()?),+])
            }
        }
    )*};
}

keys! {
    A P 0;
    A P 0, B Q 1;
    A P 0, B Q 1, C R 2;
    A P 0, B Q 1, C R 2, D S 3;
    A P 0, B Q 1, C R 2, D S 3, E T 4;
    A P 0, B Q 1, C R 2, D S 3, E T 4, F U 5;
}

macro_rules! leading {
    ($($($key:ident $part:ident $at:tt),+ then $($rest:ident),+;)*) => {$(
        impl<$($key, $part: ToKey<$key>,)+ $($rest),+> ToLeading<($($key,)+ $($rest,)+)> for ($($part,)+) {
            type Rest = ($($rest,)+);

            fn to_leading(&self) -> Result<Vec<Value>> {
                Ok(vec![$(self.$at.to_key()?),+])
            }
        }
    )*};
}

leading! {
    A P 0 then B;
    A P 0 then B, C;
    A P 0, B Q 1 then C;
    A P 0 then B, C, D;
    A P 0, B Q 1 then C, D;
    A P 0, B Q 1, C R 2 then D;
    A P 0 then B, C, D, E;
    A P 0, B Q 1 then C, D, E;
    A P 0, B Q 1, C R 2 then D, E;
    A P 0, B Q 1, C R 2, D S 3 then E;
    A P 0 then B, C, D, E, F;
    A P 0, B Q 1 then C, D, E, F;
    A P 0, B Q 1, C R 2 then D, E, F;
    A P 0, B Q 1, C R 2, D S 3 then E, F;
    A P 0, B Q 1, C R 2, D S 3, E T 4 then F;
}
