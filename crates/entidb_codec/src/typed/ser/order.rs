//! The canonical order of a struct's fields, remembered from one value to the next.

use std::ptr;

use crate::EncodeError;
use crate::typed::scratch::Field;

/// How many structs are remembered.
const SLOTS: usize = 64;

/// Orders that were found before. Finding one is sorting names; finding it again is comparing
/// where the names lie in memory, which is the same for each value of a struct.
#[derive(Debug, Default)]
pub(in crate::typed) struct Orders {
    slots: Vec<Order>,
}

/// The order of certain fields.
#[derive(Debug, Default)]
pub(super) struct Order {
    names: Vec<&'static str>,
    /// How many fields are in their place at the start. If not all are, those behind them follow
    /// in `runs`: from one field up to another, as they were written.
    in_place: usize,
    runs: Vec<(usize, usize)>,
}

impl Orders {
    /// The order of fields as they were written, of which there is at least one.
    #[inline]
    pub(super) fn of(&mut self, fields: &[Field]) -> Result<&Order, EncodeError> {
        if self.slots.is_empty() {
            self.slots.resize_with(SLOTS, Order::default);
        }
        let first = fields.first().map_or(0, |field| field.name.as_ptr().addr());
        let slot = (first ^ (first >> 6) ^ fields.len()) % SLOTS;
        let order = &mut self.slots[slot];
        if !order.is_of(fields) {
            order.find(fields)?;
        }
        Ok(order)
    }
}

/// A piece of up to this length is moved by a copy of this length, which is a few instructions
/// and no call.
const BLOCK: usize = 32;

impl Order {
    /// Whether the fields were written in canonical order.
    #[inline]
    pub(super) fn is_kept(&self) -> bool {
        self.runs.is_empty()
    }

    /// Puts fields, which lie at the end of `out`, in canonical order, by way of `copy`.
    pub(super) fn apply(&self, fields: &[Field], out: &mut Vec<u8>, copy: &mut Vec<u8>) {
        let base = fields[self.in_place].start;
        let end = out.len();
        copy.clear();
        copy.extend_from_slice(&out[base..]);
        for padded in [&mut *copy, &mut *out] {
            padded.extend_from_slice(&[0; BLOCK]);
        }
        let mut at = base;
        for &(from, to) in &self.runs {
            let start = fields[from].start - base;
            let stop = fields.get(to).map_or(end, |field| field.start) - base;
            let len = stop - start;
            if len <= BLOCK {
                // What a block has beyond its piece is overwritten by the next piece or cut off.
                out[at..at + BLOCK].copy_from_slice(&copy[start..start + BLOCK]);
            } else {
                out[at..at + len].copy_from_slice(&copy[start..stop]);
            }
            at += len;
        }
        out.truncate(end);
    }

    #[inline]
    fn is_of(&self, fields: &[Field]) -> bool {
        self.names.len() == fields.len()
            && self
                .names
                .iter()
                .zip(fields)
                .all(|(&name, field)| ptr::eq(name, field.name))
    }

    #[cold]
    fn find(&mut self, fields: &[Field]) -> Result<(), EncodeError> {
        self.names.clear();
        let mut sorted: Vec<usize> = (0..fields.len()).collect();
        // As their encodings are ordered: a head tells the length.
        sorted.sort_by_key(|&index| {
            let name = fields[index].name;
            (name.len(), name)
        });
        if sorted
            .windows(2)
            .any(|pair| fields[pair[0]].name == fields[pair[1]].name)
        {
            return Err(EncodeError::DuplicateKey);
        }
        self.in_place = (0..)
            .zip(&sorted)
            .take_while(|(place, index)| place == *index)
            .count();
        self.runs.clear();
        for &index in &sorted[self.in_place..] {
            match self.runs.last_mut() {
                Some((_, end)) if *end == index => *end += 1,
                _ => self.runs.push((index, index + 1)),
            }
        }
        self.names.extend(fields.iter().map(|field| field.name));
        Ok(())
    }
}
