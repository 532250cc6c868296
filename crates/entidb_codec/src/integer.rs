//! Integers of any size.

use std::cmp::Ordering;
use std::fmt;

use num_bigint::{BigInt, BigUint, Sign};

use crate::decimal;
use crate::head;

/// An integer of any size.
///
/// From -2^64 to 2^64 - 1 it is encoded as a CBOR integer, beyond as a bignum (RFC 8949 sections
/// 3.1 and 3.4.3). Equal integers are equal however they were made.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Integer(Repr);

/// Invariant: `Big` holds only what an `i128` cannot.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Repr {
    Small(i128),
    Big(Box<BigInt>),
}

impl Integer {
    /// As an `i64`, where it fits.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        self.as_i128().and_then(|small| i64::try_from(small).ok())
    }

    /// As a `u64`, where it fits.
    #[must_use]
    pub fn as_u64(&self) -> Option<u64> {
        self.as_i128().and_then(|small| u64::try_from(small).ok())
    }

    /// As an `i128`, where it fits.
    #[must_use]
    pub fn as_i128(&self) -> Option<i128> {
        match &self.0 {
            Repr::Small(small) => Some(*small),
            Repr::Big(_) => None,
        }
    }

    /// As a big integer, always.
    #[must_use]
    pub fn to_bigint(&self) -> BigInt {
        match &self.0 {
            Repr::Small(small) => BigInt::from(*small),
            Repr::Big(big) => big.as_ref().clone(),
        }
    }

    /// Whether it is below zero.
    #[must_use]
    pub fn is_negative(&self) -> bool {
        match &self.0 {
            Repr::Small(small) => *small < 0,
            Repr::Big(big) => big.sign() == Sign::Minus,
        }
    }

    /// Reads decimal digits with an optional minus sign; `None` for anything else.
    ///
    /// Takes any number of digits, in less than quadratic time.
    #[must_use]
    pub fn from_decimal(text: &str) -> Option<Self> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, text),
        };
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        Some(Self::from_digits(negative, digits.as_bytes()))
    }

    /// The integer of ASCII digits.
    pub(crate) fn from_digits(negative: bool, digits: &[u8]) -> Self {
        // 38 digits are below 10^38 and so below 2^127.
        if digits.len() <= 38 {
            let magnitude = digits
                .iter()
                .fold(0_i128, |sum, digit| sum * 10 + i128::from(digit - b'0'));
            return Self(Repr::Small(if negative { -magnitude } else { magnitude }));
        }
        let sign = if negative { Sign::Minus } else { Sign::Plus };
        Self::from(BigInt::from_biguint(sign, decimal::parse(digits)))
    }

    /// The integer of a CBOR argument of major type 1.
    pub(crate) fn from_negative_argument(argument: u64) -> Self {
        Self(Repr::Small(-1 - i128::from(argument)))
    }

    /// The integer of a bignum's bytes.
    pub(crate) fn from_bignum(negative: bool, magnitude: &[u8]) -> Self {
        let magnitude = BigInt::from_biguint(Sign::Plus, BigUint::from_bytes_be(magnitude));
        Self::from(if negative { -1 - magnitude } else { magnitude })
    }

    /// Appends the canonical encoding.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        match &self.0 {
            Repr::Small(small) => {
                let negative = *small < 0;
                // RFC 8949 section 3.1: a negative integer n has the argument -1 - n.
                let argument = if negative { !*small } else { *small }.unsigned_abs();
                if let Ok(argument) = u64::try_from(argument) {
                    let major = if negative {
                        head::NEGATIVE
                    } else {
                        head::UNSIGNED
                    };
                    head::write(out, major, argument);
                } else {
                    write_bignum(out, negative, &argument.to_be_bytes());
                }
            }
            Repr::Big(big) => match big.sign() {
                Sign::Minus => {
                    let argument = big.magnitude() - 1_u32;
                    write_bignum(out, true, &argument.to_bytes_be());
                }
                _ => write_bignum(out, false, &big.magnitude().to_bytes_be()),
            },
        }
    }
}

