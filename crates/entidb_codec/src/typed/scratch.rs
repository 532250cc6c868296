//! Memory that one encoding leaves to the next, so that encoding allocates its result and nothing
//! else.

use std::cell::Cell;

use super::SerializeError;
use super::ser::order::Orders;
use crate::entries::{Entry, Sorter};

/// What is kept of a buffer that was larger.
const KEPT_MAX: usize = 1 << 20;

thread_local! {
    /// Taken while it is used: an encoding within an encoding has one of its own.
    static KEPT: Cell<Option<Box<Scratch>>> = const { Cell::new(None) };
}

#[derive(Debug, Default)]
pub(super) struct Scratch {
    buffer: Vec<u8>,
    /// The fields of the structs, and the entries of the maps, that are being written, those of
    /// the innermost last.
    pub(super) fields: Vec<Field>,
    pub(super) entries: Vec<Entry>,
    /// Bytes on the way to their place.
    pub(super) copy: Vec<u8>,
    pub(super) orders: Orders,
    pub(super) sorter: Sorter,
}

/// A field of a struct that has been written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field {
    pub(super) name: &'static str,
    /// Where its key begins.
    pub(super) start: usize,
}

/// Runs with the scratch of this thread.
#[inline]
pub(super) fn with<R>(run: impl FnOnce(&mut Scratch) -> R) -> R {
    let mut scratch = take();
    let result = run(&mut scratch);
    put(scratch);
    result
}

/// Runs with a buffer of this thread, and gives a copy of what is in it then.
#[inline]
pub(super) fn with_buffer(
    run: impl FnOnce(&mut Vec<u8>, &mut Scratch) -> Result<(), SerializeError>,
) -> Result<Vec<u8>, SerializeError> {
    let mut scratch = take();
    let mut buffer = std::mem::take(&mut scratch.buffer);
    buffer.clear();
    let result = run(&mut buffer, &mut scratch).map(|()| buffer.as_slice().to_vec());
    scratch.buffer = buffer;
    put(scratch);
    result
}

fn take() -> Box<Scratch> {
    let mut scratch = KEPT.try_with(Cell::take).ok().flatten().unwrap_or_default();
    // An encoding that failed has left its own.
    scratch.fields.clear();
    scratch.entries.clear();
    scratch
}

fn put(mut scratch: Box<Scratch>) {
    for buffer in [&mut scratch.buffer, &mut scratch.copy] {
        if buffer.capacity() > KEPT_MAX {
            *buffer = Vec::new();
        }
    }
    scratch.sorter.shrink(KEPT_MAX);
    // Where the thread is at its end there is nothing to keep it for.
    let _ = KEPT.try_with(|kept| kept.set(Some(scratch)));
}
