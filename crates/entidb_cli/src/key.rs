//! The key of an encrypted database: where it comes from. It is never printed.

use std::env::{self, VarError};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;
use entidb::storage::{
    EncryptedDirectory, EncryptionKey, FileDirectory, KEY_SIZE, PassphraseParams, StorageResult,
};

use crate::exit::{Failure, Outcome};

/// The variable with a key in hexadecimal digits.
pub(crate) const VARIABLE: &str = "ENTIDB_KEY";
/// The longest key file: hexadecimal digits and the end of their line.
const KEY_FILE_LEN_MAX: usize = 2 * KEY_SIZE + 2;
/// The longest passphrase file.
const PASSPHRASE_FILE_LEN_MAX: usize = 64 << 10;

/// Where the key is. The variable `ENTIDB_KEY` counts if neither is given.
#[derive(Debug, Args)]
#[command(next_help_heading = "Encryption")]
pub(crate) struct KeyArgs {
    /// The file with the database's key: 32 bytes, or 64 hex digits
    #[arg(long, global = true, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// The file with the database's passphrase, instead of a key
    #[arg(long, global = true, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

impl KeyArgs {
    /// The key that was given, if one was.
    pub(crate) fn read(&self) -> Outcome<Option<Key>> {
        match self.flag()? {
            Some(Flag::Key(file)) => Key::of_file(file).map(Some),
            Some(Flag::Passphrase(file)) => Key::of_passphrase_file(file).map(Some),
            None => Key::of_variable(),
        }
    }

    /// No key; and no, if a flag gives one to what has no use for it.
    pub(crate) fn refuse(&self, why: &str) -> Outcome<Option<Key>> {
        match self.flag()? {
            Some(Flag::Key(_)) => Err(Failure::wrong_use(format!("{why}: leave out --key-file"))),
            Some(Flag::Passphrase(_)) => Err(Failure::wrong_use(format!(
                "{why}: leave out --passphrase-file"
            ))),
            None => Ok(None),
        }
    }

    // By hand: clap sees no conflict between one before the command's name and one behind it.
    fn flag(&self) -> Outcome<Option<Flag<'_>>> {
        match (&self.key_file, &self.passphrase_file) {
            (Some(_), Some(_)) => Err(Failure::wrong_use(
                "a database has a key or a passphrase: give --key-file or --passphrase-file, not both",
            )),
            (Some(file), None) => Ok(Some(Flag::Key(file))),
            (None, Some(file)) => Ok(Some(Flag::Passphrase(file))),
            (None, None) => Ok(None),
        }
    }
}

