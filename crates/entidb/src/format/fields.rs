//! Reading and writing fixed fields, little-endian.

/// Takes fields off the front of a slice; `None` where it ends.
pub(crate) struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_le_bytes)
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    pub(crate) fn rest(&self) -> &'a [u8] {
        self.0
    }
}

/// Overwrites the bytes at `at` with `field`. The caller has made the room.
pub(crate) fn put(out: &mut [u8], at: usize, field: &[u8]) {
    if let Some(room) = out.get_mut(at..at + field.len()) {
        room.copy_from_slice(field);
    } else {
        debug_assert!(false, "no room for a field at {at}");
    }
}
