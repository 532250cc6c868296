//! Values to canonical CBOR.

use crate::entries::{Duplicate, Entry, Sorter};
use crate::{EncodeError, NESTING_MAX, Value, float, head};

/// The canonical encoding of a value (RFC 8949 section 4.2.1).
///
/// # Errors
///
/// [`EncodeError`] if the value has none: it is nested too deep, a map has a key twice, or a tag
/// or simple value is one that has a variant of its own.
pub fn encode(value: &Value) -> Result<Vec<u8>, EncodeError> {
    let mut out = Vec::new();
    encode_to(value, &mut out)?;
    Ok(out)
}

/// Appends the canonical encoding of a value to `out`, which is left as it was on an error.
///
/// # Errors
///
/// As for [`encode`].
pub fn encode_to(value: &Value, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let len = out.len();
    let result = Encoder {
        out,
        sorter: Sorter::default(),
    }
    .value(value, 0);
    if result.is_err() {
        out.truncate(len);
    }
    result
}

struct Encoder<'a> {
    out: &'a mut Vec<u8>,
    sorter: Sorter,
}

impl Encoder<'_> {
    /// Recursion ends at `NESTING_MAX`.
    fn value(&mut self, value: &Value, depth: usize) -> Result<(), EncodeError> {
        match value {
            Value::Null => self.out.push(head::NULL),
            Value::Undefined => self.out.push(head::UNDEFINED),
            Value::Bool(false) => self.out.push(head::FALSE),
            Value::Bool(true) => self.out.push(head::TRUE),
            Value::Integer(integer) => integer.write(self.out),
            Value::Float(float) => float::write(self.out, *float),
            Value::Bytes(bytes) => self.string(head::BYTES, bytes),
            Value::Text(text) => self.string(head::TEXT, text.as_bytes()),
            Value::Array(items) => {
                let depth = enter(depth)?;
                head::write(self.out, head::ARRAY, items.len() as u64);
                for item in items {
                    self.value(item, depth)?;
                }
            }
            Value::Map(entries) => self.map(entries, enter(depth)?)?,
            Value::Tag(number @ (head::TAG_BIGNUM | head::TAG_BIGNUM_NEGATIVE), _) => {
                return Err(EncodeError::BignumTag(*number));
            }
            Value::Tag(number, content) => {
                let depth = enter(depth)?;
                head::write(self.out, head::TAG, *number);
                self.value(content, depth)?;
            }
            Value::Simple(number @ 20..=31) => return Err(EncodeError::ReservedSimple(*number)),
            Value::Simple(number) => head::write(self.out, head::SIMPLE, u64::from(*number)),
        }
        Ok(())
    }

    fn string(&mut self, major: u8, bytes: &[u8]) {
        head::write(self.out, major, bytes.len() as u64);
        self.out.extend_from_slice(bytes);
    }

    fn map(&mut self, entries: &[(Value, Value)], depth: usize) -> Result<(), EncodeError> {
        head::write(self.out, head::MAP, entries.len() as u64);
        let base = self.out.len();
        let mut places: Vec<Entry> = Vec::with_capacity(entries.len());
        let mut sorted = true;
        for (key, value) in entries {
            let start = self.place(base)?;
            self.value(key, depth)?;
            let mut entry = Entry {
                start,
                value: self.place(base)?,
                end: 0,
            };
            self.value(value, depth)?;
            entry.end = self.place(base)?;
            let bytes = &self.out[base..];
            sorted &= places
                .last()
                .is_none_or(|last| last.key(bytes) < entry.key(bytes));
            places.push(entry);
        }
        if !sorted {
            self.sorter
                .sort(self.out, base, &mut places)
                .map_err(|Duplicate(_)| EncodeError::DuplicateKey)?;
        }
        Ok(())
    }

    fn place(&self, base: usize) -> Result<u32, EncodeError> {
        u32::try_from(self.out.len() - base).map_err(|_| EncodeError::TooLong)
    }
}

fn enter(depth: usize) -> Result<usize, EncodeError> {
    if depth < NESTING_MAX {
        Ok(depth + 1)
    } else {
        Err(EncodeError::TooDeep)
    }
}
