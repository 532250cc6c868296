//! Clauses D1 to D7.

mod lock;
mod names;
mod replace;
mod streams;

pub use lock::{
    d6_the_lock_dies_with_its_holder, d6_the_lock_is_given_back_when_dropped,
    d6_the_lock_is_held_once_and_a_refusal_names_the_holder,
};
pub use names::{d4_the_list_is_sorted_and_exact, d5_other_names_are_an_error};
pub use replace::{
    d2_a_failed_replacement_leaves_the_old, d2_a_replacement_is_durable_when_it_returns,
    d2_a_replacement_is_the_whole, d2_nobody_sees_half_a_replacement,
    d2_the_old_content_stays_with_who_has_it_open,
};
pub use streams::{
    d1_a_new_stream_is_durable_at_its_first_flush, d1_a_new_stream_is_there_when_opened_again,
    d1_open_modes_are_met_or_an_error, d3_a_removal_holds, d3_a_removal_is_durable_after_a_sync,
    d7_a_removed_stream_stays_readable, stream_has_any_number_of_readers, stream_has_one_appender,
};

use super::verdict::{Verdict, ensure, ensure_reads, opened};
use crate::Directory;

/// That the stream `name`, read anew, is `model`.
fn ensure_stream(directory: &dyn Directory, name: &str, model: &[u8], when: &str) -> Verdict {
    let reader = opened(directory.open_reader(name), when)?;
    ensure_reads(&*reader, model, when)
}

fn ensure_list(directory: &dyn Directory, names: &[&str], when: &str) -> Verdict {
    let found = directory.list()?;
    let differs = (0..found.len().max(names.len()))
        .map(|n| (found.get(n), names.get(n)))
        .find(|(found, name)| found.map(String::as_str) != name.copied());
    if let Some((found, name)) = differs {
        let or_end =
            |name: Option<&str>| name.map_or("the end".to_owned(), |name| format!("{name:?}"));
        let (found, name) = (or_end(found.map(String::as_str)), or_end(name.copied()));
        ensure!(false, "{when}: list() has {found} where {name} should be");
    }
    Ok(())
}
