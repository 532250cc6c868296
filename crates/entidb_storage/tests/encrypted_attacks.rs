//! What somebody may do to an encrypted stream who has no key: each is found, and never gives wrong bytes.

#![cfg(feature = "encryption")]
#![expect(
    clippy::unwrap_used,
    reason = "a test's helpers fail as its functions do"
)]

use entidb_storage::{
    Directory, EncryptedBackend, EncryptedDirectory, EncryptionKey, InMemoryBackend,
    MemoryDirectory, OpenMode, StorageBackend, StorageError, StorageReader, StorageResult,
};

/// The length of a stream's header, and of a frame's.
const HEADER_LEN: usize = 96;

fn key(byte: u8) -> EncryptionKey {
    EncryptionKey::from_bytes(&[byte; 32]).unwrap()
}

fn open(bytes: &[u8]) -> StorageResult<EncryptedBackend> {
    let inner = InMemoryBackend::with_data(bytes.to_vec());
    EncryptedBackend::with_block_size(Box::new(inner), &key(1), 1024)
}

/// All that can be read of a stream: whole, a piece at a time, and by a reader that does not append.
fn read(bytes: &[u8]) -> StorageResult<Vec<u8>> {
    let backend = open(bytes)?;
    let len = usize::try_from(backend.size()?).unwrap();
    let whole = backend.read_at(0, len)?;
    for at in (0..len).step_by(7) {
        let len = (len - at).min(7);
        assert_eq!(backend.read_at(at as u64, len)?, &whole[at..at + len]);
    }
    Ok(whole)
}

/// A stream of one frame for each of `parts`, sealed by one handle, and closed.
fn sealed(parts: &[&[u8]]) -> Vec<u8> {
    let directory = MemoryDirectory::new();
    let inner = directory.open("stream", OpenMode::CreateNew).unwrap();
    let mut backend = EncryptedBackend::with_block_size(inner, &key(1), 1024).unwrap();
    for part in parts {
        backend.append(part).unwrap();
        backend.flush().unwrap();
    }
    backend.close().unwrap();
    raw(&directory, "stream")
}

fn raw(directory: &MemoryDirectory, name: &str) -> Vec<u8> {
    let reader = directory.open_reader(name).unwrap();
    reader
        .read_at(0, usize::try_from(reader.size().unwrap()).unwrap())
        .unwrap()
}

/// The pieces of a sealed stream: its header, and its frames.
fn pieces(sealed: &[u8]) -> Vec<Vec<u8>> {
    let (header, mut rest) = sealed.split_at(HEADER_LEN);
    let mut pieces = vec![header.to_vec()];
    while !rest.is_empty() {
        let len = u32::from_le_bytes(rest[8..12].try_into().unwrap()) as usize;
        let (frame, behind) = rest.split_at(HEADER_LEN + len);
        pieces.push(frame.to_vec());
        rest = behind;
    }
    pieces
}

const PARTS: [&[u8]; 4] = [
    b"the first part, ",
    b"and the second, ",
    b"and the third, !",
    b"and the last one",
];

fn truth() -> Vec<u8> {
    PARTS.concat()
}

#[track_caller]
fn assert_detected(found: &StorageResult<Vec<u8>>) {
    let detected = matches!(
        found,
        Err(StorageError::Corrupted(_) | StorageError::Encryption(_))
    );
    assert!(detected, "{found:?}");
}

/// What was cut off the end is not there, and nothing else is.
#[track_caller]
fn assert_no_more_than_cut(found: &StorageResult<Vec<u8>>, truth: &[u8]) {
    match found {
        Ok(bytes) => assert!(truth.starts_with(bytes), "{bytes:?}"),
        Err(_) => assert_detected(found),
    }
}

#[test]
fn nothing_of_the_content_shows() {
    let text = b"a text that is easily found again";
    let bytes = sealed(&[text, text]);
    assert!(
        !bytes
            .windows(8)
            .any(|window| text.windows(8).any(|part| part == window))
    );
    let frames = pieces(&bytes);
    assert_ne!(frames[1][HEADER_LEN..], frames[2][HEADER_LEN..]);
    assert_eq!(read(&bytes).unwrap(), [&text[..], text].concat());
}

#[test]
fn every_flipped_bit_is_found() {
    let mut bytes = sealed(&PARTS);
    let mark_at = bytes.len() - HEADER_LEN;
    for bit in 0..bytes.len() * 8 {
        bytes[bit / 8] ^= 1 << (bit % 8);
        let found = read(&bytes);
        if bit / 8 < mark_at {
            assert_detected(&found);
        } else {
            // The mark at the end only says that all before it was durable.
            assert_eq!(found.unwrap(), truth(), "bit {bit}");
        }
        bytes[bit / 8] ^= 1 << (bit % 8);
    }
}

