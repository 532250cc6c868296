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

/// The bound checksum of bytes that come piece by piece.
pub(crate) struct Running {
    place: u32,
    digest: crc_fast::Digest,
}

impl Running {
    pub(crate) fn new(binding: Binding) -> Self {
        Self {
            place: place(binding),
            digest: crc_fast::Digest::new(crc_fast::CrcAlgorithm::Crc32Iscsi),
        }
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.digest.update(bytes);
    }

    pub(crate) fn finish(&self) -> u32 {
        #[expect(clippy::cast_possible_truncation, reason = "it has 32 bits")]
        let crc = self.digest.finalize() as u32;
        self.place ^ crc
    }
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
    fn pieces_have_the_checksum_of_the_whole() {
        let binding = Binding {
            salt: 7,
            offset: 80,
            lsn: Lsn(3),
        };
        let bytes: Vec<u8> = (0..=255).cycle().take(5000).collect();
        for piece in [1, 7, 64, 4999, 5000] {
            let mut running = Running::new(binding);
            bytes.chunks(piece).for_each(|piece| running.update(piece));
            assert_eq!(running.finish(), bound(binding, &bytes));
        }
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
