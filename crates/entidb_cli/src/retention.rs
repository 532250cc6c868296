//! `entidb retention`

use std::time::Duration;

use entidb::{Options, Retention as Kept};

use crate::args::Retention;
use crate::exit::Outcome;
use crate::key::Key;
use crate::open;

pub(crate) fn run(args: &Retention, key: Option<&Key>) -> Outcome {
    let kept = Kept {
        age: args.hours.map_or(Duration::MAX, |hours| {
            Duration::from_secs(hours.saturating_mul(3600))
        }),
        old: args.old,
        ..Kept::bytes(args.mib.saturating_mul(1 << 20))
    };
    let db = open::for_writing_with(Options::new().retention(kept), &args.db, key)?;
    open::close(db);
    Ok(())
}
