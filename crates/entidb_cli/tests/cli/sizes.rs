//! What is too large is refused while it streams.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::Stdio;

use crate::common::{Ended, Place};
use crate::durability::start;

#[cfg(target_os = "linux")]
#[test]
fn lines_and_rows_of_any_length_are_refused_while_they_stream() {
    for (format, head, piece, rest) in [
        (
            "ndjson",
            &b"{\"n\":\""[..],
            &b"x"[..],
            &b"\n{\"n\":1}\n"[..],
        ),
        ("ndjson", b"{\"n\":[", b"1,", b"\n{\"n\":1}\n"),
        ("ndjson", b"{\"n\":", b"1", b"\n{\"n\":1}\n"),
        ("csv", b"n\n\"", b"x", b"\"\n1\n"),
        ("csv", b"n\n", b",", b"\n1\n"),
    ] {
        let place = Place::new();
        let args = [
            "import",
            "db",
            "c",
            "-",
            "--id",
            "n",
            "--ack",
            "--batch",
            "1",
            "--skip-bad",
            "--format",
            format,
        ];
        let mut command = place.command(&args);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        command.stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        input.write_all(head).unwrap();
        // 192 MiB, three times the limit of an entity.
        let megabyte = piece.repeat((1 << 20) / piece.len());
        for _ in 0..192 {
            input.write_all(&megabyte).unwrap();
        }
        input.write_all(rest).unwrap();
        // The good one behind it comes in, while the program is still there to be measured.
        let mut ack = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut ack)
            .unwrap();
        assert_eq!(ack.len(), 37, "{format}");
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
        let peak = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))
            .unwrap();
        let peak_kib: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
        assert!(peak_kib < 150 << 10, "{format}: {peak_kib} KiB");
        drop(input);
        Ended::from(child.wait_with_output().unwrap()).says(0, "1 bad line left out");
    }
}

#[test]
fn an_entity_above_the_limit_is_refused_before_it_has_been_read() {
    let place = Place::new();
    let mut child = start(&place);
    let mut input = child.stdin.take().unwrap();
    writeln!(input, "{{\"n\":1}}").unwrap();
    let mut line = format!("{{\"n\":2,\"text\":\"{}", "x".repeat(70 << 20));
    // The line has no end, and yet it is refused.
    let _ = input.write_all(line.as_bytes());
    let mut said = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut said)
        .unwrap();
    assert!(said.contains("standard input, line 2, byte "), "{said}");
    assert!(said.contains("1 entity is in and durable"), "{said}");
    assert_eq!(child.wait().unwrap().code(), Some(1));
    line.push_str("\"}");
    place
        .run_with(&["put", "db", "c"], line.as_bytes())
        .says(1, "line 1");
    // The largest that there can be: 64 MiB, less the head of the map, the key and the head of the text.
    let largest = format!("{{\"t\":\"{}\"}}", "x".repeat((64 << 20) - 8));
    let id = place
        .run_with(&["put", "db", "c"], largest.as_bytes())
        .ok()
        .out;
    place.run(&["get", "db", "c", id.trim_end()]).ok();
    let larger = format!("{{\"t\":\"{}\"}}", "x".repeat((64 << 20) - 7));
    place
        .run_with(&["put", "db", "c"], larger.as_bytes())
        .says(1, "67108865");
}