/// Appends a bignum. `magnitude` is big-endian and more than 64 bits.
fn write_bignum(out: &mut Vec<u8>, negative: bool, magnitude: &[u8]) {
    let zeros = magnitude.iter().take_while(|&&byte| byte == 0).count();
    let magnitude = magnitude.get(zeros..).unwrap_or_default();
    let tag = if negative {
        head::TAG_BIGNUM_NEGATIVE
    } else {
        head::TAG_BIGNUM
    };
    head::write(out, head::TAG, tag);
    head::write(out, head::BYTES, magnitude.len() as u64);
    out.extend_from_slice(magnitude);
}

impl fmt::Display for Integer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Repr::Small(small) => fmt::Display::fmt(small, f),
            Repr::Big(big) => fmt::Display::fmt(big, f),
        }
    }
}

impl fmt::Debug for Integer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Ord for Integer {
    fn cmp(&self, other: &Self) -> Ordering {
        match (&self.0, &other.0) {
            (Repr::Small(a), Repr::Small(b)) => a.cmp(b),
            (Repr::Big(a), Repr::Big(b)) => a.cmp(b),
            (Repr::Small(_), Repr::Big(_)) if other.is_negative() => Ordering::Greater,
            (Repr::Small(_), Repr::Big(_)) => Ordering::Less,
            (Repr::Big(_), Repr::Small(_)) if self.is_negative() => Ordering::Less,
            (Repr::Big(_), Repr::Small(_)) => Ordering::Greater,
        }
    }
}

impl PartialOrd for Integer {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl From<BigInt> for Integer {
    fn from(big: BigInt) -> Self {
        match i128::try_from(&big) {
            Ok(small) => Self(Repr::Small(small)),
            Err(_) => Self(Repr::Big(Box::new(big))),
        }
    }
}

impl From<u128> for Integer {
    fn from(integer: u128) -> Self {
        match i128::try_from(integer) {
            Ok(small) => Self(Repr::Small(small)),
            Err(_) => Self(Repr::Big(Box::new(BigInt::from(integer)))),
        }
    }
}

macro_rules! from_small {
    ($($small:ty),*) => {$(
        impl From<$small> for Integer {
            fn from(integer: $small) -> Self {
                Self(Repr::Small(i128::from(integer)))
            }
        }
    )*};
}

from_small!(i8, i16, i32, i64, i128, u8, u16, u32, u64);

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(integer: &Integer) -> String {
        let mut out = Vec::new();
        integer.write(&mut out);
        out.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn the_edges_of_each_form_are_where_the_rfc_puts_them() {
        let cases = [
            ("18446744073709551615", "1bffffffffffffffff"),
            ("18446744073709551616", "c249010000000000000000"),
            ("-18446744073709551616", "3bffffffffffffffff"),
            ("-18446744073709551617", "c349010000000000000000"),
            // The ends of i128, and one beyond each.
            (
                "170141183460469231731687303715884105727",
                "c2507fffffffffffffffffffffffffffffff",
            ),
            (
                "170141183460469231731687303715884105728",
                "c25080000000000000000000000000000000",
            ),
            (
                "-170141183460469231731687303715884105728",
                "c3507fffffffffffffffffffffffffffffff",
            ),
            (
                "-170141183460469231731687303715884105729",
                "c35080000000000000000000000000000000",
            ),
        ];
        for (text, encoded) in cases {
            let integer = Integer::from_decimal(text).unwrap();
            assert_eq!(hex(&integer), encoded, "{text}");
            assert_eq!(integer.to_string(), text);
        }
    }

    #[test]
    fn integers_are_ordered_by_value_across_sizes() {
        let texts = ["-1000000000000000000000000000000000000000", "-1", "0", "5"];
        let mut last = Integer::from_decimal(texts[0]).unwrap();
        for text in texts
            .iter()
            .skip(1)
            .chain(&["1000000000000000000000000000000000000000"])
        {
            let next = Integer::from_decimal(text).unwrap();
            assert_eq!(last.cmp(&next), Ordering::Less);
            assert_eq!(next.cmp(&last), Ordering::Greater);
            last = next;
        }
    }

    #[test]
    fn what_is_no_integer_is_not_taken() {
        for text in ["", "-", "+1", "1.0", " 1", "1e3", "--1"] {
            assert_eq!(Integer::from_decimal(text), None, "{text:?}");
        }
    }
}
