//! Verify: reads every byte, names what is wrong and where, and changes nothing.
//!
//! Promises: no damage is passed over, and one damage does not hide the next, but for what lies behind a bad batch in one log: of
//! that, what the runs know is checked. Relies on the same readers as everything else, and
//! besides compares what they say of each other: each record with the run that points to it, each footer with what it sums up, each
//! index with its collection.

mod chunks;
mod entries;
mod indexes;
mod report;
mod runs;
mod segments;

use std::sync::Arc;

use entidb_storage::Directory;

pub use report::{Problem, Report};

#[cfg(test)]
pub(crate) use entries::check as check_entries;

use crate::error::{Error, ErrorKind, Result};
use crate::format::name;
use crate::ids::Lsn;
use crate::load;
use crate::manifest::{Manifest, is_hidden};
use crate::snapshot::Snapshot;
use crate::view::View;

/// How often a verification starts over because a writer changed what it was reading.
const ATTEMPTS: usize = 5;
/// How much a verification keeps of what it has read, in bytes.
const CACHE_BYTES: u64 = 16 << 20;

/// Verifies the database in `directory`, beside whatever writer it may have.
pub(crate) fn verify(directory: &dyn Directory) -> Result<Report> {
    let mut attempt = 1;
    let mut last = None;
    loop {
        let manifest = match load::manifest(directory) {
            Ok(Some(manifest)) => manifest,
            Ok(None) => {
                return Err(Error::new(
                    ErrorKind::NotFound,
                    "there is no database in this folder",
                ));
            }
            Err(error) if error.kind() == ErrorKind::NotADatabase => return Err(error),
            Err(error) => {
                let mut report = Report::default();
                report.add(name::MANIFEST, &error);
                return Ok(report);
            }
        };
        let edit = manifest.edit;
        let report = verify_listed(directory, manifest)?;
        // What looks like damage may be a writer at work: it is believed if it is met twice under the same manifest.
        let places = Some((edit, report.places()));
        if report.is_sound() || places == last || attempt == ATTEMPTS {
            return Ok(report);
        }
        last = places;
        attempt += 1;
    }
}

fn verify_listed(directory: &dyn Directory, manifest: Manifest) -> Result<Report> {
    let mut report = Report::default();
    report.read(manifest_len(directory)?);
    note_unlisted(directory, &manifest, &mut report)?;
    // What opening checks, with the same code; and if all of it holds, a view to compare the rest with.
    let loaded = match load::load(directory, manifest.clone(), CACHE_BYTES) {
        Ok(loaded) => {
            if loaded.torn_bytes > 0 {
                report.note(format!(
                    "{} bytes of a torn tail behind the last commit: the next open for writing leaves them behind",
                    loaded.torn_bytes
                ));
            }
            Some(loaded)
        }
        Err(error) => {
            report.add(name::MANIFEST, &error);
            None
        }
    };
    segments::verify(directory, &manifest, loaded.as_ref(), &mut report);
    let view = loaded.as_ref().map(|loaded| &loaded.view);
    chunks::verify(directory, &manifest, view, &mut report);
    runs::verify(directory, &manifest, view, &mut report);
    if let Some(view) = view {
        report.entity_count = count_entities(view, &mut report);
        let snapshot = Snapshot::new((Arc::new(view.clone()), Lsn(u64::MAX)));
        indexes::verify(&snapshot, &mut report);
    }
    Ok(report)
}

fn manifest_len(directory: &dyn Directory) -> Result<u64> {
    directory
        .open_reader(name::MANIFEST)
        .and_then(|reader| reader.size())
        .map_err(|error| Error::storage(error, "measure", name::MANIFEST))
}

fn note_unlisted(
    directory: &dyn Directory,
    manifest: &Manifest,
    report: &mut Report,
) -> Result<()> {
    let names = directory
        .list()
        .map_err(|error| Error::storage(error, "list", "the directory"))?;
    for stream in names {
        let numbered = name::parse(&stream);
        if numbered.is_some_and(|(id, _)| id < manifest.next_stream && !manifest.lists(id)) {
            report.note(format!(
                "{stream} is left over and not used: the next session that writes removes it"
            ));
        }
    }
    Ok(())
}

fn count_entities(view: &View, report: &mut Report) -> u64 {
    use std::ops::Bound::Unbounded;
    let mut merge = crate::merge::Merge::new(view, Lsn(u64::MAX), (Unbounded, Unbounded), false);
    let mut count = 0;
    loop {
        match merge.next() {
            Ok(Some((key, version))) => {
                let collection = view.catalog.get(key.collection());
                // What the engine keeps for itself is checked, and not counted.
                let own = collection.is_some_and(|collection| is_hidden(&collection.name));
                count += u64::from(!version.location.tombstone && !own);
            }
            Ok(None) => return count,
            Err(error) => {
                report.add(name::MANIFEST, &error);
                return count;
            }
        }
    }
}
