//! CRC-32C (Castagnoli; RFC 3720 appendix B.4), bound to where the bytes lie.

use crate::ids::Lsn;

/// The only kind of checksum so far, as named in every stream's header.
pub(crate) const KIND_CRC32C: u32 = 1;

/// CRC-32C of the bytes alone.
pub(crate) fn crc32c(bytes: &[u8]) -> u32 {
    crc_fast::crc32_iscsi(bytes)
}

/// Where bytes lie: mixed into their checksum, so that what was written elsewhere does not pass here.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Binding {
    /// The stream's random salt.
    pub(crate) salt: u64,
    /// The offset of the structure in its stream, in bytes.
    pub(crate) offset: u64,
    /// The commit it belongs to, or zero.
    pub(crate) lsn: Lsn,
}

/// The CRC-32C of the bytes, xored with the CRC-32C of salt, offset and LSN (24 bytes, little-endian).
///
/// A CRC is linear, so this finds exactly what one CRC over both would, and each part runs at full speed.
pub(crate) fn bound(binding: Binding, bytes: &[u8]) -> u32 {
    place(binding) ^ crc32c(bytes)
}

/// The part of a bound checksum that says where the bytes lie.
pub(crate) fn place(binding: Binding) -> u32 {
    let mut place = [0; 24];
    place[..8].copy_from_slice(&binding.salt.to_le_bytes());
    place[8..16].copy_from_slice(&binding.offset.to_le_bytes());
    place[16..].copy_from_slice(&binding.lsn.0.to_le_bytes());
    crc32c(&place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_crc_32c() {
        // RFC 3720 appendix B.4, and the catalogue's check value.
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    }

    #[test]
    fn the_same_bytes_elsewhere_do_not_pass() {
        let here = Binding {
            salt: 7,
            offset: 80,
            lsn: Lsn(3),
        };
        let sum = bound(here, b"abc");
        assert_ne!(sum, bound(Binding { salt: 8, ..here }, b"abc"));
        assert_ne!(sum, bound(Binding { offset: 81, ..here }, b"abc"));
        assert_ne!(
            sum,
            bound(
                Binding {
                    lsn: Lsn(4),
                    ..here
                },
                b"abc"
            )
        );
    }
}
