//! `entidb demo`: real data, a writer that is killed in the middle, and everything found again.

mod data;
mod kill;
mod story;

use std::fs;
use std::io;
use std::path::Path;

use entidb::{Database, EntityId, Payload};
use entidb_codec::json;

use crate::args::Demo;
use crate::exit::{Failure, Outcome};
use crate::key::VARIABLE;
use crate::{human, open, scan};
use data::{CITIES, COUNTRIES, Set};
use kill::EVENTS;
use story::Story;

/// How much of an entity fits a line of the story, in characters.
const SHOWN_CHARS: usize = 100;

pub(crate) fn run(args: &Demo) -> Outcome {
    let dir = args.dir.as_path();
    check_place(dir)?;
    let mut story = Story::new();
    let db = open::or_make(dir, None)?;
    check_content(&db, dir)?;
    load(&mut story, &db, dir)?;
    look(&mut story, &db)?;
    // The child takes the lock.
    db.close()?;
    let killed = kill::run(&mut story, dir)?;
    let db = open::for_writing(dir, None)?;
    kill::prove(&mut story, &db, &killed)?;
    verify(&mut story, &db)?;
    db.close()?;
    next(&mut story, dir)
}

/// Only a folder that is new or empty, or has a database, will do.
fn check_place(dir: &Path) -> Outcome {
    let is_empty = match fs::read_dir(dir) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => false,
        Err(error) => {
            return Err(Failure::could_not(format!(
                "could not look into {}: {error}",
                dir.display()
            )));
        }
    };
    if is_empty {
        return Ok(());
    }
    match entidb::Options::new().read_only(true).open(dir) {
        Ok(_) => Ok(()),
        // What a first run that was cut off has left: the second begins again.
        Err(error) if error.kind() == entidb::ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() == entidb::ErrorKind::NotADatabase => Err(elsewhere(dir)),
        Err(error) => Err(error.into()),
    }
}

/// A database that is not the demo's is left alone.
fn check_content(db: &Database, dir: &Path) -> Outcome {
    let own = [COUNTRIES.collection, CITIES.collection, EVENTS];
    let snapshot = db.snapshot();
    if snapshot.collections().all(|name| own.contains(&name)) {
        Ok(())
    } else {
        Err(elsewhere(dir))
    }
}

fn elsewhere(dir: &Path) -> Failure {
    let mut other = dir.as_os_str().to_owned();
    other.push("-2");
    Failure::wrong_use(format!(
        "{} holds something else: name another place, like `entidb demo {}`",
        dir.display(),
        story::quoted(Path::new(&other))
    ))
}

fn load(story: &mut Story, db: &Database, dir: &Path) -> Outcome {
    let missing: Vec<Set> = [COUNTRIES, CITIES]
        .into_iter()
        .filter_map(|set| match set.is_missing(db) {
            Ok(true) => Some(Ok(set)),
            Ok(false) => None,
            Err(error) => Some(Err(error)),
        })
        .collect::<entidb::Result<_>>()?;
    if missing.is_empty() {
        story.step("Use the database that is here from before")?;
        story.line(format_args!("the folder {}", dir.display()))?;
        for set in [COUNTRIES, CITIES] {
            let count = human::entities(set.count(db)?);
            story.line(format_args!("{:<9} {count}", set.collection))?;
        }
    } else {
        story.step("Make a database and load real data into it")?;
        for set in missing {
            let before = db.stats()?;
            let tally = set.load(db)?;
            let after = db.stats()?;
            story.line(format_args!(
                "{:<9} {}, {}, in {} ({}/s): {}, {}",
                set.collection,
                human::entities(tally.entities),
                human::bytes(tally.bytes),
                human::seconds(tally.time),
                human::bytes(human::per_second(tally.bytes, tally.time)),
                human::counted(
                    after.commit_count - before.commit_count,
                    "commit",
                    "commits"
                ),
                human::counted(after.sync_count - before.sync_count, "sync", "syncs"),
            ))?;
        }
    }
    story.dim("Data: GeoNames, https://www.geonames.org, CC BY 4.0")
}

fn look(story: &mut Story, db: &Database) -> Outcome {
    story.step("Read one back by its id, and scan a few in id order")?;
    let snapshot = db.snapshot();
    let id = EntityId::from_key(data::KNOWN_CITY);
    let payload = snapshot.get(CITIES.collection, id)?.ok_or_else(|| {
        Failure::could_not(format!(
            "{} has no {id}, though it was loaded",
            CITIES.collection
        ))
    })?;
    story.line(format_args!("get cities key:{}", data::KNOWN_CITY))?;
    entity(story, id, &payload)?;
    story.line("scan countries --limit 3")?;
    for found in snapshot.scan(COUNTRIES.collection).take(3) {
        let (id, payload) = found?;
        entity(story, id, &payload)?;
    }
    Ok(())
}

/// Shows the beginning of an entity.
fn entity(story: &mut Story, id: EntityId, payload: &Payload) -> Outcome {
    let mut line = Vec::new();
    json::write_entity(&id.to_string(), payload.as_bytes(), &mut line)
        .map_err(|error| scan::not_canonical(id, &error))?;
    let text = String::from_utf8_lossy(&line);
    match text.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => story.dim(format_args!("  {}…", &text[..end])),
        None => story.dim(format_args!("  {text}")),
    }
}

fn verify(story: &mut Story, db: &Database) -> Outcome {
    story.step("Verify every byte")?;
    let report = db.verify()?;
    if let Some(problem) = report.problems.first() {
        return Err(Failure::no(format!("the database is damaged: {problem}")));
    }
    story.good(format_args!(
        "{} in {}, {} checked: sound",
        human::bytes(report.byte_count),
        human::counted(report.stream_count, "stream", "streams"),
        human::counted(report.record_count, "record", "records"),
    ))
}

fn next(story: &mut Story, dir: &Path) -> Outcome {
    story.step("Go on from here")?;
    if std::env::var_os(VARIABLE).is_some() {
        story.line(format_args!(
            "The database is not encrypted: unset {VARIABLE} before you go on."
        ))?;
    }
    let program = story::program();
    let dir = story::quoted(dir);
    story.line(format_args!("The database is the folder {dir}. Try:"))?;
    for command in [
        format!("get {dir} countries key:CH"),
        format!("scan {dir} cities --limit 5"),
        format!("collections {dir}"),
        format!("export {dir} countries countries.ndjson"),
        "--help".to_owned(),
    ] {
        story.line(format_args!("  {program} {command}"))?;
    }
    story.end()
}
