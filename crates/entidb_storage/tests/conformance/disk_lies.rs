//! Durable backends, each with one lie, and the check that must catch it.

use entidb_storage::conformance::{BACKEND_CHECKS, Unmet};

use crate::disk::Disks;
use crate::lies;

#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) enum Lie {
    #[default]
    Honest,
    FlushIsNothing,
    DropLoses,
    FlushReachesTheCacheOnly,
    SyncIsNothing,
    SyncReachesTheCacheOnly,
    OpenLosesTheLast,
    AppendSpoilsWhatIsFlushed,
    FailedAppendLeavesAPart,
    FailedSyncIsSuccess,
    FailedSyncLosesReads,
    PoisonIsForgotten,
    FailedWriteDropsTheRest,
    FullIsAnotherError,
    FullIsForEver,
    ShortWriteIsTheEnd,
    CutIsNotSynced,
    CutIsInTheHandleOnly,
    NameIsNotSynced,
    NameIsSyncedOnlyByItsMaker,
    SecondAppenderIsAllowed,
    LockIsKept,
    ClosedAppends,
    CloseForgetsToFlush,
}

use Lie::*;

fn caught(lie: Lie, by: &str) {
    let check = BACKEND_CHECKS
        .iter()
        .find(|check| check.name == by)
        .unwrap();
    let verdict = check.run(&mut Disks::lying(lie));
    assert!(
        matches!(verdict, Err(Unmet::Fails(_))),
        "{lie:?} passes {by}: {verdict:?}"
    );
    println!("{}", verdict.unwrap_err());
}

lies! {
    a_flush_and_a_drop_that_lose: DropLoses is caught by clause_04_flushed_bytes_are_there_when_opened_again;
    an_open_that_loses_the_last_bytes: OpenLosesTheLast is caught by clause_04_flushed_bytes_are_there_when_opened_again;
    a_flush_that_stays_in_the_process: FlushIsNothing is caught by clause_04_flushed_bytes_survive_the_process;
    a_flush_without_a_data_sync: FlushReachesTheCacheOnly is caught by clause_04_flushed_bytes_survive_a_power_loss;
    a_sync_that_stays_in_the_process: SyncIsNothing is caught by clause_05_synced_bytes_survive_the_process;
    a_sync_that_syncs_nothing: SyncReachesTheCacheOnly is caught by clause_05_synced_bytes_survive_a_power_loss;
    an_append_that_spoils_what_is_flushed: AppendSpoilsWhatIsFlushed is caught by clause_06_below_the_last_flush_everything_is_intact;
    a_failed_append_that_leaves_a_part: FailedAppendLeavesAPart is caught by clause_03_a_failed_append_leaves_nothing;
    a_failed_sync_that_is_hidden: FailedSyncIsSuccess is caught by clause_07_a_failed_sync_is_sticky_and_reads_go_on;
    a_failed_sync_that_takes_the_reads: FailedSyncLosesReads is caught by clause_07_a_failed_sync_is_sticky_and_reads_go_on;
    a_poison_that_wears_off: PoisonIsForgotten is caught by clause_07_a_failed_sync_is_sticky_and_reads_go_on;
    a_failed_write_that_drops_the_rest: FailedWriteDropsTheRest is caught by clause_07_a_failed_write_may_be_retried_or_cut;
    a_full_disk_with_another_error: FullIsAnotherError is caught by clause_10_a_full_disk_leaves_the_backend_usable;
    a_full_disk_that_never_ends: FullIsForEver is caught by clause_10_a_full_disk_leaves_the_backend_usable;
    a_short_write_taken_for_a_whole_one: ShortWriteIsTheEnd is caught by clause_10_interruptions_are_handled_inside;
    a_cut_that_is_not_synced: CutIsNotSynced is caught by clause_08_a_cut_is_durable_when_it_returns;
    a_cut_of_the_handle_only: CutIsInTheHandleOnly is caught by clause_08_a_cut_is_durable_when_it_returns;
    a_cut_that_an_open_takes_further: OpenLosesTheLast is caught by clause_08_a_cut_holds_when_opened_again;
    a_name_that_is_not_synced: NameIsNotSynced is caught by clause_09_the_first_flush_makes_the_name_durable;
    a_name_synced_only_by_its_maker: NameIsSyncedOnlyByItsMaker is caught by clause_09_so_does_the_first_flush_of_a_later_handle;
    a_second_appender: SecondAppenderIsAllowed is caught by clause_11_a_second_appender_is_refused;
    a_right_that_is_never_given_back: LockIsKept is caught by clause_11_a_second_appender_is_refused;
    a_closed_handle_that_appends: ClosedAppends is caught by clause_11_a_closed_handle_appends_no_more;
    a_close_that_forgets_to_flush: CloseForgetsToFlush is caught by close_flushes;
    a_reopened_history_that_loses_the_last_bytes: OpenLosesTheLast is caught by history_goes_on_when_opened_again;
}
