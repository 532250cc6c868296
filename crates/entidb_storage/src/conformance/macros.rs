//! One line, one module of tests.

/// Certifies a backend: a module `conformance` with one `#[test]` for each check of the contract.
///
/// - `conformance!(|| MyBackend::new())` for a backend that lives only as long as its handle;
/// - `conformance!(durable: || move |name: &str| MyBackend::open(name))` for one that is opened by name: empty under a new
///   name, and under a known one what was left. The outer closure makes the place, once for each test;
/// - `conformance!(subject: || MySubject::new())` for a [`Subject`](crate::conformance::Subject) of one's own, which can
///   tell the suite what a crash leaves, and make the medium fail.
///
/// The closures may return the backend, a box of it, or a result of either. Two in one file go in a module each.
#[macro_export]
macro_rules! conformance {
    (durable: $open:expr $(,)?) => {
        $crate::conformance!(subject: || $crate::conformance::Durable::new($open()));
    };
    (subject: $subject:expr $(,)?) => {
        $crate::__backend_checks!(tests $subject);
    };
    ($make:expr $(,)?) => {
        $crate::conformance!(subject: || $crate::conformance::Volatile::new($make));
    };
}

/// Certifies a directory, as [`conformance!`](crate::conformance!) does a backend.
///
/// - `conformance_directory!(|| MyDirectory::new())`, a new and empty one at each call;
/// - `conformance_directory!(durable: || move |name: &str| MyDirectory::open(name))` for one that is opened by name, and
///   again once all its handles are dropped;
/// - `conformance_directory!(subject: || MySubject::new())`.
#[macro_export]
macro_rules! conformance_directory {
    (durable: $open:expr $(,)?) => {
        $crate::conformance_directory!(subject: || $crate::conformance::Durable::new($open()));
    };
    (subject: $subject:expr $(,)?) => {
        $crate::__directory_checks!(tests $subject);
    };
    ($make:expr $(,)?) => {
        $crate::conformance_directory!(subject: || $crate::conformance::Volatile::new($make));
    };
}

/// The one list of a backend's checks, as a table or as tests.
#[doc(hidden)]
#[macro_export]
macro_rules! __backend_checks {
    ($($how:tt)+) => {
        $crate::__checks! {
            $($how)+;
            clause_01_reads_are_exact
            clause_01_the_ways_of_reading_agree
            clause_01_past_the_end_is_an_error_before_anything_is_allocated
            clause_02_a_read_sees_every_append_before_it
            clause_02_a_reader_sees_every_append_before_it
            clause_03_append_returns_the_size_before_it
            clause_03_parts_are_appended_as_their_concatenation
            clause_03_a_failed_append_leaves_nothing
            clause_04_flushed_bytes_are_there_when_opened_again
            clause_04_flushed_bytes_survive_the_process
            clause_04_flushed_bytes_survive_a_power_loss
            clause_05_synced_bytes_survive_the_process
            clause_05_synced_bytes_survive_a_power_loss
            clause_06_below_the_last_flush_everything_is_intact
            clause_07_a_failed_sync_is_sticky_and_reads_go_on
            clause_07_a_failed_write_may_be_retried_or_cut
            clause_08_a_cut_is_exact_and_old_bytes_never_come_back
            clause_08_a_cut_holds_when_opened_again
            clause_08_a_cut_is_durable_when_it_returns
            clause_08_cutting_above_the_size_is_invalid_and_changes_nothing
            clause_09_the_first_flush_makes_the_name_durable
            clause_09_so_does_the_first_flush_of_a_later_handle
            clause_10_a_full_disk_leaves_the_backend_usable
            clause_10_interruptions_are_handled_inside
            clause_11_a_second_appender_is_refused
            clause_11_a_closed_handle_appends_no_more
            clause_12_the_same_history_gives_the_same_answers
            reader_sees_a_cut
            reader_outlives_its_backend
            reader_is_exact_beside_its_appender
            reserve_changes_neither_size_nor_content
            close_flushes
            close_is_final
            capabilities_stay_the_same
            history_is_that_of_a_vector_of_bytes
            history_goes_on_when_opened_again
        }
    };
}

/// The one list of a directory's checks, as a table or as tests.
#[doc(hidden)]
#[macro_export]
macro_rules! __directory_checks {
    ($($how:tt)+) => {
        $crate::__checks! {
            $($how)+;
            d1_open_modes_are_met_or_an_error
            d1_a_new_stream_is_there_when_opened_again
            d1_a_new_stream_is_durable_at_its_first_flush
            d2_a_replacement_is_the_whole
            d2_the_old_content_stays_with_who_has_it_open
            d2_nobody_sees_half_a_replacement
            d2_a_replacement_is_durable_when_it_returns
            d2_a_failed_replacement_leaves_the_old
            d3_a_removal_holds
            d3_a_removal_is_durable_after_a_sync
            d4_the_list_is_sorted_and_exact
            d5_other_names_are_an_error
            d6_the_lock_is_held_once_and_a_refusal_names_the_holder
            d6_the_lock_is_given_back_when_dropped
            d6_the_lock_dies_with_its_holder
            d7_a_removed_stream_stays_readable
            stream_has_one_appender
            stream_has_any_number_of_readers
        }
    };
}

/// Makes of a list of checks what is asked for.
#[doc(hidden)]
#[macro_export]
macro_rules! __checks {
    (table; $($name:ident)+) => {
        &[$($crate::conformance::Check {
            name: stringify!($name),
            run: $crate::conformance::checks::$name,
        }),+]
    };
    (tests $subject:expr; $($name:ident)+) => {
        #[cfg(test)]
        #[allow(unused_imports, clippy::redundant_closure, clippy::redundant_closure_call)]
        mod conformance {
            use super::*;

            $(#[test]
            fn $name() {
                let check = $crate::conformance::Check {
                    name: stringify!($name),
                    run: $crate::conformance::checks::$name,
                };
                if let Err(what) = $crate::conformance::test(&check, &mut ($subject)()) {
                    panic!("{what}");
                }
            })+
        }
    };
}
