//! What was read, so that it counts as read and can be compared.

use crate::data::Id;

/// Adds up what one thread reads. The sum does not depend on the order; a scan's order is checked beside it.
#[derive(Debug, Clone, Default)]
pub struct Reading {
    pub count: u64,
    pub sum: u64,
    pub unordered: u64,
    last: Id,
}

/// Reads a byte of each cache line of `value`, and gives a number that depends on them, on its length and on its id.
#[inline]
pub fn touch(id: &Id, value: &[u8]) -> u64 {
    let mut seen = value.len() as u64;
    let mut shift = 0;
    for byte in value.iter().step_by(64) {
        seen ^= u64::from(*byte) << (shift & 63);
        shift += 7;
    }
    // The steps begin at the value and not at a line's first byte, so the last line may be left over.
    seen ^= u64::from(value.last().copied().unwrap_or_default()) << 32;
    let tail = u64::from_le_bytes([id[8], id[9], id[10], id[11], id[12], id[13], id[14], id[15]]);
    (seen ^ tail).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

impl Reading {
    #[inline]
    pub fn value(&mut self, id: &Id, value: &[u8]) {
        self.count += 1;
        self.sum = self.sum.wrapping_add(touch(id, value));
    }

    /// As [`value`](Self::value), of a walk in id order.
    #[inline]
    pub fn next(&mut self, id: &[u8], value: &[u8]) {
        let id: Id = id.try_into().unwrap_or_default();
        self.unordered += u64::from(id <= self.last);
        self.last = id;
        self.value(&id, value);
    }

    /// A new walk begins.
    pub fn restart(&mut self) {
        self.last = Id::default();
    }

    pub fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.sum = self.sum.wrapping_add(other.sum);
        self.unordered += other.unordered;
    }

    /// The answer in a form that is compared over engines.
    pub fn answer(&self) -> String {
        format!("{}:{:016x}:{}", self.count, self.sum, self.unordered)
    }
}