#[test]
fn every_flipped_bit_of_an_open_stream_is_found_or_cuts_what_was_flushed_last() {
    let mut bytes = sealed(&PARTS);
    bytes.truncate(bytes.len() - HEADER_LEN);
    let last_at = bytes.len() - HEADER_LEN - PARTS[3].len();
    for bit in 0..bytes.len() * 8 {
        bytes[bit / 8] ^= 1 << (bit % 8);
        let found = read(&bytes);
        if bit / 8 < last_at {
            assert_detected(&found);
        } else {
            // No frame says that this one was durable: it is taken for what a crash has torn.
            assert_eq!(found.unwrap(), PARTS[..3].concat(), "bit {bit}");
        }
        bytes[bit / 8] ^= 1 << (bit % 8);
    }
}

#[test]
fn a_stream_cut_anywhere_is_shorter_and_never_wrong() {
    let bytes = sealed(&PARTS);
    let mut lens = std::collections::BTreeSet::new();
    for len in 0..bytes.len() {
        let found = read(&bytes[..len]);
        assert_no_more_than_cut(&found, &truth());
        lens.insert(found.map_or(0, |bytes| bytes.len()));
        // Whoever goes on with it does not bring anything back.
        if let Ok(mut backend) = open(&bytes[..len]) {
            let size = usize::try_from(backend.size().unwrap()).unwrap();
            backend.append(b"more").unwrap();
            backend.flush().unwrap();
            let all = backend.read_at(0, size + 4).unwrap();
            assert_eq!(all, [&truth()[..size], b"more"].concat());
        }
    }
    assert_eq!(lens.into_iter().collect::<Vec<_>>(), [0, 16, 32, 48, 64]);
}

#[test]
fn zeros_and_garbage_behind_the_end_are_absent() {
    let bytes = sealed(&PARTS);
    for behind in [vec![0; 1], vec![0; 5_000_000], vec![0xa5; 1000]] {
        assert_eq!(read(&[&bytes[..], &behind].concat()).unwrap(), truth());
    }
    assert_eq!(read(&[0; 5000]).unwrap(), b"");
}

#[test]
fn frames_swapped_repeated_left_out_or_turned_round_are_found() {
    let bytes = sealed(&PARTS);
    let pieces = pieces(&bytes);
    let orders: [&[usize]; 8] = [
        &[0, 2, 1, 3, 4, 5],
        &[0, 1, 3, 2, 4, 5],
        &[0, 1, 4, 3, 2, 5],
        &[0, 1, 1, 2, 3, 4, 5],
        &[0, 1, 1, 3, 4, 5],
        &[0, 2, 3, 4, 5],
        &[0, 1, 2, 4, 5],
        &[0, 4, 3, 2, 1, 5],
    ];
    for order in orders {
        let changed: Vec<u8> = order.iter().flat_map(|at| pieces[*at].clone()).collect();
        // Where frames moved, none behind says so at its place: what is left of them looks like a tail that was cut off.
        assert_no_more_than_cut(&read(&changed), &truth());
        if changed.len() == bytes.len() {
            assert_detected(&read(&changed));
        }
    }
    // At the end there is nothing that follows.
    for piece in &pieces[1..] {
        let changed = [&bytes[..], piece].concat();
        assert_eq!(read(&changed).unwrap(), truth());
    }
}

#[test]
fn a_frame_of_another_stream_under_the_same_key_is_found() {
    let ours = pieces(&sealed(&PARTS));
    let theirs = pieces(&sealed(&PARTS));
    for at in 0..5 {
        let mut changed = ours.clone();
        changed[at].clone_from(&theirs[at]);
        assert_detected(&read(&changed.concat()));
        let mut changed = ours.clone();
        changed.splice(at.max(1).., theirs[at.max(1)..].to_vec());
        assert_no_more_than_cut(&read(&changed.concat()), &truth());
    }
}

