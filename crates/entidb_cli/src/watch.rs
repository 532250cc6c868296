//! `entidb watch`

use std::io;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use entidb::{Change, ChangeKind, Commit, ErrorKind, Lsn, Value};
use entidb_codec::json;

use crate::args::Watch;
use crate::exit::{Failure, Outcome};
use crate::key::Key;
use crate::output::{self, Lines};
use crate::{open, scan};

/// How long one wait is, before it is looked whether anybody reads on.
const WAIT: Duration = Duration::from_millis(500);

pub(crate) fn run(args: &Watch, key: Option<&Key>) -> Outcome {
    let db = open::for_reading(&args.db, key)?;
    let since = args.since.map_or_else(|| db.lsn(), Lsn::new);
    if since > db.lsn() {
        return Err(Failure::wrong_use(format!(
            "there is no commit {since} to begin behind: the last one is {}",
            db.lsn()
        )));
    }
    let told = |error: entidb::Error| match error.kind() {
        ErrorKind::Gap => Failure::could_not(match error.floor() {
            Some(floor) => format!(
                "commits behind {since} are not kept any more: what is kept begins behind --since {floor}; what is there now, `export` writes"
            ),
            None => format!(
                "{} keeps no changes for those who watch: `entidb retention {} 256` has it keep the last 256 MiB of them, from then on",
                args.db.display(),
                args.db.display()
            ),
        }),
        _ => error.into(),
    };
    let mut changes = db.changes(since).map_err(told)?;
    let mut lines = Lines::stdout();
    loop {
        // What there is at once, is written at once.
        while let Some(commit) = changes.try_next().map_err(told)? {
            write(&commit, args, &mut lines)?;
        }
        lines.flush()?;
        if output::is_closed() {
            return Ok(());
        }
        if let Some(commit) = changes.next_timeout(WAIT).map_err(told)? {
            write(&commit, args, &mut lines)?;
        }
    }
}

fn write(commit: &Commit, args: &Watch, lines: &mut Lines<io::Stdout>) -> Outcome {
    let wanted = |change: &&Change| match &args.collection {
        Some(collection) => *change.collection == **collection,
        None => true,
    };
    for change in commit.changes.iter().filter(wanted) {
        lines.line(|line| push(commit, change, args.old, line))?;
    }
    Ok(())
}

/// Appends a change as a JSON object.
fn push(commit: &Commit, change: &Change, old: bool, line: &mut Vec<u8>) -> Outcome {
    let (kind, last) = match change.kind {
        ChangeKind::Insert => ("insert", None),
        ChangeKind::Update => ("update", None),
        ChangeKind::Delete => ("delete", None),
        ChangeKind::Expire => ("expire", None),
        ChangeKind::DeleteRange { last, .. } => ("delete_range", Some(last)),
        ChangeKind::Drop => ("drop", None),
        _ => ("other", None),
    };
    let mut fields = vec![
        (Value::from("lsn"), Value::from(commit.lsn.get())),
        (Value::from("time"), Value::from(milliseconds(commit.time))),
        (Value::from("collection"), Value::from(&*change.collection)),
        (Value::from("change"), Value::from(kind)),
    ];
    if kind != "drop" {
        let id = change.id.to_string();
        fields.push((Value::from("_id"), Value::from(id.as_str())));
    }
    if let Some(last) = last {
        let last = last.to_string();
        fields.push((Value::from("_last"), Value::from(last.as_str())));
    }
    let head = json::from_value(&Value::Map(fields))
        .map_err(|error| Failure::could_not(format!("could not print as JSON: {error}")))?;
    line.extend_from_slice(head.trim_end_matches('}').as_bytes());
    let payloads = [("new", &change.new), ("old", &change.old)];
    for (name, payload) in payloads {
        if let Some(payload) = payload
            && (name == "new" || old)
        {
            line.extend_from_slice(format!(",\"{name}\":").as_bytes());
            json::write(payload.as_bytes(), line)
                .map_err(|error| scan::not_canonical(change.id, &error))?;
        }
    }
    line.push(b'}');
    Ok(())
}

/// Milliseconds since 1970.
pub(crate) fn milliseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
