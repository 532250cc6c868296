//! Number literals to canonical CBOR, without losing a digit.

use crate::{Integer, float, head};

use super::{DECIMAL_EXPONENT_MIN, INTEGER_DIGITS_MAX, Kind};

/// How long a literal may be while it is collected: its digits, and room for sign, point and a
/// sane exponent.
pub(super) const LITERAL_LEN_MAX: usize = INTEGER_DIGITS_MAX + 64;

/// A decimal of this many digits survives the way to binary64 and back (DBL_DIG).
const DIGITS_KEPT: usize = 15;
/// No binary64 needs more digits than this to be told from its neighbours.
const DIGITS_SHORTEST_MAX: usize = 17;
/// Powers of ten that are exact in binary64.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];

/// A literal taken apart as RFC 8259 section 6 does.
struct Literal<'a> {
    negative: bool,
    integer: &'a [u8],
    fraction: &'a [u8],
    exponent: i64,
    /// Neither point nor exponent.
    is_integer: bool,
}

/// Appends what a literal says: an integer of any size if it has neither point nor exponent (but
/// `-0` is the float), else a float where that keeps every digit, else a decimal fraction.
///
/// `levels` is how much deeper nesting may go here.
pub(super) fn transcode(literal: &[u8], levels: usize, out: &mut Vec<u8>) -> Result<(), Kind> {
    let literal = Literal::parse(literal).ok_or(Kind::BadNumber)?;
    if literal.integer.len() + literal.fraction.len() > INTEGER_DIGITS_MAX {
        return Err(Kind::TooManyDigits);
    }
    if literal.is_integer {
        literal.write_integer(out);
        return Ok(());
    }
    if let Some(float) = literal.exact_float() {
        float::write(out, if literal.negative { -float } else { float });
        return Ok(());
    }
    literal.write_decimal(levels, out)
}

impl<'a> Literal<'a> {
    fn parse(literal: &'a [u8]) -> Option<Self> {
        let (negative, rest) = match literal.split_first()? {
            (b'-', rest) => (true, rest),
            _ => (false, literal),
        };
        let (integer, rest) = digits(rest)?;
        if integer.len() > 1 && integer.first() == Some(&b'0') {
            return None;
        }
        let is_integer = rest.is_empty();
        let (fraction, rest) = match rest.split_first() {
            Some((b'.', rest)) => digits(rest)?,
            _ => (&[][..], rest),
        };
        let exponent = match rest.split_first() {
            Some((b'e' | b'E', rest)) => exponent(rest)?,
            Some(_) => return None,
            None => 0,
        };
        Some(Self {
            negative,
            integer,
            fraction,
            exponent,
            is_integer,
        })
    }

    fn write_integer(&self, out: &mut Vec<u8>) {
        match (small(self.integer), self.negative) {
            (Some(0), true) => float::write(out, -0.0),
            (Some(magnitude), true) => head::write(out, head::NEGATIVE, magnitude - 1),
            (Some(magnitude), false) => head::write(out, head::UNSIGNED, magnitude),
            (None, negative) => Integer::from_digits(negative, self.integer).write(out),
        }
    }

    /// The magnitude, where both the digits and the power of ten are exact in binary64, so that one
    /// division or multiplication rounds right, and where so few digits are sure to survive.
    fn exact_float(&self) -> Option<f64> {
        let integer = if self.integer == b"0" {
            &[][..]
        } else {
            self.integer
        };
        if integer.len() + self.fraction.len() > DIGITS_KEPT {
            return None;
        }
        let mantissa = integer
            .iter()
            .chain(self.fraction)
            .fold(0_u64, |sum, digit| sum * 10 + u64::from(digit - b'0'));
        let mantissa = mantissa as f64;
        let scale = self
            .exponent
            .checked_sub(i64::try_from(self.fraction.len()).ok()?)?;
        let power = POWERS.get(usize::try_from(scale.unsigned_abs()).ok()?)?;
        Some(if scale < 0 {
            mantissa / power
        } else {
            mantissa * power
        })
    }

