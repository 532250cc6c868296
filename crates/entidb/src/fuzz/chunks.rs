//! A segment's chunks and their table.

use bytes::Bytes;

use super::input::Input;
use super::samples;
use crate::format::checksum::bound;
use crate::format::chunk::{self, Place, Table};
use crate::format::compress;
use crate::format::{filter, header};

const SALT: u64 = 0x0123_4567_89ab_cdef;
const OFFSET: u64 = 80;
/// No chunk of a fuzzer is longer than this when it is decompressed, in bytes.
const RAW_LEN_MAX: u32 = 1 << 20;

/// The input is how a chunk is compressed, how long it is to be, and its bytes.
pub(super) fn chunk(data: &[u8]) {
    let mut input = Input::new(data);
    let code = u32::from(input.u8() % 8);
    let raw_len = input.u32() % RAW_LEN_MAX;
    let stored = input.rest();
    let mut bytes = vec![0xb5, b'E', b'B', b'c', 0, 0, 0, 0];
    bytes.extend(raw_len.to_le_bytes());
    bytes.extend(u32::try_from(stored.len()).expect("short").to_le_bytes());
    bytes.extend(0_u64.to_le_bytes());
    bytes.extend(code.to_le_bytes());
    bytes.extend([0; 4]);
    bytes.extend(stored);
    let crc = bound(filter::binding(SALT, OFFSET), &bytes[8..]);
    bytes[4..8].copy_from_slice(&crc.to_le_bytes());
    let place = Place {
        offset: OFFSET,
        raw_at: 0,
        raw_len,
        stored_len: u32::try_from(stored.len()).expect("short"),
        crc,
    };
    if let Ok(raw) = chunk::decode(&Bytes::from(bytes), &place, SALT) {
        assert_eq!(raw.len(), raw_len as usize);
        round_trip(&raw, code);
    }
    let _ = chunk::decode(&Bytes::copy_from_slice(data), &place, SALT);
    round_trip(data, code);
}

/// What was encoded is decoded to the same.
fn round_trip(raw: &[u8], code: u32) {
    let Ok(compression) = compress::of_code(code) else {
        return;
    };
    let (bytes, place) = chunk::encode(raw, 0, compression, SALT, OFFSET).expect("short");
    assert_eq!(place.len(), bytes.len() as u64);
    let again = chunk::decode(&Bytes::from(bytes), &place, SALT);
    assert_eq!(again.as_deref(), Ok(raw));
}

pub(super) fn chunk_seeds() -> Vec<Vec<u8>> {
    let of = |name: &str| {
        let whole = samples::format(name);
        let mut seed = vec![whole[24]];
        seed.extend(&whole[8..12]);
        seed.extend(&whole[chunk::HEADER_LEN..]);
        seed
    };
    vec![
        of("chunk"),
        of("compressed chunk"),
        of("chunk of Zstandard"),
    ]
}

/// The input is a table.
pub(super) fn table(data: &[u8]) {
    let end = |bytes: &[u8]| {
        let entries = bytes.chunks_exact(chunk::ENTRY_LEN);
        let stored = entries.map(|entry| {
            let len = entry[4..8].try_into().map_or(0, u32::from_le_bytes);
            chunk::HEADER_LEN as u64 + u64::from(len)
        });
        header::LEN as u64 + stored.sum::<u64>()
    };
    let at = end(data);
    let crc = Table::checksum(data, SALT, at);
    let Ok(table) = Table::decode(data, SALT, at, crc) else {
        return;
    };
    assert_eq!(table.encode(), data);
    assert_eq!(table.end(), at);
    assert_eq!(table.find(table.raw_len()), None);
    for number in 0..table.count() {
        let place = table.place(number).expect("counted");
        let last = place.raw_at + u64::from(place.raw_len) - 1;
        assert_eq!(table.find(place.raw_at), Some(number));
        assert_eq!(table.find(last), Some(number));
    }
}

pub(super) fn table_seeds() -> Vec<Vec<u8>> {
    vec![samples::format("chunk table")]
}
