//! Each format against its golden bytes in docs/format.md, its prefixes, and its flipped bits.
#![expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "the tests' own bytes"
)]

use std::sync::Arc;

use bytes::Bytes;
use entidb_codec::Path;
use entidb_codec::key::Case;

use super::batch::{self, Synced};
use super::catalog::{Catalog, Index, IndexKind, State};
use super::checksum::{Binding, bound};
use super::chunk::{self, Table};
use super::collection::{Collection, Older};
use super::entry::IndexFooter;
use super::filter::FilterBuilder;
use super::footer::{ChunksFooter, FilterEntry, Live, NO_KEYS, RunFooter, Tally};
use super::header::{self, Header};
use super::key::Key;
use super::manifest::{Closed, LogEntry, Manifest, SealedEntry};
use super::page::{self, Entry, LeafBuilder, Page};
use super::retained::{Dropped, FeedEntry};
use super::{block, entry, filter, record};
use crate::ids::{CollectionId, EntityId, IndexId, Lsn, StreamId};
use crate::options::Compression;
use crate::ranges::RangeTombstone;
use crate::retention::Retention;

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
        was: record::Was::Unknown,
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
    let (bytes, binding) = sample_record(record::Kind::Before, &payload);
    assert_golden("record of what was before", &bytes);
    assert_strict(&bytes, |b| record::open(b, binding).map(|_| ()));
    let mut key = Vec::new();
    entidb_codec::key::push(&mut key, &[0x61, 0x61], Case::Sensitive).expect("an item");
    let (bytes, binding) = sample_record(record::Kind::Entry, &key);
    assert_golden("index entry", &bytes);
    assert_strict(&bytes, |b| record::open(b, binding).map(|_| ()));
    let (bytes, binding) = sample_record(record::Kind::EntryTombstone, &key);
    assert_golden("index entry tombstone", &bytes);
    assert_strict(&bytes, |b| record::open(b, binding).map(|_| ()));
}

#[test]
fn an_index_entry_has_a_key_and_not_a_longer_one_than_there_can_be() {
    for len in [0, 977] {
        let (bytes, binding) = sample_record(record::Kind::Entry, &vec![b'x'; len]);
        assert!(record::open(&bytes, binding).is_err(), "{len}");
    }
    let (bytes, binding) = sample_record(record::Kind::Entry, &[b'x'; 976]);
    assert!(record::open(&bytes, binding).is_ok());
}

#[test]
fn what_a_record_says_of_before_is_as_drawn_and_no_read_minds_it() {
    let payload = [0xa1, 0x61, 0x61, 0x01];
    let (unknown, binding) = sample_record(record::Kind::Entity, &payload);
    for (was, flags) in [
        (record::Was::There, 0x100_u16),
        (record::Was::Absent, 0x200),
    ] {
        let mut bytes = unknown.clone();
        record::bind(&mut bytes, binding);
        record::set_was(&mut bytes, was);
        record::bind(&mut bytes, binding);
        assert_eq!(bytes[10..12], u16::to_le_bytes(flags));
        let (header, read) = record::open(&bytes, binding).expect("sound");
        assert_eq!((header.was, read), (was, &payload[..]));
        let key = Key::new(CollectionId(1), id(0x11));
        let found = record::expect(&bytes, binding, key.numbers(), false, false);
        assert_eq!(found, Some(payload.len()));
        assert_strict(&bytes, |b| record::open(b, binding).map(|_| ()));
    }
    // That its time had come is said of a tombstone alone.
    let (mut bytes, binding) = sample_record(record::Kind::Tombstone, &[]);
    record::bind(&mut bytes, binding);
    record::set_was(&mut bytes, record::Was::Expired);
    record::bind(&mut bytes, binding);
    assert_golden("tombstone of what has expired", &bytes);
    assert_strict(&bytes, |b| record::open(b, binding).map(|_| ()));
    let (header, _) = record::open(&bytes, binding).expect("sound");
    assert_eq!(header.was, record::Was::Expired);
    let mut bytes = unknown.clone();
    bytes[11] = 4;
    assert!(record::Header::decode(&bytes).is_err());
    // Both cannot be.
    let mut bytes = unknown;
    bytes[11] = 3;
    let crc = bound(binding, &bytes[4..]);
    bytes[..4].copy_from_slice(&crc.to_le_bytes());
    assert!(record::open(&bytes, binding).is_err());
    assert!(record::Header::decode(&bytes).is_err());
}

