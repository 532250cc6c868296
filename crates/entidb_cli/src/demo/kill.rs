//! The proof: a child process of this program commits, is killed with SIGKILL in the middle, and what it acknowledged is there.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use entidb::{Database, EntityId, Payload};

use super::story::Story;
use crate::exit::{Failure, Outcome};
use crate::key::VARIABLE;
use crate::{human, open};

/// The collection that the child writes to.
pub(super) const EVENTS: &str = "events";

/// The child is killed once it has acknowledged so many commits, or has had so long to do it.
const ACK_COUNT: u64 = 500;
const TIME_MAX: Duration = Duration::from_secs(3);

/// What the child did until it was killed. Event `n` has the id of the natural key `n`.
pub(super) struct Killed {
    /// Those of earlier runs are below.
    first: u64,
    acknowledged: u64,
}

/// Lets a child import events, one commit each, and kills it.
pub(super) fn run(story: &mut Story, dir: &Path) -> Outcome<Killed> {
    story.step("Commit one event after the other in another process, and kill it in the middle")?;
    let first = count(&open::for_reading(dir, None)?)?;
    let mut child = spawn(dir)?;
    story.line(format_args!(
        "process {}: entidb import {} {EVENTS} - --id n --batch 1 --ack",
        child.id(),
        dir.display(),
    ))?;
    let (input, acks) = (child.stdin.take(), child.stdout.take());
    let Some((input, acks)) = input.zip(acks) else {
        return Err(Failure::could_not("the child process has no pipes"));
    };
    // Not joined: it ends when the child, and with it the pipe, is gone.
    thread::Builder::new()
        .spawn(move || feed(input, first))
        .map_err(|error| failed(&error))?;
    let start = Instant::now();
    let acknowledged = read_acks(&mut child, acks, first);
    let status = child.wait();
    let acknowledged = acknowledged?;
    let status = status.map_err(|error| failed(&error))?;
    if acknowledged == 0 {
        return Err(Failure::could_not(format!(
            "the child process ended before its first commit: {status}"
        )));
    }
    story.line(format_args!(
        "killed after {} ({status}): {} acknowledged, each durable before it was",
        human::seconds(start.elapsed()),
        human::counted(acknowledged, "commit", "commits"),
    ))?;
    Ok(Killed {
        first,
        acknowledged,
    })
}

fn spawn(dir: &Path) -> Outcome<Child> {
    let program = std::env::current_exe().map_err(|error| failed(&error))?;
    Command::new(program)
        .arg("import")
        .arg("--id=n")
        .args(["--batch=1", "--ack", "--"])
        .arg(dir)
        .args([EVENTS, "-"])
        // It is for other databases.
        .env_remove(VARIABLE)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .map_err(|error| failed(&error))
}

/// Gives the child more than it can commit.
fn feed(mut input: ChildStdin, first: u64) {
    // It ends with an error when the child is killed.
    (first..)
        .try_for_each(|n| writeln!(input, "{}", event(n)))
        .ok();
}

fn event(n: u64) -> String {
    format!("{{\"n\":{n},\"text\":\"event number {n}\"}}")
}

/// Reads acknowledgements, kills the child in the middle of them, and reads what it had still said by then.
fn read_acks(child: &mut Child, acks: ChildStdout, first: u64) -> Outcome<u64> {
    let start = Instant::now();
    let mut acknowledged = 0;
    let mut killed = false;
    for line in BufReader::new(acks).lines() {
        let line = line.map_err(|error| failed(&error))?;
        let expected = EntityId::from_key(first + acknowledged);
        // A line that the kill has cut off was never a whole acknowledgement.
        if line != expected.to_string() {
            break;
        }
        acknowledged += 1;
        if !killed && (acknowledged == ACK_COUNT || start.elapsed() > TIME_MAX) {
            // On Unix this is SIGKILL: nothing of the child runs any more, no handler, no close.
            child.kill().map_err(|error| failed(&error))?;
            killed = true;
        }
    }
    // If it was something else that ended the reading.
    child.kill().map_err(|error| failed(&error))?;
    Ok(acknowledged)
}

fn failed(error: &std::io::Error) -> Failure {
    Failure::could_not(format!("could not work with a child process: {error}"))
}

fn count(db: &Database) -> Outcome<u64> {
    Ok(db.snapshot().count(EVENTS)?)
}

/// Shows that every acknowledged event is there as it was sent, and that all events are a gapless row.
pub(super) fn prove(story: &mut Story, db: &Database, killed: &Killed) -> Outcome {
    story.step("Open the database again and look for every acknowledged commit")?;
    let end = count(db)?;
    let acknowledged_end = killed.first + killed.acknowledged;
    let snapshot = db.snapshot();
    for n in killed.first..end.max(acknowledged_end) {
        let found = snapshot.get(EVENTS, EntityId::from_key(n))?;
        if found != Some(Payload::from_json(&event(n))?) {
            return Err(Failure::no(format!(
                "event {n} is lost, which must never happen: please report it"
            )));
        }
    }
    story.good(format_args!(
        "all {} acknowledged commits are there, whole",
        human::count(killed.acknowledged)
    ))?;
    let more = end - acknowledged_end;
    story.line(match more {
        0 => {
            "nothing else is: the commit in flight, if there was one, has left no trace".to_owned()
        }
        _ => format!(
            "and {} whose acknowledgement the kill came before",
            human::counted(more, "more", "more")
        ),
    })
}
