//! The pages of a run's index entries.

use super::input::Input;
use super::samples;
use crate::format::checksum::bound;
use crate::format::entry::{
    FilterPage, InnerBuilder, KEY_LEN_MAX, LeafBuilder, Node, Place, index_of, place, split,
};
use crate::format::{entry_key, filter, page};
use crate::ids::Lsn;

const SALT: u64 = 0x0123_4567_89ab_cdef;
const OFFSET: u64 = 8192;
const CRC_LEN: usize = 4;

/// The input is a page, or the beginning of one; its first four bytes are replaced by the right checksum.
pub(super) fn entry(data: &[u8]) {
    if let (Some((value, id)), Some((index, key, entity))) = (split(data), entry_key::split(data)) {
        assert_eq!([value, id].concat(), data);
        assert_eq!(index_of(data).0, index.0);
        let mut again = Vec::new();
        entry_key::push(&mut again, index, key, entity);
        assert_eq!(again, data);
        assert!(data.len() <= KEY_LEN_MAX);
    }
    let _ = Node::decode(data, SALT, OFFSET);
    let mut bytes = data.to_vec();
    bytes.resize(page::LEN, 0);
    let crc = bound(filter::binding(SALT, OFFSET), &bytes[CRC_LEN..]);
    bytes[..CRC_LEN].copy_from_slice(&crc.to_le_bytes());
    if let Ok(node) = Node::decode(&bytes, SALT, OFFSET) {
        assert!(node.count() > 0 && node.memory_bytes() >= node.count());
        match node.level() {
            0 => leaf(&node),
            _ => inner(&node, data),
        }
    }
    let mut input = Input::new(data);
    let _ = input.take(data.len().saturating_sub(8));
    let block = input.u64();
    for blocks in [1, 2, 127, block] {
        if let Ok(page) = FilterPage::decode(&bytes, SALT, OFFSET, blocks) {
            let (_, at) = place(block);
            let _ = page.has(at, [1; 8]);
        }
    }
}

/// Every entry of a leaf, in both directions, and its place again if its keys rise.
fn leaf(node: &Node) {
    let mut keys = Vec::new();
    let mut at = Place { group: 0, row: 0 };
    while at < node.end() {
        let mut key = Vec::new();
        node.write_value(at.group, &mut key);
        let _ = node.write_id(at, &mut key);
        assert!(split(&key).is_some(), "the key of an entry");
        keys.push((key, at));
        at = node.behind(at);
    }
    assert_eq!(keys.len(), node.count());
    let groups: usize = (0..node.group_count())
        .map(|group| node.row_count(group))
        .sum();
    assert_eq!(groups, node.count());
    for (_, place) in keys.iter().rev() {
        at = node.before(at);
        assert_eq!(at, *place);
    }
    let rising = keys.is_sorted_by(|(a, _), (b, _)| a < b);
    for (key, place) in &keys {
        let (here, behind) = (node.position(key, false), node.position(key, true));
        assert!(here <= node.end() && behind <= node.end());
        // Values that begin each other are none that an index makes.
        let free = keys.iter().all(|(other, _)| !begins(other, key));
        assert!(!rising || !free || here == *place);
    }
}

/// Whether one value is the beginning of another.
fn begins(key: &[u8], other: &[u8]) -> bool {
    let value = |key| split(key).map(|(value, _)| value).unwrap_or_default();
    let (key, other) = (value(key), value(other));
    key != other && (other.starts_with(key) || key.starts_with(other))
}

/// Every child of an inner page.
fn inner(node: &Node, key: &[u8]) {
    let children: Vec<_> = (0..node.count())
        .map(|index| node.child_at(index))
        .collect();
    for index in 1..node.count() {
        let separator = node.separator(index);
        assert!(children.contains(&node.child(&separator)));
    }
    assert!(children.contains(&node.child(key)));
}

pub(super) fn entry_seeds() -> Vec<Vec<u8>> {
    let mut seeds: Vec<_> = ["index leaf", "index inner page", "index filter page"]
        .map(samples::format)
        .to_vec();
    let mut builder = LeafBuilder::default();
    for n in 0..40_u8 {
        let value = [&[0, 3, 0x40], &b"a common beginning"[..], &[n / 3 + 1, 0]].concat();
        let took = builder.push(&value, &[n; 16], Lsn(u64::from(n) + 5), n % 7 == 0);
        assert!(took, "there is room");
    }
    seeds.push(builder.finish(SALT, OFFSET));
    let mut builder = InnerBuilder::default();
    builder.push(&[], 2);
    for n in 1..30_u8 {
        builder.push(&[0, 3, 0x40, n], u64::from(n) + 2);
    }
    seeds.push(builder.finish(1, SALT, OFFSET));
    for seed in &mut seeds {
        let used = seed
            .iter()
            .rposition(|byte| *byte != 0)
            .map_or(0, |at| at + 1);
        seed.truncate(used);
    }
    seeds.push([&[0, 3][..], b"\x40key\0", &[7; 16]].concat());
    seeds
}