#[test]
fn a_record_of_a_kind_to_come_is_refused_by_its_flags() {
    let (mut bytes, binding) = sample_record(record::Kind::Entity, &[0xf6]);
    for flags in [7_u16, 8, 0x8000] {
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
        live: vec![Live {
            records: 3,
            bytes: 92,
        }],
        overwritten: Live {
            records: 1,
            bytes: 32,
        },
        ranges: vec![RangeTombstone {
            collection: CollectionId(2),
            first: id(0x20),
            last: id(0x2f),
            lsn: Lsn(4),
        }],
        index: Some(IndexFooter {
            entries: 4,
            tombstones: 1,
            values: 2,
            leaves: 1,
            pages: 1,
            filter_blocks: 0,
            first_key: [&[0, 3][..], b"Ann\0", &[1; 16]].concat(),
            last_key: [&[0, 3][..], b"Anna\0", &[7; 16]].concat(),
            indexes: vec![(CollectionId(3), 4)],
        }),
        forgetful: true,
        one_commit: false,
        filter: Some(FilterEntry {
            len: 32,
            crc: 0xddee_ff00,
        }),
    };
    let body = footer.encode();
    assert_golden("run footer body", &body);
    assert_eq!(RunFooter::decode(&body), Ok(footer.clone()));
    let (first_key, last_key) = NO_KEYS;
    let ranges_alone = RunFooter {
        index: None,
        entries: 0,
        first_key,
        last_key,
        streams: Vec::new(),
        live: Vec::new(),
        overwritten: Live::default(),
        forgetful: false,
        one_commit: false,
        filter: None,
        ..footer
    };
    let body = ranges_alone.encode();
    assert_eq!(RunFooter::decode(&body), Ok(ranges_alone.clone()));
    let of_one_commit = RunFooter {
        one_commit: true,
        ranges: vec![RangeTombstone {
            lsn: Lsn::ZERO,
            ..ranges_alone.ranges[0]
        }],
        ..ranges_alone
    };
    let body = of_one_commit.encode();
    assert_golden("run footer body of one commit", &body);
    assert_eq!(RunFooter::decode(&body), Ok(of_one_commit));
}

/// Records of one chunk, the second of them as large as `len`.
fn sample_records(len: usize) -> Vec<u8> {
    let mut raw = Vec::new();
    for (n, kind, payload) in [
        (0x11, record::Kind::Entity, &[0xa1, 0x61, 0x61, 0x01][..]),
        (0x22, record::Kind::Entity, &vec![0x60; len]),
        (0x33, record::Kind::Tombstone, &[]),
    ] {
        let header = record::Header {
            payload_len: u32::try_from(payload.len()).expect("short"),
            collection: CollectionId(1),
            kind,
            was: record::Was::Unknown,
            id: id(n),
        };
        let at = raw.len();
        header.encode_with_lsn(Lsn(5), payload, &mut raw);
        let binding = Binding {
            salt: SALT,
            offset: at as u64,
            lsn: Lsn(5),
        };
        record::bind(&mut raw[at..], binding);
        let (read, found) = record::open_with_lsn(&raw[at..], binding).expect("sound");
        assert_eq!((read, found), (header, payload));
        assert!(
            record::open(&raw[at..], binding).is_err(),
            "no record of a log"
        );
        assert_strict(&raw[at..], |b| {
            record::open_with_lsn(b, binding).map(|_| ())
        });
        let other = Binding {
            lsn: Lsn(6),
            ..binding
        };
        let mut moved = raw[at..].to_vec();
        record::bind(&mut moved, binding);
        record::bind(&mut moved, other);
        assert!(
            record::open_with_lsn(&moved, other).is_err(),
            "its LSN is another"
        );
    }
    raw
}

