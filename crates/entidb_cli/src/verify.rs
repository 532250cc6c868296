//! `entidb verify`

use std::path::Path;

use entidb::{ErrorKind, Report, Value};

use crate::args::Verify;
use crate::exit::{Failure, Outcome, say};
use crate::key::Key;
use crate::{encrypted, human, table};

pub(crate) fn run(args: &Verify, key: Option<&Key>) -> Outcome {
    let report = report(&args.db, key)?;
    if args.json {
        table::print_json(&json(&report))?;
    } else {
        show(&report)?;
    }
    if report.is_sound() {
        return Ok(());
    }
    let shown = args.db.display();
    // Bytes that a newer program wrote, or that cannot be read, are not known to be damaged.
    if report
        .problems
        .iter()
        .all(|problem| problem.kind != ErrorKind::Corrupt)
    {
        return Err(Failure::could_not(format!(
            "{shown} could not be verified: mend what is named above and try again"
        )));
    }
    Err(Failure::no(format!(
        "{shown} is damaged, as named above: restore it from a backup, or from an export"
    )))
}

fn report(path: &Path, key: Option<&Key>) -> Outcome<Report> {
    let Some(key) = key else {
        encrypted::refuse(path)?;
        return Ok(entidb::verify_path(path)?);
    };
    match encrypted::open_or_damage(path, key)? {
        Ok(folder) => Ok(entidb::verify_in(folder)?),
        // Without its keys, nothing else can be read.
        Err(how) => Err(Failure::no(format!("{} is damaged: {how}", path.display()))),
    }
}

fn show(report: &Report) -> Outcome {
    let mut counts = table::new(["what", "how much"]);
    let problem_count = report.problems.len() as u64;
    for (what, value) in [
        ("streams read", human::count(report.stream_count)),
        ("their size", human::bytes(report.byte_count)),
        ("records checked", human::count(report.record_count)),
        ("entities", human::count(report.entity_count)),
        ("problems", human::count(problem_count)),
    ] {
        counts.add_row([what.to_owned(), value]);
    }
    table::right(&mut counts, 1);
    table::print(&counts)?;
    if !report.is_sound() {
        let mut problems = table::new(["stream", "offset", "problem"]);
        for problem in &report.problems {
            problems.add_row([
                problem.stream.clone(),
                problem.offset.to_string(),
                problem.message.clone(),
            ]);
        }
        table::right(&mut problems, 1);
        table::print(&problems)?;
    }
    for note in &report.notes {
        say(format_args!("note: {note}"));
    }
    Ok(())
}

fn json(report: &Report) -> Value {
    let problems = report.problems.iter().map(|problem| {
        Value::from([
            ("stream", Value::from(problem.stream.as_str())),
            ("offset", Value::from(problem.offset)),
            ("kind", Value::from(kind(problem.kind))),
            ("message", Value::from(problem.message.as_str())),
        ])
    });
    let notes = report.notes.iter().map(|note| Value::from(note.as_str()));
    Value::from([
        ("sound", Value::from(report.is_sound())),
        ("problems", problems.collect()),
        ("notes", notes.collect()),
        ("stream_count", Value::from(report.stream_count)),
        ("byte_count", Value::from(report.byte_count)),
        ("record_count", Value::from(report.record_count)),
        ("entity_count", Value::from(report.entity_count)),
    ])
}

fn kind(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Corrupt => "corrupt",
        ErrorKind::Unsupported => "unsupported",
        ErrorKind::Io => "io",
        _ => "other",
    }
}
