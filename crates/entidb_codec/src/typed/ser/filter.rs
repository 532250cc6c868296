//! What is left out at the top of a value.

use crate::head;

pub(in crate::typed) trait Filter: Copy {
    /// Whether the field of a struct is left out.
    fn leaves_out(self, name: &str) -> bool;
    /// Whether the entry of a map is left out, by its encoded key.
    fn leaves_out_key(self, key: &[u8]) -> bool;
}

/// Nothing is left out.
#[derive(Debug, Clone, Copy)]
pub(in crate::typed) struct Whole;

/// One field or entry is left out.
#[derive(Debug, Clone, Copy)]
pub(in crate::typed) struct Without<'a>(pub(in crate::typed) &'a str);

impl Filter for Whole {
    #[inline(always)]
    fn leaves_out(self, _: &str) -> bool {
        false
    }

    #[inline(always)]
    fn leaves_out_key(self, _: &[u8]) -> bool {
        false
    }
}

impl Filter for Without<'_> {
    #[inline]
    fn leaves_out(self, name: &str) -> bool {
        name == self.0
    }

    #[inline]
    fn leaves_out_key(self, key: &[u8]) -> bool {
        let (_, head_len) = head::build(head::TEXT, self.0.len() as u64);
        key.first()
            .is_some_and(|initial| initial >> 5 == head::TEXT)
            && key.get(head_len..) == Some(self.0.as_bytes())
    }
}