#[test]
fn a_chunk_is_as_drawn() {
    for (name, compression) in [
        ("chunk", Compression::None),
        ("compressed chunk", Compression::Lz4),
    ] {
        let raw = sample_records(if compression == Compression::None {
            1
        } else {
            100
        });
        let (bytes, place) = chunk::encode(&raw, 0, compression, SALT, 80).expect("small");
        assert_golden(name, &bytes);
        assert_eq!(place.len(), bytes.len() as u64);
        let decode = |b: &[u8]| chunk::decode(&Bytes::copy_from_slice(b), &place, SALT);
        assert_eq!(decode(&bytes).as_deref(), Ok(&raw[..]));
        assert_strict(&bytes, decode);
        let elsewhere = chunk::Place {
            offset: 81,
            ..place
        };
        assert!(chunk::decode(&Bytes::from(bytes), &elsewhere, SALT).is_err());
    }
}

#[cfg(feature = "zstd")]
#[test]
fn a_chunk_of_zstandard_is_as_drawn_and_strict() {
    let raw = sample_records(100);
    let (bytes, place) = chunk::encode(&raw, 0, Compression::Zstd, SALT, 80).expect("small");
    if std::env::var_os("ENTIDB_PRINT_FORMAT").is_some() {
        assert_golden("chunk of Zstandard", &bytes);
        return;
    }
    // Another version of the library may make other bytes, and reads these.
    let drawn = golden("chunk of Zstandard");
    for bytes in [bytes, drawn] {
        let place = chunk::Place {
            stored_len: u32::try_from(bytes.len() - chunk::HEADER_LEN).expect("short"),
            crc: u32::from_le_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]),
            ..place
        };
        let decode = |b: &[u8]| chunk::decode(&Bytes::copy_from_slice(b), &place, SALT);
        assert_eq!(decode(&bytes).as_deref(), Ok(&raw[..]));
        assert_strict(&bytes, decode);
    }
}

#[cfg(feature = "zstd")]
#[test]
fn a_frame_that_is_not_one_whole_frame_of_the_length_that_is_told_is_refused() {
    let raw = vec![b'x'; 3000];
    let frame = zstd::bulk::compress(&raw, 3).expect("it compresses");
    let (with_more, twice) = ([&frame[..], b"."].concat(), frame.repeat(2));
    let unsized_frame = {
        let mut encoder = zstd::Encoder::new(Vec::new(), 3).expect("memory");
        std::io::Write::write_all(&mut encoder, &raw).expect("memory");
        encoder.finish().expect("memory")
    };
    // 128 KiB at the most are made of each four bytes.
    let hostile: Vec<u8> = {
        let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0xa0];
        frame.extend(16_000_000_u32.to_le_bytes());
        frame.extend([0x03, 0x00, 0x10, b'x']);
        frame
    };
    for (what, stored, len, sound) in [
        ("whole", &frame, 3000, true),
        ("longer", &frame, 3001, false),
        ("shorter", &frame, 2999, false),
        ("with more behind", &with_more, 3000, false),
        ("two", &twice, 6000, false),
        ("of no length", &unsized_frame, 3000, false),
        ("a bomb", &hostile, 16_000_000, false),
    ] {
        let read = sealed_chunk(2, stored, len);
        assert_eq!(read.is_ok(), sound, "{what}: {read:?}");
        if let Err(fault) = read {
            assert!(
                matches!(fault, super::Fault::Damaged { .. }),
                "{what}: {fault:?}"
            );
        }
    }
}

