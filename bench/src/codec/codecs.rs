//! The codecs side by side. minicbor is derived by hand with a number for each field, and writes structs as arrays: no names.
//! ciborium and this crate write maps with names, this crate in canonical order.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// What every codec can do with a type.
pub trait Entity:
    Serialize + DeserializeOwned + minicbor::Encode<()> + for<'b> minicbor::Decode<'b, ()> + PartialEq
{
}

impl<T> Entity for T where
    T: Serialize
        + DeserializeOwned
        + minicbor::Encode<()>
        + for<'b> minicbor::Decode<'b, ()>
        + PartialEq
{
}

/// One codec with one type.
pub struct Codec<T> {
    pub name: &'static str,
    pub to_vec: fn(&T) -> Vec<u8>,
    pub append: fn(&T, &mut Vec<u8>),
    pub read: fn(&[u8]) -> T,
}

/// This crate, and the others.
pub fn codecs<T: Entity>() -> [Codec<T>; 3] {
    [
        Codec {
            name: "entidb_codec",
            to_vec: |value| entidb_codec::to_vec(value).unwrap(),
            append: |value, out| entidb_codec::serialize_to(value, out).unwrap(),
            read: |bytes| entidb_codec::from_slice(bytes).unwrap(),
        },
        Codec {
            name: "minicbor, derived",
            to_vec: |value| minicbor::to_vec(value).unwrap(),
            append: |value, out| minicbor::encode(value, out).unwrap(),
            read: |bytes| minicbor::decode(bytes).unwrap(),
        },
        Codec {
            name: "ciborium",
            to_vec: |value| {
                let mut out = Vec::new();
                ciborium::into_writer(value, &mut out).unwrap();
                out
            },
            append: |value, out| ciborium::into_writer(value, out).unwrap(),
            read: |bytes| ciborium::from_reader(bytes).unwrap(),
        },
    ]
}
