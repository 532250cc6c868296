//! One value at a time.

use serde::{Serialize, Serializer};

use super::fields::StructWriter;
use super::filter::{Filter, Whole};
use super::map::MapWriter;
use super::seq::SeqWriter;
use super::{SerializeError, Writer, special};
use crate::{Integer, float, head};

/// Writes one item. `F` is about the fields or entries of this item alone.
pub(super) struct Ser<'w, 'a, F> {
    writer: &'w mut Writer<'a>,
    filter: F,
}

impl<'w, 'a, F: Filter> Ser<'w, 'a, F> {
    #[inline]
    pub(super) fn new(writer: &'w mut Writer<'a>, filter: F) -> Self {
        Self { writer, filter }
    }

    /// The map of a variant with content, up to where the content begins.
    #[inline]
    fn variant(self, name: &'static str) -> Result<&'w mut Writer<'a>, SerializeError> {
        self.writer.begin(head::MAP, Some(1))?;
        self.writer.text(name);
        Ok(self.writer)
    }
}

/// Writes an item of which nothing is left out.
#[inline]
pub(super) fn item<T: Serialize + ?Sized>(
    writer: &mut Writer<'_>,
    value: &T,
) -> Result<(), SerializeError> {
    value.serialize(Ser::new(writer, Whole))
}

macro_rules! unsigned {
    ($($method:ident $type:ty),*) => {$(
        #[inline]
        fn $method(self, integer: $type) -> Result<(), SerializeError> {
            head::write(self.writer.out, head::UNSIGNED, u64::from(integer));
            Ok(())
        }
    )*};
}

macro_rules! signed {
    ($($method:ident $type:ty),*) => {$(
        #[inline]
        fn $method(self, integer: $type) -> Result<(), SerializeError> {
            let integer = i64::from(integer);
            // RFC 8949 section 3.1: a negative integer n has the argument -1 - n, which is !n.
            let (major, argument) = if integer < 0 {
                (head::NEGATIVE, !integer)
            } else {
                (head::UNSIGNED, integer)
            };
            head::write(self.writer.out, major, argument.unsigned_abs());
            Ok(())
        }
    )*};
}

impl<'w, 'a, F: Filter> Serializer for Ser<'w, 'a, F> {
    type Ok = ();
    type Error = SerializeError;
    type SerializeSeq = SeqWriter<'w, 'a>;
    type SerializeTuple = SeqWriter<'w, 'a>;
    type SerializeTupleStruct = SeqWriter<'w, 'a>;
    type SerializeTupleVariant = SeqWriter<'w, 'a>;
    type SerializeMap = MapWriter<'w, 'a, F>;
    type SerializeStruct = StructWriter<'w, 'a, F>;
    type SerializeStructVariant = StructWriter<'w, 'a, Whole>;

    unsigned!(serialize_u8 u8, serialize_u16 u16, serialize_u32 u32, serialize_u64 u64);
    signed!(serialize_i8 i8, serialize_i16 i16, serialize_i32 i32, serialize_i64 i64);

    fn serialize_u128(self, integer: u128) -> Result<(), SerializeError> {
        Integer::from(integer).write(self.writer.out);
        Ok(())
    }

    fn serialize_i128(self, integer: i128) -> Result<(), SerializeError> {
        Integer::from(integer).write(self.writer.out);
        Ok(())
    }

    #[inline]
    fn serialize_bool(self, bool: bool) -> Result<(), SerializeError> {
        self.writer
            .out
            .push(if bool { head::TRUE } else { head::FALSE });
        Ok(())
    }

    #[inline]
    fn serialize_f32(self, float: f32) -> Result<(), SerializeError> {
        float::write(self.writer.out, f64::from(float));
        Ok(())
    }

    #[inline]
    fn serialize_f64(self, float: f64) -> Result<(), SerializeError> {
        float::write(self.writer.out, float);
        Ok(())
    }

    #[inline]
    fn serialize_char(self, char: char) -> Result<(), SerializeError> {
        self.writer.text(char.encode_utf8(&mut [0; 4]));
        Ok(())
    }

    #[inline]
    fn serialize_str(self, text: &str) -> Result<(), SerializeError> {
        self.writer.text(text);
        Ok(())
    }

    #[inline]
    fn serialize_bytes(self, bytes: &[u8]) -> Result<(), SerializeError> {
        head::write(self.writer.out, head::BYTES, bytes.len() as u64);
        self.writer.out.extend_from_slice(bytes);
        Ok(())
    }

    #[inline]
    fn serialize_none(self) -> Result<(), SerializeError> {
        self.serialize_unit()
    }

    #[inline]
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), SerializeError> {
        value.serialize(self)
    }

    #[inline]
    fn serialize_unit(self) -> Result<(), SerializeError> {
        self.writer.out.push(head::NULL);
        Ok(())
    }

    #[inline]
    fn serialize_unit_struct(self, _: &'static str) -> Result<(), SerializeError> {
        self.serialize_unit()
    }

    #[inline]
    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<(), SerializeError> {
        self.serialize_str(variant)
    }

    #[inline]
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<(), SerializeError> {
        if special::is(name) {
            return special::write(self.writer, name, value);
        }
        value.serialize(self)
    }

    #[inline]
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), SerializeError> {
        let writer = self.variant(variant)?;
        item(writer, value)?;
        writer.leave();
        Ok(())
    }

    #[inline]
    fn serialize_seq(self, len: Option<usize>) -> Result<SeqWriter<'w, 'a>, SerializeError> {
        SeqWriter::begin(self.writer, len)
    }

    #[inline]
    fn serialize_tuple(self, len: usize) -> Result<SeqWriter<'w, 'a>, SerializeError> {
        if self.writer.tagging {
            self.writer.tagging = false;
            return Ok(SeqWriter::tag(self.writer));
        }
        SeqWriter::begin(self.writer, Some(len))
    }

    #[inline]
    fn serialize_tuple_struct(
        self,
        _: &'static str,
        len: usize,
    ) -> Result<SeqWriter<'w, 'a>, SerializeError> {
        SeqWriter::begin(self.writer, Some(len))
    }

    #[inline]
    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<SeqWriter<'w, 'a>, SerializeError> {
        SeqWriter::begin(self.variant(variant)?, Some(len)).map(SeqWriter::in_variant)
    }

    #[inline]
    fn serialize_map(self, len: Option<usize>) -> Result<MapWriter<'w, 'a, F>, SerializeError> {
        MapWriter::begin(self.writer, len, self.filter)
    }

    #[inline]
    fn serialize_struct(
        self,
        _: &'static str,
        len: usize,
    ) -> Result<StructWriter<'w, 'a, F>, SerializeError> {
        StructWriter::begin(self.writer, len, self.filter)
    }

    #[inline]
    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<StructWriter<'w, 'a, Whole>, SerializeError> {
        StructWriter::begin(self.variant(variant)?, len, Whole).map(StructWriter::in_variant)
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}
