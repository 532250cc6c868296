//! Maps: keys of any kind, in any order.

use serde::Serialize;
use serde::ser::SerializeMap;

use super::filter::Filter;
use super::serializer::item;
use super::{Begun, SerializeError, Writer};
use crate::entries::{Duplicate, Entry};
use crate::{EncodeError, head};

pub(super) struct MapWriter<'w, 'a, F> {
    writer: &'w mut Writer<'a>,
    begun: Begun,
    /// Where the entries begin.
    base: usize,
    /// How many entries of outer maps come first.
    first: usize,
    filter: F,
    /// Whether all keys have come in ascending order.
    sorted: bool,
    key: Key,
}

/// The key whose value comes next.
#[derive(Debug, Clone, Copy)]
enum Key {
    None,
    /// Where it begins, and where its value will.
    Written(u32, u32),
    /// The filter leaves its value out.
    LeftOut,
}

impl<'w, 'a, F: Filter> MapWriter<'w, 'a, F> {
    #[inline]
    pub(super) fn begin(
        writer: &'w mut Writer<'a>,
        len: Option<usize>,
        filter: F,
    ) -> Result<Self, SerializeError> {
        let begun = writer.begin(head::MAP, len)?;
        Ok(Self {
            base: writer.out.len(),
            first: writer.scratch.entries.len(),
            writer,
            begun,
            filter,
            sorted: true,
            key: Key::None,
        })
    }

    #[inline]
    fn place(&self) -> Result<u32, SerializeError> {
        u32::try_from(self.writer.out.len() - self.base).map_err(|_| EncodeError::TooLong.into())
    }

    /// Notes an entry that has been written.
    #[inline]
    fn note(&mut self, entry: Entry) {
        let entries = &mut self.writer.scratch.entries;
        let bytes = &self.writer.out[self.base..];
        if let Some(last) = entries.get(self.first..).unwrap_or_default().last() {
            self.sorted &= last.key(bytes) < entry.key(bytes);
        }
        entries.push(entry);
    }
}

impl<F: Filter> SerializeMap for MapWriter<'_, '_, F> {
    type Ok = ();
    type Error = SerializeError;

    #[inline]
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), SerializeError> {
        let start = self.place()?;
        let at = self.writer.out.len();
        item(self.writer, key)?;
        self.key = if self.filter.leaves_out_key(&self.writer.out[at..]) {
            self.writer.out.truncate(at);
            Key::LeftOut
        } else {
            Key::Written(start, self.place()?)
        };
        Ok(())
    }

    #[inline]
    fn serialize_value<T: Serialize + ?Sized>(
        &mut self,
        content: &T,
    ) -> Result<(), SerializeError> {
        match std::mem::replace(&mut self.key, Key::None) {
            Key::Written(start, value) => {
                item(self.writer, content)?;
                let end = self.place()?;
                self.note(Entry { start, value, end });
                Ok(())
            }
            Key::LeftOut => Ok(()),
            Key::None => Err(serde::ser::Error::custom(
                "a map gives a value without a key",
            )),
        }
    }

    #[inline]
    fn end(self) -> Result<(), SerializeError> {
        if let Key::Written(..) = self.key {
            return Err(serde::ser::Error::custom(
                "a map gives a key without a value",
            ));
        }
        let scratch = &mut *self.writer.scratch;
        let entries = scratch.entries.get_mut(self.first..).unwrap_or_default();
        let count = entries.len();
        if !self.sorted {
            scratch
                .sorter
                .sort(self.writer.out, self.base, entries)
                .map_err(|Duplicate(_)| EncodeError::DuplicateKey)?;
        }
        scratch.entries.truncate(self.first);
        self.writer.end(self.begun, head::MAP, count);
        Ok(())
    }
}