#[test]
fn a_frame_that_was_cut_does_not_come_back() {
    // All frames have the same length, so that old ones would fit.
    let old = sealed(&PARTS);
    let frame_len = HEADER_LEN + 16;
    for size in [48, 32, 16, 0, 40, 20] {
        let directory = MemoryDirectory::new();
        let mut inner = directory.open("stream", OpenMode::CreateNew).unwrap();
        inner.append(&old).unwrap();
        let mut backend = EncryptedBackend::with_block_size(inner, &key(1), 1024).unwrap();
        backend.truncate(size).unwrap();
        backend.append(b"something new...").unwrap();
        backend.flush().unwrap();
        drop(backend);
        let new = raw(&directory, "stream");
        let mut model = truth()[..usize::try_from(size).unwrap()].to_vec();
        model.extend_from_slice(b"something new...");
        assert_eq!(read(&new).unwrap(), model);
        // To put all of an old state back, or a part of it from the beginning, is what only the manifest can tell.
        let assert_no_mixture = |changed: &[u8]| match read(changed) {
            Ok(found) if model.starts_with(&found) => {}
            Ok(found) => {
                let frames = found.len() / 16;
                assert!(truth().starts_with(&found), "{found:?}");
                assert!(changed.starts_with(&old[..HEADER_LEN + frames * frame_len]));
            }
            found => assert_detected(&found),
        };
        // An old frame in its old place, over what is there, and behind it; and all the old ones from there on.
        for frame in 0..5 {
            let at = HEADER_LEN + frame * frame_len;
            for part in [&old[at..(at + frame_len).min(old.len())], &old[at..]] {
                let mut changed = new.clone();
                changed.resize(changed.len().max(at + part.len()), 0);
                changed[at..at + part.len()].copy_from_slice(part);
                assert_no_mixture(&changed);
            }
        }
        assert_no_mixture(&[&new[..], &old[HEADER_LEN..]].concat());
    }
}

#[test]
fn a_changed_or_foreign_header_is_found() {
    let ours = sealed(&PARTS);
    let theirs = sealed(&PARTS);
    let mut changed = ours.clone();
    changed[..HEADER_LEN].copy_from_slice(&theirs[..HEADER_LEN]);
    assert_detected(&read(&changed));
    // The header's checksum is no secret: made right again, the change is still found.
    use sha2::Digest;
    for at in 0..80 {
        let mut changed = ours.clone();
        changed[at] ^= 0x10;
        let sum = sha2::Sha256::digest(&changed[..80]);
        changed[80..96].copy_from_slice(&sum[..16]);
        assert_detected(&read(&changed));
    }
}

#[test]
fn a_wrong_key_is_told_apart_from_damage() {
    let bytes = sealed(&PARTS);
    let inner = || Box::new(InMemoryBackend::with_data(bytes.clone()));
    let Err(error) = EncryptedBackend::new(inner(), key(2)).map(drop) else {
        panic!("opened with a wrong key")
    };
    assert!(error.to_string().contains("wrong key"), "{error}");
    let mut damaged = bytes.clone();
    damaged[50] ^= 1;
    let found = read(&damaged);
    assert!(
        matches!(found, Err(StorageError::Corrupted(_))),
        "{found:?}"
    );
}

#[test]
fn a_stream_that_is_not_encrypted_is_refused_and_left_alone() {
    for plain in [
        &b"a text"[..],
        b"\x89EDB\r\n\x1a\nLOG \x01\0\0\0",
        &[0xb5; 600],
        "a longer text, ".repeat(100).as_bytes(),
    ] {
        assert_detected(&read(plain));
    }
}

#[test]
fn a_stream_put_in_place_at_once_is_whole_or_an_error() {
    let directory = EncryptedDirectory::create(MemoryDirectory::new(), &key(1)).unwrap();
    let content: Vec<u8> = (0..9000_u32)
        .map(|at| (at % 251).to_le_bytes()[0])
        .collect();
    directory.replace("manifest", &content).unwrap();
    let read = |bytes: &[u8]| -> StorageResult<Vec<u8>> {
        directory.inner().replace("manifest", bytes)?;
        let reader = directory.open_reader("manifest")?;
        reader.read_at(0, usize::try_from(reader.size()?).unwrap())
    };
    let sealed = raw(directory.inner(), "manifest");
    assert_eq!(read(&sealed).unwrap(), content);
    for len in (1..sealed.len()).filter(|len| len % 13 == 0 || *len < 300) {
        let found = read(&sealed[..len]);
        // Cut down to less than a header, it looks like a stream that is just being made.
        assert!(
            len <= 96 && found.as_ref().is_ok_and(Vec::is_empty) || found.is_err(),
            "{len}"
        );
    }
    for at in (0..sealed.len()).filter(|at| at % 7 == 0 || *at < 200) {
        let mut flipped = sealed.clone();
        flipped[at] ^= 4;
        assert_detected(&read(&flipped));
    }
}

