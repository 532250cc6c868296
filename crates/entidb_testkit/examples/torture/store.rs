//! The database in a folder, as a profile has it.

use std::path::Path;

use entidb::storage::{EncryptedDirectory, EncryptionKey, FileDirectory};
use entidb::{Compression, Database, Options};

use crate::failure::Result;
use crate::history::{Content, counter};
use crate::profile::Profile;

/// The key of the encrypted profile: what it guards is known to everyone.
const KEY: [u8; 32] = *b"not a secret, but of 32 bytes   ";

pub(crate) fn open(dir: &Path, profile: &Profile, read_only: bool) -> Result<Database> {
    let compression = match profile.compressed {
        true => Compression::Lz4,
        false => Compression::None,
    };
    let options = Options::new()
        .read_only(read_only)
        .compression(compression)
        .checkpoint_log_bytes(profile.checkpoint_log_bytes);
    if !profile.encrypted {
        return Ok(options.open(dir)?);
    }
    let key = EncryptionKey::from_bytes(&KEY)?;
    let folder = FileDirectory::create(dir)?;
    let folder = EncryptedDirectory::open_or_create(folder, &key)?;
    Ok(options.open_in(folder)?)
}

/// How many commits the database has.
pub(crate) fn committed(db: &Database) -> Result<u64> {
    let (collection, id) = counter();
    let payload = db.snapshot().get(collection, id)?;
    let value = payload.map(|payload| payload.value()).transpose()?;
    Ok(value.and_then(|value| value.as_u64()).unwrap_or(0))
}

/// Everything in it.
pub(crate) fn content(db: &Database) -> Result<Content> {
    let snapshot = db.snapshot();
    let mut content = Content::new();
    for name in snapshot.collections() {
        for entity in snapshot.scan(name) {
            let (id, payload) = entity?;
            content.insert((name.to_owned(), id), payload.as_bytes().to_vec());
        }
    }
    Ok(content)
}
