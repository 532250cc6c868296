//! Directories, each with one lie, and the check that must catch it.

use entidb_storage::conformance::{DIRECTORY_CHECKS, Unmet};

use crate::folders::Folders;
use crate::lies;

#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) enum Lie {
    #[default]
    Honest,
    CreateNewOpensWhatIsThere,
    ExistingMakesWhatIsNot,
    OpenForgets,
    NewNameNeedsASync,
    SecondAppenderIsAllowed,
    ReaderIsACopy,
    ReaderGoesByName,
    ReplacementKeepsTheTail,
    ReplacementIsInPlace,
    ReplacementHasTwoSteps,
    ReplacementRemovesFirst,
    ReplacementIsNotSynced,
    FailedReplacementTakesTheOld,
    RemovalIsNothing,
    SyncIsNothing,
    ListIsNotSorted,
    ListMissesAName,
    ListShowsWhatIsNone,
    NamesAreNotChecked,
    LongNamesAreCut,
    LockIsHeldTwice,
    LockMakesAnotherStream,
    RefusalNamesNobody,
    LockIsKept,
    LockOutlivesItsHolder,
}

use Lie::*;

fn caught(lie: Lie, by: &str) {
    let check = DIRECTORY_CHECKS
        .iter()
        .find(|check| check.name == by)
        .unwrap();
    let verdict = check.run(&mut Folders::lying(lie));
    assert!(
        matches!(verdict, Err(Unmet::Fails(_))),
        "{lie:?} passes {by}: {verdict:?}"
    );
    println!("{}", verdict.unwrap_err());
}

lies! {
    a_new_stream_that_is_an_old_one: CreateNewOpensWhatIsThere is caught by d1_open_modes_are_met_or_an_error;
    an_existing_stream_that_is_made: ExistingMakesWhatIsNot is caught by d1_open_modes_are_met_or_an_error;
    a_directory_that_forgets: OpenForgets is caught by d1_a_new_stream_is_there_when_opened_again;
    a_new_name_that_needs_a_sync: NewNameNeedsASync is caught by d1_a_new_stream_is_durable_at_its_first_flush;
    a_second_appender: SecondAppenderIsAllowed is caught by stream_has_one_appender;
    a_reader_that_is_a_copy: ReaderIsACopy is caught by stream_has_any_number_of_readers;
    a_replacement_that_keeps_the_tail: ReplacementKeepsTheTail is caught by d2_a_replacement_is_the_whole;
    a_replacement_in_place: ReplacementIsInPlace is caught by d2_the_old_content_stays_with_who_has_it_open;
    a_replacement_in_two_steps: ReplacementHasTwoSteps is caught by d2_nobody_sees_half_a_replacement;
    a_replacement_that_removes_first: ReplacementRemovesFirst is caught by d2_nobody_sees_half_a_replacement;
    a_replacement_that_is_not_synced: ReplacementIsNotSynced is caught by d2_a_replacement_is_durable_when_it_returns;
    a_failed_replacement_that_takes_the_old: FailedReplacementTakesTheOld is caught by d2_a_failed_replacement_leaves_the_old;
    a_removal_that_removes_nothing: RemovalIsNothing is caught by d3_a_removal_holds;
    a_sync_that_syncs_no_removal: SyncIsNothing is caught by d3_a_removal_is_durable_after_a_sync;
    a_list_in_another_order: ListIsNotSorted is caught by d4_the_list_is_sorted_and_exact;
    a_list_without_a_name: ListMissesAName is caught by d4_the_list_is_sorted_and_exact;
    a_list_with_what_is_no_stream: ListShowsWhatIsNone is caught by d4_the_list_is_sorted_and_exact;
    names_that_are_not_checked: NamesAreNotChecked is caught by d5_other_names_are_an_error;
    names_that_are_cut: LongNamesAreCut is caught by d5_other_names_are_an_error;
    a_lock_held_twice: LockIsHeldTwice is caught by d6_the_lock_is_held_once_and_a_refusal_names_the_holder;
    a_lock_that_makes_another_stream: LockMakesAnotherStream is caught by d6_the_lock_is_held_once_and_a_refusal_names_the_holder;
    a_refusal_that_names_nobody: RefusalNamesNobody is caught by d6_the_lock_is_held_once_and_a_refusal_names_the_holder;
    a_lock_that_is_never_given_back: LockIsKept is caught by d6_the_lock_is_given_back_when_dropped;
    a_lock_that_outlives_its_holder: LockOutlivesItsHolder is caught by d6_the_lock_dies_with_its_holder;
    a_removed_stream_that_is_gone_or_another: ReaderGoesByName is caught by d7_a_removed_stream_stays_readable;
}
