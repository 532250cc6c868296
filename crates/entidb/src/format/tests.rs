//! Each format against its golden bytes in docs/format.md, its prefixes, and its flipped bits.
#![expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "the tests' own bytes"
)]

use bytes::Bytes;

use super::batch::{self, Synced};
use super::checksum::{Binding, bound};
use super::footer::{FilterEntry, RunFooter, Tally};
use super::header::{self, Header};
use super::key::Key;
use super::manifest::{Catalog, Closed, Collection, LogEntry, Manifest, SealedEntry};
use super::page::{self, Entry, LeafBuilder, Page};
use super::{block, record};
use crate::ids::{CollectionId, EntityId, Lsn, StreamId};

const DOC: &str = include_str!("../../../../docs/format.md");
const SALT: u64 = 0x0123_4567_89ab_cdef;

/// The bytes in the block "```hex NAME" of docs/format.md.
fn golden(name: &str) -> Vec<u8> {
    let fence = format!("```hex {name}\n");
    let (_, rest) = DOC
        .split_once(&fence)
        .expect("docs/format.md has this example");
    let (block, _) = rest.split_once("```").expect("the block ends");
    let digits: String = block.split_whitespace().collect();
    (0..digits.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).expect("hexadecimal"))
        .collect()
}

#[track_caller]
fn assert_golden(name: &str, bytes: &[u8]) {
    let lines: Vec<String> = bytes.chunks(32).map(crate::stream::hex).collect();
    if std::env::var_os("ENTIDB_PRINT_FORMAT").is_some() {
        eprintln!("```hex {name}\n{}\n```", lines.join("\n"));
        return;
    }
    assert_eq!(crate::stream::hex(&golden(name)), lines.concat(), "{name}");
}

/// Every proper prefix and every flipped bit of `bytes` is refused.
#[track_caller]
fn assert_strict<T>(bytes: &[u8], decode: impl Fn(&[u8]) -> Result<T, super::Fault>) {
    assert!(decode(bytes).is_ok());
    for len in 0..bytes.len() {
        assert!(decode(&bytes[..len]).is_err(), "prefix of {len}");
    }
    let mut flipped = bytes.to_vec();
    for bit in 0..bytes.len() * 8 {
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(decode(&flipped).is_err(), "bit {bit}");
        flipped[bit / 8] ^= 1 << (bit % 8);
    }
}

fn id(n: u8) -> EntityId {
    EntityId::from_bytes([n; 16])
}

fn sample_header(kind: header::Kind) -> Header {
    Header {
        kind,
        database: [0xdb; 16],
        stream: StreamId(42),
        salt: SALT,
    }
}

#[test]
fn a_stream_header_is_as_drawn() {
    let header = sample_header(header::Kind::Log);
    let bytes = header.encode();
    assert_golden("stream header", &bytes);
    assert_eq!(Header::decode(&bytes, header::Kind::Log), Ok(header));
    assert_strict(&bytes, |b| Header::decode(b, header::Kind::Log));
    assert!(Header::decode(&bytes, header::Kind::Run).is_err());
}

fn sample_record(kind: record::Kind, payload: &[u8]) -> (Vec<u8>, Binding) {
    let header = record::Header {
        payload_len: u32::try_from(payload.len()).expect("short"),
        collection: CollectionId(1),
        kind,
        id: id(0x11),
    };
    let binding = Binding {
        salt: SALT,
        offset: 176,
        lsn: Lsn(5),
    };
    let mut bytes = Vec::new();
    header.encode(payload, &mut bytes);
    record::bind(&mut bytes, binding);
    (bytes, binding)
}

#[test]
fn a_record_is_as_drawn() {
    // {"a": 1}
    let payload = [0xa1, 0x61, 0x61, 0x01];
    let (bytes, binding) = sample_record(record::Kind::Entity, &payload);
    assert_golden("record", &bytes);
    let (header, read) = record::open(&bytes, binding).expect("sound");
    assert_eq!(
        (header.id, header.kind, read),
        (id(0x11), record::Kind::Entity, &payload[..])
    );
    assert_strict(&bytes, |b| record::open(b, binding).map(|_| ()));
    let (bytes, binding) = sample_record(record::Kind::Tombstone, &[]);
    assert_golden("tombstone", &bytes);
    assert_strict(&bytes, |b| record::open(b, binding).map(|_| ()));
    let (bytes, binding) = sample_record(record::Kind::Range, &[0x22; 16]);
    assert_golden("range tombstone", &bytes);
    assert_strict(&bytes, |b| record::open(b, binding).map(|_| ()));
    let (bytes, binding) = sample_record(record::Kind::Collection, &[]);
    assert_golden("collection tombstone", &bytes);
    assert_strict(&bytes, |b| record::open(b, binding).map(|_| ()));
}

