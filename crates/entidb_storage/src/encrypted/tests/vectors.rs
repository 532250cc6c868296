//! Published vectors of the primitive.

use super::{hex, unhex};
use crate::encrypted::EncryptionKey;
use crate::encrypted::cipher::Cipher;

/// Key, nonce, associated data, plaintext, ciphertext, tag.
type Vector = [&'static str; 6];

/// The GCM specification (McGrew and Viega), test cases 13 to 16, and NIST's CAVP `gcmEncryptExtIV256`, the first with 96 bits
/// of nonce and 128 of tag of each length.
const VECTORS: &[Vector] = &[
    [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "000000000000000000000000",
        "",
        "",
        "",
        "530f8afbc74536b9a963b4f1c4cb738b",
    ],
    [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "000000000000000000000000",
        "",
        "00000000000000000000000000000000",
        "cea7403d4d606b6e074ec5d3baf39d18",
        "d0d1c8a799996bf0265b98b5d48ab919",
    ],
    [
        "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
        "cafebabefacedbaddecaf888",
        "",
        "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72
         1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255",
        "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa
         8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015ad",
        "b094dac5d93471bdec1a502270e3cc6c",
    ],
    [
        "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
        "cafebabefacedbaddecaf888",
        "feedfacedeadbeeffeedfacedeadbeefabaddad2",
        "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72
         1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
        "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa
         8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662",
        "76fc6ece0f4e1768cddf8853bb2d551b",
    ],
    [
        "b52c505a37d78eda5dd34f20c22540ea1b58963cf8e5bf8ffa85f9f2492505b4",
        "516c33929df5a3284ff463d7",
        "",
        "",
        "",
        "bdc1ac884d332457a1d2664f168c76f0",
    ],
    [
        "31bdadd96698c204aa9ce1448ea94ae1fb4a9a0b3c9d773b51bb1822666b8f22",
        "0d18e06c7c725ac9e362e1ce",
        "",
        "2db5168e932556f8089a0622981d017d",
        "fa4362189661d163fcd6a56d8bf0405a",
        "d636ac1bbedd5cc3ee727dc2ab4a9489",
    ],
    [
        "92e11dcdaa866f5ce790fd24501f92509aacf4cb8b1339d50c9c1240935dd08b",
        "ac93a1a6145299bde902f21a",
        "1e0889016f67601c8ebea4943bc23ad6",
        "2d71bcfa914e4ac045b2aa60955fad24",
        "8995ae2e6df3dbf96fac7b7137bae67f",
        "eca5aa77d51d4a0a14d9c51e1da474ab",
    ],
];

#[test]
fn the_cipher_is_the_published_one() {
    for [key, nonce, bound, plain, sealed, tag] in VECTORS {
        let cipher = Cipher::new(&EncryptionKey::from_bytes(&unhex(key)).unwrap());
        let nonce = unhex(nonce).try_into().unwrap();
        let bound = unhex(bound);
        let mut bytes = unhex(plain);
        let found = cipher.seal(nonce, &bound, &mut bytes).unwrap();
        assert_eq!(hex(&bytes), hex(&unhex(sealed)));
        assert_eq!(hex(&found), *tag);
        let mut opened = vec![0; bytes.len()];
        cipher
            .open(nonce, &bound, &bytes, &mut opened, &found)
            .unwrap();
        assert_eq!(hex(&opened), hex(&unhex(plain)));
        // Another tag is refused, and nothing is decrypted.
        let mut other = found;
        other[15] ^= 1;
        opened.fill(0xee);
        assert!(
            cipher
                .open(nonce, &bound, &bytes, &mut opened, &other)
                .is_err()
        );
        assert!(opened.iter().all(|byte| *byte == 0xee));
    }
}
