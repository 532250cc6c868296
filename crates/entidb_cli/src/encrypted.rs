//! Finding and making encrypted databases. What is no encrypted database stays as it is.

use std::path::Path;

use entidb::storage::{
    Directory, EncryptedDirectory, FileDirectory, StorageError, StorageResult, is_encrypted,
};
use entidb::{Database, ErrorKind, Options};

use crate::exit::{Failure, Outcome};
use crate::key::{Key, VARIABLE};

/// The stream that every database has.
const MANIFEST: &str = "manifest";
/// The stream whose lock a writer holds.
const LOCK: &str = "lock";

/// The folder of an encrypted database, opened with its key.
pub(crate) type Folder = EncryptedDirectory<FileDirectory>;

/// No, if only a key opens what is there.
pub(crate) fn refuse(path: &Path) -> Outcome {
    // What is wrong with the folder itself, opening the database tells.
    let Ok(folder) = FileDirectory::open(path) else {
        return Ok(());
    };
    if is_encrypted(&folder).map_err(|error| could_not_open(path, &error))? {
        return Err(Failure::could_not(format!(
            "{} is encrypted: give its key with --key-file FILE or in {VARIABLE}, or its passphrase with --passphrase-file FILE",
            path.display()
        )));
    }
    Ok(())
}

/// Opens the folder of an encrypted database that is there. Writes nothing.
pub(crate) fn open(path: &Path, key: &Key) -> Outcome<Folder> {
    match find(path)? {
        Some(folder) => tell(path, key, key.open(folder)),
        None => Err(elsewise(path, key)),
    }
}

/// Opens the folder of an encrypted database, or makes it in a place that is new or empty.
pub(crate) fn open_or_make(path: &Path, key: &Key) -> Outcome<Folder> {
    if let Some(folder) = find(path)? {
        return tell(path, key, key.open(folder));
    }
    match Options::new().read_only(true).open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => tell(path, key, make(path, key)),
        _ => Err(elsewise(path, key)),
    }
}

/// As [`open`]; the inner error says how the keyring is damaged, or that it is missing.
pub(crate) fn open_or_damage(path: &Path, key: &Key) -> Outcome<Result<Folder, String>> {
    match find(path)?.map(|folder| key.open(folder)) {
        Some(Err(StorageError::Corrupted(how))) => Ok(Err(how)),
        Some(folder) => tell(path, key, folder).map(Ok),
        None => Err(elsewise(path, key)),
    }
}

/// Opens the database in the folder.
pub(crate) fn database(options: Options, path: &Path, folder: Folder) -> Outcome<Database> {
    let shown = path.display();
    options.open_in(folder).map_err(|error| match error.kind() {
        ErrorKind::NotFound => Failure::could_not(format!(
            "{shown} is encrypted and holds no database yet; make one with `entidb import` or `entidb put`"
        )),
        // The engine does not know what the directory is called.
        _ => Failure::could_not(format!("{shown}: {error}")),
    })
}

/// The folder, if there is a database in it: an encrypted one, or else it is for the keyring to tell what is wrong.
fn find(path: &Path) -> Outcome<Option<FileDirectory>> {
    let Ok(folder) = FileDirectory::open(path) else {
        return Ok(None);
    };
    let encrypted = is_encrypted(&folder).map_err(|error| could_not_open(path, &error))?;
    let found = encrypted || folder.open_reader(MANIFEST).is_ok();
    Ok(found.then_some(folder))
}

fn make(path: &Path, key: &Key) -> StorageResult<Folder> {
    let folder = FileDirectory::create(path)?;
    // Two keyrings made at once would be one too many: the second would replace the first, and what was written under that
    // would be lost. The same lock keeps a plain database from being made meanwhile.
    let lock = folder.lock(LOCK)?;
    let made = if is_encrypted(&folder)? {
        key.open(folder)
    } else {
        key.create(folder)
    };
    drop(lock);
    made
}

/// What is there instead, in the words that the engine has for it without a key.
fn elsewise(path: &Path, key: &Key) -> Failure {
    match Options::new().read_only(true).open(path) {
        Ok(_) => not_encrypted(path, key),
        Err(error) => error.into(),
    }
}

fn tell(path: &Path, key: &Key, folder: StorageResult<Folder>) -> Outcome<Folder> {
    let shown = path.display();
    folder.map_err(|error| match error {
        StorageError::Encryption(what) => {
            // With a keyring, it is about the key.
            let encrypted = FileDirectory::open(path).and_then(|folder| is_encrypted(&folder));
            if matches!(encrypted, Ok(false)) {
                return not_encrypted(path, key);
            }
            Failure::could_not(format!("{shown} does not open with {}: {what}", key.origin))
        }
        StorageError::Corrupted(what) => Failure::could_not(format!("{shown} is damaged: {what}")),
        StorageError::Locked { holder } => Failure::could_not(format!(
            "{shown} is open for writing in {holder}: wait for it"
        )),
        error => could_not_open(path, &error),
    })
}

fn not_encrypted(path: &Path, key: &Key) -> Failure {
    Failure::could_not(format!(
        "{} is not encrypted: open it without {}",
        path.display(),
        key.origin
    ))
}

fn could_not_open(path: &Path, error: &StorageError) -> Failure {
    Failure::could_not(format!("could not open {}: {error}", path.display()))
}
