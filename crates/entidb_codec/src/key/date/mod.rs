//! Dates: tag 0 (text of RFC 3339) and tag 1 (seconds since 1970), ordered by instant.
//!
//! An instant is a number of whole seconds, rounded down, and the nanoseconds from there. What is
//! finer than a nanosecond does not count.

use super::{KeyError, Kind, kind, number};
use crate::cursor::Token;
use crate::{Value, head};

mod text;

const NANOSECONDS: u32 = 1_000_000_000;
const NANOSECONDS_LEN: usize = size_of::<u32>();

/// Appends the key of a date, tag and content, and says whether it was one. If not, nothing is
/// appended.
pub(super) fn push(out: &mut Vec<u8>, tag: u64, content: Token<'_>) -> Result<bool, KeyError> {
    match content {
        Token::Text(text) if tag == head::TAG_DATE_TEXT => {
            let Some((seconds, nanoseconds)) = text::parse(text) else {
                return Ok(false);
            };
            out.push(kind::DATE);
            number::whole(out, seconds < 0, seconds.unsigned_abs());
            out.extend_from_slice(&nanoseconds.to_be_bytes());
        }
        Token::Float(float) if tag == head::TAG_DATE_NUMBER => {
            out.push(kind::DATE);
            push_float(out, float)?;
        }
        Token::Unsigned(_) | Token::Negative(_) | Token::Bignum { .. }
            if tag == head::TAG_DATE_NUMBER =>
        {
            out.push(kind::DATE);
            number::push(out, content)?;
            out.extend_from_slice(&[0; NANOSECONDS_LEN]);
        }
        _ => return Ok(false),
    }
    Ok(true)
}

fn push_float(out: &mut Vec<u8>, float: f64) -> Result<(), KeyError> {
    let whole = float.floor();
    number::float(out, whole)?;
    if whole.is_finite() {
        let nanoseconds = match nanoseconds(float.abs().fract()) {
            (down, _) if float >= 0.0 => down,
            (_, 0) => 0,
            // Below zero the seconds were rounded away from it.
            (_, up) => NANOSECONDS - up,
        };
        out.extend_from_slice(&nanoseconds.to_be_bytes());
    }
    Ok(())
}

/// A fraction of a second, at least 0 and below 1, in nanoseconds: rounded down and up.
fn nanoseconds(fraction: f64) -> (u32, u32) {
    const FRACTION_BITS: u32 = 52;
    let bits = fraction.to_bits();
    let mantissa = (bits & ((1 << FRACTION_BITS) - 1)) | (1 << FRACTION_BITS);
    // The value is the mantissa times 2^(exponent - 1075). A subnormal one is nothing much.
    let shift = 1075_u64.saturating_sub(bits >> FRACTION_BITS);
    let product = u128::from(mantissa) * u128::from(NANOSECONDS);
    let down = u32::try_from(shift)
        .ok()
        .and_then(|shift| product.checked_shr(shift))
        .and_then(|down| u32::try_from(down).ok())
        .unwrap_or(0);
    let exact = fraction == 0.0 || u128::from(down) << shift.min(64) == product && shift <= 64;
    (down, if exact { down } else { down + 1 })
}

/// The date that a key begins with and how long its key is: tag 1 if it is a whole second, else
/// tag 0, or tag 1 for the years that tag 0 cannot say.
pub(super) fn read(key: &[u8]) -> Option<(Value, usize)> {
    let rest = key.get(1..)?;
    let (seconds, len) = number::read(rest)?;
    let (content, len) = match seconds {
        Value::Float(float) if float.is_finite() => return None,
        Value::Float(_) => return Some((tagged(head::TAG_DATE_NUMBER, seconds), 1 + len)),
        _ => (
            u32::from_be_bytes(*rest.get(len..)?.first_chunk()?),
            1 + len + NANOSECONDS_LEN,
        ),
    };
    let value = match content {
        0 => tagged(head::TAG_DATE_NUMBER, seconds),
        1..NANOSECONDS => {
            let seconds = seconds.as_i64()?;
            match text::print(seconds, content) {
                Some(text) => tagged(head::TAG_DATE_TEXT, Value::Text(text)),
                None => float(seconds, content, key.get(..len)?)?,
            }
        }
        _ => return None,
    };
    Some((value, len))
}

/// The float that a key of a year before 0 or after 9999 was made of. There floats lie so far
/// apart that no two are in the same nanosecond.
fn float(seconds: i64, nanoseconds: u32, key: &[u8]) -> Option<Value> {
    let float = seconds as f64 + f64::from(nanoseconds) / f64::from(NANOSECONDS);
    let mut again = vec![kind::DATE];
    push_float(&mut again, float).ok()?;
    (again == key).then(|| tagged(head::TAG_DATE_NUMBER, Value::Float(float)))
}

fn tagged(tag: u64, content: Value) -> Value {
    Value::Tag(tag, Box::new(content))
}

/// How long the key of a date is.
pub(super) fn len(key: &[u8]) -> Option<usize> {
    let rest = key.get(1..)?;
    let seconds = number::len(rest)?;
    let nanoseconds = match rest.first()?.abs_diff(kind::ZERO) {
        ..kind::INFINITE => NANOSECONDS_LEN,
        _ => 0,
    };
    let len = 1 + seconds + nanoseconds;
    (Kind::of(rest) == Some(Kind::Number) && key.len() >= len).then_some(len)
}
