//! Numbers side by side, each in as many bits as the widest of them needs.

use super::fields::put;

/// The widest column, in bits: with up to 7 bits of shift it is still read by one 64-bit load.
pub(super) const BITS_MAX: u8 = 56;

/// Bytes that a column takes.
pub(super) fn column_len(count: usize, width: u8) -> usize {
    (count * usize::from(width)).div_ceil(8)
}

/// How many bits `value` needs.
pub(super) fn bits(value: u64) -> u8 {
    u8::try_from(u64::BITS - value.leading_zeros()).unwrap_or(64)
}

/// Packs the values into `width` bits each, low bits first; the column ends at a whole byte.
pub(super) fn pack(out: &mut Vec<u8>, width: u8, values: impl Iterator<Item = u64>) {
    if width == 0 {
        return;
    }
    let mut pending = 0_u128;
    let mut pending_bits = 0_u32;
    for value in values {
        pending |= u128::from(value) << pending_bits;
        pending_bits += u32::from(width);
        while pending_bits >= 8 {
            out.push((pending & 0xff) as u8);
            pending >>= 8;
            pending_bits -= 8;
        }
    }
    if pending_bits > 0 {
        out.push((pending & 0xff) as u8);
    }
}

/// The value at `index` of a packed column. It is read by a 64-bit load, which may run into what follows; the mask drops that.
#[inline]
pub(super) fn unpack(column: &[u8], width: u8, index: usize) -> u64 {
    if width == 0 {
        return 0;
    }
    let bit = index * usize::from(width);
    let bytes = column.get(bit / 8..).unwrap_or_default();
    let word = match bytes.first_chunk::<8>() {
        Some(word) => u64::from_le_bytes(*word),
        None => {
            let mut word = [0; 8];
            put(&mut word, 0, bytes);
            u64::from_le_bytes(word)
        }
    };
    (word >> (bit % 8)) & ((1 << width) - 1)
}
