//! Pages of index entries against what was put into them, and against whatever else they may say.
#![expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "the tests' own bytes"
)]

use proptest::prelude::*;

use super::{InnerBuilder, LeafBuilder, Node, Place, index_of, separator, split};
use crate::format::checksum::{Binding, bound};
use crate::format::page;
use crate::ids::{CollectionId, Lsn};
use crate::mix::mix64;

const SALT: u64 = 9;
const OFFSET: u64 = 8192;

type Entries = Vec<(Vec<u8>, Lsn, bool)>;

/// Values that are prefix-free: an index, often a long beginning that others share, a few letters, and an end.
fn value() -> impl Strategy<Value = Vec<u8>> {
    let stem = prop_oneof![
        4 => Just(Vec::new()),
        2 => Just(b"https://example.org/".to_vec()),
        1 => Just(b"https://example.org/people/".to_vec()),
        1 => (0..900_usize).prop_map(|len| vec![b'x'; len]),
    ];
    let letters = proptest::collection::vec(1..4_u8, 0..9);
    (1..3_u16, stem, letters).prop_map(|(index, stem, letters)| {
        let mut value = index.to_be_bytes().to_vec();
        value.extend(stem);
        value.extend(letters);
        value.push(0);
        value
    })
}

fn id() -> impl Strategy<Value = [u8; 16]> {
    prop_oneof![
        3 => any::<[u8; 16]>(),
        // As UUIDv7: the beginning is one.
        3 => any::<[u8; 3]>().prop_map(|end| {
            let mut id = [0x19; 16];
            id[13..].copy_from_slice(&end);
            id
        }),
        1 => Just([0; 16]),
        1 => Just([0xff; 16]),
    ]
}

/// Entries in order, each key once.
pub(crate) fn entries(count: usize) -> impl Strategy<Value = Entries> {
    let lsn = prop_oneof![4 => 7..9_u64, 1 => 0..Lsn::MAX.0, 1 => Just(Lsn::MAX.0)];
    let ids = proptest::collection::vec((id(), lsn, any::<bool>()), 1..12);
    let values = proptest::collection::vec((value(), ids), 1..count);
    (values, any::<bool>()).prop_map(|(values, plain)| {
        let mut entries = std::collections::BTreeMap::new();
        for (value, ids) in values {
            for (id, lsn, tombstone) in ids {
                let key = [value.as_slice(), &id].concat();
                let lsn = if plain { 7 } else { lsn };
                entries.insert(key, (Lsn(lsn), tombstone && !plain));
            }
        }
        let entries = entries.into_iter();
        entries
            .map(|(key, (lsn, tombstone))| (key, lsn, tombstone))
            .collect()
    })
}

/// Keys and other strings that lie near an entry's key.
pub(crate) fn near(key: &[u8]) -> Vec<Vec<u8>> {
    let mut near = Vec::new();
    for len in [
        0,
        1,
        2,
        3,
        key.len() / 2,
        key.len() - 17,
        key.len() - 16,
        key.len() - 8,
        key.len(),
    ] {
        let prefix = key[..len.min(key.len())].to_vec();
        for end in [&[][..], &[0], &[0xff], &[0; 16], &[0xff; 16]] {
            near.push([prefix.as_slice(), end].concat());
        }
        if let Some((last, rest)) = prefix.split_last() {
            near.push([rest, &[last.wrapping_add(1)]].concat());
            near.push([rest, &[last.wrapping_sub(1)]].concat());
        }
    }
    near
}

fn leaf(entries: &Entries) -> (Vec<u8>, Entries) {
    let mut builder = LeafBuilder::default();
    let taken = entries.iter().take_while(|(key, lsn, tombstone)| {
        let (value, id) = split(key).expect("an entry's key");
        builder.push(value, id, *lsn, *tombstone)
    });
    let taken: Entries = taken.cloned().collect();
    (builder.finish(SALT, OFFSET), taken)
}

/// All entries of a leaf, forwards.
fn read(node: &Node) -> Entries {
    let mut found = Vec::new();
    let mut place = Place { group: 0, row: 0 };
    while place < node.end() {
        let mut key = Vec::new();
        node.write_value(place.group, &mut key);
        let (lsn, tombstone) = node.write_id(place, &mut key);
        found.push((key, lsn, tombstone));
        place = node.behind(place);
    }
    found
}

