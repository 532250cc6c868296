//! Records, batches, and whole logs.

use entidb_storage::MemoryDirectory;

use super::image;
use super::input::Input;
use super::samples;
use crate::format::batch::{self, Synced};
use crate::format::checksum::{Binding, bound, crc32c};
use crate::format::header::{self, Header, Kind};
use crate::format::name::StreamKind;
use crate::format::record;
use crate::ids::{Lsn, StreamId};
use crate::log::{self as walks, items};
use crate::stream::Stream;

const DATABASE: [u8; 16] = [7; 16];
const SALT: u64 = 0x0123_4567_89ab_cdef;
const LOG: StreamId = StreamId(1);
/// How far a checksum reaches from the start of a record.
const CRC_LEN: usize = 4;

/// The input is a record; its first four bytes are replaced by the right checksum.
pub(super) fn record(data: &[u8]) {
    let binding = Binding {
        salt: SALT,
        offset: 176,
        lsn: Lsn(5),
    };
    assert!(record::open(data, binding).is_err() || data.len() >= record::HEADER_LEN);
    let _ = record::open_with_lsn(data, binding);
    let mut bytes = data.to_vec();
    bytes.resize(bytes.len().max(CRC_LEN), 0);
    let crc = bound(binding, &bytes[CRC_LEN..]);
    bytes[..CRC_LEN].copy_from_slice(&crc.to_le_bytes());
    let plain = record::open(&bytes, binding);
    let with_lsn = record::open_with_lsn(&bytes, binding);
    assert!(plain.is_err() || with_lsn.is_err(), "a record of two forms");
    for (read, has_lsn) in [(plain, false), (with_lsn, true)] {
        let Ok((header, payload)) = read else {
            continue;
        };
        let mut again = Vec::new();
        match has_lsn {
            false => header.encode(payload, &mut again),
            true => header.encode_with_lsn(binding.lsn, payload, &mut again),
        }
        record::bind(&mut again, binding);
        assert_eq!(again, bytes);
        let entity = (
            header.collection.0,
            u128::from_be_bytes(*header.id.as_bytes()),
        );
        for tombstone in [false, true] {
            let kind = match tombstone {
                false => record::Kind::Entity,
                true => record::Kind::Tombstone,
            };
            let expected = (header.kind == kind).then_some(payload.len());
            let found = record::expect(&bytes, binding, entity, tombstone, has_lsn);
            assert_eq!(found, expected);
        }
    }
}

pub(super) fn record_seeds() -> Vec<Vec<u8>> {
    [
        "record",
        "tombstone",
        "range tombstone",
        "collection tombstone",
        "record of what was before",
        "index entry",
        "index entry tombstone",
    ]
    .map(samples::format)
    .to_vec()
}

/// The input is a batch's header and its records.
pub(super) fn batch(data: &[u8]) {
    let (head, body) = data.split_at(batch::HEADER_LEN.min(data.len()));
    let mut bytes = [0; batch::HEADER_LEN];
    bytes[..head.len()].copy_from_slice(head);
    let _ = batch::Header::decode(&bytes);
    let crc = crc32c(&bytes[8..]);
    bytes[4..8].copy_from_slice(&crc.to_le_bytes());
    if let Ok(header) = batch::Header::decode(&bytes) {
        assert_eq!(header.encode(), bytes);
        assert_eq!(batch::Header::crc(&bytes), crc);
    }
    let mut end = 0;
    for item in items(body) {
        let (at, len) = item.place();
        assert_eq!(at as usize, end);
        assert!(len as usize >= record::HEADER_LEN);
        let _ = (item.collection(), item.is_tombstone());
        end = at as usize + len as usize;
    }
}

pub(super) fn batch_seeds() -> Vec<Vec<u8>> {
    let mut seed = samples::format("batch header");
    record_seeds().iter().for_each(|record| seed.extend(record));
    vec![seed]
}

