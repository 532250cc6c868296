//! What is acknowledged stays, whatever happens to the program.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};

use assert_cmd::cargo::cargo_bin;

use crate::common::{Ended, Place, data};
fn ids(place: &Place, db: &str, collection: &str) -> BTreeSet<String> {
    let out = place.run(&["scan", db, collection, "--ids"]).ok().out;
    out.lines().map(str::to_owned).collect()
}

/// An import with `--ack --batch 1` from a pipe, which the test feeds.
pub(crate) fn start(place: &Place) -> Child {
    let args = [
        "import", "db", "c", "-", "--id", "n", "--ack", "--batch", "1",
    ];
    let mut command = place.command(&args);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command.spawn().unwrap()
}

#[test]
fn an_acknowledgement_comes_at_once_and_outlives_a_kill() {
    let place = Place::new();
    let mut child = start(&place);
    let mut input = child.stdin.take().unwrap();
    let mut acks = BufReader::new(child.stdout.take().unwrap());
    let mut acknowledged = BTreeSet::new();
    for n in 0..20 {
        writeln!(input, "{{\"n\":{n}}}").unwrap();
        let mut line = String::new();
        acks.read_line(&mut line).unwrap();
        acknowledged.insert(line.trim_end().to_owned());
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(acknowledged.len(), 20);
    assert_eq!(ids(&place, "db", "c"), acknowledged);
    place.run_with(&["put", "db", "c"], b"{}").ok();
    place.run(&["verify", "db"]).ok();
}

#[test]
fn there_is_one_writer_and_readers_work_beside_it() {
    let place = Place::new();
    let mut child = start(&place);
    let mut input = child.stdin.take().unwrap();
    let mut acks = BufReader::new(child.stdout.take().unwrap());
    writeln!(input, "{{\"n\":1}}").unwrap();
    acks.read_line(&mut String::new()).unwrap();
    let holder = format!("process {}", child.id());
    for args in [
        &["put", "db", "c"][..],
        &["import", "db", "c", "-"],
        &["delete", "db", "c", "key:1"],
        &["delete", "db", "c", "--from", "key:1"],
        &["drop", "db", "c"],
        &["compact", "db"],
        &["checkpoint", "db"],
    ] {
        place.run_with(args, b"{}").says(3, &holder).prints("");
    }
    assert_eq!(ids(&place, "db", "c").len(), 1);
    place.run(&["get", "db", "c", "key:1"]).ok();
    place.run(&["verify", "db"]).ok();
    place.run(&["stats", "db"]).ok();
    drop(input);
    assert_eq!(acks.lines().count(), 0);
    let mut said = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut said)
        .unwrap();
    assert!(said.contains("1 entity into c"), "{said}");
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_reader_of_a_listing_that_goes_away_ends_it_quietly() {
    let place = Place::new();
    place
        .run(&[
            "import",
            "db",
            "c",
            &data("cities.ndjson"),
            "--id",
            "geonameid",
        ])
        .ok();
    for args in [
        &["scan", "db", "c"][..],
        &["scan", "db", "c", "--ids"],
        &["export", "db", "c"],
        &["collections", "db"],
        &["stats", "db"],
        &["stats", "db", "--json"],
    ] {
        let mut command = place.command(args);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        drop(child.stdout.take());
        let ended = Ended::from(child.wait_with_output().unwrap()).ok();
        assert_eq!(ended.err, "", "{args:?}");
    }
}

#[test]
fn an_import_whose_acknowledgements_nobody_reads_ends_and_says_what_is_in() {
    let place = Place::new();
    let mut child = start(&place);
    let mut input = child.stdin.take().unwrap();
    drop(child.stdout.take());
    for n in 0..3 {
        // It may have ended already.
        let _ = writeln!(input, "{{\"n\":{n}}}");
    }
    drop(input);
    Ended::from(child.wait_with_output().unwrap())
        .says(3, "could not acknowledge on standard output")
        .says(3, "1 entity is in and durable");
    assert_eq!(ids(&place, "db", "c").len(), 1);
}

#[cfg(unix)]
#[test]
fn a_limit_on_the_size_of_files_is_an_error_and_loses_nothing_acknowledged() {
    let place = Place::new();
    let limited = |limit_kib: u32, args: &str| {
        let mut shell = Command::new("bash");
        shell.current_dir(place.path("")).arg("-c").arg(format!(
            "ulimit -f {limit_kib}; exec {} {args}",
            cargo_bin!("entidb").display()
        ));
        Ended::from(shell.output().unwrap())
    };
    let cities = data("cities.ndjson");
    let ended = limited(
        1000,
        &format!("import db c '{cities}' --id geonameid --ack --batch 50"),
    )
    .says(3, "entities are in and durable");
    let acknowledged: BTreeSet<String> = ended.out.lines().map(str::to_owned).collect();
    assert!(!acknowledged.is_empty(), "{ended:?}");
    assert!(acknowledged.len() < 6204);
    assert_eq!(ids(&place, "db", "c"), acknowledged);
    place.run(&["verify", "db"]).ok();
    // Where nobody is told before the end, what is told at the end is there all the same.
    let ended = limited(
        1000,
        &format!("import db d '{cities}' --id geonameid --batch 50"),
    );
    assert_eq!(ended.code, Some(3), "{ended:?}");
    let (_, told) = ended.err.rsplit_once("; ").unwrap();
    let told: usize = told
        .split(' ')
        .next()
        .and_then(|count| count.replace(',', "").parse().ok())
        .unwrap_or_else(|| panic!("{ended:?}"));
    assert!(
        told > 0 && ids(&place, "db", "d").len() >= told,
        "{ended:?}"
    );
    place.run(&["verify", "db"]).ok();
    // With room again everything goes on.
    place
        .run(&["import", "db", "c", &cities, "--id", "geonameid"])
        .says(0, &format!("({} replaced)", human(acknowledged.len())));
    assert_eq!(ids(&place, "db", "c").len(), 6204);
    // What is printed can be too much as well.
    limited(10, "scan db c > out").says(3, "could not write to standard output");
    limited(10, "export db c out.ndjson").says(3, "could not write out.ndjson");
    assert!(!place.path("out.ndjson").exists());
    limited(0, "put new c < /dev/null").says(1, "there is no object");
}

#[cfg(unix)]
fn human(count: usize) -> String {
    match count {
        0..1000 => count.to_string(),
        _ => format!("{},{:03}", count / 1000, count % 1000),
    }
}

#[test]
fn damage_is_told_with_its_place_and_never_as_absent() {
    let place = Place::new();
    place
        .run(&[
            "import",
            "db",
            "c",
            &data("countries.ndjson"),
            "--id",
            "iso",
        ])
        .ok();
    let log = std::fs::read_dir(place.path("db"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|ending| ending == "log"))
        .unwrap();
    let whole = std::fs::read(&log).unwrap();
    let mut damaged = whole.clone();
    damaged[whole.len() / 2] ^= 1;
    std::fs::write(&log, &damaged).unwrap();
    let name = log.file_name().unwrap().to_str().unwrap();
    let ended = place.run(&["verify", "db"]).says(1, "db is damaged");
    assert!(ended.out.contains(name), "{ended:?}");
    let ended = place
        .run(&["verify", "db", "--json"])
        .says(1, "db is damaged");
    assert!(
        ended.out.contains("\"sound\":false") && ended.out.contains(name),
        "{ended:?}"
    );
    place.run(&["get", "db", "c", "key:CH"]).says(3, name);
    place.run_with(&["put", "db", "c"], b"{}").says(3, name);
    place.run(&["scan", "db", "c"]).says(3, name);
    std::fs::write(&log, &whole).unwrap();
    place.run(&["verify", "db"]).ok();
    place.run(&["get", "db", "c", "key:CH"]).ok();
    std::fs::remove_file(place.path("db/manifest")).unwrap();
    place.run(&["verify", "db"]).says(1, "damaged");
    place.run(&["get", "db", "c", "key:CH"]).says(3, "manifest");
    place
        .run_with(&["put", "db", "c"], b"{}")
        .says(3, "manifest");
}