#[test]
fn streams_that_changed_their_names_are_found() {
    let directory = EncryptedDirectory::create(MemoryDirectory::new(), &key(1)).unwrap();
    for name in ["a", "b"] {
        let mut stream = directory.open(name, OpenMode::CreateNew).unwrap();
        stream.append(name.as_bytes()).unwrap();
        stream.close().unwrap();
    }
    let b = raw(directory.inner(), "b");
    directory.inner().replace("a", &b).unwrap();
    assert_detected(&directory.open_reader("a").map(|_| Vec::new()));
    assert_detected(&directory.open("a", OpenMode::Existing).map(|_| Vec::new()));
    // Nor does a stream by itself pass for one of a directory, or the other way round.
    assert_detected(&read(&b));
    directory.inner().replace("a", &sealed(&PARTS)).unwrap();
    assert_detected(&directory.open_reader("a").map(|_| Vec::new()));
    let error = directory.open_reader("a").map(drop).unwrap_err();
    assert!(error.to_string().starts_with("encryption: a: "), "{error}");
}

#[test]
fn what_is_changed_while_a_stream_is_open_is_found_when_it_is_read() {
    let bytes = sealed(&PARTS);
    let mut shared = MemoryShared::new(&bytes);
    let backend = EncryptedBackend::with_block_size(shared.backend(), &key(1), 1024).unwrap();
    let reader = backend.reader().unwrap();
    for at in HEADER_LEN..bytes.len() - HEADER_LEN {
        let mut changed = bytes.clone();
        changed[at] ^= 0x80;
        shared.set(&changed);
        for found in [reader.read_at(0, 64), backend.read_at(0, 64)] {
            match found {
                Ok(found) => assert_eq!(found, truth(), "byte {at}"),
                Err(error) => assert_detected(&Err(error)),
            }
        }
    }
}

#[test]
fn a_stream_that_is_cut_while_it_is_open_is_found_when_it_is_read() {
    let bytes = sealed(&PARTS);
    let mut shared = MemoryShared::new(&bytes);
    let backend = EncryptedBackend::with_block_size(shared.backend(), &key(1), 1024).unwrap();
    let reader = backend.reader().unwrap();
    for len in [0, 10, 100, 250, 400] {
        shared.set(&bytes[..len]);
        assert_detected(&reader.read_at(0, 64));
        assert_detected(&backend.read_at(0, 64));
    }
    shared.set(&bytes);
    assert_eq!(reader.read_at(0, 64).unwrap(), truth());
}

/// Bytes that change below an open stream.
struct MemoryShared(std::sync::Arc<std::sync::RwLock<Vec<u8>>>);

impl MemoryShared {
    fn new(bytes: &[u8]) -> Self {
        Self(std::sync::Arc::new(std::sync::RwLock::new(bytes.to_vec())))
    }

    fn set(&mut self, bytes: &[u8]) {
        *self.0.write().unwrap() = bytes.to_vec();
    }

    fn backend(&self) -> Box<dyn StorageBackend> {
        Box::new(Self(std::sync::Arc::clone(&self.0)))
    }

    fn slice(&self, offset: u64, len: usize) -> StorageResult<Vec<u8>> {
        let bytes = self.0.read().unwrap();
        InMemoryBackend::with_data(bytes.clone()).read_at(offset, len)
    }
}

impl StorageBackend for MemoryShared {
    fn read_at(&self, offset: u64, len: usize) -> StorageResult<Vec<u8>> {
        self.slice(offset, len)
    }
    fn append(&mut self, _: &[u8]) -> StorageResult<u64> {
        Err(StorageError::Closed)
    }
    fn flush(&mut self) -> StorageResult<()> {
        Ok(())
    }
    fn size(&self) -> StorageResult<u64> {
        Ok(self.0.read().unwrap().len() as u64)
    }
    fn sync(&mut self) -> StorageResult<()> {
        Ok(())
    }
    fn truncate(&mut self, _: u64) -> StorageResult<()> {
        Err(StorageError::Closed)
    }
    fn reader(&self) -> Option<std::sync::Arc<dyn StorageReader>> {
        Some(std::sync::Arc::new(Self(std::sync::Arc::clone(&self.0))))
    }
}

impl StorageReader for MemoryShared {
    fn read_at(&self, offset: u64, len: usize) -> StorageResult<Vec<u8>> {
        self.slice(offset, len)
    }
    fn size(&self) -> StorageResult<u64> {
        StorageBackend::size(self)
    }
}
