//! Strings eight bytes at a time: how far they go before a byte that JSON treats specially.

/// The start of some bytes that has no quote, no backslash and no control character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) len: usize,
    /// Whether all of it is ASCII, and so needs no look at its UTF-8.
    pub(super) ascii: bool,
}

const ONES: u64 = u64::MAX / 255;
const HIGHS: u64 = ONES << 7;
const WORD: usize = size_of::<u64>();

/// The longest run of plain bytes at the start of `bytes`.
#[inline]
pub(super) fn plain(bytes: &[u8]) -> Run {
    let mut len = 0;
    let mut seen = 0;
    while let Some(word) = bytes.get(len..).and_then(<[u8]>::first_chunk) {
        let word = u64::from_le_bytes(*word);
        let special = special(word);
        if special != 0 {
            // The lowest mark is exact; those above it need not be.
            let bits = special.trailing_zeros() & !7;
            seen |= word & !(u64::MAX << bits);
            return Run {
                len: len + bits as usize / 8,
                ascii: seen & HIGHS == 0,
            };
        }
        seen |= word;
        len += WORD;
    }
    for &byte in bytes.get(len..).unwrap_or_default() {
        if byte < 0x20 || byte == b'"' || byte == b'\\' {
            break;
        }
        seen |= u64::from(byte);
        len += 1;
    }
    Run {
        len,
        ascii: seen & HIGHS == 0,
    }
}

/// Marks the high bit of each byte that is special, from the lowest up to at least the first.
#[inline]
fn special(word: u64) -> u64 {
    let quote = word ^ (ONES * b'"' as u64);
    let backslash = word ^ (ONES * b'\\' as u64);
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    let quote = quote.wrapping_sub(ONES) & !quote;
    let backslash = backslash.wrapping_sub(ONES) & !backslash;
    (control | quote | backslash) & HIGHS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_at_every_place_is_told_right() {
        for len in 0..20 {
            for place in 0..len {
                for byte in 0..=255_u8 {
                    for behind in [b'a', b'"', b'!', 0x1f, 0x80, 0xff] {
                        let mut bytes = vec![b'a'; len];
                        bytes[place] = byte;
                        bytes[place + 1..].fill(behind);
                        let expected = bytes
                            .iter()
                            .position(|&b| b < 0x20 || b == b'"' || b == b'\\')
                            .unwrap_or(len);
                        let ascii = bytes[..expected].is_ascii();
                        assert_eq!(
                            plain(&bytes),
                            Run {
                                len: expected,
                                ascii
                            },
                            "{bytes:x?}"
                        );
                    }
                }
            }
        }
    }
}
