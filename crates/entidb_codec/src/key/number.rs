//! Numbers of any size and type, ordered by their exact value.
//!
//! A positive number is its whole part and, if it has one, its fraction; a negative one is the
//! positive one turned over. docs/format.md draws the four forms.

use num_bigint::{BigInt, BigUint, Sign};

use super::kind::{BIG, INFINITE, NAN, WHOLE_LEN_MAX, WIDE, ZERO};
use super::{KeyError, escape};
use crate::cursor::Token;
use crate::{Integer, Value};

/// From here on a float has no fraction.
const WIDE_MIN: u64 = 1 << 53;
/// 2^64, from where on a number is big.
const BIG_MIN: f64 = 18_446_744_073_709_551_616.0;
/// Up to this length of a big number, which is that of the greatest float, zeros at its end are
/// left away. Not beyond, so that a short key never stands for a long number.
const TRIMMED_LEN_MAX: usize = 128;

/// Appends the key of a number; of anything else, nothing.
pub(super) fn push(out: &mut Vec<u8>, token: Token<'_>) -> Result<(), KeyError> {
    match token {
        Token::Unsigned(integer) => whole(out, false, integer),
        Token::Negative(argument) => match argument.checked_add(1) {
            Some(magnitude) => whole(out, true, magnitude),
            None => big(out, true, &[1, 0, 0, 0, 0, 0, 0, 0, 0], 0)?,
        },
        Token::Bignum {
            negative: false,
            magnitude,
        } => big(out, false, magnitude, 0)?,
        Token::Bignum {
            negative: true,
            magnitude,
        } => big(out, true, &plus_one(magnitude), 0)?,
        Token::Float(value) => float(out, value)?,
        _ => {}
    }
    Ok(())
}

/// Appends the key of a whole number.
pub(super) fn whole(out: &mut Vec<u8>, negative: bool, magnitude: u64) {
    if magnitude < WIDE_MIN {
        parts(out, negative, magnitude, None);
    } else {
        out.push(form(negative, WIDE));
        out.extend_from_slice(&turn(magnitude, negative).to_be_bytes());
    }
}

pub(super) fn float(out: &mut Vec<u8>, float: f64) -> Result<(), KeyError> {
    if float.is_nan() {
        out.push(ZERO + NAN);
        return Ok(());
    }
    let negative = float < 0.0;
    let magnitude = float.abs();
    if magnitude.is_infinite() {
        out.push(form(negative, INFINITE));
    } else if magnitude < BIG_MIN {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the whole part is what is wanted, and it is below 2^64"
        )]
        let whole_part = magnitude as u64;
        if whole_part < WIDE_MIN {
            let fraction = magnitude - whole_part as f64;
            parts(
                out,
                negative,
                whole_part,
                Some(fraction).filter(|&f| f > 0.0),
            );
        } else {
            whole(out, negative, whole_part);
        }
    } else {
        // 53 bits, times a power of two which is at least 2^12.
        let bits = magnitude.to_bits();
        let mantissa = (bits & (WIDE_MIN / 2 - 1)) | (WIDE_MIN / 2);
        let exponent = (bits >> 52).saturating_sub(1075);
        let zeros = usize::try_from(exponent / 8).map_err(|_| KeyError::TooLong)?;
        let mantissa = (mantissa << (exponent % 8)).to_be_bytes();
        let leading = mantissa.iter().take_while(|&&byte| byte == 0).count();
        big(
            out,
            negative,
            mantissa.get(leading..).unwrap_or_default(),
            zeros,
        )?;
    }
    Ok(())
}

/// The first byte of a number.
fn form(negative: bool, form: u8) -> u8 {
    if negative { ZERO - form } else { ZERO + form }
}

/// The bits turned over, for a negative number.
fn turn(bits: u64, negative: bool) -> u64 {
    if negative { !bits } else { bits }
}

/// A whole part below 2^53, and a fraction above 0 and below 1. Whether there is a fraction is
/// told in the lowest bit, so that most integers take no byte for it.
fn parts(out: &mut Vec<u8>, negative: bool, whole: u64, fraction: Option<f64>) {
    let bits = whole << 1 | u64::from(fraction.is_some());
    let zeros = bits.leading_zeros() as usize / 8;
    let len = WIDE.saturating_sub(u8::try_from(zeros).unwrap_or(WIDE));
    out.push(form(negative, len));
    let bytes = turn(bits, negative).to_be_bytes();
    out.extend_from_slice(bytes.get(zeros..).unwrap_or_default());
    if let Some(fraction) = fraction {
        // As floats above zero are ordered, so are their bits.
        out.extend_from_slice(&turn(fraction.to_bits(), negative).to_be_bytes());
    }
}

