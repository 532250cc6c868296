//! The keys that a struct will have, in the order in which they will come: so that reading one is
//! comparing a few bytes, and neither its UTF-8 nor its order need a look.

use std::cell::Cell;
use std::ptr;
use std::rc::Rc;

use crate::head;

/// How many structs are remembered.
const SLOTS: usize = 64;

thread_local! {
    /// Taken while it is used, by the outermost reader of the thread.
    static KEPT: Cell<Option<Box<Shapes>>> = const { Cell::new(None) };
}

/// Shapes that were met before, by where the names of the fields lie in memory: the same place for
/// each value of a struct.
#[derive(Debug)]
pub(super) struct Shapes {
    slots: [Option<Rc<Shape>>; SLOTS],
}

/// The fields of a struct in canonical order.
#[derive(Debug)]
pub(super) struct Shape {
    fields: &'static [&'static str],
    keys: Vec<Key>,
}

#[derive(Debug)]
struct Key {
    name: &'static str,
    encoded: Box<[u8]>,
    /// If it is no longer than a block, the encoded key as one number, and which bits of a block are
    /// its own; else a number that no block is.
    block: u128,
    mask: u128,
}

const BLOCK: usize = size_of::<u128>();

impl Shapes {
    pub(super) fn take() -> Box<Self> {
        let kept = KEPT.try_with(Cell::take).ok().flatten();
        kept.unwrap_or_else(|| {
            Box::new(Self {
                slots: [const { None }; SLOTS],
            })
        })
    }

    pub(super) fn put(self: Box<Self>) {
        // Where the thread is at its end there is nothing to keep it for.
        let _ = KEPT.try_with(|kept| kept.set(Some(self)));
    }

    #[inline]
    pub(super) fn of(&mut self, fields: &'static [&'static str]) -> Rc<Shape> {
        let place = fields.as_ptr().addr();
        let slot = &mut self.slots[((place >> 4) ^ (place >> 10)) % SLOTS];
        match slot {
            Some(shape) if ptr::eq(shape.fields, fields) => Rc::clone(shape),
            _ => Rc::clone(slot.insert(Rc::new(Shape::new(fields)))),
        }
    }
}

impl Shape {
    #[cold]
    fn new(fields: &'static [&'static str]) -> Self {
        let mut keys: Vec<Key> = fields.iter().copied().map(Key::new).collect();
        keys.sort_by(|a, b| a.encoded.cmp(&b.encoded));
        // A name that is there twice must not let a key pass that is.
        keys.dedup_by(|a, b| a.encoded == b.encoded);
        Self { fields, keys }
    }

    /// The field that the bytes begin with the key of, if it is the one expected `next` or the one
    /// behind that: its name, how long its key is, and which is expected then.
    #[inline]
    pub(super) fn find(&self, next: usize, rest: &[u8]) -> Option<(&'static str, usize, usize)> {
        match (self.keys.get(next), rest.first_chunk()) {
            (Some(key), Some(block)) if key.is_block(*block) => {
                Some((key.name, key.encoded.len(), next + 1))
            }
            _ => self.find_long(next, rest),
        }
    }

    /// The same for a key that is longer than a block, for the end of the bytes, and for the field behind
    /// one that is not there.
    #[inline(never)]
    fn find_long(&self, next: usize, rest: &[u8]) -> Option<(&'static str, usize, usize)> {
        (next..self.keys.len()).take(2).find_map(|index| {
            let key = self.keys.get(index)?;
            rest.starts_with(&key.encoded)
                .then_some((key.name, key.encoded.len(), index + 1))
        })
    }

    /// Which field is expected behind a key, the first that is not before `next`.
    #[cold]
    pub(super) fn behind(&self, key: &[u8], next: usize) -> usize {
        let rest = self.keys.get(next..).unwrap_or_default();
        next + rest.partition_point(|expected| &*expected.encoded <= key)
    }
}

impl Key {
    fn new(name: &'static str) -> Self {
        let mut encoded = Vec::with_capacity(name.len() + 9);
        head::write(&mut encoded, head::TEXT, name.len() as u64);
        encoded.extend_from_slice(name.as_bytes());
        let mut block = [0; BLOCK];
        let mut mask = [0; BLOCK];
        match (
            block.get_mut(..encoded.len()),
            mask.get_mut(..encoded.len()),
        ) {
            (Some(block), Some(mask)) => {
                block.copy_from_slice(&encoded);
                mask.fill(u8::MAX);
            }
            _ => block.fill(u8::MAX),
        }
        Self {
            name,
            encoded: encoded.into(),
            block: u128::from_le_bytes(block),
            mask: u128::from_le_bytes(mask),
        }
    }

    /// Whether a block begins with this key, which is no longer than it.
    #[inline]
    fn is_block(&self, block: [u8; BLOCK]) -> bool {
        u128::from_le_bytes(block) & self.mask == self.block
    }
}