    fn write_decimal(&self, levels: usize, out: &mut Vec<u8>) -> Result<(), Kind> {
        let all: Vec<u8> = self.integer.iter().chain(self.fraction).copied().collect();
        // Equal numbers get equal bytes: no zero at either end.
        let digits = trim_start_zeros(&all);
        let leading = all.len() - digits.len();
        let digits = trim_end_zeros(digits);
        let sign = if self.negative { -1.0 } else { 1.0 };
        if digits.is_empty() {
            float::write(out, 0.0 * sign);
            return Ok(());
        }
        // The number is 0.DIGITS times ten to this power.
        let power = signed(self.integer.len())
            .saturating_sub(signed(leading))
            .saturating_add(self.exponent);
        let float = to_float(digits, power);
        if float.is_infinite() {
            return Err(Kind::NumberOverflow);
        }
        if is_shortest(digits, power, float) {
            float::write(out, float * sign);
            return Ok(());
        }
        let exponent = power.saturating_sub(signed(digits.len()));
        if exponent < i64::from(DECIMAL_EXPONENT_MIN) {
            return Err(Kind::ExponentTooSmall);
        }
        if levels < 2 {
            return Err(Kind::TooDeep);
        }
        head::write(out, head::TAG, head::TAG_DECIMAL);
        head::write(out, head::ARRAY, 2);
        Integer::from(exponent).write(out);
        Integer::from_digits(self.negative, digits).write(out);
        Ok(())
    }
}

/// The binary64 nearest to 0.DIGITS times ten to `power`.
fn to_float(digits: &[u8], power: i64) -> f64 {
    // Beyond these the answer is sure, and a parser need not be trusted with huge exponents.
    if power > 310 {
        return f64::INFINITY;
    }
    if power < -330 {
        return 0.0;
    }
    let mut text = String::with_capacity(digits.len() + 8);
    text.push_str("0.");
    text.extend(digits.iter().map(|&digit| char::from(digit)));
    text.push_str(&format!("e{power}"));
    text.parse().unwrap_or(f64::NAN)
}

/// Whether the shortest digits that tell `float` from all others are these.
fn is_shortest(digits: &[u8], power: i64, float: f64) -> bool {
    if digits.len() > DIGITS_SHORTEST_MAX {
        return false;
    }
    let shortest = format!("{float:e}");
    let Some((shortest, exponent)) = shortest.split_once('e') else {
        return false;
    };
    exponent
        .parse::<i64>()
        .is_ok_and(|exponent| exponent + 1 == power)
        && shortest
            .bytes()
            .filter(|&byte| byte != b'.')
            .eq(digits.iter().copied())
}

/// The digits at the start, at least one, and what is behind them.
fn digits(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let len = bytes
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    if len == 0 {
        None
    } else {
        bytes.split_at_checked(len)
    }
}

/// What is behind the `e`, all of it. Saturates.
fn exponent(bytes: &[u8]) -> Option<i64> {
    let (negative, bytes) = match bytes.split_first()? {
        (b'-', rest) => (true, rest),
        (b'+', rest) => (false, rest),
        _ => (false, bytes),
    };
    let (digits, rest) = digits(bytes)?;
    if !rest.is_empty() {
        return None;
    }
    let exponent = digits.iter().fold(0_i64, |sum, digit| {
        sum.saturating_mul(10)
            .saturating_add(i64::from(digit - b'0'))
    });
    Some(if negative { -exponent } else { exponent })
}

/// The number of at most 19 digits, which fit a `u64`.
fn small(digits: &[u8]) -> Option<u64> {
    (digits.len() <= 19).then(|| {
        digits
            .iter()
            .fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0'))
    })
}

fn signed(len: usize) -> i64 {
    i64::try_from(len).unwrap_or(i64::MAX)
}

fn trim_end_zeros(digits: &[u8]) -> &[u8] {
    let zeros = digits
        .iter()
        .rev()
        .take_while(|&&digit| digit == b'0')
        .count();
    digits.get(..digits.len() - zeros).unwrap_or_default()
}

fn trim_start_zeros(digits: &[u8]) -> &[u8] {
    let zeros = digits.iter().take_while(|&&digit| digit == b'0').count();
    digits.get(zeros..).unwrap_or_default()
}