#[cfg(not(feature = "zstd"))]
#[test]
fn a_chunk_of_zstandard_is_refused_by_the_name_of_the_feature() {
    let drawn = golden("chunk of Zstandard");
    let raw_len = u32::from_le_bytes([drawn[8], drawn[9], drawn[10], drawn[11]]);
    let fault = sealed_chunk(2, &drawn[chunk::HEADER_LEN..], raw_len).expect_err("not built");
    let error = fault.at("000001.seg", 80);
    assert_eq!(error.kind(), crate::ErrorKind::Unsupported);
    assert!(error.to_string().contains("feature zstd"), "{error}");
    let mut body = golden("chunks footer body");
    assert!(ChunksFooter::decode(&body).is_ok());
    let key = b"compression";
    let at = body.windows(key.len()).position(|part| part == key);
    body[at.expect("a footer has it") + key.len()] = 2;
    assert_eq!(
        ChunksFooter::decode(&body),
        Err(super::Fault::Feature("zstd"))
    );
}

#[test]
fn a_compression_to_come_is_refused_by_its_number() {
    for code in [3, 7, u32::MAX] {
        let fault = sealed_chunk(code, &[0; 20], 20).expect_err("not known");
        assert_eq!(
            fault,
            super::Fault::Unsupported(format!("compression {code}"))
        );
    }
}

/// What is read of a chunk with a right checksum, this compression, and these bytes.
fn sealed_chunk(code: u32, stored: &[u8], raw_len: u32) -> Result<Bytes, super::Fault> {
    let (mut bytes, mut place) =
        chunk::encode(stored, 0, Compression::None, SALT, 80).expect("small");
    bytes[8..12].copy_from_slice(&raw_len.to_le_bytes());
    bytes[24..28].copy_from_slice(&code.to_le_bytes());
    let binding = Binding {
        salt: SALT,
        offset: 80,
        lsn: Lsn::ZERO,
    };
    place.raw_len = raw_len;
    place.crc = bound(binding, &bytes[8..]);
    bytes[4..8].copy_from_slice(&place.crc.to_le_bytes());
    chunk::decode(&Bytes::from(bytes), &place, SALT)
}

#[test]
fn a_chunk_that_does_not_shrink_is_stored_as_it_is() {
    let raw: Vec<u8> = (1..65_u64)
        .flat_map(|n| crate::mix::mix64(n).to_le_bytes())
        .collect();
    let (bytes, place) = chunk::encode(&raw, 7, Compression::Lz4, SALT, 80).expect("small");
    assert_eq!(place.stored_len, place.raw_len);
    let read = chunk::decode(&Bytes::from(bytes), &place, SALT);
    assert_eq!(read.as_deref(), Ok(&raw[..]));
}

#[test]
fn a_chunk_that_claims_more_than_its_bytes_can_make_is_refused_before_it_is_allocated() {
    let raw = sample_records(1000);
    let (mut bytes, mut place) = chunk::encode(&raw, 0, Compression::Lz4, SALT, 80).expect("small");
    for raw_len in [u32::MAX, 64 << 20, place.raw_len + 1, place.raw_len - 1] {
        bytes[8..12].copy_from_slice(&raw_len.to_le_bytes());
        let binding = Binding {
            salt: SALT,
            offset: 80,
            lsn: Lsn::ZERO,
        };
        place.raw_len = raw_len;
        place.crc = super::checksum::bound(binding, &bytes[8..]);
        bytes[4..8].copy_from_slice(&place.crc.to_le_bytes());
        assert!(chunk::decode(&Bytes::from(bytes.clone()), &place, SALT).is_err());
    }
}

