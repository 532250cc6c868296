//! `ttl = "30m"`: how long an entity lives.

use syn::{Error, LitStr, Result};

/// Microseconds of each unit.
const UNITS: [(&str, u64); 5] = [
    ("ms", 1_000),
    ("s", 1_000_000),
    ("m", 60 * 1_000_000),
    ("h", 3_600 * 1_000_000),
    ("d", 86_400 * 1_000_000),
];

/// The time in microseconds.
pub(crate) fn micros(text: &LitStr) -> Result<u64> {
    let value = text.value();
    let digits = value.find(|c: char| !c.is_ascii_digit()).unwrap_or(0);
    let (count, unit) = value.split_at(digits);
    let unit = UNITS.iter().find(|(name, _)| *name == unit);
    let time = count.parse::<u64>().ok().zip(unit);
    time.and_then(|(count, (_, micros))| count.checked_mul(*micros))
        .filter(|micros| *micros > 0)
        .ok_or_else(|| {
            Error::new(
                text.span(),
                "write a number and a unit, `ms`, `s`, `m`, `h` or `d`: `ttl = \"30m\"` is half an hour",
            )
        })
}
