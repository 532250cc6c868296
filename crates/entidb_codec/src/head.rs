//! The head of an item, on the way out: major type and argument in the fewest bytes.

pub(crate) const UNSIGNED: u8 = 0;
pub(crate) const NEGATIVE: u8 = 1;
pub(crate) const BYTES: u8 = 2;
pub(crate) const TEXT: u8 = 3;
pub(crate) const ARRAY: u8 = 4;
pub(crate) const MAP: u8 = 5;
pub(crate) const TAG: u8 = 6;
pub(crate) const SIMPLE: u8 = 7;

/// RFC 8949 section 3: additional information for an argument of 1, 2, 4 and 8 bytes.
pub(crate) const INFO_1: u8 = 24;
pub(crate) const INFO_2: u8 = INFO_1 + 1;
pub(crate) const INFO_4: u8 = INFO_2 + 1;
pub(crate) const INFO_8: u8 = INFO_4 + 1;

pub(crate) const FALSE: u8 = (SIMPLE << 5) | 20;
pub(crate) const TRUE: u8 = (SIMPLE << 5) | 21;
pub(crate) const NULL: u8 = (SIMPLE << 5) | 22;
pub(crate) const UNDEFINED: u8 = (SIMPLE << 5) | 23;

/// RFC 8949 sections 3.4.1 and 3.4.2.
pub(crate) const TAG_DATE_TEXT: u64 = 0;
pub(crate) const TAG_DATE_NUMBER: u64 = 1;
pub(crate) const TAG_BIGNUM: u64 = 2;
pub(crate) const TAG_BIGNUM_NEGATIVE: u64 = 3;
pub(crate) const TAG_DECIMAL: u64 = 4;

/// Appends the head of an item. `major` is 0 to 7.
#[inline]
pub(crate) fn write(out: &mut Vec<u8>, major: u8, argument: u64) {
    match u8::try_from(argument) {
        Ok(small) if small < INFO_1 => out.push(major << 5 | small),
        Ok(small) => out.extend_from_slice(&[major << 5 | INFO_1, small]),
        Err(_) => write_long(out, major, argument),
    }
}

fn write_long(out: &mut Vec<u8>, major: u8, argument: u64) {
    // Lengths that are known at compile time, so that each is a store and no call.
    let (head, len) = build(major, argument);
    match len {
        3 => out.extend_from_slice(&[head[0], head[1], head[2]]),
        5 => out.extend_from_slice(&[head[0], head[1], head[2], head[3], head[4]]),
        _ => out.extend_from_slice(&head),
    }
}

/// The head of an item and how many of the bytes it takes.
#[inline]
pub(crate) fn build(major: u8, argument: u64) -> ([u8; 9], usize) {
    let mut head = [0; 9];
    let major = major << 5;
    let len = if let Ok(small) = u8::try_from(argument) {
        if small < INFO_1 {
            head[0] = major | small;
            return (head, 1);
        }
        head[0] = major | INFO_1;
        head[1] = small;
        return (head, 2);
    } else if let Ok(small) = u16::try_from(argument) {
        head[0] = major | INFO_2;
        head[1..3].copy_from_slice(&small.to_be_bytes());
        3
    } else if let Ok(small) = u32::try_from(argument) {
        head[0] = major | INFO_4;
        head[1..5].copy_from_slice(&small.to_be_bytes());
        5
    } else {
        head[0] = major | INFO_8;
        head[1..9].copy_from_slice(&argument.to_be_bytes());
        9
    };
    (head, len)
}

/// Puts the head of a finished array or map in place of the one byte kept free for it.
///
/// ORDER: only what lies behind `at` moves, so offsets noted for items before it stay true.
pub(crate) fn settle(out: &mut Vec<u8>, at: usize, major: u8, count: u64) {
    let (head, len) = build(major, count);
    if len > 1 {
        let end = out.len();
        out.resize(end + len - 1, 0);
        out.copy_within(at + 1..end, at + len);
    }
    out[at..at + len].copy_from_slice(&head[..len]);
}