#[test]
fn a_table_of_chunks_is_as_drawn_and_finds_every_byte() {
    let mut table = Table::default();
    for (raw_len, stored_len) in [(40_000, 20_000), (33_000, 33_000), (1_000_000, 5)] {
        table.push(&chunk::Place {
            offset: table.end(),
            raw_at: table.raw_len(),
            raw_len,
            stored_len,
            crc: 0x1234_5678,
        });
    }
    let bytes = table.encode();
    assert_golden("chunk table", &bytes);
    let at = table.end();
    let crc = Table::checksum(&bytes, SALT, at);
    assert_eq!(Table::decode(&bytes, SALT, at, crc), Ok(table.clone()));
    assert_strict(&bytes, |b| Table::decode(b, SALT, at, crc));
    for (raw_at, number) in [
        (0, 0),
        (39_999, 0),
        (40_000, 1),
        (73_000, 2),
        (1_072_999, 2),
    ] {
        assert_eq!(table.find(raw_at), Some(number));
        let place = table.place(number).expect("there");
        assert!((place.raw_at..place.raw_at + u64::from(place.raw_len)).contains(&raw_at));
    }
    assert_eq!(table.find(1_073_000), None);
    assert_eq!(table.place(3), None);
    let footer = ChunksFooter {
        chunks: 3,
        records: 2700,
        tombstones: 1,
        raw_bytes: 1_073_000,
        stored_bytes: 53_101,
        first_lsn: Lsn(1),
        last_lsn: Lsn(4),
        compression: Compression::Lz4,
        table_crc: crc,
        one_commit: false,
    };
    let body = footer.encode();
    assert_golden("chunks footer body", &body);
    assert_eq!(ChunksFooter::decode(&body), Ok(footer));
    let of_one_commit = ChunksFooter {
        first_lsn: Lsn::ZERO,
        last_lsn: Lsn::ZERO,
        one_commit: true,
        ..footer
    };
    let body = of_one_commit.encode();
    assert_golden("chunks footer body of one commit", &body);
    assert_eq!(ChunksFooter::decode(&body), Ok(of_one_commit));
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
        rewritten: vec![SealedEntry {
            stream: StreamId(41),
            end: 500,
            len: 700,
            digest: [0x77; 16],
            first_lsn: Lsn(1),
            last_lsn: Lsn(3),
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
                Collection::new(CollectionId(1), "people"),
                Collection {
                    version: 2,
                    older: vec![Older {
                        version: 1,
                        last_lsn: Lsn(3),
                    }],
                    ..Collection::new(CollectionId(2), "things")
                },
            ],
            indexes: vec![
                Arc::new(Index {
                    id: IndexId(3),
                    collection: CollectionId(1),
                    name: "names".to_owned(),
                    paths: vec![path("name.last"), path("name.first")],
                    unique: true,
                    kind: IndexKind::Value,
                    case: Case::Insensitive,
                    state: State::Building(id(0x11)),
                    words: 0,
                }),
                Arc::new(Index {
                    id: IndexId(5),
                    collection: CollectionId(2),
                    name: "tags[]".to_owned(),
                    paths: vec![path("tags[]")],
                    unique: false,
                    kind: IndexKind::Text,
                    case: Case::Sensitive,
                    state: State::Ready,
                    words: 16,
                }),
            ],
            last_id: 6,
            times_to_live: vec![(CollectionId(2), 1_800_000_000)],
        },
        feed: Some(FeedEntry {
            floor: Lsn(2),
            retention: Retention {
                bytes: 1 << 20,
                old: true,
                ..Retention::default()
            },
            dropped: vec![Dropped {
                id: CollectionId(3),
                name: "gone".to_owned(),
                lsn: Lsn(5),
            }],
        }),
    }
}

fn path(text: &str) -> Path {
    Path::parse(text).expect("a path")
}

