//! A second opinion: the crate `cbor-core` reads and writes deterministic CBOR too, and was written
//! by others.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(dead_code, reason = "not every test file uses all of the strategies")]

mod common;

use entidb_codec::{Fault, decode, encode};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn others_read_what_we_write_and_write_the_same(value in common::values()) {
        let bytes = encode(&value).unwrap();
        let theirs = cbor_core::Value::decode(&bytes[..]).unwrap();
        prop_assert_eq!(theirs.encode(), bytes);
    }

    #[test]
    fn others_refuse_what_we_refuse(value in common::values(), flips in any::<[u16; 8]>()) {
        let bytes = encode(&value).unwrap();
        for flip in flips {
            let mut bytes = bytes.clone();
            let bit = usize::from(flip) % (bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            agree(&bytes)?;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn others_judge_short_inputs_as_we_do(bytes in prop::collection::vec(any::<u8>(), 0..12)) {
        agree(&bytes)?;
    }
}

#[test]
fn others_judge_all_inputs_of_two_bytes_as_we_do() {
    for bytes in (0..=u16::MAX).map(u16::to_be_bytes) {
        agree(&bytes).unwrap();
        agree(&bytes[..1]).unwrap();
        agree(&[&[0xf9][..], &bytes].concat()).unwrap();
    }
}

fn agree(bytes: &[u8]) -> Result<(), TestCaseError> {
    let ours = decode(bytes);
    let theirs = cbor_core::Value::decode(bytes);
    match ours {
        Ok(_) => prop_assert_eq!(theirs.unwrap().encode(), bytes),
        // Where we are stricter: they keep what a NaN carries, and leave a bignum tag on other
        // content to the application.
        Err(error) if matches!(error.fault, Fault::NanPayload | Fault::BignumContent) => {}
        Err(error) => prop_assert!(theirs.is_err(), "{error} in {bytes:02x?}, but {theirs:?}"),
    }
    Ok(())
}
