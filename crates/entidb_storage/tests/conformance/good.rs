//! Everything this crate has for a backend or a directory passes.

use entidb_storage::conformance::{self, Durable, StreamsOf, Volatile};
use entidb_storage::{
    FactoryDirectory, FileBackend, FileDirectory, InMemoryBackend, MemoryDirectory, StorageError,
};

use crate::disk::Disks;
use crate::folders::Folders;
use crate::strangers::{Files, FilesByName, InMemory, Kept, Six};

mod memory {
    use super::*;
    entidb_storage::conformance!(|| InMemoryBackend::new());
}

mod memory_streams {
    use super::*;
    entidb_storage::conformance!(subject: || StreamsOf::new(MemoryDirectory::new()));
}

mod file {
    use super::*;
    entidb_storage::conformance!(subject: || FilesByName::new());
}

mod file_by_name {
    use super::*;
    entidb_storage::conformance!(durable: || {
        let folder = tempfile::tempdir().unwrap();
        move |name: &str| FileBackend::open(&folder.path().join(name))
    });
}

mod file_streams {
    use super::*;
    entidb_storage::conformance!(subject: || {
        let folder = tempfile::tempdir().unwrap();
        let directory = FileDirectory::create(folder.path()).unwrap();
        StreamsOf::new(Kept(directory, folder))
    });
}

mod factory_streams {
    use super::*;
    entidb_storage::conformance!(subject: || StreamsOf::new(FactoryDirectory::new(
        InMemory::default()
    )));
}

mod six_methods {
    use super::*;
    entidb_storage::conformance!(|| Six(InMemoryBackend::new()));
}

mod disk {
    use super::*;
    entidb_storage::conformance!(subject: || Disks::default());
}

mod memory_directory {
    use super::*;
    entidb_storage::conformance_directory!(|| MemoryDirectory::new());
}

mod file_directory {
    use super::*;
    entidb_storage::conformance_directory!(subject: || FilesByName::new());
}

mod factory_over_memory {
    use super::*;
    entidb_storage::conformance_directory!(|| FactoryDirectory::new(InMemory::default()));
}

mod factory_over_six_methods {
    use super::*;
    entidb_storage::conformance_directory!(|| FactoryDirectory::new(InMemory(
        MemoryDirectory::new(),
        true
    )));
}

mod factory_over_files {
    use super::*;
    entidb_storage::conformance_directory!(durable: || {
        let folder = tempfile::tempdir().unwrap();
        move |name: &str| Files::create(folder.path().join(name)).map(FactoryDirectory::new)
    });
}

mod folders {
    use super::*;
    entidb_storage::conformance_directory!(subject: || Folders::default());
}

#[test]
fn with_every_hook_every_check_is_made() {
    let report = conformance::report(&mut Disks::default());
    assert_eq!(
        report.holds().count(),
        conformance::BACKEND_CHECKS.len(),
        "{report}"
    );
    let report = conformance::directory_report(&mut Folders::default());
    assert_eq!(
        report.holds().count(),
        conformance::DIRECTORY_CHECKS.len(),
        "{report}"
    );
}

#[test]
fn a_report_says_what_holds_and_what_was_not_checked_and_why() {
    let report = conformance::report(&mut Volatile::new(InMemoryBackend::new));
    assert!(report.is_conformant(), "{report}");
    let text = report.to_string();
    assert!(
        text.contains("holds        clause 01 reads are exact\n"),
        "{text}"
    );
    assert!(
        text.contains(
            "not checked  clause 09 the first flush makes the name durable: what a power loss leaves"
        ),
        "{text}"
    );
    assert!(text.ends_with(&format!(
        "{} hold, 0 fail, {} not checked",
        report.holds().count(),
        report.not_checked().count()
    )));
    assert_eq!(report.lines().count(), conformance::BACKEND_CHECKS.len());
}

#[test]
fn a_subject_that_cannot_be_made_fails_with_its_error() {
    let mut refusing = Durable::new(|_: &str| Err::<InMemoryBackend, _>(StorageError::Closed));
    let report = conformance::report(&mut refusing);
    assert!(!report.is_conformant());
    let (_, what) = report.fails().next().unwrap();
    assert!(
        what.contains("closed") && what.contains("conformance/reads.rs:"),
        "{what}"
    );
}
