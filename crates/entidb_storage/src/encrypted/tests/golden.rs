//! The format against its golden bytes in docs/encryption-format.md.

use super::disk::Disk;
use super::{hex, key, unhex};
use crate::encrypted::keyring::{Keyring, Lock, Secret};
use crate::encrypted::keys::Keys;
use crate::encrypted::passphrase::PassphraseParams;
use crate::encrypted::random::seam;
use crate::encrypted::{EncryptedBackend, frame, header, whole};
use crate::{InMemoryBackend, StorageBackend};

const DOC: &str = include_str!("../../../../../docs/encryption-format.md");

/// The bytes in the block "```hex NAME" of docs/encryption-format.md.
fn golden(name: &str) -> Vec<u8> {
    let (_, rest) = DOC
        .split_once(&format!("```hex {name}\n"))
        .expect("docs/encryption-format.md has this example");
    unhex(rest.split_once("```").expect("the block ends").0)
}

#[track_caller]
fn assert_golden(name: &str, bytes: &[u8]) {
    if std::env::var_os("ENTIDB_PRINT_FORMAT").is_some() {
        let lines: Vec<String> = bytes.chunks(32).map(hex).collect();
        eprintln!("```hex {name}\n{}\n```", lines.join("\n"));
        return;
    }
    assert_eq!(hex(bytes), hex(&golden(name)), "{name}");
}

#[test]
fn a_stream_is_as_drawn() {
    seam::count_from(0x11);
    let disk = Disk::default();
    let mut backend = EncryptedBackend::new(Box::new(disk.clone()), key(0x77)).unwrap();
    backend.append(b"hello, world").unwrap();
    backend.flush().unwrap();
    backend.truncate(5).unwrap();
    backend.append(b"!").unwrap();
    backend.close().unwrap();
    let bytes = disk.medium().bytes;
    let ends = [
        ("stream header", header::LEN),
        ("data frame", frame::HEADER_LEN + 12),
        ("cut frame", frame::HEADER_LEN + 5),
        ("data frame behind a cut", frame::HEADER_LEN + 1),
        ("mark frame", frame::HEADER_LEN),
    ];
    let mut rest = &bytes[..];
    for (name, len) in ends {
        let (part, behind) = rest.split_at(len);
        assert_golden(name, part);
        rest = behind;
    }
    assert!(rest.is_empty());
}

#[test]
fn the_drawn_stream_is_read() {
    if std::env::var_os("ENTIDB_PRINT_FORMAT").is_some() {
        return;
    }
    let names = [
        "stream header",
        "data frame",
        "cut frame",
        "data frame behind a cut",
        "mark frame",
    ];
    let bytes: Vec<u8> = names.iter().flat_map(|name| golden(name)).collect();
    let inner = Box::new(InMemoryBackend::with_data(bytes));
    let backend = EncryptedBackend::new(inner, key(0x77)).unwrap();
    assert_eq!(backend.read_at(0, 6).unwrap(), b"hello!");
    assert_eq!(backend.size().unwrap(), 6);
}

#[test]
fn a_stream_put_in_place_at_once_is_as_drawn() {
    seam::count_from(0x21);
    let sealed = whole::seal_whole(&Keys::lone(key(0x77)), b"whole", 4096).unwrap();
    assert_golden("whole stream", &sealed);
}

#[test]
fn a_keyring_is_as_drawn() {
    seam::count_from(0x31);
    let keyring = Keyring::generate().unwrap();
    let sealed = keyring.seal(&Lock::with_key(&key(0x77))).unwrap();
    assert_golden("keyring", &sealed);
    let opened = Keyring::open(&sealed, Secret::Key(&key(0x77))).unwrap();
    assert_eq!(opened.keys.len(), 1);
    assert_eq!(opened.keys[0].id, [0x31; 16]);
    assert_eq!(opened.keys[0].key.as_bytes(), &[0x32; 32]);
    for len in 0..sealed.len() {
        assert!(Keyring::open(&sealed[..len], Secret::Key(&key(0x77))).is_err());
    }
    let mut flipped = sealed.clone();
    for bit in 0..sealed.len() * 8 {
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(
            Keyring::open(&flipped, Secret::Key(&key(0x77))).is_err(),
            "bit {bit}"
        );
        flipped[bit / 8] ^= 1 << (bit % 8);
    }
}

#[test]
fn a_keyring_under_a_passphrase_is_as_drawn() {
    seam::count_from(0x41);
    let params = PassphraseParams::new(64, 2, 2, [0x55; 16]).unwrap();
    let lock = Lock::with_passphrase(b"open sesame", params).unwrap();
    let sealed = Keyring::generate().unwrap().seal(&lock).unwrap();
    assert_golden("keyring under a passphrase", &sealed);
    assert!(Keyring::open(&sealed, Secret::Passphrase(b"open sesame")).is_ok());
}
