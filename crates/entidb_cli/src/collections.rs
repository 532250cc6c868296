//! `entidb collections`

use entidb::Value;

use crate::args::Collections;
use crate::exit::Outcome;
use crate::key::Key;
use crate::{human, open, table};

pub(crate) fn run(args: &Collections, key: Option<&Key>) -> Outcome {
    let db = open::for_reading(&args.db, key)?;
    let snapshot = db.snapshot();
    let mut found = Vec::new();
    for name in snapshot.collections() {
        found.push((name, snapshot.count(name)?));
    }
    if args.json {
        let collections = found.into_iter().map(|(name, count)| {
            Value::from([
                ("name", Value::from(name)),
                ("entities", Value::from(count)),
            ])
        });
        return table::print_json(&Value::from([(
            "collections",
            collections.collect::<Value>(),
        )]));
    }
    let mut table = table::new(["collection", "entities"]);
    for (name, count) in found {
        table.add_row([name.to_owned(), human::count(count)]);
    }
    table::right(&mut table, 1);
    table::print(&table)
}
