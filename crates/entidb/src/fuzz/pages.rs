//! A run's pages and its filter.

use bytes::Bytes;

use super::input::Input;
use super::samples;
use crate::format::checksum::bound;
use crate::format::filter::{self, Filter};
use crate::format::key::{self, Key};
use crate::format::leaf::{Fences, Leaf};
use crate::format::page::{self, Page};

const SALT: u64 = 0x0123_4567_89ab_cdef;
const OFFSET: u64 = page::LEN as u64;
const CRC_LEN: usize = 4;

/// The input is a page; its first four bytes are replaced by the right checksum.
pub(super) fn page(data: &[u8]) {
    let _ = Page::decode(Bytes::copy_from_slice(data), SALT, OFFSET);
    let mut bytes = data.to_vec();
    bytes.resize(page::LEN, 0);
    let crc = bound(filter::binding(SALT, OFFSET), &bytes[CRC_LEN..]);
    bytes[..CRC_LEN].copy_from_slice(&crc.to_le_bytes());
    let Ok(page) = Page::decode(Bytes::from(bytes), SALT, OFFSET) else {
        return;
    };
    let keys: Vec<Key> = (0..page.count()).map(|index| page.key(index)).collect();
    let rising = keys.is_sorted_by(|a, b| a < b);
    for key in &keys {
        let lower = page.lower_bound(key);
        assert!(lower <= keys.len());
        assert!(!rising || keys[lower] == *key);
    }
    if page.level() > 0 {
        let fences = Fences::new(keys.clone());
        for (index, key) in keys.iter().enumerate() {
            let _ = page.child(index);
            let lower = fences.lower_bound(key);
            assert!(lower <= keys.len());
            assert!(!rising || lower == index);
        }
        return;
    }
    let leaf = Leaf::new(&page);
    assert!(leaf.memory_bytes() > 0);
    assert_eq!(leaf.count(), page.count());
    for (index, key) in keys.iter().enumerate() {
        assert_eq!(leaf.entry(index), page.entry(index));
        let found = leaf.find(key);
        let lower = leaf.lower_bound(key);
        assert!(lower <= keys.len());
        assert!(!rising || (found == Ok(index) && lower == index));
        let mut other = *key;
        other.0[key::LEN - 1] ^= 1;
        assert!(!rising || leaf.lower_bound(&other) == page.lower_bound(&other));
    }
    let _ = (
        leaf.find(&Key([0; key::LEN])),
        leaf.find(&Key([0xff; key::LEN])),
    );
}

pub(super) fn page_seeds() -> Vec<Vec<u8>> {
    let keys: Vec<Key> = (1..120_u8).map(|n| Key([n; key::LEN])).collect();
    let (inner, _) = page::encode_inner(&keys, 1, 7, SALT, OFFSET);
    vec![samples::format("page"), inner]
}

/// The input is a filter, with a byte before it that has it cut.
pub(super) fn filter(data: &[u8]) {
    let mut input = Input::new(data);
    let hash = input.u64();
    let bytes = Bytes::copy_from_slice(input.rest());
    let crc = bound(filter::binding(SALT, OFFSET), &bytes);
    assert!(Filter::decode(bytes.clone(), SALT, OFFSET, !crc).is_err());
    if let Ok(filter) = Filter::decode(bytes, SALT, OFFSET, crc) {
        for hash in [hash, !hash, 0, u64::MAX] {
            let _ = filter.may_have_hash(hash);
        }
    }
}

pub(super) fn filter_seeds() -> Vec<Vec<u8>> {
    vec![vec![0xff; 8 + 32], vec![0x0f; 8 + 64], vec![1; 9]]
}
