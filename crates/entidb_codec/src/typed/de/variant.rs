//! Variants of enums: a name, or a map from the name to the content.

use serde::Deserializer;
use serde::de::value::BorrowedStrDeserializer;
use serde::de::{DeserializeSeed, EnumAccess, Error, Unexpected, VariantAccess, Visitor};

use super::{DeserializeError, Reader};

/// A variant without content.
pub(super) struct Named<'de>(pub(super) &'de str);

/// A map with one entry, whose head has been read.
pub(super) struct Variant<'r, 'de>(pub(super) &'r mut Reader<'de>);

impl<'de> EnumAccess<'de> for Named<'de> {
    type Error = DeserializeError;
    type Variant = Self;

    #[inline]
    fn variant_seed<S: DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> Result<(S::Value, Self), DeserializeError> {
        let name = seed.deserialize(BorrowedStrDeserializer::<DeserializeError>::new(self.0))?;
        Ok((name, self))
    }
}

impl Named<'_> {
    #[cold]
    fn no_content(&self, expected: &str) -> DeserializeError {
        DeserializeError::invalid_type(Unexpected::UnitVariant, &expected)
    }
}

impl<'de> VariantAccess<'de> for Named<'de> {
    type Error = DeserializeError;

    #[inline]
    fn unit_variant(self) -> Result<(), DeserializeError> {
        Ok(())
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(
        self,
        _: S,
    ) -> Result<S::Value, DeserializeError> {
        Err(self.no_content("newtype variant"))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, DeserializeError> {
        Err(self.no_content("tuple variant"))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, DeserializeError> {
        Err(self.no_content("struct variant"))
    }
}

impl<'de> EnumAccess<'de> for Variant<'_, 'de> {
    type Error = DeserializeError;
    type Variant = Self;

    #[inline]
    fn variant_seed<S: DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> Result<(S::Value, Self), DeserializeError> {
        let name = seed.deserialize(&mut *self.0)?;
        Ok((name, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'_, 'de> {
    type Error = DeserializeError;

    fn unit_variant(self) -> Result<(), DeserializeError> {
        Err(DeserializeError::invalid_type(
            Unexpected::Map,
            &"unit variant",
        ))
    }

    #[inline]
    fn newtype_variant_seed<S: DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> Result<S::Value, DeserializeError> {
        let offset = self.0.cursor.offset();
        seed.deserialize(self.0).map_err(|error| error.at(offset))
    }

    #[inline]
    fn tuple_variant<V: Visitor<'de>>(
        self,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, DeserializeError> {
        self.0.deserialize_seq(visitor)
    }

    #[inline]
    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DeserializeError> {
        self.0.map(fields, visitor)
    }
}
