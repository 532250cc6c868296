//! Clauses D1 to D7, over every directory of this crate.

use crate::directory_clauses::{self, Subject, is_kind};
use entidb_storage::{
    Directory, FileDirectory, MemoryDirectory, OpenMode, StorageError, StorageResult,
};
use std::io::ErrorKind;
use std::os::unix::fs::{PermissionsExt, symlink};

#[derive(Default)]
struct Memory(MemoryDirectory);

impl Subject for Memory {
    fn open(&self) -> StorageResult<Box<dyn Directory>> {
        Ok(Box::new(self.0.clone()))
    }
}

struct Folder(tempfile::TempDir);

impl Subject for Folder {
    fn open(&self) -> StorageResult<Box<dyn Directory>> {
        Ok(Box::new(FileDirectory::create(self.0.path())?))
    }
}

macro_rules! every_directory {
    ($($clause:ident)+) => {
        mod memory {
            $(#[test]
            fn $clause() {
                super::directory_clauses::$clause(&super::Memory::default()).unwrap();
            })+
        }

        mod file {
            $(#[test]
            fn $clause() {
                super::directory_clauses::$clause(&super::Folder(tempfile::tempdir().unwrap())).unwrap();
            })+
        }
    };
}

every_directory! {
    d1_a_new_stream_is_there_again_after_its_first_flush
    d1_open_modes_are_met_or_an_error
    a_stream_has_one_appender_and_any_number_of_readers
    d2_replace_makes_and_replaces_the_whole
    d3_a_removal_holds_after_a_sync
    d4_the_list_is_sorted_and_exact
    d5_other_names_are_an_error
    d6_the_lock_is_held_once_and_names_its_holder
    d7_a_removed_stream_stays_readable
    a_shared_directory_is_the_same_directory
}

#[test]
fn a_missing_folder_or_a_file_is_a_clear_error() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("missing");
    let error = FileDirectory::open(&missing).unwrap_err();
    assert!(
        error.is_not_found() && error.to_string().contains("missing"),
        "{error}"
    );
    assert!(!missing.exists());
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    for result in [
        FileDirectory::open(&file),
        FileDirectory::create(&file),
        FileDirectory::create(&file.join("x")),
    ] {
        let error = result.map(drop).unwrap_err();
        assert!(
            error.to_string().to_lowercase().contains("not a directory"),
            "{error}"
        );
        assert!(is_kind::<()>(&Err(error), ErrorKind::NotADirectory));
    }
    let made = FileDirectory::create(&missing.join("deep")).unwrap();
    assert_eq!(made.path(), missing.join("deep"));
    assert!(made.path().is_dir());
}

#[test]
fn what_is_no_stream_is_foreign_and_never_listed() {
    let dir = tempfile::tempdir().unwrap();
    let directory = FileDirectory::create(dir.path()).unwrap();
    directory.replace("a.seg", b"x").unwrap();
    std::fs::write(dir.path().join("manifest.new~"), "cut short").unwrap();
    assert_eq!(directory.foreign().unwrap(), None);
    assert_eq!(directory.list().unwrap(), ["a.seg"]);
    directory.replace("manifest", b"whole").unwrap();
    assert!(!dir.path().join("manifest.new~").exists());

    let names = ["Readme.txt", "sub", "link", "x.new~.new~", "~"];
    std::fs::write(dir.path().join(names[0]), "").unwrap();
    std::fs::create_dir(dir.path().join(names[1])).unwrap();
    symlink(dir.path().join("a.seg"), dir.path().join(names[2])).unwrap();
    std::fs::write(dir.path().join(names[3]), "").unwrap();
    std::fs::write(dir.path().join(names[4]), "").unwrap();
    assert_eq!(directory.list().unwrap(), ["a.seg", "manifest"]);
    for name in ["link", "sub"] {
        for result in [
            directory.open(name, OpenMode::Existing).map(drop),
            directory.open_reader(name).map(drop),
            directory.remove(name),
            directory.lock(name).map(drop),
        ] {
            assert!(is_kind(&result, ErrorKind::InvalidInput), "{result:?}");
        }
    }
    let mut sorted = names;
    sorted.sort_unstable();
    for name in sorted {
        assert_eq!(directory.foreign().unwrap().as_deref(), Some(name));
        let path = dir.path().join(name);
        std::fs::remove_file(&path)
            .or_else(|_| std::fs::remove_dir(&path))
            .unwrap();
    }
    assert_eq!(directory.foreign().unwrap(), None);
}

#[test]
fn a_lone_reader_follows_a_file_that_grows_and_shrinks() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    std::fs::write(&path, "first").unwrap();
    let directory = FileDirectory::open(dir.path()).unwrap();
    let reader = directory.open_reader("log").unwrap();
    assert!(matches!(
        reader.read_at(3, 3),
        Err(StorageError::ReadPastEnd { size: 5, .. })
    ));
    assert!(matches!(
        reader.read_at(u64::MAX, usize::MAX),
        Err(StorageError::ReadPastEnd { size: 5, .. })
    ));
    std::fs::write(&path, "first and second").unwrap();
    assert_eq!(reader.size().unwrap(), 16);
    assert_eq!(reader.read_at(6, 10).unwrap(), b"and second");
    std::fs::write(&path, "short").unwrap();
    assert!(matches!(
        reader.read_at(3, 3),
        Err(StorageError::ReadPastEnd { size: 5, .. })
    ));
    let mut buf = [0; 3];
    reader.read_into(2, &mut buf).unwrap();
    assert_eq!(&buf, b"ort");
    assert_eq!(reader.read_bytes(0, 5).unwrap().as_ref(), b"short");
}

#[test]
fn readers_need_no_lock_and_write_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let directory = FileDirectory::create(dir.path()).unwrap();
    directory.replace("a", b"content").unwrap();
    let _lock = directory.lock("a").unwrap();
    let before = std::fs::metadata(dir.path().join("a")).unwrap();
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o555)).unwrap();
    let second = FileDirectory::open(dir.path()).unwrap();
    assert!(second.open_reader("a").is_ok());
    assert_eq!(second.list().unwrap(), ["a"]);
    let after = std::fs::metadata(dir.path().join("a")).unwrap();
    assert_eq!(before.modified().unwrap(), after.modified().unwrap());
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
}
