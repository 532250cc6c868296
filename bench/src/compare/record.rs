//! The bytes of one entity: a record as applications keep them, in canonical CBOR, written here by hand so that the
//! generator owes nothing to any engine.

use crate::random::{Random, mix};

const LEN_MIN: usize = 150;
const LEN_MAX: usize = 650;

const FIRST: [&str; 16] = [
    "Ada", "Bruno", "Chiara", "Dmitri", "Esther", "Farid", "Greta", "Hiroshi", "Ines", "Jonas",
    "Katya", "Luis", "Mbali", "Nora", "Omar", "Priya",
];
const LAST: [&str; 16] = [
    "Almeida",
    "Bauer",
    "Castro",
    "Dubois",
    "Eriksen",
    "Fischer",
    "Garcia",
    "Haddad",
    "Ivanova",
    "Jansen",
    "Kowalski",
    "Lindqvist",
    "Moreau",
    "Nakamura",
    "Okafor",
    "Petrov",
];
const CITY: [&str; 12] = [
    "Amsterdam",
    "Bergen",
    "Coimbra",
    "Dakar",
    "Eindhoven",
    "Fukuoka",
    "Gdansk",
    "Hamburg",
    "Izmir",
    "Jaipur",
    "Kyiv",
    "Lisbon",
];
const STATUS: [&str; 5] = ["new", "paid", "packed", "shipped", "returned"];
const SYLLABLES: [&str; 32] = [
    "an", "ber", "cor", "den", "el", "fi", "gra", "hol", "in", "jo", "ka", "lin", "mar", "no",
    "or", "per", "qui", "ra", "sol", "ten", "ul", "ver", "wa", "xe", "yo", "zan", "tri", "ster",
    "ment", "ing", "al", "ous",
];

/// The head of a CBOR item in its shortest form.
fn head(major: u8, argument: u64, out: &mut Vec<u8>) {
    let major = major << 5;
    match argument {
        0..24 => out.push(major | argument as u8),
        24..0x100 => out.extend_from_slice(&[major | 24, argument as u8]),
        0x100..0x1_0000 => {
            out.push(major | 25);
            out.extend_from_slice(&(argument as u16).to_be_bytes());
        }
        0x1_0000..0x1_0000_0000 => {
            out.push(major | 26);
            out.extend_from_slice(&(argument as u32).to_be_bytes());
        }
        _ => {
            out.push(major | 27);
            out.extend_from_slice(&argument.to_be_bytes());
        }
    }
}

fn text(value: &str, out: &mut Vec<u8>) {
    head(3, value.len() as u64, out);
    out.extend_from_slice(value.as_bytes());
}

fn pick<'a>(of: &[&'a str], random: &mut Random) -> &'a str {
    of[random.below(of.len())]
}

/// One of some 3,000 words, the frequent ones often, as in prose.
fn word(random: &mut Random, out: &mut String) {
    let unit = random.unit();
    let number = (unit * unit * 3_000.0) as u64;
    let mut letters = Random::new(number ^ 0x776f_7264);
    for _ in 0..1 + letters.below(3) {
        out.push_str(SYLLABLES[letters.below(SYLLABLES.len())]);
    }
}

/// The secondary key of record `index`, which stands in it as `token`.
pub fn key(index: u64) -> [u8; 8] {
    mix(index ^ 0x6b65_7973).to_be_bytes()
}

/// Writes the record `index` in its `version`: 150 to 650 bytes.
pub fn write(index: u64, version: u64, out: &mut Vec<u8>) {
    let mut random = Random::new(index << 1 | version & 1);
    let len = LEN_MIN + random.below(LEN_MAX - LEN_MIN + 1);
    let begin = out.len();
    let (first, last) = (pick(&FIRST, &mut random), pick(&LAST, &mut random));
    // The keys are in canonical order: the shorter first, then by bytes.
    head(5, 9, out);
    text("nr", out);
    head(0, index, out);
    text("city", out);
    text(pick(&CITY, &mut random), out);
    text("mail", out);
    let number = random.below(1000);
    let mail = format!("{first}.{last}{number}@example.org").to_lowercase();
    text(&mail, out);
    text("name", out);
    text(&format!("{first} {last}"), out);
    text("cents", out);
    head(0, random.below(100_000) as u64, out);
    text("token", out);
    head(2, 8, out);
    out.extend_from_slice(&key(index));
    text("status", out);
    text(pick(&STATUS, &mut random), out);
    text("created", out);
    head(0, 1_700_000_000_000 + random.below(1 << 36) as u64, out);
    text("remarks", out);
    let rest = len.saturating_sub(out.len() - begin);
    let remarks_len = match rest {
        0..=24 => rest.saturating_sub(1),
        25..=257 => rest - 2,
        _ => rest - 3,
    };
    let mut remarks = String::with_capacity(remarks_len + 16);
    while remarks.len() < remarks_len {
        word(&mut random, &mut remarks);
        remarks.push(if random.below(9) == 0 { ',' } else { ' ' });
    }
    remarks.truncate(remarks_len);
    text(&remarks, out);
}

/// Writes 150 bytes that do not compress: a CBOR byte string of 148.
pub fn noise(index: u64, version: u64, out: &mut Vec<u8>) {
    let mut random = Random::new((index << 1 | version & 1) ^ 0x6e6f_6973);
    head(2, 148, out);
    for _ in 0..19 {
        out.extend_from_slice(&random.next().to_le_bytes());
    }
    out.truncate(out.len() - 4);
}

/// How far LZ4 compresses records of `count` entities in blocks of `block_len`: compressed ÷ plain.
pub fn compressed_ratio(count: u64, block_len: usize) -> f64 {
    let mut plain = Vec::new();
    (0..count).for_each(|index| write(index, 0, &mut plain));
    let compressed: usize = plain
        .chunks(block_len)
        .map(|block| lz4_flex::block::compress(block).len())
        .sum();
    compressed as f64 / plain.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_canonical_and_of_the_length_that_is_told() {
        let mut lens = (usize::MAX, 0, 0);
        for index in 0..5_000 {
            let mut bytes = Vec::new();
            write(index, index, &mut bytes);
            lens = (
                lens.0.min(bytes.len()),
                lens.1.max(bytes.len()),
                lens.2 + bytes.len(),
            );
            entidb::Payload::from_canonical(bytes).unwrap();
            let mut bytes = Vec::new();
            noise(index, 0, &mut bytes);
            assert_eq!(bytes.len(), 150);
            entidb::Payload::from_canonical(bytes).unwrap();
        }
        assert!(lens.0 >= LEN_MIN - 1 && lens.1 <= LEN_MAX, "{lens:?}");
        assert!((380..420).contains(&(lens.2 / 5_000)), "{lens:?}");
    }
}
