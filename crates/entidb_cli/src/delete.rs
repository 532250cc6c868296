//! `entidb delete`

use std::collections::BTreeMap;

use entidb::EntityId;

use crate::args::Delete;
use crate::exit::{Failure, Outcome};
use crate::id::GivenId;
use crate::key::Key;
use crate::{human, open};

/// How many absent ids are named.
const NAMED_MAX: usize = 10;

pub(crate) fn run(args: &Delete, key: Option<&Key>) -> Outcome {
    // The same id given twice is one.
    let ids: BTreeMap<EntityId, &GivenId> =
        args.ids.iter().map(|given| (given.id, given)).collect();
    let db = open::for_writing(&args.db, key)?;
    open::collection(&db.snapshot(), &args.db, &args.collection)?;
    let absent = db.write(|tx| {
        let mut absent = Vec::new();
        for (id, given) in &ids {
            if !tx.delete(&args.collection, *id)? {
                absent.push(given.to_string());
            }
        }
        Ok(absent)
    })?;
    open::close(db);
    if absent.is_empty() {
        return Ok(());
    }
    let deleted = match ids.len() - absent.len() {
        0 => "nothing was deleted".to_owned(),
        count => format!("{} deleted", human::entities(count as u64)),
    };
    let more = match absent.len().saturating_sub(NAMED_MAX) {
        0 => String::new(),
        count => format!(" and {} more", human::count(count as u64)),
    };
    let named = absent[..absent.len().min(NAMED_MAX)].join(", ");
    Err(Failure::no(format!(
        "not in {}: {named}{more}; {deleted}",
        args.collection
    )))
}
