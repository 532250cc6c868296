//! `entidb scan`, and the lines that `export` writes too.

use std::io::{self, Write};
use std::ops::Bound;

use entidb::EntityId;
use entidb_codec::{DecodeError, json};

use crate::args::Scan;
use crate::exit::{Failure, Outcome};
use crate::key::Key;
use crate::open;
use crate::output::Lines;

pub(crate) fn run(args: &Scan, key: Option<&Key>) -> Outcome {
    let db = open::for_reading(&args.db, key)?;
    let snapshot = db.snapshot();
    open::collection(&snapshot, &args.db, &args.collection)?;
    let after = args.after.as_ref().map(|given| given.id);
    let range = match (after, args.reverse) {
        (None, _) => (Bound::Unbounded, Bound::Unbounded),
        (Some(id), false) => (Bound::Excluded(id), Bound::Unbounded),
        (Some(id), true) => (Bound::Unbounded, Bound::Excluded(id)),
    };
    let mut scan = snapshot.range(&args.collection, range);
    if args.reverse {
        scan = scan.reverse();
    }
    let limit = args.limit.map_or(usize::MAX, |limit| {
        usize::try_from(limit).unwrap_or(usize::MAX)
    });
    let mut lines = Lines::stdout();
    let written = if args.ids {
        write_ids(scan.ids().take(limit), &mut lines)
    } else {
        write(scan.take(limit), &mut lines)
    };
    // What was read before an error is shown before it is told.
    let flushed = lines.flush();
    written?;
    Ok(flushed?)
}

/// Writes ids. How many there were.
pub(crate) fn write_ids(
    ids: impl Iterator<Item = entidb::Result<EntityId>>,
    lines: &mut Lines<io::Stdout>,
) -> Outcome<u64> {
    let mut count = 0;
    for id in ids {
        lines.text(id?)?;
        count += 1;
    }
    Ok(count)
}

/// Writes entities as NDJSON with `_id`. How many there were.
pub(crate) fn write<W: Write>(
    entities: impl Iterator<Item = entidb::Result<(EntityId, entidb::Payload)>>,
    lines: &mut Lines<W>,
) -> Outcome<u64> {
    let mut count = 0;
    for entity in entities {
        let (id, payload) = entity?;
        lines.line(|line| {
            json::write_entity(&id.to_string(), payload.as_bytes(), line)
                .map_err(|error| not_canonical(id, &error))
        })?;
        count += 1;
    }
    Ok(count)
}

/// The checksum held, and yet the payload is none that a program of ours writes.
pub(crate) fn not_canonical(id: EntityId, error: &DecodeError) -> Failure {
    Failure::could_not(format!(
        "the payload of {id} is not canonical CBOR ({error}); restore it from a backup"
    ))
}