#[test]
fn a_record_of_a_kind_to_come_is_refused_by_its_flags() {
    let (mut bytes, binding) = sample_record(record::Kind::Entity, &[0xf6]);
    for flags in [4_u16, 7, 8, 0x8000] {
        bytes[10..12].copy_from_slice(&flags.to_le_bytes());
        let crc = bound(binding, &bytes[4..]);
        bytes[..4].copy_from_slice(&crc.to_le_bytes());
        let fault = record::open(&bytes, binding)
            .map(|_| ())
            .expect_err("not known");
        assert!(matches!(fault, super::Fault::Unsupported(_)), "{fault:?}");
    }
}

fn sample_batch() -> batch::Header {
    batch::Header {
        body_len: 32,
        body_crc: 0xaabb_ccdd,
        count: 1,
        lsn: Lsn(5),
        previous: Lsn(4),
        time_us: 1_700_000_000_000_000,
        log: StreamId(42),
        offset: 80,
        salt: SALT,
        synced: Synced {
            log: StreamId(42),
            offset: 80,
        },
        chain: 0x1122_3344,
        flags: 0,
    }
}

#[test]
fn a_batch_header_is_as_drawn() {
    let header = sample_batch();
    let bytes = header.encode();
    assert_golden("batch header", &bytes);
    let decode = |b: &[u8]| {
        let whole = b.try_into().map_err(|_| super::Fault::short(96, b.len()))?;
        batch::Header::decode(whole)
    };
    assert_eq!(decode(&bytes), Ok(header));
    assert_strict(&bytes, decode);
}

#[test]
fn a_block_is_as_drawn() {
    let bytes = block::encode(SALT, 80, &[0xa0]).expect("small");
    assert_golden("block", &bytes);
    assert_eq!(block::decode(SALT, 80, &bytes), Ok(&[0xa0][..]));
    assert_strict(&bytes, |b| block::decode(SALT, 80, b).map(|_| ()));
    assert!(block::decode(SALT, 81, &bytes).is_err());
    assert!(block::decode(SALT + 1, 80, &bytes).is_err());
    let tail = bytes.last_chunk().expect("has a tail");
    assert_eq!(block::len_from_tail(*tail), Some(bytes.len() as u64));
}

#[test]
fn the_footers_are_as_drawn() {
    let mut tally = Tally::new(0x5566_7788);
    tally.push(&sample_batch(), 0x99aa_bbcc, 0);
    tally.commit();
    let body = tally.encode();
    assert_golden("segment footer body", &body);
    assert_eq!(Tally::decode(&body), Ok(tally));
    let footer = RunFooter {
        entries: 3,
        tombstones: 1,
        leaves: 1,
        pages: 1,
        first_key: Key::new(CollectionId(1), id(1)),
        last_key: Key::new(CollectionId(2), id(9)),
        streams: vec![StreamId(42)],
        filter: Some(FilterEntry {
            len: 32,
            crc: 0xddee_ff00,
        }),
    };
    let body = footer.encode();
    assert_golden("run footer body", &body);
    assert_eq!(RunFooter::decode(&body), Ok(footer));
}