/// The input makes batches, most of which belong where they are, and what stands behind them.
pub(super) fn log(data: &[u8]) {
    let bytes = stream(&mut Input::new(data));
    let directory = MemoryDirectory::new();
    let name = StreamKind::Log.name(LOG);
    image::put(&directory, &name, &bytes);
    let stream = Stream::open(&directory, StreamKind::Log, LOG, DATABASE).expect("its header");
    for limit in [None, Some(bytes.len() as u64 / 2)] {
        let (mut records, mut last) = (0_u64, Lsn::ZERO);
        let walked = walks::walk(&stream, limit, Lsn::ZERO, |walk| {
            assert!(walk.header.lsn > last, "LSNs rise");
            last = walk.header.lsn;
            let mut tombstones = 0;
            walks::records(&stream, &walk, |found| {
                tombstones += u64::from(found.is_tombstone());
                records += 1;
                let _ = record::open(found.bytes, found.binding);
                Ok(())
            })?;
            assert_eq!(
                items(walk.body).count() as u64,
                u64::from(walk.header.count)
            );
            Ok(tombstones)
        });
        if let Ok(tail) = walked {
            assert!(tail.end <= limit.unwrap_or(u64::MAX).max(header::LEN as u64));
            assert!(tail.end <= bytes.len() as u64);
            assert_eq!(tail.last_lsn, last);
            let _ = tail.claimed(LOG);
        }
    }
}

/// A log. Of each batch, a byte says what of it is not as it should be.
fn stream(input: &mut Input<'_>) -> Vec<u8> {
    let head = Header {
        kind: Kind::Log,
        database: DATABASE,
        stream: LOG,
        salt: SALT,
    }
    .encode();
    let mut bytes = head.to_vec();
    let mut chain = Header::crc(&head);
    let mut previous = Lsn::ZERO;
    while !input.is_empty() {
        let wrong = input.u8();
        if wrong == 0xff {
            bytes.extend_from_slice(input.rest());
            break;
        }
        let len = usize::from(input.u8());
        let lsn = Lsn(previous.0 + 1);
        let body = body(input.take(len), bytes.len() + batch::HEADER_LEN, lsn);
        let mut header = batch::Header {
            body_len: u32::try_from(body.len()).expect("short"),
            body_crc: crc32c(&body),
            count: u32::try_from(items(&body).count()).expect("short"),
            lsn,
            previous,
            time_us: 1_700_000_000_000_000,
            log: LOG,
            offset: bytes.len() as u64,
            salt: SALT,
            synced: Synced {
                log: LOG,
                offset: bytes.len() as u64,
            },
            chain,
            flags: 0,
        };
        for bit in (0..8).filter(|bit| wrong & (1 << bit) != 0) {
            match bit {
                0 => header.body_len = input.u32(),
                1 => header.count = input.u32(),
                2 => header.lsn = Lsn(input.u64()),
                3 => header.previous = Lsn(input.u64()),
                4 => header.synced.offset = input.u64(),
                5 => header.chain = input.u32(),
                6 => header.flags = input.u64(),
                _ => header.body_crc = input.u32(),
            }
        }
        let encoded = header.encode();
        chain = batch::Header::crc(&encoded);
        previous = header.lsn;
        if previous >= Lsn::MAX {
            previous = Lsn::ZERO;
        }
        bytes.extend_from_slice(&encoded);
        bytes.extend_from_slice(&body);
    }
    bytes
}

/// The records that `bytes` tell, with their right checksums.
fn body(bytes: &[u8], offset: usize, lsn: Lsn) -> Vec<u8> {
    let mut body = bytes.to_vec();
    let places: Vec<_> = items(&body).map(|item| item.place()).collect();
    for (at, len) in places {
        let (at, end) = (at as usize, (at + len) as usize);
        let Some(record) = body.get_mut(at..end) else {
            break;
        };
        let binding = Binding {
            salt: SALT,
            offset: (offset + at) as u64,
            lsn,
        };
        let crc = bound(binding, &record[CRC_LEN..]);
        record[..CRC_LEN].copy_from_slice(&crc.to_le_bytes());
    }
    body
}

pub(super) fn log_seeds() -> Vec<Vec<u8>> {
    let records = record_seeds();
    let batch = |wrong: u8, records: &[Vec<u8>]| {
        let body = records.concat();
        let mut bytes = vec![wrong, u8::try_from(body.len()).expect("short")];
        bytes.extend(body);
        bytes
    };
    let sound = [
        batch(0, &records[..1]),
        batch(0, &records[1..4]),
        batch(0, &records[4..]),
    ];
    let mut torn = sound.concat();
    torn.extend(batch(1, &records[..4]));
    torn.extend([0xff; 100]);
    vec![sound.concat(), torn, batch(0x10, &records[2..6])]
}
