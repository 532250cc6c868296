//! A follower that begins at LSN zero, when everything has been committed already.

use std::time::Instant;

use entidb::{Database, Durability, Lsn, Options, Retention, WriteOptions};

use crate::args::Args;
use crate::writers::{COLLECTION, id, payload};

/// How a history was made.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    pub title: &'static str,
    /// Changes a commit.
    pub each: usize,
    /// Whether every entity is put twice, and the feed has what was before.
    pub old: bool,
}

pub const SHAPES: [Shape; 3] = [
    Shape {
        title: "one change a commit",
        each: 1,
        old: false,
    },
    Shape {
        title: "1,000 changes a commit",
        each: 1_000,
        old: false,
    },
    Shape {
        title: "one change a commit, half of them updates, with what was before",
        each: 1,
        old: true,
    },
];

/// What a follower got, a second.
#[derive(Debug, Clone, Copy)]
pub struct History {
    pub changes: f64,
    pub commits: f64,
}

pub fn measure(args: &Args, shape: Shape) -> History {
    let dir = tempfile::tempdir_in(&args.dir).expect("a folder can be made");
    let mut retention = Retention::bytes(u64::MAX);
    retention.old = shape.old;
    let db = Options::new()
        .retention(retention)
        .open(dir.path())
        .unwrap();
    fill(&db, shape, args.count);
    let begin = Instant::now();
    let mut follower = db.changes(Lsn::ZERO).unwrap();
    let (mut commits, mut changes, mut bytes) = (0, 0, 0);
    while let Some(commit) = follower.try_next().unwrap() {
        commits += 1;
        for change in commit.changes {
            changes += 1;
            bytes += change.new.map_or(0, |new| new.as_bytes().len());
        }
    }
    let time = begin.elapsed().as_secs_f64();
    assert_eq!(changes, args.count, "each change comes exactly once");
    assert_eq!(bytes, args.count * payload().as_bytes().len());
    db.close().unwrap();
    History {
        changes: changes as f64 / time,
        commits: f64::from(commits) / time,
    }
}

fn fill(db: &Database, shape: Shape, count: usize) {
    let options = WriteOptions::new().durability(Durability::Eventual);
    let payload = payload();
    let entities = if shape.old { count / 2 } else { count };
    for from in (0..count).step_by(shape.each) {
        let to = (from + shape.each).min(count);
        let put = db.write_with(&options, |tx| {
            (from..to).try_for_each(|n| tx.put_payload(COLLECTION, id(0, n % entities), &payload))
        });
        put.unwrap();
    }
    db.sync().unwrap();
}
