//! The contract as checks that any backend, and any directory, can be put through.
//!
//! One line certifies a backend, with one test for each check:
//!
//! ```
//! # use entidb_storage::InMemoryBackend;
//! entidb_storage::conformance!(|| InMemoryBackend::new());
//! ```
//!
//! A backend whose bytes outlive its handle is opened by name, so that the suite can open it again; and a directory has a
//! macro of its own:
//!
//! ```
//! # use entidb_storage::{FileBackend, FileDirectory};
//! entidb_storage::conformance!(durable: || {
//!     let folder = tempfile::tempdir().unwrap();
//!     move |name: &str| FileBackend::open(&folder.path().join(name))
//! });
//!
//! mod directory {
//!     use super::*;
//!     entidb_storage::conformance_directory!(durable: || {
//!         let folder = tempfile::tempdir().unwrap();
//!         move |name: &str| FileDirectory::create(&folder.path().join(name))
//!     });
//! }
//! ```
//!
//! # What is not seen from outside
//!
//! What a crash leaves, and what happens when the medium fails, is seen only with the help of the tested side:
//! [`Subject`] has a hook for each, and `conformance!(subject: || MySubject::new())` takes it. Without, the checks that
//! need it are *not checked*, which is said and is no failure. Whatever the hooks, the suite does not enumerate crash states:
//! it looks at the one that [`Subject::after`] gives.
//!
//! # As a report
//!
//! ```
//! # use entidb_storage::{InMemoryBackend, conformance};
//! let report = conformance::report(&mut conformance::Volatile::new(InMemoryBackend::new));
//! assert!(report.is_conformant(), "{report}");
//! ```

mod appends;
mod cuts;
mod directories;
mod durability;
mod extras;
mod faults;
mod handles;
mod history;
mod macros;
mod readers;
mod reads;
mod report;
mod subject;
mod verdict;

pub use report::{Check, Report};
pub use subject::{Durable, Fault, Loss, Made, StreamsOf, Subject, Volatile};
pub use verdict::{Unmet, Verdict};

#[doc(hidden)]
pub use report::test;

use crate::{Directory, StorageBackend};

/// A subject that is a backend, as the checks take it.
pub type BackendSubject<'a> = dyn Subject<dyn StorageBackend> + 'a;

/// A subject that is a directory, as the checks take it.
pub type DirectorySubject<'a> = dyn Subject<dyn Directory> + 'a;

/// Every check, a function each. Its name begins with the clause; those without a number are of the defaulted methods.
pub mod checks {
    pub use super::appends::{
        clause_03_a_failed_append_leaves_nothing, clause_03_append_returns_the_size_before_it,
        clause_03_parts_are_appended_as_their_concatenation,
    };
    pub use super::cuts::{
        clause_08_a_cut_holds_when_opened_again, clause_08_a_cut_is_durable_when_it_returns,
        clause_08_a_cut_is_exact_and_old_bytes_never_come_back,
        clause_08_cutting_above_the_size_is_invalid_and_changes_nothing,
    };
    pub use super::directories::*;
    pub use super::durability::{
        clause_04_flushed_bytes_are_there_when_opened_again,
        clause_04_flushed_bytes_survive_a_power_loss, clause_04_flushed_bytes_survive_the_process,
        clause_05_synced_bytes_survive_a_power_loss, clause_05_synced_bytes_survive_the_process,
        clause_06_below_the_last_flush_everything_is_intact,
        clause_09_so_does_the_first_flush_of_a_later_handle,
        clause_09_the_first_flush_makes_the_name_durable,
    };
    pub use super::extras::{
        capabilities_stay_the_same, close_flushes, close_is_final,
        reserve_changes_neither_size_nor_content,
    };
    pub use super::faults::{
        clause_07_a_failed_sync_is_sticky_and_reads_go_on,
        clause_07_a_failed_write_may_be_retried_or_cut,
        clause_10_a_full_disk_leaves_the_backend_usable,
        clause_10_interruptions_are_handled_inside,
    };
    pub use super::handles::{
        clause_11_a_closed_handle_appends_no_more, clause_11_a_second_appender_is_refused,
        clause_12_the_same_history_gives_the_same_answers,
    };
    pub use super::history::{
        history_goes_on_when_opened_again, history_is_that_of_a_vector_of_bytes,
    };
    pub use super::readers::{
        reader_is_exact_beside_its_appender, reader_outlives_its_backend, reader_sees_a_cut,
    };
    pub use super::reads::{
        clause_01_past_the_end_is_an_error_before_anything_is_allocated, clause_01_reads_are_exact,
        clause_01_the_ways_of_reading_agree, clause_02_a_read_sees_every_append_before_it,
        clause_02_a_reader_sees_every_append_before_it,
    };
}

/// Every check of a backend, in the order of the clauses.
pub const BACKEND_CHECKS: &[Check<dyn StorageBackend>] = crate::__backend_checks!(table);

/// Every check of a directory, in the order of the clauses.
pub const DIRECTORY_CHECKS: &[Check<dyn Directory>] = crate::__directory_checks!(table);

/// Puts a backend through every check.
pub fn report(subject: &mut BackendSubject<'_>) -> Report {
    Report::of(BACKEND_CHECKS, subject)
}

/// Puts a directory through every check.
pub fn directory_report(subject: &mut DirectorySubject<'_>) -> Report {
    Report::of(DIRECTORY_CHECKS, subject)
}
