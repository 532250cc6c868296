//! A small database, changed by someone who knows the format: every checksum and digest is right, and what they guard says
//! anything. It may be read as anything; but nothing panics, hangs, or takes more memory than the bytes that are there justify.

use std::sync::OnceLock;

use super::image::{self, Image};
use super::input::Input;
use crate::format::batch;
use crate::format::checksum::{Binding, bound, crc32c};
use crate::format::chunk::{self, Table};
use crate::format::footer::{ChunksFooter, RunFooter};
use crate::format::header::{self, Header};
use crate::format::manifest::{Manifest, SealedEntry};
use crate::format::name::{MANIFEST, StreamKind};
use crate::format::{block, filter, page};
use crate::log::items;
use crate::manifest::digest;
use crate::{EntityId, Options, Result, Value};

/// How many places an input may change.
const CHANGE_COUNT_MAX: usize = 16;
const CRC_LEN: usize = 4;

pub(super) fn forge(data: &[u8]) {
    static SOUND: OnceLock<Image> = OnceLock::new();
    let sound = SOUND.get_or_init(|| image::small(true).0);
    let mut input = Input::new(data);
    let mut forged = sound.clone();
    for _ in 0..CHANGE_COUNT_MAX {
        if input.is_empty() {
            break;
        }
        change(&mut forged, &mut input);
    }
    seal(&mut forged);
    let _ = use_it(&forged, true);
    let _ = use_it(&forged, false);
}

/// Everything that one may do with a database.
fn use_it(image: &Image, read_only: bool) -> Result<()> {
    let options = Options::new().read_only(read_only).seed(3).reserve_bytes(0);
    let db = options.open_in(image::directory(image))?;
    let report = db.verify()?;
    let _ = report.is_sound();
    let _ = db.stats()?;
    let snapshot = db.snapshot();
    for name in snapshot.collections() {
        for entity in snapshot.scan(name).reverse() {
            let _ = entity.and_then(|(_, payload)| payload.value());
        }
        let _ = snapshot.count(name);
        for n in 0..4 {
            let _ = snapshot.get(name, image::id(n));
        }
        for entity in snapshot.scan(name) {
            let (id, payload) = entity?;
            let _ = (snapshot.get(name, id)?, payload.value());
        }
    }
    if read_only {
        return Ok(());
    }
    db.write(|tx| {
        tx.put("people", image::id(1), &Value::from(1))?;
        tx.delete_range("things", EntityId::MIN..image::id(3))
    })?;
    let checkpoint = db.checkpoint();
    let compact = db.compact();
    let close = db.close();
    checkpoint.and(compact).and(close)
}

/// Puts a few bytes somewhere.
fn change(image: &mut Image, input: &mut Input<'_>) {
    let names: Vec<&String> = image.keys().collect();
    let name = names[input.index(names.len())].clone();
    let bytes = image.get_mut(&name).expect("listed");
    let (how, at) = (input.u8(), input.index(bytes.len().max(1)));
    let new = match how % 4 {
        0 => input.take(1),
        1 => input.take(2),
        2 => input.take(8),
        _ => &[0xff; 8],
    };
    for (byte, new) in bytes.iter_mut().skip(at).zip(new) {
        *byte = *new;
    }
    // A field of CBOR that grows or shrinks keeps its block whole.
    if how & 0x80 != 0 && name == MANIFEST {
        let len = usize::from(input.u8());
        let end = (at + len).min(bytes.len());
        bytes.splice(at.min(end)..end, input.take(len).iter().copied());
    }
}

/// Makes every checksum right, and the manifest's digests.
fn seal(image: &mut Image) {
    let manifest = image.get_mut(MANIFEST).expect("there");
    seal_header(manifest);
    seal_block(manifest, header::LEN);
    let Ok(mut told) = Manifest::decode(manifest) else {
        return;
    };
    let salt = salt(manifest);
    let lists = [&mut told.segments, &mut told.rewritten, &mut told.runs];
    let kinds = [StreamKind::Log, StreamKind::Segment, StreamKind::Run];
    for (list, kind) in lists.into_iter().zip(kinds) {
        for entry in list {
            if let Some(bytes) = image.get_mut(&kind.name(entry.stream)) {
                seal_stream(bytes, kind, entry);
            }
        }
    }
    for log in &told.logs {
        if let Some(bytes) = image.get_mut(&StreamKind::Log.name(log.stream)) {
            seal_header(bytes);
            let _ = seal_log(bytes, usize::MAX);
        }
    }
    if let Some(bytes) = told.encode(salt) {
        image.insert(MANIFEST.to_owned(), bytes);
    }
}

