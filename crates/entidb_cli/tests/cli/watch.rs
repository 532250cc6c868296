//! `watch` beside a writer in another process.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use crate::common::{Place, id_of};

/// How long a line may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

struct Watching {
    child: Child,
    lines: Receiver<String>,
}

impl Watching {
    fn start(place: &Place, args: &[&str]) -> Self {
        let mut command = place.command(&[&["watch", "db"], args].concat());
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let out: ChildStdout = child.stdout.take().unwrap();
        let (send, lines) = mpsc::channel();
        std::thread::spawn(move || {
            BufReader::new(out)
                .lines()
                .map_while(Result::ok)
                .try_for_each(|line| send.send(line))
        });
        Self { child, lines }
    }

    /// The next line, without the time in it.
    fn line(&self) -> String {
        let line = self.lines.recv_timeout(PATIENCE).unwrap();
        let (head, rest) = line.split_once("\"time\":").unwrap();
        let rest = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        format!("{head}\"time\":0{rest}")
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn put(place: &Place, collection: &str, key: &str, json: &str) {
    place
        .run_with(&["put", "db", collection, key], json.as_bytes())
        .ok();
}

#[test]
fn a_watcher_sees_each_change_of_another_process_once_and_in_order() {
    let place = Place::new();
    put(&place, "a", "key:before", "{}");
    place
        .run(&["watch", "db"])
        .says(3, "entidb retention db 256");
    place.run(&["retention", "db", "16", "--old"]).ok();
    let watching = Watching::start(&place, &["a", "--since", "1", "--old"]);
    put(&place, "a", "key:x", r#"{"n":1}"#);
    put(&place, "b", "key:y", r#"{"n":9}"#);
    put(&place, "a", "key:x", r#"{"n":2}"#);
    place.run(&["delete", "db", "a", "key:x"]).ok();
    let x = id_of("x");
    for (change, said) in [
        ("insert", r#""new":{"n":1}}"#),
        ("update", r#""new":{"n":2},"old":{"n":1}}"#),
        ("delete", r#""old":{"n":2}}"#),
    ] {
        let line = watching.line();
        assert!(line.contains(&x) && line.ends_with(said), "{line}");
        assert!(
            line.contains(&format!("\"change\":\"{change}\""))
                && line.contains("\"collection\":\"a\""),
            "{line}"
        );
    }
}

#[test]
fn a_watcher_ends_when_nobody_reads_on() {
    let place = Place::new();
    put(&place, "a", "key:x", "{}");
    place.run(&["retention", "db", "16"]).ok();
    let mut child = place
        .command(&["watch", "db"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // As `| head -1` does, and nothing more is ever written.
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_watcher_hears_what_expires_and_what_it_asks_in_vain() {
    use std::time::SystemTime;
    let place = Place::new();
    put(&place, "a", "key:x", "{}");
    place.run(&["retention", "db", "16", "--hours", "2"]).ok();
    place.run(&["watch", "db", "--since", "999"]).says(
        2,
        "there is no commit 999 to begin behind: the last one is 1",
    );
    place
        .run(&["watch", "db", "--since", "0"])
        .says(3, "begins behind --since 1");
    let watching = Watching::start(&place, &["--since", "1"]);
    let later = SystemTime::now() + Duration::from_secs(3600);
    {
        let db = entidb::Database::open(place.path("db")).unwrap();
        let id = entidb::EntityId::from_key("session");
        db.write(|tx| tx.put_expiring("sessions", id, &entidb::Value::from("ann"), later))
            .unwrap();
        let _worker = db.consumer("worker").unwrap();
        db.close().unwrap();
        let stats = place.run(&["stats", "db"]).ok().out;
        for row in [
            "changes kept, behind LSN",
            "16 MiB, 2 h",
            "consumer worker, at LSN",
            "next entity to expire",
        ] {
            assert!(stats.contains(row), "no {row:?} in {stats}");
        }
        let db = entidb::Database::open(place.path("db")).unwrap();
        assert_eq!(db.expire_until(later).unwrap(), 1);
        db.close().unwrap();
    }
    for change in ["insert", "expire"] {
        let line = watching.line();
        let change = format!("\"change\":\"{change}\",\"collection\":\"sessions\"");
        assert!(line.contains(&change), "no {change} in {line}");
    }
}