fn sample_manifest() -> Manifest {
    Manifest {
        database: [0xdb; 16],
        edit: 9,
        next_stream: StreamId(64),
        lsn_ceiling: Lsn(1 << 24),
        covered: Lsn(4),
        closed: Some(Closed {
            last_lsn: Lsn(5),
            log_end: 208,
        }),
        synced: Some(Synced {
            log: StreamId(44),
            offset: 208,
        }),
        logs: vec![LogEntry {
            stream: StreamId(44),
            end: None,
        }],
        segments: vec![SealedEntry {
            stream: StreamId(42),
            end: 1000,
            len: 1150,
            digest: [0x5e; 16],
            first_lsn: Lsn(1),
            last_lsn: Lsn(4),
        }],
        runs: vec![SealedEntry {
            stream: StreamId(43),
            end: 8192,
            len: 8300,
            digest: [0x12; 16],
            first_lsn: Lsn(1),
            last_lsn: Lsn(4),
        }],
        catalog: Catalog {
            version: 2,
            collections: vec![
                Collection {
                    id: CollectionId(1),
                    name: "people".to_owned(),
                },
                Collection {
                    id: CollectionId(2),
                    name: "things".to_owned(),
                },
            ],
            last_id: 3,
        },
    }
}

#[test]
fn a_manifest_is_as_drawn() {
    let manifest = sample_manifest();
    let bytes = manifest.encode(SALT).expect("small");
    assert_golden("manifest", &bytes);
    assert_eq!(
        Manifest::decode(&bytes).map_err(|(_, fault)| fault),
        Ok(manifest)
    );
    assert_strict(&bytes, |b| Manifest::decode(b).map_err(|(_, fault)| fault));
}

#[test]
fn a_key_to_come_in_a_map_is_refused_by_its_name_unless_it_may_be_passed_over() {
    use super::map::{Reader, Writer};
    let body = |key: &str| {
        let mut map = Writer::default();
        map.set("kind", "x");
        map.set(key, 1_u64);
        map.finish()
    };
    let read = |body: &[u8]| {
        let mut map = Reader::new(body)?;
        map.kind("x")?;
        map.finish()
    };
    assert_eq!(read(&body("~hint")), Ok(()));
    match read(&body("indexes")) {
        Err(super::Fault::Unsupported(what)) => assert!(what.contains("indexes"), "{what}"),
        other => panic!("{other:?}"),
    }
}

fn entries(count: u64) -> Vec<Entry> {
    (0..count)
        .map(|n| Entry {
            key: Key::new(
                CollectionId(1 + u16::try_from(n / 300).expect("small")),
                EntityId::from_bytes(u128::from(n * n * 7919).to_be_bytes()),
            ),
            lsn: Lsn(1000 + n % 17),
            stream: u32::try_from(n % 3).expect("small"),
            offset: 80 + n * 411,
            len: 28 + u32::try_from(n % 400).expect("small"),
            tombstone: n % 5 == 0,
        })
        .collect()
}

/// Packs all entries into leaves.
fn leaves(entries: &[Entry]) -> Vec<Vec<u8>> {
    let mut pages = Vec::new();
    let mut leaf = LeafBuilder::default();
    let offset = |count: usize| ((count + 1) * page::LEN) as u64;
    for entry in entries {
        if !leaf.push(*entry) {
            pages.push(leaf.finish(SALT, offset(pages.len())));
            assert!(leaf.push(*entry));
        }
    }
    pages.push(leaf.finish(SALT, offset(pages.len())));
    pages
}

#[test]
fn a_page_is_as_drawn() {
    let entries = entries(3);
    let page = leaves(&entries).remove(0);
    let used = page.iter().rposition(|b| *b != 0).expect("not empty") + 1;
    assert_golden("page", &page[..used]);
    let decode = |b: &[u8]| Page::decode(Bytes::copy_from_slice(b), SALT, page::LEN as u64);
    assert!(decode(&page).is_ok());
    for len in [0, 1, 31, 100, page::LEN - 1] {
        assert!(decode(&page[..len]).is_err());
    }
    let mut flipped = page.clone();
    for bit in 0..page.len() * 8 {
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(decode(&flipped).is_err(), "bit {bit}");
        flipped[bit / 8] ^= 1 << (bit % 8);
    }
}

#[test]
fn pages_give_back_every_entry_and_find_every_key() {
    for count in [1, 2, 3, 150, 299, 300, 301, 2000] {
        let entries = entries(count);
        let mut rest = entries.as_slice();
        for (number, bytes) in leaves(&entries).into_iter().enumerate() {
            let offset = ((number + 1) * page::LEN) as u64;
            let page = Page::decode(Bytes::from(bytes), SALT, offset).expect("sound");
            assert_eq!(page.level(), 0);
            let (here, beyond) = rest.split_at(page.count());
            for (index, entry) in here.iter().enumerate() {
                assert_eq!(page.entry(index), *entry);
                assert_eq!(page.lower_bound(&entry.key), index);
                let mut above = entry.key;
                above.0[17] |= 1;
                if above > entry.key {
                    assert_eq!(page.lower_bound(&above), index + 1);
                }
            }
            assert_eq!(page.lower_bound(&Key([0; 18])), 0);
            assert_eq!(page.lower_bound(&Key([0xff; 18])), page.count());
            rest = beyond;
        }
        assert_eq!(rest, []);
    }
}

