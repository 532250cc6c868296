//! `entidb index`

use std::path::Path as FilePath;

use entidb::{Database, IndexInfo, IndexKind, IndexSpec, Snapshot, Value};
use entidb_codec::Path;

use crate::args::{Index, IndexCreate, IndexDrop, IndexList};
use crate::exit::{Failure, Outcome, say};
use crate::key::Key;
use crate::{open, table};

pub(crate) fn run(command: &Index, key: Option<&Key>) -> Outcome {
    match command {
        Index::Create(args) => create(args, key),
        Index::Drop(args) => drop_one(args, key),
        Index::List(args) => list(args, key),
    }
}

/// An index that is asked for.
pub(crate) struct Wanted {
    /// As an index spells them.
    paths: Vec<String>,
    unique: bool,
    ignore_case: bool,
    full_text: bool,
}

impl Wanted {
    pub(crate) fn on(paths: &[String], unique: bool) -> Outcome<Self> {
        Ok(Self {
            paths: canonical(paths)?,
            unique,
            ignore_case: false,
            full_text: false,
        })
    }

    fn spec(&self) -> IndexSpec {
        let mut spec = IndexSpec::on_all(self.paths.iter().map(String::as_str));
        if self.unique {
            spec = spec.unique();
        }
        if self.ignore_case {
            spec = spec.ignore_case();
        }
        if self.full_text {
            spec = spec.full_text();
        }
        spec
    }

    /// Whether this one is in its way.
    fn collides(&self, index: &IndexInfo) -> bool {
        let is_value = index.kind == IndexKind::Value;
        let differs = self.unique != index.unique || self.ignore_case != index.ignore_case;
        !self.full_text && is_value && index.paths == self.paths && differs
    }
}

fn create(args: &IndexCreate, key: Option<&Key>) -> Outcome {
    let wanted = Wanted {
        ignore_case: args.ignore_case,
        full_text: args.full_text,
        ..Wanted::on(&args.paths, args.unique)?
    };
    let db = open::for_writing(&args.db, key)?;
    let collection = &args.collection;
    let is_new = !db.snapshot().collections().any(|name| name == collection);
    make(&db, &args.db, collection, &[wanted])?;
    if is_new {
        say(format_args!(
            "there was no collection {collection}: it is there now, and empty"
        ));
    }
    open::close(db);
    Ok(())
}

/// Makes these indexes, in one walk through the collection.
pub(crate) fn make(db: &Database, shown: &FilePath, name: &str, wanted: &[Wanted]) -> Outcome {
    for index in db.snapshot().indexes(name) {
        if wanted.iter().any(|wanted| wanted.collides(&index)) {
            return Err(Failure::wrong_use(format!(
                "{name} has an index on {} already, but of another kind ({}): drop it first, with `entidb index drop {} {name} {}`",
                index.paths.join(", "),
                kind(&index),
                shown.display(),
                index.paths.join(" ")
            )));
        }
    }
    let specs: Vec<IndexSpec> = wanted.iter().map(Wanted::spec).collect();
    db.create_indexes(name, &specs)?;
    Ok(())
}

fn drop_one(args: &IndexDrop, key: Option<&Key>) -> Outcome {
    let db = open::for_writing(&args.db, key)?;
    let snapshot = db.snapshot();
    open::collection(&snapshot, &args.db, &args.collection)?;
    let kind = match args.full_text {
        true => IndexKind::Text,
        false => IndexKind::Value,
    };
    let paths = canonical(&args.paths)?;
    let indexes = snapshot.indexes(&args.collection);
    let found = indexes
        .iter()
        .find(|index| index.kind == kind && index.paths == paths);
    let Some(index) = found else {
        return Err(Failure::no(format!(
            "there is no such index on {}; {}",
            args.collection,
            there(&indexes)
        )));
    };
    db.drop_index(&args.collection, &index.name)?;
    drop(snapshot);
    open::close(db);
    Ok(())
}

/// The paths in the spelling in which an index has them.
pub(crate) fn canonical(paths: &[String]) -> Outcome<Vec<String>> {
    let canonical = |given: &String| Ok(path(given)?.to_string());
    paths.iter().map(canonical).collect()
}

pub(crate) fn path(given: &str) -> Outcome<Path> {
    Path::parse(given).map_err(|error| Failure::wrong_use(format!("the PATH {given:?}: {error}")))
}

/// What indexes there are, for whoever has asked for another.
pub(crate) fn there(indexes: &[IndexInfo]) -> String {
    if indexes.is_empty() {
        return "it has none".to_owned();
    }
    let names: Vec<&str> = indexes.iter().map(|index| index.name.as_str()).collect();
    format!("it has: {}", names.join("; "))
}

/// The index that finds by these paths: on them alone, or else, of values, on them and more behind them.
pub(crate) fn on(
    snapshot: &Snapshot,
    collection: &str,
    paths: &[String],
    kind: IndexKind,
) -> Option<IndexInfo> {
    let mut found: Vec<IndexInfo> = snapshot.indexes(collection);
    found.retain(|index| index.ready && index.kind == kind && index.paths.starts_with(paths));
    if kind == IndexKind::Text {
        found.retain(|index| index.paths.len() == paths.len());
    }
    found.into_iter().min_by_key(|index| index.paths.len())
}

fn list(args: &IndexList, key: Option<&Key>) -> Outcome {
    let db = open::for_reading(&args.db, key)?;
    let snapshot = db.snapshot();
    open::collection(&snapshot, &args.db, &args.collection)?;
    let indexes = snapshot.indexes(&args.collection);
    if args.json {
        let all = indexes.iter().map(json).collect::<Vec<_>>();
        return table::print_json(&Value::Array(all));
    }
    let mut table = table::new(["index", "kind", "state"]);
    for index in &indexes {
        let state = if index.ready { "ready" } else { "being built" };
        table.add_row([index.name.clone(), kind(index), state.to_owned()]);
    }
    table::print(&table)
}

fn kind(index: &IndexInfo) -> String {
    let mut words = Vec::new();
    if index.unique {
        words.push("unique");
    }
    if index.ignore_case {
        words.push("any case");
    }
    words.push(match index.kind {
        IndexKind::Text => "full text",
        _ => "values",
    });
    words.join(", ")
}

fn json(index: &IndexInfo) -> Value {
    let paths = index.paths.iter().map(|path| Value::from(path.as_str()));
    let kind = match index.kind {
        IndexKind::Text => "text",
        _ => "value",
    };
    Value::Map(vec![
        (Value::from("ignore_case"), Value::Bool(index.ignore_case)),
        (Value::from("kind"), Value::from(kind)),
        (Value::from("name"), Value::from(index.name.as_str())),
        (Value::from("paths"), Value::Array(paths.collect())),
        (Value::from("ready"), Value::Bool(index.ready)),
        (Value::from("unique"), Value::Bool(index.unique)),
    ])
}
