//! `entidb delete`

use std::collections::BTreeMap;
use std::ops::Bound;

use entidb::EntityId;

use crate::args::Delete;
use crate::exit::{Failure, Outcome};
use crate::id::GivenId;
use crate::key::Key;
use crate::{human, open};

/// How many absent ids are named.
const NAMED_MAX: usize = 10;

pub(crate) fn run(args: &Delete, key: Option<&Key>) -> Outcome {
    if args.ids.is_empty() {
        range(args, key)
    } else {
        single(args, key)
    }
}

/// Deletes all in a range, its upper end excluded.
fn range(args: &Delete, key: Option<&Key>) -> Outcome {
    let (from, to) = (args.from.as_ref(), args.to.as_ref());
    if let Some((from, to)) = from.zip(to)
        && from.id >= to.id
    {
        return Err(Failure::wrong_use(format!(
            "the range is empty, since --from {from} ({}) is not below --to {to} ({}): ids go in the order in which `scan` prints them",
            from.id, to.id
        )));
    }
    let lower = from.map_or(Bound::Unbounded, |from| Bound::Included(from.id));
    let upper = to.map_or(Bound::Unbounded, |to| Bound::Excluded(to.id));
    let db = open::for_writing(&args.db, key)?;
    open::collection(&db.snapshot(), &args.db, &args.collection)?;
    let found = db.write(|tx| {
        let mut ids = tx.snapshot().range(&args.collection, (lower, upper)).ids();
        let found = ids.next().transpose()?.is_some();
        if found {
            tx.delete_range(&args.collection, (lower, upper))?;
        }
        Ok(found)
    })?;
    open::close(db);
    match found {
        true => Ok(()),
        false => Err(Failure::no(format!(
            "nothing in {} is in that range; nothing was deleted",
            args.collection
        ))),
    }
}

/// Deletes the entities with these ids.
fn single(args: &Delete, key: Option<&Key>) -> Outcome {
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
