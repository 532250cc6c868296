//! The one atomic switch: which streams are live.
//!
//! Promises: a reader finds the old manifest or the new one, never a mixture. Relies on the directory's clause D2. Must never
//! know what is in the streams.

mod editor;

use entidb_storage::Directory;

use crate::error::{Error, ErrorKind, Result};
use crate::format::{block, header, name};

pub(crate) use editor::Editor;

pub(crate) use crate::format::catalog::{Catalog, is_hidden};
pub(crate) use crate::format::collection::{Collection, Older};
pub(crate) use crate::format::manifest::{Closed, DIGEST_LEN, LogEntry, Manifest, SealedEntry};
pub(crate) use crate::format::retained::{Dropped, FeedEntry};

/// The longest manifest that is read, in bytes.
const LEN_MAX: u64 = header::LEN as u64 + block::LEN_MAX;

/// Reads the manifest; `None` if there is none.
pub(crate) fn read(directory: &dyn Directory) -> Result<Option<Manifest>> {
    let failed = |error| Error::storage(error, "read", name::MANIFEST);
    let reader = match directory.open_reader(name::MANIFEST) {
        Ok(reader) => reader,
        Err(error) if error.is_not_found() => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let size = reader.size().map_err(failed)?;
    let len = usize::try_from(size).ok().filter(|_| size <= LEN_MAX);
    let Some(len) = len else {
        return Err(Error::corrupt(
            name::MANIFEST,
            0,
            format!("up to {LEN_MAX} bytes"),
            format!("{size}"),
        ));
    };
    let bytes = reader.read_bytes(0, len).map_err(failed)?;
    match Manifest::decode(&bytes) {
        Ok(manifest) => Ok(Some(manifest)),
        Err((offset, fault)) => Err(fault.at(name::MANIFEST, offset)),
    }
}

/// Puts `manifest` in the place of the one before. After an error of kind `Full` the old one stands; after any other it is
/// unknown which of the two a crash would leave.
pub(crate) fn replace(directory: &dyn Directory, manifest: &Manifest, salt: u64) -> Result<()> {
    let stream = manifest
        .encode(salt)
        .ok_or_else(|| Error::new(ErrorKind::Invalid, "the manifest has grown too large"))?;
    directory
        .replace(name::MANIFEST, &stream)
        .map_err(|error| Error::storage(error, "replace", name::MANIFEST))
}

/// The identity of a sealed stream: the first 16 bytes of BLAKE3 over its header and its footer, which holds the chained
/// checksum of everything between.
pub(crate) fn digest(header: &[u8], footer: &[u8]) -> [u8; DIGEST_LEN] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(header);
    hasher.update(footer);
    let mut digest = [0; DIGEST_LEN];
    hasher.finalize_xof().fill(&mut digest);
    digest
}