/// The one flag that was given.
enum Flag<'a> {
    Key(&'a Path),
    Passphrase(&'a Path),
}

/// What opens an encrypted database.
pub(crate) struct Key {
    secret: Secret,
    /// What it is and where it comes from, for people.
    pub(crate) origin: String,
}

enum Secret {
    Key(EncryptionKey),
    Passphrase(Vec<u8>),
}

impl Key {
    /// Opens the encrypted directory. Writes nothing.
    pub(crate) fn open(
        &self,
        directory: FileDirectory,
    ) -> StorageResult<EncryptedDirectory<FileDirectory>> {
        match &self.secret {
            Secret::Key(key) => EncryptedDirectory::open(directory, key),
            Secret::Passphrase(passphrase) => {
                EncryptedDirectory::open_with_passphrase(directory, passphrase)
            }
        }
    }

    /// Makes the empty directory an encrypted one.
    pub(crate) fn create(
        &self,
        directory: FileDirectory,
    ) -> StorageResult<EncryptedDirectory<FileDirectory>> {
        match &self.secret {
            Secret::Key(key) => EncryptedDirectory::create(directory, key),
            Secret::Passphrase(passphrase) => EncryptedDirectory::create_with_passphrase(
                directory,
                passphrase,
                PassphraseParams::recommended()?,
            ),
        }
    }

    fn of_file(file: &Path) -> Outcome<Self> {
        let shown = file.display();
        let bytes = read(file, KEY_FILE_LEN_MAX)?;
        let key = match bytes.as_deref() {
            Some(raw) if raw.len() == KEY_SIZE => EncryptionKey::from_bytes(raw).ok(),
            Some(text) => of_hex(less_newline(text)),
            None => None,
        };
        let key = key.ok_or_else(|| {
            Failure::wrong_use(format!(
                "{shown} is no key file: it has to hold {KEY_SIZE} bytes, or {} hex digits, and nothing else",
                2 * KEY_SIZE
            ))
        })?;
        Ok(Self {
            secret: Secret::Key(key),
            origin: format!("the key in {shown}"),
        })
    }

    fn of_passphrase_file(file: &Path) -> Outcome<Self> {
        let shown = file.display();
        let bytes = read(file, PASSPHRASE_FILE_LEN_MAX)?.ok_or_else(|| {
            Failure::wrong_use(format!(
                "{shown} is too long for a passphrase: {PASSPHRASE_FILE_LEN_MAX} bytes are the most"
            ))
        })?;
        let passphrase = less_newline(&bytes);
        if passphrase.is_empty() {
            return Err(Failure::wrong_use(format!("{shown} holds no passphrase")));
        }
        Ok(Self {
            secret: Secret::Passphrase(passphrase.to_vec()),
            origin: format!("the passphrase in {shown}"),
        })
    }

    fn of_variable() -> Outcome<Option<Self>> {
        let text = match env::var(VARIABLE) {
            Ok(text) => text,
            Err(VarError::NotPresent) => return Ok(None),
            Err(VarError::NotUnicode(_)) => String::new(),
        };
        // An empty one too: a secret that did not come through must not make a plain database.
        let key = of_hex(text.as_bytes()).ok_or_else(|| {
            Failure::wrong_use(format!(
                "{VARIABLE} is no key: set it to {} hex digits, or unset it",
                2 * KEY_SIZE
            ))
        })?;
        Ok(Some(Self {
            secret: Secret::Key(key),
            origin: format!("the key in {VARIABLE}"),
        }))
    }
}

/// What the file holds; `None` if that is more than `len_max` bytes.
fn read(file: &Path, len_max: usize) -> Outcome<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    File::open(file)
        .and_then(|source| source.take(len_max as u64 + 1).read_to_end(&mut bytes))
        .map_err(|error| {
            Failure::wrong_use(format!("could not read {}: {error}", file.display()))
        })?;
    Ok((bytes.len() <= len_max).then_some(bytes))
}

fn less_newline(text: &[u8]) -> &[u8] {
    text.strip_suffix(b"\r\n")
        .or_else(|| text.strip_suffix(b"\n"))
        .unwrap_or(text)
}

fn of_hex(text: &[u8]) -> Option<EncryptionKey> {
    let digit = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .and_then(|d| u8::try_from(d).ok())
    };
    let (pairs, rest) = text.as_chunks::<2>();
    if pairs.len() != KEY_SIZE || !rest.is_empty() {
        return None;
    }
    let bytes = pairs
        .iter()
        .map(|&[high, low]| Some(digit(high)? << 4 | digit(low)?));
    EncryptionKey::from_bytes(&bytes.collect::<Option<Vec<u8>>>()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_digits_of_either_case_are_a_key_and_nothing_else_is() {
        let key = of_hex(
            "0aF"
                .repeat(21)
                .as_bytes()
                .iter()
                .chain(b"1")
                .copied()
                .collect::<Vec<_>>()
                .as_slice(),
        );
        assert_eq!(&key.unwrap().as_bytes()[..3], &[0x0a, 0xf0, 0xaf]);
        for text in [
            String::new(),
            "0".repeat(63),
            "0".repeat(65),
            "0".repeat(66),
            format!("0x{}", "0".repeat(62)),
            format!("+{}", "0".repeat(63)),
            format!("{} ", "0".repeat(63)),
            "é".repeat(32),
        ] {
            assert!(of_hex(text.as_bytes()).is_none(), "{text:?}");
        }
    }

    #[test]
    fn one_newline_is_taken_off_and_no_more() {
        for (text, less) in [
            (&b"a\n"[..], &b"a"[..]),
            (b"a\r\n", b"a"),
            (b"a\n\n", b"a\n"),
            (b" a ", b" a "),
            (b"\n", b""),
            (b"", b""),
        ] {
            assert_eq!(less_newline(text), less);
        }
    }
}
