//! The bytes of an item, for `Value`.

use serde::de::value::{BorrowedBytesDeserializer, BorrowedStrDeserializer};
use serde::de::{DeserializeSeed, EnumAccess, Error, VariantAccess, Visitor};

use super::DeserializeError;
use crate::typed::value::VALUE;

/// A variant that no enum has, with the bytes as its content.
pub(super) struct Item<'de>(pub(super) &'de [u8]);

impl<'de> EnumAccess<'de> for Item<'de> {
    type Error = DeserializeError;
    type Variant = Self;

    #[inline]
    fn variant_seed<S: DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> Result<(S::Value, Self), DeserializeError> {
        let name = seed.deserialize(BorrowedStrDeserializer::<DeserializeError>::new(VALUE))?;
        Ok((name, self))
    }
}

impl<'de> VariantAccess<'de> for Item<'de> {
    type Error = DeserializeError;

    #[inline]
    fn newtype_variant_seed<S: DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> Result<S::Value, DeserializeError> {
        seed.deserialize(BorrowedBytesDeserializer::new(self.0))
    }

    fn unit_variant(self) -> Result<(), DeserializeError> {
        Err(only_bytes())
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, DeserializeError> {
        Err(only_bytes())
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, DeserializeError> {
        Err(only_bytes())
    }
}

fn only_bytes() -> DeserializeError {
    DeserializeError::custom("the content of an item is bytes")
}
