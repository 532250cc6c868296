//! Stream headers, the manifest, footers.

use super::samples;
use crate::format::checksum::crc32c;
use crate::format::footer::{ChunksFooter, RunFooter, Tally};
use crate::format::header::{self, Header, Kind};
use crate::format::manifest::Manifest;
use crate::format::{block, name};

const SALT: u64 = 0x0123_4567_89ab_cdef;
const KINDS: [Kind; 4] = [Kind::Log, Kind::Run, Kind::Segment, Kind::Manifest];

pub(super) fn header(data: &[u8]) {
    for kind in KINDS {
        let _ = Header::decode(data, kind);
    }
    if let Some((id, kind)) = std::str::from_utf8(data).ok().and_then(name::parse) {
        assert_eq!(kind.name(id).as_bytes(), data);
    }
    let mut bytes = data.to_vec();
    bytes.resize(header::LEN, 0);
    let crc_at = header::LEN - 4;
    let crc = crc32c(&bytes[..crc_at]);
    bytes[crc_at..].copy_from_slice(&crc.to_le_bytes());
    let read = KINDS.map(|kind| Header::decode(&bytes, kind).ok());
    assert!(read.iter().flatten().count() <= 1, "a stream of two kinds");
    for header in read.into_iter().flatten() {
        assert_eq!(Header::decode(&header.encode(), header.kind), Ok(header));
    }
}

pub(super) fn header_seeds() -> Vec<Vec<u8>> {
    vec![samples::format("stream header"), b"000042.log".to_vec()]
}

/// The input is the body of the manifest's block.
pub(super) fn manifest(data: &[u8]) {
    let _ = Manifest::decode(data);
    let _ = block::decode(SALT, 0, data);
    let header = Header {
        kind: Kind::Manifest,
        database: [7; 16],
        stream: crate::ids::StreamId(0),
        salt: SALT,
    };
    let mut stream = header.encode().to_vec();
    stream.extend(block::encode(SALT, header::LEN as u64, data).expect("not so long"));
    if let Ok(manifest) = Manifest::decode(&stream) {
        let written = manifest.encode(SALT).expect("not longer");
        // Bytes, since a catalog may say its last id once too often.
        let read = Manifest::decode(&written).expect("of our making");
        assert_eq!(read.encode(SALT), Some(written));
    }
}

pub(super) fn manifest_seeds() -> Vec<Vec<u8>> {
    let whole = samples::format("manifest");
    let body = &whole[header::LEN + block::HEAD_LEN..whole.len() - block::TAIL_LEN];
    vec![body.to_vec(), whole.clone()]
}

pub(super) fn footer(data: &[u8]) {
    if let Ok(footer) = Tally::decode(data) {
        assert_eq!(Tally::decode(&footer.encode()), Ok(footer));
    }
    if let Ok(footer) = RunFooter::decode(data) {
        assert_eq!(RunFooter::decode(&footer.encode()), Ok(footer));
    }
    if let Ok(footer) = ChunksFooter::decode(data) {
        assert_eq!(ChunksFooter::decode(&footer.encode()), Ok(footer));
    }
    if let Some(tail) = data.first_chunk() {
        let _ = block::len_from_tail(*tail);
    }
}

pub(super) fn footer_seeds() -> Vec<Vec<u8>> {
    [
        "segment footer body",
        "run footer body",
        "chunks footer body",
    ]
    .map(samples::format)
    .to_vec()
}
