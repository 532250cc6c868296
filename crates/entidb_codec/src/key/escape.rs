//! Strings that tell where they end and keep their order.
//!
//! A string ends with 00. So that 00 is nowhere else and no string begins another, 00 inside it is
//! written 01 01, and 01 is written 01 02.

use memchr::memchr2;

/// What a string ends with.
pub(super) const END: u8 = 0;
const ESCAPE: u8 = 1;

/// Appends a string, without its end.
pub(super) fn push(out: &mut Vec<u8>, bytes: &[u8]) {
    out.reserve(bytes.len() + 1);
    let mut rest = bytes;
    while let Some(at) = memchr2(END, ESCAPE, rest) {
        let (plain, special) = rest.split_at(at);
        out.extend_from_slice(plain);
        let Some((special, behind)) = special.split_first() else {
            break;
        };
        out.extend_from_slice(&[ESCAPE, special + 1]);
        rest = behind;
    }
    out.extend_from_slice(rest);
}

/// Reads a string whose bytes were all turned by `mask`, and says how many bytes it took with its
/// end. `None` if it has no end or a wrong escape.
pub(super) fn read(bytes: &[u8], mask: u8) -> Option<(Vec<u8>, usize)> {
    let mut out = Vec::new();
    let mut rest = bytes;
    loop {
        let at = memchr2(END ^ mask, ESCAPE ^ mask, rest)?;
        let (plain, special) = rest.split_at_checked(at)?;
        out.extend(plain.iter().map(|byte| byte ^ mask));
        let (special, behind) = special.split_first()?;
        if special ^ mask == END {
            return Some((out, bytes.len() - behind.len()));
        }
        let (escaped, behind) = behind.split_first()?;
        out.push(match escaped ^ mask {
            byte @ 1..=2 => byte - 1,
            _ => return None,
        });
        rest = behind;
    }
}

/// How many bytes a string takes with its end.
pub(super) fn len(bytes: &[u8], mask: u8) -> Option<usize> {
    memchr::memchr(END ^ mask, bytes).map(|end| end + 1)
}
