//! Opening the database, and what is said of it.

use std::path::Path;

use entidb::{Database, Options, Snapshot};

use crate::encrypted;
use crate::exit::{Failure, Outcome, say};
use crate::key::Key;

/// For reading: without a lock, beside a writer, on a read-only disk.
pub(crate) fn for_reading(path: &Path, key: Option<&Key>) -> Outcome<Database> {
    there(Options::new().read_only(true), path, key)
}

/// For writing, if it is there.
pub(crate) fn for_writing(path: &Path, key: Option<&Key>) -> Outcome<Database> {
    for_writing_with(Options::new(), path, key)
}

/// For writing with these options, if it is there.
pub(crate) fn for_writing_with(
    options: Options,
    path: &Path,
    key: Option<&Key>,
) -> Outcome<Database> {
    there(options.create(false), path, key)
}

/// For writing; made if it is not there, and then encrypted if there is a key.
pub(crate) fn or_make(path: &Path, key: Option<&Key>) -> Outcome<Database> {
    match key {
        Some(key) => {
            let folder = encrypted::open_or_make(path, key)?;
            encrypted::database(Options::new(), path, folder)
        }
        None => plain(Options::new(), path),
    }
}

fn there(options: Options, path: &Path, key: Option<&Key>) -> Outcome<Database> {
    match key {
        Some(key) => encrypted::database(options, path, encrypted::open(path, key)?),
        None => plain(options, path),
    }
}

fn plain(options: Options, path: &Path) -> Outcome<Database> {
    encrypted::refuse(path)?;
    Ok(options.open(path)?)
}

/// Closes it after its work is done and durable.
pub(crate) fn close(db: Database) {
    if let Err(error) = db.close() {
        // No failure: the work is done, and the next open recovers.
        say(format_args!(
            "everything is durable, but the database could not be closed, so that the next open takes longer: {error}"
        ));
    }
}

/// No, unless the collection is there.
pub(crate) fn collection(snapshot: &Snapshot, path: &Path, name: &str) -> Outcome {
    if snapshot.collections().any(|there| there == name) {
        return Ok(());
    }
    let names: Vec<&str> = snapshot.collections().collect();
    let there = if names.is_empty() {
        "has none yet".to_owned()
    } else {
        format!("has: {}", names.join(", "))
    };
    Err(Failure::no(format!(
        "there is no collection {name}; {} {there}",
        path.display()
    )))
}
