//! `entidb drop`

use crate::args::Drop;
use crate::exit::Outcome;
use crate::key::Key;
use crate::open;

pub(crate) fn run(args: &Drop, key: Option<&Key>) -> Outcome {
    let db = open::for_writing(&args.db, key)?;
    open::collection(&db.snapshot(), &args.db, &args.collection)?;
    db.drop_collection(&args.collection)?;
    open::close(db);
    Ok(())
}
