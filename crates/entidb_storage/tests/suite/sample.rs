//! Bytes to append.

/// `len` bytes that tell where they are from, the same for the same seed.
pub(crate) fn bytes(seed: usize, len: usize) -> Vec<u8> {
    let period: Vec<u8> = (0..251_usize)
        .map(|i| ((i * 7 + seed) % 256).to_le_bytes()[0])
        .collect();
    let mut bytes = period.repeat(len / period.len() + 1);
    bytes.truncate(len);
    bytes
}
