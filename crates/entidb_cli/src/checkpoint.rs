//! `entidb checkpoint`

use crate::args::Checkpoint;
use crate::exit::Outcome;
use crate::open;

pub(crate) fn run(args: &Checkpoint) -> Outcome {
    let db = open::for_writing(&args.db)?;
    db.checkpoint()?;
    open::close(db);
    Ok(())
}