#[test]
fn indexes_that_cannot_stand_in_a_catalog_are_refused() {
    let spoil: [fn(&mut Index); 6] = [
        |index| index.id = IndexId(2),
        |index| index.id = IndexId(5),
        |index| index.collection = CollectionId(9),
        |index| index.name.clear(),
        |index| index.paths.clear(),
        |index| index.name = "x".repeat(256),
    ];
    for (number, spoil) in spoil.into_iter().enumerate() {
        let mut manifest = sample_manifest();
        spoil(Arc::make_mut(&mut manifest.catalog.indexes[0]));
        let bytes = manifest.encode(SALT).expect("small");
        assert!(Manifest::decode(&bytes).is_err(), "{number}");
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
fn a_manifest_says_in_which_form_entities_are_and_no_forms_out_of_order() {
    let forms = |older: &[(u32, u64)]| {
        let mut manifest = sample_manifest();
        let collection = &mut manifest.catalog.collections[1];
        collection.version = 3;
        let older = older.iter().map(|(version, last_lsn)| Older {
            version: *version,
            last_lsn: Lsn(*last_lsn),
        });
        collection.older = older.collect();
        manifest
    };
    for older in [&[][..], &[(1, 3)], &[(1, 3), (2, 3)], &[(1, 0), (2, 9)]] {
        let manifest = forms(older);
        let bytes = manifest.encode(SALT).expect("small");
        assert_eq!(
            Manifest::decode(&bytes).map_err(|(_, fault)| fault),
            Ok(manifest)
        );
        assert_strict(&bytes, |b| Manifest::decode(b).map_err(|(_, fault)| fault));
    }
    for wrong in [&[(3, 3)][..], &[(2, 3), (1, 4)], &[(1, 4), (2, 3)]] {
        let bytes = forms(wrong).encode(SALT).expect("small");
        assert!(Manifest::decode(&bytes).is_err(), "{wrong:?}");
    }
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
    assert_golden("page", used(&page));
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

/// The used part of a page.
fn used(page: &[u8]) -> &[u8] {
    let last = page.iter().rposition(|b| *b != 0).expect("not empty");
    &page[..=last]
}

#[test]
fn index_pages_are_as_drawn() {
    let mut leaf = entry::LeafBuilder::default();
    let ann = [&[0, 3][..], b"Ann\0"].concat();
    let anna = [&[0, 3][..], b"Anna\0"].concat();
    for (value, n, lsn, tombstone) in [
        (&ann, 1, 40, false),
        (&ann, 5, 42, true),
        (&ann, 9, 41, false),
        (&anna, 7, 40, false),
    ] {
        assert!(leaf.push(value, id(n).as_bytes(), Lsn(lsn), tombstone));
    }
    let bytes = leaf.finish(SALT, 8192);
    assert_golden("index leaf", used(&bytes));
    let node = entry::Node::decode(&bytes, SALT, 8192).expect("sound");
    assert_eq!((node.count(), node.group_count()), (4, 2));
    let mut inner = entry::InnerBuilder::default();
    inner.push(b"", 7);
    inner.push(&ann, 8);
    inner.push(&anna[..5], 12);
    let bytes = inner.finish(1, SALT, 8192);
    assert_golden("index inner page", used(&bytes));
    let node = entry::Node::decode(&bytes, SALT, 8192).expect("sound");
    assert_eq!((node.child_at(0), node.child_at(2)), (7, 12));
    let mut filter = FilterBuilder::foldable(2);
    filter.insert_hash(entry::hash(&ann));
    filter.insert_hash(entry::hash(&anna));
    let bytes: Vec<_> = entry::encode_filter(filter.blocks(), SALT, 8192).collect();
    assert_eq!(bytes.len(), 1);
    assert_golden("index filter page", used(&bytes[0]));
    let decode = |bytes: &[u8], blocks| entry::FilterPage::decode(bytes, SALT, 8192, blocks);
    let page = decode(&bytes[0], 1).expect("sound");
    for value in [&ann, &anna] {
        let (block, bits) = filter::place(entry::hash(value), 1);
        assert!(page.has(usize::try_from(block).expect("small"), bits));
    }
    assert!(decode(&bytes[0], 2).is_err(), "a block is missing");
    assert!(decode(&bytes[0], 127).is_err());
    assert_strict(&bytes[0], |b| decode(b, 1));
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
        let _ = ChunksFooter::decode(&bytes);
        let _ = record::Header::decode_with_lsn(&bytes);
        let crc = Table::checksum(&bytes, SALT, 80);
        let _ = Table::decode(&bytes, SALT, 80, crc);
        // A compressed chunk with a right checksum and anything in it.
        if let Some((mut chunk, mut place)) = chunk::encode(&bytes, 0, Compression::None, SALT, 80) {
            chunk[24] = 1;
            let binding = Binding { salt: SALT, offset: 80, lsn: Lsn::ZERO };
            place.crc = super::checksum::bound(binding, &chunk[8..]);
            chunk[4..8].copy_from_slice(&place.crc.to_le_bytes());
            let _ = chunk::decode(&Bytes::from(chunk), &place, SALT);
        }
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
