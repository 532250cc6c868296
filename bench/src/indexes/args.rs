//! The command line.

use std::path::PathBuf;

use crate::engines::Kind;
use crate::item::FIELDS;
use crate::work::SINGLES;

pub const USAGE: &str = "\
Entities of 50 fields, of which some are indexed, in EntiDB, SQLite and native_db; prints the table.

usage: indexes [options]

  --indexed a,b   how many fields are indexed: 0, 1, 10 or 50 (default: all four)
  --engines a,b   entidb, sqlite, native (default: all)
  --count N       entities (default: 50,000)
  --runs N        interleaved runs, of which the medians are shown (default: 3)
  --dir PATH      where the databases lie (default: target/indexes)
  --write         write the table into docs/performance.md";

/// How many of the fields can be indexed: native_db has a type for each.
pub const INDEXED: [usize; 4] = [0, 1, 10, FIELDS];

#[derive(Debug, Clone)]
pub struct Args {
    pub indexed: Vec<usize>,
    pub engines: Vec<Kind>,
    pub count: usize,
    pub runs: usize,
    pub dir: PathBuf,
    pub write: bool,
}

impl Args {
    pub fn parse(mut args: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut parsed = Self {
            indexed: INDEXED.to_vec(),
            engines: Kind::ALL.to_vec(),
            count: 50_000,
            runs: 3,
            dir: PathBuf::from("target/indexes"),
            write: false,
        };
        while let Some(arg) = args.next() {
            let mut value = || args.next().ok_or(format!("{arg} wants a value"));
            match arg.as_str() {
                "--indexed" => parsed.indexed = list(&value()?, indexed)?,
                "--engines" => parsed.engines = list(&value()?, Kind::parse)?,
                "--count" => parsed.count = number(&value()?)?.max(2 * SINGLES),
                "--runs" => parsed.runs = number(&value()?)?.max(1),
                "--dir" => parsed.dir = value()?.into(),
                "--write" => parsed.write = true,
                _ => return Err(format!("{arg} is not known\n\n{USAGE}")),
            }
        }
        Ok(parsed)
    }
}

fn indexed(text: &str) -> Option<usize> {
    let count = text.parse().ok()?;
    INDEXED.contains(&count).then_some(count)
}

fn number(text: &str) -> Result<usize, String> {
    let plain = text.replace(['_', ','], "");
    plain.parse().map_err(|_| format!("{text} is no number"))
}

fn list<T>(text: &str, parse: impl Fn(&str) -> Option<T>) -> Result<Vec<T>, String> {
    text.split(',')
        .map(|name| parse(name).ok_or(format!("{name} is not known\n\n{USAGE}")))
        .collect()
}
