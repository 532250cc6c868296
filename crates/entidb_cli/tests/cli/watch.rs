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
