//! `entidb import`: one thread reads and parses, the other commits.

mod csv;
mod entity;
mod input;
mod json;
mod ndjson;
mod pipeline;
mod progress;
mod source;
mod stop;
mod whole;

use std::path::Path;

use entidb::Database;

pub(crate) use entity::Entity;
pub(crate) use input::Input;
pub(crate) use json::Json;
pub(crate) use ndjson::Ndjson;
pub(crate) use pipeline::{Plan, Tally, import};
pub(crate) use progress::Watch;
pub(crate) use source::{Fault, Source};

use crate::args::{Format, Import};
use crate::exit::{Failure, Outcome, say};
use crate::index::Wanted;
use crate::key::Key;
use crate::{human, index, open};

/// Standard input, as a file name.
const STDIN: &str = "-";

pub(crate) fn run(args: &Import, key: Option<&Key>) -> Outcome {
    let shown = if args.file == Path::new(STDIN) {
        "standard input".to_owned()
    } else {
        args.file.display().to_string()
    };
    let format = format(args)?;
    let could_not_read = |error| Failure::could_not(format!("could not read {shown}: {error}"));
    // Before the database is opened, which can make it.
    let input = if args.file == Path::new(STDIN) {
        Input::stdin()
    } else {
        Input::file(&args.file).map_err(could_not_read)?
    };
    let mut watch = Watch::new(args.ack, &input);
    let source: Box<dyn Source> = match format {
        Format::Ndjson => Box::new(Ndjson::new(input.reader)),
        Format::Json => Box::new(Json::new(input.reader).map_err(|fault| fault.failure(&shown))?),
        Format::Csv => Box::new(
            csv::Csv::new(input.reader, args.id.as_deref())
                .map_err(|fault| fault.failure(&shown))?,
        ),
    };
    let db = open::or_make(&args.db, key)?;
    make_indexes(&db, args)?;
    let plan = Plan {
        collection: args.collection.clone(),
        id_field: args.id.clone(),
        batch_count: usize::try_from(args.batch).unwrap_or(usize::MAX),
        skip_bad: args.skip_bad,
        atomic: args.atomic,
    };
    let imported = import(&db, plan, source, &mut watch);
    watch.finish();
    open::close(db);
    match imported {
        Ok(tally) => {
            say(summary(&tally, args));
            Ok(())
        }
        Err(stop) => Err(stop.failure(&shown, args.skip_bad)),
    }
}

/// Before anything is loaded: what is kept from the beginning need not be built.
fn make_indexes(db: &Database, args: &Import) -> Outcome {
    let on = |unique| move |path: &String| Wanted::on(std::slice::from_ref(path), unique);
    let plain = args.index.iter().map(on(false));
    let wanted: Vec<Wanted> = plain
        .chain(args.unique.iter().map(on(true)))
        .collect::<Outcome<_>>()?;
    if wanted.is_empty() {
        return Ok(());
    }
    index::make(db, &args.db, &args.collection, &wanted)
}

fn format(args: &Import) -> Outcome<Format> {
    if let Some(format) = args.format {
        return Ok(format);
    }
    if args.file == Path::new(STDIN) {
        return Ok(Format::Ndjson);
    }
    let ending = args
        .file
        .extension()
        .map(|ending| ending.to_ascii_lowercase());
    match ending.as_ref().and_then(|ending| ending.to_str()) {
        Some("ndjson" | "jsonl") => Ok(Format::Ndjson),
        Some("json") => Ok(Format::Json),
        Some("csv") => Ok(Format::Csv),
        _ => Err(Failure::wrong_use(format!(
            "the name {} does not tell what the file is: add --format ndjson, json or csv",
            args.file.display()
        ))),
    }
}

fn summary(tally: &Tally, args: &Import) -> String {
    let mut notes = Vec::new();
    if tally.replaced > 0 {
        notes.push(format!("{} replaced", human::count(tally.replaced)));
    }
    if tally.skipped > 0 {
        let skipped = human::counted(tally.skipped, "bad line", "bad lines");
        notes.push(format!("{skipped} left out"));
    }
    let notes = if notes.is_empty() {
        String::new()
    } else {
        format!(" ({})", notes.join(", "))
    };
    format!(
        "{} into {}{notes}: {} in {}, {}/s, {} entities/s; all are durable",
        human::entities(tally.entities),
        args.collection,
        human::bytes(tally.bytes),
        human::seconds(tally.time),
        human::bytes(human::per_second(tally.bytes, tally.time)),
        human::count(human::per_second(tally.entities, tally.time)),
    )
}