/// The number of an entry.
fn number(node: &Node, place: Place) -> usize {
    let before = (0..place.group).map(|group| node.row_count(group));
    before.sum::<usize>() + place.row
}

proptest! {
    #[test]
    fn a_leaf_gives_back_its_entries_and_finds_every_place(entries in entries(60)) {
        let (bytes, entries) = leaf(&entries);
        let node = Node::decode(&bytes, SALT, OFFSET).expect("sound");
        prop_assert_eq!(node.level(), 0);
        prop_assert_eq!(node.count(), entries.len());
        prop_assert_eq!(&read(&node), &entries);
        let mut place = node.end();
        for _ in &entries {
            let before = node.before(place);
            prop_assert_eq!(node.behind(before), place);
            place = before;
        }
        prop_assert_eq!(place, Place { group: 0, row: 0 });
        for wanted in entries.iter().flat_map(|(key, ..)| near(key)) {
            for behind in [false, true] {
                let is_before = |key: &[u8]| key < wanted.as_slice() || behind && key == wanted;
                let expected = entries.iter().take_while(|(key, ..)| is_before(key)).count();
                let found = node.position(&wanted, behind);
                prop_assert_eq!(number(&node, found), expected, "{:?} {}", wanted, behind);
            }
        }
    }

    #[test]
    fn an_inner_page_leads_to_where_a_key_is(entries in entries(60), far in 0..1_u64 << 40) {
        let keys: Vec<&[u8]> = entries.iter().map(|(key, ..)| key.as_slice()).collect();
        let mut builder = InnerBuilder::default();
        builder.push(b"any", 7);
        let mut children = vec![(Vec::new(), 7)];
        let spread = |n: usize| 7 + n as u64 * if n > 3 { 1 + far } else { 1 };
        for (n, pair) in keys.windows(2).enumerate() {
            let separator = separator(pair[0], pair[1]);
            prop_assert!(pair[0] < separator && separator <= pair[1]);
            if !builder.has_room(separator, spread(n + 1)) {
                break;
            }
            builder.push(separator, spread(n + 1));
            children.push((separator.to_vec(), spread(n + 1)));
        }
        prop_assert!(children.len() == keys.len() || children.len() > 3, "a page has room for four");
        prop_assert_eq!(builder.first(), b"any");
        let bytes = builder.finish(3, SALT, OFFSET);
        let node = Node::decode(&bytes, SALT, OFFSET).expect("sound");
        prop_assert_eq!((node.level(), node.count()), (3, children.len()));
        for (index, (separator, number)) in children.iter().enumerate() {
            prop_assert_eq!(node.child_at(index), *number);
            prop_assert!(index == 0 || node.separator(index) == *separator);
        }
        for wanted in keys.iter().flat_map(|key| near(key)) {
            let index = children.partition_point(|(separator, _)| *separator <= wanted);
            prop_assert_eq!(node.child(&wanted), children[index.max(1) - 1].1, "{:?}", wanted);
        }
    }

    #[test]
    fn hostile_pages_are_an_error_or_say_something_and_never_panic(
        entries in entries(60),
        inner in any::<bool>(),
        edits in proptest::collection::vec((0..200_usize, any::<u8>()), 1..8),
        garbage in any::<bool>(),
    ) {
        let (mut bytes, entries) = leaf(&entries);
        if inner {
            let mut builder = InnerBuilder::default();
            for (n, (key, ..)) in entries.iter().enumerate() {
                if builder.has_room(key, n as u64 * 1000) {
                    builder.push(key, n as u64 * 1000);
                }
            }
            bytes = builder.finish(1, SALT, OFFSET);
        }
        for (at, byte) in edits {
            // The head decides most.
            let at = if at < 100 { 6 + at % 26 } else { at };
            bytes[at] = byte;
        }
        if garbage {
            bytes[32..].fill(0x5a);
        }
        let binding = Binding { salt: SALT, offset: OFFSET, lsn: Lsn::ZERO };
        let crc = bound(binding, &bytes[4..]);
        bytes[..4].copy_from_slice(&crc.to_le_bytes());
        if let Ok(node) = Node::decode(&bytes, SALT, OFFSET) {
            prop_assert!(node.memory_bytes() < 256 << 10);
            let wanted = entries.iter().take(5).flat_map(|(key, ..)| near(key));
            for wanted in wanted {
                let _ = (node.position(&wanted, true), node.position(&wanted, false));
                let _ = node.child(&wanted);
            }
            if node.level() == 0 {
                prop_assert_eq!(read(&node).len(), node.count());
            }
            for index in 0..node.count() {
                let _ = (node.child_at(index), node.separator(index));
            }
            let _ = node.before(node.end());
        }
    }
}

