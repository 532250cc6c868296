//! Decimal fractions (tag 4, RFC 8949 section 3.4.4) back to the literals they came from.

use crate::cursor::{Cursor, Token};
use crate::{Integer, NESTING_MAX};

use super::{DECIMAL_EXPONENT_MIN, INTEGER_DIGITS_MAX, number};

/// No integer of so many digits has more bits: log2(10) is 3.32192809...
const INTEGER_BITS_MAX: usize = INTEGER_DIGITS_MAX / 1000 * 3322;
/// Up to this many zeros are put between the point and the first digit.
const ZEROS_MAX: usize = 6;

/// The digits of an integer, with its sign, unless they are too many to be read back.
pub(super) fn integer(token: Token<'_>) -> Option<String> {
    let integer = match token {
        Token::Unsigned(integer) => return Some(integer.to_string()),
        Token::Negative(argument) => Integer::from_negative_argument(argument),
        Token::Bignum {
            negative,
            magnitude,
        } => {
            if magnitude.len() > INTEGER_BITS_MAX.div_ceil(8) {
                return None;
            }
            Integer::from_bignum(negative, magnitude)
        }
        _ => return None,
    };
    let text = integer.to_string();
    (text.trim_start_matches('-').len() <= INTEGER_DIGITS_MAX).then_some(text)
}

/// The literal for a decimal fraction, if there is one that reads back to exactly this `item`. The
/// cursor stands behind the tag's head, and is anywhere inside the item afterwards.
pub(super) fn fraction(cursor: &mut Cursor<'_>, item: &[u8]) -> Option<String> {
    let Token::Array(2) = cursor.token().ok()? else {
        return None;
    };
    let exponent = match cursor.token().ok()? {
        Token::Unsigned(exponent) => i64::try_from(exponent).ok()?,
        Token::Negative(argument) => -1 - i64::try_from(argument).ok()?,
        _ => return None,
    };
    // Beyond 308 it is no number that we would read.
    if !(i64::from(DECIMAL_EXPONENT_MIN)..=308).contains(&exponent) {
        return None;
    }
    let mantissa = integer(cursor.token().ok()?)?;
    let literal = literal(&mantissa, exponent);
    let mut read = Vec::with_capacity(item.len());
    number::transcode(literal.as_bytes(), NESTING_MAX, &mut read).ok()?;
    (read == item).then_some(literal)
}

/// Writes mantissa times ten to the exponent with a point or an exponent, or both.
fn literal(mantissa: &str, exponent: i64) -> String {
    let (sign, digits) = match mantissa.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", mantissa),
    };
    let len = i64::try_from(digits.len()).unwrap_or(i64::MAX);
    // How many digits stand before the point.
    let point = len.saturating_add(exponent);
    if exponent == 0 {
        return format!("{sign}{digits}.0");
    }
    if exponent > 0 {
        return format!("{sign}{digits}e{exponent}");
    }
    if let (1.., Ok(point)) = (point, usize::try_from(point)) {
        let (before, behind) = digits.split_at_checked(point).unwrap_or((digits, "0"));
        return format!("{sign}{before}.{behind}");
    }
    if let Ok(zeros @ 0..=ZEROS_MAX) = usize::try_from(-point)
        && digits.len() + zeros < INTEGER_DIGITS_MAX
    {
        return format!("{sign}0.{}{digits}", "0".repeat(zeros));
    }
    let (first, rest) = digits.split_at_checked(1).unwrap_or((digits, ""));
    let dot = if rest.is_empty() { "" } else { "." };
    format!("{sign}{first}{dot}{rest}e{}", point - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_are_written_as_people_do() {
        assert_eq!(literal("123", 0), "123.0");
        assert_eq!(literal("-123", 5), "-123e5");
        assert_eq!(literal("123", -1), "12.3");
        assert_eq!(literal("-123", -3), "-0.123");
        assert_eq!(literal("123", -9), "0.000000123");
        assert_eq!(literal("123", -10), "1.23e-8");
        assert_eq!(literal("-1", -400), "-1e-400");
    }
}
