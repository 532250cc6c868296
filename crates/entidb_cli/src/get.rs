//! `entidb get`

use entidb_codec::json;

use crate::args::Get;
use crate::exit::{Failure, Outcome};
use crate::key::Key;
use crate::open;
use crate::output::Lines;
use crate::scan;

pub(crate) fn run(args: &Get, key: Option<&Key>) -> Outcome {
    let db = open::for_reading(&args.db, key)?;
    let snapshot = db.snapshot();
    open::collection(&snapshot, &args.db, &args.collection)?;
    let id = args.id.id;
    let Some(payload) = snapshot.get(&args.collection, id)? else {
        return Err(Failure::no(format!(
            "there is no {} in {}",
            args.id, args.collection
        )));
    };
    let mut lines = Lines::stdout();
    lines.line(|line| {
        json::write_entity(&id.to_string(), payload.as_bytes(), line)
            .map_err(|error| scan::not_canonical(id, &error))
    })?;
    Ok(lines.flush()?)
}
