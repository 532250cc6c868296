//! `entidb find`

mod asked;
mod filter;

use entidb::{EntityId, IndexKind, Payload, Snapshot};

use self::asked::{Asked, Between, What, Words};
use self::filter::Filter;
use crate::args::Find;
use crate::exit::{Failure, Outcome};
use crate::key::Key;
use crate::output::Lines;
use crate::{index, open, scan};

/// What is found: entities, or ids alone.
type Found<T> = Box<dyn Iterator<Item = entidb::Result<T>>>;

pub(crate) fn run(args: &Find, key: Option<&Key>) -> Outcome {
    let asked = Asked::of(args)?;
    let db = open::for_reading(&args.db, key)?;
    let snapshot = db.snapshot();
    open::collection(&snapshot, &args.db, &args.collection)?;
    let limit = args.limit.map_or(usize::MAX, |limit| {
        usize::try_from(limit).unwrap_or(usize::MAX)
    });
    let kind = match asked.what {
        What::Words(..) => IndexKind::Text,
        _ => IndexKind::Value,
    };
    let found = match index::on(&snapshot, &args.collection, &asked.paths, kind) {
        Some(index) => by_index(&snapshot, args, &index.name, &asked)?,
        None if args.scan => by_scan(&snapshot, args, &asked)?,
        None => return Err(no_index(args, &asked)),
    };
    let mut lines = Lines::stdout();
    let written = match found {
        Either::Ids(ids) => scan::write_ids(ids.take(limit), &mut lines),
        Either::Entities(entities) => scan::write(entities.take(limit), &mut lines),
    };
    // What was read before an error is shown before it is told.
    let flushed = lines.flush();
    let count = written?;
    flushed?;
    match count {
        0 if limit > 0 => Err(Failure::no(format!(
            "nothing in {} has that at {}{}",
            args.collection,
            asked.paths.join(", "),
            asked.hint(args)
        ))),
        _ => Ok(()),
    }
}

enum Either {
    Ids(Found<EntityId>),
    Entities(Found<(EntityId, Payload)>),
}

fn by_index(snapshot: &Snapshot, args: &Find, name: &str, asked: &Asked) -> Outcome<Either> {
    let find = snapshot.by(&args.collection, name)?;
    let mut find = match &asked.what {
        What::Equal(values) => find.equal_all(values),
        What::Between(values, Between::Range(from, to)) => {
            find.equal_all(values).range((from.clone(), to.clone()))
        }
        What::Between(values, Between::Prefix(prefix)) => find.equal_all(values).prefix(prefix),
        What::Words(Words::All, text) => find.all_of([text]),
        What::Words(Words::Any, text) => find.any_of([text]),
        What::Words(Words::Prefix, text) => find.word_prefix(text),
    };
    if args.reverse {
        find = find.reverse();
    }
    Ok(match args.ids {
        true => Either::Ids(Box::new(find.ids())),
        false => Either::Entities(Box::new(find.iter())),
    })
}

/// Reads the whole collection.
fn by_scan(snapshot: &Snapshot, args: &Find, asked: &Asked) -> Outcome<Either> {
    let filter = Filter::new(asked)?;
    let mut all = snapshot.scan(&args.collection);
    if args.reverse {
        all = all.reverse();
    }
    let found = all.filter(move |entity| match entity {
        Ok((_, payload)) => filter.passes(payload.as_bytes()),
        Err(_) => true,
    });
    Ok(match args.ids {
        true => Either::Ids(Box::new(found.map(|entity| entity.map(|(id, _)| id)))),
        false => Either::Entities(Box::new(found)),
    })
}

fn no_index(args: &Find, asked: &Asked) -> Failure {
    let db = args.db.display();
    let paths = asked.paths.join(" ");
    let collection = &args.collection;
    if matches!(asked.what, What::Words(..)) {
        return Failure::wrong_use(format!(
            "{collection} has no full-text index on {paths}: make one with `entidb index create {db} {collection} {paths} --full-text`"
        ));
    }
    Failure::wrong_use(format!(
        "{collection} has no index on {paths}: make one with `entidb index create {db} {collection} {paths}`, or read all of {collection} with --scan"
    ))
}