/// A number of 2^64 or more: big-endian bytes and how many zeros follow them.
fn big(out: &mut Vec<u8>, negative: bool, bytes: &[u8], zeros: usize) -> Result<(), KeyError> {
    let len = bytes.len() + zeros;
    let encoded_len = u32::try_from(len).map_err(|_| KeyError::TooLong)?;
    out.push(form(negative, BIG));
    let start = out.len();
    out.extend_from_slice(&encoded_len.to_be_bytes());
    escape::push(out, trimmed(bytes, len));
    out.push(escape::END);
    if negative {
        out.iter_mut().skip(start).for_each(|byte| *byte = !*byte);
    }
    Ok(())
}

/// The bytes of a big number that are written.
fn trimmed(bytes: &[u8], len: usize) -> &[u8] {
    let end = match bytes.iter().rposition(|&byte| byte != 0) {
        Some(last) if len <= TRIMMED_LEN_MAX => last + 1,
        _ => bytes.len(),
    };
    bytes.get(..end).unwrap_or_default()
}

fn plus_one(magnitude: &[u8]) -> Vec<u8> {
    let mut sum = magnitude.to_vec();
    for byte in sum.iter_mut().rev() {
        *byte = byte.wrapping_add(1);
        if *byte != 0 {
            return sum;
        }
    }
    sum.insert(0, 1);
    sum
}

/// The number that a key begins with and how long its key is; an integer if it is a whole number.
/// `None` if it is none, or not as it would have been written.
pub(super) fn read(key: &[u8]) -> Option<(Value, usize)> {
    let (&first, rest) = key.split_first()?;
    let negative = first < ZERO;
    let mask = if negative { u8::MAX } else { 0 };
    let (value, len) = match first.abs_diff(ZERO) {
        form @ 0..=WHOLE_LEN_MAX => read_parts(rest, negative, usize::from(form))?,
        WIDE => {
            let magnitude = turn(u64::from_be_bytes(*rest.first_chunk()?), negative);
            (magnitude >= WIDE_MIN).then_some((integer(negative, magnitude), 8))?
        }
        BIG => read_big(rest, negative, mask)?,
        INFINITE if negative => (Value::Float(f64::NEG_INFINITY), 0),
        INFINITE => (Value::Float(f64::INFINITY), 0),
        NAN if !negative => (Value::Float(f64::NAN), 0),
        _ => return None,
    };
    Some((value, 1 + len))
}

fn read_parts(rest: &[u8], negative: bool, len: usize) -> Option<(Value, usize)> {
    let (whole, behind) = rest.split_at_checked(len)?;
    let mut bytes = [0; 8];
    for (byte, &written) in bytes.iter_mut().rev().zip(whole.iter().rev()) {
        *byte = if negative { !written } else { written };
    }
    let bits = u64::from_be_bytes(bytes);
    if bits.leading_zeros() as usize / 8 + len != 8 || bits >= WIDE_MIN << 1 {
        return None;
    }
    let whole = bits >> 1;
    if bits & 1 == 0 {
        return Some((integer(negative, whole), len));
    }
    let fraction = f64::from_bits(turn(u64::from_be_bytes(*behind.first_chunk()?), negative));
    let sum = whole as f64 + fraction;
    let exact = fraction > 0.0 && fraction < 1.0 && sum - whole as f64 == fraction;
    let float = if negative { -sum } else { sum };
    exact.then_some((Value::Float(float), len + 8))
}

fn read_big(rest: &[u8], negative: bool, mask: u8) -> Option<(Value, usize)> {
    let (head, behind) = rest.split_first_chunk()?;
    let len = u32::from_be_bytes(head.map(|byte| byte ^ mask));
    let len = usize::try_from(len).ok()?;
    let (mut bytes, taken) = escape::read(behind, mask)?;
    let plain = len > size_of::<u64>()
        && bytes.first().is_some_and(|&byte| byte != 0)
        && match bytes.len() {
            written if len <= TRIMMED_LEN_MAX => written <= len && bytes.last() != Some(&0),
            written => written == len,
        };
    if !plain {
        return None;
    }
    bytes.resize(len, 0);
    let sign = if negative { Sign::Minus } else { Sign::Plus };
    let integer = BigInt::from_biguint(sign, BigUint::from_bytes_be(&bytes));
    Some((Value::from(integer), head.len() + taken))
}

fn integer(negative: bool, magnitude: u64) -> Value {
    let magnitude = i128::from(magnitude);
    Value::Integer(Integer::from(if negative { -magnitude } else { magnitude }))
}

/// How long the key of a number is; looks only at what tells it.
pub(super) fn len(key: &[u8]) -> Option<usize> {
    let (&first, rest) = key.split_first()?;
    let negative = first < ZERO;
    let mask = if negative { u8::MAX } else { 0 };
    let len = match first.abs_diff(ZERO) {
        0 => 0,
        form @ 1..=WHOLE_LEN_MAX => {
            let whole = usize::from(form);
            let lowest = rest.get(whole - 1)? ^ mask;
            if lowest & 1 == 0 { whole } else { whole + 8 }
        }
        WIDE => 8,
        BIG => 4 + escape::len(rest.get(4..)?, mask)?,
        _ => 0,
    };
    (rest.len() >= len).then_some(1 + len)
}
