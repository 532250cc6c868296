//! `entidb put`

use std::io;

use entidb::EntityId;
use entidb_codec::json::ID_KEY;

use crate::args::Put;
use crate::exit::{Failure, Outcome};
use crate::import::{Entity, Fault, Json};
use crate::key::Key;
use crate::open;
use crate::output::Lines;

pub(crate) fn run(args: &Put, key: Option<&Key>) -> Outcome {
    // Before the database is opened, which can make it.
    let entity = read().map_err(|fault| fault.failure("standard input"))?;
    let id = match (args.id.as_ref().map(|given| given.id), entity.id) {
        (Some(given), Some(own)) if given != own => {
            return Err(Failure::wrong_use(format!(
                "the object's {} is {own}, and not {given}: leave one of them out",
                ID_KEY
            )));
        }
        (Some(id), _) | (None, Some(id)) => id,
        (None, None) => EntityId::new(),
    };
    let db = open::or_make(&args.db, key)?;
    db.write(|tx| tx.put_payload(&args.collection, id, &entity.payload))?;
    open::close(db);
    let mut lines = Lines::stdout();
    lines.text(id)?;
    Ok(lines.flush()?)
}

/// The one object that standard input holds.
fn read() -> Result<Entity, Fault> {
    let mut source = Json::values(io::stdin().lock());
    let mut cbor = Vec::new();
    if !source.read(&mut cbor)? {
        return Err(Fault::bad(source.place(), "there is no object"));
    }
    let entity = Entity::part(&mut cbor, None).map_err(|why| Fault::bad(source.place(), why))?;
    if source.read(&mut Vec::new())? {
        return Err(Fault::bad(source.place(), "there is more than one object"));
    }
    Ok(entity)
}
