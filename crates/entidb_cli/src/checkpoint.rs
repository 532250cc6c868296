//! `entidb checkpoint`

use crate::args::Checkpoint;
use crate::exit::Outcome;
use crate::key::Key;
use crate::open;

pub(crate) fn run(args: &Checkpoint, key: Option<&Key>) -> Outcome {
    let db = open::for_writing(&args.db, key)?;
    db.checkpoint()?;
    open::close(db);
    Ok(())
}
