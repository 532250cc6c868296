//! Structs: the names of the fields are known by where they lie, and so is their order.

use serde::Serialize;
use serde::ser::{SerializeStruct, SerializeStructVariant};

use super::filter::Filter;
use super::serializer::item;
use super::{Begun, SerializeError, Writer};
use crate::head;
use crate::typed::scratch::{Field, Scratch};

pub(super) struct StructWriter<'w, 'a, F> {
    writer: &'w mut Writer<'a>,
    begun: Begun,
    /// How many fields of outer structs come first.
    first: usize,
    filter: F,
    in_variant: bool,
}

impl<'w, 'a, F: Filter> StructWriter<'w, 'a, F> {
    #[inline]
    pub(super) fn begin(
        writer: &'w mut Writer<'a>,
        len: usize,
        filter: F,
    ) -> Result<Self, SerializeError> {
        let begun = writer.begin(head::MAP, Some(len))?;
        let first = writer.scratch.fields.len();
        Ok(Self {
            writer,
            begun,
            first,
            filter,
            in_variant: false,
        })
    }

    /// It is the content of a variant, whose map ends with it.
    #[inline]
    pub(super) fn in_variant(mut self) -> Self {
        self.in_variant = true;
        self
    }

    // Inlined for good: then the name and its length are constants, and writing them a few stores.
    #[inline(always)]
    fn push<T: Serialize + ?Sized>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> Result<(), SerializeError> {
        if self.filter.leaves_out(name) {
            return Ok(());
        }
        let start = self.writer.out.len();
        self.writer.scratch.fields.push(Field { name, start });
        self.writer.name(name);
        item(self.writer, value)
    }

    #[inline]
    fn finish(self) -> Result<(), SerializeError> {
        let count = order(self.writer.out, self.writer.scratch, self.first)?;
        self.writer.end(self.begun, head::MAP, count);
        if self.in_variant {
            self.writer.leave();
        }
        Ok(())
    }
}

/// Puts the fields from `first` on, the last that were written, in canonical order, and says how
/// many they are.
fn order(out: &mut Vec<u8>, scratch: &mut Scratch, first: usize) -> Result<usize, SerializeError> {
    let Scratch {
        fields,
        copy,
        orders,
        ..
    } = scratch;
    let written = fields.get(first..).unwrap_or_default();
    let count = written.len();
    if count > 1 {
        let order = orders.of(written)?;
        if !order.is_kept() {
            order.apply(written, out, copy);
        }
    }
    fields.truncate(first);
    Ok(count)
}

impl<F: Filter> SerializeStruct for StructWriter<'_, '_, F> {
    type Ok = ();
    type Error = SerializeError;

    #[inline(always)]
    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> Result<(), SerializeError> {
        self.push(name, value)
    }

    #[inline]
    fn end(self) -> Result<(), SerializeError> {
        self.finish()
    }
}

impl<F: Filter> SerializeStructVariant for StructWriter<'_, '_, F> {
    type Ok = ();
    type Error = SerializeError;

    #[inline(always)]
    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> Result<(), SerializeError> {
        self.push(name, value)
    }

    #[inline]
    fn end(self) -> Result<(), SerializeError> {
        self.finish()
    }
}