fn seal_stream(bytes: &mut [u8], kind: StreamKind, entry: &mut SealedEntry) {
    let Some(end) = usize::try_from(entry.end)
        .ok()
        .filter(|end| *end <= bytes.len())
    else {
        return;
    };
    seal_header(bytes);
    match kind {
        StreamKind::Log => {
            let chain = seal_log(bytes, end);
            set_chain(bytes, end, chain);
        }
        StreamKind::Segment => seal_chunks(bytes, end),
        _ => seal_run(bytes, end),
    }
    seal_block(bytes, end);
    if let Some(head) = bytes.get(..header::LEN) {
        entry.digest = digest(head, &bytes[end..]);
    }
}

fn salt(stream: &[u8]) -> u64 {
    // Magic, kind, version, two sets of features, database, stream.
    number(stream, 8 + 4 + 4 + 8 + 8 + 16 + 8, 8)
}

/// The number of `len` bytes at `at`; 0 if they are not there.
fn number(bytes: &[u8], at: usize, len: usize) -> u64 {
    let field = bytes.get(at..at + len).unwrap_or_default();
    field
        .iter()
        .rev()
        .fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn length(bytes: &[u8], at: usize) -> usize {
    usize::try_from(number(bytes, at, 4)).expect("32 bits")
}

/// Puts `crc` in its place.
fn put(bytes: &mut [u8], at: usize, crc: u32) {
    if let Some(field) = bytes.get_mut(at..at + CRC_LEN) {
        field.copy_from_slice(&crc.to_le_bytes());
    }
}

/// The checksum of what lies between `from` and `end`, as it is in a structure at `offset`.
fn sum(bytes: &[u8], offset: usize, from: usize, end: usize) -> u32 {
    let binding = filter::binding(salt(bytes), offset as u64);
    bound(binding, bytes.get(from..end).unwrap_or_default())
}

fn seal_header(bytes: &mut [u8]) {
    let crc_at = header::LEN - CRC_LEN;
    if let Some(head) = bytes.get(..crc_at) {
        put(bytes, crc_at, crc32c(head));
    }
}

/// The block from `at` to the end.
fn seal_block(bytes: &mut [u8], at: usize) {
    let len = bytes.len().saturating_sub(at);
    if let Some(body) = len.checked_sub(block::HEAD_LEN + block::TAIL_LEN) {
        put(bytes, at + 8, u32::try_from(body).expect("short"));
        put(
            bytes,
            at + len - block::TAIL_LEN,
            u32::try_from(len).expect("short"),
        );
    }
    let crc = sum(bytes, at, at + 8, at + len);
    put(bytes, at + 4, crc);
}

/// Gives the checksum of the last batch's header.
fn seal_log(bytes: &mut [u8], end: usize) -> u32 {
    let salt = salt(bytes);
    let mut chain = bytes
        .get(..header::LEN)
        .map_or(0, |head| Header::crc(head.first_chunk().expect("so long")));
    let mut at = header::LEN;
    while at + batch::HEADER_LEN <= end.min(bytes.len()) {
        let body_at = at + batch::HEADER_LEN;
        let body_end = body_at
            .saturating_add(length(bytes, at + 8))
            .min(bytes.len());
        let lsn = number(bytes, at + 24, 8);
        let places: Vec<_> = items(&bytes[body_at..body_end])
            .map(|item| item.place())
            .collect();
        for (record_at, len) in places {
            let from = body_at + record_at as usize;
            let binding = Binding {
                salt,
                offset: from as u64,
                lsn: crate::Lsn(lsn),
            };
            let until = (from + len as usize).min(body_end);
            let crc = bound(
                binding,
                bytes.get(from + CRC_LEN..until).unwrap_or_default(),
            );
            put(&mut bytes[..body_end], from, crc);
        }
        let body_crc = crc32c(&bytes[body_at..body_end]);
        put(bytes, at + 12, body_crc);
        put(bytes, at + 20, chain);
        chain = crc32c(&bytes[at + 8..body_at]);
        put(bytes, at + 4, chain);
        at = body_end;
    }
    chain
}

/// What the footer of a log says of its last batch.
fn set_chain(bytes: &mut [u8], end: usize, chain: u32) {
    let body = footer(bytes, end).and_then(|body| entidb_codec::decode(body).ok());
    let Some(mut entries) = body.and_then(|body| body.into_map().ok()) else {
        return;
    };
    for (_, value) in entries
        .iter_mut()
        .filter(|(key, _)| key.as_str() == Some("chain"))
    {
        *value = Value::from(u64::from(chain));
    }
    let body = entidb_codec::encode(&Value::Map(entries)).expect("as it was");
    set_footer(bytes, end, &body);
}

fn seal_run(bytes: &mut [u8], end: usize) {
    let mut footer = footer(bytes, end).and_then(|body| RunFooter::decode(body).ok());
    let filter_len = footer
        .as_ref()
        .and_then(|footer| footer.filter)
        .map_or(0, |f| f.len);
    let pages_end = end.saturating_sub(usize::try_from(filter_len).unwrap_or(0));
    for at in (page::LEN..pages_end).step_by(page::LEN) {
        let crc = sum(bytes, at, at + CRC_LEN, at + page::LEN);
        put(bytes, at, crc);
    }
    if let Some(footer) = &mut footer {
        let crc = sum(bytes, pages_end, pages_end, end);
        if let Some(filter) = &mut footer.filter {
            filter.crc = crc;
        }
        set_footer(bytes, end, &footer.encode());
    }
}

fn seal_chunks(bytes: &mut [u8], end: usize) {
    let Some(mut footer) = footer(bytes, end).and_then(|body| ChunksFooter::decode(body).ok())
    else {
        return;
    };
    let count = usize::try_from(footer.chunks).unwrap_or(usize::MAX);
    let Some(table_at) = count
        .checked_mul(chunk::ENTRY_LEN)
        .and_then(|len| end.checked_sub(len))
    else {
        return;
    };
    let mut at = header::LEN;
    for entry in (table_at..end).step_by(chunk::ENTRY_LEN) {
        let stored = length(bytes, entry + 4);
        let crc = sum(bytes, at, at + 8, at + chunk::HEADER_LEN + stored);
        put(bytes, at + 4, crc);
        put(bytes, entry + 8, crc);
        at += chunk::HEADER_LEN + stored;
    }
    footer.table_crc = Table::checksum(&bytes[table_at..end], salt(bytes), table_at as u64);
    set_footer(bytes, end, &footer.encode());
}

/// The body of the footer at `end`.
fn footer(bytes: &[u8], end: usize) -> Option<&[u8]> {
    let until = bytes.len().checked_sub(block::TAIL_LEN)?;
    bytes.get(end + block::HEAD_LEN..until)
}

/// Another footer, where it is as long as the one before.
fn set_footer(bytes: &mut [u8], end: usize, body: &[u8]) {
    let from = end + block::HEAD_LEN;
    let until = bytes.len() - block::TAIL_LEN;
    if until - from == body.len() {
        bytes[from..until].copy_from_slice(body);
    }
}

pub(super) fn forge_seeds() -> Vec<Vec<u8>> {
    let mut seeds = vec![Vec::new()];
    for stream in 0..6 {
        for at in [8_u8, 60, 100, 140, 200] {
            seeds.push(vec![stream, 3, at, 0, 0, 0]);
            seeds.push(vec![
                stream,
                0,
                at,
                0,
                0,
                0,
                1,
                stream,
                1,
                at + 16,
                0,
                0,
                0,
                2,
                7,
            ]);
        }
    }
    seeds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_changed_is_sealed_as_it_was() {
        let (sound, _) = image::small(true);
        let mut sealed = sound.clone();
        seal(&mut sealed);
        assert!(sealed == sound);
    }

    #[test]
    fn a_forged_payload_passes_for_one() {
        let (mut forged, model) = image::small(true);
        let mut count = 0;
        for (_, bytes) in forged.iter_mut().filter(|(name, _)| name.ends_with(".log")) {
            let thing = image::THING.as_bytes();
            let at = bytes.windows(thing.len()).position(|text| text == thing);
            if let Some(at) = at {
                bytes[at] = b'A';
                count += 1;
            }
        }
        assert_eq!(count, 1);
        assert!(use_it(&forged, true).is_err(), "not sealed yet");
        seal(&mut forged);
        let db = Options::new().open_in(image::directory(&forged)).unwrap();
        let read = image::content(&db).unwrap();
        let changed = read.iter().filter(|(key, bytes)| model[*key] != **bytes);
        assert_eq!(changed.count(), 1);
        assert!(db.verify().unwrap().is_sound());
        use_it(&forged, false).unwrap();
    }
}
