//! Long runs of decimal digits to binary, in less than quadratic time.
//!
//! The other direction is `BigUint`'s own, which divides and conquers; its parser does not, and
//! takes a second for a million digits.

use num_bigint::BigUint;

/// Digits that `u64` holds.
const WORD_DIGITS: usize = 19;
/// Digits that are worth multiplying in one by one rather than by halves.
const PART_DIGITS: usize = WORD_DIGITS * 16;

/// The number of ASCII digits.
pub(crate) fn parse(digits: &[u8]) -> BigUint {
    // Least significant part first.
    let mut parts: Vec<BigUint> = digits.rchunks(PART_DIGITS).map(parse_part).collect();
    let mut power =
        u32::try_from(PART_DIGITS).map_or(BigUint::ZERO, |n| BigUint::from(10_u8).pow(n));
    while parts.len() > 1 {
        parts = parts
            .chunks(2)
            .map(|pair| match pair {
                [low, high] => high * &power + low,
                rest => rest.iter().sum(),
            })
            .collect();
        if parts.len() > 1 {
            power = &power * &power;
        }
    }
    parts.pop().unwrap_or_default()
}

fn parse_part(digits: &[u8]) -> BigUint {
    let mut sum = BigUint::ZERO;
    let mut rest = digits;
    while !rest.is_empty() {
        // The first word takes what the others leave over, so that all others are full.
        let len = match rest.len() % WORD_DIGITS {
            0 => WORD_DIGITS,
            over => over,
        };
        let (word, behind) = rest.split_at(len);
        let word = word
            .iter()
            .fold(0_u64, |sum, digit| sum * 10 + u64::from(digit - b'0'));
        sum = sum * 10_000_000_000_000_000_000_u64 + word;
        rest = behind;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_of_every_length_read_as_the_library_reads_them() {
        for len in (1..1000).chain([4863, 4864, 4865, 9728, 20_000]) {
            let digits: Vec<u8> = (0..len)
                .map(|i| b'0' + ((i * i + 7 * i + 1) % 10) as u8)
                .collect();
            let expected = BigUint::parse_bytes(&digits, 10).unwrap();
            assert_eq!(parse(&digits), expected, "{len} digits");
        }
    }
}