#[test]
fn a_page_elsewhere_or_with_a_flipped_bit_is_refused() {
    let entries: Entries = (0..40_u64)
        .map(|n| {
            let value = [&[0, 1][..], &(n / 3).to_be_bytes()].concat();
            let id = u128::from(mix64(n / 3)) + u128::from(n);
            (
                [value, id.to_be_bytes().to_vec()].concat(),
                Lsn(n % 4),
                n % 5 == 0,
            )
        })
        .collect();
    let (bytes, taken) = leaf(&entries);
    assert_eq!(taken, entries);
    assert!(Node::decode(&bytes, SALT, OFFSET).is_ok());
    assert!(Node::decode(&bytes, SALT + 1, OFFSET).is_err());
    assert!(Node::decode(&bytes, SALT, OFFSET + 4096).is_err());
    for len in 0..bytes.len() {
        assert!(Node::decode(&bytes[..len], SALT, OFFSET).is_err(), "{len}");
    }
    let mut flipped = bytes;
    for bit in 0..page::LEN * 8 {
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(Node::decode(&flipped, SALT, OFFSET).is_err(), "bit {bit}");
        flipped[bit / 8] ^= 1 << (bit % 8);
    }
}

#[test]
fn the_longest_and_the_shortest_keys_fit() {
    let long = [&[0, 1][..], &[7; 1024], &[9; 16]].concat();
    let short = [&[0, 0][..], &[9; 16]].concat();
    assert!(split(&[long.as_slice(), &[0]].concat()).is_none());
    assert!(split(&short[1..]).is_none());
    for key in [long, short] {
        let entries = vec![(key.clone(), Lsn::MAX, true)];
        let (bytes, _) = leaf(&entries);
        let node = Node::decode(&bytes, SALT, OFFSET).expect("sound");
        assert_eq!(read(&node), entries);
        assert_eq!(index_of(&key), CollectionId(u16::from(key[1])));
    }
}

#[test]
fn an_entry_is_small() {
    let leaves = |entries: &mut dyn Iterator<Item = (Vec<u8>, [u8; 16])>| {
        let mut entries: Vec<_> = entries.collect();
        entries.sort_unstable();
        let mut builder = LeafBuilder::default();
        let mut pages = 1;
        for (value, id) in &entries {
            if !builder.push(value, id, Lsn(1 + mix64(pages) % 1000), false) {
                builder.finish(SALT, OFFSET);
                pages += 1;
                assert!(builder.push(value, id, Lsn(5), false));
            }
        }
        pages as usize * page::LEN / entries.len()
    };
    let random = |n: u64| {
        u128::from_be_bytes(
            [mix64(n).to_be_bytes(), mix64(!n).to_be_bytes()]
                .concat()
                .try_into()
                .unwrap(),
        )
        .to_be_bytes()
    };
    let in_order = |n: u64| {
        (0x0199_7c1f_0000_7000_8000_0000_0000_0000_u128
            + (u128::from(n) << 60)
            + u128::from(mix64(n) >> 8))
        .to_be_bytes()
    };
    // A unique number of 9 bytes; mail addresses; one of ninety ages.
    let unique = &mut (0..20_000).map(|n| {
        (
            [&[0, 1, 4][..], &mix64(n).to_be_bytes()].concat(),
            random(n),
        )
    });
    assert!(leaves(unique) < 28);
    let mail = |n: u64| format!("\0\x01{}.{}@example.org\0", mix64(n) % 9000, n);
    let unique = &mut (0..20_000).map(|n| (mail(n).into_bytes(), random(n)));
    assert!(leaves(unique) < 42);
    let ages = &mut (0..20_000).map(|n| (vec![0, 1, 4, (mix64(n) % 90) as u8], in_order(n)));
    assert!(leaves(ages) < 16);
}