#[test]
fn the_widest_and_the_narrowest_columns_are_packed() {
    let wide = [
        Entry {
            key: Key([0; 18]),
            lsn: Lsn(0),
            stream: 0,
            offset: 0,
            len: 0,
            tombstone: false,
        },
        Entry {
            key: Key([0xff; 18]),
            lsn: Lsn::MAX,
            stream: u32::MAX,
            offset: (1 << 56) - 1,
            len: u32::MAX,
            tombstone: true,
        },
    ];
    for entries in [&wide[..], &wide[..1], &wide[1..]] {
        let bytes = leaves(entries).remove(0);
        let page = Page::decode(Bytes::from(bytes), SALT, page::LEN as u64).expect("sound");
        for (index, entry) in entries.iter().enumerate() {
            assert_eq!(page.entry(index), *entry);
        }
    }
}

#[test]
fn inner_pages_name_their_children() {
    let keys: Vec<Key> = entries(900).iter().map(|entry| entry.key).collect();
    let (bytes, count) = page::encode_inner(&keys, 1, 7, SALT, 4096);
    assert!(count > 200 && count < 900, "{count}");
    let page = Page::decode(Bytes::from(bytes), SALT, 4096).expect("sound");
    assert_eq!((page.level(), page.count()), (1, count));
    for (index, key) in keys.iter().take(count).enumerate() {
        assert_eq!(page.key(index), *key);
        assert_eq!(page.child(index), 7 + index as u64);
    }
}

#[test]
fn an_entry_of_a_run_is_small() {
    // Random ids, batches of a thousand, segments of 64 MiB: what a load of a million entities makes.
    let mut state = 1_u128;
    let mut entries: Vec<Entry> = (0..10_000_u64)
        .map(|n| {
            state = state
                .wrapping_mul(0x2360_ed05_1fc6_5da4_4385_df64_9fcc_f645)
                .wrapping_add(1);
            Entry {
                key: Key::new(CollectionId(1), EntityId::from_bytes(state.to_be_bytes())),
                lsn: Lsn(1 + (state >> 64) as u64 % 1000),
                stream: (n % 6) as u32,
                offset: (state >> 32) as u64 % (64 << 20),
                len: 200 + (n % 500) as u32,
                tombstone: false,
            }
        })
        .collect();
    entries.sort_by_key(|entry| entry.key);
    let bytes = leaves(&entries).len() * page::LEN;
    assert!(bytes / 10_000 < 24, "{} bytes an entry", bytes / 10_000);
}

#[test]
fn hostile_bytes_are_an_error_and_never_a_panic() {
    use proptest::prelude::*;
    proptest!(|(bytes in proptest::collection::vec(any::<u8>(), 0..300))| {
        let _ = Header::decode(&bytes, header::Kind::Log);
        let _ = record::Header::decode(&bytes);
        let _ = block::decode(SALT, 0, &bytes);
        let _ = Manifest::decode(&bytes);
        let _ = Tally::decode(&bytes);
        let _ = RunFooter::decode(&bytes);
        // A page with a right checksum and anything in it.
        let mut page = bytes;
        page.resize(page::LEN, 0x5a);
        let binding = Binding { salt: SALT, offset: 4096, lsn: Lsn::ZERO };
        let crc = super::checksum::bound(binding, &page[4..]);
        page[..4].copy_from_slice(&crc.to_le_bytes());
        if let Ok(page) = Page::decode(Bytes::from(page), SALT, 4096) {
            for index in 0..page.count() {
                let _ = (page.key(index), page.child(index));
                if page.level() == 0 {
                    let _ = page.entry(index);
                }
            }
            let _ = page.lower_bound(&Key([7; 18]));
        }
    });
}
