//! Floats in the fewest bytes that keep their value (RFC 8949 sections 4.2.1 and 4.2.2).

use crate::head::{INFO_2, INFO_4, INFO_8, SIMPLE};

/// The one NaN: quiet, positive, no payload.
pub(crate) const NAN_F16: u16 = 0x7e00;

/// Appends the canonical encoding of a float.
pub(crate) fn write(out: &mut Vec<u8>, float: f64) {
    match shortest(float) {
        Shortest::F16(bits) => {
            out.push((SIMPLE << 5) | INFO_2);
            out.extend_from_slice(&bits.to_be_bytes());
        }
        Shortest::F32(bits) => {
            out.push((SIMPLE << 5) | INFO_4);
            out.extend_from_slice(&bits.to_be_bytes());
        }
        Shortest::F64(bits) => {
            out.push((SIMPLE << 5) | INFO_8);
            out.extend_from_slice(&bits.to_be_bytes());
        }
    }
}

/// The bits of the narrowest format that keeps a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shortest {
    F16(u16),
    F32(u32),
    F64(u64),
}

/// The narrowest format that keeps `float`; every NaN becomes the canonical one.
pub(crate) fn shortest(float: f64) -> Shortest {
    if float.is_nan() {
        return Shortest::F16(NAN_F16);
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a value that the cast changes is told by the comparison below"
    )]
    let single = float as f32;
    if f64::from(single).to_bits() != float.to_bits() {
        return Shortest::F64(float.to_bits());
    }
    match half(single) {
        Some(bits) => Shortest::F16(bits),
        None => Shortest::F32(single.to_bits()),
    }
}

/// The bits of a binary16 equal to `single`, if there is one. `single` is no NaN.
fn half(single: f32) -> Option<u16> {
    let bits = single.to_bits();
    let sign = (bits >> 16) & 0x8000;
    let exponent = (bits >> 23) & 0xff;
    let fraction = bits & 0x7f_ffff;
    let half = match exponent {
        0 if fraction == 0 => 0,
        0xff => 0x7c00,
        // Normal in binary16: ten of the fraction's 23 bits stay.
        113..=142 if fraction & 0x1fff == 0 => ((exponent - 112) << 10) | (fraction >> 13),
        // Subnormal in binary16: the hidden bit comes down into the fraction.
        103..=112 => {
            let shift = 126 - exponent;
            let whole = fraction | 0x80_0000;
            if whole & ((1 << shift) - 1) != 0 {
                return None;
            }
            whole >> shift
        }
        _ => return None,
    };
    u16::try_from(sign | half).ok()
}

/// The value of a binary16 that is no NaN.
pub(crate) fn from_half(bits: u16) -> f64 {
    let fraction = f64::from(bits & 0x3ff);
    let magnitude = match (bits >> 10) & 0x1f {
        0 => fraction / 16_777_216.0,
        31 => f64::INFINITY,
        exponent => (1024.0 + fraction) * f64::powi(2.0, i32::from(exponent) - 25),
    };
    if bits & 0x8000 == 0 {
        magnitude
    } else {
        -magnitude
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_half_that_is_no_nan_keeps_its_bits() {
        for bits in 0..=u16::MAX {
            if bits & 0x7fff > 0x7c00 {
                continue;
            }
            assert_eq!(shortest(from_half(bits)), Shortest::F16(bits), "{bits:04x}");
        }
    }

    #[test]
    #[expect(clippy::cast_possible_truncation, reason = "every half is a single")]
    fn neighbours_of_halves_need_more_room() {
        for bits in 0..0x7c00_u16 {
            let single = (from_half(bits) as f32).to_bits();
            for near in [single + 1, single.wrapping_sub(1)] {
                let near_float = f64::from(f32::from_bits(near));
                if near_float.is_nan() {
                    continue;
                }
                assert_eq!(shortest(near_float), Shortest::F32(near), "{near:08x}");
            }
        }
    }

    #[test]
    fn doubles_that_singles_cannot_hold_stay_doubles() {
        for float in [1.1, f64::MAX, f64::MIN_POSITIVE, 5e-324, 1e300, -4.1] {
            assert_eq!(shortest(float), Shortest::F64(float.to_bits()));
        }
    }
}
