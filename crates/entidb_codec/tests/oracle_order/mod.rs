//! The stated order of values, told from the values alone and in the plainest way.

use std::cmp::Ordering;

use entidb_codec::key::Kind;
use entidb_codec::{Value, encode};
use num_bigint::BigInt;

/// Where a value stands. The order of the variants is the order of the kinds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rank {
    Absent,
    Null,
    Undefined,
    Bool(bool),
    Number(Number),
    Text(Vec<char>),
    /// In nanoseconds.
    Date(Number),
    Bytes(Vec<u8>),
    Other(Vec<u8>),
}

/// A number; exactly `mantissa * 2^exponent`.
#[derive(Debug, Clone)]
pub(crate) enum Number {
    MinusInfinity,
    Finite { mantissa: BigInt, exponent: i32 },
    Infinity,
    Nan,
}

impl Rank {
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Absent => Kind::Absent,
            Self::Null => Kind::Null,
            Self::Undefined => Kind::Undefined,
            Self::Bool(_) => Kind::Bool,
            Self::Number(_) => Kind::Number,
            Self::Text(_) => Kind::Text,
            Self::Date(_) => Kind::Date,
            Self::Bytes(_) => Kind::Bytes,
            Self::Other(_) => Kind::Other,
        }
    }
}

pub(crate) fn rank(value: &Value) -> Rank {
    match value {
        Value::Null => Rank::Null,
        Value::Undefined => Rank::Undefined,
        Value::Bool(bool) => Rank::Bool(*bool),
        Value::Integer(_) | Value::Float(_) => Rank::Number(number(value).unwrap()),
        Value::Text(text) => Rank::Text(text.chars().collect()),
        Value::Bytes(bytes) => Rank::Bytes(bytes.clone()),
        Value::Tag(tag, content) => match instant(*tag, content) {
            Some(instant) => Rank::Date(instant),
            None => Rank::Other(encode(value).unwrap()),
        },
        Value::Array(_) | Value::Map(_) | Value::Simple(_) => Rank::Other(encode(value).unwrap()),
    }
}

fn number(value: &Value) -> Option<Number> {
    match value {
        Value::Integer(integer) => Some(Number::Finite {
            mantissa: integer.to_bigint(),
            exponent: 0,
        }),
        Value::Float(float) if float.is_nan() => Some(Number::Nan),
        Value::Float(f64::INFINITY) => Some(Number::Infinity),
        Value::Float(f64::NEG_INFINITY) => Some(Number::MinusInfinity),
        Value::Float(float) => {
            let bits = float.to_bits();
            let biased = i32::try_from(bits >> 52 & 0x7ff).unwrap();
            let fraction = bits & ((1 << 52) - 1);
            let (mantissa, exponent) = match biased {
                0 => (fraction, -1074),
                _ => (fraction | 1 << 52, biased - 1075),
            };
            let sign = if *float < 0.0 { -1 } else { 1 };
            Some(Number::Finite {
                mantissa: BigInt::from(mantissa) * sign,
                exponent,
            })
        }
        _ => None,
    }
}

/// An instant in nanoseconds since 1970, rounded down.
fn instant(tag: u64, content: &Value) -> Option<Number> {
    let nanoseconds = match (tag, content) {
        (1, content) => match number(content)? {
            Number::Finite { mantissa, exponent } => {
                let scaled = mantissa * 1_000_000_000;
                match u32::try_from(exponent) {
                    Ok(up) => scaled << up,
                    // Shifting an integer rounds it down, below zero too.
                    Err(_) => scaled >> exponent.unsigned_abs(),
                }
            }
            odd => return Some(odd),
        },
        (0, Value::Text(text)) => rfc3339(text)?,
        _ => return None,
    };
    Some(Number::Finite {
        mantissa: nanoseconds,
        exponent: 0,
    })
}

/// Only for what the strategies make: a text of the right shape is a valid date but for the
/// ranges of its parts.
fn rfc3339(text: &str) -> Option<BigInt> {
    let part = |from: usize, len: usize| -> Option<i64> {
        let digits = text.get(from..from + len)?;
        digits
            .bytes()
            .all(|b| b.is_ascii_digit())
            .then(|| digits.parse().ok())?
    };
    let (year, month, day) = (part(0, 4)?, part(5, 2)?, part(8, 2)?);
    let (hour, minute, second) = (part(11, 2)?, part(14, 2)?, part(17, 2)?);
    let rest = text.get(19..)?;
    let (fraction, zone) = match rest.strip_prefix('.') {
        Some(rest) => rest.split_at(rest.find(|c: char| !c.is_ascii_digit())?),
        None => ("", rest),
    };
    let nanoseconds: i64 = format!("{fraction:0<9}").get(..9)?.parse().ok()?;
    let offset = match zone.as_bytes() {
        b"Z" => 0,
        [sign, rest @ ..] => {
            let rest = str::from_utf8(rest).ok()?;
            let minutes = rest[..2].parse::<i64>().ok()? * 60 + rest[3..].parse::<i64>().ok()?;
            if *sign == b'-' { -minutes } else { minutes }
        }
        [] => return None,
    };
    let leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    // Counted year by year and month by month from the year 0; 1970 begins 719,528 days later.
    let mut days: i64 = (0..year)
        .map(|year| if leap(year) { 366 } else { 365 })
        .sum();
    let lengths = [
        31,
        if leap(year) { 29 } else { 28 },
        31,
        30,
        31,
        30,
        31,
        31,
        30,
        31,
        30,
        31,
    ];
    days += lengths[..usize::try_from(month - 1).ok()?]
        .iter()
        .sum::<i64>()
        + day
        - 1
        - 719_528;
    let seconds = ((days * 24 + hour) * 60 + minute - offset) * 60 + second;
    Some(BigInt::from(seconds) * 1_000_000_000 + nanoseconds)
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        let place = |number: &Self| match number {
            Self::MinusInfinity => 0,
            Self::Finite { .. } => 1,
            Self::Infinity => 2,
            Self::Nan => 3,
        };
        match (self, other) {
            (
                Self::Finite {
                    mantissa: a,
                    exponent: x,
                },
                Self::Finite {
                    mantissa: b,
                    exponent: y,
                },
            ) => {
                let least = *x.min(y);
                let shifted = |mantissa: &BigInt, exponent: i32| mantissa << (exponent - least);
                shifted(a, *x).cmp(&shifted(b, *y))
            }
            _ => place(self).cmp(&place(other)),
        }
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Number {}
