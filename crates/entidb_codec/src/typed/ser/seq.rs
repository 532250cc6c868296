//! Arrays, and the two halves of a tag.

use serde::Serialize;
use serde::ser::{SerializeSeq, SerializeTuple, SerializeTupleStruct, SerializeTupleVariant};

use super::serializer::item;
use super::{Begun, SerializeError, Writer};
use crate::head;

pub(super) struct SeqWriter<'w, 'a> {
    writer: &'w mut Writer<'a>,
    /// None for a tag.
    begun: Option<Begun>,
    count: usize,
    in_variant: bool,
}

impl<'w, 'a> SeqWriter<'w, 'a> {
    #[inline]
    pub(super) fn begin(
        writer: &'w mut Writer<'a>,
        len: Option<usize>,
    ) -> Result<Self, SerializeError> {
        let begun = Some(writer.begin(head::ARRAY, len)?);
        Ok(Self {
            writer,
            begun,
            count: 0,
            in_variant: false,
        })
    }

    /// A tag's number and then its content.
    pub(super) fn tag(writer: &'w mut Writer<'a>) -> Self {
        Self {
            writer,
            begun: None,
            count: 0,
            in_variant: false,
        }
    }

    /// It is the content of a variant, whose map ends with it.
    #[inline]
    pub(super) fn in_variant(mut self) -> Self {
        self.in_variant = true;
        self
    }

    #[inline]
    fn push<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), SerializeError> {
        let start = self.writer.out.len();
        item(self.writer, value)?;
        // The number was written as an integer, whose major type is 0.
        if self.begun.is_none()
            && self.count == 0
            && let Some(initial) = self.writer.out.get_mut(start)
        {
            *initial |= head::TAG << 5;
        }
        self.count += 1;
        Ok(())
    }

    #[inline]
    fn finish(self) {
        if let Some(begun) = self.begun {
            self.writer.end(begun, head::ARRAY, self.count);
        }
        if self.in_variant {
            self.writer.leave();
        }
    }
}

macro_rules! seq {
    ($($trait:ident $method:ident),*) => {$(
        impl $trait for SeqWriter<'_, '_> {
            type Ok = ();
            type Error = SerializeError;

            #[inline]
            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), SerializeError> {
                self.push(value)
            }

            #[inline]
            fn end(self) -> Result<(), SerializeError> {
                self.finish();
                Ok(())
            }
        }
    )*};
}

seq!(
    SerializeSeq serialize_element,
    SerializeTuple serialize_element,
    SerializeTupleStruct serialize_field,
    SerializeTupleVariant serialize_field
);
